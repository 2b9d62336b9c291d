"""Values that must not be told: found in every form they travel in, and masked where results are made."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, quote_plus

from asgi_probe.spec.written import as_text
from asgi_probe.terminal import survived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"
SHORTEST = 4
"""Characters of a secret; to mask shorter ones would garble everything, and tell them by what is garbled."""

MOST = 1_000
"""Secrets that are looked for in what belongs to no check."""
_SAFE = (
    "!$%&'()*+,/:;=@[\\]^|",
    "!$%&'()*+,/:;=?@[\\]^`{|}",
    "!$%&'()*+,",
    "!$&'()*+,/:;=@",
    "!#$&'()*+,/:;=?@",
    "!'()*",
)
"""What is left as it is in a URL: by httpx in path, query and credentials, by RFC 3986 in a path, by browsers."""
_CUT = "…"
"""Stands where texts are cut before they are masked, outside their quotes."""
_QUOTES = ("'", '"')
_FEW = 100
"""Texts that are quickly found one after the other."""

T = TypeVar("T")


class Secrets:
    """Secrets, and those of `above`: a check's, its file's. What is found out is shared by all that are below."""

    def __init__(self, values: Iterable[str] = (), above: Secrets | None = None) -> None:
        self.values = set(values)
        self._above = above
        self._mask: Mask | None = None

    def add(self, value: Any) -> None:
        """Take in every text and number in a value that is long enough to be a secret."""
        self.learn(text for text in _texts(value) if len(text) >= SHORTEST)

    def learn(self, values: Iterable[str], most: int | None = None) -> None:
        """Take in what others have found to be secret, unless there are too many to look for."""
        new = {value for value in values if not self._knows(value)}
        if new and (most is None or len(self.values) < most):
            self.values |= new
            self._mask = None

    def _knows(self, value: str) -> bool:
        return value in self.values or (self._above is not None and self._above._knows(value))  # noqa: SLF001 - its own

    def __bool__(self) -> bool:
        return bool(self.values) or bool(self._above)

    def mask(self, told: T) -> T:
        """The same data, with `***` in place of every secret in it."""
        if self._above is not None:
            told = self._above.mask(told)
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
                masked = self._text.sub(MASK, told)
                return self._without_parts(masked) if _CUT in masked else masked
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
    def _forms(self) -> list[str]:
        return sorted({form for value in self.values for form in forms_of(value)}, key=len, reverse=True)

    def _without_parts(self, text: str) -> str:
        """The text without what a cut has left of a secret, on either side of it."""
        first, *others = text.split(_CUT)
        parts = [first, *map(self._without_end, others)]
        return _CUT.join([*map(self._without_start, parts[:-1]), parts[-1]])

    def _without_start(self, text: str) -> str:
        """A text that was cut at its end, which a quote may close, without the beginning of a secret there."""
        shown = text.removesuffix(text[-1:] if text.endswith(_QUOTES) else "")
        low = _lowered(shown)
        if len(low) < SHORTEST or low[-SHORTEST:] not in self._all:
            return text
        most = max(_overlap(low, form) for form in self._lowered)
        return shown[: len(shown) - most] + MASK + text[len(shown) :] if most else text

    def _without_end(self, text: str) -> str:
        """A text that was cut at its beginning, and perhaps at its end, without the end of a secret there."""
        quote = text[:1] if text.startswith(_QUOTES) else ""
        low = _lowered(text[len(quote) :])
        if len(low) < SHORTEST or low[:SHORTEST] not in self._all:
            return text
        inner = low.partition(quote)[0] if quote else low
        whole = len(inner) >= SHORTEST and any(inner in form for form in self._lowered)
        most = len(inner) if whole else max(_overlap(form, low[: len(form)]) for form in self._lowered)
        return quote + MASK + text[len(quote) + most :] if most else text

    @cached_property
    def _all(self) -> str:
        return "\0".join(self._lowered)

    @cached_property
    def _lowered(self) -> list[str]:
        return [_lowered(form) for form in self._forms]

    @cached_property
    def _text(self) -> Any:
        return _any_of(self._forms, "")

    @cached_property
    def _bytes(self) -> Any:
        return _any_of([form.encode("utf-8", "surrogatepass") for form in self._forms], b"")


def _overlap(ends: str, begins: str) -> int:
    """With how many characters a text ends that another begins with; 0 if they are fewer than a secret has."""
    tail = ends[-SHORTEST:]
    at = begins.rfind(tail)
    while at >= 0:
        if ends.endswith(begins[: at + SHORTEST]):
            return at + SHORTEST
        at = begins.rfind(tail, 0, at + SHORTEST - 1)
    return 0


def _any_of(forms: list[Any], empty: Any) -> Any:
    """Finds any of the texts, the longest first, whatever its case: host names lose theirs."""
    return _Many(forms) if len(forms) >= _FEW else _Few(forms, b"|" if isinstance(empty, bytes) else "|")


class _Few:
    """Finds a few texts by a regex; in small letters, because one that ignores case looks at every place anew."""

    def __init__(self, forms: list[Any], bar: Any) -> None:
        self._find = re.compile(bar.join([re.escape(_lowered(form)) for form in forms])).finditer

    def sub(self, mask: Any, text: Any) -> Any:
        """The text with the mask in place of each."""
        kept, done = [], 0
        for found in self._find(_lowered(text)):
            kept += [text[done : found.start()], mask]
            done = found.end()
        return text[:0].join([*kept, text[done:]]) if kept else text


class _Many:
    """Finds so many texts that a regex would try for too long: by how they begin."""

    def __init__(self, forms: list[Any]) -> None:
        self._by_start: dict[Any, list[Any]] = {}
        for form in forms:
            low = _lowered(form)
            self._by_start.setdefault(low[:SHORTEST], []).append(low)

    def sub(self, mask: Any, text: Any) -> Any:
        """The text with the mask in place of each."""
        low = _lowered(text)
        kept, done, at = [], 0, 0
        while at < len(low):
            found = next(
                (form for form in self._by_start.get(low[at : at + SHORTEST], ()) if low.startswith(form, at)), None
            )
            if found is None:
                at += 1
                continue
            kept += [text[done:at], mask]
            done = at = at + len(found)
        return text[:0].join([*kept, text[done:]]) if kept else text


_LOWER = {ord(char): char.lower() for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _lowered(text: Any) -> Any:
    """Its ASCII letters only, so that no character moves."""
    return text.lower() if isinstance(text, bytes) or text.isascii() else text.translate(_LOWER)


def forms_of(value: str) -> Iterator[str]:
    """A secret as it is, URL-encoded, in JSON, HTML, base64 wherever it begins there (so in `Basic` too), by `repr`."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw), *[quote(raw, safe=safe) for safe in _SAFE])
    for written_out in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield from (written_out, json.dumps(written_out, ensure_ascii=False)[1:-1])  # in JSON that is a text in JSON
    in_html = escape(value, quote=False)
    yield from (in_html, escape(value), in_html.replace('"', "&#34;").replace("'", "&#39;"))
    yield from (repr(value)[1:-1], repr(raw)[2:-1])
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
