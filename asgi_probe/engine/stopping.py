"""How a run is stopped: by too many failures or by a signal, from anywhere, at any time."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

import anyio

from asgi_probe.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Reason = Literal["fail-fast", "interrupted"]

GRACE = 5.0
"""Seconds that `finally` and `teardown` get after a run was stopped."""


class Stop:
    """Cancels what is in flight, once, and bounds what must still run.

    `request` may be called before the loop runs, from another thread and from a signal's handler.
    """

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.exit_code = ExitCode.GREEN
        self._running: set[anyio.CancelScope] = set()
        self._closing: set[anyio.CancelScope] = set()
        self._call_soon: Callable[[Callable[[], None]], object] | None = None
        self._clock: Callable[[], float] = anyio.current_time
        self._deadline: float | None = None

    @property
    def attached(self) -> bool:
        """Whether there is a run that can be stopped in order."""
        return self._call_soon is not None

    def attach(self) -> None:
        """Bind to the running event loop, so that a signal's handler can reach it."""
        self._call_soon, self._clock = _loop()

    def request(self, reason: Reason, exit_code: ExitCode = ExitCode.FAILED) -> None:
        """Stop the run for that reason; the first reason counts, but a signal outranks fail-fast."""
        if self.reason is None or reason == "interrupted":
            self.reason, self.exit_code = reason, exit_code
        if self._call_soon is not None:
            with suppress(RuntimeError):  # the loop has just ended: nothing is left to stop
                self._call_soon(self._cancel)

    @contextmanager
    def running(self, timeout: float | None = None) -> Iterator[anyio.CancelScope]:
        """Work that a stop cancels at once; its scope says in `cancelled_caught` whether that happened.

        With a `timeout` in seconds it is cancelled after that, too.
        """
        with anyio.move_on_after(timeout) as scope:
            self._running.add(scope)
            if self.reason:
                scope.cancel()
            try:
                yield scope
            finally:
                self._running.discard(scope)

    def release(self, scope: anyio.CancelScope) -> None:
        """From now on a stop leaves that work alone."""
        self._running.discard(scope)

    @contextmanager
    def closing(self) -> Iterator[anyio.CancelScope]:
        """Work that must run even after a stop, but then has no more than the grace."""
        with anyio.CancelScope(shield=True) as scope:
            self._closing.add(scope)
            if self.reason:
                scope.deadline = self._grace_ends()
            try:
                yield scope
            finally:
                self._closing.discard(scope)

    def _cancel(self) -> None:
        for scope in tuple(self._running):
            scope.cancel()
        deadline = self._grace_ends()
        for scope in tuple(self._closing):
            scope.deadline = min(scope.deadline, deadline)

    def grace(self) -> float:
        """Seconds that are left of the grace, after a stop."""
        return max(0.0, self._grace_ends() - self._clock())

    def _grace_ends(self) -> float:
        """One moment for the whole run: `finally` and `teardown` share the grace."""
        if self._deadline is None:
            self._deadline = self._clock() + GRACE
        return self._deadline


def _loop() -> tuple[Callable[[Callable[[], None]], object], Callable[[], float]]:
    """How to call into the running loop from anywhere, and its clock, which works where no task runs."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_trio_token().run_sync_soon, trio.current_time
    from asyncio import get_running_loop

    loop = get_running_loop()
    return loop.call_soon_threadsafe, loop.time
