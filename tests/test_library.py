"""`asgi_probe.run` and `asgi_probe.load`: in the caller's own loop, typed, and without touching anything else."""

import gc
import logging
import signal
import sys
from pathlib import Path
from textwrap import dedent

import anyio
import pytest

import asgi_probe
from asgi_probe import (
    CheckFinished,
    Outcome,
    RunFinished,
    RunStarted,
    SpecError,
    StepFinished,
    TargetError,
    UsageError,
    Warned,
)
from tests.hostile import HostileServer

pytestmark = pytest.mark.anyio


class Shop:
    """An app with a lifespan; `log` is what happened."""

    def __init__(self):
        self.log = []
        self.loops = set()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.log.append("up")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await anyio.sleep(0)
            self.log.append("down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        self.log.append(path)
        if path == "/hang":
            await anyio.sleep_forever()
        if path == "/meet":
            await anyio.sleep(0.05)
        if path == "/raise":
            raise ZeroDivisionError("the app's own")
        status = int(path.rpartition("/")[2]) if path.startswith("/status/") else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-token", b"s3cret-token")]})
        await send({"type": "http.response.body", "body": path.encode()})


@pytest.fixture
def shop():
    return Shop()


def write(folder, text, name="a.yaml"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


async def test_all_is_well(tmp_path, shop):
    write(tmp_path, "checks: [{name: one, get: /a, tags: smoke}, {name: two, get: /b}]")
    result = await asgi_probe.run("a.yaml", app=shop, root=tmp_path)
    assert (result.ok, result.exit_code, result.problem) == (True, 0, None)
    assert result.outcomes == {"passed": 2}
    assert sorted((check.id, check.outcome) for check in result.checks) == [
        ("a.yaml::one", Outcome.PASSED),
        ("a.yaml::two", Outcome.PASSED),
    ]
    assert 0 < result.duration < 10
    assert (sorted(shop.log), shop.log[0], shop.log[-1]) == (["/a", "/b", "down", "up"], "up", "down")
    assert result.text().endswith(f"2 passed in {result.duration:.2f} s\n")
    result.raise_for_failures()


async def test_failures(tmp_path, shop):
    write(tmp_path, "checks: [{get: /a, expect: 404}, {get: /raise}, {get: /b}]")
    result = await asgi_probe.run([tmp_path / "a.yaml"], app=shop, root=tmp_path)
    assert (result.ok, result.exit_code) == (False, 1)
    assert result.outcomes == {"failed": 2, "passed": 1}
    with pytest.raises(AssertionError) as raised:
        result.raise_for_failures()
    assert str(raised.value) == result.text()
    for part in (
        "a.yaml:1:28: status: expected 404, got 200",
        "ZeroDivisionError: the app's own",
        "1 passed, 2 failed",
    ):
        assert part in result.text()
    assert "run again" not in result.text()
    assert "\x1b" not in result.text()


async def test_the_events_come_as_they_happen(tmp_path, shop):
    write(tmp_path, "checks: [{get: /a}, {get: /status/500}]")
    seen = []

    def watch(event):
        seen.append((type(event), list(shop.log)))

    result = await asgi_probe.run(tmp_path / "a.yaml", app=shop, root=tmp_path, concurrency=1, on_event=watch)
    assert [kind for kind, _ in seen] == [type(event) for event in result.events]
    assert seen[0] == (RunStarted, [])
    assert (CheckFinished, ["up", "/a"]) in seen
    assert seen[-1] == (RunFinished, ["up", "/a", "/status/500", "down"])


async def test_what_a_watcher_raises_ends_the_run_in_order(tmp_path, shop):
    write(tmp_path, "teardown: [{get: /teardown}]\nchecks: [{get: /a}, {get: /b}]")

    def watch(event):
        if isinstance(event, StepFinished):
            pytest.fail("seen enough")

    with pytest.raises(pytest.fail.Exception, match="seen enough"):
        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, concurrency=1, on_event=watch)
    assert shop.log == ["up", "/a", "/teardown", "down"]


async def test_selecting_variables_and_limits(tmp_path, shop):
    write(
        tmp_path,
        """
        checks:
          - {name: one, get: "/${word}", expect: {text: "/${word}"}, tags: smoke}
          - {name: two, get: /two, tags: smoke}
          - {name: three, get: /hang, timeout: null}
        """,
    )
    options = {"app": shop, "root": tmp_path, "variables": {"word": "hello"}}
    assert (await asgi_probe.run("a.yaml", tags="smoke", name="one", **options)).outcomes == {"passed": 1}
    result = await asgi_probe.run("a.yaml::three", timeout=0.05, **options)
    assert result.outcomes == {"error": 1}
    write(tmp_path, "checks: [{get: /status/500}, {get: /status/501}, {get: /b}]", "b.yaml")
    result = await asgi_probe.run("b.yaml", app=shop, root=tmp_path, concurrency=1, max_failures=1)
    assert result.outcomes == {"failed": 1}
    assert not result.ok
    assert asgi_probe.load("a.yaml", root=tmp_path, tags="smoke", variables={"word": "x"}).warnings == ()


async def test_thresholds(tmp_path, shop):
    write(tmp_path, "checks: [{get: /a}, {get: /meet, tags: slow}]")
    write(tmp_path, "thresholds = ['warn: max(time) < 1ms', 'max(time){tag:slow} < 9s']", "asgi-probe.toml")
    result = await asgi_probe.run("a.yaml", app=shop, root=tmp_path)
    assert (result.ok, result.exit_code) == (True, 0)
    result = await asgi_probe.run("a.yaml", app=shop, root=tmp_path, thresholds="max(time){tag:slow} < 10ms")
    assert (result.ok, result.exit_code, result.outcomes) == (False, 1, {"passed": 2})
    assert result.text().endswith(", exit code 1: 1 threshold was broken\n")
    assert [verdict.text for verdict in result.events[-1].thresholds] == [
        "warn: max(time) < 1ms",
        "max(time){tag:slow} < 10ms",
    ]
    with pytest.raises(AssertionError, match="1 threshold was broken"):
        result.raise_for_failures()
    with pytest.raises(UsageError, match="no check has the tag 'slo'"):
        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, thresholds=["max(time){tag:slo} < 10ms"])


async def test_secrets_are_never_told(tmp_path, shop):
    write(tmp_path, "checks: [{get: '/${token}', expect: {text: x, headers: {x-token: y}}}]")
    result = await asgi_probe.run("a.yaml", app=shop, root=tmp_path, secrets={"token": "s3cret-token"})
    assert shop.log[1] == "/s3cret-token"
    assert "***" in result.text()
    assert "s3cret-token" not in result.text() + repr(result) + repr(result.events)
    with pytest.raises(UsageError, match="the secret 'token' is shorter than 4 characters"):
        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, secrets={"token": "abc"})


async def test_warnings_are_told_without_secrets(tmp_path):
    write(tmp_path, "checks: [{get: '/${token}'}]")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise ZeroDivisionError(f"no mail for {scope['path']}")

    result = await asgi_probe.run("a.yaml", app=app, root=tmp_path, secrets={"token": "s3cret-token"})
    assert result.ok
    (warning,) = [event for event in result.events if isinstance(event, Warned)]
    assert "ZeroDivisionError: no mail for /***" in warning.traceback
    assert "s3cret-token" not in repr(result.events) + result.text()


async def test_an_import_string_and_a_factory(tmp_path, shop, monkeypatch):
    name = f"made_for_{tmp_path.name}"
    write(tmp_path, "checks: [{get: /a}]")
    write(tmp_path, "from tests.test_library import Shop\napp = Shop()\n", f"{name}.py")
    before = list(sys.path)
    assert (await asgi_probe.run("a.yaml", app=f"{name}:app", root=tmp_path)).ok
    assert sys.path == before
    assert sys.modules.pop(name).app.log == ["up", "/a", "down"]
    made = []

    async def make():
        made.append(shop)
        return shop

    assert (await asgi_probe.run("a.yaml", app=make, factory=True, root=tmp_path)).ok
    assert made == [shop]


async def test_a_live_service(tmp_path):
    write(tmp_path, "checks: [{get: /ok}]")
    with HostileServer() as server:
        assert (await asgi_probe.run("a.yaml", base_url=server.base_url, root=tmp_path)).ok


async def test_a_target_and_specs_of_the_configuration(tmp_path, shop, monkeypatch):
    write(tmp_path, "checks: [{get: /ok}]", "specs/a.yaml")
    with HostileServer() as server:
        write(tmp_path, f'specs = "specs"\n[targets.there]\nbase_url = "{server.base_url}"', "asgi-probe.toml")
        monkeypatch.chdir(tmp_path / "specs")
        result = await asgi_probe.run(target="there")
    assert [check.id for check in result.checks] == ["specs/a.yaml::GET /ok"]


async def test_what_is_raised(tmp_path, shop):
    write(tmp_path, "checks: [{got: /a}, {get: /a, expect: {stauts: 1}}]", "wrong.yaml")
    write(tmp_path, "checks: [{get: /a}]")
    with pytest.raises(SpecError) as raised:
        await asgi_probe.run("wrong.yaml", app=shop, root=tmp_path)
    assert [problem.location.line for problem in raised.value.diagnostics] == [1, 1]
    first, *rest = str(raised.value).splitlines()
    assert first == "2 problems in the specs"
    assert rest[1] == "wrong.yaml:1:40: unknown key 'stauts' (did you mean 'status'?)"
    with pytest.raises(UsageError, match="app and base_url exclude each other"):
        await asgi_probe.run("a.yaml", app=shop, base_url="http://x", root=tmp_path)
    for name in ("concurrency", "max_failures", "timeout"):
        with pytest.raises(UsageError, match=f"{name} is 0, expected a number above 0"):
            await asgi_probe.run("a.yaml", app=shop, root=tmp_path, **{name: 0})
    with pytest.raises(UsageError, match="no target"):
        await asgi_probe.run("a.yaml", root=tmp_path)
    with pytest.raises(UsageError, match=r"there is no file or folder 'b\.yaml'"):
        await asgi_probe.run("b.yaml", app=shop, root=tmp_path)
    with pytest.raises(UsageError, match="env"):
        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, variables={"env": 1})
    with pytest.raises(asgi_probe.NothingSelected):
        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, tags="nope")
    with pytest.raises(TargetError, match="not callable"):
        await asgi_probe.run("a.yaml", app=42, root=tmp_path)
    with pytest.raises(TargetError, match="no module 'nope'"):
        await asgi_probe.run("a.yaml", app="nope:app", root=tmp_path)
    with pytest.raises(TargetError, match=r"no request reached http://127\.0\.0\.1:1"):
        await asgi_probe.run("a.yaml", base_url="http://127.0.0.1:1", root=tmp_path)
    assert shop.log == []


async def test_an_app_that_does_not_start_is_raised_and_one_that_does_not_stop_is_told(tmp_path):
    write(tmp_path, "checks: [{get: /a}]")

    async def broken(scope, receive, send):
        raise ZeroDivisionError("no database")

    def app(phase):
        async def failing(scope, receive, send):
            if scope["type"] != "lifespan":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
            for at in ("startup", "shutdown"):
                await receive()
                if at == phase:
                    raise ZeroDivisionError("no database")
                await send({"type": f"lifespan.{at}.complete"})

        return failing

    with pytest.raises(TargetError, match="no database") as raised:
        await asgi_probe.run("a.yaml", app=app("startup"), root=tmp_path)
    assert "failing" in raised.value.traceback
    result = await asgi_probe.run("a.yaml", app=app("shutdown"), root=tmp_path)
    assert (result.ok, result.outcomes, result.exit_code) == (False, {"passed": 1}, 1)
    assert "no database" in result.problem
    assert result.problem in result.text()


async def test_the_caller_is_cancelled(tmp_path, shop):
    write(tmp_path, "teardown: [{get: /teardown}]\nchecks: [{steps: [{get: /hang}], finally: [{get: /finally}]}]")
    with anyio.move_on_after(30) as scope:

        def watch(event):
            if event.event == "check_started":
                scope.deadline = anyio.current_time() + 0.05

        await asgi_probe.run("a.yaml", app=shop, root=tmp_path, on_event=watch)
    assert scope.cancelled_caught
    assert shop.log == ["up", "/hang", "/finally", "/teardown", "down"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_caller_is_cancelled_by_asyncio(tmp_path, shop, anyio_backend):
    import asyncio

    write(tmp_path, "teardown: [{get: /teardown}]\nchecks: [{get: /hang}]")
    running = asyncio.create_task(asgi_probe.run("a.yaml", app=shop, root=tmp_path))
    while "/hang" not in shop.log:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert shop.log == ["up", "/hang", "/teardown", "down"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asgi_probe.run("a.yaml", app=shop, root=tmp_path), 0.2)
    assert shop.log[-2:] == ["/teardown", "down"]


async def test_several_runs_at_a_time_do_not_disturb_each_other(tmp_path):
    write(tmp_path, "checks: [{matrix: {n: [1, 2, 3, 4]}, get: /meet}, {get: /raise}]")
    write(tmp_path, "checks: [{get: /meet}]", "b.yaml")
    factory, path, shops, results = logging.getLogRecordFactory(), list(sys.path), [Shop() for _ in range(4)], {}

    async def one(number):
        spec = "b.yaml" if number == 0 else "a.yaml"
        results[number] = await asgi_probe.run(spec, app=shops[number], root=tmp_path, concurrency=number + 1)

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(one, number)
    assert [len(results[number].checks) for number in range(4)] == [1, 5, 5, 5]
    assert [shop.log.count("/meet") for shop in shops] == [1, 4, 4, 4]
    assert [results[number].outcomes.get("failed") for number in range(4)] == [None, 1, 1, 1]
    assert logging.getLogRecordFactory() is factory
    assert sys.path == path


async def test_nothing_else_is_touched(tmp_path, shop, capsys):
    def state():
        signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        streams = (sys.stdout, sys.stderr)
        return (
            signals,
            streams,
            gc.isenabled(),
            gc.get_threshold(),
            gc.get_freeze_count(),
            logging.getLogRecordFactory(),
        )

    write(tmp_path, "checks: [{get: /a}]")
    before, during = state(), []
    await asgi_probe.run("a.yaml", app=shop, root=tmp_path, on_event=lambda event: during.append(state()))
    assert state() == before
    assert all(seen[:5] == before[:5] for seen in during)
    assert capsys.readouterr() == ("", "")


async def test_the_apps_own_objects_belong_to_the_callers_loop(tmp_path):
    """What the caller made in its loop, the app may use, and hooks are called in it."""
    write(tmp_path, "checks: [{get: /a, verify: [hooks_of_library:looks]}]")
    write(tmp_path, "async def looks(probe):\n    await probe.app.looked()\n", "hooks_of_library.py")
    event, looked = anyio.Event(), []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await event.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def look():
        await event.wait()
        looked.append(event)

    async def later():
        await anyio.sleep(0.02)
        event.set()

    app.looked = look

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later)
        result = await asgi_probe.run("a.yaml", app=app, root=tmp_path)
    assert result.ok, result.text()
    assert looked == [event]
    sys.modules.pop("hooks_of_library")


def test_load(tmp_path, monkeypatch):
    write(
        tmp_path,
        """
        checks:
          - {name: one, get: /a, tags: [smoke, slow]}
          - {name: many, matrix: {n: [1, 2]}, get: "/${n}", verify: ["nope:nope"]}
          - {get: /b, skip: not ready}
        """,
    )
    monkeypatch.chdir(tmp_path)
    specs = asgi_probe.load(Path("a.yaml"))
    assert [(check.id, check.line, check.tags, check.skip) for check in specs.checks] == [
        ("a.yaml::one", 3, ("smoke", "slow"), None),
        ("a.yaml::many[n=1]", 4, (), None),
        ("a.yaml::many[n=2]", 4, (), None),
        ("a.yaml::GET /b", 5, (), "not ready"),
    ]
    assert [check.name for check in asgi_probe.load(["a.yaml"], name="many").checks] == ["many[n=1]", "many[n=2]"]
    assert asgi_probe.load("a.yaml", variables={"unused": 1}).warnings == (
        "warning: nothing uses the variable 'unused'",
    )
    write(tmp_path, "checks: [{get: '/${nope}'}]")
    with pytest.raises(SpecError, match=r"a\.yaml:1:18: unknown variable 'nope'"):
        asgi_probe.load("a.yaml")
