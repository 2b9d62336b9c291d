import asyncio
import json
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import anyio
import anyio.lowlevel
import pytest
import sniffio

from asgi_probe.engine import stopping
from asgi_probe.engine.events import RunStarted
from asgi_probe.errors import ExitCode, TargetError
from tests.engine.projects import Ran

pytestmark = pytest.mark.anyio


class App:
    """Answers with what it was asked; `log` holds every path, in order."""

    def __init__(self):
        self.log = []
        self.cookies = []
        self.counts = Counter()
        self.now = self.most = 0

    async def __call__(self, scope, receive, send):
        path = scope["path"]
        headers = dict(scope["headers"])
        self.log.append(path)
        self.counts[path] += 1
        self.cookies.append((path, headers.get(b"cookie", b"").decode()))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            status, more = await self.answer(path)
        finally:
            self.now -= 1
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
        body = json.dumps({"path": path, "query": query, "times": self.counts[path]}).encode()
        await send({"type": "http.response.start", "status": status, "headers": more})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, path):
        _, verb, *rest = path.split("/")
        match verb:
            case "status":
                return int(rest[0]), []
            case "late":
                return 200 if self.counts[path] > int(rest[0]) else 503, []
            case "hang":
                try:
                    await anyio.sleep_forever()
                finally:
                    self.log.append("left")
            case "meet":
                while self.most < int(rest[0]):
                    await anyio.sleep(0.001)
            case "pause":
                await anyio.sleep(0.02)
            case "cookie":
                return 200, [(b"set-cookie", f"{rest[0]}=1; Path=/".encode())]
        return 200, []


@pytest.fixture
def app():
    return App()


async def ran(root: Path, *texts: str, **options) -> Ran:
    options.setdefault("backend", sniffio.current_async_library())
    with anyio.fail_after(20):
        return await Ran(root, *texts, **options).ended()


# the order of things


async def test_what_a_run_tells(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        setup: [{get: /setup}]
        checks:
          - name: two steps
            steps: [{get: /one}, {name: second, get: /two}]
            finally: [{get: /last}]
          - {name: later, skip: not now, get: /never}
        teardown: [{get: /teardown}]
        """,
        app=app,
        concurrency=1,
        backend=anyio_backend,
    )
    assert run.told == [
        "run_started",
        "+a.yaml::setup", "setup GET /setup passed", "-a.yaml::setup passed",
        "+a.yaml::two steps", "steps GET /one passed", "steps second passed", "finally GET /last passed",
        "-a.yaml::two steps passed",
        "+a.yaml::later", "-a.yaml::later skipped",
        "+a.yaml::teardown", "teardown GET /teardown passed", "-a.yaml::teardown passed",
        "run_finished",
    ]  # fmt: skip
    assert app.log == ["/setup", "/one", "/two", "/last", "/teardown"]
    assert run.finished.outcomes == {"passed": 1, "skipped": 1}
    assert (run.finished.exit_code, run.finished.requests, run.finished.not_run) == (0, 5, 0)


async def test_first_event(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path, "checks: [{get: /}, {get: /}]", "setup: [{get: /}]\nchecks: [{get: /}]", app=app, concurrency=7
    )
    first = run.events[0]
    assert isinstance(first, RunStarted)
    assert (first.specs, first.sizes, first.checks, first.concurrency) == (("a.yaml", "b.yaml"), (2, 2), 3, 7)
    assert (first.target.kind, first.target.address) == ("app", "m:app")


async def test_only_skipped_checks_are_green(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks: [{get: /, skip: later}]", app=app)
    assert (run.finished.exit_code, run.finished.outcomes) == (0, {"skipped": 1})


# at the same time


@pytest.mark.parametrize("most", [1, 3, 16])
async def test_as_many_at_a_time_as_asked(tmp_path, app, anyio_backend, most):
    text = "checks:\n" + f"  - get: /meet/{most}\n" * 20
    run = await ran(tmp_path, text, app=app, concurrency=most)
    assert app.most == most
    assert run.finished.outcomes == {"passed": 20}


async def test_checks_of_several_files_run_together(tmp_path, app, anyio_backend):
    texts = ["setup: [{get: /pause}]\nchecks: [{get: /meet/3}]"] * 3
    assert (await ran(tmp_path, *texts, app=app)).finished.outcomes == {"passed": 3}


async def test_steps_run_in_order(tmp_path, app, anyio_backend):
    text = "checks: [{name: steps, steps: [{get: /pause/1}, {get: /pause/2}, {get: /3}]}]"
    await ran(tmp_path, text, app=app)
    assert app.log == ["/pause/1", "/pause/2", "/3"]
    assert app.most == 1


async def test_setup_is_before_all_and_teardown_after_all(tmp_path, app, anyio_backend):
    checks = "checks:\n" + "  - get: /pause\n" * 10
    run = await ran(tmp_path, f"setup: [{{get: /pause/setup}}]\nteardown: [{{get: /teardown}}]\n{checks}", app=app)
    assert app.log == ["/pause/setup", *["/pause"] * 10, "/teardown"]
    assert run.told[-2] == "-a.yaml::teardown passed"


async def test_a_file_without_teardown_does_not_wait_for_others(tmp_path, app, anyio_backend):
    await ran(tmp_path, "checks: [{get: /pause}]\nteardown: [{get: /end/a}]", "checks: [{get: /b}]", app=app)
    assert app.log.index("/b") < app.log.index("/end/a")


# what goes wrong


async def test_the_first_step_that_fails_is_the_last(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - name: fails
            steps: [{get: /one}, {get: /status/500}, {get: /never}]
            finally: [{get: /status/500, expect: 200}, {get: /last}]
        """,
        app=app,
    )
    assert app.log == ["/one", "/status/500", "/status/500", "/last"]
    check = run.check("fails")
    assert (str(check.outcome), len(check.mismatches)) == ("failed", 2)


async def test_finally_that_fails_fails_the_check(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks: [{name: c, steps: [{get: /}], finally: [{get: /status/500}]}]", app=app)
    assert run.outcomes == {"c": "failed"}


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("{name: log in, get: /status/500}", "setup failed: expected a status below 400, got 500"),
        ("{get: /hang, timeout: 10ms}", "setup could not be judged: no answer within 0.01 s"),
    ],
)
async def test_a_setup_that_fails_takes_every_check_along(tmp_path, app, anyio_backend, step, why):
    run = await ran(
        tmp_path,
        f"setup: [{step}, {{get: /never}}]\n"
        "checks: [{name: one, get: /never}, {name: two, steps: [{get: /never}], finally: [{get: /never}]},"
        " {name: three, skip: later, get: /never}]\n"
        "teardown: [{get: /teardown}]",
        "checks: [{name: other, get: /other}]",
        app=app,
    )
    assert "/never" not in app.log
    assert "/teardown" in app.log
    outcomes = run.outcomes
    assert outcomes.pop("setup") in ("failed", "error")
    assert outcomes == {"one": "error", "two": "error", "three": "skipped", "teardown": "passed", "other": "passed"}
    assert run.check("one").reason == run.check("two").reason == why
    assert run.finished.exit_code == 1


async def test_all_of_teardown_runs_and_its_failure_is_an_error(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks: [{name: c, get: /}]\nteardown: [{get: /status/500}, {get: /more}]", app=app)
    assert app.log == ["/", "/status/500", "/more"]
    assert run.outcomes == {"c": "passed", "teardown": "error"}
    assert run.finished.outcomes == {"passed": 1, "error": 1}
    assert run.finished.exit_code == 1


async def test_teardown_knows_what_setup_saved_before_it_failed(tmp_path, app, anyio_backend):
    await ran(
        tmp_path,
        """
        setup:
          - {get: '/made?id=7', save: {id: $.query.id}}
          - {get: /status/500}
        checks: [{get: /never}]
        teardown: [{get: '/removed/${id}'}]
        """,
        app=app,
    )
    assert app.log == ["/made", "/status/500", "/removed/7"]


# cookies and variables


async def test_cookies_of_setup_reach_every_check_and_no_further(tmp_path, app, anyio_backend):
    await ran(
        tmp_path,
        """
        setup: [{get: /cookie/base}]
        checks:
          - {name: one, steps: [{get: /cookie/one}, {get: /seen/one}]}
          - {name: two, steps: [{get: /cookie/two}, {get: /seen/two}]}
          - {name: three, get: /seen/three}
        teardown: [{get: /seen/teardown}]
        """,
        "checks: [{get: /seen/other}]",
        app=app,
    )
    seen = {path: set(filter(None, cookie.split("; "))) for path, cookie in app.cookies if path.startswith("/seen")}
    assert seen == {
        "/seen/one": {"base=1", "one=1"},
        "/seen/two": {"base=1", "two=1"},
        "/seen/three": {"base=1"},
        "/seen/teardown": {"base=1"},
        "/seen/other": set(),
    }


async def test_what_a_check_saves_is_its_own(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        vars: {who: file}
        setup: [{get: '/?who=setup', save: {who: $.query.who}}]
        checks:
          - name: saves
            steps:
              - {get: '/before/${who}', save: {who: status}}
              - {get: '/after/${who}'}
            finally: [{get: '/finally/${who}'}]
          - {name: other, get: '/other/${who}'}
        """,
        app=app,
        concurrency=1,
    )
    assert app.log[1:] == ["/before/setup", "/after/200", "/finally/200", "/other/setup"]
    assert run.steps("saves")[0].saved == {"who": 200}


async def test_given_variables_win_over_setup_and_file(tmp_path, app, anyio_backend):
    await ran(tmp_path, "vars: {a: file, b: '${a}!'}\nchecks: [{get: '/${a}/${b}'}]", app=app, given={"a": "flag"})
    assert app.log == ["/flag/flag!"]


async def test_a_failing_step_saves_what_is_there(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - name: c
            steps: [{get: '/made?id=7', expect: 404, save: {id: $.query.id, other: $.nothing}}]
            finally: [{delete: '/made/${id}'}]
        """,
        app=app,
    )
    assert app.log == ["/made", "/made/7"]
    assert [mismatch.where for mismatch in run.check("c").mismatches] == ["status", "save.other"]


async def test_a_variable_that_is_not_there_is_an_error_with_its_place(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - name: c
            steps: [{get: /elsewhere, when: {target: live}, save: {id: $.nothing}}, {get: /first}]
            finally: [{get: '/${id}'}, {get: /last}]
        """,
        app=app,
    )
    (step,) = (step for step in run.steps("c") if step.step == "GET /${id}")
    assert (str(step.outcome), step.line, step.request) == ("error", 5, None)
    assert "'id' has no value here" in step.reason
    assert app.log[-1] == "/last"


# again


async def test_retries(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - {name: late, get: /late/2, retry: {times: 3, delay: 0s}}
          - {name: never, get: /late/99, retry: {times: 2, delay: 0s}}
          - {name: at once, get: /ok, retry: 3}
        """,
        app=app,
    )
    assert run.outcomes == {"late": "flaky", "never": "failed", "at once": "passed"}
    assert [run.steps(name)[0].attempts for name in ("late", "never", "at once")] == [3, 3, 1]
    assert (run.finished.exit_code, run.finished.requests) == (1, 7)
    assert len(run.check("never").mismatches) == 1


async def test_flaky_is_green(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks: [{get: /late/1, retry: {delay: 0s}}]", app=app)
    assert (run.finished.exit_code, run.finished.outcomes) == (0, {"flaky": 1})


async def test_every_attempt_is_rendered_anew(tmp_path, app, anyio_backend):
    await ran(tmp_path, "checks: [{get: '/status/500/${uuid()}', retry: {times: 2, delay: 0s}}]", app=app)
    assert len(set(app.log)) == 3


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [
        ("3", [0.5, 0.5, 0.5]),
        ("{times: 3, delay: 1s, backoff: 2}", [1, 2, 4]),
        ("{times: 4, delay: 1s, backoff: 3, max_delay: 5s}", [1, 3, 5, 5]),
        ("0", []),
    ],
)
async def test_pauses(tmp_path, app, anyio_backend, monkeypatch, retry, pauses):
    slept = []
    checkpoint = anyio.lowlevel.checkpoint

    async def sleep(seconds):
        slept.append(seconds)
        await checkpoint()

    monkeypatch.setattr("asgi_probe.engine.step.anyio.sleep", sleep)
    await ran(tmp_path, f"checks: [{{get: /status/500, retry: {retry}}}]", app=app)
    assert slept == pauses


async def test_jitter_is_a_share(tmp_path, app, anyio_backend, monkeypatch):
    shares = []
    monkeypatch.setattr("asgi_probe.engine.step.uniform", lambda low, high: shares.append((low, high)) or 0)
    await ran(tmp_path, "checks: [{get: /status/500, retry: {times: 1, jitter: 0.5}}]", app=app)
    assert shares == [(0.5, 1.5)]


async def test_an_error_is_retried_too(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks: [{name: c, get: /hang, timeout: 5ms, retry: {times: 1, delay: 0s}}]", app=app)
    assert (run.outcomes, run.steps("c")[0].attempts) == ({"c": "error"}, 2)


# time


async def test_a_checks_timeout_is_for_all_its_steps_but_finally(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - name: c
            timeout: 300ms
            steps: [{get: /pause}, {get: /hang}, {get: /never}]
            finally: [{get: /pause/last}, {get: /pause/last}, {get: /pause/last}]
        """,
        app=app,
    )
    check = run.check("c")
    assert (str(check.outcome), check.reason) == ("error", "the check did not end within its timeout of 0.3 s")
    assert app.log == ["/pause", "/hang", "left", *["/pause/last"] * 3]
    assert run.finished.stopped is None


async def test_delay(tmp_path, app, anyio_backend):
    await ran(tmp_path, "checks: [{get: /late, delay: 50ms}, {get: /soon}]", app=app)
    assert app.log == ["/soon", "/late"]


# stopping


async def test_fail_fast(tmp_path, app, anyio_backend):
    run = await ran(
        tmp_path,
        """
        checks:
          - name: hangs
            steps: [{get: /hang}, {get: /never}]
            finally: [{get: /finally}]
          - {name: fails, steps: [{get: /meet/2}, {get: /status/500}]}
          - {name: left out, get: /never}
        teardown: [{get: /teardown}]
        """,
        "checks: [{name: left out too, get: /never}]",
        app=app,
        concurrency=2,
        max_failures=1,
        backend=anyio_backend,
    )
    assert run.outcomes == {"hangs": "interrupted", "fails": "failed", "teardown": "passed"}
    assert "/never" not in app.log
    assert app.log[-1] == "/teardown"
    assert "/finally" in app.log
    finished = run.finished
    assert (finished.stopped, finished.exit_code, finished.not_run) == ("fail-fast", 1, 2)


async def test_an_interruption(tmp_path, app, anyio_backend):
    run = Ran(tmp_path, "checks: [{name: c, get: /hang}]", app=app, backend=anyio_backend)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.ended)
        while "/hang" not in app.log:
            await anyio.sleep(0.001)
        run.stop.request("interrupted", ExitCode.TERMINATED)
    assert run.outcomes == {"c": "interrupted"}
    assert (run.finished.stopped, run.finished.exit_code) == ("interrupted", 143)
    assert "left" in app.log


async def test_what_closes_after_a_stop_is_bounded(tmp_path, app, anyio_backend, monkeypatch):
    monkeypatch.setattr(stopping, "GRACE", 0.05)
    text = "checks: [{name: c, steps: [{get: /status/500}], finally: [{get: /hang}, {get: /never}]}, {get: /x}]"
    run = await ran(tmp_path, text, app=app, concurrency=1, max_failures=1, backend=anyio_backend)
    # nothing was stopped yet when `finally` ran: its request has its own timeout
    assert run.outcomes == {"c": "error"}


async def test_a_stop_before_the_start_sends_nothing(tmp_path, app, anyio_backend):
    run = Ran(tmp_path, "checks: [{get: /}]", app=app, backend=anyio_backend)
    run.stop.request("interrupted", ExitCode.INTERRUPTED)
    await run.ended()
    assert app.log == []
    assert run.told == ["run_started", "run_finished"]
    assert (run.finished.exit_code, run.finished.not_run) == (130, 1)


# targets


async def test_a_target_that_does_not_start(tmp_path, anyio_backend):
    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    run = Ran(tmp_path, "checks: [{get: /}]", app=broken, backend=anyio_backend)
    run.run._groups[0].target._mode = "auto"
    await run.ended()
    assert run.told == ["run_started", "run_finished"]
    assert (run.finished.exit_code, run.finished.problem) == (3, "the app's start-up failed: no disk")


async def test_a_problem_on_the_way_out_keeps_the_results(tmp_path, app, anyio_backend):
    run = Ran(tmp_path, "checks: [{name: c, get: /}]", app=app, backend=anyio_backend)
    run.run._groups[0].target.problems.append(TargetError("the pool leaked", "a traceback"))
    await run.ended()
    finished = run.finished
    assert run.outcomes == {"c": "passed"}
    assert (finished.exit_code, finished.problem, finished.traceback) == (1, "the pool leaked", "a traceback")


# memory and details


async def test_passing_steps_are_told_in_brief(tmp_path, app, anyio_backend):
    brief = await ran(tmp_path, "checks: [{name: c, get: /}]", app=app)
    full = await ran(tmp_path, "checks: [{name: c, get: /}]", app=app, tell_all=True)
    assert brief.steps("c")[0].request is None
    assert brief.steps("c")[0].response is None
    assert full.steps("c")[0].request.url == "http://testserver/"
    assert full.steps("c")[0].response.status == 200


async def test_the_slowest_are_few_and_in_order(tmp_path, app, anyio_backend):
    run = await ran(tmp_path, "checks:\n" + "".join(f"  - get: /{n}\n" for n in range(20)), app=app)
    slowest = [check.duration for check in run.finished.slowest]
    assert len(slowest) == 5
    assert slowest == sorted(slowest, reverse=True)


async def test_a_traceback_of_the_app(tmp_path, anyio_backend):
    async def raises(scope, receive, send):
        raise LookupError("no such thing")

    run = await ran(tmp_path, "checks: [{name: c, get: /}, {name: wanted, get: /, expect: 500}]", app=raises)
    assert run.outcomes == {"c": "failed", "wanted": "passed"}
    assert run.check("c").traceback.endswith("LookupError: no such thing")
    assert run.check("wanted").traceback is None


def test_start_runs_in_a_loop_of_its_own(tmp_path, app):
    for backend in ("asyncio", "trio"):
        run = Ran(tmp_path, "checks: [{get: /}]", app=app, backend=backend)
        assert run.run.start().outcomes == {"passed": 1}


def test_an_app_that_waits_for_asyncio_on_trio_is_told_so(tmp_path):
    loop = asyncio.new_event_loop()

    async def app(scope, receive, send):
        if scope["path"] == "/wait":
            await asyncio.Future(loop=loop)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    ran = Ran(tmp_path, "checks: [{get: /wait}, {get: /}]", app=app, backend="trio")
    ran.run.start()
    loop.close()
    finished = {event.id: event for event in ran.events if event.event == "check_finished"}
    assert finished["a.yaml::GET /"].outcome == "passed"
    assert finished["a.yaml::GET /wait"].outcome == "failed"
    assert "run it with --backend asyncio" in finished["a.yaml::GET /wait"].traceback


def test_a_flaky_check_says_why_it_stumbled(tmp_path):
    statuses = iter([503, 200])

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": next(statuses)})
        await send({"type": "http.response.body"})

    ran = Ran(tmp_path, "checks: [{get: /, retry: {times: 1, delay: 0}}]", app=app)
    ran.run.start()
    (finished,) = [event for event in ran.events if event.event == "check_finished"]
    assert finished.outcome == "flaky"
    assert finished.reason == "status: expected a status below 400, got 503"
