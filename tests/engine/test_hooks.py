"""The user's own functions: hooks, fixtures, credentials, matchers; in the app's event loop, inside its lifespan."""

from __future__ import annotations

import asyncio
import sys
import threading
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from asgi_probe.engine.plan import Asked
from asgi_probe.engine.request import Limits
from tests.engine.projects import Ran, compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """What a test imports from its folder is forgotten after it."""
    path, known = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]


async def app(scope, receive, send):
    headers = dict(scope["headers"])
    note = b'{"path": "%s", "authorization": "%s"}' % (
        scope["path"].encode(),
        headers.get(b"authorization", b""),
    )
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": note})


def write(tmp_path, code: str, name: str = "hooks.py") -> None:
    (tmp_path / name).write_text(dedent(code), encoding="utf-8")


def problems(tmp_path, text: str) -> list[str]:
    _, found = compiled(tmp_path, text)
    return [str(problem).removeprefix("a.yaml:") for problem in found.diagnostics]


async def test_a_hook_gets_the_probe_and_what_with_gives_and_what_it_returns_is_saved(tmp_path):
    write(
        tmp_path,
        """
        calls = []

        async def look(probe, table="items", rows=0):
            assert probe.response.json()["path"] == "/a"
            calls.append((table, rows, probe.vars["n"], probe.target.kind, probe.app))
            return {"found": probe.vars["n"] + rows}

        def plain(probe):
            calls.append(probe.vars["found"])
        """,
    )
    text = """
    vars: {n: 1}
    checks:
      - name: c
        steps:
          - get: /a
            verify: [{call: 'hooks:look', with: {rows: '${n + 1}'}}, 'hooks:plain']
          - {get: '/b/${found}', expect: {json: {path: /b/3}}}
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"c": "passed"}, ran.check("c")
    import hooks

    assert hooks.calls == [("items", 2, 1, "app", app), 3]
    assert ran.steps("c")[0].saved == {"found": 3}


@pytest.mark.parametrize(
    ("body", "outcome", "message"),
    [
        ("assert False, 'the item was not written'", "failed", "hooks:look: the item was not written"),
        ("assert 1 == 2", "failed", "hooks:look: assert 1 == 2"),
        ("raise ValueError('no such table')", "error", "hooks:look raised ValueError('no such table')"),
        ("raise SystemExit(3)", "error", "hooks:look raised SystemExit(3)"),
        ("raise KeyboardInterrupt", "error", "hooks:look raised KeyboardInterrupt()"),
        ("raise ExceptionGroup('g', [AssertionError('in a group')])", "failed", "hooks:look: in a group"),
        ("return False", "error", "hooks:look returned false: use assert to say what must hold"),
        ("return 5", "error", "hooks:look returned 5: expected None, or a mapping to save"),
        ("return {'a-b': 1}", "error", "hooks:look: 'a-b' cannot name a variable"),
        ("return {1: 1}", "error", "hooks:look: 1 is no text and cannot name a variable"),
        ("import anyio; await anyio.sleep(5)", "error", "hooks:look did not end within 0.1 s"),
        ("import time; time.sleep(0.15)", "error", "hooks:look did not end within 0.1 s; it took"),
    ],
)
async def test_how_a_hook_ends(tmp_path, body, outcome, message):
    write(tmp_path, f"async def look(probe):\n    {body}\n")
    text = "checks: [{name: c, get: /a, timeout: 100ms, verify: 'hooks:look'}]"
    ran = await Ran(tmp_path, text, app=app).ended()
    check = ran.check("c")
    assert str(check.outcome) == outcome
    assert (check.reason or check.mismatches[0].message).startswith(message)
    if outcome == "failed":
        assert (check.mismatches[0].where, check.mismatches[0].line, check.mismatches[0].column) == ("hook", 1, 53)
    if "ValueError" in message:
        assert check.traceback_of == "hook"
        assert check.traceback.splitlines()[1] == '  File "hooks.py", line 2, in look'
        assert check.traceback.splitlines()[-1] == "ValueError: no such table"


async def test_hooks_run_only_when_the_expectations_hold(tmp_path):
    write(tmp_path, "def look(probe):\n    raise RuntimeError\n")
    ran = await Ran(tmp_path, "checks: [{name: c, get: /a, expect: 404, verify: 'hooks:look'}]", app=app).ended()
    assert ran.outcomes == {"c": "failed"}


async def test_all_hooks_are_asked_and_a_retry_asks_them_again(tmp_path):
    write(
        tmp_path,
        """
        times = 0

        def one(probe):
            assert False, "one"

        def two(probe):
            global times
            times += 1
            assert times > 2, "two"
        """,
    )
    text = """
    checks:
      - {name: both, get: /a, verify: ['hooks:one', 'hooks:two']}
      - {name: again, get: /a, verify: 'hooks:two', retry: {times: 3, delay: 0}}
    """
    ran = await Ran(tmp_path, text, app=app, concurrency=1).ended()
    assert [mismatch.message for mismatch in ran.check("both").mismatches] == ["hooks:one: one", "hooks:two: two"]
    assert ran.outcomes["again"] == "flaky"


async def test_what_was_found_wrong_before_an_error_is_told_with_it(tmp_path):
    write(
        tmp_path,
        """
        def wrong(probe):
            assert False, "the item was not written"

        def broken(probe):
            raise ValueError("no such table")
        """,
    )
    text = "checks: [{name: c, get: /a, verify: ['hooks:wrong', 'hooks:broken', 'hooks:wrong']}]"
    ran = await Ran(tmp_path, text, app=app).ended()
    check = ran.check("c")
    assert (str(check.outcome), check.reason) == ("error", "hooks:broken raised ValueError('no such table')")
    assert [mismatch.message for mismatch in check.mismatches] == ["hooks:wrong: the item was not written"]


async def test_verify_beside_steps_runs_after_the_last_one(tmp_path):
    write(
        tmp_path,
        """
        def look(probe, wanted):
            assert probe.response.json()["path"] == wanted, probe.response.text
        """,
    )
    text = """
    checks:
      - name: good
        steps: [{get: /a}, {get: /b}]
        verify: {call: 'hooks:look', with: {wanted: /b}}
      - name: bad
        steps: [{get: /a}, {get: /b}]
        verify: [{call: 'hooks:look', with: {wanted: /a}}]
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"good": "passed", "bad": "failed"}
    assert [step.step for step in ran.steps("bad")] == ["GET /a", "GET /b", "verify"]


async def test_a_blocking_hook_runs_in_a_thread(tmp_path):
    write(
        tmp_path,
        """
        import threading, time
        import asgi_probe.spec.hooks as asgi_probe

        @asgi_probe.blocking
        def slow(probe):
            time.sleep(0.05)
            return {"thread": threading.get_ident()}

        def plain(probe):
            return {"thread": threading.get_ident()}
        """,
    )
    text = "checks: [{name: slow, get: /, verify: 'hooks:slow'}, {name: plain, get: /, verify: 'hooks:plain'}]"
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.steps("slow")[0].saved["thread"] != threading.get_ident()
    assert ran.steps("plain")[0].saved["thread"] == threading.get_ident()


async def test_a_hook_asks_more_with_the_checks_cookies(tmp_path):
    write(
        tmp_path,
        """
        async def ask(probe):
            answer = await probe.client.get("/more?n=1")
            return {"more": answer.json()["path"]}
        """,
    )
    ran = await Ran(tmp_path, "checks: [{name: c, get: /a, verify: 'hooks:ask'}]", app=app).ended()
    assert ran.steps("c")[0].saved == {"more": "/more"}


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_what_waits_for_asyncio_is_an_error_on_trio_and_nothing_more(tmp_path):
    code = "import asyncio\nloop = asyncio.new_event_loop()\nasync def look(probe):\n    await loop.create_future()\n"
    write(tmp_path, code)
    ran = await Ran(tmp_path, "checks: [{name: c, get: /a, verify: 'hooks:look'}, {name: d, get: /}]", app=app).ended()
    assert ran.outcomes == {"c": "error", "d": "passed"}
    assert "the event loop is trio's" in ran.check("c").reason
    import hooks

    hooks.loop.close()


async def test_hooks_in_setup_give_variables_to_all_checks(tmp_path):
    write(tmp_path, "def give(probe):\n    return {'n': 7}\n")
    text = """
    setup: [{get: /, verify: 'hooks:give'}]
    checks: [{name: c, get: '/${n}', expect: {json: {path: /7}}}]
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"setup": "passed", "c": "passed"}


async def test_secrets_in_a_hooks_words_and_traceback_are_masked(tmp_path):
    write(
        tmp_path,
        """
        def look(probe):
            raise ValueError("the password is " + probe.vars["password"])
        """,
    )
    text = "secrets: password\nvars: {password: hunter22}\nchecks: [{name: c, get: /a, verify: 'hooks:look'}]"
    ran = await Ran(tmp_path, text, app=app).ended()
    assert "hunter22" not in repr(ran.events)
    assert "the password is ***" in ran.check("c").traceback


# what is wrong before the run


@pytest.mark.parametrize(
    ("verify", "found"),
    [
        ("'hooks:nope'", "1:28: the module 'hooks' has no attribute 'nope'"),
        ("'hooks:lok'", "1:28: the module 'hooks' has no attribute 'lok'; did you mean 'look'?"),
        ("'nowhere:look'", "1:28: there is no module 'nowhere' in"),
        ("'hooks:VALUE'", "1:28: 'hooks:VALUE' is no function but 'int'"),
        ("look", "1:28: expected 'module:function', found 'look' (such as 'shop.probes:row_exists')"),
        ("{call: 'hooks:look', with: {tabel: x}}", "1:35: 'hooks:look' does not take what it is given: "
         "got an unexpected keyword argument 'tabel' (did you mean 'table'?)"),
        ("'hooks:needs_more'", "1:28: 'hooks:needs_more' does not take what it is given: missing a required argument"),
        ("{call: 'hooks:no_probe', with: {zone: x}}", "1:35: 'hooks:no_probe' does not take what it is given: multiple "
         "values for argument 'zone' (its first argument is the probe: write (probe, zone), or (*, zone) to get none)"),
        ("{with: {a: 1}}", "1:28: a call needs 'call' (such as {call: 'shop.probes:row_exists', with: {id: 1}})"),
        ("[5, 'hooks:look']", "1:29: expected 'module:function' or {call:, with:}, found a number"),
        ("'broken:look'", "1:28: 'broken' could not be imported: it raised RuntimeError('no database')"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_hooks_is_found_before_the_run(tmp_path, verify, found):
    write(
        tmp_path,
        "VALUE = 5\ndef look(probe, table=1): ...\ndef needs_more(probe, what): ...\ndef no_probe(zone): ...\n",
    )
    write(tmp_path, "raise RuntimeError('no database')\n", "broken.py")
    told, *_ = problems(tmp_path, f"checks: [{{get: /a, verify: {verify}}}]")
    assert told.startswith(found), told


def test_the_traceback_of_a_failed_import_is_kept(tmp_path):
    write(tmp_path, "\nraise RuntimeError('no database')\n", "broken.py")
    _, found = compiled(tmp_path, "checks: [{get: /, verify: 'broken:look'}]")
    assert 'File "broken.py", line 2' in found.diagnostics[0].traceback


# fixtures

FIXTURES = """
    from contextlib import asynccontextmanager, contextmanager

    import anyio

    told = []

    async def generator(probe, n=1):
        told.append(f"open {n}")
        async with anyio.create_task_group() as tasks:  # must be left in the task that entered it
            tasks.start_soon(anyio.sleep, 0)
            yield {"given": n, "twice": 2 * n}
        told.append(f"close {n}")

    def sync_generator():
        told.append("open sync")
        yield
        told.append("close sync")

    @asynccontextmanager
    async def manager(probe):
        told.append(f"open manager {probe.vars['given']}")
        yield {"late": True}
        told.append("close manager")

    class Object:
        def __enter__(self):
            told.append("open object")
        def __exit__(self, *error):
            told.append("close object")

    async def made():
        return Object()

    def broken(probe):
        raise ValueError("no database")

    async def breaks_on_the_way_out(probe):
        yield
        raise ValueError("no clean-up")

    def no_manager(probe):
        return 5

    def wrong_name():
        yield {"a-b": 1}
    """


async def test_fixtures_are_open_around_setup_and_teardown_and_close_in_reverse(tmp_path):
    write(tmp_path, FIXTURES)
    text = """
    fixtures: [{call: 'hooks:generator', with: {n: 5}}, 'hooks:sync_generator', 'hooks:manager', 'hooks:made']
    setup: [{get: '/setup/${given}'}]
    checks: [{name: c, get: '/${twice}', expect: {json: {path: /10}}, when: {late: true}}, {name: d, get: /d}]
    teardown: [{get: '/teardown/${given}'}]
    """
    ran = await Ran(tmp_path, text, app=app, tell_all=True).ended()
    assert ran.outcomes == {"setup": "passed", "c": "passed", "d": "passed", "teardown": "passed"}
    import hooks

    assert hooks.told == [
        "open 5", "open sync", "open manager 5", "open object",
        "close object", "close manager", "close sync", "close 5",
    ]  # fmt: skip
    asked = [step.request.url for name in ("setup", "teardown") for step in ran.steps(name)]
    assert asked == ["http://testserver/setup/5", "http://testserver/teardown/5"]


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        ("hooks:broken", "hooks:broken raised ValueError('no database')"),
        ("hooks:no_manager", "hooks:no_manager gave 'int': expected a context manager, or a generator function"),
        ("hooks:wrong_name", "hooks:wrong_name: 'a-b' cannot name a variable"),
    ],
)
async def test_a_fixture_that_does_not_open_makes_every_check_an_error(tmp_path, fixture, reason):
    write(tmp_path, FIXTURES)
    text = f"""
    fixtures: ['hooks:sync_generator', '{fixture}', 'hooks:made']
    setup: [{{get: /setup}}]
    checks: [{{name: c, get: /}}]
    teardown: [{{get: /teardown}}]
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {f"fixture {fixture}": "error", "setup": "error", "c": "error", "teardown": "passed"}
    assert ran.check("c").reason.startswith(f"fixture {reason}")
    import hooks

    assert hooks.told == ["open sync", "close sync"]
    if fixture == "hooks:broken":
        assert 'File "hooks.py"' in ran.check("fixture hooks:broken").traceback


async def test_a_fixture_that_fails_on_the_way_out_is_a_check_of_its_own(tmp_path):
    write(tmp_path, FIXTURES)
    text = "fixtures: ['hooks:sync_generator', 'hooks:breaks_on_the_way_out']\nchecks: [{name: c, get: /}]"
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"c": "passed", "fixture hooks:breaks_on_the_way_out": "error"}
    assert ran.finished.exit_code == 1
    import hooks

    assert hooks.told == ["open sync", "close sync"]


async def test_a_fixture_that_does_not_open_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("asgi_probe.engine.fixtures.OPENING", 0.05)
    monkeypatch.setattr("asgi_probe.engine.fixtures.CLOSING", 0.05)
    write(
        tmp_path,
        """
        import anyio
        async def slow():
            await anyio.sleep(9)
            yield
        async def slow_to_close():
            yield
            await anyio.sleep(9)
        """,
    )
    text = "fixtures: 'hooks:slow'\nchecks: [{name: c, get: /}]"
    other = "fixtures: 'hooks:slow_to_close'\nchecks: [{name: d, get: /}]"
    ran = await Ran(tmp_path, text, other, app=app).ended()
    assert ran.check("c").reason == "fixture hooks:slow did not open within 0.05 s"
    assert ran.check("fixture hooks:slow_to_close").reason == "hooks:slow_to_close did not close within 0.05 s"


# the loop


async def test_an_object_that_is_bound_to_the_apps_loop_can_be_used_in_hooks(tmp_path, anyio_backend):
    """What a naive runner, with a loop of its own for hooks, cannot: "attached to a different loop"."""
    if anyio_backend == "trio":
        pytest.skip("asyncio's futures are bound to their loop")

    class Bound:
        def __init__(self) -> None:
            self.future: asyncio.Future | None = None

        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                self.future = asyncio.get_running_loop().create_future()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
                return
            asyncio.get_running_loop().call_later(0.01, self.future.set_result, 42)
            await app(scope, receive, send)

    write(tmp_path, "async def wait(probe):\n    assert await probe.app.future == 42\n")
    text = "checks: [{name: c, get: /a, verify: 'hooks:wait'}]"
    ran = await Ran(tmp_path, text, app=Bound(), lifespan="on").ended()
    assert ran.outcomes == {"c": "passed"}, ran.check("c")


# credentials and matchers


async def test_credentials_of_the_users_own(tmp_path):
    write(
        tmp_path,
        """
        import httpx

        class Key(httpx.Auth):
            def __init__(self, key):
                self.key = key
            def auth_flow(self, request):
                request.headers["authorization"] = f"Key {self.key}"
                yield request

        async def by_key(probe):
            return Key(probe.vars["key"])

        def broken():
            raise ValueError("no key")
        """,
    )
    text = """
    vars: {key: k-17}
    checks:
      - {name: c, get: /a, auth: {call: 'hooks:by_key'}, expect: {json: {authorization: Key k-17}}}
      - {name: d, get: /a, auth: {call: 'hooks:broken'}}
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"c": "passed", "d": "error"}
    assert ran.check("d").reason == "hooks:broken raised ValueError('no key')"


async def test_matchers_of_the_users_own(tmp_path):
    write(
        tmp_path,
        """
        import anyio

        def is_path(value):
            return value.startswith("/")

        async def is_mine(value, probe):
            await anyio.sleep(0)
            assert value == probe.vars["mine"], f"{value} is not mine"
            return True

        def raises(value):
            raise ValueError("what?")
        """,
    )
    text = """
    vars: {mine: /a}
    checks:
      - {name: c, get: /a, expect: {json: {path: {$all: [{$call: 'hooks:is_path'}, {$call: 'hooks:is_mine'}]}}}}
      - {name: d, get: /b, expect: {json: {path: {$call: 'hooks:is_mine'}}}}
      - {name: e, get: /b, expect: {json: {path: {$call: 'hooks:raises'}}}}
    """
    ran = await Ran(tmp_path, text, app=app).ended()
    assert ran.outcomes == {"c": "passed", "d": "failed", "e": "error"}
    assert ran.check("d").mismatches[0].message == "/b is not mine"
    assert ran.check("e").traceback_of == "hook"


def test_the_time_of_hooks_is_that_of_the_target(tmp_path):
    write(tmp_path, "def look(probe): ...\n")
    asked = Asked("app", "app", Limits(timeout=3.0))
    (plan,), found = compiled(tmp_path, "checks: [{steps: [{get: /}], verify: 'hooks:look'}]", asked=asked)
    assert not found.diagnostics
    assert plan.checks[0].steps[-1].timeout == 3.0
