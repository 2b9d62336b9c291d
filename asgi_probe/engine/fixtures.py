"""Fixtures: the user's context managers, open around a file's checks, each in a task of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.hooks import invoke, takes_probe
from asgi_probe.engine.inspection import HookError, variables_of
from asgi_probe.spec.template import VariableError
from asgi_probe.target.tasks import running_tasks
from asgi_probe.target.tracebacks import in_a_line, unwrapped

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from contextlib import AbstractContextManager

    from asgi_probe.engine.inspection import Inspection
    from asgi_probe.engine.plan import HookPlan
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.target.tasks import Event

OPENING = 30.0
"""Seconds that a fixture gets to open."""
CLOSING = 10.0
"""Seconds that a fixture gets to close."""
_CANCELLING = 1.0
_LAST = 0.5
Bounded = Callable[[], "AbstractContextManager[anyio.CancelScope]"]
"""The bounds within which something may still run that must."""

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A fixture that did not open or close: why, and what it raised."""

    hook: Hook
    reason: str
    raised: BaseException | None = None


@dataclass(slots=True, eq=False)
class Fixtures:
    """The fixtures of one file.

    `given` are the variables that they yield, `broken` is what went wrong on the way in, `left_broken` on the way out.
    """

    plans: Sequence[HookPlan]
    inspection: Inspection
    given: Scope = field(default_factory=dict)
    broken: Broken | None = None
    left_broken: list[Broken] = field(default_factory=list)
    _open: list[_Fixture] = field(default_factory=list)

    async def open(self, scope: Scope) -> None:
        """Open all in order; what they yield is in `given`. Stops at the first that does not open."""
        for plan in self.plans:
            fixture = _Fixture(plan.hook)
            try:
                self.given.update(await fixture.open(self._making(plan, scope | self.given)))
            except HookError as error:
                self.broken = Broken(plan.hook, str(error), error.raised)
            if fixture.is_open:
                self._open.append(fixture)
            if self.broken is not None:
                return

    async def close(self, bounded: Bounded) -> None:
        """Leave all that were entered, in reverse, each in its time and within the bounds of the run's end."""
        for fixture in reversed(self._open):
            try:
                with bounded() as bound:
                    await fixture.close()
                if not fixture.is_cut:
                    fixture.raise_its_own()
                elif bound.cancelled_caught:
                    reason = f"{fixture.hook.reference} did not close in the time that was left of the run"
                    self.left_broken.append(Broken(fixture.hook, reason))
            except HookError as error:
                self.left_broken.append(Broken(fixture.hook, str(error), error.raised))

    async def _making(self, plan: HookPlan, scope: Scope) -> Any:
        """The fixture's context manager."""
        hook, function = plan.hook, plan.hook.function
        if function is None:
            message = f"{hook.reference!r} has not been imported"
            raise RuntimeError(message)
        try:
            given = plan.given.render(scope) if plan.given is not None else {}
        except VariableError as error:
            raise HookError(str(error), error.node) from None
        arguments = (self.inspection.probe(scope, None),) if takes_probe(function) else ()
        if inspect.isasyncgenfunction(function):
            return asynccontextmanager(function)(*arguments, **given)
        if inspect.isgeneratorfunction(function):
            return contextmanager(function)(*arguments, **given)
        made = await invoke(function, *arguments, **given)
        if not hasattr(made, "__aenter__") and not hasattr(made, "__enter__"):
            raise HookError(
                f"{hook.reference} gave {type(made).__name__!r}: expected a context manager, or a generator function",
                hook.node,
            )
        return made


class _Fixture:
    """One fixture, in a task of its own: task groups and cancel scopes want to be left where they were entered.

    No cancel scope of ours may stand around what the user's code enters and leaves: time is watched from outside.
    """

    def __init__(self, hook: Hook) -> None:
        tasks = self._tasks = running_tasks()
        self.hook = hook
        self.is_open = False
        self.is_cut = False
        """Whether it was cancelled, having taken too long."""
        self._opened, self._leave, self._left = tasks.event(), tasks.event(), tasks.event()
        self._value: Any = None
        self._raised: BaseException | None = None
        self._cancel: Callable[[], object] = lambda: None

    async def open(self, making: Coroutine[Any, Any, Any]) -> Scope:
        """Enter it; gives the variables that it yields. Raises HookError."""
        self._cancel = self._tasks.start(self._live(making))
        if await self._in_vain(self._opened, OPENING):
            raise HookError(f"{self.hook.reference} did not open within {OPENING:g} s", self.hook.node)
        self.raise_its_own()
        return variables_of(self._value, self.hook) if isinstance(self._value, Mapping) else {}

    async def close(self) -> None:
        """Leave it. Raises HookError."""
        self._leave.set()
        if await self._in_vain(self._left, CLOSING):
            raise HookError(f"{self.hook.reference} did not close within {CLOSING:g} s", self.hook.node)
        self.raise_its_own()

    async def _in_vain(self, event: Event, seconds: float) -> bool:
        """Wait for an event; whether it did not come in time, and what it waited for was cancelled."""
        try:
            with anyio.move_on_after(seconds) as limit:
                await event.wait()
        finally:
            if not event.is_set():
                with anyio.move_on_after(_LAST, shield=True):  # it may just have been told to leave
                    await event.wait()
            if not event.is_set():
                self.is_cut = True
                self._cancel()
                with anyio.move_on_after(_CANCELLING, shield=True):
                    await event.wait()
        return limit.cancelled_caught

    def raise_its_own(self) -> None:
        """Raise a HookError for what it raised, if it did."""
        match self._raised:
            case None:
                return
            case HookError() as error:
                raise error
            case error:
                reason = f"{self.hook.reference} raised {in_a_line(unwrapped(error))}"
                raise HookError(reason, self.hook.node, unwrapped(error))

    async def _live(self, making: Coroutine[Any, Any, Any]) -> None:
        """From its begin to its end; never raises."""
        try:
            async with AsyncExitStack() as stack:
                manager = await making
                if hasattr(manager, "__aenter__"):
                    self._value = await stack.enter_async_context(manager)
                else:
                    self._value = stack.enter_context(manager)
                self.is_open = True
                self._opened.set()
                await self._leave.wait()
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, at any time
            self._raised = error
        self._opened.set()
        self._left.set()
