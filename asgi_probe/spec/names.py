"""What a check may be named: its id is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.spec.source import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asgi_probe.spec.source import Node, Problems

_PHASES = ("setup", "teardown")


def check_name(node: Node, problems: Problems) -> None:
    """Report a name by which no check could be selected, or that the file's own setup and teardown have."""
    if not isinstance(node, Scalar) or node.value is None:
        return
    if not node.text.strip():
        problems.add(node, "a name cannot be empty", "leave it out, then the request is the name")
    elif node.text in _PHASES:
        problems.add(node, f"{node.text!r} is the id of the file's own {node.text}", "choose another name")


def refuse_same_names(names: Iterable[Node], problems: Problems) -> None:
    """Report every name that an earlier check has as well."""
    first: dict[str, Scalar] = {}
    for name in names:
        if not isinstance(name, Scalar):
            continue
        same = first.setdefault(name.text, name)
        if same is not name:
            hint = f"the first is in line {same.line}, column {same.column}"
            problems.add(name, f"two checks are named {name.text!r}", hint)
