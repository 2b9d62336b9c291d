"""`--expect KEY=VALUE`: from what was typed to the entries of a spec's `expect`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.scalars import resolve
from asgi_probe.spec.shapes import EXPECT
from asgi_probe.spec.source import Entry, Mapping, did_you_mean

if TYPE_CHECKING:
    from asgi_probe.cli.typed import CommandLine, Word
    from asgi_probe.spec.source import Node, Problems

_OPERATOR = re.compile(r":=|!=|~=|>=|<=|=|>|<")
_OF_SELECTORS = re.compile(r":=|!=|~=|>=|<=|=")
"""What may follow a CSS selector, in which `>` and `~` have a meaning of their own."""
_WORD = re.compile(r"[A-Za-z_]+")
_NAME = re.compile(r"[\w.-]+")
_SEGMENT = re.compile(r"\.\.?(?:\*|[^\W\d][\w]*)|\.\.(?=\[)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_NAMED = {
    "header": "headers", "headers": "headers", "cookie": "cookies", "cookies": "cookies", "html": "html", "xml": "xml",
}  # fmt: skip
_MATCHERS = {"!=": "$not", "~=": "$regex", ">=": "$ge", "<=": "$le", ">": "$gt", "<": "$lt"}
_FORM = "expected KEY=VALUE, such as status=200 or '$.status=ok'"


class Expected:
    """The entries of an `expect`, one `--expect` after the other."""

    def __init__(self, line: CommandLine, problems: Problems) -> None:
        self._line = line
        self._problems = problems
        self._own: dict[str, Entry] = {}
        self._inner: dict[str, dict[str, Entry]] = {}

    def add(self, word: Word) -> None:
        """Take in one more; what is wrong with it is told at its place."""
        found = _split(word.text)
        if isinstance(found, str):
            self._problems.add(word.location(), found, _FORM)
            return
        group, start, end, operator = found
        value = self._value(word, operator, end)
        if value is None:
            return
        name = word.text[start : end - len(operator)]
        into = self._inner.setdefault(group, {}) if group else self._own
        entry = Entry(word.scalar(name, start, end - len(operator)), value)
        if not group and name not in EXPECT:
            hint = did_you_mean(name, (*EXPECT, *_NAMED)) or f"known here: {', '.join(EXPECT)}, header.NAME, $.path"
            self._problems.add(entry, f"unknown key {name!r}", hint)
            return
        into[name] = self._merged(into[name], entry) if name in into else entry

    def entries(self) -> Mapping:
        """All of them."""
        for group in self._inner:
            if group in self._own:
                self._problems.add(
                    self._own[group], f"{group!r} is expected both whole and by its parts", "say it in one"
                )
        return self._line.mapping(
            self._own | {group: self._line.mapping(inner) for group, inner in self._inner.items()}
        )

    def _value(self, word: Word, operator: str, at: int) -> Node | None:
        text = word.text[at:].strip()
        if not text:
            hint = "'' in quotes is the empty text, null is null"
            self._problems.add(word.location(), f"nothing stands behind {operator!r}", hint)
            return None
        if operator == ":=":
            return word.yaml(at, self._problems)
        start = word.text.index(text, at)
        value = word.scalar(text, start) if operator == "~=" else self._scalar(word, start, text)
        if operator == "=":
            return value
        return self._line.mapping({_MATCHERS[operator]: value})

    def _scalar(self, word: Word, start: int, text: str) -> Node:
        """What YAML takes the text for, but that no character in it has a meaning of its own unless it is quoted."""
        if _QUOTED.fullmatch(text):
            return word.yaml(start, self._problems)
        return word.scalar(_resolved(text), start, start + len(text))

    def _merged(self, one: Entry, other: Entry) -> Entry:
        """Two of one key: bounds go together, all else cannot both be meant."""
        first, second = _matchers(one.value), _matchers(other.value)
        if not first or not second or first.keys() & second.keys():
            self._problems.add(other, f"{other.key.text!r} is expected twice", "say both in one: KEY:={$all: [1, 2]}")
            return one
        return Entry(one.key, self._line.mapping(first | second))


def _matchers(node: Node) -> dict[str, Entry]:
    entries = node.entries if isinstance(node, Mapping) else {}
    return entries if all(key.startswith("$") for key in entries) else {}


def _resolved(text: str) -> Any:
    try:
        return resolve(text)
    except ValueError:  # a number beyond all use is a text that nothing equals
        return text


Split = tuple[str, int, int, str]
"""In which of `expect`'s mappings the key belongs, where it begins, where the value does, and the operator."""


def _split(text: str) -> Split | str:
    """Where the key ends; a text says why it cannot be told."""
    if text.startswith("$"):
        end = _path_end(text)
        return _operated(text, "jsonpath", 0, end, _OPERATOR) if end else "a '[' in the JSONPath is never closed"
    word = _WORD.match(text)
    if word is None:
        return f"{text[:40]!r} begins with no key"
    group = _NAMED.get(word[0], "")
    if not group or text[word.end() : word.end() + 1] != ".":
        return _operated(text, "", 0, word.end(), _OPERATOR)
    start = word.end() + 1
    if group in ("html", "xml"):
        return _operated(text, group, start, _selector_end(text, start), _OF_SELECTORS)
    name = _NAME.match(text, start)
    if name is None:
        return f"no name stands behind {word[0] + '.'!r}"
    return _operated(text, group, start, name.end(), _OPERATOR)


def _operated(text: str, group: str, start: int, end: int, operators: re.Pattern[str]) -> Split | str:
    found = operators.match(text, end)
    if found is None:
        rest = f"found {text[end:][:40]!r}" if text[end:] else "found nothing"
        hint = "; a name with other characters stands in brackets: $['a-b']" if group == "jsonpath" else ""
        return f"expected one of := != ~= >= <= = > < behind {text[:end]!r}, {rest}{hint}"
    return group, start, found.end(), found[0]


def _path_end(text: str) -> int:
    """Where the longest JSONPath at the beginning ends (RFC 9535); 0 if a bracket is never closed."""
    at = 1
    while at < len(text):
        segment = _SEGMENT.match(text, at)
        if segment is not None:
            at = segment.end()
        elif text[at] != "[":
            return at
        if text[at : at + 1] == "[":
            at = _closed(text, at)
            if not at:
                return 0
    return at


def _closed(text: str, at: int) -> int:
    """Behind the bracket that closes the one at `at`, quoted text passed over; 0 if there is none."""
    depth = 0
    while at < len(text):
        quoted = _QUOTED.match(text, at)
        if quoted is not None:
            at = quoted.end()
            continue
        depth += (text[at] == "[") - (text[at] == "]")
        at += 1
        if depth == 0:
            return at
    return 0


def _selector_end(text: str, at: int) -> int:
    """Where the first operator with a `=` stands outside of brackets and quotes, else the end."""
    while at < len(text):
        if text[at] == "[":
            at = _closed(text, at) or len(text)
        elif (quoted := _QUOTED.match(text, at)) is not None:
            at = quoted.end()
        elif _OF_SELECTORS.match(text, at):
            return at
        else:
            at += 1
    return at
