"""What an unquoted scalar means in the core schema of YAML 1.2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SPECIAL = {
    ".inf": "inf", ".Inf": "inf", ".INF": "inf", "+.inf": "inf", "+.Inf": "inf", "+.INF": "inf",
    "-.inf": "-inf", "-.Inf": "-inf", "-.INF": "-inf", ".nan": "nan", ".NaN": "nan", ".NAN": "nan",
}  # fmt: skip
_STARTS = frozenset("0123456789+-.")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_BROKEN = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SAFE_DIGITS = 15
_MOST_DIGITS = 4000
_LARGEST_EXPONENT = 5000


def resolve(text: str) -> str | int | float | Decimal | bool | None:
    """The value of a plain scalar, numbers exact; a ValueError for a number beyond all use."""
    if text[:1] not in _STARTS:
        return _WORDS.get(text, text)
    if _WHOLE.fullmatch(text):
        return int(_checked(text))
    if _BROKEN.fullmatch(text):
        return _real(_checked(text))
    if _OTHER_BASE.fullmatch(text):
        return int(_checked(text), 0)
    return float(_SPECIAL[text]) if text in _SPECIAL else text


def _checked(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of more than {_MOST_DIGITS:,} digits")
    return text


def _real(text: str) -> float | Decimal:
    """A float where that is exact to the last written digit, else a Decimal."""
    value = float(text)
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return value
    from decimal import Decimal, InvalidOperation

    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number with an exponent beyond all use") from None
    if abs(exact.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number with an exponent beyond all use")
    return value if Decimal(repr(value)) == exact else exact
