"""Values of a configuration, whose texts may hold `${…}`: rendered before a run, all that is wrong collected."""

from __future__ import annotations

import re
from datetime import date, time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.source import Entry, Mapping, Problems, Scalar, Sequence, Source
from asgi_probe.spec.template import Compilation, VariableError
from asgi_probe.spec.variables import compile_vars
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Table

    from asgi_probe.spec.source import Node

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def split_command(command: str) -> tuple[str, ...]:
    """The words of a command as a shell would see them, each `${…}` left whole; a ValueError for what is none."""
    from shlex import split

    if "\0" in command:
        raise ValueError("no command holds NUL")
    kept = iter(_VARIABLE.findall(command))
    return tuple(re.sub("\0", lambda _: next(kept), word) for word in split(_VARIABLE.sub("\0", command)))


class Settings:
    """Renders one place's values with the variables of `scope`; `read(file)` is relative to `root`.

    Each value has a name, by which `problems` tells of it.
    """

    def __init__(self, root: Path, scope: Table[str, Any]) -> None:
        self._root = root
        self._scope = scope
        self._problems = Problems()

    @property
    def problems(self) -> list[str]:
        """What is wrong, each a line that begins with the name of the value."""
        return [
            f"{found.location.source.name}: {found.message}" + (f" ({found.hint})" if found.hint else "")
            for found in self._problems.errors
        ]

    def value(self, name: str, given: Any) -> Any:
        """The value with everything in it rendered, types kept; None where something is wrong."""
        return self._render(self._node(name, given))

    def text(self, name: str, given: str) -> str:
        """The same as text."""
        return as_text(self.value(name, given))

    def texts(self, name: str, given: Any) -> list[str]:
        """The texts that go over the wire: null is not sent, a list is several."""
        node = self._node(name, given)
        found = self._render(node)
        items = found if isinstance(found, list) else [found]
        if any(isinstance(item, list | dict) for item in items):
            self._problems.add(node, "gives a list or a mapping inside of a value, which cannot be sent")
            return []
        return [as_text(item) for item in items if item is not None]

    def words(self, name: str, command: str | tuple[str, ...]) -> tuple[str, ...]:
        """The words of a command; what a variable holds is no more than a part of one."""
        words = split_command(command) if isinstance(command, str) else command
        return tuple(self.text(name, word) for word in words)

    def variables(self, name: str, given: Table[str, Any]) -> dict[str, Any]:
        """Variables in their order, where later ones may use earlier ones."""
        entries = {
            key: Entry(self._scalar(f"{name}.{key}", key), self._node(f"{name}.{key}", value))
            for key, value in given.items()
        }
        before = len(self._problems.diagnostics)
        compiled = compile_vars(entries, self._compilation())
        if len(self._problems.diagnostics) > before:
            return {}
        try:
            return compiled.render(self._scope)
        except VariableError as error:
            self._problems.add(error.node, str(error))
            return {}

    def _render(self, node: Node) -> Any:
        before = len(self._problems.diagnostics)
        value = self._compilation().value(node)
        if len(self._problems.diagnostics) > before:
            return None
        try:
            return value.render(self._scope)
        except VariableError as error:
            self._problems.add(node, str(error))
            return None

    def _compilation(self) -> Compilation:
        return Compilation(self._problems, frozenset(), self._root, self._root)

    def _node(self, name: str, given: Any) -> Node:
        match given:
            case list() | tuple():
                return Sequence(_source(name), 1, 1, [self._node(name, item) for item in given])
            case dict():
                entries = {key: Entry(self._scalar(name, key), self._node(name, item)) for key, item in given.items()}
                return Mapping(_source(name), 1, 1, entries)
            case float() if not isfinite(given):
                self._problems.add(self._scalar(name, None), f"{given!r} is no number that could be sent")
            case date() | time():
                return self._scalar(name, given.isoformat())
        return self._scalar(name, given)

    def _scalar(self, name: str, value: Any) -> Scalar:
        text = str(value)
        return Scalar(_source(name, text), 1, 1, len(text), value, text)


def _source(name: str, text: str = "") -> Source:
    return Source(Path(), name, text)
