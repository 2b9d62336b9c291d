"""What OpenAPI's schemas mean for answers, said in JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.values import show
from asgi_probe.spec.exact_json import with_room

if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[str], Any]
    """What a reference refers to, None where that is nowhere."""

_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": "Draft202012",
    "https://json-schema.org/draft/2019-09/schema": "Draft201909",
    "http://json-schema.org/draft-07/schema": "Draft7",
    "http://json-schema.org/draft-06/schema": "Draft6",
    "http://json-schema.org/draft-04/schema": "Draft4",
}
_OF_OPENAPI = "https://spec.openapis.org/oas/3."
"""What the addresses of OpenAPI's own dialects begin with; but for words that judge nothing they are draft 2020-12."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How schemas are read: as which draft, and whether they are the `old` ones of OpenAPI 3.0."""

    name: str
    old: bool = False

    def of(self, schema: Any) -> Dialect:
        """The dialect of one schema, which may name its own."""
        named = schema.get("$schema") if isinstance(schema, dict) and not self.old else None
        draft = _draft(named)
        return self if draft is None else Dialect(draft)


def dialect_of(minor: str, named: Any) -> Dialect:
    """The dialect of an OpenAPI document of version `3.minor`; a ValueError for a name that is unknown."""
    if minor == "0":
        return Dialect("Draft4", old=True)
    if named is None:
        return Dialect("Draft202012")
    draft = _draft(named)
    if draft is None:
        raise ValueError(f"its jsonSchemaDialect {show(named)} is unknown; there are: {', '.join(_DRAFTS)}")
    return Dialect(draft)


def _draft(named: Any) -> str | None:
    if not isinstance(named, str):
        return None
    return "Draft202012" if named.startswith(_OF_OPENAPI) else _DRAFTS.get(named.removesuffix("#"))


def for_answers(document: dict[str, Any], find: Find, *, old: bool) -> Any:
    """The document with every schema as it counts for answers; `old` ones become draft 4.

    What may only be written is not required of an answer. Only what stands where schemas do is changed: an example or
    a property that is called `nullable` means nothing.
    """
    return with_room(lambda: _Rewriting(find, old=old).part(document, "document"))


_ONE, _LIST, _MAP = "one", "list", "map"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_PARTS: dict[str, dict[str, tuple[str, str]]] = {
    "document": {"paths": (_MAP, "path"), "webhooks": (_MAP, "path"), "components": (_ONE, "components")},
    "components": {
        "schemas": (_MAP, "schema"),
        "responses": (_MAP, "content"),
        "requestBodies": (_MAP, "content"),
        "headers": (_MAP, "content"),
        "parameters": (_MAP, "content"),
        "mediaTypes": (_MAP, "media"),
        "pathItems": (_MAP, "path"),
    },
    "path": dict.fromkeys(_METHODS, (_ONE, "operation"))
    | {"additionalOperations": (_MAP, "operation"), "parameters": (_LIST, "content")},
    "operation": {
        "responses": (_MAP, "content"),
        "requestBody": (_ONE, "content"),
        "parameters": (_LIST, "content"),
    },
    "content": {"content": (_MAP, "media"), "headers": (_MAP, "content"), "schema": (_ONE, "schema")},
    "media": {"schema": (_ONE, "schema")},
    "schema": dict.fromkeys(
        (
            "additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames",
            "additionalItems", "unevaluatedItems", "unevaluatedProperties", "contentSchema",
        ),
        (_ONE, "schema"),
    )
    | dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), (_LIST, "schema"))
    | dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), (_MAP, "schema")),
}  # fmt: skip
"""Which parts a part has, how many of them, and what they are."""

_MOST_JOINED = 20
"""How deep `allOf` is looked into for what may only be written."""
_NO_KEYWORDS = frozenset({"id", "$id", "$schema"})
"""What has no meaning in OpenAPI 3.0, but would have one in draft 4."""


@dataclass(frozen=True, slots=True)
class _Rewriting:
    find: Find
    old: bool

    def part(self, value: Any, kind: str, unasked: frozenset[str] = frozenset()) -> Any:
        """A part of the document; `unasked` are the properties that no schema here may require of an answer."""
        if isinstance(value, list) and kind == "schema":  # of older drafts, an item's schema each
            return [self.part(item, kind) for item in value]
        if not isinstance(value, dict):
            return value
        if kind == "schema":
            unasked |= self._write_only(value, _MOST_JOINED)
        made = {}
        for name, item in value.items():
            many, inner = _PARTS[kind].get(name, ("", ""))
            made[name] = self._several(item, many, inner, unasked if name == "allOf" else frozenset())
        return self._schema(made, unasked) if kind == "schema" else made

    def _several(self, value: Any, many: str, kind: str, unasked: frozenset[str]) -> Any:
        if many == _MAP and isinstance(value, dict):
            return {name: self.part(item, kind) for name, item in value.items()}
        if many == _LIST and isinstance(value, list):
            return [self.part(item, kind, unasked) for item in value]
        return self.part(value, kind, unasked) if many == _ONE else value

    def _schema(self, made: dict[str, Any], unasked: frozenset[str]) -> dict[str, Any]:
        required = made.get("required")
        if unasked and isinstance(required, list):
            made["required"] = [name for name in required if name not in unasked]
            if not made["required"]:  # which draft 4 does not allow
                del made["required"]
        return _nullable(made) if self.old else made

    def _write_only(self, schema: Any, depth: int) -> frozenset[str]:
        """The properties of an object that answers need not have."""
        if not isinstance(schema, dict) or not depth:
            return frozenset()
        properties = schema.get("properties")
        own = properties.items() if isinstance(properties, dict) else ()
        names = frozenset(name for name, item in own if self._is_write_only(item))
        joined = schema.get("allOf")
        for item in joined if isinstance(joined, list) else ():
            names |= self._write_only(self._meant(item), depth - 1)
        return names

    def _is_write_only(self, schema: Any) -> bool:
        meant = self._meant(schema)
        return any(isinstance(one, dict) and one.get("writeOnly") is True for one in (schema, meant))

    def _meant(self, schema: Any) -> Any:
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        return self.find(reference) if isinstance(reference, str) else schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI 3.0 in draft 4: null is one more type, or one more alternative."""
    schema = {name: value for name, value in schema.items() if name not in _NO_KEYWORDS}
    if schema.pop("nullable", None) is not True or "$ref" in schema:
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and not {"allOf", "anyOf", "oneOf", "not"} & schema.keys():
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}
