"""Fixtures: the user's context managers, open around a file's checks in a task of their own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.hooks import invoke, of_this_loop, takes_probe
from asgi_probe.engine.inspection import HookError, variables_of
from asgi_probe.spec.template import VariableError
from asgi_probe.target.tasks import running_tasks
from asgi_probe.target.tracebacks import in_a_line, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.inspection import Inspection
    from asgi_probe.engine.plan import HookPlan
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.target.tasks import Event

OPENING = 30.0
"""Seconds that a fixture gets to open."""
CLOSING = 10.0
"""Seconds that a fixture gets to close."""
_CANCELLING = 1.0

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A fixture that did not open or close: why, and what it raised."""

    hook: Hook
    reason: str
    raised: BaseException | None = None


@dataclass(slots=True, eq=False)
class _Task:
    """The task in which fixtures live."""

    opened: Event
    leave: Event
    left: Event
    cancel: Callable[[], object] = lambda: None


@dataclass(slots=True, eq=False)
class Fixtures:
    """The fixtures of one file. They are entered and left in one task, as task groups and cancel scopes want it.

    `given` are the variables that they yield, `broken` is what went wrong on the way in, `left_broken` on the way out.
    """

    plans: Sequence[HookPlan]
    inspection: Inspection
    given: Scope = field(default_factory=dict)
    broken: Broken | None = None
    left_broken: list[Broken] = field(default_factory=list)
    _task: _Task | None = None

    async def open(self, scope: Scope) -> None:
        """Open all in order; what they yield is in `given`. Stops at the first that does not open."""
        tasks = running_tasks()
        task = self._task = _Task(tasks.event(), tasks.event(), tasks.event())
        task.cancel = tasks.start(self._live(dict(scope), task))
        await task.opened.wait()

    async def close(self) -> None:
        """Leave all that were entered, in reverse, each in its time; when cancelled, those that hang are cancelled."""
        task = self._task
        if task is None:
            return
        task.leave.set()
        try:
            await task.left.wait()
        except BaseException:
            task.cancel()
            with anyio.move_on_after(_CANCELLING, shield=True):
                await task.left.wait()
            raise

    async def _live(self, scope: Scope, task: _Task) -> None:
        """From the first one's begin to its end; never raises."""
        entered: list[tuple[HookPlan, Any]] = []
        try:
            for plan in self.plans:
                if not await self._enter(plan, scope, entered):
                    break
            task.opened.set()
            await task.leave.wait()
        except BaseException as error:  # noqa: BLE001 - cancelled: leaving is all that is left
            del error
        finally:
            task.opened.set()
            for plan, manager in reversed(entered):
                await self._exit(plan, manager)
            task.left.set()

    async def _enter(self, plan: HookPlan, scope: Scope, entered: list[tuple[HookPlan, Any]]) -> bool:
        hook = plan.hook
        try:
            with anyio.fail_after(OPENING):
                given = plan.given.render(scope) if plan.given is not None else {}
                manager = await self._made(hook, given, scope)
                value = await manager.enter()
            entered.append((plan, manager))
            if isinstance(value, Mapping):
                found = variables_of(value, hook)
                self.given.update(found)
                scope.update(found)
        except (HookError, VariableError) as error:
            self.broken = Broken(hook, str(error))
        except TimeoutError as error:
            own = error.__traceback__ is not None and error.__traceback__.tb_next is None
            reason = f"did not open within {OPENING:g} s" if own else f"raised {in_a_line(error)}"
            self.broken = Broken(hook, f"{hook.reference} {reason}", None if own else error)
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            inner = unwrapped(error)
            self.broken = Broken(hook, f"{hook.reference} raised {in_a_line(inner)}", inner)
        return self.broken is None

    async def _made(self, hook: Hook, given: Scope, scope: Scope) -> _Manager:
        function = hook.function
        if function is None:
            message = f"{hook.reference!r} has not been imported"
            raise RuntimeError(message)
        arguments = (self.inspection.probe(scope, None),) if takes_probe(function) else ()
        if inspect.isasyncgenfunction(function):
            return _Manager(asynccontextmanager(function)(*arguments, **given))
        if inspect.isgeneratorfunction(function):
            return _Manager(contextmanager(function)(*arguments, **given))
        made = await invoke(function, *arguments, **given)
        if not hasattr(made, "__aenter__") and not hasattr(made, "__enter__"):
            raise HookError(
                f"{hook.reference} gave {type(made).__name__!r}: expected a context manager, or a generator function",
                hook.node,
            )
        return _Manager(made)

    async def _exit(self, plan: HookPlan, manager: _Manager) -> None:
        hook = plan.hook
        try:
            with anyio.move_on_after(CLOSING, shield=True) as limit:
                await manager.exit()
            if limit.cancelled_caught:
                self.left_broken.append(Broken(hook, f"{hook.reference} did not close within {CLOSING:g} s"))
        except BaseException as error:  # noqa: BLE001 - as above
            inner = unwrapped(error)
            self.left_broken.append(Broken(hook, f"{hook.reference} raised {in_a_line(inner)}", inner))


class _Manager:
    """A context manager, sync or async, entered and left by hand."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._stack = AsyncExitStack()

    async def enter(self) -> Any:
        if hasattr(self._manager, "__aenter__"):
            return await of_this_loop(self._stack.enter_async_context(self._manager))
        return self._stack.enter_context(self._manager)

    async def exit(self) -> None:
        await of_this_loop(self._stack.aclose())
