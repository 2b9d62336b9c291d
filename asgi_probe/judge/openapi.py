"""`openapi: true`: what came agrees with what the target's OpenAPI document declares."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.body import Unjudgeable, beginning, json_of, text_of
from asgi_probe.judge.claims import NOTHING, headers_of
from asgi_probe.judge.document import Document, NotDescribed, WrongDocument, is_json
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.patterns import read_scalar
from asgi_probe.judge.schema import WrongSchema, library
from asgi_probe.judge.values import counted, path_text, show
from asgi_probe.spec import units
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.source import is_null
from asgi_probe.spec.written import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as Scope

    from asgi_probe.exchange import Answer
    from asgi_probe.judge.document import Header, Operation, Response, Spot
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.judge.schema import Validator
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value

_MOST_LISTED = 300

_ACTIVE: ContextVar[Document | str] = ContextVar("document")


def described_by(document: Document | str, judge: Callable[[], list[Mismatch]]) -> Callable[[], list[Mismatch]]:
    """The same judging, by this document; a text says why there is none."""

    def judge_by_it() -> list[Mismatch]:
        token = _ACTIVE.set(document)
        try:
            return judge()
        finally:
            _ACTIVE.reset(token)

    return judge_by_it


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpenApi:
    """The answer is one that the document declares. Judged only inside of what `described_by` gives."""

    node: Node
    value: Value
    of_body: bool = True

    def wanted(self, scope: Scope[str, Any]) -> bool:
        """Whether it is switched on."""
        return bool(self.value.render(scope))

    def where_in(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "openapi"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        if not self.wanted(scope):
            return NOTHING
        document = _ACTIVE.get(None)
        if document is None:
            message = "'openapi' is judged only inside of what described_by gives"
            raise RuntimeError(message)
        if isinstance(document, str):
            raise Unjudgeable(None, document)
        around, inside = Findings("openapi", scope), Findings("openapi", scope, in_body=True)
        try:
            return _Judging(self.node, document, answer, around, inside).found()
        except WrongDocument as error:
            raise Unjudgeable(None, f"the target's OpenAPI document cannot be judged by: {error}") from None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Judging:
    """One answer, and what is found wrong around its body and in it."""

    node: Node
    document: Document
    answer: Answer
    around: Findings
    inside: Findings

    def found(self) -> list[Mismatch]:
        try:
            operation = self.document.operation(self.answer.method, self.answer.url)
        except NotDescribed as error:
            asked = f"{self.answer.method} {self.answer.url}"
            self._add(str(error), "an operation of the OpenAPI document", asked)
            return self.around.finish()
        key = operation.declared(self.answer.status)
        if key is None:
            self._undeclared_status(operation)
        else:
            response = self.document.response(operation, key)
            about = f"{key} of {operation.name}"
            for header in response.headers:
                self._header(header, about)
            if not self._needs_no_body():
                self._body(response, about)
        return [*self.around.finish(), *self.inside.finish()]

    def _add(self, message: str, expected: Any, actual: Any) -> None:
        self.around.add(self.node, (), message, expected, actual)

    def _undeclared_status(self, operation: Operation) -> None:
        declared = list(operation.responses)
        status = self.answer.status
        known = _listed(declared) if declared else "no answer at all"
        self._add(f"the status {status} is not declared for {operation.name}, which has {known}", declared, status)

    def _needs_no_body(self) -> bool:
        """Whether none came and none had to: frameworks declare a body for redirects that never have one."""
        status = self.answer.status
        return self.answer.method == "HEAD" or (not self.answer.size and (status == 204 or 300 <= status < 400))

    def _header(self, header: Header, about: str) -> None:
        values = headers_of(self.answer).get(header.name.lower())
        if values is None:
            if header.required:
                self._add(f"the header {quoted(header.name)} is missing, which {about} requires", "present", None)
            return
        if header.schema is None:
            return
        # of all headers only this one cannot be joined
        for value in values if header.name.lower() == "set-cookie" else [", ".join(values)]:
            self._header_value(header, header.schema, value)

    def _header_value(self, header: Header, schema: Spot, text: str) -> None:
        try:
            readings = [read_json(text, "it")] if header.of_json else list(_readings(text, self.document.types(schema)))
        except NotJson as error:
            self._add(f"the header {quoted(header.name)}: {error}", "JSON", text)
            return
        validator = self.document.validator(schema)
        if any(validator.accepts(reading) for reading in readings):
            return
        for fault in _faults(validator, readings[-1]):
            place = f" at {path_text(fault.path)}" if fault.path else ""
            self._add(f"the header {quoted(header.name)}{place}: {fault.message}", fault.expected, fault.actual)

    def _body(self, response: Response, about: str) -> None:
        size = self.answer.size
        if not response.media:
            if size:
                message = f"expected no body, for {about} declares none, got {counted(size, 'byte')}"
                self._add(message, 0, size)
            return
        declared = list(response.media)
        came = headers_of(self.answer).get("content-type")
        if not came or not came[0].strip():
            self._add(f"has no content-type, declared for {about} is {_listed(declared)}", declared, None)
            return
        found = _media_type(came[0], response.media)
        if found is None:
            message = f"the media type {quoted(came[0])} is not declared for {about}, which has {_listed(declared)}"
            self._add(message, declared, came[0])
        elif (schema := response.media[found]) is not None:
            self._content(came[0].lower(), schema)

    def _content(self, media_type: str, schema: Spot) -> None:
        """Judge what we can read: JSON, and text that may stand for a number or a boolean."""
        validator = self.document.validator(schema)
        if is_json(media_type):
            try:
                value = json_of(self.answer)
            except NotJson as error:
                start = beginning(self.answer.body)
                self._add(str(error), "JSON", start)
                return
        elif media_type.startswith("text/"):
            value = text_of(self.answer)
            if validator.accepts(read_scalar(value)):
                return
        else:
            return
        if not validator.accepts(value):
            for fault in _faults(validator, value):
                if not self.inside.skipped():
                    self.inside.add(self.node, fault.path, fault.message, fault.expected, fault.actual)


def _faults(validator: Validator, value: Any) -> Iterator[Any]:
    for fault in validator.faults(value):
        if fault.gave_up:
            raise WrongDocument(f"one of its schemas fails: {fault.message}")
        yield fault


def _readings(text: str, types: frozenset[str]) -> Iterator[Any]:
    """What a header's text can mean; the last is what its schema speaks of most likely."""
    yield text
    if types != {"string"}:
        yield read_scalar(text)
    if "array" in types:
        yield [read_scalar(item.strip()) for item in text.split(",")]
        yield [item.strip() for item in text.split(",")]
    if "object" in types:
        yield _properties([item.strip() for item in text.split(",")])


def _properties(items: list[str]) -> dict[str, Any]:
    """An object as OpenAPI writes it into a header: `a=1,b=2`, or `a,1,b,2`."""
    if all("=" in item for item in items):
        pairs = [(name, value) for name, _, value in (item.partition("=") for item in items)]
    else:
        pairs = list(zip(items[::2], items[1::2], strict=False))
    return {name: read_scalar(value) for name, value in pairs}


def _media_type(came: str, declared: dict[str, Any]) -> str | None:
    """The declared media type that an answer's is: as it is, without parameters, or by the narrowest range."""
    whole = "".join(came.lower().split())
    if whole in declared:
        return whole
    essence = whole.partition(";")[0]
    for wanted in (essence, f"{essence.partition('/')[0]}/*", "*/*"):
        for name in declared:
            if name.partition(";")[0] == wanted:
                return name
    return None


def _listed(names: list[str]) -> str:
    return show(", ".join(names), _MOST_LISTED)[1:-1] if names else "nothing"


def compile_openapi(entry: Entry, c: Compilation) -> Iterator[OpenApi]:
    """The claim of `openapi: true`; nothing where it is switched off."""
    node = entry.value
    if is_null(node):
        return
    before = len(c.problems.diagnostics)
    value = units.flag(node, c)
    if len(c.problems.diagnostics) > before or (value.constant and not value.render({})):
        return
    try:
        library("openapi")
    except WrongSchema as error:
        c.problems.add(entry, str(error))
        return
    yield OpenApi(node, value)
