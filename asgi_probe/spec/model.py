"""A spec file as data: its checks and steps, with every key known and of the right shape.

Values stay nodes: what durations, patterns and `${…}` say is read when they are compiled. The keys of a `target` are
read where targets are configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.spec import shapes
from asgi_probe.spec.names import check_name, refuse_same_names
from asgi_probe.spec.shapes import check_keys, report_shape
from asgi_probe.spec.source import Entry, Mapping, Scalar, Sequence, is_null, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.spec.source import Node, Problems, Source

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One request and what must come back. `fields` are all keys but its name and request.

    `method` is upper case; where it holds a `${…}` it stands as it was written, at `method_node`. `expect` is always a
    mapping, or null.
    """

    node: Mapping
    name: Scalar | None
    method: str
    method_node: Scalar
    url: Scalar
    fields: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Use:
    """The steps of a procedure in place of one: `procedure` names them, `given` are their variables."""

    node: Mapping
    name: Scalar | None
    procedure: Scalar
    given: Mapping | None
    fields: dict[str, Entry]


AnyStep = Step | Use


@dataclass(frozen=True, slots=True)
class Check:
    """Steps that pass or fail as one. `fields` are its own keys, such as `name` and `skip`, but tags and steps.

    An `inline` check is its own one step, which has no name of its own.
    """

    node: Mapping
    fields: dict[str, Entry]
    tags: tuple[str, ...]
    steps: tuple[AnyStep, ...]
    finally_: tuple[AnyStep, ...]
    inline: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """One file."""

    source: Source
    node: Mapping
    name: Scalar | None
    description: Scalar | None
    tags: tuple[str, ...]
    target: Node | None
    vars: dict[str, Entry]
    secrets: tuple[Scalar, ...]
    defaults: dict[str, Entry]
    needs: tuple[Scalar, ...]
    fixtures: tuple[Node, ...]
    setup: tuple[AnyStep, ...]
    teardown: tuple[AnyStep, ...]
    checks: tuple[Check, ...]
    procedures: dict[str, tuple[AnyStep, ...]]


_Known = dict[int, AnyStep | None]
"""The steps that have been read, by the identity of their nodes."""


def read_spec(source: Source, node: Node, problems: Problems) -> Spec | None:
    """The spec that a file's tree says; None if it says none. All that is wrong with keys and shapes is reported."""
    if not isinstance(node, Mapping):
        problems.add(node, f"a spec is a mapping with 'checks', found {kind_of(node)}")
        return None
    entries = {key: entry for key, entry in node.entries.items() if not key.startswith("x-")}
    known = check_keys(entries, shapes.SPEC, problems)
    if "checks" not in entries and "procedures" not in entries and known:
        problems.add(node, "a spec needs checks", "add 'checks:' and under it '- get: /'")
    known_steps: _Known = {}
    items = _items(entries, "checks", problems)
    checks = tuple([check for item in items if (check := _check(item, problems, known_steps)) is not None])
    refuse_same_names([check.fields["name"].value for check in checks if "name" in check.fields], problems)
    return Spec(
        source=source,
        node=node,
        name=_scalar(entries, "name"),
        description=_scalar(entries, "description"),
        tags=_tags(entries, problems),
        target=entries["target"].value if "target" in entries else None,
        vars=_entries(entries, "vars"),
        secrets=_texts(entries, "secrets", problems),
        defaults=_defaults(_entries(entries, "defaults"), problems),
        needs=_texts(entries, "needs", problems),
        fixtures=_calls(entries, "fixtures", problems),
        setup=_steps(entries, "setup", problems, known_steps),
        teardown=_steps(entries, "teardown", problems, known_steps),
        checks=checks,
        procedures=_procedures(_entries(entries, "procedures"), problems, known_steps),
    )


def _procedures(entries: dict[str, Entry], problems: Problems, known_steps: _Known) -> dict[str, tuple[AnyStep, ...]]:
    for entry in entries.values():
        if not shapes.LIST.holds(entry.value):
            report_shape(entry.value, shapes.LIST, problems)
    return {name: _steps(entries, name, problems, known_steps) for name in entries}


def _texts(entries: dict[str, Entry], key: str, problems: Problems) -> tuple[Scalar, ...]:
    """The texts of a list, or the single one."""
    node = entries[key].value if key in entries else None
    items = node.items if isinstance(node, Sequence) else [node] if isinstance(node, Scalar) else []
    found = []
    for item in items:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            found.append(item)
        elif not is_null(item) or item is not node:
            problems.add(item, f"expected text, found {kind_of(item)}")
    return tuple(found)


def _calls(entries: dict[str, Entry], key: str, problems: Problems) -> tuple[Node, ...]:
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
            check_keys(given, shapes.SQL, problems)
        case Mapping(entries=given):
            known = check_keys(given, shapes.CALL, problems)
            if known and "call" not in given:
                problems.add(item, "a call needs 'call'", "such as {call: 'shop.probes:row_exists', with: {id: 1}}")
        case Scalar(value=str()):
            pass
        case _:
            problems.add(item, f"expected 'module:function' or {{call:, with:}}, found {kind_of(item)}")


def _check(node: Node, problems: Problems, known_steps: _Known) -> Check | None:
    if not isinstance(node, Mapping):
        problems.add(node, f"a check is a mapping, found {kind_of(node)}", "such as '- get: /health'")
        return None
    entries = node.entries
    own: dict[str, Entry] = {key: entry for key, entry in entries.items() if key in shapes.CHECK and key != "tags"}
    if "skip" in own:
        _check_reason(own["skip"].value, problems)
    _check_expansion(own, problems)
    if "name" in own:
        check_name(own["name"].value, problems)
    if "steps" in entries or "finally" in entries:
        return _check_of_steps(node, own, problems, known_steps)
    check_keys({key: entry for key, entry in entries.items() if key in shapes.CHECK}, shapes.CHECK, problems)
    rest = {key: entry for key, entry in entries.items() if key not in shapes.CHECK}
    if "use" in entries:
        used = _use(node, None, rest, shapes.CHECK | shapes.USE, problems)
        return Check(node, own, _tags(entries, problems), (used,) if used else (), (), inline=True)
    step = _request_step(node, None, rest, shapes.CHECK | shapes.STEP | shapes.STEPS, problems)
    return Check(node, own, _tags(entries, problems), (step,) if step else (), (), inline=True)


def _check_of_steps(node: Mapping, own: dict[str, Entry], problems: Problems, known_steps: _Known) -> Check:
    entries = node.entries
    table = shapes.CHECK | shapes.STEPS
    beside = [key for key in entries if key in (*shapes.STEP, *shapes.USE) and key not in table]
    for key in beside:
        problems.add(entries[key], f"{key!r} cannot stand beside 'steps'", "move it into a step")
    check_keys({key: entry for key, entry in entries.items() if key not in beside}, table, problems)
    if "steps" not in entries:
        problems.add(entries["finally"], "'finally' wants 'steps' beside it")
    own = own | {key: entries[key] for key in ("timeout", "verify") if key in entries}
    _calls(entries, "verify", problems)
    steps = _steps(entries, "steps", problems, known_steps)
    last = _steps(entries, "finally", problems, known_steps)
    return Check(node, own, _tags(entries, problems), steps, last, inline=False)


def _check_reason(node: Node, problems: Problems) -> None:
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, str):
        problems.add(
            node, f"expected the reason as text, found {kind_of(node)}", "say why, as in 'skip: not ready yet'"
        )


def _check_expansion(own: dict[str, Entry], problems: Problems) -> None:
    """What is inside `xfail`, `each` and `matrix`."""
    for key, table in (("xfail", shapes.XFAIL), ("each", shapes.ROWS_FILE)):
        if key in own and isinstance(own[key].value, Mapping):
            known = check_keys(_entries(own, key), table, problems)
            needed = next(iter(table))
            if known and needed not in _entries(own, key):
                problems.add(own[key], f"{key!r} needs {needed!r}")
    for row in _items(own, "each", problems):
        if not isinstance(row, Mapping):
            problems.add(row, f"a row is a mapping from names to values, found {kind_of(row)}", "such as {sku: A-1}")
    for name, entry in _entries(own, "matrix").items():
        if not isinstance(entry.value, Sequence):
            problems.add(entry.value, f"expected the values of {name!r} as a list, found {kind_of(entry.value)}")
        elif not entry.value.items:
            problems.add(entry.value, f"{name!r} has no values")
    if "matrix" in own and isinstance(own["matrix"].value, Mapping) and not _entries(own, "matrix"):
        problems.add(own["matrix"].value, "'matrix' is empty", "such as {size: [s, m, l]}")


def _steps(entries: dict[str, Entry], key: str, problems: Problems, known: _Known) -> tuple[AnyStep, ...]:
    """The steps of a list; one that an alias repeats is read once."""
    items = _items(entries, key, problems)
    for item in items:
        if id(item) not in known:
            known[id(item)] = _step(item, problems)
    return tuple([step for item in items if (step := known[id(item)]) is not None])


def _step(node: Node, problems: Problems) -> AnyStep | None:
    if not isinstance(node, Mapping):
        problems.add(node, f"a step is a mapping, found {kind_of(node)}", "such as '- get: /health'")
        return None
    rest = {key: entry for key, entry in node.entries.items() if key != "name"}
    name = node.entries.get("name")
    if name and not shapes.TEXT.holds(name.value):
        report_shape(name.value, shapes.TEXT, problems)
    said = _scalar(node.entries, "name")
    if "use" in node.entries:
        return _use(node, said, rest, {"name": shapes.TEXT} | shapes.USE, problems)
    return _request_step(node, said, rest, {"name": shapes.TEXT} | shapes.STEP, problems)


def _use(
    node: Mapping, name: Scalar | None, entries: dict[str, Entry], table: dict[str, shapes.Shape], problems: Problems
) -> Use | None:
    beside = [key for key in entries if key in shapes.STEP and key not in table]
    for key in beside:
        problems.add(entries[key], f"{key!r} cannot stand beside 'use'", "it belongs to the procedure's steps")
    check_keys({key: entry for key, entry in entries.items() if key not in beside}, table, problems)
    procedure = _scalar(entries, "use")
    given = entries["with"].value if "with" in entries else None
    if procedure is None:
        return None
    return Use(node, name, procedure, given if isinstance(given, Mapping) else None, entries)


def _request_step(
    node: Mapping, name: Scalar | None, entries: dict[str, Entry], table: dict[str, shapes.Shape], problems: Problems
) -> Step | None:
    known = check_keys(entries, table, problems)
    request = _request(node, entries, problems, silent=not known)
    fields = {
        key: entry for key, entry in entries.items() if key in shapes.STEP and key not in (*shapes.METHODS, "request")
    }
    _check_fields(fields, problems)
    _calls(fields, "verify", problems)
    if request is None:
        return None
    method, url = request
    dynamic = "${" in method.text
    return Step(node, name, method.text if dynamic else method.text.upper(), method, url, _normal(fields))


def _request(
    node: Mapping, entries: dict[str, Entry], problems: Problems, *, silent: bool
) -> tuple[Scalar, Scalar] | None:
    """The method and the URL."""
    given = [entries[key] for key in (*shapes.METHODS, "request") if key in entries]
    given.sort(key=lambda entry: (entry.key.line, entry.key.column))
    if not given:
        if not silent:
            problems.add(node, "a step needs a request: get, post …", "such as 'get: /health'")
        return None
    for more in given[1:]:
        problems.add(
            more, f"two requests in one step: {given[0].key.text!r} and {more.key.text!r}", "make it two steps"
        )
    return _long_request(given[0], problems) if given[0].key.text == "request" else _short_request(given[0], problems)


def _short_request(entry: Entry, problems: Problems) -> tuple[Scalar, Scalar] | None:
    url = entry.value
    return (entry.key, url) if isinstance(url, Scalar) and _is_url(url, problems) else None


def _long_request(entry: Entry, problems: Problems) -> tuple[Scalar, Scalar] | None:
    if not isinstance(entry.value, Mapping):
        return None
    parts = entry.value.entries
    known = check_keys(parts, shapes.REQUEST, problems)
    for key in shapes.REQUEST:
        if key not in parts and known:
            problems.add(entry, f"'request' needs {key!r}", "as in 'request: {method: PURGE, url: /cache}'")
    method, url = _scalar(parts, "method"), _scalar(parts, "url")
    if method is None or url is None:
        return None
    if "${" not in method.text and not _TOKEN.fullmatch(method.text):
        problems.add(method, f"{method.text!r} is no HTTP method", "such as PURGE")
        return None
    return (method, url) if _is_url(url, problems) else None


def _is_url(node: Scalar, problems: Problems) -> bool:
    if node.value is None:
        return False
    if isinstance(node.value, str) and node.value:
        return True
    found = "empty text" if node.value == "" else kind_of(node)
    problems.add(node, f"expected a path or URL, found {found}", "such as '/health'")
    return False


def _defaults(entries: dict[str, Entry], problems: Problems) -> dict[str, Entry]:
    steps_own = {*shapes.STEP, *shapes.USE, "name"} - shapes.DEFAULTS.keys()
    for key, entry in entries.items():
        if key in steps_own:
            problems.add(entry, f"{key!r} cannot stand in 'defaults'", "it belongs to a step")
    allowed = {key: entry for key, entry in entries.items() if key not in steps_own}
    check_keys(allowed, shapes.DEFAULTS, problems)
    _check_fields(allowed, problems)
    return _normal({key: entry for key, entry in allowed.items() if key in shapes.DEFAULTS})


def _check_fields(fields: dict[str, Entry], problems: Problems) -> None:
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


def _normal(fields: dict[str, Entry]) -> dict[str, Entry]:
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


def _items(entries: dict[str, Entry], key: str, problems: Problems) -> list[Node]:
    """The items of a list that, where it stands, has some."""
    node = entries[key].value if key in entries else None
    if not isinstance(node, Sequence):
        return []
    if not node.items:
        needed = key in ("checks", "steps")
        problems.add(
            node, f"{key!r} is empty", "add '- get: /'" if needed else "leave it out, or write what it shall do"
        )
    return node.items


def _tags(entries: dict[str, Entry], problems: Problems) -> tuple[str, ...]:
    node = entries["tags"].value if "tags" in entries else None
    items = node.items if isinstance(node, Sequence) else [node] if isinstance(node, Scalar) else []
    tags: dict[str, None] = {}
    for item in items:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            tags[item.value] = None
        elif item is not node or not is_null(item):
            problems.add(item, f"a tag is text, found {kind_of(item)}", "quote it to make it text")
    return tuple(tags)


def _entries(entries: dict[str, Entry], key: str) -> dict[str, Entry]:
    node = entries[key].value if key in entries else None
    return node.entries if isinstance(node, Mapping) else {}


def _scalar(entries: dict[str, Entry], key: str) -> Scalar | None:
    node = entries[key].value if key in entries else None
    return node if isinstance(node, Scalar) and node.value is not None else None
