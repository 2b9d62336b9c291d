"""What is inside the values of a step's keys: shapes one level below, and what excludes each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.spec import shapes
from asgi_probe.spec.shapes import check_keys, report_shape
from asgi_probe.spec.source import Entry, Mapping, Scalar, Sequence, is_null, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.spec.source import Node, Problems


def check_fields(fields: dict[str, Entry], problems: Problems) -> None:
    """What is inside the values of a step's keys."""
    bodies = [fields[key] for key in fields if key in shapes.BODIES]
    for more in bodies[1:]:
        problems.add(
            more, f"two bodies in one request: {bodies[0].key.text!r} and {more.key.text!r}", "keep one of them"
        )
    for key, check in _INSIDE.items():
        if key in fields and isinstance(fields[key].value, (Mapping, Sequence)):
            check(fields[key], problems)


def _keys_of(table: dict[str, shapes.Shape]) -> Callable[[Entry, Problems], None]:
    def check(entry: Entry, problems: Problems) -> None:
        if isinstance(entry.value, Mapping):
            check_keys(entry.value.entries, table, problems)

    return check


def _one_of(table: dict[str, shapes.Shape], keys: tuple[str, ...]) -> Callable[[Entry, Problems], None]:
    """Exactly one of `keys` must stand there."""

    def check(entry: Entry, problems: Problems) -> None:
        if not isinstance(entry.value, Mapping):
            return
        found = [key for key in entry.value.entries if key in keys]
        known = check_keys(entry.value.entries, table, problems)
        if len(found) != 1 and (known or found):
            said = f"found {' and '.join(map(repr, found))}" if found else "found none of them"
            problems.add(entry, f"{entry.key.text!r} wants one of {', '.join(keys)}, {said}")

    return check


def _values(shape: shapes.Shape) -> Callable[[Entry, Problems], None]:
    """Each value of the mapping has the shape, the items of a list are single values."""

    def check(entry: Entry, problems: Problems) -> None:
        for found in _values_of(entry):
            if not shape.holds(found.value):
                report_shape(found.value, shape, problems)
            for item in found.value.items if isinstance(found.value, Sequence) else ():
                if not shapes.ONE.holds(item):
                    report_shape(item, shapes.ONE, problems)

    return check


def _values_of(entry: Entry) -> list[Entry]:
    return list(entry.value.entries.values()) if isinstance(entry.value, Mapping) else []


def _auth(entry: Entry, problems: Problems) -> None:
    _one_of(shapes.AUTH, tuple(shapes.AUTH))(entry, problems)
    for found in _values_of(entry):
        pair = found.key.text in ("basic", "digest")
        if pair and isinstance(found.value, Sequence) and not _is_pair(found.value):
            problems.add(found.value, f"{found.key.text!r} wants [user, password], two single values")
        elif pair and isinstance(found.value, Scalar) and "${" not in found.value.text:
            report_shape(found.value, shapes.PAIR, problems)


def _is_pair(node: Sequence) -> bool:
    return len(node.items) == 2 and all(isinstance(item, Scalar) for item in node.items)


def _multipart(entry: Entry, problems: Problems) -> None:
    for found in _values_of(entry):
        parts = found.value.items if isinstance(found.value, Sequence) else [found.value]
        for part in parts:
            if isinstance(part, Sequence):
                report_shape(part, shapes.ONE_OR_MAPPING, problems)
            _one_of(shapes.PART, ("file", "content"))(Entry(found.key, part), problems)


def _saves(entry: Entry, problems: Problems) -> None:
    for found in _values_of(entry):
        if isinstance(found.value, Mapping):
            known = check_keys(found.value.entries, shapes.SAVE, problems)
            if known and "from" not in found.value.entries:
                problems.add(found, "a save needs 'from'", "such as 'from: $.id'")


def _graphql(entry: Entry, problems: Problems) -> None:
    if not isinstance(entry.value, Mapping):
        return
    given = entry.value.entries
    known = check_keys(given, shapes.GRAPHQL, problems)
    if known and "query" not in given:
        problems.add(entry, "'graphql' needs 'query'", "such as {query: '{ items { sku } }'}")
    if "query" in given:
        _one_of(shapes.ROWS_FILE, ("file",))(given["query"], problems)


def _poll(entry: Entry, problems: Problems) -> None:
    if not isinstance(entry.value, Mapping):
        return
    given = entry.value.entries
    known = check_keys(given, shapes.POLL, problems)
    if known and "until" not in given:
        problems.add(entry, "'poll' needs 'until'", "such as {until: {json: {status: done}}, within: 30s}")
    if "until" in given and isinstance(given["until"].value, Mapping):
        check_keys(given["until"].value.entries, shapes.EXPECT, problems)


_INSIDE: dict[str, Callable[[Entry, Problems], None]] = {
    "params": _values(shapes.ONE_OR_LIST),
    "headers": _values(shapes.ONE_OR_LIST),
    "cookies": _values(shapes.ONE),
    "form": _values(shapes.ONE_OR_LIST),
    "auth": _auth,
    "multipart": _multipart,
    "body": _one_of(shapes.BODY, tuple(shapes.BODY)),
    "graphql": _graphql,
    "expect": _keys_of(shapes.EXPECT),
    "retry": _keys_of(shapes.RETRY),
    "poll": _poll,
    "save": _saves,
}


def normal(fields: dict[str, Entry]) -> dict[str, Entry]:
    """The fields with `expect: 200` written out."""
    return fields | {"expect": written_out(fields["expect"])} if "expect" in fields else fields


def written_out(expect: Entry) -> Entry:
    """An expectation as the mapping that it is short for; null stays null."""
    value = expect.value
    if isinstance(value, Mapping) or is_null(value):
        return expect
    width = value.width if isinstance(value, Scalar) else 1
    status = Entry(Scalar(value.source, value.line, value.column, width, "status", "status"), value)
    return Entry(expect.key, Mapping(value.source, value.line, value.column, {"status": status}))


def read_calls(entries: dict[str, Entry], key: str, problems: Problems) -> tuple[Node, ...]:
    """The functions of a list, or the single one; each a name or a mapping, whose keys are known."""
    node = entries[key].value if key in entries else None
    if node is None or is_null(node):
        return ()
    items = node.items if isinstance(node, Sequence) else [node]
    for item in items:
        _check_call(item, key, problems)
    return tuple(items)


def _check_call(item: Node, key: str, problems: Problems) -> None:
    match item:
        case Mapping(entries=given) if "sql" in given and key == "verify":
            pass  # read where it is compiled
        case Mapping(entries=given):
            known = check_keys(given, shapes.CALL, problems)
            if known and "call" not in given:
                problems.add(item, "a call needs 'call'", "such as {call: 'shop.probes:row_exists', with: {id: 1}}")
        case Scalar(value=str()):
            pass
        case _:
            problems.add(item, f"expected 'module:function' or {{call:, with:}}, found {kind_of(item)}")


def items_of(entries: dict[str, Entry], key: str, problems: Problems) -> list[Node]:
    """The items of a list that, where it stands, has some."""
    node = entries[key].value if key in entries else None
    if not isinstance(node, Sequence):
        return []
    if not node.items:
        problems.add(node, f"{key!r} is empty", _TO_FILL.get(key, "leave it out, or write what it shall do"))
    return node.items


_TO_FILL = {
    "checks": "add '- get: /'",
    "steps": "add '- get: /'",
    "each": "leave it out, or write its rows",
}


def entries_of(entries: dict[str, Entry], key: str) -> dict[str, Entry]:
    node = entries[key].value if key in entries else None
    return node.entries if isinstance(node, Mapping) else {}


def scalar_at(entries: dict[str, Entry], key: str) -> Scalar | None:
    node = entries[key].value if key in entries else None
    return node if isinstance(node, Scalar) and node.value is not None else None
