"""What the user's functions may do to the run that calls them: an error of their check, and nothing more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.engine.projects import Ran
from tests.engine.test_language import Service

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


HOOKS = """
import asyncio
import anyio
import httpx


class Odd(Exception):
    def __str__(self):
        raise KeyboardInterrupt
    __repr__ = __str__


class Strange:
    def __eq__(self, other):
        raise SystemExit(4)
    __hash__ = None
    def __str__(self):
        raise GeneratorExit
    __repr__ = __bool__ = __iter__ = __len__ = __str__


class Broken(dict):
    def keys(self):
        raise KeyboardInterrupt
    __iter__ = items = keys


async def stubborn():
    for _ in range(3):
        try:
            await anyio.sleep(0.3)
        except BaseException:
            pass


async def later(*_):
    {body}


def plain(*_):
    {plain}


class Auth(httpx.Auth):
    async def async_auth_flow(self, request):
        {body}
        yield request


def auth():
    return Auth()


async def opens():
    {body}
    yield


async def leaves():
    yield
    {body}
"""
GOOD = "checks: [{name: d, get: /item, delay: 5ms}, {name: e, get: /item}]"
PLACES = {
    "verify": "checks: [{name: c, get: /item, verify: 'hooks:%s'}]",
    "beside": "checks: [{name: c, steps: [{get: /item}], verify: 'hooks:%s'}]",
    "expect": "checks: [{name: c, get: /item, expect: {json: {id: {$call: 'hooks:%s'}}}}]",
    "auth": "checks: [{name: c, get: /item, auth: {call: 'hooks:%s'}}]",
    "finally": "checks: [{name: c, steps: [{get: /item}], finally: [{get: /item, verify: 'hooks:%s'}]}]",
}
OWN = {
    "flow": "checks: [{name: c, get: /item, auth: {call: 'hooks:auth'}}]",
    "opens": "fixtures: 'hooks:opens'\nchecks: [{name: c, get: /item}]",
    "leaves": "fixtures: 'hooks:leaves'\nchecks: [{name: c, get: /item}]",
}
ENDS = {
    "raise asyncio.CancelledError": "CancelledError()",
    "raise KeyboardInterrupt": "KeyboardInterrupt(",
    "raise SystemExit(3)": "SystemExit(",
    "raise GeneratorExit": "GeneratorExit(",
    "raise BaseException('odd')": "BaseException('odd')",
    "raise Odd": "raised KeyboardInterrupt",
}
CANCELS = "asyncio.current_task().cancel(); await anyio.sleep(0)"


async def ran(tmp_path, text: str, body: str, plain: str = "") -> Ran:
    """The run of this file beside one in which all is well."""
    (tmp_path / "hooks.py").write_text(HOOKS.format(body=body, plain=plain or "pass"), encoding="utf-8")
    found = await Ran(tmp_path, text, GOOD, app=Service(item='{"id": 1}'), concurrency=2).ended()
    assert {name: found.outcomes[name] for name in "de"} == {"d": "passed", "e": "passed"}
    assert found.finished.not_run == 0
    return found


def the_bad(found: Ran):
    """The only check that is not green, and that the run is red for it."""
    bad = [event for event in found.events if event.event == "check_finished" and str(event.outcome) != "passed"]
    assert found.finished.exit_code == 1, found.finished
    return bad[0]


@pytest.mark.parametrize("function", ["later", "plain"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", ENDS)
async def test_what_a_hook_raises_is_an_error_of_its_check(tmp_path, body, place, function):
    bad = the_bad(await ran(tmp_path, PLACES[place] % function, body, body))
    assert (bad.id, str(bad.outcome)) == ("a.yaml::c", "error")
    assert f"hooks:{function} raised" in bad.reason
    assert ENDS[body].rstrip("()") in bad.reason


@pytest.mark.parametrize("place", OWN)
@pytest.mark.parametrize("body", ENDS)
async def test_what_credentials_and_fixtures_raise(tmp_path, body, place):
    bad = the_bad(await ran(tmp_path, OWN[place], body))
    assert str(bad.outcome) == "error"
    assert ENDS[body].rstrip("()") in bad.reason


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("text", [*(text % "later" for text in PLACES.values()), *OWN.values()], ids=[*PLACES, *OWN])
async def test_a_hook_that_cancels_its_own_task(tmp_path, text):
    bad = the_bad(await ran(tmp_path, text, CANCELS))
    assert str(bad.outcome) == "error"
    assert "CancelledError" in bad.reason


@pytest.mark.parametrize(
    ("text", "body", "outcome", "told"),
    [
        (PLACES["verify"], "assert False, Odd()", "failed", "hooks:plain: <AssertionError whose str() raised"),
        (PLACES["expect"], "assert False, Odd()", "failed", "<AssertionError whose str() raised KeyboardInterrupt>"),
        (PLACES["auth"], "assert False, Odd()", "error", "whose repr() raised KeyboardInterrupt>"),
        (PLACES["verify"], "return Strange()", "error", "returned <Strange whose repr() raised GeneratorExit>"),
        (PLACES["expect"], "return Strange()", "error", "hooks:plain raised GeneratorExit()"),
        (PLACES["auth"], "return Strange()", "error", "the auth of its function raised GeneratorExit()"),
        (PLACES["verify"], "return Broken(a=1)", "error", "gave a mapping that raised KeyboardInterrupt()"),
        (PLACES["verify"], "return {Odd(): 1}", "error", "whose repr() raised KeyboardInterrupt> is no text"),
        (
            PLACES["verify"],
            "return {f'v{n}': n for n in range(1001)}",
            "error",
            "gave 1,001 variables: more than 1,000",
        ),
        (PLACES["verify"], "assert False, 'A' * 5_000_000", "failed", "hooks:plain: " + "A" * 4_000),
        (PLACES["expect"], "assert False, 'A' * 5_000_000", "failed", "A" * 4_000),
        (PLACES["verify"], "raise ValueError('A' * 5_000_000)", "error", "raised ValueError('AAA"),
    ],
)
async def test_what_says_nothing_of_itself_or_too_much(tmp_path, text, body, outcome, told):
    bad = the_bad(await ran(tmp_path, text % "plain", "pass", body))
    assert str(bad.outcome) == outcome
    said = bad.reason or bad.mismatches[0].message
    assert told in said
    assert len(said) < 4_100
    assert bad.traceback is None or len(bad.traceback) < 20_000


@pytest.mark.parametrize("use", ["{get: '/${x}'}", "{get: /item, expect: {json: {id: '${x}'}}}",
                                 "{get: /item, when: {x: 5}}", "{get: /item, json: {x: '${x}'}}"])  # fmt: skip
async def test_what_was_saved_says_nothing_of_itself(tmp_path, use):
    text = f"secrets: [y]\nchecks: [{{name: c, steps: [{{get: /item, verify: 'hooks:plain'}}, {use}]}}]"
    bad = the_bad(await ran(tmp_path, text, "pass", "return {'x': Strange(), 'y': Strange()}"))
    assert str(bad.outcome) == "error"
    assert "raised" in bad.reason or "Object of type Strange" in bad.reason


@pytest.mark.parametrize("use", ["when: {x: 5}", "each: [{n: '${x}'}], when: {n: 5}", "each: [{n: 'a${x}'}]",
                                 "expect: {json: {id: '${x}'}}"])  # fmt: skip
async def test_what_setup_saved_says_nothing_of_itself(tmp_path, use):
    text = f"setup: [{{get: /item, verify: 'hooks:plain'}}]\nchecks: [{{name: c, get: /item, {use}}}]"
    bad = the_bad(await ran(tmp_path, text, "pass", "return {'x': Strange()}"))
    assert str(bad.outcome) == "error"
    assert "raised" in bad.reason


async def test_what_a_procedure_is_given_says_nothing_of_itself(tmp_path):
    text = """
    procedures: {p: [{get: /item}]}
    checks: [{name: c, steps: [{get: /item, verify: 'hooks:plain'}, {use: '#p', with: {a: 'b${x}'}}]}]
    """
    bad = the_bad(await ran(tmp_path, text, "pass", "return {'x': Strange()}"))
    assert "a value cannot be worked with, it raised TypeError(" in bad.reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLACES["expect"] % "later", "hooks:later raised TimeoutError('it did not end within 0.3 s')"),
        (PLACES["verify"] % "later", "hooks:later did not end within 0.3 s"),
        (PLACES["auth"] % "later", "hooks:later did not end within 0.3 s"),
        (OWN["flow"], "no answer within"),
    ],
    ids=["expect", "verify", "auth", "flow"],
)
@pytest.mark.parametrize("body", ["await anyio.sleep(60)", "await stubborn()"])
async def test_what_takes_too_long_is_an_error_of_its_check(tmp_path, text, told, body):
    hang = "defaults: {timeout: 300ms}\n" + text
    found = await ran(tmp_path, hang, body)
    bad = the_bad(found)
    assert (str(bad.outcome), told in bad.reason) == ("error", True), bad.reason
    assert found.finished.duration < 3


async def test_a_poll_outlives_what_takes_too_long(tmp_path):
    text = """
    checks:
      - name: c
        get: /item
        timeout: 50ms
        poll: {until: {json: {id: {$call: 'hooks:later'}}}, every: 5ms, within: 120ms}
    """
    found = await ran(tmp_path, text, "await anyio.sleep(60)")
    assert found.outcomes["c"] == "failed"
    assert "did not end within 0.05 s" in found.check("::c").mismatches[0].message


FIXTURES = """
import anyio

async def dies():
    async def boom():
        await anyio.sleep(0.01)
        raise ValueError("boom")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(boom)
        yield {"given": 1}

async def hangs():
    yield
    await anyio.sleep(60)

def raises():
    yield
    raise SystemExit(4)

def fine():
    yield
"""


async def test_a_fixture_that_dies_in_mid_run_is_an_error_and_the_checks_go_on(tmp_path):
    (tmp_path / "hooks.py").write_text(FIXTURES)
    text = """
    fixtures: 'hooks:dies'
    checks: [{name: c, get: '/${given}', delay: 50ms}, {name: d, get: /}]
    teardown: [{get: /out}]
    """
    service = Service()
    found = await Ran(tmp_path, text, app=service).ended()
    assert found.outcomes == {"c": "passed", "d": "passed", "teardown": "passed", "fixture hooks:dies": "error"}
    assert found.check("fixture hooks:dies").reason == "hooks:dies raised ValueError('boom')"
    assert (found.finished.exit_code, service.asked[-1]) == (1, "GET /out")


async def test_a_fixture_that_hangs_after_a_stop_ends_with_the_grace(tmp_path, monkeypatch):
    import anyio

    monkeypatch.setattr("asgi_probe.engine.stopping.GRACE", 0.1)
    monkeypatch.setattr("asgi_probe.engine.fixtures._LAST", 0.05)
    (tmp_path / "hooks.py").write_text(FIXTURES)
    text = "fixtures: ['hooks:fine', 'hooks:raises', 'hooks:hangs']\nchecks: [{name: c, get: /, delay: 60s}]"
    run = Ran(tmp_path, text, app=Service())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.ended)
        await anyio.sleep(0.1)
        began = anyio.current_time()
        run.stop.request("interrupted", 130)
    assert anyio.current_time() - began < 2
    assert run.outcomes == {
        "c": "interrupted", "fixture hooks:hangs": "error", "fixture hooks:raises": "error"
    }  # fmt: skip
    assert run.check("fixture hooks:hangs").reason == "hooks:hangs did not close in the time that was left of the run"
    assert run.check("fixture hooks:raises").reason == "hooks:raises raised SystemExit(4)"
    assert run.finished.exit_code == 130
