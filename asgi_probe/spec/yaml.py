"""YAML 1.2, read strictly into nodes with places, over PyYAML's parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import yaml
from yaml.events import MappingStartEvent, ScalarEvent, SequenceStartEvent

from asgi_probe.spec.scalars import resolve
from asgi_probe.spec.source import Entry, Location, Mapping, Problems, Scalar, Sequence, kind_of
from asgi_probe.spec.syntax import describe

if TYPE_CHECKING:
    from asgi_probe.spec.source import Node, Source

DEEPEST = 100
"""How many levels lists and mappings may be nested."""
MOST_ALIASED = 100_000
"""How many nodes the aliases of a file may stand for."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str", "int", "float", "bool", "null"}


class _Events(Protocol):
    def get_event(self) -> Any: ...
    def check_event(self, *kinds: type) -> bool: ...


class _Stop(Exception):  # noqa: N818 - no error: what is wrong has been reported
    """Nothing more can be read of this file."""


def compose(source: Source, problems: Problems) -> Node | None:
    """The tree of the file's one document; None if what is wrong with it leaves no tree.

    After a syntax error the file has just that problem.
    """
    found = Problems()
    try:
        node = _compose(source, found)
    except yaml.MarkedYAMLError as error:
        found = Problems([describe(error, source)])
        node = None
    except _Stop:
        node = None
    for problem in found.diagnostics:
        problems.add(problem.location, problem.message, problem.hint, warning=problem.warning)
    return node


def _compose(source: Source, problems: Problems) -> Node | None:
    _refuse_unprintable(source, problems)
    composer = _Composer(source, _open(source.text), problems)
    return composer.document()


def _refuse_unprintable(source: Source, problems: Problems) -> None:
    found = _UNPRINTABLE.search(source.text)
    if not found:
        return
    before = source.text[: found.start()]
    line = len((before + "x").splitlines())
    column = len((before + "x").splitlines()[-1])
    message = f"the character {found[0]!a} cannot stand in YAML"
    problems.add(Location(source, line, column), message, r'write it as an escape inside double quotes, such as "\e"')
    raise _Stop


def _open(text: str) -> _Events:
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined] # its types leave it out
    except ImportError:
        return _python_parser(text)
    parser: _Events = CParser(text)
    return parser


def _python_parser(text: str) -> _Events:
    """The slow parser, where PyYAML was built without its C extension."""
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PythonParser(Reader, Scanner, Parser):
        def __init__(self) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)

    return PythonParser()


class _Composer:
    """Builds nodes from a parser's events; nodes that aliases name are shared, not copied."""

    def __init__(self, source: Source, events: _Events, problems: Problems) -> None:
        self.source = source
        self.next = events.get_event
        self.check = events.check_event
        self.problems = problems
        self.anchors: dict[str, tuple[Node | None, int, int]] = {}
        self.count = 0
        self.aliased = 0
        self.depth = 0
        self.deepest = 0

    def document(self) -> Node | None:
        self.next()
        if self.check(yaml.StreamEndEvent):
            self.nothing()
            return None
        self.next()
        node = self.node(self.next())
        self.next()
        if not self.check(yaml.StreamEndEvent):
            self.refuse(self.next(), "a second document in one file", "put it into a file of its own")
        if isinstance(node, Scalar) and node.value is None and not node.text:
            self.nothing()
            return None
        return node

    def nothing(self) -> None:
        self.problems.add(Location(self.source, 1, 1), "the file is empty", "a spec needs checks")

    def refuse(self, event: Any, message: str, hint: str = "") -> None:
        mark = event.start_mark
        self.problems.add(Location(self.source, mark.line + 1, mark.column + 1, _width(event)), message, hint)

    def node(self, event: Any) -> Node:
        kind = type(event)
        if kind is ScalarEvent:
            self.count += 1
            return self.scalar(event) if event.anchor is None else self.anchored(event, self.scalar)
        if kind is MappingStartEvent:
            return self.nested(event, self.mapping)
        if kind is SequenceStartEvent:
            return self.nested(event, self.sequence)
        return self.alias(event)

    def nested(self, event: Any, build: Any) -> Node:
        self.count += 1
        self.depth += 1
        self.reach(event, self.depth)
        if event.tag is not None and event.tag not in (f"{_CORE}map", f"{_CORE}seq"):
            self.refuse_tag(event)
        node: Node = build(event) if event.anchor is None else self.anchored(event, build)
        self.depth -= 1
        return node

    def reach(self, event: Any, depth: int) -> None:
        self.deepest = max(self.deepest, depth)
        if depth > DEEPEST:
            self.refuse(event, f"nested deeper than {DEEPEST} levels")
            raise _Stop

    def anchored(self, event: Any, build: Any) -> Node:
        before, deepest = self.count, self.deepest
        self.deepest = self.depth
        self.anchors[event.anchor] = (None, 0, 0)
        node: Node = build(event)
        height = self.deepest - self.depth + (not isinstance(node, Scalar))
        self.anchors[event.anchor] = (node, self.count - before + 1, height)
        self.deepest = max(self.deepest, deepest)
        return node

    def alias(self, event: Any) -> Node:
        node, size, height = self.anchors.get(event.anchor, (None, -1, 0))
        if node is None:
            reason = "stands inside its own anchor" if size == 0 else "has no anchor before it"
            hint = "" if size == 0 else f"name one with &{event.anchor}, or quote the text"
            self.refuse(event, f"the alias '*{event.anchor}' {reason}", hint)
            return Scalar(self.source, event.start_mark.line + 1, event.start_mark.column + 1, 1, None, "")
        self.reach(event, self.depth + height)
        self.count += size
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            self.refuse(event, f"the aliases of this file stand for more than {MOST_ALIASED:,} nodes")
            raise _Stop
        return node

    def scalar(self, event: Any) -> Scalar:
        text = event.value
        start = event.start_mark
        end = event.end_mark
        line, column = start.line, start.column
        value = text
        if event.tag is not None:
            value = self.tagged(event, text)
        elif event.implicit[0]:
            value = self.plain(event, text)
        if line != end.line:
            return Scalar(self.source, line + 1, column + 1, _rest(self.source, line, column), value, text)
        if event.anchor is not None or event.tag is not None:
            column = _after_properties(event, text)
        return Scalar(self.source, line + 1, column + 1, end.column - column, value, text)

    def plain(self, event: Any, text: str) -> Any:
        try:
            return resolve(text)
        except ValueError as error:
            self.refuse(event, str(error), "quote it to make it text")
            return None

    def tagged(self, event: Any, text: str) -> Any:
        name = event.tag.removeprefix(_CORE)
        if name not in _SCALAR_TAGS or not event.tag.startswith(_CORE):
            self.refuse_tag(event)
            return text
        value = text if name == "str" else self.plain(event, text)
        if name == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not _is(name, value):
            self.refuse(event, f"{text!r} is no !!{name}")
        return value

    def refuse_tag(self, event: Any) -> None:
        shown = event.tag.replace(_CORE, "!!", 1)
        self.refuse(
            event, f"the tag {shown!r} is refused", "only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq"
        )

    def sequence(self, event: Any) -> Sequence:
        items = []
        take, node, ended = self.next, self.node, yaml.SequenceEndEvent
        while type(item := take()) is not ended:
            items.append(node(item))
        mark = event.start_mark
        return Sequence(self.source, mark.line + 1, mark.column + 1, items)

    def mapping(self, event: Any) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: Entry | None = None
        take, node, ended = self.next, self.node, yaml.MappingEndEvent
        while type(item := take()) is not ended:
            key = node(item)
            entry = Entry(key, node(take()))  # type: ignore[arg-type] # a key that is no scalar is refused below
            if not isinstance(key, Scalar):
                self.problems.add(
                    key, f"{kind_of(key)} cannot be a key", "a key is text; quote it if it begins with '{' or '['"
                )
            elif key.text == "<<" and type(item) is ScalarEvent and item.implicit[0]:
                merged = self.once(merged, entry)
            elif key.text in entries:
                self.twice(entries[key.text], entry)
            else:
                entries[key.text] = entry
        mark = event.start_mark
        whole = entries if merged is None else self.merge(merged, entries)
        return Mapping(self.source, mark.line + 1, mark.column + 1, whole)

    def once(self, first: Entry | None, entry: Entry) -> Entry:
        if first is not None:
            self.twice(first, entry)
        return first or entry

    def twice(self, first: Entry, entry: Entry) -> None:
        at = first.key
        self.problems.add(entry, f"the key {at.text!r} comes twice", f"first in line {at.line}, column {at.column}")

    def merge(self, merged: Entry, own: dict[str, Entry]) -> dict[str, Entry]:
        """The merged keys, of several the earlier's, under the own ones."""
        sources = merged.value.items if isinstance(merged.value, Sequence) else [merged.value]
        entries: dict[str, Entry] = {}
        for found in sources:
            if isinstance(found, Mapping):
                entries = found.entries | entries
            else:
                self.problems.add(found, f"'<<' wants a mapping or a list of mappings, found {kind_of(found)}")
        return entries | own


def _is(name: str, value: Any) -> bool:
    match name:
        case "str":
            return True
        case "null":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
    return value is not None and not isinstance(value, (str, bool, int))


def _width(event: Any) -> int:
    start, end = event.start_mark, event.end_mark
    return max(1, end.column - start.column) if start.line == end.line else 1


def _rest(source: Source, line: int, column: int) -> int:
    return max(1, len(source.line(line + 1).rstrip()) - column)


def _after_properties(event: Any, text: str) -> int:
    """Where a scalar itself begins after its anchor and tag, if that can be told."""
    quotes = 0 if event.implicit[0] or not event.style else 2
    return max(int(event.start_mark.column), int(event.end_mark.column) - len(text) - quotes)
