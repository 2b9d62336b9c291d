"""The table of $-matchers that test a value against an argument, one entry each."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.arguments import WrongArgument
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.kinds import KINDS, ONLY_LISTS, READ_FROM_TEXT
from asgi_probe.judge.measures import age_of, comparison, is_near, is_recent, limit_of, near_of
from asgi_probe.judge.patterns import ListPattern, Mode, ObjectPattern, Pattern, as_taken, from_data, got, read_scalar
from asgi_probe.judge.values import ABSENT, Path, equal, is_number, show, span
from asgi_probe.spec.regexes import Regex
from asgi_probe.spec.source import Mapping, Sequence, did_you_mean
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.written import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.compiler import Patterns
    from asgi_probe.judge.findings import Findings
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MatcherKind:
    """A matcher that tests a value against a prepared argument.

    `prepare` makes of the spec's data what `holds` wants, or raises WrongArgument. `words` say what is expected.
    `typed` has the message say of what type the value is. `lists` tells of an argument whether it needs a list.
    """

    prepare: Callable[[Any, Mode], Any]
    holds: Callable[[Any, Any], bool]
    words: Callable[[Any], str]
    typed: bool = True
    lists: Callable[[Any], bool] = lambda _: False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Matcher:
    """One matcher with its argument; of a `${…}` the argument is prepared when it is rendered."""

    node: Node
    kind: MatcherKind
    prepared: Any
    value: Value | None
    mode: Mode

    @property
    def absence(self) -> bool:
        return self.value is None and self.kind is IS and "absent" in self.prepared.names

    def _argument(self, scope: Scope[str, Any]) -> Any:
        if self.value is None:
            return self.prepared
        try:
            return self.kind.prepare(self.value.render(scope), self.mode)
        except WrongArgument as error:
            raise VariableError(str(error), self.node) from None

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if value is ABSENT and not self.absence:
            return False
        try:
            return self.kind.holds(value, self._argument(scope))
        except TimeoutError as error:
            raise Unjudgeable(None, str(error), self.node) from None

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        argument = self._argument(findings.scope)
        if self.kind is EQUALS:
            _literal(self.node, argument.literal, self.mode).explain(value, path, findings)
        else:
            words = self.kind.words(argument)
            findings.add(self.node, path, f"expected {words}, got {self._got(value)}", words, value)

    def _got(self, value: Any) -> str:
        if self.mode == "time" and is_number(value):
            return span(value)
        deceptive = type(value) is str or self.kind is IS
        return got(value, typed=self.kind.typed and self.mode == "json" and deceptive)

    def words(self, scope: Scope[str, Any]) -> str:
        return self.kind.words(self._argument(scope))

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return self.kind.lists(self._argument(scope))


def compile_matcher(kind: MatcherKind, node: Node, patterns: Patterns) -> Pattern | None:
    """The test with the argument at `node`; None when the argument is wrong, which is reported."""
    value = patterns.compilation.value(node)
    if not value.constant:
        return Matcher(node, kind, None, value, patterns.mode)
    try:
        return Matcher(node, kind, kind.prepare(value.render({}), patterns.mode), None, patterns.mode)
    except WrongArgument as error:
        patterns.compilation.problems.add(_place(node, error.item), str(error), error.hint)
        return None


def _place(node: Node, item: int | str | None) -> Any:
    match node, item:
        case Sequence(), int():
            return node.items[item]
        case Mapping(), str() if item in node.entries:
            return node.entries[item]
        case _:
            return node


# $equals


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Literals:
    """Data to compare with, and how texts are taken."""

    literal: Any
    mode: Mode


def _same(value: Any, argument: Literals) -> bool:
    return equal(argument.literal, as_taken(value, argument.literal, argument.mode))


def _literal(node: Node, literal: Any, mode: Mode) -> Pattern:
    """The pattern that explains a difference, each part of it at its own place where it was written out."""
    match node, literal:
        case Sequence(), list():
            items = [_literal(item, data, mode) for item, data in zip(node.items, literal, strict=True)]
            return ListPattern(node, tuple(items), literal)
        case Mapping(), dict() if len(literal) == len(node.entries):
            pairs = zip(literal.items(), node.entries.values(), strict=True)
            members = [(key, _literal(entry.value, data, mode)) for (key, data), entry in pairs]
            return ObjectPattern(node, tuple(members), closed=True)
        case _:
            return from_data(literal, node, mode, closed=True)


EQUALS = MatcherKind(
    prepare=Literals,
    holds=_same,
    words=lambda argument: show(argument.literal),
    typed=False,
    lists=lambda argument: type(argument.literal) is list,
)

# $in


def _options(data: Any, mode: Mode) -> Literals:
    if isinstance(data, dict):
        raise WrongArgument("'$in' wants a list, found a mapping", "write the values it may have as a list")
    options = data if isinstance(data, (list, tuple)) else [data]
    if not options:
        raise WrongArgument("'$in' wants at least one value")
    return Literals(list(options), mode)


def _is_in(value: Any, argument: Literals) -> bool:
    return any(_same(value, Literals(option, argument.mode)) for option in argument.literal)


IN = MatcherKind(
    prepare=_options,
    holds=_is_in,
    words=lambda argument: f"one of {show(argument.literal)}",
    lists=lambda argument: all(type(option) is list for option in argument.literal),
)

# $is


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Names:
    """The names after `$is`."""

    names: tuple[str, ...]
    mode: Mode


def _names(data: Any, mode: Mode) -> Names:
    names = ["null" if name is None else name for name in (data if isinstance(data, list) else [data])]
    if not names:
        raise WrongArgument("'$is' wants at least one name", _known_kinds())
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in KINDS:
            raise WrongArgument(f"'$is' does not know {show(name)}", _kind_hint(name), index)
    return Names(tuple(names), mode)


_OTHER_KIND_NAMES = {
    "int": "integer", "float": "number", "str": "string", "text": "string", "bool": "boolean", "list": "array",
    "dict": "object", "mapping": "object", "none": "null", "url": "uri", "guid": "uuid", "timestamp": "datetime",
    "missing": "absent", "exists": "present", "decimal": "number", "date-time": "datetime", "mail": "email",
}  # fmt: skip


def _kind_hint(name: Any) -> str:
    word = name.lower() if isinstance(name, str) else ""
    if word in _OTHER_KIND_NAMES:
        return f"did you mean {_OTHER_KIND_NAMES[word]!r}?"
    return did_you_mean(word, KINDS) or _known_kinds()


def _known_kinds() -> str:
    return f"it knows {', '.join(KINDS)}"


def _is_all(value: Any, argument: Names) -> bool:
    for name in argument.names:
        taken = (
            read_scalar(value) if argument.mode == "text" and type(value) is str and name in READ_FROM_TEXT else value
        )
        if not KINDS[name][0](taken):
            return False
    return True


IS = MatcherKind(
    prepare=_names,
    holds=_is_all,
    words=lambda argument: " and ".join([KINDS[name][1] for name in argument.names]),
    lists=lambda argument: not ONLY_LISTS.isdisjoint(argument.names),
)

# texts


def _text(data: Any, _mode: Mode) -> str:
    if not isinstance(data, str):
        raise WrongArgument(f"expected text, found {show(data)}", "quote it" if is_number(data) else "")
    return data


def _regex(data: Any, mode: Mode) -> Regex:
    text = _text(data, mode)
    try:
        return Regex.compile(text)
    except ValueError as error:
        raise WrongArgument(f"the regex does not compile: {error}") from None


def _comparison(compare: Callable[[Any, Any], bool], words: str) -> MatcherKind:
    return MatcherKind(limit_of, comparison(compare), words=lambda limit: f"{words} {limit.words()}")


TESTS: dict[str, MatcherKind] = {
    "$equals": EQUALS,
    "$gt": _comparison(operator.gt, "more than"),
    "$ge": _comparison(operator.ge, "at least"),
    "$lt": _comparison(operator.lt, "less than"),
    "$le": _comparison(operator.le, "at most"),
    "$approx": MatcherKind(prepare=near_of, holds=is_near, words=lambda near: near.written),
    "$in": IN,
    "$is": IS,
    "$starts_with": MatcherKind(
        prepare=_text,
        holds=lambda value, text: type(value) is str and value.startswith(text),
        words=lambda text: f"text that starts with {quoted(text)}",
        typed=False,
    ),
    "$ends_with": MatcherKind(
        prepare=_text,
        holds=lambda value, text: type(value) is str and value.endswith(text),
        words=lambda text: f"text that ends with {quoted(text)}",
        typed=False,
    ),
    "$regex": MatcherKind(
        prepare=_regex,
        holds=lambda value, regex: type(value) is str and regex.search(value) is not None,
        words=lambda regex: f"text matching {quoted(regex.pattern)}",
        typed=False,
    ),
    "$ago": MatcherKind(
        prepare=age_of,
        holds=is_recent,
        words=lambda age: f"a moment at most {age.written} ago",
    ),
}
"""Matchers that test a value."""
