"""`$call`: functions of the user's that judge a value, the async ones between two passes over the expectations."""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import ProbeError
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.values import ABSENT, Path, identity, show
from asgi_probe.spec.hooks import is_blocking
from asgi_probe.spec.written import quoted
from asgi_probe.terminal import survived

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.compiler import Patterns
    from asgi_probe.judge.findings import Findings
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Node

Function = "Callable[..., Any]"

_MOST_ROUNDS = 100
_LONGEST_REASON = 4000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verdict:
    """What the function said of a value: whether it accepts it, else why not, or what it raised instead."""

    accepted: bool
    reason: str = ""
    cause: BaseException | None = None


_PENDING = Verdict(accepted=True)
"""What is answered until an async function has been awaited."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pending:
    """A call that waits for its turn."""

    key: Hashable
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Raised(Exception):  # noqa: N818 - says what the user's code did
    """What a function raised that was awaited."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True, eq=False, repr=False)
class Calls:
    """The calls of one judging, each made once.

    `invoke(function, *arguments)` awaits one that is not plain, and raises nothing of its own but `Raised`.
    """

    probe: Any
    invoke: Callable[..., Awaitable[Any]]
    pending: list[Pending] = field(default_factory=list)
    _known: dict[Hashable, Verdict] = field(default_factory=dict)

    def verdict(self, call: Call, value: Any) -> Verdict:
        """What the function says of the value, at once if it is a plain one."""
        key = (call, identity(value))
        if key not in self._known:
            self._known[key] = self._first(key, call.hook, value)
        return self._known[key]

    def _first(self, key: Hashable, hook: Hook, value: Any) -> Verdict:
        function = hook.function
        if function is None:
            message = f"{hook.reference!r} has not been imported"
            raise RuntimeError(message)
        arguments = (value, self.probe) if _takes_probe(function) else (value,)
        if _waits(function):
            self.pending.append(Pending(key, function, arguments))
            return _PENDING
        try:
            said = function(*arguments)
            if inspect.isawaitable(said):
                self.pending.append(Pending(key, _awaiting(said), ()))
                return _PENDING
            return _verdict(said)
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            return _raised(error)

    async def settle(self) -> None:
        """Await all that is pending, one after the other."""
        while self.pending:
            call = self.pending.pop(0)
            try:
                self._known[call.key] = _verdict(await self.invoke(call.function, *call.arguments))
            except Raised as raised:
                self._known[call.key] = _raised(raised.error)


def _takes_probe(function: Callable[..., Any]) -> bool:
    """Whether it wants a second argument; one with a default only if that is called `probe`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(plain) > 1 and (plain[1].default is plain[1].empty or plain[1].name == "probe")


def _waits(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", function)  # noqa: B004 - an instance may have an async one
    return is_blocking(function) or inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _awaiting(said: Awaitable[Any]) -> Callable[[], Awaitable[Any]]:
    async def given() -> Any:
        return await said

    return given


def _verdict(said: Any) -> Verdict:
    try:
        if said:
            return Verdict(accepted=True)
    except BaseException as error:  # noqa: BLE001 - an array of many values has no truth, and says so
        return _raised(error)
    hint = "it returned nothing; let it return True for what is right" if said is None else ""
    return Verdict(accepted=False, reason=hint and f"; {hint}")


def _raised(error: BaseException) -> Verdict:
    if isinstance(error, AssertionError):
        reason = survived(error).strip()
        return Verdict(accepted=False, reason=reason and f": {reason[:_LONGEST_REASON]}")
    return Verdict(accepted=False, cause=error)


_ACTIVE: ContextVar[Calls] = ContextVar("calls")


async def judge_with_calls(judge: Callable[[], list[Mismatch]], calls: Calls) -> list[Mismatch]:
    """What `judge` finds once every `$call` that it comes to has been made.

    Raises what `judge` raises, and Unjudgeable where a function raises anything but an AssertionError.
    """
    for _ in range(_MOST_ROUNDS):
        found = _pass(judge, calls)
        if not calls.pending:
            if isinstance(found, ProbeError):
                raise found
            return found
        await calls.settle()
    raise Unjudgeable(None, f"'$call' came to new values {_MOST_ROUNDS} times over")


def _pass(judge: Callable[[], list[Mismatch]], calls: Calls) -> list[Mismatch] | ProbeError:
    """One pass; what it finds or raises counts only when nothing was pending."""
    token = _ACTIVE.set(calls)
    try:
        return judge()
    except ProbeError as error:
        return error
    finally:
        _ACTIVE.reset(token)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call:
    """`$call`: a function of the user's accepts the value."""

    node: Node
    hook: Hook
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return value is not ABSENT and self._verdict(value).accepted

    def _verdict(self, value: Any) -> Verdict:
        calls = _ACTIVE.get(None)
        if calls is None:
            message = f"'$call: {self.hook.reference}' is judged only by judge_with_calls"
            raise RuntimeError(message)
        verdict = calls.verdict(self, value)
        if verdict.cause is not None:
            name = type(verdict.cause).__name__
            text = survived(verdict.cause)
            reason = f"{self.hook.reference} raised {name}({quoted(text, 200) if text else ''})"
            raise Unjudgeable(None, reason, self.node, verdict.cause)
        return verdict

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        verdict = self._verdict(value)
        reason = verdict.reason.removeprefix(": ")
        if reason != verdict.reason:  # its own, which says what it expected
            findings.add(self.node, path, reason, None, value)
        else:
            findings.add(self.node, path, f"expected {words}, got {show(value)}{reason}", words, value)

    def words(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return f"a value that {self.hook.reference} accepts"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002 - nobody knows
        return False


def compile_call(_name: str, node: Node, patterns: Patterns) -> Pattern | None:
    """The call of the function that is named at `node`, to be imported before the run."""
    hook = patterns.compilation.hook(node)
    return None if hook is None else Call(node, hook)
