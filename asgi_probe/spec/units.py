"""Durations, sizes, counts and switches: how they are written, and readers that take a `${…}` in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.source import Scalar, Sequence, kind_of
from asgi_probe.spec.template import Value, VariableError
from asgi_probe.spec.written import display

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Compilation

MOST_HOPS = 20
"""How many redirects `follow_redirects: true` follows."""

_DURATION = re.compile(
    r"(?=\d)(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?",
    re.ASCII,
)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BARE = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kmgt])(i?))?b?", re.ASCII | re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_LONGEST = 366 * 86400.0
_LARGEST = 2**50


def parse_duration(text: str) -> float | None:
    """Seconds of `300ms`, `5m`, `1h30m`, `1.5s`, `1d` or a bare number of seconds; None for anything else."""
    if _BARE.fullmatch(text):
        return float(text)
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    return sum(float(amount) * _SECONDS[unit] for unit, amount in found.groupdict().items() if amount)


def parse_size(text: str) -> int | None:
    """Bytes of `10MiB` (1024 based), `64k`, `1.5 MB` (1000 based) or a bare number; None for anything else."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    from decimal import Decimal

    amount, unit, binary = found.groups()
    factor = (1024 if binary else 1000) ** _POWERS[unit.lower()] if unit else 1
    whole = Decimal(amount) * factor
    return int(whole) if whole == int(whole) else None


def duration(node: Node, compilation: Compilation) -> Value:
    """Renders to seconds as a float."""
    return _read(node, compilation, _duration, "a duration such as '300ms', '5s' or '1h30m'")


def size(node: Node, compilation: Compilation) -> Value:
    """Renders to a number of bytes."""
    return _read(node, compilation, _size, "a size such as 1048576, '64k' or '10MiB'")


def count(node: Node, compilation: Compilation) -> Value:
    """Renders to a whole number from 0."""
    return _read(node, compilation, _count, "a whole number from 0")


def number(node: Node, compilation: Compilation) -> Value:
    """Renders to a float from 0."""
    return _read(node, compilation, _number, "a number from 0")


def flag(node: Node, compilation: Compilation) -> Value:
    """Renders to a bool."""
    return _read(node, compilation, _flag, "true or false")


def hops(node: Node, compilation: Compilation) -> Value:
    """Renders to the most redirects to follow: `true` is 20, `false` none."""
    return _read(node, compilation, _hops, "true, false or the most redirects to follow")


def _read(node: Node, compilation: Compilation, convert: Callable[[Any], Any], expected: str) -> Value:
    if not isinstance(node, Scalar):
        compilation.problems.add(node, f"expected {expected}, found {kind_of(node)}", _without_list(node))
        return Value.of(node, None)
    value = compilation.value(node)
    if not value.constant:
        return Value(node, constant=False, render=_checked(value, convert, expected))
    found = value.render({})
    result = convert(found)
    if result is None:
        compilation.problems.add(node, f"expected {expected}, found {display(found)}")
    return Value.of(node, result)


def _without_list(node: Node) -> str:
    return "write it without the list" if isinstance(node, Sequence) and len(node.items) == 1 else ""


def _checked(value: Value, convert: Callable[[Any], Any], expected: str) -> Callable[[Mapping[str, Any]], Any]:
    def render(scope: Mapping[str, Any]) -> Any:
        found = value.render(scope)
        result = convert(found)
        if result is None:
            raise VariableError(f"expected {expected}, got {display(found)}", value.node)
        return result

    return render


def _duration(found: Any) -> float | None:
    if isinstance(found, str):
        found = parse_duration(found) if len(found) < 50 else None
    return float(found) if _is_number(found) and 0 <= found <= _LONGEST else None


def _size(found: Any) -> int | None:
    if isinstance(found, str):
        found = parse_size(found) if len(found) < 50 else None
    return found if _whole(found) and found <= _LARGEST else None


def _count(found: Any) -> int | None:
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
        found = int(found)
    return found if _whole(found) and found < 10**9 else None


def _number(found: Any) -> float | None:
    if isinstance(found, str) and _BARE.fullmatch(found) and len(found) < 50:
        return float(found)
    return float(found) if _is_number(found) and 0 <= found < 10**15 else None


def _flag(found: Any) -> bool | None:
    if isinstance(found, str):
        return {"true": True, "false": False}.get(found)
    return found if isinstance(found, bool) else None


def _hops(found: Any) -> int | None:
    switch = _flag(found)
    if switch is None:
        return _count(found)
    return MOST_HOPS if switch else 0


def _is_number(found: Any) -> bool:
    if isinstance(found, (int, float)):
        return not isinstance(found, bool)
    from decimal import Decimal

    return isinstance(found, Decimal)


def _whole(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0
