"""`verify`: what looks behind an answer, compiled: functions of the user's, and SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.engine.plan import HookPlan
from asgi_probe.spec.source import Mapping, Scalar, Sequence, is_null

if TYPE_CHECKING:
    from asgi_probe.engine.plan import Looks
    from asgi_probe.engine.sql import SqlPlan
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation


def compile_looks(entry: Entry | None, compilation: Compilation) -> Looks:
    """The functions and statements of a `verify`, in order; what is wrong with keys and shapes the reader has told."""
    if entry is None or is_null(entry.value):
        return ()
    items = entry.value.items if isinstance(entry.value, Sequence) else [entry.value]
    found = [_look(item, compilation) for item in items]
    return tuple([look for look in found if look is not None])


def _look(node: Node, compilation: Compilation) -> HookPlan | SqlPlan | None:
    if isinstance(node, Mapping) and "sql" in node.entries:
        from asgi_probe.engine.sql import compile_sql

        return compile_sql(node, compilation)
    return compile_hook(node, compilation)


def compile_hook(node: Node, compilation: Compilation) -> HookPlan | None:
    """A function by its name, or as `{call:, with:}`; what has another shape the reader has told."""
    if isinstance(node, Scalar):
        return _named(node, None, compilation)
    if not isinstance(node, Mapping) or "call" not in node.entries:
        return None
    given = node.entries.get("with")
    return _named(node.entries["call"].value, given, compilation)


def _named(node: Node, given: Entry | None, compilation: Compilation) -> HookPlan | None:
    value = compilation.value(given.value) if given is not None and isinstance(given.value, Mapping) else None
    if isinstance(node, Scalar) and node.value is None:
        return None
    hook = compilation.hook(node)
    if hook is None:
        return None
    names = given.value.entries if given is not None and isinstance(given.value, Mapping) else ()
    hook.given = tuple(names) if not any("${" in name for name in names) else None
    return HookPlan(hook, value)
