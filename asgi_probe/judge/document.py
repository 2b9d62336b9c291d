"""An OpenAPI document: its operations, found by method and path, and what it declares of their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, product
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from asgi_probe.errors import ProbeError
from asgi_probe.judge.dialects import Dialect, dialect_of, for_answers
from asgi_probe.judge.routes import Routes
from asgi_probe.judge.schema import Validator, library
from asgi_probe.judge.values import kind_of, show
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.written import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

Pointer = tuple[str | int, ...]
"""The names and indexes that lead to a place of the document."""

_ADDRESS = "urn:asgi-probe:openapi"
_MOST_REFERENCES = 100
_MOST_SERVERS = 100
_MOST_COMPARED = 1000
"""How many paths are looked through for a near miss."""


class WrongDocument(ProbeError):  # noqa: N818 - says what the document is
    """A document that nothing can be judged by: why, and where in it."""


class NotDescribed(ProbeError):  # noqa: N818 - says what the document lacks
    """A request that no operation of the document stands for."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the document and what stands there."""

    pointer: Pointer
    value: Any

    def __str__(self) -> str:
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in self.pointer)
        return printable("/".join(("#", *steps)))[:300]

    def object(self) -> dict[str, Any]:
        """What stands there, which must be an object."""
        if not isinstance(self.value, dict):
            raise WrongDocument(f"at {self}: expected an object, found {kind_of(self.value)}")
        return self.value

    def members(self, name: str) -> Iterator[tuple[str, Spot]]:
        """The members of the object that stands under this name, if one does."""
        at = self.at(name)
        if at is not None:
            for key, value in at.object().items():
                yield key, Spot((*at.pointer, key), value)

    def at(self, name: str) -> Spot | None:
        """What stands under a name, if anything does."""
        found = self.object().get(name)
        return None if found is None else Spot((*self.pointer, name), found)


@dataclass(frozen=True, slots=True)
class Header:
    """What is declared of a header: `of_json` says that its text is a JSON document."""

    name: str
    required: bool
    schema: Spot | None
    of_json: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What is declared of an answer: its headers, and the schemas of its bodies by media type."""

    headers: tuple[Header, ...]
    media: dict[str, Spot | None]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operation, named as people do (`GET /items/{id}`), and its responses by status, class or `default`."""

    name: str
    responses: dict[str, Spot]
    known: dict[str, Response] = field(default_factory=dict)

    def declared(self, status: int) -> str | None:
        """Under what an answer of this status is declared."""
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in self.responses:
                return key
        return None


class Document:
    """An OpenAPI document of version 3; a WrongDocument where it is none, now or as soon as that is found.

    `base` is the address of the target that it describes, `address` its own, which relative servers belong to.
    """

    def __init__(self, data: Any, base: str, address: str | None = None) -> None:
        self.root = Spot((), data)
        self.dialect: Dialect = _dialect(self.root)
        scheme, host, path, *_ = urlsplit(base)
        self.origin = f"{scheme}://{host}"
        self._routes = Routes(template for template, _ in self.root.members("paths"))
        servers = [_path_of(server, urljoin(base, address or "")) for server in self._servers()]
        self._prefixes = tuple(dict.fromkeys([*sorted(servers, key=len, reverse=True), path.rstrip("/"), ""]))
        self._operations: dict[tuple[str, str], Operation | None] = {}
        self._validators: dict[Pointer, Validator] = {}
        self._registry: Any = None

    def _servers(self) -> Iterator[str]:
        """The addresses of all servers: the document's, and those of single paths and operations."""
        yield from _addresses(self.root)
        for _, item in self.root.members("paths"):
            if isinstance(item.value, dict):
                yield from _addresses(item)
                for method in item.value:
                    operation = item.at(method)
                    if operation is not None and isinstance(operation.value, dict):
                        yield from _addresses(operation)

    def operation(self, method: str, url: str) -> Operation:
        """The operation that a request is; NotDescribed says why it is none."""
        end = len(self.origin)
        if not url.startswith(self.origin) or url[end : end + 1] not in ("", "/", "?", "#"):
            raise NotDescribed(
                f"{quoted(url)} is not on the target {self.origin}, which the OpenAPI document describes"
            )
        path = url[end:].partition("#")[0].partition("?")[0] or "/"
        templates = dict.fromkeys(self._templates(path))
        for template in templates:
            found = self._operation(method, template)
            if found is not None:
                return found
        raise NotDescribed(self._lacks(method, path, list(templates)))

    def _templates(self, path: str) -> Iterator[str]:
        """The paths of the document that match, the best first."""
        for prefix in self._prefixes:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                yield from self._routes.matching(path[len(prefix) :] or "/")

    def _lacks(self, method: str, path: str, templates: list[str]) -> str:
        asked = f"{method} {quoted(path)[1:-1]}"
        if not templates:
            near = did_you_mean(path[:200], islice(self._routes.templates, _MOST_COMPARED))
            return f"{asked} is no operation of the OpenAPI document" + (f"; {near}" if near else "")
        methods = [name.upper() for name in self._item(templates[0]).object() if name in _METHODS]
        known = f"has only {', '.join(methods)}" if methods else "has no operation"
        return f"{asked} is no operation of the OpenAPI document: its path {quoted(templates[0])} {known}"

    def _item(self, template: str) -> Spot:
        return self.follow(Spot(("paths", template), self.root.value["paths"][template]))

    def _operation(self, method: str, template: str) -> Operation | None:
        key = (method, template)
        if key not in self._operations:
            self._operations[key] = self._read_operation(method, template)
        return self._operations[key]

    def _read_operation(self, method: str, template: str) -> Operation | None:
        item = self._item(template)
        found = item.at(method.lower()) if method.lower() in _METHODS else None
        if found is None and (others := item.at("additionalOperations")) is not None:
            found = others.at(method)
        if found is None:
            # who answers GET answers HEAD, and hardly a document says so
            return self._operation("GET", template) if method == "HEAD" else None
        return Operation(f"{method} {printable(template)[:200]}", dict(found.members("responses")))

    def response(self, operation: Operation, key: str) -> Response:
        """What the operation declares of its answers under a key of its responses."""
        if key not in operation.known:
            operation.known[key] = self._read_response(self.follow(operation.responses[key]))
        return operation.known[key]

    def _read_response(self, spot: Spot) -> Response:
        headers = [
            self._read_header(name, self.follow(header))
            for name, header in spot.members("headers")
            if name.lower() != "content-type"
        ]
        media = {_normal(name): self.follow(media).at("schema") for name, media in spot.members("content")}
        return Response(tuple(headers), media)

    def _read_header(self, name: str, spot: Spot) -> Header:
        required = spot.object().get("required") is True
        content = next((media for name, media in spot.members("content") if is_json(_normal(name))), None)
        if content is not None:
            return Header(name, required, content.at("schema"), of_json=True)
        return Header(name, required, spot.at("schema"))

    def follow(self, spot: Spot) -> Spot:
        """Where a chain of references from here leads to."""
        first = spot
        for _ in range(_MOST_REFERENCES):
            reference = spot.object().get("$ref")
            if not isinstance(reference, str):
                return spot
            spot = self._referred(reference)
        raise WrongDocument(f"at {first}: its references lead nowhere but to each other")

    def _referred(self, reference: str) -> Spot:
        if not reference.startswith("#"):
            raise WrongDocument(_elsewhere(reference))
        found, pointer = self.root.value, []
        for step in reference[1:].split("/")[1:]:
            text = unquote(step).replace("~1", "/").replace("~0", "~")
            name = int(text) if isinstance(found, list) and text.isascii() and text.isdigit() else text
            try:
                found = found[name]
            except (LookupError, TypeError):
                raise WrongDocument(f"it refers to {quoted(reference)}, which it does not have") from None
            pointer.append(name)
        return Spot(tuple(pointer), found)

    def types(self, schema: Spot) -> frozenset[str]:
        """The types that a schema names."""
        found = self.follow(schema).object().get("type") if isinstance(schema.value, dict) else None
        return frozenset(found if isinstance(found, list) else [found]) if found else frozenset()

    def validator(self, schema: Spot) -> Validator:
        """What judges values by a schema of the document; compiled once."""
        if schema.pointer not in self._validators:
            self._validators[schema.pointer] = self._compile(schema)
        return self._validators[schema.pointer]

    def _compile(self, schema: Spot) -> Validator:
        found = library("openapi")
        dialect = self.dialect.of(schema.value)
        try:
            if self._registry is None:
                plain = for_answers(self.root.value, self._target_of, old=self.dialect.old)
                draft = getattr(found, self.dialect.name)
                self._registry = found.Registry([(_ADDRESS, plain)], draft=draft)
            validator = getattr(found, f"{dialect.name}Validator")
            compiled = validator(
                {"$ref": f"{_ADDRESS}{_fragment(schema.pointer)}"},
                registry=self._registry,
                offline=True,
                validate_formats=True,
                ignore_unknown_formats=True,
            )
        except (ValueError, TypeError, RecursionError) as error:
            stranger = self._stranger(schema.value)
            raise WrongDocument(_elsewhere(stranger) if stranger else _no_schema(schema, error)) from None
        return Validator(self.root.value, compiled)

    def _stranger(self, schema: Any) -> str | None:
        """The first reference out of the document that a schema comes to, if it does."""
        waiting, seen = [schema], set[str]()
        while waiting:
            found = waiting.pop()
            if isinstance(found, dict):
                reference = found.get("$ref")
                if isinstance(reference, str) and not reference.startswith("#"):
                    return reference
                if isinstance(reference, str) and reference not in seen:
                    seen.add(reference)
                    waiting.append(self._target_of(reference))
                waiting += reversed(found.values())
            elif isinstance(found, list):
                waiting += reversed(found)
        return None

    def _target_of(self, reference: str) -> Any:
        """What a schema refers to, or nothing where that is not in the document."""
        try:
            return self._referred(reference).value
        except WrongDocument:
            return None


_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})


def _dialect(root: Spot) -> Dialect:
    """The dialect of the schemas in a document, whose version must be one that we know."""
    if not isinstance(root.value, dict):
        raise WrongDocument(f"expected an OpenAPI document, found {kind_of(root.value)}: {show(root.value)}")
    if "openapi" not in root.value:
        old = root.value.get("swagger")
        found = (
            f"Swagger {show(old)}; convert it to OpenAPI 3" if old is not None else "none: the key 'openapi' is missing"
        )
        raise WrongDocument(f"expected an OpenAPI document of version 3, found {found}")
    version = root.value["openapi"]
    numbers = str(version).split(".")
    if numbers[0] != "3" or numbers[1:2] not in (["0"], ["1"], ["2"]):
        raise WrongDocument(f"expected an OpenAPI document of version 3.0, 3.1 or 3.2, found {show(version)}")
    try:
        return dialect_of(numbers[1], root.value.get("jsonSchemaDialect"))
    except ValueError as error:
        raise WrongDocument(str(error)) from None


def _addresses(spot: Spot) -> Iterator[str]:
    """The servers that stand here, with each of the values that their variables are known to have."""
    servers = spot.object().get("servers")
    for server in islice(servers if isinstance(servers, list) else [], _MOST_SERVERS):
        if isinstance(server, dict) and isinstance(server.get("url"), str):
            yield from _with_variables(server["url"], server.get("variables"))


def _with_variables(url: str, variables: Any) -> Iterator[str]:
    names = [name for name in (variables if isinstance(variables, dict) else {}) if f"{{{name}}}" in url]
    choices = [_choices(variables[name]) for name in names]
    for values in islice(product(*choices), _MOST_SERVERS):
        found = url
        for name, value in zip(names, values, strict=True):
            found = found.replace(f"{{{name}}}", value)
        yield found


def _choices(variable: Any) -> list[str]:
    if not isinstance(variable, dict):
        return []
    listed = variable.get("enum")
    return [str(value) for value in [variable.get("default", ""), *(listed if isinstance(listed, list) else [])]]


def _path_of(server: str, address: str) -> str:
    """The path that all requests to a server begin with."""
    try:
        return urlsplit(urljoin(address, server)).path.rstrip("/")
    except ValueError:
        return ""


def _normal(media_type: str) -> str:
    return "".join(media_type.lower().split())


def is_json(media_type: str) -> bool:
    """Whether a media type, in lower case, says that the body is JSON."""
    essence = media_type.partition(";")[0].strip()
    return essence.endswith(("/json", "+json"))


def _elsewhere(reference: str) -> str:
    return f"it refers to {quoted(reference, 200)}; only references to places inside the document are followed"


def _fragment(pointer: Pointer) -> str:
    from urllib.parse import quote

    steps = [quote(str(step).replace("~", "~0").replace("/", "~1"), safe="~") for step in pointer]
    return "/".join(("#", *steps))


def _no_schema(schema: Spot, error: Exception) -> str:
    said = printable(str(getattr(error, "message", error)))[:300]
    return f"the schema at {schema} does not compile: {said[:1].lower()}{said[1:]}"
