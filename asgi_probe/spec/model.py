"""A spec file as data: its checks and steps, with every key known and of the right shape.

Values stay nodes: what durations, patterns and `${…}` say is read when they are compiled. The keys of a `target` are
read where targets are configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.spec import shapes
from asgi_probe.spec.fields import entries_of, items_of, read_calls, scalar_at
from asgi_probe.spec.names import check_name, refuse_same_names
from asgi_probe.spec.shapes import check_keys, report_shape
from asgi_probe.spec.source import Entry, Mapping, Scalar, Sequence, is_null, kind_of
from asgi_probe.spec.steps import AnyStep, KnownSteps, read_defaults, read_request_step, read_steps, read_use

if TYPE_CHECKING:
    from asgi_probe.spec.source import Node, Problems, Source


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


def read_spec(source: Source, node: Node, problems: Problems) -> Spec | None:
    """The spec that a file's tree says; None if it says none. All that is wrong with keys and shapes is reported."""
    if not isinstance(node, Mapping):
        problems.add(node, f"a spec is a mapping with 'checks', found {kind_of(node)}")
        return None
    entries = {key: entry for key, entry in node.entries.items() if not key.startswith("x-")}
    known = check_keys(entries, shapes.SPEC, problems)
    if "checks" not in entries and "procedures" not in entries and known:
        problems.add(node, "a spec needs checks", "add 'checks:' and under it '- get: /'")
    known_steps: KnownSteps = {}
    items = items_of(entries, "checks", problems)
    checks = tuple([check for item in items if (check := _check(item, problems, known_steps)) is not None])
    refuse_same_names([check.fields["name"].value for check in checks if "name" in check.fields], problems)
    return Spec(
        source=source,
        node=node,
        name=scalar_at(entries, "name"),
        description=scalar_at(entries, "description"),
        tags=_tags(entries, problems),
        target=entries["target"].value if "target" in entries else None,
        vars=entries_of(entries, "vars"),
        secrets=_texts(entries, "secrets", problems),
        defaults=read_defaults(entries_of(entries, "defaults"), problems),
        needs=_texts(entries, "needs", problems),
        fixtures=read_calls(entries, "fixtures", problems),
        setup=read_steps(entries, "setup", problems, known_steps),
        teardown=read_steps(entries, "teardown", problems, known_steps),
        checks=checks,
        procedures=_procedures(entries_of(entries, "procedures"), problems, known_steps),
    )


def _procedures(
    entries: dict[str, Entry], problems: Problems, known_steps: KnownSteps
) -> dict[str, tuple[AnyStep, ...]]:
    for entry in entries.values():
        if not shapes.LIST.holds(entry.value):
            report_shape(entry.value, shapes.LIST, problems)
    return {name: read_steps(entries, name, problems, known_steps) for name in entries}


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


def _check(node: Node, problems: Problems, known_steps: KnownSteps) -> Check | None:
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
        used = read_use(node, None, rest, shapes.CHECK | shapes.USE, problems)
        return Check(node, own, _tags(entries, problems), (used,) if used else (), (), inline=True)
    step = read_request_step(node, None, rest, shapes.CHECK | shapes.STEP | shapes.STEPS, problems)
    return Check(node, own, _tags(entries, problems), (step,) if step else (), (), inline=True)


def _check_of_steps(node: Mapping, own: dict[str, Entry], problems: Problems, known_steps: KnownSteps) -> Check:
    entries = node.entries
    table = shapes.CHECK | shapes.STEPS
    beside = [key for key in entries if key in (*shapes.STEP, *shapes.USE) and key not in table]
    for key in beside:
        problems.add(entries[key], f"{key!r} cannot stand beside 'steps'", "move it into a step")
    check_keys({key: entry for key, entry in entries.items() if key not in beside}, table, problems)
    if "steps" not in entries:
        problems.add(entries["finally"], "'finally' wants 'steps' beside it")
    own = own | {key: entries[key] for key in ("timeout", "verify") if key in entries}
    read_calls(entries, "verify", problems)
    steps = read_steps(entries, "steps", problems, known_steps)
    last = read_steps(entries, "finally", problems, known_steps)
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
            known = check_keys(entries_of(own, key), table, problems)
            needed = next(iter(table))
            if known and needed not in entries_of(own, key):
                problems.add(own[key], f"{key!r} needs {needed!r}")
    for row in items_of(own, "each", problems):
        if not isinstance(row, Mapping):
            problems.add(row, f"a row is a mapping from names to values, found {kind_of(row)}", "such as {sku: A-1}")
    for name, entry in entries_of(own, "matrix").items():
        if not isinstance(entry.value, Sequence):
            problems.add(entry.value, f"expected the values of {name!r} as a list, found {kind_of(entry.value)}")
        elif not entry.value.items:
            problems.add(entry.value, f"{name!r} has no values")
    if "matrix" in own and isinstance(own["matrix"].value, Mapping) and not entries_of(own, "matrix"):
        problems.add(own["matrix"].value, "'matrix' is empty", "such as {size: [s, m, l]}")


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
