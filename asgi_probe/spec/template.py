"""`${…}`: compiled once with the spec, rendered with a scope, types kept."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import ProbeError
from asgi_probe.spec.functions import FUNCTION_NAMES
from asgi_probe.spec.hooks import Hook, is_reference
from asgi_probe.spec.source import Location, Mapping, Scalar, Sequence, did_you_mean, kind_of
from asgi_probe.spec.written import as_text, display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as Scope
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from asgi_probe.spec.sandbox import Expression
    from asgi_probe.spec.source import Entry, Node, Problems

ALWAYS_KNOWN = frozenset({"target", "target_name"})
"""The built-in variables."""
_WORDS = frozenset({"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"})
RESERVED = ALWAYS_KNOWN | {"env", "self"} | FUNCTION_NAMES | _WORDS
"""Names that no variable can have."""

_MARK = re.compile(r"\$\$\{|\$\{")
_DYNAMIC = re.compile(r"(?<!\$)\$\{")
_PATH = re.compile(r"[^\W\d]\w*(?:\.\w+|\[(?:-?\d{1,9}|'[^'\\]*'|\"[^\"\\]*\")\])*")
_PATH_PART = re.compile(r"(?:^|\.)(\w+)|\[(?:(-?\d+)|'([^']*)'|\"([^\"]*)\")\]")
_INSIDE = re.compile(r"""[{}]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"]""", re.DOTALL)


class VariableError(ProbeError):
    """A `${…}` that could not be rendered; `node` is the scalar where it stands."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class NoValueError(VariableError):
    """Nothing has given the variable `name` a value, so far."""

    def __init__(self, name: object, node: Node) -> None:
        super().__init__(f"the variable {name!r} has no value here", node)
        self.name = str(name)


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A compiled tree of data. `render` takes a scope and gives plain data, types kept, or raises a VariableError.

    A constant is built once: what `render` returns must not be changed.
    """

    node: Node
    constant: bool
    render: Callable[[Scope[str, Any]], Any]

    @classmethod
    def of(cls, node: Node, constant: Any) -> Value:
        """A constant."""
        return cls(node, constant=True, render=lambda _: constant)


@dataclass(slots=True)
class Compilation:
    """Compiles the values of one place, where the names in `known` can exist; what is wrong goes to `problems`.

    `read(file)` is relative to `folder` and stays inside `root`. `used` are all names that were seen, `hooks` the
    functions of the user's. Where it is `open` other names may exist, too: functions of the user's give them.
    """

    problems: Problems
    known: AbstractSet[str]
    folder: Path
    root: Path
    used: set[str] = field(default_factory=set)
    hooks: list[Hook] = field(default_factory=list)
    open: bool = False

    def variable(self, node: Scalar) -> Value:
        """What a variable or a path into it holds, written without `${}`; a VariableError where it has no value."""
        path = _path(node.text)
        if path is None:
            self.problems.add(node, f"{node.text!r} is no variable", "such as target, env.CI or order.status")
            return Value.of(node, None)
        if path[0] == "env" and len(path) == 2:
            return Value(node, constant=False, render=_environ_lookup(str(path[1]), node))
        _need(self, str(path[0]), node.location)
        return Value(node, constant=False, render=_walk(path, node.text, node))

    def hook(self, node: Node) -> Hook | None:
        """The function that `module:function` names, to be imported before the run; None where that is no name."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not is_reference(node.value):
            found = display(node.value) if isinstance(node, Scalar) else kind_of(node)
            self.problems.add(node, f"expected 'module:function', found {found}", "such as 'shop.probes:row_exists'")
            return None
        hook = Hook(node.value, node)
        self.hooks.append(hook)
        return hook

    def value(self, node: Node) -> Value:
        """Any tree, keys too; a scalar that is one `${…}` keeps the value's type."""
        match node:
            case Scalar(value=str() as text) if "${" in text:
                return self._scalar(node, text)
            case Scalar():
                return Value.of(node, node.value)
            case Sequence():
                return _list_of(node, [self.value(item) for item in node.items])
            case Mapping():
                pairs = [(self._key(key, entry), self.value(entry.value)) for key, entry in node.entries.items()]
                return _object_of(node, pairs)

    def text(self, scalar: Scalar) -> Value:
        """Always text, other types written as JSON would."""
        value = self.value(scalar)
        if value.constant:
            return Value.of(scalar, as_text(value.render({})))
        render = value.render
        return Value(scalar, constant=False, render=lambda scope: as_text(render(scope)))

    def is_dynamic(self, node: Node) -> bool:
        """A `${…}` stands somewhere in it, in a key or a value."""
        match node:
            case Scalar(value=str() as text):
                return bool(_DYNAMIC.search(text))
            case Scalar():
                return False
            case Sequence():
                return any(self.is_dynamic(item) for item in node.items)
            case Mapping():
                return any(_DYNAMIC.search(key) or self.is_dynamic(entry.value) for key, entry in node.entries.items())

    def _key(self, key: str, entry: Entry) -> Value:
        return self.text(entry.key) if "${" in key else Value.of(entry.key, key)

    def _scalar(self, node: Scalar, text: str) -> Value:
        pieces = list(_pieces(self, node, text))
        if all(isinstance(piece, str) for piece in pieces):
            return Value.of(node, "".join(piece for piece in pieces if isinstance(piece, str)))
        if len(pieces) == 1 and not isinstance(pieces[0], str):
            return Value(node, constant=False, render=pieces[0])
        return Value(node, constant=False, render=_joined(pieces))


def _pieces(c: Compilation, node: Scalar, text: str) -> Iterator[str | Callable[[Scope[str, Any]], Any]]:
    """The literal texts and the expressions, in order."""
    start = 0
    while mark := _MARK.search(text, start):
        if mark.start() > start:
            yield text[start : mark.start()]
        start = mark.end()
        if mark[0] == "$${":
            yield "${"
            continue
        end = _closing(text, start)
        if end < 0:
            at = _place(node, mark.start(), len(text))
            c.problems.add(at, "'${' is never closed", "close it with '}', or write '$${' for a literal '${'")
            return
        yield _expression(c, node, text[start:end].strip(), _place(node, mark.start(), end + 1))
        start = end + 1
    if start < len(text):
        yield text[start:]


def _closing(text: str, start: int) -> int:
    """Where the `}` is that closes an expression, nested braces and quoted text passed over; -1 if nowhere."""
    depth = 0
    for found in _INSIDE.finditer(text, start):
        match found[0]:
            case "{":
                depth += 1
            case "}" if depth == 0:
                return found.start()
            case "}":
                depth -= 1
            case "'" | '"':
                return -1
    return -1


def _place(node: Scalar, start: int, end: int) -> Location:
    """The place of a part of a scalar where it stands in its line as it is, else of the whole scalar."""
    line = node.source.line(node.line)
    text = node.value
    for quote in (0, 1):
        column = node.column + quote
        if isinstance(text, str) and "\n" not in text and line[column - 1 : column - 1 + len(text)] == text:
            return Location(node.source, node.line, column + start, end - start)
    return node.location


def _expression(c: Compilation, node: Scalar, text: str, at: Location) -> Callable[[Scope[str, Any]], Any]:
    if not text:
        c.problems.add(at, "an empty '${}'", "name a variable, or write '$${' for a literal '${'")
        return _nothing
    path = _path(text)
    if path is None:
        return _jinja(c, node, text, at)
    if path[0] == "env":
        return _environ(c, node, path, at)
    _need(c, str(path[0]), at)
    return _walk(path, text, node)


def _nothing(_scope: Scope[str, Any]) -> None:
    """What a place with a problem renders to; nothing is rendered while there is one."""


def _path(text: str) -> list[str | int] | None:
    """The parts of a plain path such as `order.lines[0].sku`; None if the text is more than that."""
    if not _PATH.fullmatch(text):
        return None
    parts = [_part(found) for found in _PATH_PART.finditer(text)]
    return None if parts[0] in _WORDS else parts


def _part(found: re.Match[str]) -> str | int:
    name, index, single, double = found.groups()
    if name is not None:
        return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else name
    if index is not None:
        return int(index)
    return single if single is not None else double


def _need(c: Compilation, name: str, at: Location) -> None:
    """Report a name that cannot exist here."""
    c.used.add(name)
    if name in c.known or name in ALWAYS_KNOWN:
        return
    if c.open and name not in FUNCTION_NAMES:
        return
    if name in FUNCTION_NAMES:
        c.problems.add(at, f"{name!r} is a function", f"call it: ${{{name}({'…' * (name.startswith(('ra', 're')))})}}")
        return
    known = sorted(c.known | ALWAYS_KNOWN)
    shown = ", ".join(known[:20]) + ", …" * (len(known) > 20)
    c.problems.add(
        at, f"unknown variable {name!r}", did_you_mean(name, [*known, *FUNCTION_NAMES]) or f"known here: {shown}"
    )


def _need_environ(c: Compilation, name: str, at: Location) -> None:
    if name not in os.environ:
        hint = f"set it, or give a default: ${{env.{name} | default('…')}}"
        c.problems.add(at, f"the environment variable {name!r} is not set", hint)


def _environ(c: Compilation, node: Scalar, path: list[str | int], at: Location) -> Callable[[Scope[str, Any]], Any]:
    if len(path) != 2:
        c.problems.add(at, "'env' wants the name of one environment variable", "write it as ${env.NAME}")
        return _nothing
    name = str(path[1])
    _need_environ(c, name, at)
    return _environ_lookup(name, node)


def _environ_lookup(name: str, node: Scalar) -> Callable[[Scope[str, Any]], Any]:
    def render(_scope: Scope[str, Any]) -> Any:
        if name not in os.environ:
            raise VariableError(f"the environment variable {name!r} is not set", node)
        return os.environ[name]

    return render


def _walk(path: list[str | int], text: str, node: Scalar) -> Callable[[Scope[str, Any]], Any]:
    first, *rest = path

    def render(scope: Scope[str, Any]) -> Any:
        try:
            value = scope[first]  # type: ignore[index] # the first part is always a name
        except KeyError:
            raise NoValueError(first, node) from None
        for position, part in enumerate(rest):
            try:
                value = _step(value, part)
            except (LookupError, TypeError):
                raise VariableError(_no_such(value, part, text, path, position), node) from None
        return value

    return render if rest else _lookup(str(first), node)


def _lookup(name: str, node: Scalar) -> Callable[[Scope[str, Any]], Any]:
    def render(scope: Scope[str, Any]) -> Any:
        try:
            return scope[name]
        except KeyError:
            raise NoValueError(name, node) from None

    return render


def _step(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value[part] if part in value else value[str(part)]
    if isinstance(value, list) and isinstance(part, int):
        return value[part]
    raise TypeError


def _no_such(value: Any, part: str | int, text: str, path: list[str | int], position: int) -> str:
    owner = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[: position + 1])[1:]
    match value:
        case dict():
            hint = did_you_mean(str(part), value) or f"there are: {display(list(value))}"
            return f"{owner!r} has no {part!r} ({hint}), in '${{{text}}}'"
        case list():
            count = f"{len(value)} item{'s' * (len(value) != 1)}"
            return f"{owner!r} is a list of {count} and has no {part!r}, in '${{{text}}}'"
    return f"{owner!r} is {display(value)} and has no {part!r}, in '${{{text}}}'"


def _jinja(c: Compilation, node: Scalar, text: str, at: Location) -> Callable[[Scope[str, Any]], Any]:
    from asgi_probe.spec.sandbox import ExpressionError, compile_expression

    try:
        expression = compile_expression(text)
    except ExpressionError as fault:
        c.problems.add(at, str(fault), fault.hint)
        return _nothing
    before = len(c.problems.diagnostics)
    for name in sorted(expression.names):
        _need_name(c, name, at, guarded=name in expression.guarded)
    render = _evaluation(expression, node, c.folder, c.root)
    if not expression.names and len(c.problems.diagnostics) == before:
        _try_now(c, render, at)
    return render


def _need_name(c: Compilation, name: str, at: Location, *, guarded: bool) -> None:
    if name == "env":
        c.problems.add(at, "'env' wants the name of one environment variable", "write it as ${env.NAME}")
    elif guarded:
        c.used.add(name)
    elif name.startswith("env."):
        _need_environ(c, name.removeprefix("env."), at)
    else:
        _need(c, name, at)


def _try_now(c: Compilation, render: Callable[[Scope[str, Any]], Any], at: Location) -> None:
    """What needs no variable fails now or never: a file that is not there, a shift that is none."""
    try:
        render({})
    except VariableError as error:
        c.problems.add(at, str(error))


def _evaluation(expression: Expression, node: Scalar, folder: Path, root: Path) -> Callable[[Scope[str, Any]], Any]:
    from asgi_probe.spec.files import read_text

    wanted = tuple(name for name in expression.names if "." not in name)
    extra: dict[str, Any] = {}
    if "read" in expression.calls:
        extra["read"] = lambda file: read_text(str(file), folder=folder, root=root)
    if any("." in name for name in expression.names):
        extra["env"] = os.environ

    def render(scope: Scope[str, Any]) -> Any:
        names = {name: scope[name] for name in wanted if name in scope}
        try:
            return expression.evaluate(names | extra)
        except Exception as error:  # noqa: BLE001 - an expression may raise anything, and all of it is the spec's error
            reason = str(error) or type(error).__name__
            raise VariableError(f"'${{{expression.text}}}' failed: {reason}", node) from None

    return render


def _joined(pieces: list[Any]) -> Callable[[Scope[str, Any]], str]:
    def render(scope: Scope[str, Any]) -> str:
        return "".join([piece if isinstance(piece, str) else as_text(piece(scope)) for piece in pieces])

    return render


def _list_of(node: Sequence, items: list[Value]) -> Value:
    if all(item.constant for item in items):
        return Value.of(node, [item.render({}) for item in items])
    renders = [item.render for item in items]
    return Value(node, constant=False, render=lambda scope: [render(scope) for render in renders])


def _object_of(node: Mapping, pairs: list[tuple[Value, Value]]) -> Value:
    if all(key.constant and value.constant for key, value in pairs):
        return Value.of(node, {key.render({}): value.render({}) for key, value in pairs})
    renders = [(key, key.render, value.render) for key, value in pairs]

    def render(scope: Scope[str, Any]) -> dict[str, Any]:
        rendered: dict[str, Any] = {}
        for key, name, value in renders:
            written = name(scope)
            if written in rendered:
                raise VariableError(f"the key {written!r} comes twice", key.node)
            rendered[written] = value(scope)
        return rendered

    return Value(node, constant=False, render=render)
