"""Moments and durations in texts, and how numbers, moments and durations compare."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.values import exact, is_number
from asgi_probe.spec.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

Moment = tuple[datetime, str]
"""A moment in UTC to the second, and the digits of the fraction behind it."""

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_HTTP = re.compile(r"[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{4} \d\d:\d\d:\d\d GMT", re.ASCII)
_ISO_DURATION = re.compile(
    r"P(?=.)(?:(\d+)W|(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?)", re.ASCII
)
_ISO_UNITS = (604800, 86400, 3600, 60, 1)
_LONGEST_TEXT = 64


def moment(text: str) -> Moment | None:
    """The moment of an ISO 8601 date or date-time, or of an HTTP date (RFC 9110); without an offset it is UTC."""
    if len(text) > _LONGEST_TEXT:
        return None
    if _HTTP.fullmatch(text):
        return _http_date(text)
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    try:
        return _utc(found)
    except (ValueError, OverflowError):
        return None


def _utc(found: re.Match[str]) -> Moment:
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = found.groups()
    leap = second == "60"
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    zone = timezone(-offset if sign == "-" else offset)
    at = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), 59 if leap else int(second or 0), tzinfo=zone
    )
    return at.astimezone(UTC) + timedelta(seconds=leap), (fraction or "").rstrip("0")


def _http_date(text: str) -> Moment | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).astimezone(UTC), ""
    except ValueError:
        return None


def seconds_of(text: str) -> float | None:
    """Seconds of a duration with a unit, such as `1h30m`, or of an ISO 8601 one, such as `PT1H30M`."""
    if len(text) > _LONGEST_TEXT:
        return None
    if found := _ISO_DURATION.fullmatch(text):
        amounts = (float((amount or "0").replace(",", ".")) for amount in found.groups())
        return sum(amount * unit for amount, unit in zip(amounts, _ISO_UNITS, strict=True))
    return parse_duration(text) if text[-1:].isalpha() else None


def epoch(at: Moment) -> float:
    """Seconds since 1970."""
    whole, fraction = at
    return whole.timestamp() + float(f"0.{fraction or 0}")


Compare = tuple[Any, str]
"""What compares, and the kind among which it does."""


def comparable(value: Any) -> Compare | None:
    """A number, moment or duration as what compares with its like; None for anything else."""
    if is_number(value):
        return value, "number"
    if type(value) is not str:
        return None
    if at := moment(value):
        return at, "moment"
    seconds = seconds_of(value)
    return None if seconds is None else (seconds, "duration")


def compares(value: Any, limit: Compare, holds: Callable[[Any, Any], bool]) -> bool:
    """Whether `value` is of the limit's kind and `holds(value, limit)`."""
    edge, kind = limit
    if kind == "number":
        return is_number(value) and _numbers(value, edge, holds)
    mine = comparable(value) if type(value) is str else None
    return mine is not None and mine[1] == kind and holds(mine[0], edge)


def _numbers(value: Any, edge: Any, holds: Callable[[Any, Any], bool]) -> bool:
    if type(value) is type(edge) or Decimal not in (type(value), type(edge)):
        return holds(value, edge)
    return holds(exact(value), exact(edge))
