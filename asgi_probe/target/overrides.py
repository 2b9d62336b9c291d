"""FastAPI's dependency overrides: what a run puts in the place of an app's dependencies."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import TargetError
from asgi_probe.target.importing import import_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Named = str | Callable[..., Any]
    """A function, or the name to import it by: `module:function`."""


@dataclass(frozen=True, slots=True)
class Override:
    """One dependency and what is called in its place; `name` is how the dependency was named."""

    name: str
    dependency: Callable[..., Any]
    replacement: Callable[..., Any]


def import_overrides(overrides: Mapping[Named, Named], *, root: Path | None) -> tuple[Override, ...]:
    """The overrides with both sides imported; raises a `TargetError` with all that is wrong with them."""
    found, faults = [], []
    for key, value in overrides.items():
        sides = []
        for named, wanted in ((key, "a dependency"), (value, "what overrides one")):
            try:
                sides.append(_callable(named, root, wanted))
            except TargetError as error:
                faults.append(error)
        if len(sides) == 2:
            found.append(Override(_name(key), *sides))
    if faults:
        traces = [fault.traceback for fault in faults if fault.traceback]
        raise TargetError(f"overrides: {'; '.join(map(str, faults))}", traces[0] if traces else None)
    return tuple(found)


def _name(named: Named) -> str:
    return named if isinstance(named, str) else getattr(named, "__qualname__", type(named).__name__)


def _callable(named: Named, root: Path | None, wanted: str) -> Callable[..., Any]:
    found = import_attribute(named, root=root or Path.cwd()) if isinstance(named, str) else named
    if callable(found) and _is_hashable(found):
        return found
    what = f"the type {type(found).__name__!r}"
    raise TargetError(f"{_name(named)!r} is of {what}: expected {wanted}, which can be called")


def _is_hashable(found: object) -> bool:
    try:
        hash(found)
    except TypeError:
        return False
    return True


def refuse_overrides(app: object, reference: str) -> None:
    """Raise `TargetError` where the app has no place for overrides."""
    if not isinstance(getattr(app, "dependency_overrides", None), dict):
        raise TargetError(
            f"{reference} takes no overrides: it is of the type {type(app).__name__!r}, expected a FastAPI app "
            "(where middleware is wrapped around it, name the app inside)"
        )


@contextmanager
def overridden(app: Any, overrides: tuple[Override, ...]) -> Iterator[None]:
    """Inside, the app calls the replacements; afterwards it has the very overrides that it had."""
    before = app.dependency_overrides
    app.dependency_overrides = {**before, **{each.dependency: each.replacement for each in overrides}}
    try:
        yield
    finally:
        app.dependency_overrides = before


def unused(app: Any, overrides: tuple[Override, ...]) -> list[str]:
    """The names of the overridden dependencies on which no route of the app depends; mounted apps have their own."""
    known = set(_dependencies(app))
    return [each.name for each in overrides if each.dependency not in known]


def _dependencies(app: Any) -> Iterator[Callable[..., Any]]:
    from fastapi import routing

    # newer versions of FastAPI keep included routers whole, and give this to see through them
    flattened = getattr(routing, "iter_route_contexts", iter)
    for route in flattened(app.routes):
        dependants = [found] if (found := getattr(route, "dependant", None)) is not None else []
        while dependants:
            dependant = dependants.pop()
            yield dependant.call
            dependants += dependant.dependencies
