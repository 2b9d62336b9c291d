"""Values from anywhere as JSON: strict, bounded, for machines and for people."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from asgi_probe.terminal import survived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DEEPEST = 60
_LONGEST_INT = 10_000
"""Bits; Python itself refuses to write integers of more than 4,300 digits."""


class Token(str):
    """A number that Python's floats and integers cannot hold, as it is written; strict JSON has it as text."""

    __slots__ = ()


def plain_data(value: Any, budget: int) -> tuple[Any, bool]:
    """What strict JSON can hold of a value, and whether that is all of it.

    It takes no more than about `budget` characters, however large or deep the value is.
    """
    copy = _Copy(budget)
    return copy.of(value, _DEEPEST), copy.whole


def cut_data(value: Any, most: int) -> tuple[Any, bool]:
    """The value, or the first `most` bytes of it: of a text itself, of all else its JSON; and whether it was cut."""
    data, whole = plain_data(value, most + 1)
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    raw = text.encode("utf-8", "surrogatepass")
    if whole and len(raw) <= most:
        return data, False
    end = most
    while end < len(raw) and raw[end] & 0xC0 == 0x80:
        end -= 1
    return raw[:end].decode("utf-8", "surrogatepass"), True


class _Copy:
    """Copies a value for as long as its budget lasts."""

    __slots__ = ("left", "whole")

    def __init__(self, budget: int) -> None:
        self.left = budget
        self.whole = True

    def of(self, value: Any, depth: int) -> Any:
        self.left -= 1
        match value:
            case None | bool():
                return value
            case str():
                return self._text(value)
            case int() | float() | Decimal():
                return self._number(value)
            case bytes() | bytearray():
                return self._text(value[: self.left].hex())
            case dict() | list() | tuple() if depth == 0:
                self.whole = False
                return "…"
            case dict():
                return {self._text(str(key)): self.of(item, depth - 1) for key, item in self._some(value.items())}
            case list() | tuple():
                return [self.of(item, depth - 1) for item in self._some(value)]
            case _:
                return self._text(survived(value))

    def _text(self, text: str) -> str:
        left = max(self.left, 0)
        self.left -= len(text)
        self.whole = self.whole and len(text) <= left
        return text if len(text) <= left else text[:left]

    def _number(self, value: float | Decimal) -> int | float | Token:
        match value:
            case Decimal():
                return Token(value)
            case int():
                return value if value.bit_length() < _LONGEST_INT else Token(Decimal(value))
            case _:
                return value if isfinite(value) else Token(value)

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self.left <= 0:
                self.whole = False
                return
            yield item


def one_line(data: Any) -> str:
    """Plain data as JSON on one line; a `Token` is the number it stands for."""
    match data:
        case Token():
            return str(data)
        case dict():
            return "{" + ", ".join(f"{_quoted(key)}: {one_line(item)}" for key, item in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(one_line, data)) + "]"
        case _:
            return _quoted(data)


def lines(data: Any, width: int = 88) -> list[str]:
    """Plain data as JSON, indented, but what fits into a line stays on it."""
    line = one_line(data)
    if len(line) <= width or not isinstance(data, dict | list) or not data:
        return [line]
    if isinstance(data, dict):
        open_, close, parts = "{", "}", [_entry(key, item, width) for key, item in data.items()]
    else:
        open_, close, parts = "[", "]", [lines(item, width - 2) for item in data]
    for part in parts[:-1]:
        part[-1] += ","
    return [open_, *("  " + line for part in parts for line in part), close]


def _entry(key: str, item: Any, width: int) -> list[str]:
    lead = f"{_quoted(key)}: "
    first, *rest = lines(item, width - 2 - len(lead))
    return [lead + first, *rest]


def _quoted(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def parsed(text: str) -> Any:
    """JSON text as plain data, its numbers as they are written; ValueError where it is none."""
    try:
        return json.loads(text, parse_float=Token, parse_int=Token, parse_constant=Token)
    except RecursionError:
        raise ValueError("too deep") from None
