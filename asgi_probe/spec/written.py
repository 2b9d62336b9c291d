"""Values as text: as JSON writes them, and short for messages."""

from __future__ import annotations

import json
from typing import Any

from asgi_probe.terminal import survived

_encode = json.JSONEncoder(ensure_ascii=False).encode
_LONG = 10**4000
"""Python itself writes no integer of more than 4300 digits."""


def as_text(value: Any) -> str:
    """The value inside other text: text as it is, all else as JSON writes it (`true`, `null`, `1.5`, `{"a": 1}`)."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and -_LONG < value < _LONG else write_json(value)


def write_json(value: Any) -> str:
    """The value as JSON, every number exact; a TypeError for what JSON has no word for."""
    try:
        return _encode(value)
    except (TypeError, ValueError):
        return _exact(value)


def _exact(value: Any) -> str:
    from decimal import Decimal

    match value:
        case Decimal():
            return str(value)
        case int() if not isinstance(value, bool):
            return str(Decimal(value))
        case dict():
            pairs = (f"{_encode(str(key))}: {_exact(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_exact, value)) + "]"
    return _encode(value)


def display(value: Any, most: int = 80) -> str:
    """The value for a message: text by repr, all else as JSON, cut to `most` characters."""
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}…"
    try:
        text = write_json(value)
    except (TypeError, ValueError, RecursionError):
        text = survived(value, repr)
    return text if len(text) <= most else f"{text[:most]}…"


def quoted(text: str, limit: int = 80) -> str:
    """A text in quotes, cut, control characters escaped and backslashes left as they are."""
    cut = text if len(text) <= limit else text[: limit - 1]
    quote = '"' if "'" in cut and '"' not in cut else "'"
    return quote + printable(cut) + quote + "…" * (len(cut) < len(text))


def printable(text: str) -> str:
    """The text with every character that does not print as its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
