"""A target that stays entered from one call to another, whichever tasks they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.target.tasks import running_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.target.base import Target
    from asgi_probe.target.tasks import Event


@dataclass(slots=True, eq=False)
class _Task:
    """The task in which the target is entered and left."""

    entered: Event
    leave: Event
    left: Event
    cancel: Callable[[], object] = lambda: None
    """To be kept: a loop holds its tasks weakly."""
    error: BaseException | None = None


class Held:
    """Enters a target and leaves it in one task of its own, as targets want it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._task: _Task | None = None

    async def enter(self) -> None:
        """Enter the target, or raise what it raises."""
        tasks = running_tasks()
        task = self._task = _Task(tasks.event(), tasks.event(), tasks.event())
        task.cancel = tasks.start(self._live(task))
        try:
            await task.entered.wait()
        except BaseException:
            task.cancel()
            raise
        if task.error is not None:
            self._task = None
            raise task.error

    async def leave(self) -> None:
        """Leave it, if it was entered; what went wrong is in the target's `problems`."""
        task, self._task = self._task, None
        if task is not None:
            task.leave.set()
            await task.left.wait()

    async def _live(self, task: _Task) -> None:
        try:
            async with self.target:
                task.entered.set()
                await task.leave.wait()
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            task.error = error
        finally:
            task.entered.set()
            task.left.set()
