"""Values as text: as JSON writes them, and short for messages."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def as_text(value: Any) -> str:
    """The value inside other text: text as it is, all else as JSON writes it (`true`, `null`, `1.5`, `{"a": 1}`)."""
    return value if isinstance(value, str) else write_json(value)


def write_json(value: Any) -> str:
    """The value as JSON, every number exact; a TypeError for what JSON has no word for."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return _exact(value)


def _exact(value: Any) -> str:
    match value:
        case Decimal():
            return str(value)
        case dict():
            pairs = (f"{json.dumps(str(key), ensure_ascii=False)}: {_exact(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_exact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def display(value: Any, most: int = 80) -> str:
    """The value for a message: text by repr, all else as JSON, cut to `most` characters."""
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}…"
    try:
        text = write_json(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
