"""The matchers that measure: more and less, near, recent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.arguments import WrongArgument
from asgi_probe.judge.moments import Compare, comparable, compares, epoch, moment, seconds_of
from asgi_probe.judge.patterns import Mode, as_taken, read_scalar
from asgi_probe.judge.values import exact, is_number, show, span
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Context, Decimal


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Limit:
    """What to compare with, and as it was written."""

    edge: Compare
    written: Any
    mode: Mode

    def words(self) -> str:
        return span(self.edge[0]) if self.mode == "time" else _written(self.written)


def _written(limit: Any) -> str:
    return limit if isinstance(limit, str) else show(limit)


def limit_of(data: Any, mode: Mode) -> Limit:
    """The limit that an argument says."""
    if mode == "time" and isinstance(data, str):
        seconds = parse_duration(data)
        edge: Compare | None = None if seconds is None else (seconds, "number")
    else:
        edge = comparable(data)
    if edge is None:
        raise WrongArgument(
            f"expected a number, an ISO date or a duration, found {show(data)}",
            "such as 5, '2024-12-31', '2024-12-31T23:59:59Z' or '1h30m'",
        )
    return Limit(edge, data, mode)


def comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Limit], bool]:
    """Whether a value is on the right side of a limit."""

    def holds(value: Any, limit: Limit) -> bool:
        if limit.mode == "text" and limit.edge[1] == "number" and type(value) is str:
            value = read_scalar(value)
        return compares(value, limit.edge, compare)

    return holds


_SHARE = re.compile(r"(\d{1,6}(?:\.\d{1,12})?) ?%", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Near:
    """A number, and how far from it a value may be."""

    number: Any
    within: Any
    written: str
    mode: Mode


def near_of(data: Any, mode: Mode) -> Near:
    """The number and tolerance that an argument says."""
    number, within = data, None
    if isinstance(data, dict):
        _known_keys("$approx", data, ("value", "within"))
        number, within = data.get("value"), data.get("within")
    if not is_number(number):
        raise WrongArgument(
            f"'$approx' wants a number, found {show(number)}", "or {value: 3.14, within: 0.01}", "value"
        )
    written = f" within {within if isinstance(within, str) else show(within)}" if within is not None else ""
    return Near(number, _tolerance(number, within), f"about {show(number)}{written}", mode)


def _known_keys(matcher: str, data: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            hint = did_you_mean(key, known) or f"it takes {' and '.join(known)}"
            raise WrongArgument(f"{matcher!r} does not know {key!r}", hint, key)


def _tolerance(number: Any, within: Any) -> Any:
    from decimal import Decimal

    if within is None:
        return _share_of(number, Decimal("1e-6"))
    if is_number(within) and within >= 0:
        return _decimal(within)
    if isinstance(within, str) and (found := _SHARE.fullmatch(within)):
        return _share_of(number, Decimal(found[1]) / 100)
    raise WrongArgument(f"'within' wants a number or a share, found {show(within)}", "such as 0.01 or '5%'", "within")


def _share_of(number: Any, share: Decimal) -> Decimal:
    return _wide().multiply(_decimal(number).copy_abs(), share)


def _decimal(number: Any) -> Any:
    from decimal import Decimal

    return Decimal(exact(number))


def _wide() -> Context:
    """A context in which no number that JSON can hold is out of reach."""
    from decimal import MAX_EMAX, MIN_EMIN, Context

    return Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)


def is_near(value: Any, near: Near) -> bool:
    """Whether a value is a number that near, reckoned in decimals so that no number is out of reach."""
    value = as_taken(value, near.number, near.mode)
    if not is_number(value):
        return False
    return bool(_wide().subtract(_decimal(value), _decimal(near.number)).copy_abs() <= near.within)


_SKEW = 5
_FAR = 10**12


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Age:
    """The most seconds ago, and as it was written."""

    seconds: float
    written: str
    mode: Mode


def age_of(data: Any, mode: Mode) -> Age:
    """The age that an argument says."""
    seconds = data if is_number(data) else None
    if isinstance(data, str):
        seconds = parse_duration(data) if seconds_of(data) is None else seconds_of(data)
    if seconds is None or not 0 <= seconds < _FAR:
        raise WrongArgument(f"'$ago' wants a duration, found {show(data)}", "such as '30s', '5m' or '1h30m'")
    return Age(float(seconds), data if isinstance(data, str) else span(float(seconds)), mode)


def is_recent(value: Any, age: Age) -> bool:
    """Whether a value is a moment of that age at most; clocks may be five seconds apart."""
    from time import time

    at = _epoch(read_scalar(value) if age.mode == "text" and type(value) is str else value)
    return at is not None and -_SKEW <= time() - at <= age.seconds + _SKEW


def _epoch(value: Any) -> float | None:
    """Seconds since 1970 of a moment's text, or of a number that says them."""
    if type(value) is str:
        at = moment(value)
        return None if at is None else epoch(at)
    return float(value) if is_number(value) and -_FAR < value < _FAR else None
