"""Values as text: as JSON writes them, and short for messages."""

from __future__ import annotations

import json
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False).encode


def as_text(value: Any) -> str:
    """The value inside other text: text as it is, all else as JSON writes it (`true`, `null`, `1.5`, `{"a": 1}`)."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else write_json(value)


def write_json(value: Any) -> str:
    """The value as JSON, every number exact; a TypeError for what JSON has no word for."""
    try:
        return _encode(value)
    except TypeError:
        return _exact(value)


def _exact(value: Any) -> str:
    from decimal import Decimal

    match value:
        case Decimal():
            return str(value)
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
        text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
