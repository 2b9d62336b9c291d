"""From the spec's nodes to patterns; all that is wrong with them is reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asgi_probe.judge.calls import compile_call
from asgi_probe.judge.combining import All, AnyOf, Encoded, Exactly, Length, Not
from asgi_probe.judge.decoding import decode_base64, decode_jwt
from asgi_probe.judge.elements import Contains, Each, NoElement, Some, Unordered, Wanted
from asgi_probe.judge.matchers import TESTS, compile_matcher
from asgi_probe.judge.patterns import Equal, KeyedPattern, ListPattern, Matchers, Mode, ObjectPattern, Pattern, Rendered
from asgi_probe.judge.schema import compile_schema
from asgi_probe.spec.exact_json import read_json
from asgi_probe.spec.source import Mapping, Scalar, Sequence, did_you_mean, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value


def is_matcher(key: str) -> bool:
    """Whether a key names a matcher: `$gt` does, `${name}` and `$${x}` do not."""
    return key.startswith("$") and not key.startswith(("${", "$${"))


def _without_matchers(node: Mapping) -> Mapping:
    plain = {key: entry for key, entry in node.entries.items() if not is_matcher(key)}
    return Mapping(node.source, node.line, node.column, plain)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Patterns:
    """Compiles patterns of one mode."""

    compilation: Compilation
    mode: Mode = "json"

    def of_mode(self, mode: Mode) -> Patterns:
        return replace(self, mode=mode)

    def pattern(self, node: Node) -> Pattern:
        """The pattern that stands at a node."""
        match node:
            case Scalar():
                return self._scalar(node)
            case Sequence():
                return ListPattern(node, tuple([self.pattern(item) for item in node.items]))
            case Mapping():
                return self._mapping(node)

    def _scalar(self, node: Scalar) -> Pattern:
        if not (isinstance(node.value, str) and "${" in node.value):
            return Equal(node, node.value, self.mode)
        value = self.compilation.value(node)
        return Equal(node, value.render({}), self.mode) if value.constant else Rendered(node, value, self.mode)

    def _mapping(self, node: Mapping) -> Pattern:
        special = [is_matcher(key) for key in node.entries]
        if not any(special):
            return self.object(node)
        if not all(special):
            self._complain_of_mixture(node)
            self.object(_without_matchers(node))
        return compile_matchers(node, self)

    def _complain_of_mixture(self, node: Mapping) -> None:
        first, *_ = node.entries
        odd = next(key for key in node.entries if is_matcher(key) != is_matcher(first))
        found = "a matcher among plain keys" if is_matcher(odd) else "a plain key among matchers"
        self.compilation.problems.add(
            node.entries[odd], f"{odd!r} is {found}",
            "a mapping has either plain keys or matchers; {$equals: …} takes a literal that looks like a matcher",
        )  # fmt: skip

    def object(self, node: Mapping, *, closed: bool = False) -> Pattern:
        """The object pattern of a mapping, whose keys are all plain."""
        members = [(key, self.pattern(entry.value)) for key, entry in node.entries.items()]
        if not any("${" in key for key in node.entries):
            return ObjectPattern(node, tuple(members), closed=closed)
        keys = [self.compilation.text(entry.key) for entry in node.entries.values()]
        pairs = zip(keys, [pattern for _, pattern in members], strict=True)
        return KeyedPattern(node, tuple(pairs), closed=closed)


def _list_argument(name: str, node: Node, patterns: Patterns) -> tuple[Pattern, ...] | None:
    """The patterns of a list; a single scalar stands for a list of one."""
    if isinstance(node, Mapping):
        patterns.compilation.problems.add(
            node, f"{name!r} wants a list of patterns, found a mapping", "write it as a list"
        )
        return None
    if isinstance(node, Sequence) and not node.items:
        patterns.compilation.problems.add(node, f"{name!r} wants at least one pattern")
        return None
    items = node.items if isinstance(node, Sequence) else [node]
    return tuple([patterns.pattern(item) for item in items])


def _compile_all(name: str, node: Node, patterns: Patterns) -> Pattern | None:
    found = _list_argument(name, node, patterns)
    return None if found is None else All(node, found)


def _compile_any(name: str, node: Node, patterns: Patterns) -> Pattern | None:
    found = _list_argument(name, node, patterns)
    return None if found is None else AnyOf(node, found)


def _compile_contains(_name: str, node: Node, patterns: Patterns) -> Pattern:
    items = node.items if isinstance(node, Sequence) else [node]
    return Contains(node, tuple([_wanted(item, patterns) for item in items]), listed=isinstance(node, Sequence))


def _wanted(node: Node, patterns: Patterns) -> Wanted | Rendered:
    pattern = patterns.pattern(node)
    if isinstance(pattern, Rendered) or not isinstance(node, Scalar):
        return pattern if isinstance(pattern, Rendered) else Wanted(pattern, None)
    return Wanted(pattern, patterns.compilation.text(node).render({}) if isinstance(node.value, str) else node.text)


def _compile_unordered(name: str, node: Node, patterns: Patterns) -> Pattern | None:
    if isinstance(node, Mapping):
        patterns.compilation.problems.add(node, f"{name!r} wants a list, found a mapping", "write it as a list")
        return None
    pattern = patterns.pattern(node)
    if isinstance(pattern, (ListPattern, Rendered)):
        return Unordered(node, pattern)
    return Unordered(node, ListPattern(node, (pattern,)))


def _compile_exactly(name: str, node: Node, patterns: Patterns) -> Pattern | None:
    if isinstance(node, Mapping):
        odd = next((key for key in node.entries if is_matcher(key)), None)
        if odd is None:
            return patterns.object(node, closed=True)
        patterns.compilation.problems.add(node.entries[odd], f"{name!r} wants plain keys, found the matcher {odd!r}")
        return None
    if patterns.compilation.is_dynamic(node) and isinstance(node, Scalar):
        return Exactly(node, patterns.compilation.value(node))
    patterns.compilation.problems.add(node, f"{name!r} wants a mapping, found {kind_of(node)}")
    return None


def _compile_jwt(name: str, node: Node, patterns: Patterns) -> Pattern:
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if not key.startswith("$") and key not in ("header", "claims"):
                hint = did_you_mean(key, ("header", "claims")) or "it takes header and claims"
                patterns.compilation.problems.add(entry, f"{name!r} does not know {key!r}", hint)
    return Encoded(node, patterns.of_mode("json").pattern(node), "JWT", decode_jwt)


def _inner(kind: Callable[[Node, Pattern], Pattern]) -> Callable[[str, Node, Patterns], Pattern | None]:
    return lambda _name, node, patterns: kind(node, patterns.pattern(node))


COMBINERS: dict[str, Callable[[str, Node, Patterns], Pattern | None]] = {
    "$not": _inner(Not),
    "$contains": _compile_contains,
    "$length": lambda _name, node, patterns: Length(node, patterns.of_mode("json").pattern(node)),
    "$each": _inner(Each),
    "$some": _inner(Some),
    "$none": _inner(NoElement),
    "$unordered": _compile_unordered,
    "$exactly": _compile_exactly,
    "$all": _compile_all,
    "$any": _compile_any,
    "$schema": compile_schema,
    "$call": compile_call,
    "$json": lambda _name, node, patterns: Encoded(node, patterns.of_mode("json").pattern(node), "JSON", read_json),
    "$jwt": _compile_jwt,
    "$base64": lambda _name, node, patterns: Encoded(
        node, patterns.of_mode("text").pattern(node), "base64", decode_base64
    ),
}
"""Matchers whose arguments are patterns."""


_NAMES = (*TESTS, *COMBINERS, "$because")


_OTHER_NAMES = {
    "$eq": "$equals", "$equal": "$equals", "$ne": "$not", "$neq": "$not", "$gte": "$ge", "$lte": "$le", "$min": "$ge",
    "$max": "$le", "$type": "$is", "$match": "$regex", "$matches": "$regex", "$pattern": "$regex", "$size": "$length",
    "$len": "$length", "$count": "$length", "$or": "$any", "$oneOf": "$any", "$anyOf": "$any", "$and": "$all",
    "$allOf": "$all", "$includes": "$contains", "$has": "$contains", "$every": "$each", "$prefix": "$starts_with",
    "$suffix": "$ends_with", "$startswith": "$starts_with", "$endswith": "$ends_with", "$near": "$approx",
    "$close": "$approx", "$exact": "$exactly", "$exists": "$is", "$absent": "$is", "$b64": "$base64",
    "$jsonschema": "$schema", "$function": "$call", "$python": "$call",
}  # fmt: skip


def compile_matchers(node: Mapping, patterns: Patterns) -> Pattern:
    """The matchers of a mapping; what is unknown or has a wrong argument is reported."""
    parts: list[Pattern] = []
    because: Value | None = None
    for key, entry in node.entries.items():
        if key == "$because":
            because = _because(entry, patterns)
        elif is_matcher(key) and (part := _compile_one(key, entry, patterns)) is not None:
            parts.append(part)
    return Matchers(node, tuple(parts), because, absence=any(part.absence for part in parts))


def _because(entry: Entry, patterns: Patterns) -> Value | None:
    if isinstance(entry.value, Scalar):
        return patterns.compilation.text(entry.value)
    patterns.compilation.problems.add(entry.value, f"'$because' wants text, found {kind_of(entry.value)}")
    return None


def _compile_one(key: str, entry: Entry, patterns: Patterns) -> Pattern | None:
    if key in TESTS:
        return compile_matcher(TESTS[key], entry.value, patterns)
    if key in COMBINERS:
        return COMBINERS[key](key, entry.value, patterns)
    near = f"did you mean {_OTHER_NAMES[key]!r}?" if key in _OTHER_NAMES else did_you_mean(key, _NAMES)
    hint = near or "{$equals: …} takes a literal that looks like a matcher"
    patterns.compilation.problems.add(entry, f"unknown matcher {key!r}", hint)
    return None
