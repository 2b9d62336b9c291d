"""JSON values: what they are, whether they are equal, and how they are shown to people."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from asgi_probe.spec.written import quoted

if TYPE_CHECKING:
    from collections.abc import Hashable

Key = str | int
Path = tuple[Any, ...]
"""The names and indexes that lead to a value, outermost first."""


class Absent:
    """What a key that is not there has for a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()

_EXACT_FLOATS = 2**53


def is_number(value: Any) -> bool:
    """Whether it is a JSON number; booleans are none."""
    return type(value) in (int, float, Decimal)


def exact(number: Any) -> Any:
    """The number that its shortest text says: a float that is not a small whole number becomes a Decimal."""
    if type(number) is not float:
        return number
    if number.is_integer() and abs(number) < _EXACT_FLOATS:
        return int(number)
    return Decimal(repr(number))


def equal(expected: Any, actual: Any) -> bool:
    """Whether two JSON values are deeply equal: `1` is `1.0`, `true` is not `1`."""
    kind = type(expected)
    if kind is type(actual):
        if kind is dict:
            return _equal_objects(expected, actual)
        if kind is list:
            return _equal_lists(expected, actual)
        return bool(expected == actual)
    return is_number(expected) and is_number(actual) and bool(exact(expected) == exact(actual))


def _equal_objects(expected: dict[str, Any], actual: dict[str, Any]) -> bool:
    if len(expected) != len(actual):
        return False
    for key, value in expected.items():  # noqa: SIM110 - all() would nest C frames in deep documents
        if key not in actual or not equal(value, actual[key]):
            return False
    return True


def _equal_lists(expected: list[Any], actual: list[Any]) -> bool:
    if len(expected) != len(actual):
        return False
    for left, right in zip(expected, actual, strict=True):  # noqa: SIM110 - as above
        if not equal(left, right):
            return False
    return True


def identity(value: Any) -> Hashable:
    """A hashable that two JSON values share exactly when they are `equal`."""
    match value:
        case bool() | None:
            return (bool, value)
        case str():
            return value
        case dict():
            return frozenset([(key, identity(item)) for key, item in value.items()])
        case list():
            return tuple([identity(item) for item in value])
        case _:
            return (Decimal, exact(value))


def kind_of(value: Any) -> str:
    """What a value is, with its article: `a string`, `an integer`, `null`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float() | Decimal():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case bytes():
            return "bytes"
        case _:
            return str(value)


_SHOWN = 80


def show(value: Any, limit: int = _SHOWN) -> str:
    """A value on one line, as JSON but for a text's quotes, and cut to `limit` characters."""
    if type(value) is str:
        return quoted(value, limit)
    pieces = _Pieces(limit)
    pieces.add(value)
    return pieces.text()


class _Pieces:
    """Writes a value as JSON until there is enough of it, however deep or long it is."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: list[str] = []
        self.size = 0

    def text(self) -> str:
        whole = "".join(self.pieces)
        return whole if len(whole) <= self.limit else whole[: self.limit - 1] + "…"

    def put(self, piece: str) -> None:
        self.pieces.append(piece)
        self.size += len(piece)

    def add(self, value: Any) -> None:
        match value:
            case dict():
                self.put("{")
                self._items(value)
                self.put("}")
            case list() | tuple():
                self.put("[")
                self._elements(value)
                self.put("]")
            case _:
                self.put(_scalar(value, self.limit))

    def _items(self, items: dict[str, Any]) -> None:
        for index, (key, item) in enumerate(items.items()):
            if self.size > self.limit:
                return
            self.put(", " * (index > 0) + _scalar(key, self.limit) + ": ")
            self.add(item)

    def _elements(self, elements: list[Any] | tuple[Any, ...]) -> None:
        for index, item in enumerate(elements):
            if self.size > self.limit:
                return
            self.put(", " * (index > 0))
            self.add(item)


def _scalar(value: Any, limit: int) -> str:
    match value:
        case str():
            return json.dumps(value[: limit + 1], ensure_ascii=False)
        case bytes():
            return value[:limit].hex()
        case int() if not isinstance(value, bool):
            return _digits(value)
        case None | bool() | float():
            return json.dumps(value)
        case _:
            return str(value)


_LONGEST_INT = 10**1000


def _digits(number: int) -> str:
    """An integer's digits; one too long for Python to write is shown by its size."""
    return (
        str(number) if abs(number) < _LONGEST_INT else f"an integer of about {number.bit_length() * 3 // 10:,} digits"
    )


_DEEPEST = 100
_MOST = 50_000


def as_data(value: Any) -> Any:
    """A value as a mismatch keeps it: plain JSON data, with what is beyond reach of any report cut away."""
    return _Keeping().keep(value, 0)


class _Keeping:
    """Copies data until its budget, in characters, is spent."""

    def __init__(self) -> None:
        self.left = _MOST

    def keep(self, value: Any, depth: int) -> Any:
        match value:
            case str():
                return self._text(value)
            case bytes():
                return self._text(value[: _MOST // 2].hex())
            case Absent():
                return None
            case list() | tuple() | dict() if depth >= _DEEPEST:
                return "…"
            case list() | tuple():
                return self._list(list(value), depth)
            case dict():
                return self._object(value, depth)
            case _:
                self.left -= 8
                return value

    def _text(self, text: str) -> str:
        cut = text[: max(self.left, 100)]
        self.left -= len(cut)
        return cut if len(cut) == len(text) else cut + "…"

    def _list(self, items: list[Any], depth: int) -> list[Any]:
        kept = []
        for index, item in enumerate(items):
            if self.left <= 0:
                kept.append(f"… {len(items) - index:,} more")
                break
            self.left -= 2
            kept.append(self.keep(item, depth + 1))
        return kept

    def _object(self, items: dict[str, Any], depth: int) -> dict[str, Any]:
        kept = {}
        for index, (key, item) in enumerate(items.items()):
            if self.left <= 0:
                kept["…"] = f"{len(items) - index:,} more"
                break
            kept[self._text(key)] = self.keep(item, depth + 1)
        return kept


def path_text(path: Path) -> str:
    """A path as JSONPath: `$.items[3].price`, and `['odd key']` for keys that are no identifiers."""
    return "$" + "".join([_step(key) for key in path])


def _step(key: Key) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    if key.isidentifier():
        return f".{key}"
    escaped = json.dumps(key, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{escaped}']"


def counted(number: int, noun: str) -> str:
    """`1 item`, `3 items`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def span(seconds: float) -> str:
    """A time for people: `312 ms`, `2.5 s`."""
    if seconds >= 1:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.3g} ms"
