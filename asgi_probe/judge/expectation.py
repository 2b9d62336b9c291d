"""`expect`: compiled once, judges answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_probe.exchange import Failure
from asgi_probe.judge import claims
from asgi_probe.judge.body import Unjudgeable, body_of, json_of, text_of
from asgi_probe.judge.compiler import Patterns, is_matcher
from asgi_probe.judge.cookies import ATTRIBUTES
from asgi_probe.judge.jsonpath import Query, compile_query
from asgi_probe.judge.markup import compile_html, compile_xml
from asgi_probe.judge.openapi import OpenApi, compile_openapi
from asgi_probe.judge.patterns import Equal, Pattern
from asgi_probe.judge.schema import compile_schema
from asgi_probe.judge.values import show
from asgi_probe.judge.verdict import ERRORS, ERRORS_OF_BODY, WantedError, judge_claims, judge_failing, of_no_body
from asgi_probe.spec.exact_json import with_room
from asgi_probe.spec.source import Mapping, Scalar, Sequence, data, did_you_mean, kind_of
from asgi_probe.spec.units import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as Scope

    from asgi_probe.exchange import Answer
    from asgi_probe.judge.claims import Claim
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value

__all__ = ["Expectation", "Unjudgeable", "compile_expectation"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expectation:
    """What must come back: claims of an answer, or an error.

    Beside `error`, what is claimed is judged on what had come when the request failed; claims of a body that did not
    come whole only say that it is read.
    """

    claims: tuple[Claim, ...]
    error: WantedError | None = None
    has_calls: bool = False
    """Whether a `$call` is in it, so that it must be judged by `judge_with_calls`."""
    openapi: OpenApi | None = None
    """The claim among them that wants the target's document, so that it must be judged inside of `described_by`."""

    @property
    def wants_error(self) -> bool:
        """Whether the request must fail."""
        return self.error is not None

    def judge(self, result: Answer | Failure, scope: Scope[str, Any]) -> list[Mismatch]:
        """All mismatches, none when everything holds.

        Raises Unjudgeable for what cannot be judged, and VariableError for a `${…}` that cannot be rendered. A Failure
        is judged only when an error is wanted.
        """
        if self.error is not None:
            return with_room(partial(judge_failing, self.error, self.claims, result, scope))
        if isinstance(result, Failure):
            message = "a failure is judged only where an error is expected"
            raise TypeError(message)
        return with_room(partial(judge_claims, self.claims, result, scope))


def compile_expectation(entries: dict[str, Entry], compilation: Compilation, place: Node) -> Expectation:
    """The expectation of `expect`'s entries, null ones and defaults already sorted out; all problems are reported.

    But for unknown keys, which whoever read the spec has told. `place` is the step's: a status of 400 or above is told
    there when no status is expected.
    """
    hooks = len(compilation.hooks)
    error = _error(entries["error"].value, compilation) if "error" in entries else None
    if error is not None and error.value.constant:
        _refuse_of_body(str(error.value.render({})), entries, compilation)
    found: list[Claim] = []
    if "status" not in entries and error is None:
        found.append(claims.Status(place, claims.BELOW_400))
    for key, entry in entries.items():
        if key in _KEYS:
            found += _KEYS[key](entry, compilation)
    openapi = next((claim for claim in found if isinstance(claim, OpenApi)), None)
    return Expectation(tuple(found), error, has_calls=len(compilation.hooks) > hooks, openapi=openapi)


def _refuse_of_body(wanted: str, entries: dict[str, Entry], c: Compilation) -> None:
    if wanted not in ERRORS or wanted in ERRORS_OF_BODY:
        return
    for key, entry in entries.items():
        if key in _OF_BODY:
            hint = f"take it away; only beside {', '.join(ERRORS_OF_BODY)} does it say that the body is read"
            c.problems.add(entry, of_no_body(key, wanted), hint)


def _error(node: Node, c: Compilation) -> WantedError:
    value = c.value(node)
    if value.constant and data(node) not in ERRORS:
        near = did_you_mean(node.text, ERRORS) if isinstance(node, Scalar) else ""
        found = show(node.value) if isinstance(node, Scalar) else kind_of(node)
        c.problems.add(node, f"expected a kind of error, found {found}", near or f"there are: {', '.join(ERRORS)}")
    return WantedError(node, value)


def _status(entry: Entry, c: Compilation) -> Iterator[Claim]:
    node = entry.value
    if isinstance(node, Mapping):
        yield _matchers_only(entry, Patterns(c), "status", lambda answer: answer.status)
    elif c.is_dynamic(node):
        yield claims.Status(node, claims.BELOW_400, c.value(node))
    else:
        yield claims.Status(node, _statuses(node, c))


def _matchers_only(entry: Entry, patterns: Patterns, where: str, take: Callable[[Answer], Any]) -> Claim:
    """A mapping of matchers: what is judged is no object, so plain keys make no sense."""
    node = entry.value
    odd = [item for key, item in node.entries.items() if not is_matcher(key)] if isinstance(node, Mapping) else []
    if odd:
        hint = did_you_mean(f"${odd[0].key.text}", ("$gt", "$ge", "$lt", "$le", "$in", "$not", "$any"))
        patterns.compilation.problems.add(odd[0], f"expected matchers, found the key {odd[0].key.text!r}", hint)
    return claims.Plain(node, where, patterns.pattern(node), take)


def _statuses(node: Node, c: Compilation) -> claims.Statuses:
    items = node.items if isinstance(node, Sequence) else [node]
    ranges: list[tuple[int, int, str]] = []
    for item in items:
        try:
            ranges += claims.read_statuses(data(item)).ranges
        except ValueError as error:
            c.problems.add(item, str(error), "expected a number such as 200, or a class from '1xx' to '5xx'")
    if not items:
        c.problems.add(node, "expected at least one status")
    return claims.Statuses(tuple(ranges))


def _named(node: Node, c: Compilation, what: str) -> list[tuple[str | Value, Entry]]:
    """The entries of a mapping from names, which may hold `${…}`."""
    if not isinstance(node, Mapping):
        c.problems.add(node, f"expected a mapping from {what} to patterns, found {kind_of(node)}")
        return []
    return [(c.text(item.key) if "${" in key else key, item) for key, item in node.entries.items()]


def _is_variable(node: Node, c: Compilation) -> bool:
    return isinstance(node, Scalar) and c.is_dynamic(node)


def _headers(entry: Entry, c: Compilation) -> Iterator[Claim]:
    node, what = entry.value, "header names"
    if _is_variable(node, c):
        yield claims.RenderedClaims(node, "headers", c.value(node), what, "text", claims.Header)
        return
    for name, item in _named(node, c, what):
        yield claims.Header(item.value, name, Patterns(c, "text").pattern(item.value))


def _cookies(entry: Entry, c: Compilation) -> Iterator[Claim]:
    node, what = entry.value, "cookie names"
    if _is_variable(node, c):
        yield claims.RenderedClaims(node, "cookies", c.value(node), what, "text", claims.cookie_by_shape)
        return
    for name, item in _named(node, c, what):
        has_keys = isinstance(item.value, Mapping) and not any(is_matcher(key) for key in item.value.entries)
        if isinstance(item.value, Mapping) and has_keys:
            _check_attributes(item.value, c)
        yield claims.Cookie(item.value, name, Patterns(c, "text").pattern(item.value), has_keys)


def _check_attributes(node: Mapping, c: Compilation) -> None:
    for key, entry in node.entries.items():
        if key not in ATTRIBUTES and "${" not in key:
            hint = did_you_mean(key.replace("-", "_"), ATTRIBUTES) or f"there are: {', '.join(ATTRIBUTES)}"
            c.problems.add(entry, f"a cookie has no attribute {key!r}", hint)


def _json(entry: Entry, c: Compilation) -> Iterator[Claim]:
    yield claims.Plain(entry.value, "json", Patterns(c).pattern(entry.value), json_of, of_body=True, in_body=True)


def _jsonpath(entry: Entry, c: Compilation) -> Iterator[Claim]:
    node, what = entry.value, "JSONPaths"
    if _is_variable(node, c):
        yield claims.RenderedClaims(
            node, "jsonpath", c.value(node), what, "json", claims.jsonpath_by_text, of_body=True
        )
        return
    for text, item in _named(node, c, what):
        query = text if not isinstance(text, str) else _query(text, item, c)
        if query is not None:
            yield claims.JsonPath(item.value, query, Patterns(c).pattern(item.value))


def _query(text: str, item: Entry, c: Compilation) -> Query | None:
    try:
        return compile_query(text)
    except ValueError as error:
        hint = "" if text.startswith("$") else "it begins with '$', such as '$.items[0].id'"
        c.problems.add(item, f"{text!r} is no JSONPath: {error}", hint)
        return None


def _schema(entry: Entry, c: Compilation) -> Iterator[Claim]:
    pattern = compile_schema("schema", entry.value, Patterns(c))
    if pattern is not None:
        yield claims.Plain(entry.value, "schema", pattern, json_of, of_body=True, in_body=True)


def _text(entry: Entry, c: Compilation) -> Iterator[Claim]:
    yield claims.Plain(entry.value, "text", Patterns(c, "text").pattern(entry.value), text_of, of_body=True)


def _bytes(entry: Entry, c: Compilation) -> Iterator[Claim]:
    if not isinstance(entry.value, Mapping):
        c.problems.add(
            entry.value, f"expected a mapping, found {kind_of(entry.value)}", f"it takes {', '.join(_BYTES)}"
        )
        return
    for key, item in entry.value.entries.items():
        if key in _BYTES:
            yield _BYTES[key](item, c)
        else:
            c.problems.add(item, f"unknown key {key!r}", did_you_mean(key, _BYTES) or f"it takes {', '.join(_BYTES)}")


def _length(entry: Entry, c: Compilation) -> Claim:
    pattern = Patterns(c).pattern(entry.value)
    return claims.Plain(entry.value, "bytes.length", pattern, lambda answer: answer.size, of_body=True)


def _digest(name: str, digits: int) -> Callable[[Entry, Compilation], Claim]:
    def take(answer: Answer) -> str:
        import hashlib

        return hashlib.new(name, body_of(answer), usedforsecurity=False).hexdigest()

    def compile_digest(entry: Entry, c: Compilation) -> Claim:
        return claims.Plain(entry.value, f"bytes.{name}", _hex_pattern(entry.value, c, digits), take, of_body=True)

    return compile_digest


def _hex_pattern(node: Node, c: Compilation, digits: int) -> Pattern:
    if not isinstance(node, Scalar) or c.is_dynamic(node):
        return Patterns(c).pattern(node)
    text = _hex(node, c)
    if text is not None and len(text) != digits:
        c.problems.add(node, f"expected {digits} hex digits, found {len(text)}")
    return Equal(node, text, "json")


def _hex(node: Scalar, c: Compilation) -> str | None:
    if isinstance(node.value, str) and claims.is_hex(node.value):
        return node.value.lower()
    found = f"the number {node.text}" if not isinstance(node.value, (str, bool, type(None))) else show(node.value)
    hint = f"quote it: '{node.text}'" if found.startswith("the number") else "such as '89504e47'"
    c.problems.add(node, f"expected hex digits for whole bytes, found {found}", hint)
    return None


def _starts_with(entry: Entry, c: Compilation) -> Claim:
    node = entry.value
    if not isinstance(node, Scalar):
        c.problems.add(node, f"expected hex digits, found {kind_of(node)}", "such as '89504e47'")
        return claims.BytesStart(node, "")
    return claims.BytesStart(node, c.value(node) if c.is_dynamic(node) else _hex(node, c) or "")


_BYTES: dict[str, Callable[[Entry, Compilation], Claim]] = {
    "length": _length,
    "sha256": _digest("sha256", 64),
    "md5": _digest("md5", 32),
    "starts_with": _starts_with,
}


def _time(entry: Entry, c: Compilation) -> Iterator[Claim]:
    if isinstance(entry.value, Mapping):
        yield _matchers_only(entry, Patterns(c, "time"), "time", lambda answer: answer.time)
    else:
        yield claims.Time(entry.value, duration(entry.value, c))


def _simple(where: str, take: Callable[[Answer], Any]) -> Callable[[Entry, Compilation], Iterator[Claim]]:
    def compile_simple(entry: Entry, c: Compilation) -> Iterator[Claim]:
        yield claims.Plain(entry.value, where, Patterns(c).pattern(entry.value), take)

    return compile_simple


def _redirects(answer: Answer) -> list[dict[str, Any]]:
    return [{"status": hop.status, "url": hop.url} for hop in answer.hops]


_KEYS: dict[str, Callable[[Entry, Compilation], Iterator[Claim]]] = {
    "status": _status,
    "headers": _headers,
    "cookies": _cookies,
    "json": _json,
    "jsonpath": _jsonpath,
    "schema": _schema,
    "openapi": compile_openapi,
    "html": compile_html,
    "xml": compile_xml,
    "text": _text,
    "bytes": _bytes,
    "time": _time,
    "size": _simple("size", lambda answer: answer.size),
    "url": _simple("url", lambda answer: answer.url),
    "http_version": _simple("http_version", lambda answer: answer.http_version),
    "redirects": _simple("redirects", _redirects),
}
_OF_BODY = frozenset({"json", "jsonpath", "schema", "openapi", "html", "xml", "text", "bytes"})
