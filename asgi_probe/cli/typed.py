"""What was typed on the command line as a source: a line for each flag, so that problems have a place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.source import Entry, Location, Mapping, Problems, Scalar, Sequence, Source
from asgi_probe.spec.yaml import compose

if TYPE_CHECKING:
    from collections.abc import Mapping as ReadOnly
    from collections.abc import Sequence as Several
    from pathlib import Path

    from asgi_probe.spec.source import Node

_PLAIN = re.compile(r"[\w@%+=:,./-]+")
_BREAKS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What ends a line."""


class CommandLine:
    """Gathers what was typed; nothing in it is a `${…}`: those are the shell's own."""

    def __init__(self, folder: Path) -> None:
        self.source = Source(folder / "command line", "command line", "")
        self._lines: list[str] = []

    def word(self, flag: str, text: str, shown: str | None = None) -> Word:
        """A flag and what it was given; `shown` is what may be told of it."""
        told = _BREAKS.sub(" ", text if shown is None else shown)
        quote = "" if _PLAIN.fullmatch(told) else '"' if "'" in told and '"' not in told else "'"
        self._lines.append(f"{flag} {quote}{told}{quote}")
        self.source.text = "\n".join(self._lines)
        return Word(self.source, len(self._lines), len(flag) + len(quote) + 2, text, hidden=shown is not None)

    def mapping(self, entries: ReadOnly[str, Node | Entry]) -> Mapping:
        """A mapping that nobody typed, at its first value's place; entries have keys of their own."""
        made = {
            literal(key): node if isinstance(node, Entry) else Entry(_at(node, key), node)
            for key, node in entries.items()
        }
        first = next((entry.value for entry in made.values()), None)
        return Mapping(self.source, first.line if first else 1, first.column if first else 1, made)

    def sequence(self, items: Several[Node]) -> Sequence:
        """A list that nobody typed."""
        return Sequence(self.source, items[0].line, items[0].column, [*items])

    def listed(self, items: Several[Node]) -> Node:
        """A list that nobody typed; one item stands for itself."""
        return items[0] if len(items) == 1 else self.sequence(items)


@dataclass(frozen=True, slots=True)
class Word:
    """What a flag was given, and where that begins; of what is `hidden` only the flag has a place."""

    source: Source
    line: int
    column: int
    text: str
    hidden: bool = False

    def location(self, start: int = 0, end: int | None = None) -> Location:
        """The place of a part of it."""
        if self.hidden:
            return Location(self.source, self.line, 1, self.column - 2)
        end = len(self.text) if end is None else end
        return Location(self.source, self.line, self.column + start, max(1, end - start))

    def scalar(self, value: Any, start: int = 0, end: int | None = None) -> Scalar:
        """A part of it as a value."""
        at = self.location(start, end)
        if isinstance(value, str):
            return Scalar(self.source, at.line, at.column, at.width, literal(value), value)
        return Scalar(self.source, at.line, at.column, at.width, value, self.text[start:end])

    def yaml(self, start: int, problems: Problems) -> Node:
        """The rest of it, read as YAML; what is wrong with that is told at its place."""
        own = Problems()
        text = _BREAKS.sub(" ", self.text[start:])
        node = compose(Source(self.source.path, self.source.name, text), own)
        by = self.column + start - 1
        for found in own.diagnostics[:1]:
            at = found.location
            problems.add(Location(self.source, self.line, at.column + by, at.width), found.message, found.hint)
        return self.scalar(None, start) if node is None else self._moved(node, by)

    def _moved(self, node: Node, by: int) -> Node:
        at = (self.source, self.line, node.column + by)
        match node:
            case Scalar(value=value):
                return Scalar(*at, node.width, literal(value) if isinstance(value, str) else value, node.text)
            case Sequence():
                return Sequence(*at, [self._moved(item, by) for item in node.items])
            case Mapping():
                return Mapping(*at, {literal(key): self._entry(entry, by) for key, entry in node.entries.items()})

    def _entry(self, entry: Entry, by: int) -> Entry:
        key = self._moved(entry.key, by)
        return Entry(key if isinstance(key, Scalar) else entry.key, self._moved(entry.value, by))


def literal(text: str) -> str:
    """The text as a spec has to say it so that no `${…}` in it means anything."""
    return text.replace("${", "$${")


def _at(node: Node, key: str) -> Scalar:
    return Scalar(node.source, node.line, node.column, 1, literal(key), key)
