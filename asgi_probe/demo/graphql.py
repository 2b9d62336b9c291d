"""`POST /graphql`: the items by a query, with as much of GraphQL (October 2021) as a small shop needs."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from asgi_probe.demo.database import Row, Shop, Transaction

routes = APIRouter()

ITEM = ("id", "sku", "name", "price", "qty", "category")
QUERY: dict[str, dict[str, type]] = {"items": {"category": str, "first": int}, "item": {"sku": str}}
"""The fields of a query, and what arguments each takes."""


class Question(BaseModel):
    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - GraphQL's own name


class GraphqlError(Exception):
    """What stands in `errors`."""


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    alias: str
    arguments: dict[str, Any]
    fields: list["Field"]


@dataclass(frozen=True, slots=True)
class Operation:
    name: str | None
    defaults: dict[str, Any]
    required: set[str]
    fields: list[Field]


@routes.post("/graphql")
async def ask(question: Question, database: Shop) -> Row:
    """Data, errors or both, always with the status 200."""
    try:
        operation = _chosen(list(Reader(question.query).operations()), question.operationName)
        variables = _variables(operation, question.variables or {})
        _validate(operation)
    except GraphqlError as error:
        return {"errors": [{"message": str(error)}]}
    return await _execute(operation, variables, database)


def _chosen(operations: list[Operation], name: str | None) -> Operation:
    found = [operation for operation in operations if name is None or operation.name == name]
    if len(found) != 1:
        raise GraphqlError(f"Unknown operation named {name!r}." if name else "Must provide operation name.")
    return found[0]


def _variables(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    missing = next((name for name in sorted(operation.required) if given.get(name) is None), None)
    if missing:
        raise GraphqlError(f"Variable '${missing}' of required type was not provided.")
    return operation.defaults | given


def _validate(operation: Operation) -> None:
    for field in operation.fields:
        if field.name not in QUERY:
            raise GraphqlError(f"Cannot query field '{field.name}' on type 'Query'.")
        for name in field.arguments.keys() - QUERY[field.name].keys():
            raise GraphqlError(f"Unknown argument '{name}' on field 'Query.{field.name}'.")
        if not field.fields:
            raise GraphqlError(f"Field '{field.name}' of type 'Item' must have a selection of subfields.")
        for inner in field.fields:
            if inner.name not in (*ITEM, "__typename") or inner.fields or inner.arguments:
                raise GraphqlError(f"Cannot query field '{inner.name}' on type 'Item'.")


async def _execute(operation: Operation, variables: dict[str, Any], database: Transaction) -> Row:
    data: Row = {}
    errors: list[Row] = []
    for field in operation.fields:
        try:
            data[field.alias] = await _resolve(field, variables, database)
        except GraphqlError as error:
            data[field.alias] = None
            errors.append({"message": str(error), "path": [field.alias]})
    return {"data": data, "errors": errors} if errors else {"data": data}


async def _resolve(field: Field, variables: dict[str, Any], database: Transaction) -> Any:
    given = {
        name: variables.get(value.name) if isinstance(value, Variable) else value
        for name, value in field.arguments.items()
    }
    for name, value in given.items():
        if value is not None and type(value) is not QUERY[field.name][name]:
            raise GraphqlError(f"Argument '{name}' has invalid value {json.dumps(value)}.")
    if field.name == "item":
        return await _item(field, given.get("sku"), database)
    sql = "select * from items where ?1 is null or category = ?1 order by id limit ?2"
    most = given.get("first")
    rows = await database.rows(sql, given.get("category"), 100 if most is None else max(0, min(most, 100)))
    return [_picked(row, field.fields) for row in rows]


async def _item(field: Field, sku: str | None, database: Transaction) -> Row:
    rows = await database.rows("select * from items where sku = ?", sku)
    if not rows:
        raise GraphqlError(f"There is no item {sku!r}.")
    return _picked(rows[0], field.fields)


def _picked(row: Row, fields: list[Field]) -> Row:
    return {field.alias: "Item" if field.name == "__typename" else row[field.name] for field in fields}


_TOKEN = re.compile(r'(?:[\s,]|#[^\n]*)*([!$():={}]|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|"(?:[^"\\\n]|\\.)*"|\S|$)')


class Reader:
    """Reads a document by recursive descent, a token ahead."""

    def __init__(self, text: str) -> None:
        self.tokens = [found[1] for found in _TOKEN.finditer(text) if found[1]]
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.next
        if not token or (wanted and token != wanted):
            found = f"Name {token!r}" if token.isidentifier() else repr(token) if token else "<EOF>"
            raise GraphqlError(f"Syntax Error: Expected {repr(wanted) if wanted else 'Name'}, found {found}.")
        self.at += 1
        return token

    def name(self) -> str:
        token = self.take()
        if not token.isidentifier():
            raise GraphqlError(f"Syntax Error: Expected Name, found {token!r}.")
        return token

    def operations(self) -> Iterator[Operation]:
        while self.next:
            yield self.operation()

    def operation(self) -> Operation:
        name: str | None = None
        defaults: dict[str, Any] = {}
        required: set[str] = set()
        if self.next != "{":
            self.take("query")
            name = None if self.next in ("{", "(") else self.name()
            if self.next == "(":
                defaults, required = self.variables()
        return Operation(name, defaults, required, self.fields(0))

    def variables(self) -> tuple[dict[str, Any], set[str]]:
        defaults: dict[str, Any] = {}
        required: set[str] = set()
        self.take("(")
        while self.next != ")":
            self.take("$")
            name = self.name()
            self.take(":")
            self.name()
            if self.next == "!":
                self.take("!")
                required.add(name)
            if self.next == "=":
                self.take("=")
                defaults[name] = self.value()
        self.take(")")
        return defaults, required - defaults.keys()

    def fields(self, depth: int) -> list[Field]:
        if depth > 5:
            raise GraphqlError("The query is too deep.")
        found: list[Field] = []
        self.take("{")
        while self.next != "}":
            found.append(self.field(depth))
        self.take("}")
        return found

    def field(self, depth: int) -> Field:
        name = alias = self.name()
        if self.next == ":":
            self.take(":")
            name = self.name()
        arguments: dict[str, Any] = {}
        if self.next == "(":
            self.take("(")
            while self.next != ")":
                key = self.name()
                self.take(":")
                arguments[key] = self.value()
            self.take(")")
        return Field(name, alias, arguments, self.fields(depth + 1) if self.next == "{" else [])

    def value(self) -> Any:
        written = self.take()
        if written == "$":
            return Variable(self.name())
        try:
            return json.loads(written)
        except ValueError:
            raise GraphqlError(f"Syntax Error: Unexpected {written!r}.") from None
