"""The text of a spec file, its tree of nodes, and how a problem in it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asgi_probe.terminal import Line, excerpt, harmless

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from pathlib import Path


class Source:
    """A file's text, and the name by which it is shown (relative to the project's root)."""

    def __init__(self, path: Path, name: str, text: str) -> None:
        self.path = path
        self.name = name
        self.text = text

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def line(self, number: int) -> str:
        """The line with that number, from 1; empty where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a source: line and column count from 1, `width` is how many characters the caret underlines."""

    source: Source
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, number, boolean or null. `text` is how it was written, without quotes."""

    source: Source
    line: int
    column: int
    width: int
    value: str | int | float | Decimal | bool | None
    text: str

    @property
    def location(self) -> Location:
        return Location(self.source, self.line, self.column, self.width)


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    source: Source
    line: int
    column: int
    items: list[Node]

    @property
    def location(self) -> Location:
        return Location(self.source, self.line, self.column)


@dataclass(slots=True, eq=False)
class Mapping:
    """An object: text keys, in the order they were written, merges (`<<`) already done."""

    source: Source
    line: int
    column: int
    entries: dict[str, Entry]

    @property
    def location(self) -> Location:
        return Location(self.source, self.line, self.column)


@dataclass(slots=True, eq=False)
class Entry:
    """One key of a mapping and its value."""

    key: Scalar
    value: Node


Node = Scalar | Sequence | Mapping


def data(node: Node) -> Any:
    """A node's plain data: dicts, lists and scalars."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [data(item) for item in node.items]
        case Mapping():
            return {key: data(entry.value) for key, entry in node.entries.items()}


def is_null(node: Node) -> bool:
    """Whether a node says null, written out or not."""
    return isinstance(node, Scalar) and node.value is None


def kind_of(node: Node) -> str:
    """What a node is, in words for a message (`a list`, `text`, `a number`)."""
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
        case Scalar(value=None):
            return "null"
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=str()):
            return "text"
        case Scalar():
            return "a number"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem at a place: what was found and expected, and in `hint` what to do next."""

    location: Location
    message: str
    hint: str = ""
    warning: bool = False
    traceback: str | None = None
    """Where in the user's code it came from."""

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def render(self, columns: int | None = None) -> list[Line]:
        """The place, the message, the source line with a caret under the very key or value, and the hint."""
        lines: list[Line] = [
            [
                (f"{self.location}", "place"),
                (": ", ""),
                ("warning: " if self.warning else "error: ", "warning" if self.warning else "error"),
                (harmless(self.message), "message"),
            ]
        ]
        at = self.location
        lines += excerpt(at.line, at.source.line(at.line), [(at.column, at.width)], columns)
        if self.hint:
            lines.append([("  = ", "gutter"), (harmless(self.hint), "hint")])
        for line in (self.traceback or "").splitlines():
            lines.append([("  | ", "gutter"), (harmless(line), "")])
        return lines


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for a near miss, else the empty text."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.7)
    return f"did you mean {close[0]!r}?" if close else ""


@dataclass(slots=True)
class Problems:
    """Everything found wrong so far; the same problem at the same place counts once."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, int, int, str]] = field(default_factory=set)

    def add(
        self,
        at: Node | Entry | Location,
        message: str,
        hint: str = "",
        *,
        warning: bool = False,
        traceback: str | None = None,
    ) -> None:
        """Report a problem; an `Entry` means its key."""
        where = at.key.location if isinstance(at, Entry) else at if isinstance(at, Location) else at.location
        mark = (where.source.name, where.line, where.column, message)
        if mark not in self._seen:
            self._seen.add(mark)
            self.diagnostics.append(Diagnostic(where, message, hint, warning, traceback))

    @property
    def errors(self) -> list[Diagnostic]:
        return [diagnostic for diagnostic in self.diagnostics if not diagnostic.warning]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [diagnostic for diagnostic in self.diagnostics if diagnostic.warning]
