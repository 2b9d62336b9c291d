"""The $-matchers on what a list, a text or an object holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from asgi_probe.judge.assignment import assign
from asgi_probe.judge.patterns import Equal, ListPattern, Pattern, Rendered, explain_kind, from_data, neighbours
from asgi_probe.judge.values import Path, counted, identity, show
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.findings import Findings
    from asgi_probe.spec.source import Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Each:
    """`$each`: every element of a list matches."""

    node: Node
    pattern: Pattern
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if type(value) is not list:
            return False
        for item in value:  # noqa: SIM110 - as in _has
            if not self.pattern.holds(item, scope):
                return False
        return True

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) is not list:
            explain_kind(self.node, self.words(findings.scope), value, path, findings)
            return
        for index, item in enumerate(value):
            if not self.pattern.holds(item, findings.scope) and not findings.skipped():
                self.pattern.explain(item, (*path, index), findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"a list whose every element is {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Some:
    """`$some`: at least one element of a list matches."""

    node: Node
    pattern: Pattern
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return type(value) is list and _has(value, self.pattern, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        if type(value) is not list:
            explain_kind(self.node, words, value, path, findings)
            return
        findings.add(self.node, path, _no_element(self.pattern, value, path, findings), words, value)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"a list with an element that is {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return True


def _has(items: Iterable[Any], pattern: Pattern, scope: Scope[str, Any]) -> bool:
    for item in items:  # noqa: SIM110 - any() would nest C frames in deep documents
        if pattern.holds(item, scope):
            return True
    return False


def _no_element(pattern: Pattern, items: list[Any], path: Path, findings: Findings) -> str:
    words = pattern.words(findings.scope)
    if not items:
        return f"expected an element that is {words}, but the list is empty"
    close = closest([(pattern, item, (*path, index)) for index, item in enumerate(items[:_TRIED])], findings)
    near = "" if close is None else f"; the closest is [{close.index}]: {close.reason}"
    return f"none of {counted(len(items), 'element')} is {words}{near}"


_TRIED = 100


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Closest:
    """The candidate that came closest to a match, and why it is none."""

    index: int
    reason: str


def closest(candidates: list[tuple[Pattern, Any, Path]], findings: Findings) -> Closest | None:
    """The candidate with the fewest mismatches, unless none is at least of the right kind."""
    tries = []
    for pattern, value, path in candidates:
        attempt = findings.inner(path)
        pattern.explain(value, (), attempt)
        tries.append(attempt)
    best = min(range(len(tries)), key=lambda index: tries[index].score)
    first, *others = tries[best].mismatches
    if tries[best].score >= 1000:
        return None
    more = f", and {len(others)} more" if others else ""
    where = first.path or first.where
    where = where if len(where) <= 200 else "…" + where[-200:]
    is_bare = first.message.startswith("is ")
    return Closest(best, (f"{where} {first.message}" if is_bare else f"{first.message} at {where}") + more)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoElement:
    """`$none`: no element of a list matches."""

    node: Node
    pattern: Pattern
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return type(value) is list and not _has(value, self.pattern, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        if type(value) is not list:
            explain_kind(self.node, words, value, path, findings)
            return
        for index, item in enumerate(value):
            if self.pattern.holds(item, findings.scope) and not findings.skipped():
                message = f"expected no element that is {self.pattern.words(findings.scope)}, got {show(item)}"
                findings.add(self.node, (*path, index), message, words, item)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"a list without an element that is {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Wanted:
    """One thing to be contained: as a pattern for elements, as text for what texts and keys hold."""

    pattern: Pattern
    text: str | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contains:
    """`$contains`: text holds the substrings, a list an element that matches each, an object the keys."""

    node: Node
    wanted: tuple[Wanted | Rendered, ...]
    listed: bool
    absence: bool = False

    def _all(self, scope: Scope[str, Any]) -> list[Wanted]:
        found: list[Wanted] = []
        for want in self.wanted:
            found += [want] if isinstance(want, Wanted) else _rendered_wants(want, scope, listed=self.listed)
        return found

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return type(value) in (str, list, dict) and all(_contains(value, want, scope) for want in self._all(scope))

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) not in (str, list, dict):
            explain_kind(
                self.node, f"text, a list or an object that {self._verb(findings.scope)}", value, path, findings
            )
            return
        for want in self._all(findings.scope):
            if not _contains(value, want, findings.scope):
                message = _lacks(value, want, path, findings)
                findings.add(want.pattern.node, path, message, want.pattern.words(findings.scope), value)

    def _verb(self, scope: Scope[str, Any]) -> str:
        return "contains " + " and ".join([want.pattern.words(scope) for want in self._all(scope)])

    def words(self, scope: Scope[str, Any]) -> str:
        return f"what {self._verb(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002 - texts contain too
        return False


def _contains(value: Any, want: Wanted, scope: Scope[str, Any]) -> bool:
    if type(value) is list:
        return _has(value, want.pattern, scope)
    if want.text is not None:
        return want.text in value
    return type(value) is dict and _has(value, want.pattern, scope)


def _lacks(value: Any, want: Wanted, path: Path, findings: Findings) -> str:
    words = want.pattern.words(findings.scope)
    match value:
        case list():
            return _no_element(want.pattern, value, path, findings)
        case dict():
            return f"expected the key {words}, which is missing{neighbours(want.text or '', value)}"
        case _ if want.text is None:
            return f"expected {words} inside text, which holds nothing but text: got {show(value)}"
        case _:
            return f"expected text that contains {words}, got {show(value)}"


def _rendered_wants(want: Rendered, scope: Scope[str, Any], *, listed: bool) -> list[Wanted]:
    """What a variable asks for: a list that stands in no list itself means each of its elements."""
    data = want.value.render(scope)
    each = data if not listed and isinstance(data, list) else [data]
    return [
        Wanted(from_data(item, want.node, want.mode), None if isinstance(item, (dict, list)) else as_text(item))
        for item in each
    ]


def _pairs(items: tuple[Pattern, ...], value: list[Any], scope: Scope[str, Any]) -> dict[int, int]:
    """Which pattern goes with which element, as many as can; a scalar takes any element that equals it."""
    pairs = _scalar_pairs(items, value)
    taken = set(pairs.values())
    lefts = [index for index, item in enumerate(items) if index not in pairs and not _is_plain(item)]
    rights = [index for index in range(len(value)) if index not in taken]
    others = assign(len(lefts), len(rights), lambda left, right: items[lefts[left]].holds(value[rights[right]], scope))
    return pairs | {lefts[left]: rights[right] for left, right in others.items()}


def _is_plain(pattern: Pattern) -> TypeGuard[Equal]:
    """Whether it is a scalar that holds for its equals and nothing else."""
    return type(pattern) is Equal and pattern.mode == "json"


def _scalar_pairs(items: tuple[Pattern, ...], value: list[Any]) -> dict[int, int]:
    scalars = [
        (index, item.expected) for index, item in enumerate(items) if type(item) is Equal and item.mode == "json"
    ]
    if not scalars:
        return {}
    free: dict[Hashable, list[int]] = {}
    for index in reversed(range(len(value))):
        free.setdefault(identity(value[index]), []).append(index)
    found = [(left, free.get(identity(expected))) for left, expected in scalars]
    return {left: indexes.pop() for left, indexes in found if indexes}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unordered:
    """`$unordered`: a list with these elements in any order and nothing else."""

    node: Node
    pattern: ListPattern | Rendered
    absence: bool = False

    def _items(self, scope: Scope[str, Any]) -> tuple[Pattern, ...]:
        if isinstance(self.pattern, ListPattern):
            return self.pattern.items
        data = self.pattern.value.render(scope)
        items = data if isinstance(data, list) else [data]
        return tuple([from_data(item, self.node, self.pattern.mode) for item in items])

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if type(value) is not list:
            return False
        items = self._items(scope)
        if len(items) != len(value):
            return False
        return len(_pairs(items, value, scope)) == len(items)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) is not list:
            explain_kind(self.node, self.words(findings.scope), value, path, findings)
            return
        items = self._items(findings.scope)
        pairs = _pairs(items, value, findings.scope)
        taken = set(pairs.values())
        left_over = [index for index in range(len(value)) if index not in taken]
        for index, pattern in enumerate(items):
            if index not in pairs and not findings.skipped():
                self._explain_missing(pattern, value, left_over, path, findings)
        for index in left_over:
            if not findings.skipped():
                message = f"is not among the elements expected: {show(value[index])}"
                findings.add(self.node, (*path, index), message, None, value[index])

    def _explain_missing(
        self, pattern: Pattern, value: list[Any], left_over: list[int], path: Path, findings: Findings
    ) -> None:
        words = pattern.words(findings.scope)
        tried = [(pattern, value[index], (*path, index)) for index in left_over[:_TRIED]]
        close = closest(tried, findings) if tried else None
        near = "" if close is None else f"; the closest is [{left_over[close.index]}]: {close.reason}"
        findings.add(pattern.node, path, f"expected an element that is {words}, none is left{near}", words, value)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"a list of {self.pattern.words(scope)} in any order"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return True
