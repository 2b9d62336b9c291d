"""What the fixtures do: a target is built, entered in the loop of the test that asks, and asked by a client."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Literal

import pytest

from asgi_probe.config import TargetConfig
from asgi_probe.errors import UsageError
from asgi_probe.project.targets import build_target
from asgi_probe.project.workspace import default_target
from asgi_probe.spec.loader import find_root
from asgi_probe.testing.answers import keeper
from asgi_probe.testing.holding import Held
from asgi_probe.testing.session import problems_of, session_of
from asgi_probe.testing.telling import Broken
from asgi_probe.testing.wishes import wish_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from asgi_probe.target.base import Target

Place = Literal["anyio", "asyncio", "thread"]
"""Where a test's event loop is: anyio's plugin runs it, pytest-asyncio does, or there is none but ours."""

_PLACES = {"anyio": "an async test of anyio", "asyncio": "an async test of pytest-asyncio", "thread": "a sync test"}


@dataclass(frozen=True, slots=True)
class Entered:
    """A target that was entered, in which loop."""

    target: Target
    place: Place
    loop: object

    @property
    def app(self) -> Any:
        """The app; a live run skips the test that asks for it."""
        if self.target.kind == "live":
            pytest.skip("there is no app in a live run")
        return getattr(self.target, "app", None)

    def place_for(self, request: pytest.FixtureRequest) -> Place:
        """Where this test's client lives: in the loop of the target, if at all."""
        wanted = place_of(request)
        if wanted != self.place:
            raise UsageError(
                f"probe_app was started by {_PLACES[self.place]}, and this is {_PLACES[wanted]}: an app lives in one "
                "event loop; set the ini option probe_app_scope to function, or keep such tests in files of their own"
            )
        return wanted


def place_of(request: pytest.FixtureRequest) -> Place:
    """Where the test that asks has its event loop; a UsageError for an async test that nobody runs."""
    item = request._pyfuncitem  # noqa: SLF001 - what anyio and pytest-asyncio use: `node` is wider in wider scopes
    function = getattr(item, "obj", None)
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if not iscoroutinefunction(inner):
        return "thread"
    if "anyio_backend" in request.fixturenames:
        return "anyio"
    if item.get_closest_marker("asyncio") is not None:
        return "asyncio"
    raise UsageError(f"nobody runs the async test {item.name!r}: mark it with @pytest.mark.anyio")


def built(named: object, config: pytest.Config) -> Target:
    """The target that `probe_target` names, or the options and the configuration; apps are imported now."""
    root = find_root(config.rootpath)
    session = session_of(config)
    if named is None:
        chosen = default_target(session.project(root), wish_of(config))
    elif isinstance(named, str):
        chosen = _named(named, session.project(root).targets)
    else:
        return _of_app(named, config)
    if not chosen.app and not chosen.base_url:
        raise UsageError(
            "no app: say which with --probe-app module:attribute, with a default `target` under [tool.asgi-probe] in "
            "pyproject.toml, or with a fixture `probe_target` of your own that returns it"
        )
    return build_target(chosen, root=root, warn=session.warner(root), capture=False)


def _named(name: str, targets: dict[str, TargetConfig]) -> TargetConfig:
    if name in targets:
        return targets[name]
    return TargetConfig(base_url=name) if "://" in name else TargetConfig(app=name)


def _of_app(app: object, config: pytest.Config) -> Target:
    from asgi_probe.target.asgi import AppTarget
    from asgi_probe.target.importing import LoadedApp

    root = find_root(config.rootpath)
    loaded = LoadedApp(app, factory=False, reference="app")
    return AppTarget(loaded, root=root, warn=session_of(config).warner(root), capture=False)


@asynccontextmanager
async def entered(target: Target, place: Place) -> AsyncIterator[Entered]:
    """The target, entered in the loop that runs."""
    held = Held(target)
    await held.enter()
    try:
        yield Entered(target, place, _running_loop())
    finally:
        await held.leave()
        _tell(problems_of(target))


@contextmanager
def entered_in_thread(target: Target, config: pytest.Config) -> Iterator[Entered]:
    """The target, entered in the loop that specs and sync tests share."""
    session = session_of(config)
    held = Held(target)
    session.loop.call(held.enter)
    try:
        yield Entered(target, "thread", session.loop)
    finally:
        _tell(session.left(held))


@asynccontextmanager
async def async_client(entered: Entered, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """An `httpx.AsyncClient` on the target, in its loop."""
    from asgi_probe.target.user_client import open_client

    _refuse_another_loop(entered)
    keep = keeper(request.node)

    async def note(response: Any) -> None:
        keep(response)

    async def refuse_another_loop(request: Any) -> None:  # noqa: ARG001 - httpx passes it
        _refuse_another_loop(entered)  # the fixture's may not be the test's

    async with open_client(entered.target) as client:
        client.event_hooks = {"request": [refuse_another_loop], "response": [note]}
        yield client


def _refuse_another_loop(entered: Entered) -> None:
    if entered.loop is not _running_loop():
        raise UsageError(
            "probe_app lives in another event loop than this test: give both the same scope (probe_app_scope, and "
            "anyio_backend's or pytest-asyncio's loop_scope)"
        )


@contextmanager
def sync_client(entered: Entered, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An `httpx.Client` on the target, whose requests run in the loop of the target."""
    from asgi_probe.target.sync_client import SyncClient
    from asgi_probe.target.user_client import open_client

    with SyncClient(open_client(entered.target), session_of(request.config).loop.call) as client:
        client.event_hooks = {"response": [keeper(request.node)]}
        yield client


def _running_loop() -> object:
    """What tells one running event loop from another."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_root_task()
    from asyncio import get_running_loop

    return get_running_loop()


def _tell(problems: list[Any]) -> None:
    if problems:
        raise Broken([line for lines in problems for line in lines])
