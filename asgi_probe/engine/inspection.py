"""What looks behind an answer: the user's functions, called with the probe, under the step's timeout."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.hooks import invoke, takes_probe
from asgi_probe.engine.plan import HookPlan
from asgi_probe.engine.results import Mismatch
from asgi_probe.judge.calls import Raised
from asgi_probe.spec.variables import naming_fault
from asgi_probe.spec.written import display
from asgi_probe.target.tasks import apart
from asgi_probe.target.tracebacks import asserted, in_a_line, unwrapped
from asgi_probe.terminal import survived

if TYPE_CHECKING:
    from asgi_probe.engine.databases import Databases
    from asgi_probe.engine.description import Description
    from asgi_probe.engine.plan import Looks
    from asgi_probe.engine.sql import SqlPlan
    from asgi_probe.exchange import Answer
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Node
    from asgi_probe.target.base import Target
    from asgi_probe.target.probe import Probe
    from asgi_probe.target.session import Session

Scope = dict[str, Any]
_MOST_VARIABLES = 1_000
_LONGEST_MESSAGE = 4_000
Keep = Callable[[str, Any, "Node"], None]
"""Takes a variable: its name, its value, and where the function is named that gave it."""


class HookError(Exception):
    """A function of the user's that gave no verdict: the reason, where it is named, and what it raised."""

    def __init__(self, reason: str, node: Node, raised: BaseException | None = None) -> None:
        super().__init__(reason)
        self.node = node
        self.raised = raised


class Pools:
    """The databases of a run, opened when the first is asked."""

    def __init__(self) -> None:
        self._databases: Databases | None = None

    @property
    def databases(self) -> Databases:
        """One pool a database."""
        if self._databases is None:
            from asgi_probe.engine.databases import Databases

            self._databases = Databases()
        return self._databases

    @property
    def passwords(self) -> frozenset[str]:
        """Those of the databases that were asked; they are never told."""
        return frozenset(self._databases.passwords) if self._databases is not None else frozenset()

    async def aclose(self) -> None:
        """Close them all."""
        if self._databases is not None:
            await self._databases.aclose()


@dataclass(frozen=True, slots=True)
class Inspection:
    """Looks behind the answers of one check: by the user's functions, and into databases."""

    session: Session
    target: Target
    pools: Pools
    description: Description

    def probe(self, scope: Scope, answer: Answer | None) -> Probe:
        """What a function gets."""
        from asgi_probe.target.probe import probe_for

        return probe_for(self.session, scope, answer, self.target)

    async def look(
        self, looks: Looks, scope: Scope, answer: Answer | None, seconds: float, keep: Keep, mismatches: list[Mismatch]
    ) -> None:
        """Call all, each within so many seconds; raises HookError and VariableError.

        What they find wrong is in `mismatches`, however it ends. What one returns goes to `keep`, and is in `scope` for
        the next.
        """
        for look in looks:
            if not isinstance(look, HookPlan):
                mismatches += await self._queried(look, scope, seconds)
                continue
            given = look.given.render(scope) if look.given is not None else {}
            saved = await self._asserted(look, given, self.probe(scope, answer), seconds, mismatches)
            for name, value in saved.items():
                keep(name, value, look.node)

    async def _queried(self, plan: SqlPlan, scope: Scope, seconds: float) -> list[Mismatch]:
        from asgi_probe.engine.sql import SqlError

        with anyio.move_on_after(seconds):
            try:
                return await plan.run(self.pools.databases, scope)
            except SqlError as error:
                raise HookError(str(error), error.node) from None
        raise HookError(f"the database did not answer within {seconds:g} s", plan.node)

    async def _asserted(
        self, look: HookPlan, given: dict[str, Any], probe: Probe, seconds: float, mismatches: list[Mismatch]
    ) -> dict[str, Any]:
        try:
            return _to_save(await call(look.hook, probe, given, seconds), look.hook)
        except AssertionError as error:
            mismatches.append(_mismatch(look.hook, error))
            return {}


async def call(hook: Hook, probe: Probe, given: dict[str, Any], seconds: float) -> Any:
    """What the function gives, in time; raises AssertionError as it is, and HookError for all else that it raises."""
    function = hook.function
    if function is None:
        message = f"{hook.reference!r} has not been imported"
        raise RuntimeError(message)
    began = perf_counter()
    ended = await apart(invoke(function, *((probe,) if takes_probe(function) else ()), **given), seconds)
    took = perf_counter() - began
    if ended.late or took > seconds:
        late = "" if ended.late else f"; it took {took:.3g} s and kept all others waiting"
        raise HookError(f"{hook.reference} did not end within {seconds:g} s{late}", hook.node)
    if ended.raised is None:
        return ended.value
    inner = unwrapped(ended.raised)
    if isinstance(inner, AssertionError):
        raise inner
    raise HookError(f"{hook.reference} raised {in_a_line(inner)}", hook.node, inner)


def invoking(seconds: float) -> Callable[..., Awaitable[Any]]:
    """Calls functions that judge a value, each within so many seconds; raises `Raised`."""

    async def judge(function: Callable[..., Any], *arguments: Any) -> Any:
        ended = await apart(invoke(function, *arguments), seconds)
        if ended.late:
            raise Raised(TimeoutError(f"it did not end within {seconds:g} s"))
        if ended.raised is not None:
            raise Raised(unwrapped(ended.raised))
        return ended.value

    return judge


def _to_save(given: Any, hook: Hook) -> dict[str, Any]:
    """What a function returned, to be saved."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        hint = "use assert to say what must hold" if isinstance(given, bool) else "expected None, or a mapping to save"
        raise HookError(f"{hook.reference} returned {display(given)}: {hint}", hook.node)
    return variables_of(given, hook)


def variables_of(given: Mapping[Any, Any], hook: Hook) -> dict[str, Any]:
    """A mapping as variables; a HookError for what cannot name one."""
    try:
        found = dict(given)
    except BaseException as error:  # noqa: BLE001 - it is the user's own class, and nothing here waits
        raise HookError(f"{hook.reference} gave a mapping that raised {in_a_line(error)}", hook.node, error) from None
    if len(found) > _MOST_VARIABLES:
        raise HookError(f"{hook.reference} gave {len(found):,} variables: more than {_MOST_VARIABLES:,}", hook.node)
    for name in found:
        fault = (
            naming_fault(name) if isinstance(name, str) else f"{display(name)} is no text and cannot name a variable"
        )
        if fault:
            raise HookError(f"{hook.reference}: {fault}", hook.node)
    return found


def _mismatch(hook: Hook, error: AssertionError) -> Mismatch:
    at = hook.node.location
    said = survived(error)[:_LONGEST_MESSAGE].strip() or asserted(error)
    message = f"{hook.reference}: {said}" if said else f"{hook.reference}: an assertion failed"
    line = at.source.line(at.line)
    return Mismatch("hook", None, message, None, None, at.source.name, at.line, at.column, at.width, line)
