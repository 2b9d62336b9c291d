"""The variables of a spec file: in order, without circles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.functions import FUNCTION_NAMES
from asgi_probe.spec.template import ALWAYS_KNOWN, RESERVED, Compilation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asgi_probe.spec.source import Entry, Problems
    from asgi_probe.spec.template import Value


@dataclass(frozen=True, slots=True)
class Vars:
    """The compiled variables of a file, in their order."""

    values: dict[str, Value]

    def render(self, overrides: Mapping[str, Any], into: dict[str, Any] | None = None) -> dict[str, Any]:
        """Each variable's value, what `overrides` gives going before.

        After a VariableError `into` holds those that could be worked out before it.
        """
        found: dict[str, Any] = {} if into is None else into
        scope = dict(overrides)
        for name, value in self.values.items():
            if name not in overrides:
                scope[name] = value.render(scope)
            found[name] = scope[name]
        return found


def compile_vars(entries: Mapping[str, Entry], compilation: Compilation) -> Vars:
    """The variables in order; one that uses itself, a later one or itself through others is a problem."""
    named = {name: entry for name, entry in entries.items() if check_name(entry, compilation.problems)}
    known = compilation.known | named.keys()
    values: dict[str, Value] = {}
    uses: dict[str, set[str]] = {}
    for name, entry in named.items():
        own = Compilation(compilation.problems, known, compilation.folder, compilation.root)
        values[name] = own.value(entry.value)
        uses[name] = own.used & named.keys()
        compilation.used |= own.used
    _check_order(named, uses, compilation.problems)
    return Vars(values)


def check_name(entry: Entry, problems: Problems) -> bool:
    """Whether a key can name a variable; if not, the problem is reported at the key."""
    fault = naming_fault(entry.key.text)
    if fault is not None:
        problems.add(entry, fault, "choose another name")
    return fault is None


def naming_fault(name: str) -> str | None:
    """Why a name cannot be a variable's: one is an identifier, of any script, that the language does not use itself."""
    if not name.isidentifier():
        return f"{name!r} cannot name a variable: it wants letters, digits and '_', no digit first"
    return f"{name!r} cannot name a variable: it is {_meaning(name)}" if name in RESERVED else None


def _meaning(name: str) -> str:
    if name in FUNCTION_NAMES:
        return "a function"
    return "built in" if name in ALWAYS_KNOWN or name == "env" else "a word of expressions"


def _check_order(entries: Mapping[str, Entry], uses: Mapping[str, set[str]], problems: Problems) -> None:
    circular: set[str] = set()
    for name in entries:
        circle = _circle(name, uses) if name not in circular else []
        if circle:
            circular.update(circle)
            _report_circle(entries[name], circle, problems)
    seen: set[str] = set()
    for name, entry in entries.items():
        for later in sorted(uses[name] - seen - circular - {name}):
            problems.add(entry.value, f"{name!r} uses {later!r}, which comes later", f"move {later!r} above {name!r}")
        seen.add(name)


def _report_circle(entry: Entry, circle: list[str], problems: Problems) -> None:
    if len(circle) == 1:
        problems.add(entry.value, f"the variable {circle[0]!r} uses itself")
    else:
        problems.add(entry.value, f"the variables use each other: {' → '.join([*circle, circle[0]])}")


def _circle(start: str, uses: Mapping[str, set[str]]) -> list[str]:
    """The shortest way from a variable back to itself, without its end; empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for name in sorted(uses[way[-1]]):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
