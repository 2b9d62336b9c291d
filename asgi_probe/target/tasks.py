"""Tasks that outlive who starts them, on asyncio and trio.

They belong to no cancel scope of the starter's, get a copy of its context, and end by themselves or by being
cancelled. A task that ignores its cancellation can be left behind on asyncio; on trio, which waits for all of them, it
is closed when it has ignored it often enough, and only one that shields itself for ever is waited for.
"""

from __future__ import annotations

import sys
import types
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    Work = Coroutine[Any, Any, None]


_PATIENCE = 1_000
"""How many cancellations a task may ignore; trio repeats them at every checkpoint."""


class Event(Protocol):
    """Something that happens once and can be waited for."""

    def set(self) -> None: ...

    def is_set(self) -> bool: ...

    async def wait(self) -> object: ...


class Tasks(Protocol):
    """Starts tasks and makes events, on the event loop that runs."""

    def event(self) -> Event: ...

    def start(self, work: Work) -> Callable[[], object]:
        """Start `work`, which must never raise, and give what cancels it; to be kept, a loop holds its tasks weakly."""
        ...


def running_tasks() -> Tasks:
    """The tasks of the event loop that runs."""
    trio = sys.modules.get("trio")
    return TrioTasks() if trio is not None and trio.lowlevel.in_trio_run() else AsyncioTasks()


class AsyncioTasks:
    """Plain tasks of the running loop: an anyio task group cannot leave a task behind."""

    def __init__(self) -> None:
        import asyncio

        self.event = asyncio.Event
        self._create_task = asyncio.get_running_loop().create_task

    def start(self, work: Work) -> Callable[[], object]:
        """Start `work` and give what cancels it."""
        return self._create_task(work).cancel


class TrioTasks:
    """System tasks: a nursery would be cancelled together with whoever entered it."""

    def __init__(self) -> None:
        import trio

        self.event = trio.Event
        self._scope = trio.CancelScope
        self._cancelled = trio.Cancelled
        self._spawn = trio.lowlevel.spawn_system_task

    def start(self, work: Work) -> Callable[[], object]:
        """Start `work` and give what cancels it."""
        scope = self._scope()

        async def within() -> None:
            with scope:
                await _with_patience(work, self._cancelled)

        self._spawn(within, context=copy_context())
        return scope.cancel


_FOREIGN = "this waits for asyncio, but the event loop is trio's: run it with --backend asyncio"


@types.coroutine
def _with_patience(work: Work, cancelled: type[BaseException]) -> Generator[Any, Any, None]:
    """`await work`, but end it by force when it has swallowed too many cancellations.

    What waits for asyncio gets an error of its own: trio would end the whole run over it.
    """
    ignored = 0
    go_on: Callable[[], Any] = partial(work.send, None)
    while ignored <= _PATIENCE:
        try:
            trap = go_on()
        except StopIteration:
            return
        if hasattr(trap, "_asyncio_future_blocking"):
            go_on = partial(work.throw, RuntimeError(_FOREIGN))
            continue
        outcome = yield trap  # trio sends values and exceptions alike, as outcomes
        ignored += isinstance(getattr(outcome, "error", None), cancelled)
        go_on = partial(work.send, outcome)
    work.close()


_LAST = 1.0
"""Seconds that work gets to end when it is cancelled; after that nobody waits for it."""


@dataclass(slots=True)
class Ended:
    """How work ended that was done apart: what it gave, what it raised, or that it was too late."""

    value: Any = None
    raised: BaseException | None = None
    late: bool = False


async def apart(work: Coroutine[Any, Any, Any], seconds: float) -> Ended:
    """Do `work` in a task of its own, at most that long: whatever it does to its task, ours goes on.

    Work that ignores its cancellation is left behind.
    """
    try:
        await checkpoint()
    except BaseException:
        work.close()
        raise
    tasks, ended = running_tasks(), Ended()
    done = tasks.event()

    async def live() -> None:
        try:
            ended.value = await work
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's
            ended.raised = error
        done.set()

    cancel = tasks.start(live())
    try:
        with anyio.move_on_after(seconds) as limit:
            await done.wait()
    finally:
        if not done.is_set():
            cancel()
            with anyio.move_on_after(_LAST, shield=True):
                await done.wait()
    ended.late = limit.cancelled_caught
    return ended


def is_cancellation(error: BaseException) -> bool:
    """Whether it says that the running task is cancelled: code of the user's may raise such an exception by itself."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return isinstance(error, trio.Cancelled)
    asyncio = sys.modules["asyncio"]
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
