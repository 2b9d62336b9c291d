"""Names and values that go over the wire as text: params, headers, cookies, form fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.source import Mapping
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation

Pair = tuple[str, str]
Pairs = Callable[["Dict[str, Any]"], list[Pair]]
"""Renders with a scope; the list is the caller's own."""


def nothing(_: Dict[str, Any]) -> list[Pair]:
    """No pairs."""
    return []


def compile_pairs(entry: Entry | None, what: str, compilation: Compilation) -> Pairs:
    """Compile a mapping of name to text, list of texts (the name repeats) or null (left out)."""
    if entry is None or not isinstance(entry.value, Mapping) or not entry.value.entries:
        return nothing
    compiled = [
        (compilation.text(item.key), compilation.value(item.value), item) for item in entry.value.entries.values()
    ]
    if not all(name.constant and value.constant for name, value, _ in compiled):
        return lambda scope: [
            pair for name, value, _ in compiled for pair in _pairs(name.render(scope), value.render(scope), value.node)
        ]
    fixed: list[Pair] = []
    for name, value, item in compiled:
        try:
            fixed += _pairs(name.render({}), value.render({}), item.value)
        except VariableError as error:
            if isinstance(item.value, Mapping):  # which the spec's shapes have told
                continue
            compilation.problems.add(
                item.value, f"{error}, which {what} cannot carry", "write it as text, or as a list"
            )
    return lambda _: fixed.copy()


def wire(value: Any, node: Node) -> str:
    """One value as text, written as JSON would; a mapping or list is a VariableError."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise VariableError(f"found {'a mapping' if isinstance(value, dict) else 'a list'}", node)
    return as_text(value)


def _pairs(name: str, value: Any, node: Node) -> list[Pair]:
    if isinstance(value, str):
        return [(name, value)]
    if value is None:
        return []
    if isinstance(value, list):
        return [(name, wire(item, node)) for item in value if item is not None]
    return [(name, wire(value, node))]
