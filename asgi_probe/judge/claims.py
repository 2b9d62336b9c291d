"""What an expectation claims of an answer: one claim for each of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from asgi_probe.judge.body import body_of, json_of
from asgi_probe.judge.cookies import read_cookies
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.jsonpath import Query, compile_query
from asgi_probe.judge.patterns import Mode, ObjectPattern, explain_missing, from_data, neighbours
from asgi_probe.judge.values import ABSENT, counted, kind_of, path_text, show, span
from asgi_probe.spec.source import data
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Scope

    from asgi_probe.exchange import Answer
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Value


class Claim(Protocol):
    """One thing that is claimed of an answer."""

    @property
    def node(self) -> Node:
        """Where it stands in the spec."""
        ...

    @property
    def of_body(self) -> bool:
        """Whether it is about what the body holds, and cannot be judged unless all of it came."""
        ...

    def where_in(self, scope: Scope[str, Any]) -> str:
        """The expectation as a mismatch names it: `status`, `headers.location`."""
        ...

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        """What does not hold; raises Unjudgeable, NotJson, NotXml and VariableError."""
        ...


NOTHING: list[Mismatch] = []
"""No mismatch: shared, never changed."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plain:
    """A pattern on something that every answer has."""

    node: Node
    where: str
    pattern: Pattern
    take: Callable[[Answer], Any]
    of_body: bool = False
    in_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002 - no name in it is rendered
        return self.where

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        value = self.take(answer)
        if self.pattern.holds(value, scope):
            return NOTHING
        findings = Findings(self.where, scope, self.in_body)
        self.pattern.explain(value, (), findings)
        return findings.finish()


def rendered(name: str | Value, scope: Scope[str, Any]) -> str:
    """A name, or what the variable in its place holds."""
    return name if isinstance(name, str) else str(name.render(scope))


def headers_of(answer: Answer) -> dict[str, list[str]]:
    """The values of each header, by its name in lower case."""
    known: dict[str, list[str]] | None = answer.decoded.get("headers")
    if known is None:
        known = answer.decoded["headers"] = {}
        for name, value in answer.headers:
            known.setdefault(name.lower(), []).append(value)
    return known


def header_of(answer: Answer, name: str) -> Any:
    """The values of a header joined by `, `, or ABSENT."""
    values = headers_of(answer).get(name.lower())
    return ABSENT if values is None else ", ".join(values)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Header:
    """A pattern on a header: on the list of its values where only a list will do."""

    node: Node
    name: str | Value
    pattern: Pattern
    of_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:
        return f"headers.{rendered(self.name, scope)}"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        name = rendered(self.name, scope)
        values = headers_of(answer).get(name.lower())
        value: Any = ABSENT
        if values is not None:
            value = values if self.pattern.wants_list(scope) else ", ".join(values)
        if self.pattern.holds(value, scope):
            return NOTHING
        return _explain(self.pattern, value, Findings(self.where_in(scope), scope), name.lower(), headers_of(answer))


def _explain(pattern: Pattern, value: Any, findings: Findings, name: str, names: Any) -> list[Mismatch]:
    if value is ABSENT:
        explain_missing(pattern, neighbours(name, names), (), findings)
    else:
        pattern.explain(value, (), findings)
    return findings.finish()


def cookies_of(answer: Answer) -> dict[str, dict[str, Any]]:
    """The cookies that this answer and its hops set, each with its attributes."""
    known: dict[str, dict[str, Any]] | None = answer.decoded.get("cookies")
    if known is None:
        known = answer.decoded["cookies"] = read_cookies(answer.set_cookies)
    return known


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cookie:
    """A pattern on a cookie's value, or on its attributes."""

    node: Node
    name: str | Value
    pattern: Pattern
    attributes: bool
    of_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:
        return f"cookies.{rendered(self.name, scope)}"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        name = rendered(self.name, scope)
        cookies = cookies_of(answer)
        value: Any = cookies.get(name, ABSENT)
        if value is not ABSENT and not self.attributes:
            value = value["value"]
        if self.pattern.holds(value, scope):
            return NOTHING
        return _explain(self.pattern, value, Findings(self.where_in(scope), scope), name, cookies)


def cookie_by_shape(node: Node, name: str, pattern: Pattern) -> Claim:
    """A claim of a cookie's attributes where the pattern is an object, else of its value."""
    return Cookie(node, name, pattern, isinstance(pattern, ObjectPattern))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonPath:
    """A pattern on what a JSONPath leads to."""

    node: Node
    query: Query | Value
    pattern: Pattern
    of_body: bool = True

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "jsonpath"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        query = self.query if isinstance(self.query, Query) else rendered_query(self.query, scope)
        document = json_of(answer)
        if not query.singular:
            return self._judge_nodes(query, document, scope)
        value = query.one(document)
        if self.pattern.holds(value, scope):
            return NOTHING
        findings = Findings("jsonpath", scope, in_body=True, base=query.location(document))
        if value is ABSENT:
            explain_missing(self.pattern, why_missing(query, document), (), findings)
        else:
            self.pattern.explain(value, (), findings)
        return findings.finish()

    def _judge_nodes(self, query: Query, document: Any, scope: Scope[str, Any]) -> list[Mismatch]:
        values = query.many(document)
        if self.pattern.holds(values, scope):
            return NOTHING
        nodes = query.locations(document)
        findings = Findings("jsonpath", scope, in_body=True, nodes=nodes, query=query.text)
        self.pattern.explain(values, (), findings)
        return findings.finish()


def rendered_query(value: Value, scope: Scope[str, Any]) -> Query:
    """The query that a text with `${…}` has become."""
    return query_of(value.render(scope), value.node)


def query_of(text: str, node: Node) -> Query:
    """The query of a text that was rendered; a VariableError says why it is none."""
    try:
        return compile_query(text)
    except ValueError as error:
        raise VariableError(f"{text!r} is no JSONPath: {error}", node) from None


def jsonpath_by_text(node: Node, text: str, pattern: Pattern) -> Claim:
    """A claim of what a JSONPath leads to, whose text was rendered."""
    return JsonPath(node, query_of(text, node), pattern)


def why_missing(query: Query, document: Any) -> str:
    """A hint on the first step of a singular query that leads nowhere."""
    value = document
    for index, step in enumerate(query.steps):
        owner = path_text(query.steps[:index])
        match value:
            case dict() if step in value:
                value = value[step]
            case dict() if isinstance(step, str):
                inside = f"; {owner} has no {step!r}" if index < len(query.steps) - 1 else ""
                return inside + neighbours(step, value)
            case list() if isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            case list() if isinstance(step, int):
                return f"; {owner} has {counted(len(value), 'item')}"
            case _:
                return f"; {owner} is {kind_of(value)}: {show(value)}"
    return ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RenderedClaims:
    """Claims by name that a variable holds: what stands under each name is a pattern by its shape."""

    node: Node
    where: str
    value: Value
    what: str
    mode: Mode
    claim: Callable[[Node, str, Pattern], Claim]
    of_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return self.where

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        found = self.value.render(scope)
        if not isinstance(found, dict):
            raise VariableError(f"expected a mapping from {self.what} to patterns, got {show(found)}", self.node)
        mismatches: list[Mismatch] = []
        for name, shape in found.items():
            mismatches += self.claim(self.node, name, from_data(shape, self.node, self.mode)).judge(answer, scope)
        return mismatches


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BytesStart:
    """The bytes with which the body starts, as hex in lower case."""

    node: Node
    prefix: str | Value
    of_body: bool = True

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "bytes.starts_with"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        prefix = self.prefix if isinstance(self.prefix, str) else self._rendered(self.prefix, scope)
        wanted = len(prefix) // 2
        body = answer.body if wanted <= len(answer.body) else body_of(answer)
        start = body[:wanted].hex()
        if start == prefix:
            return NOTHING
        findings = Findings("bytes.starts_with", scope)
        findings.add(
            self.node, (), f"expected a body that starts with {prefix}, got {start or 'nothing'}", prefix, start
        )
        return findings.finish()

    def _rendered(self, value: Value, scope: Scope[str, Any]) -> str:
        text = value.render(scope)
        if not isinstance(text, str) or not is_hex(text):
            raise VariableError(f"expected hex digits, got {show(text)}", self.node)
        return text.lower()


def is_hex(text: str) -> bool:
    """Whether it is hex digits for whole bytes."""
    return len(text) % 2 == 0 and bool(text) and all(char in "0123456789abcdefABCDEF" for char in text)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Statuses:
    """Statuses that may come: each the first, the last, and how it was written."""

    ranges: tuple[tuple[int, int, str], ...]

    def holds(self, status: int) -> bool:
        return any(first <= status <= last for first, last, _ in self.ranges)

    def words(self) -> str:
        return " or ".join([text for _, _, text in self.ranges])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Status:
    """The status is one of these."""

    node: Node
    statuses: Statuses
    value: Value | None = None
    of_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "status"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        statuses = self.statuses if self.value is None else self._rendered(self.value, scope)
        if statuses.holds(answer.status):
            return NOTHING
        findings = Findings("status", scope)
        expected: Any = data(self.node) if self.value is None and statuses.ranges[0][0] else statuses.words()
        findings.add(self.node, (), f"expected {statuses.words()}, got {answer.status}", expected, answer.status)
        return findings.finish()

    def _rendered(self, value: Value, scope: Scope[str, Any]) -> Statuses:
        try:
            return read_statuses(value.render(scope))
        except ValueError as error:
            raise VariableError(str(error), self.node) from None


BELOW_400 = Statuses(((0, 399, "a status below 400"),))
"""What is expected when no status is."""


def read_statuses(found: Any) -> Statuses:
    """The statuses that a number, a class such as `2xx` or a list of those means; a ValueError says what is wrong."""
    items = found if isinstance(found, list) else [found]
    if not items:
        message = "expected at least one status"
        raise ValueError(message)
    return Statuses(tuple([_status(item) for item in items]))


def _status(found: Any) -> tuple[int, int, str]:
    text = str(found).lower() if type(found) in (int, str) else ""
    if len(text) == 3 and text[0] in "12345" and text[1:] == "xx":
        return int(text[0]) * 100, int(text[0]) * 100 + 99, text
    if len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "123456789":
        return int(text), int(text), text
    raise ValueError(f"{show(found)} is no status")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Time:
    """The answer took at most this many seconds."""

    node: Node
    most: Value
    of_body: bool = False

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "time"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        most = self.most.render(scope)
        if answer.time <= most:
            return NOTHING
        findings = Findings("time", scope)
        message = f"expected at most {span(most)}, took {span(answer.time)}"
        findings.add(self.node, (), message, most, answer.time)
        return findings.finish()
