"""A step as data: one request and what must come back, or a procedure in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.spec import shapes
from asgi_probe.spec.fields import check_fields, items_of, normal, read_calls, scalar_at
from asgi_probe.spec.shapes import check_keys, report_shape
from asgi_probe.spec.source import Entry, Mapping, Scalar, kind_of

if TYPE_CHECKING:
    from asgi_probe.spec.source import Node, Problems

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


KnownSteps = dict[int, AnyStep | None]
"""The steps that have been read, by the identity of their nodes."""


def read_steps(entries: dict[str, Entry], key: str, problems: Problems, known: KnownSteps) -> tuple[AnyStep, ...]:
    """The steps of a list; one that an alias repeats is read once."""
    items = items_of(entries, key, problems)
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
    said = scalar_at(node.entries, "name")
    if "use" in node.entries:
        return read_use(node, said, rest, {"name": shapes.TEXT} | shapes.USE, problems)
    return read_request_step(node, said, rest, {"name": shapes.TEXT} | shapes.STEP, problems)


def read_use(
    node: Mapping, name: Scalar | None, entries: dict[str, Entry], table: dict[str, shapes.Shape], problems: Problems
) -> Use | None:
    beside = [key for key in entries if key in shapes.STEP and key not in table]
    for key in beside:
        problems.add(entries[key], f"{key!r} cannot stand beside 'use'", "it belongs to the procedure's steps")
    check_keys({key: entry for key, entry in entries.items() if key not in beside}, table, problems)
    procedure = scalar_at(entries, "use")
    given = entries["with"].value if "with" in entries else None
    if procedure is None:
        return None
    return Use(node, name, procedure, given if isinstance(given, Mapping) else None, entries)


def read_request_step(
    node: Mapping, name: Scalar | None, entries: dict[str, Entry], table: dict[str, shapes.Shape], problems: Problems
) -> Step | None:
    known = check_keys(entries, table, problems)
    request = _request(node, entries, problems, silent=not known)
    fields = {
        key: entry for key, entry in entries.items() if key in shapes.STEP and key not in (*shapes.METHODS, "request")
    }
    check_fields(fields, problems)
    read_calls(fields, "verify", problems)
    if request is None:
        return None
    method, url = request
    dynamic = "${" in method.text
    return Step(node, name, method.text if dynamic else method.text.upper(), method, url, normal(fields))


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
    method, url = scalar_at(parts, "method"), scalar_at(parts, "url")
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


def read_defaults(entries: dict[str, Entry], problems: Problems) -> dict[str, Entry]:
    steps_own = {*shapes.STEP, *shapes.USE, "name"} - shapes.DEFAULTS.keys()
    for key, entry in entries.items():
        if key in steps_own:
            problems.add(entry, f"{key!r} cannot stand in 'defaults'", "it belongs to a step")
    allowed = {key: entry for key, entry in entries.items() if key not in steps_own}
    check_keys(allowed, shapes.DEFAULTS, problems)
    check_fields(allowed, problems)
    return normal({key: entry for key, entry in allowed.items() if key in shapes.DEFAULTS})
