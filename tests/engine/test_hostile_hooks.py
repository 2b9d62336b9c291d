"""What the user's functions may do to the run that calls them: an error of their check, and nothing more."""

from __future__ import annotations

import sys
from textwrap import dedent, indent
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
