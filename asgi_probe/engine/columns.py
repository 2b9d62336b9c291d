"""What stands in a database's columns, as JSON data."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID


def as_json(value: Any) -> Any:
    """A driver's value as JSON data: moments and durations as ISO text, bytes as hex, what JSON lacks as its text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            return value if isfinite(value) else str(Decimal(value))
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return iso_duration(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case list() | tuple():
            return [as_json(item) for item in value]
        case set() | frozenset():
            return sorted(map(str, value))
        case UUID():
            return str(value)
    if hasattr(value, "items"):  # objects, and PostgreSQL's composite types
        return {str(key): as_json(item) for key, item in value.items()}
    return str(value)


def iso_duration(span: timedelta) -> str:
    """An ISO 8601 duration: `P1DT2H`, `PT0.5S`, `-PT1M30S`, `PT0S`."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f"{seconds}.{span.microseconds:06}".rstrip("0") if span.microseconds else seconds
    date_part = f"{span.days}D" if span.days else ""
    time_part = "".join(f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M"), (exact, "S")) if amount)
    return f"{sign}P{date_part}T{time_part}" if time_part else f"{sign}P{date_part or 'T0S'}"
