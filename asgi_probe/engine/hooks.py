"""The user's functions: imported before the run, called in its event loop."""

from __future__ import annotations

import inspect
import sys
import types
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from asgi_probe.errors import TargetError
from asgi_probe.spec.hooks import is_blocking
from asgi_probe.spec.source import did_you_mean
from asgi_probe.target.importing import import_attribute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
    from pathlib import Path

    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Problems


def import_hooks(hooks: Iterable[Hook], root: Path, problems: Problems) -> None:
    """Import all functions, in the thread that asks; what cannot be, or does not take what it is given, is reported."""
    for hook in hooks:
        if hook.function is None:
            _import(hook, root, problems)


def _import(hook: Hook, root: Path, problems: Problems) -> None:
    try:
        found = import_attribute(hook.reference, root=root)
    except TargetError as error:
        problems.add(hook.node, str(error), traceback=error.traceback)
        return
    if not callable(found):
        problems.add(hook.node, f"{hook.reference!r} is no function but {type(found).__name__!r}")
        return
    hook.function = found
    _check_arguments(hook, found, problems)


def _check_arguments(hook: Hook, function: Callable[..., Any], problems: Problems) -> None:
    signature = _signature(function)
    if signature is None or hook.given is None:
        return
    probe = (None,) if takes_probe(function) else ()
    try:
        signature.bind(*probe, **dict.fromkeys(hook.given))
    except TypeError as error:
        problems.add(
            hook.node,
            f"{hook.reference!r} does not take what it is given: {error}",
            _what_it_takes(signature, hook.given, len(probe)),
        )


def _what_it_takes(signature: inspect.Signature, given: Sequence[str], by_position: int) -> str:
    first, named = [*signature.parameters][:by_position], [*signature.parameters][by_position:]
    if first and first[0] in given:
        return f"its first argument is the probe: write (probe, {first[0]}), or (*, {first[0]}) to get none"
    odd = next((name for name in given if name not in named), "")
    return did_you_mean(odd, named) or f"it takes ({', '.join(signature.parameters)})"


def takes_probe(function: Callable[..., Any]) -> bool:
    """Whether it takes anything by position: then that is the probe."""
    signature = _signature(function)
    if signature is None:
        return True
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    return any(kind in (*by_position, inspect.Parameter.VAR_POSITIONAL) for kind in kinds)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


async def invoke(function: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """Call a function of the user's and wait for what it gives; a blocking one in a thread, all others in the loop."""
    if is_blocking(function):
        return await anyio.to_thread.run_sync(partial(function, *args, **given), abandon_on_cancel=True)
    made = function(*args, **given)
    return await of_this_loop(made) if inspect.isawaitable(made) else made


def of_this_loop(awaitable: Awaitable[Any]) -> Awaitable[Any]:
    """The awaitable; on trio, which would end the run over it, what waits for asyncio gets an error of its own."""
    trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run():
        return awaitable
    return _watched(_awaiting(awaitable))


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


_FOREIGN = "this waits for asyncio, but the event loop is trio's: run it with --backend asyncio"


@types.coroutine
def _watched(work: Any) -> Generator[Any, Any, Any]:
    go_on: Callable[[], Any] = partial(work.send, None)
    while True:
        try:
            trap = go_on()
        except StopIteration as end:
            return end.value
        if hasattr(trap, "_asyncio_future_blocking"):
            go_on = partial(work.throw, RuntimeError(_FOREIGN))
            continue
        outcome = yield trap  # trio sends values and exceptions alike, as outcomes
        go_on = partial(work.send, outcome)
