from contextlib import asynccontextmanager

import anyio
import pytest

from asgi_probe.errors import TargetError
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp

pytestmark = pytest.mark.anyio

UP = {"type": "lifespan.startup.complete"}
DOWN = {"type": "lifespan.shutdown.complete"}


class Warnings(list):
    def __call__(self, sentence, error):
        self.append((sentence, error))


def target_of(app, **options):
    warn = options.pop("warn", Warnings())
    return AppTarget(LoadedApp(app, factory=False, reference="m:app"), warn=warn, **options)


def lifespan_of(inner):
    """An app whose lifespan is `inner`, and whose every answer is 200."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await inner(scope, receive, send)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    return app


def well_behaved(steps):
    async def inner(scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        steps.append("up")
        await send(UP)
        assert (await receive())["type"] == "lifespan.shutdown"
        steps.append("down")
        await send(DOWN)

    return lifespan_of(inner)


async def status_of(target):
    async with httpx.AsyncClient(transport=target.transport) as client:
        return (await client.get("http://testserver/")).status_code


@pytest.mark.parametrize("mode", ["auto", "on"])
async def test_starts_before_and_stops_after_the_requests(mode):
    steps = []
    async with target_of(well_behaved(steps), lifespan=mode) as target:
        assert steps == ["up"]
        assert await status_of(target) == 200
    assert steps == ["up", "down"]
    assert target.problems == []


async def test_off_runs_none():
    steps = []
    async with target_of(well_behaved(steps), lifespan="off") as target:
        assert await status_of(target) == 200
    assert steps == []


async def test_the_scope():
    seen = {}

    async def inner(scope, receive, send):
        seen.update(scope)

    async with target_of(lifespan_of(inner)):
        pass
    assert seen == {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}


async def raises_at_once(scope, receive, send):
    raise ValueError("only http")


async def returns_at_once(scope, receive, send):
    return


@pytest.mark.parametrize("inner", [raises_at_once, returns_at_once])
async def test_an_app_without_lifespan_runs_without_one(inner):
    async with target_of(lifespan_of(inner)) as target:
        assert await status_of(target) == 200
    assert target.problems == []


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (
            raises_at_once,
            "the app has no lifespan: it ended before it asked for its first event: ValueError('only http')",
        ),
        (returns_at_once, "the app has no lifespan: it ended before it asked for its first event"),
    ],
)
async def test_on_wants_one(inner, message):
    with pytest.raises(TargetError) as caught:
        await target_of(lifespan_of(inner), lifespan="on").__aenter__()
    assert str(caught.value) == message


async def raises_in_startup(scope, receive, send):
    await receive()
    raise ValueError("no database")


async def returns_in_startup(scope, receive, send):
    await receive()


async def fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no \x1b[31mdatabase"})


async def fails_silently(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed"})


async def fails_and_raises(scope, receive, send):
    await fails(scope, receive, send)
    raise KeyError("dsn")


async def fails_and_hangs(scope, receive, send):
    await fails(scope, receive, send)
    await anyio.sleep_forever()


async def hangs(scope, receive, send):
    await receive()
    await anyio.sleep_forever()


async def exits(scope, receive, send):
    raise SystemExit(4)


async def exits_in_startup(scope, receive, send):
    await receive()
    raise SystemExit(4)


async def speaks_nonsense(scope, receive, send):
    await receive()
    await send({"type": "lifespan.started"})


async def sends_http(scope, receive, send):
    await receive()
    await send(DOWN)


STARTS = [
    (raises_in_startup, "the app's start-up failed: ValueError('no database')"),
    (returns_in_startup, "the app's start-up failed: its lifespan ended before `lifespan.startup.complete`"),
    (fails, "the app's start-up failed: no \\x1b[31mdatabase"),
    (fails_silently, "the app's start-up failed"),
    (fails_and_raises, "the app's start-up failed: no \\x1b[31mdatabase: KeyError('dsn')"),
    (fails_and_hangs, "the app's start-up failed: no \\x1b[31mdatabase"),
    (
        hangs,
        "the app did not finish its start-up (`lifespan.startup.complete`) within 0.05 s; raise it with "
        "--startup-timeout",
    ),
    (exits, "the app has no lifespan: it ended before it asked for its first event: SystemExit(4)"),
    (exits_in_startup, "the app's start-up failed: SystemExit(4)"),
    (
        speaks_nonsense,
        "the app's start-up failed: ProtocolBreach(\"the app sent 'lifespan.started' in its lifespan: expected "
        "'lifespan.startup.complete' or '….failed'\")",
    ),
    (
        sends_http,
        "the app's start-up failed: ProtocolBreach(\"the app sent 'lifespan.shutdown.complete' in its lifespan: "
        "expected 'lifespan.startup.complete' or '….failed'\")",
    ),
]


@pytest.mark.parametrize(("inner", "message"), STARTS)
async def test_starts_that_fail(inner, message):
    with anyio.fail_after(3):
        with pytest.raises(TargetError) as caught:
            await target_of(lifespan_of(inner), startup_timeout=0.05).__aenter__()
    assert str(caught.value) == message
    if "ValueError" in message:
        assert 'raise ValueError("no database")' in caught.value.traceback
        assert "asgi_probe" not in caught.value.traceback


def starlette_app(*, up=None, down=None):
    from starlette.applications import Starlette

    @asynccontextmanager
    async def lifespan(app):
        if up is not None:
            raise up
        yield
        if down is not None:
            raise down

    return Starlette(lifespan=lifespan)


async def test_starlettes_traceback_is_told_once():
    with pytest.raises(TargetError) as caught:
        await target_of(starlette_app(up=ValueError("no database"))).__aenter__()
    assert str(caught.value) == "the app's start-up failed: ValueError: no database"
    assert "raise up" in caught.value.traceback
    assert "test_lifespan.py" in caught.value.traceback.split("\n")[1]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("no database\n(Background on this error at: https://x.example)"), "ValueError: no database"),
        (ValueError(), "ValueError"),
        (ExceptionGroup("two", [ValueError("a"), ValueError("b")]), "ExceptionGroup: two (2 sub-exceptions)"),
    ],
)
async def test_of_a_traceback_the_first_line_of_what_was_raised_is_told(raised, told):
    with pytest.raises(TargetError) as caught:
        await target_of(starlette_app(up=raised)).__aenter__()
    assert str(caught.value) == f"the app's start-up failed: {told}"


async def test_starlettes_failed_shutdown_is_a_problem():
    async with target_of(starlette_app(down=ValueError("lost it"))) as target:
        pass
    [problem] = target.problems
    assert str(problem) == "the app's shutdown failed: ValueError: lost it"
    assert "raise down" in problem.traceback


def stopping(inner):
    async def whole(scope, receive, send):
        await receive()
        await send(UP)
        await receive()
        await inner(send)

    return lifespan_of(whole)


async def raises(send):
    raise ValueError("lost it")


async def says_failed(send):
    await send({"type": "lifespan.shutdown.failed", "message": "lost it"})


async def raises_after(send):
    await send(DOWN)
    raise ValueError("lost it")


async def hangs_in_shutdown(send):
    await anyio.sleep_forever()


async def hangs_after_shutdown(send):
    await send(DOWN)
    await anyio.sleep_forever()


async def says_it_twice(send):
    await send(DOWN)
    await send(DOWN)


async def returns(send):
    return


WITHIN = "within 0.05 s; raise it with --shutdown-timeout"
STOPS = [
    (raises, ["the app's shutdown failed: ValueError('lost it')"]),
    (says_failed, ["the app's shutdown failed: lost it"]),
    (raises_after, ["the app's shutdown failed: ValueError('lost it')"]),
    (hangs_in_shutdown, [f"the app did not finish its shutdown (`lifespan.shutdown.complete`) {WITHIN}"]),
    (hangs_after_shutdown, [f"the app did not finish its shutdown (its lifespan's end) {WITHIN}"]),
    (
        says_it_twice,
        [
            "the app's shutdown failed: ProtocolBreach(\"the app sent a second event about its shutdown, "
            "'lifespan.shutdown.complete'\")"
        ],
    ),
    (returns, []),
]


@pytest.mark.parametrize(("inner", "problems"), STOPS)
async def test_stops_that_fail(inner, problems):
    with anyio.fail_after(3):
        async with target_of(stopping(inner), shutdown_timeout=0.05) as target:
            assert await status_of(target) == 200
    assert [str(problem) for problem in target.problems] == problems


async def test_death_in_mid_run_is_told_at_once():
    warnings = Warnings()
    die = anyio.Event()

    async def inner(scope, receive, send):
        await receive()
        await send(UP)
        await die.wait()
        raise ValueError("lost the database")

    async with target_of(lifespan_of(inner), warn=warnings) as target:
        assert target.problems == []
        die.set()
        with anyio.fail_after(3):
            while not warnings:
                await anyio.sleep(0.005)
        assert await status_of(target) == 200
    sentence = "the app's lifespan ended in mid-run, before `lifespan.shutdown`: ValueError('lost the database')"
    assert [(told, repr(error)) for told, error in warnings] == [(sentence, "ValueError('lost the database')")]
    assert [str(problem) for problem in target.problems] == [sentence]


async def test_an_end_without_an_exception_is_a_warning_only():
    warnings = Warnings()

    async def inner(scope, receive, send):
        await receive()
        await send(UP)

    async with target_of(lifespan_of(inner), warn=warnings) as target:
        await anyio.sleep(0.01)
    assert warnings == [("the app's lifespan ended in mid-run, before `lifespan.shutdown`", None)]
    assert target.problems == []


async def test_shutdown_is_sent_when_the_run_raises():
    steps = []
    with pytest.raises(KeyError):
        async with target_of(well_behaved(steps)):
            raise KeyError
    assert steps == ["up", "down"]


async def test_shutdown_is_sent_when_the_run_is_cancelled():
    steps = []

    async def inner(scope, receive, send):
        await receive()
        await send(UP)
        await receive()
        await anyio.sleep(0.02)
        steps.append("down")
        await send(DOWN)

    with anyio.move_on_after(0.02) as scope:
        async with target_of(lifespan_of(inner)) as target:
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert steps == ["down"]
    assert target.problems == []


async def test_a_cancelled_start_ends_the_lifespan():
    ends = []

    async def inner(scope, receive, send):
        await receive()
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("cancelled")

    with anyio.move_on_after(0.02) as scope:
        await target_of(lifespan_of(inner)).__aenter__()
    assert scope.cancelled_caught
    assert ends == ["cancelled"]


async def test_the_lifespan_is_one_task_on_the_loop_of_the_requests():
    tasks = []

    async def inner(scope, receive, send):
        with anyio.CancelScope():  # cannot be left in another task than it was entered in
            tasks.append(anyio.get_current_task().id)
            await receive()
            await send(UP)
            await receive()
            tasks.append(anyio.get_current_task().id)
            await send(DOWN)

    async with target_of(lifespan_of(inner)):
        pass
    assert tasks[0] == tasks[1] != anyio.get_current_task().id


async def test_background_work_ends_before_shutdown():
    steps = []
    app = well_behaved(steps)

    async def working(scope, receive, send):
        await app(scope, receive, send)
        if scope["type"] == "http":
            await anyio.sleep(0.02)
            steps.append("background")

    async with target_of(working) as target:
        await status_of(target)
    assert steps == ["up", "background", "down"]


async def test_an_app_that_asks_for_ever_after_shutdown_is_bounded():
    async def inner(scope, receive, send):
        await receive()
        await send(UP)
        while True:
            await receive()

    with anyio.fail_after(3):
        async with target_of(lifespan_of(inner), shutdown_timeout=0.05) as target:
            pass
    assert len(target.problems) == 1


async def test_a_long_message_is_cut():
    async def inner(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "x" * 100_000})

    with pytest.raises(TargetError, match=r"x … \(100000 characters\)$") as caught:
        await target_of(lifespan_of(inner)).__aenter__()
    assert len(str(caught.value)) < 5_000
