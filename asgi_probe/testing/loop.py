"""An event loop in a thread of its own, for whoever is not async."""

from __future__ import annotations

import sys
from collections import deque
from concurrent.futures import Future, wait
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import CancelScope, Event, create_task_group, get_cancelled_exc_class

from asgi_probe.engine.backend import run_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from asgi_probe.engine.backend import Backend

T = TypeVar("T")
_PATIENCE = 10.0
"""Seconds that the thread gets to end."""


class Loop:
    """The event loop that specs and sync tests share; its thread starts with the first call."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._thread: Thread | None = None
        self._calls: _Calls | None = None

    def call(self, work: Callable[..., Awaitable[T]], *args: Any, give_up: Callable[[], float] | None = None) -> T:
        """What `work` gives, or raises, in the loop.

        When the wait is interrupted, `give_up` asks the work to end, and says how many seconds it gets for that.
        """
        future: Future[T] = Future()
        self._running().begin(partial(work, *args), future)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                wait([future], give_up() if give_up else 0.0)
                future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread, if they have begun."""
        if self._calls is None or self._thread is None:
            return
        self._calls.stop()
        self._thread.join(_PATIENCE)
        self._calls = self._thread = None

    def _running(self) -> _Calls:
        if self._calls is None:
            begun: Future[_Calls] = Future()
            # a daemon: what never ends must not keep the process
            self._thread = Thread(target=self._run, args=(begun,), daemon=True, name="asgi-probe's event loop")
            self._thread.start()
            self._calls = begun.result()
        return self._calls

    def _run(self, begun: Future[_Calls]) -> None:
        try:
            run_async(partial(_serve, begun), self._backend)
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)


class _Calls:
    """Calls that come from other threads: anyio's portal hands each over twice, which costs more than most checks."""

    def __init__(self) -> None:
        self.soon = _from_threads()
        self._waiting: deque[Callable[[TaskGroup], object]] = deque()
        self._coming = Event()
        self._stopped = False

    def begin(self, work: Callable[[], Awaitable[T]], future: Future[T]) -> None:
        """Do the work in the loop, in the caller's context; `future` gets what comes of it, and may be cancelled."""
        context = copy_context()  # a task gets the one in which it is made
        self._waiting.append(lambda tasks: context.run(tasks.start_soon, self._answer, work, future))
        self.soon(self._come)

    def stop(self) -> None:
        """Cancel what is left."""
        self._stopped = True
        self.soon(self._come)

    def _come(self) -> None:
        self._coming.set()

    async def serve(self) -> None:
        """Do the calls until they are stopped."""
        async with create_task_group() as tasks:
            while not self._stopped:
                await self._coming.wait()
                self._coming = Event()
                while self._waiting:
                    self._waiting.popleft()(tasks)
            tasks.cancel_scope.cancel()

    async def _answer(self, work: Callable[[], Awaitable[T]], future: Future[T]) -> None:
        try:
            with CancelScope() as scope:
                future.add_done_callback(lambda done: self.soon(scope.cancel) if done.cancelled() else None)
                result = await work()
        except get_cancelled_exc_class():
            future.cancel()
            raise
        except BaseException as error:
            if not future.cancelled():
                future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not future.cancelled():
                future.set_result(result)


def _from_threads() -> Callable[[Callable[[], object]], object]:
    """What runs a function soon in the running loop; any thread may call it."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        soon: Callable[[Callable[[], object]], object] = trio.lowlevel.current_trio_token().run_sync_soon
        return soon
    from asyncio import get_running_loop

    return get_running_loop().call_soon_threadsafe


async def _serve(begun: Future[_Calls]) -> None:
    calls = _Calls()
    begun.set_result(calls)
    await calls.serve()
