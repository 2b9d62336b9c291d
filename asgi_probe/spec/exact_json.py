"""JSON read strictly and exactly, wherever it comes from: bodies, texts, files, flags."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from asgi_probe.errors import ProbeError
from asgi_probe.spec.written import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

DEEPEST = 1000
"""How deep JSON may nest."""


class NotJson(ProbeError):  # noqa: N818 - says what the text is
    """Text that is not JSON: the reason, and where it stops being JSON."""


def read_json(text: str, what: str = "the text") -> Any:
    """Strict JSON (RFC 8259), numbers exact: an int, a float if that is exactly what was written, else a Decimal."""
    try:
        value = with_room(lambda: _loads(text))
    except json.JSONDecodeError as error:
        raise _not_json(text, error.pos, what) from None
    except RecursionError:
        raise _too_deep(what) from None
    except _Constant:
        raise _not_json(text, _constant_at(text), what) from None
    if len(text) > DEEPEST and text.count("[") + text.count("{") > DEEPEST and _deeper(value):
        raise _too_deep(what)
    return value


class _Constant(Exception):  # noqa: N818 - no error of anyone's but a way out of the decoder
    """NaN or an infinity was met."""


def _constant(name: str) -> Any:
    raise _Constant(name)


def _real(text: str) -> Any:
    number = float(text)
    if repr(number) == text:
        return number
    from decimal import Decimal, InvalidOperation

    try:
        written = Decimal(text)
    except InvalidOperation:
        raise _Constant(text) from None
    return number if Decimal(repr(number)) == written else written


def _whole(text: str) -> Any:
    """An int; a Decimal for one so long that Python refuses to make an int of it."""
    if len(text) <= 4000:
        return int(text)
    from decimal import Decimal

    return Decimal(text)


_LONG_NUMBER = re.compile(r"[0-9][0-9.]{15}|[0-9][eE][+-]?[0-9]{3}")
_QUICK = json.JSONDecoder(parse_constant=_constant)
_EXACT = json.JSONDecoder(parse_float=_real, parse_constant=_constant, parse_int=_whole)


def _loads(text: str) -> Any:
    """Decoded; fifteen digits and small exponents always survive a float, so only longer numbers need care."""
    return (_EXACT if _LONG_NUMBER.search(text) else _QUICK).decode(text)


_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity|-?[0-9.]+[eE][+-]?[0-9]{17,})', re.DOTALL)


def _constant_at(text: str) -> int:
    return next(found.start() for found in _CONSTANT.finditer(text) if found[1])


def _deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for holder in level
            if type(holder) in (dict, list)
            for child in (holder.values() if type(holder) is dict else holder)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True


def _too_deep(what: str) -> NotJson:
    return NotJson(f"{what} nests deeper than {DEEPEST:,} levels")


def _not_json(text: str, at: int, what: str) -> NotJson:
    if not text.strip():
        return NotJson(f"{what} is empty, not JSON")
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    place = f"line {line:,}, column {column:,}"
    if at >= len(text.rstrip()):
        return NotJson(f"{what} is not JSON: it ends too early, at {place}: after {quoted(text.rstrip()[-20:])}")
    return NotJson(f"{what} is not JSON from {place} on: {quoted(text[at : at + 300], 40)}")


def with_room(work: Callable[[], T]) -> T:
    """What `work` returns, with a deeper stack when documents nest so deep that it needs one."""
    try:
        return work()
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 20_000)
        try:
            return work()
        finally:
            sys.setrecursionlimit(limit)
