"""What a request carries: JSON, a form, a multipart body, text or a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.pairs import compile_pairs, wire
from asgi_probe.exchange import Part
from asgi_probe.spec.files import FileError, read_bytes
from asgi_probe.spec.source import Mapping, Scalar, Sequence
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.written import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value


@dataclass(frozen=True, slots=True)
class Payload:
    """A rendered body: bytes with their media type, or the parts of a multipart body."""

    body: bytes | None = None
    content_type: str | None = None
    parts: list[Part] | None = None


PayloadPlan = Callable[["Dict[str, Any]"], Payload]
Content = Callable[["Dict[str, Any]"], bytes]


def compile_payload(fields: dict[str, Entry], compilation: Compilation) -> PayloadPlan | None:
    """Compile the one body a step may have; None where it has none."""
    for kind, compiler in _KINDS.items():
        entry = fields.get(kind)
        if entry is not None:
            return compiler(entry, compilation)
    return None


def _json(entry: Entry, compilation: Compilation) -> PayloadPlan:
    value = compilation.value(entry.value)
    if not value.constant:
        return lambda scope: Payload(encode_json(value.render(scope), entry.value), "application/json")
    return _fixed(
        entry.value, compilation, lambda: Payload(encode_json(value.render({}), entry.value), "application/json")
    )


def _graphql(entry: Entry, compilation: Compilation) -> PayloadPlan:
    """A query with its variables as JSON, as GraphQL over HTTP wants it (its specification, section 5.4)."""
    given = entry.value.entries if isinstance(entry.value, Mapping) else {}
    if "query" not in given:  # which the spec's shapes have told
        return lambda _: Payload(b"")
    query = _content(given["query"].value, compilation)
    variables = compilation.value(given["variables"].value) if "variables" in given else None
    operation = compilation.value(given["operation"].value) if "operation" in given else None

    def render(scope: Dict[str, Any]) -> Payload:
        asked: dict[str, Any] = {"query": query(scope).decode("utf-8", "replace")}
        if variables is not None:
            asked["variables"] = variables.render(scope)
        if operation is not None:
            asked["operationName"] = operation.render(scope)
        return Payload(encode_json(asked, entry.value), "application/json")

    return render


def _form(entry: Entry, compilation: Compilation) -> PayloadPlan:
    pairs = compile_pairs(entry, "a form", compilation)

    def render(scope: Dict[str, Any]) -> Payload:
        from urllib.parse import urlencode

        fields = [(encoded(name, entry.value), encoded(value, entry.value)) for name, value in pairs(scope)]
        return Payload(urlencode(fields).encode("ascii"), "application/x-www-form-urlencoded")

    return render


def _multipart(entry: Entry, compilation: Compilation) -> PayloadPlan:
    if not isinstance(entry.value, Mapping):
        return lambda _: Payload(parts=[])
    compiled = [
        _part(item.key, node, compilation)
        for item in entry.value.entries.values()
        for node in (item.value.items if isinstance(item.value, Sequence) else [item.value])
    ]
    return lambda scope: Payload(parts=[part for make in compiled if (part := make(scope)) is not None])


def _part(key: Scalar, node: Node, compilation: Compilation) -> Callable[[Dict[str, Any]], Part | None]:
    name = compilation.text(key)
    if not isinstance(node, Mapping):
        value = compilation.value(node)

        def field(scope: Dict[str, Any]) -> Part | None:
            found = value.render(scope)
            return None if found is None else Part(name.render(scope), encoded(wire(found, node), node))

        return field
    content = _content(node, compilation)
    filename, media_type = _said(node, "filename", compilation), _said(node, "type", compilation)
    file = node.entries.get("file")

    def upload(scope: Dict[str, Any]) -> Part:
        shown = filename.render(scope) if filename else None
        if shown is None and file is not None:
            shown = str(compilation.value(file.value).render(scope)).rpartition("/")[2]
        return Part(name.render(scope), content(scope), shown, media_type.render(scope) if media_type else None)

    return upload


def _said(node: Mapping, key: str, compilation: Compilation) -> Value | None:
    entry = node.entries.get(key)
    return compilation.text(entry.value) if entry is not None and isinstance(entry.value, Scalar) else None


def _body(entry: Entry, compilation: Compilation) -> PayloadPlan:
    content = _content(entry.value, compilation)
    return lambda scope: Payload(content(scope))


def _content(node: Node, compilation: Compilation) -> Content:
    """Bytes from text, `{content:}`, `{file:}`, `{base64:}` or `{hex:}`; constants are read and checked at once."""
    source, value_node = "content", node
    if isinstance(node, Mapping):
        found = next((key for key in _READERS if key in node.entries), None)
        if found is None:  # which the spec's shapes have told
            return lambda _: b""
        source, value_node = found, node.entries[found].value
    value = compilation.value(value_node)
    read = _READERS[source]
    if not value.constant:
        return lambda scope: read(value.render(scope), value_node, compilation)
    try:
        fixed = read(value.render({}), value_node, compilation)
    except VariableError as error:
        compilation.problems.add(value_node, str(error))
        return lambda _: b""
    return lambda _: fixed


def _text(value: Any, node: Node, compilation: Compilation) -> bytes:
    del compilation
    return encode_json(value, node) if isinstance(value, dict | list) else encoded(wire(value, node), node)


def encoded(text: str, node: Node) -> bytes:
    """The text in UTF-8; a VariableError for half a character, which a server's JSON may hold."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise VariableError(f"{half!r} is half a character and cannot be sent", node) from None


def _file(value: Any, node: Node, compilation: Compilation) -> bytes:
    try:
        return read_bytes(wire(value, node), folder=compilation.folder, root=compilation.root)
    except FileError as error:
        raise VariableError(str(error), node) from None


def _base64(value: Any, node: Node, compilation: Compilation) -> bytes:
    from base64 import b64decode

    del compilation
    try:
        return b64decode("".join(wire(value, node).split()), validate=True)
    except ValueError as error:
        raise VariableError(f"this is not base64: {error}", node) from None


def _hex(value: Any, node: Node, compilation: Compilation) -> bytes:
    del compilation
    if not isinstance(value, str):
        raise VariableError(f"expected hex as text, found the number {wire(value, node)}; quote it", node)
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise VariableError("this is not hex: expected pairs of 0-9 and a-f", node) from None


_READERS: dict[str, Callable[[Any, Node, Compilation], bytes]] = {
    "content": _text,
    "file": _file,
    "base64": _base64,
    "hex": _hex,
}


def _fixed(node: Node, compilation: Compilation, make: Callable[[], Payload]) -> PayloadPlan:
    try:
        payload = make()
    except VariableError as error:
        compilation.problems.add(node, str(error))
        payload = Payload(b"")
    return lambda _: payload


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode_json(value: Any, node: Node) -> bytes:
    """`value` as JSON in UTF-8, numbers exact; a VariableError where JSON has no word for it."""
    try:
        return _compact(value).encode("utf-8", "surrogatepass")
    except TypeError:
        return _exactly(value, node).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError) as error:
        raise VariableError(f"this cannot be written as JSON: {error}", node) from None


def _exactly(value: Any, node: Node) -> str:
    """JSON with numbers that only Decimal can hold."""
    try:
        return write_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise VariableError(f"this cannot be written as JSON: {error}", node) from None


_KINDS: dict[str, Callable[[Entry, Compilation], PayloadPlan]] = {
    "json": _json,
    "form": _form,
    "multipart": _multipart,
    "body": _body,
    "graphql": _graphql,
}
