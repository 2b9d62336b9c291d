"""An event loop in a thread of its own, for whoever is not async."""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from anyio.from_thread import BlockingPortal

from asgi_probe.engine.backend import run_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asgi_probe.engine.backend import Backend

T = TypeVar("T")
_PATIENCE = 10.0
"""Seconds that the thread gets to end."""


class Loop:
    """The event loop that specs and sync tests share; its thread starts with the first call."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._thread: Thread | None = None
        self._portal: BlockingPortal | None = None

    def call(self, work: Callable[..., Awaitable[T]], *args: Any, give_up: Callable[[], float] | None = None) -> T:
        """What `work` gives, or raises, in the loop.

        When the wait is interrupted, `give_up` asks the work to end, and says how many seconds it gets for that.
        """
        future = self._running().start_task_soon(work, *args)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                wait([future], give_up() if give_up else 0.0)
                future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread, if they have begun."""
        if self._portal is None or self._thread is None:
            return
        self._portal.start_task_soon(self._portal.stop, True)  # noqa: FBT003 - it cancels what is left
        self._thread.join(_PATIENCE)
        self._portal = self._thread = None

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            begun: Future[BlockingPortal] = Future()
            # a daemon: what never ends must not keep the process
            self._thread = Thread(target=self._run, args=(begun,), daemon=True, name="asgi-probe's event loop")
            self._thread.start()
            self._portal = begun.result()
        return self._portal

    def _run(self, begun: Future[BlockingPortal]) -> None:
        try:
            run_async(partial(_serve, begun), self._backend)
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)


async def _serve(begun: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        begun.set_result(portal)
        await portal.sleep_until_stopped()
