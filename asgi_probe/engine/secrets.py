"""Values that must not be told: found in every form they travel in, and masked where results are made."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, quote_plus

from asgi_probe.spec.written import as_text
from asgi_probe.terminal import survived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"
SHORTEST = 4
"""Characters of a secret; to mask shorter ones would garble everything, and tell them by what is garbled."""

_MOST = 1_000
"""Secrets that are looked for in what belongs to no check."""

T = TypeVar("T")


class Secrets:
    """The secrets of one check: those it starts with, and those it has saved."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = set(values)
        self._mask: Mask | None = None

    def add(self, value: Any) -> None:
        """Take in every text and number in a value that is long enough to be a secret."""
        before = len(self.values)
        self.values.update(text for text in _texts(value) if len(text) >= SHORTEST)
        if len(self.values) != before:
            self._mask = None

    def learn(self, values: set[str]) -> None:
        """Take in what others have found to be secret, as long as there are not too many to look for."""
        new = values - self.values
        if new and len(self.values) < _MOST:
            self.values |= new
            self._mask = None

    def mask(self, told: T) -> T:
        """The same data, with `***` in place of every secret in it."""
        if not self.values:
            return told
        if self._mask is None:
            self._mask = Mask(frozenset(self.values))
        masked: T = self._mask(told)
        return masked


@dataclass(frozen=True)
class Mask:
    """Replaces a fixed set of secrets in texts, bytes, lists, tuples and mappings."""

    values: frozenset[str]
    depth: int = field(default=200)

    def __call__(self, told: Any, depth: int = 0) -> Any:
        match told:
            case str():
                return self._text.sub(MASK, told)
            case bytes():
                return self._bytes.sub(MASK.encode(), told)
            case dict() if depth < self.depth:
                return {self(key, depth + 1): self(item, depth + 1) for key, item in told.items()}
            case list() if depth < self.depth:
                return [self(item, depth + 1) for item in told]
            case tuple() if depth < self.depth:
                return tuple([self(item, depth + 1) for item in told])
            case dict() | list() | tuple():
                return MASK
            case bool() | None:
                return told
        return MASK if written(told) in self.values else told

    @cached_property
    def _text(self) -> re.Pattern[str]:
        forms = {form for value in self.values for form in forms_of(value)}
        return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        return re.compile(self._text.pattern.encode("utf-8", "surrogatepass"))


def forms_of(value: str) -> Iterator[str]:
    """A secret as it is, URL-encoded, in JSON, in base64 wherever it begins there (so in `Basic` too), by `repr`."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    for written_out in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield from (written_out, json.dumps(written_out, ensure_ascii=False)[1:-1])  # in JSON that is a text in JSON
    yield repr(value)[1:-1]
    yield b64encode(raw).decode("ascii")
    for lead in range(3):
        # what surrounds the secret shows in the first and the last characters: they are left out
        encoded = b64encode(b"\0" * lead + raw).decode("ascii").rstrip("=")
        certain = encoded[(0, 2, 3)[lead] : (lead + len(raw)) * 8 // 6]
        if len(certain) >= SHORTEST:
            yield certain
            yield certain.replace("+", "-").replace("/", "_")


def is_too_short(value: Any) -> bool:
    """Whether a text or number cannot be masked: what is so short stands in everything."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return len(value if isinstance(value, str) else written(value)) < SHORTEST


def written(value: Any) -> str:
    """A value as text, whatever it is."""
    return survived(value, as_text if isinstance(value, int | float) else str)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
        case None | bool():
            return
        case _:
            yield written(value)
