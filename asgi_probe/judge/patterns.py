"""Patterns: what a value must be, compiled once from the spec's nodes.

A pattern answers `holds` as cheaply as it can; only one that does not hold is asked to `explain` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from asgi_probe.judge.values import ABSENT, Path, counted, equal, is_number, kind_of, show
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.source import data, did_you_mean
from asgi_probe.spec.written import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.findings import Findings
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Value

Mode = Literal["json", "text", "time"]
"""How scalars are taken: `text` reads numbers and booleans from texts, `time` reads durations as seconds."""


class Pattern(Protocol):
    """What a value must be."""

    @property
    def node(self) -> Node:
        """Where it stands in the spec."""
        ...

    @property
    def absence(self) -> bool:
        """Whether `{$is: absent}` is in it, so that a key which is not there can satisfy it."""
        ...

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        """Whether the value matches."""
        ...

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        """Say why the value at `path` does not match; asked only when it is there and does not."""
        ...

    def words(self, scope: Scope[str, Any]) -> str:
        """What stands after `expected`: `5`, `an integer`, `more than 3`."""
        ...

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        """Whether it is a list, or only a list can satisfy it."""
        ...


def read_scalar(text: str) -> Any:
    """The number or boolean that a text says in JSON, else the text."""
    if len(text) > 400 or (text[:1] not in "-tf" and not text[:1].isdigit()):
        return text
    try:
        value = read_json(text)
    except NotJson:
        return text
    return value if type(value) is bool or is_number(value) else text


def as_taken(value: Any, expected: Any, mode: Mode) -> Any:
    """The value as it is compared with what is expected."""
    if mode == "text" and type(value) is str and (type(expected) is bool or is_number(expected)):
        return read_scalar(value)
    return value


def got(value: Any, *, typed: bool) -> str:
    """A value in a message, and what it is where its look could deceive."""
    shown = show(value)
    return f"{shown} ({kind_of(value)})" if typed and type(value) not in (dict, list, NoneType) else shown


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Equal:
    """A scalar, with JSON's types."""

    node: Node
    expected: Any
    mode: Mode

    @property
    def absence(self) -> bool:
        return False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:  # noqa: ARG002 - a constant needs no scope
        return equal(self.expected, value) or (
            self.mode == "text" and equal(self.expected, as_taken(value, self.expected, self.mode))
        )

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        explain_difference(self.node, self.expected, value, path, findings)

    def words(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return show(self.expected)

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return False


def explain_difference(node: Node, expected: Any, value: Any, path: Path, findings: Findings) -> None:
    """One scalar that is not another."""
    message = f"expected {show(expected)}, got {got(value, typed=_same_look(expected, value))}"
    if type(expected) is str and type(value) is str:
        message += _first_difference(expected, value)
    elif expected is None and findings.where.startswith(("headers.", "cookies.")):
        message += "; write {$is: absent} for what must not be there"
    findings.add(node, path, message, expected, value)


def _same_look(expected: Any, value: Any) -> bool:
    return kind_of(expected) != kind_of(value) and not (is_number(expected) and is_number(value))


def _first_difference(expected: str, value: str) -> str:
    """Where two long texts part, since both are shown cut."""
    if max(len(expected), len(value)) <= 80:
        return ""
    pairs = enumerate(zip(expected, value, strict=False))
    at = next((index for index, (left, right) in pairs if left != right), min(len(expected), len(value)))
    return f"; they part at character {at + 1:,}: {_around(expected, at)} is expected, {_around(value, at)} came"


def _around(text: str, at: int) -> str:
    """A part of a text, with `…` where it was cut: what is secret is found in it by that."""
    start, end = max(at - 10, 0), at + 20
    return "…" * (start > 0) + quoted(text[start:end], 30) + "…" * (end < len(text))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ObjectPattern:
    """An object by the keys that are given; with `closed` there is no other key."""

    node: Node
    members: tuple[tuple[str, Pattern], ...]
    closed: bool = False

    @property
    def absence(self) -> bool:
        return False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if type(value) is not dict:
            return False
        for key, pattern in self.members:
            if not pattern.holds(value.get(key, ABSENT), scope):
                return False
        return not self.closed or not self._strangers(value)

    def _strangers(self, value: dict[str, Any]) -> list[str]:
        known = {key for key, _ in self.members}
        return [key for key in value if key not in known]

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) is not dict:
            explain_kind(self.node, "an object", value, path, findings)
            return
        for key, pattern in self.members:
            item = value.get(key, ABSENT)
            if not pattern.holds(item, findings.scope) and not findings.skipped():
                explain_member(pattern, key, value, path, findings)
        for key in self._strangers(value) if self.closed else ():
            findings.add(self.node, (*path, key), "is not among the keys expected", None, value[key])

    def words(self, scope: Scope[str, Any]) -> str:
        members = (f"{_name(key)}: {pattern.words(scope)}" for key, pattern in self.members)
        return "exactly " * self.closed + listed("{", members, len(self.members), "}")

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return False


_WIDEST = 100


def _name(key: str) -> str:
    return key if key.isidentifier() else show(key)


def listed(opening: str, parts: Iterable[str], total: int, closing: str) -> str:
    """The words of a pattern's parts, as many as fit on a line, and how many there are beyond."""
    shown: list[str] = []
    left = _WIDEST
    for part in parts:
        if shown and len(part) > left:
            break
        shown.append(part if len(part) <= _WIDEST else part[: _WIDEST - 1] + "…")
        left -= len(part)
    more = [f"… {total - len(shown):,} more"] if total > len(shown) else []
    return opening + ", ".join(shown + more) + closing


def explain_kind(node: Node, expected: str, value: Any, path: Path, findings: Findings) -> None:
    """A value of another kind than the pattern is for."""
    findings.add(node, path, f"expected {expected}, got {got(value, typed=True)}", expected, value)


def explain_member(pattern: Pattern, key: str, owner: dict[str, Any], path: Path, findings: Findings) -> None:
    """A member that does not match, or is missing."""
    if key in owner:
        pattern.explain(owner[key], (*path, key), findings)
    else:
        explain_missing(pattern, neighbours(key, owner), (*path, key), findings)


def explain_missing(pattern: Pattern, hint: str, path: Path, findings: Findings) -> None:
    """A value that is not there, and what is there instead."""
    outer = findings.because
    if isinstance(pattern, Matchers):
        findings.because = pattern.reason(findings)
    findings.add(pattern.node, path, f"is missing{hint}", expected_by(pattern, findings.scope), None)
    findings.because = outer


def expected_by(pattern: Pattern, scope: Scope[str, Any]) -> Any:
    """What a pattern expects, as data."""
    return pattern.value.render(scope) if isinstance(pattern, Rendered) else data(pattern.node)


def neighbours(key: str, names: Any) -> str:
    """A hint for a name that is not there: what there is, and a near miss."""
    if not names:
        return "; there is nothing"
    near = did_you_mean(key, [name for name in names if name != key])
    if near and len(names) == 1:
        return f"; {near}"
    present = printable(", ".join([name[:80] for name in list(names)[:20]]))
    there = f"; there are: {present if len(present) <= 80 else present[:79] + '…'}"
    return f"{there}; {near}" if near else there


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeyedPattern:
    """An object pattern some of whose keys hold `${…}`."""

    node: Node
    members: tuple[tuple[Value, Pattern], ...]
    closed: bool = False

    @property
    def absence(self) -> bool:
        return False

    def _rendered(self, scope: Scope[str, Any]) -> ObjectPattern:
        members = tuple([(key.render(scope), pattern) for key, pattern in self.members])
        return ObjectPattern(self.node, members, closed=self.closed)

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return self._rendered(scope).holds(value, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        self._rendered(findings.scope).explain(value, path, findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return self._rendered(scope).words(scope)

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListPattern:
    """A list of this length, each element by its pattern, in order."""

    node: Node
    items: tuple[Pattern, ...]
    data: Any = None

    @property
    def absence(self) -> bool:
        return False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if type(value) is not list or len(value) != len(self.items):
            return False
        for pattern, item in zip(self.items, value, strict=True):  # noqa: SIM110 - all() would nest C frames
            if not pattern.holds(item, scope):
                return False
        return True

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) is not list:
            explain_kind(self.node, "an array", value, path, findings)
            return
        if len(value) != len(self.items):
            message = f"expected {counted(len(self.items), 'item')}, got {len(value):,}"
            findings.add(self.node, path, message, data(self.node) if self.data is None else self.data, value)
        for index, (pattern, item) in enumerate(zip(self.items, value, strict=False)):
            if not pattern.holds(item, findings.scope) and not findings.skipped():
                pattern.explain(item, (*path, index), findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return listed("[", (pattern.words(scope) for pattern in self.items), len(self.items), "]")

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rendered:
    """What a variable holds: a pattern by its shape, and never a matcher."""

    node: Node
    value: Value
    mode: Mode

    @property
    def absence(self) -> bool:
        return False

    def _pattern(self, scope: Scope[str, Any]) -> Pattern:
        return from_data(self.value.render(scope), self.node, self.mode)

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return self._pattern(scope).holds(value, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        self._pattern(findings.scope).explain(value, path, findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return self._pattern(scope).words(scope)

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return type(self.value.render(scope)) is list


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Matchers:
    """Matchers that must all hold; `because` is printed with what does not."""

    node: Node
    parts: tuple[Pattern, ...]
    because: Value | None = None
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if value is ABSENT and not self.absence:
            return False
        for part in self.parts:  # noqa: SIM110 - all() would nest C frames in deep documents
            if not part.holds(value, scope):
                return False
        return True

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        outer = findings.because
        findings.because = self.reason(findings)
        for part in self.parts:
            if not part.holds(value, findings.scope):
                part.explain(value, path, findings)
        findings.because = outer

    def reason(self, findings: Findings) -> str | None:
        """The text of the nearest `$because`."""
        return findings.because if self.because is None else str(self.because.render(findings.scope))

    def words(self, scope: Scope[str, Any]) -> str:
        return " and ".join([part.words(scope) for part in self.parts]) or "anything"

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return any(part.wants_list(scope) for part in self.parts)


def from_data(shape: Any, node: Node, mode: Mode, *, closed: bool = False) -> Pattern:
    """The pattern that plain data is by its shape: nothing in it is a matcher; `closed` allows no other keys."""
    match shape:
        case dict():
            members = [(str(key), from_data(item, node, mode, closed=closed)) for key, item in shape.items()]
            return ObjectPattern(node, tuple(members), closed=closed)
        case list() | tuple():
            return ListPattern(node, tuple([from_data(item, node, mode, closed=closed) for item in shape]), shape)
        case _:
            return Equal(node, shape, mode)
