"""`schema` and `$schema`: JSON Schema, inline or in a file, compiled before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.faults import Fault, faults_in, faults_of
from asgi_probe.judge.patterns import Mode, explain_kind, read_scalar
from asgi_probe.judge.values import ABSENT, identity, path_text
from asgi_probe.judge.values import Path as Steps
from asgi_probe.spec import yaml
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.files import FileError, read_text
from asgi_probe.spec.source import Entry, Mapping, Problems, Scalar, Sequence, Source, data, did_you_mean, kind_of
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.written import printable

if TYPE_CHECKING:
    from collections.abc import Hashable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.compiler import Patterns
    from asgi_probe.judge.findings import Findings
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Compilation, Value

_MOST_KEPT = 16


class WrongSchema(ValueError):  # noqa: N818 - says what the schema is
    """A schema that does not compile: why, and the paths inside it to what is wrong, if that is known."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class Validator:
    """A compiled JSON Schema."""

    def __init__(self, schema: Any, library: Any) -> None:
        self.schema = schema
        self.library = library

    def accepts(self, value: Any) -> bool:
        """Whether the value satisfies it."""
        try:
            return bool(self.library.is_valid(value))
        except UnicodeEncodeError:
            return bool(self.library.is_valid(_encodable(value)))

    def faults(self, value: Any) -> list[Fault]:
        """Why it does not, in the order of the schema; of a large document only the first reason."""
        return faults_of(self.library, _encodable(value), self.schema)


def _encodable(value: Any) -> Any:
    """The value with lone surrogates, which no Unicode text can hold, as U+FFFD."""
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a spec's schemas are found: its folder, and the root that none may be outside of."""

    folder: Path
    root: Path

    def base(self, file: str | None) -> str:
        """The address that a schema's references are relative to."""
        return (self.folder / (file or "spec.yaml")).absolute().as_uri()

    def read(self, file: str) -> Any:
        """A schema file's data: YAML by its ending, else JSON; a WrongSchema says what is wrong with it."""
        try:
            text = read_text(file, folder=self.folder, root=self.root)
            what = f"the file {file!r}"
            return parse_data(what, text) if file.endswith((".yaml", ".yml")) else read_json(text, what)
        except (FileError, NotJson) as error:
            raise WrongSchema(str(error)) from None

    def fetch(self, address: str) -> Any:
        """What a `$ref` refers to, which must be a file."""
        parts = urlsplit(address)
        if parts.scheme != "file" or parts.netloc:
            found = printable(address)[:200]
            raise WrongSchema(f"the schema refers to {found!r}; only files beside the spec are read")
        from urllib.request import url2pathname

        path = Path(url2pathname(parts.path))
        near = path.relative_to(self.folder.absolute()) if path.is_relative_to(self.folder.absolute()) else path
        return self.read(str(near))


def parse_data(what: str, text: str) -> Any:
    """The data of a YAML text; a WrongSchema says that `what` is none."""
    problems = Problems()
    node = yaml.compose(Source(Path(what), what, text), problems)
    if node is None or problems.errors:
        first = problems.errors[0]
        raise WrongSchema(f"{what} is not YAML, at line {first.location.line:,}: {first.message}")
    return data(node)


def compile_validator(schema: Any, place: Place, file: str | None = None) -> Validator:
    """The validator of a schema's data; a WrongSchema says what is wrong with it. Nothing but files is read."""
    package = library()
    refused: list[WrongSchema] = []

    def fetch(address: str) -> Any:
        try:
            return place.fetch(address)
        except WrongSchema as error:
            refused.append(error)
            raise

    try:
        compiled = package.validator_for(
            schema, validate_formats=True, retriever=fetch, base_uri=place.base(file), ignore_unknown_formats=True
        )
    except ValueError as error:
        raise (refused[0] if refused else _wrong(error, schema)) from None
    return Validator(schema, compiled)


def library(what: str = "schema") -> Any:
    """The package that judges by schemas; a WrongSchema says that `what` needs it where it is missing."""
    try:
        import jsonschema_rs
    except ImportError:
        message = f"{what!r} needs the package jsonschema-rs: pip install 'asgi-probe[schema]'"
        raise WrongSchema(message) from None
    return jsonschema_rs


def _wrong(error: ValueError, schema: Any) -> WrongSchema:
    """What the library says of a schema: told by what it breaks of its metaschema where there is one that it knows."""
    reason = printable(str(getattr(error, "message", error)))[:300]
    dialect = schema.get("$schema", _DIALECT) if isinstance(schema, dict) else _DIALECT
    try:
        meta = library().validator_for({"$ref": dialect}, validate_formats=True, offline=True)
        found = tuple(faults_of(meta, schema, None))
    except (ValueError, TypeError):
        found = tuple(faults_in(error, schema)) if getattr(error, "instance_path", ()) else ()
    return WrongSchema(f"the schema does not compile: {reason[:1].lower()}{reason[1:]}", found)


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SchemaPattern:
    """A value that satisfies a JSON Schema, which is rendered first where `${…}` is in it."""

    node: Node
    place: Place
    mode: Mode
    schema: Validator | Value
    is_file: bool = False
    known: dict[Hashable, Validator] = field(default_factory=dict)
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if value is ABSENT:
            return False
        validator = self._validator(scope)
        if self.mode == "text" and type(value) is str and validator.accepts(read_scalar(value)):
            return True
        return validator.accepts(value)

    def _validator(self, scope: Scope[str, Any]) -> Validator:
        if isinstance(self.schema, Validator):
            return self.schema
        found = self.schema.render(scope)
        key = identity(found)
        if key not in self.known:
            if len(self.known) >= _MOST_KEPT:
                self.known.clear()
            self.known[key] = self._compiled(found)
        return self.known[key]

    def _compiled(self, found: Any) -> Validator:
        try:
            if not self.is_file:
                return compile_validator(found, self.place)
            return compile_validator(self.place.read(str(found)), self.place, str(found))
        except WrongSchema as error:
            raise VariableError(_with_first_fault(error), self.node) from None

    def explain(self, value: Any, path: Steps, findings: Findings) -> None:
        if value is ABSENT:
            explain_kind(self.node, self.words(findings.scope), value, path, findings)
            return
        written = isinstance(self.schema, Validator) and not self.is_file
        for fault in self._validator(findings.scope).faults(value):
            if fault.gave_up:
                raise Unjudgeable(None, f"the schema cannot be judged: {fault.message}", self.node)
            if not findings.skipped():
                node = node_at(self.node, fault.keyword) if written else self.node
                findings.add(node, (*path, *fault.path), fault.message, fault.expected, fault.actual)

    def words(self, scope: Scope[str, Any]) -> str:  # noqa: ARG002
        return "what satisfies the schema"

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        schema = self._validator(scope).schema
        return isinstance(schema, dict) and schema.get("type") == "array"


def _with_first_fault(error: WrongSchema) -> str:
    return f"{error}, at {path_text(error.faults[0].path)}: {error.faults[0].message}" if error.faults else str(error)


def node_at(node: Node, steps: tuple[Any, ...]) -> Node:
    """The node that a path leads to, or the last one on the way."""
    for step in steps:
        match node:
            case Mapping() if str(step) in node.entries:
                node = node.entries[str(step)].value
            case Sequence() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            case _:
                break
    return node


def compile_schema(_name: str, node: Node, patterns: Patterns) -> Pattern | None:
    """The pattern of a schema, inline or `{file:}`; what is wrong is reported, inside an inline one at its place."""
    c = patterns.compilation
    place = Place(c.folder, c.root)
    file = _file(node)
    if file is not None:
        return _compile_file(node, file.value, place, patterns)
    if c.is_dynamic(node):
        return SchemaPattern(node, place, patterns.mode, c.value(node))
    schema = c.value(node).render({})
    if not isinstance(schema, (dict, bool)):
        hint = "write it out, or name its file: {file: order.schema.json}"
        c.problems.add(node, f"expected a JSON Schema, found {kind_of(node)}", hint)
        return None
    try:
        return SchemaPattern(node, place, patterns.mode, compile_validator(schema, place))
    except WrongSchema as error:
        _report(error, node, c)
        return None


def _file(node: Node) -> Entry | None:
    return node.entries.get("file") if isinstance(node, Mapping) and len(node.entries) == 1 else None


def _compile_file(node: Node, name: Node, place: Place, patterns: Patterns) -> Pattern | None:
    c = patterns.compilation
    if not isinstance(name, Scalar) or not isinstance(name.value, str):
        c.problems.add(name, f"expected a file's name, found {kind_of(name)}")
        return None
    if c.is_dynamic(name):
        return SchemaPattern(node, place, patterns.mode, c.text(name), is_file=True)
    file = str(c.text(name).render({}))
    try:
        validator = compile_validator(place.read(file), place, file)
    except WrongSchema as error:
        text = _with_first_fault(error)
        c.problems.add(name, text if repr(file) in text else f"in the file {file!r}: {text}")
        return None
    return SchemaPattern(node, place, patterns.mode, validator, is_file=True)


def _report(error: WrongSchema, node: Node, c: Compilation) -> None:
    for fault in error.faults:
        where = f" at {path_text(fault.path)}" if fault.path else ""
        hint = did_you_mean(str(fault.actual), _TYPES) if fault.path[-1:] == ("type",) else ""
        c.problems.add(node_at(node, fault.path), f"this is no JSON Schema{where}: {fault.message}", hint)
    if not error.faults:
        c.problems.add(_reference(node, str(error)) or node, str(error))


_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


def _reference(node: Node, message: str) -> Node | None:
    """The `$ref` or `$schema` that a message speaks of."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case Sequence(items=items):
                waiting += reversed(items)
            case Mapping(entries=entries):
                for key in ("$ref", "$schema"):
                    if key in entries and _names(entries[key].value, message):
                        return entries[key].value
                waiting += reversed([entry.value for entry in entries.values()])
            case _:
                continue
    return None


def _names(node: Node, message: str) -> bool:
    text = data(node)
    return isinstance(text, str) and bool(text) and (text.partition("#")[0] or text[1:]) in message
