"""Expressions of `${…}` that are more than a path: Jinja2, sandboxed and bounded. Imported only where one stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from asgi_probe.spec.functions import FILTERS, FUNCTION_NAMES, FUNCTIONS, FunctionError, compile_jsonpath, compile_regex
from asgi_probe.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jinja2.runtime import Context

_LONGEST_EXPRESSION = 4_000
_MOST_ITEMS = 1_000_000
_MOST_CHARACTERS = 10_000_000
_MOST_BITS = 100_000
_MULTIPLIES = frozenset({"replace", "join", "translate"})
_WIDE_FORMAT = re.compile(r"[%{][^%{}a-zA-Z]*(?:\d{6}|\*)|:[^}]*(?:\d{6}|\{)")


class ExpressionError(ValueError):
    """An expression that cannot be compiled; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Missing(StrictUndefined):
    """What is not there: a path may go on from it, so that `default` and `is defined` work at any depth."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and the names it needs; those in `guarded` may be missing. `env.X` is the name `env.X`."""

    text: str
    names: frozenset[str]
    guarded: frozenset[str]
    calls: frozenset[str]
    _template: Any

    def evaluate(self, names: dict[str, Any]) -> Any:
        """The value, as plain data; anything that goes wrong is an exception."""
        context = self._template.new_context(names)
        for _ in self._template.root_render_func(context):
            pass
        return _plain(context.vars["result"])


@lru_cache(maxsize=10_000)
def compile_expression(text: str) -> Expression:
    """The compiled expression; an ExpressionError says what is wrong with it."""
    if len(text) > _LONGEST_EXPRESSION:
        raise ExpressionError(f"an expression of more than {_LONGEST_EXPRESSION:,} characters")
    try:
        tree = _parse(text)
        _check_words(tree)
        template = _compile(tree)
    except TemplateError as error:
        raise ExpressionError(f"bad expression: {str(error.message).replace('template', 'expression')}") from None
    except (RecursionError, MemoryError, SyntaxError, OverflowError):
        raise ExpressionError("an expression that is nested too deeply") from None
    except FunctionError as error:
        raise ExpressionError(str(error)) from None
    return Expression(text, *_names(tree), template)


def _parse(text: str) -> nodes.Expr:
    parser = Parser(_ENVIRONMENT, text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        parser.fail(f"unexpected {parser.stream.current.value!r}")
    tree.set_environment(_ENVIRONMENT)
    return tree


def _compile(tree: nodes.Expr) -> Any:
    body = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    return _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))


def _check_words(tree: nodes.Expr) -> None:
    for filtered in _each(tree, nodes.Filter):
        _check_word(filtered.name, _ENVIRONMENT.filters, "filter")
        _check_constant(filtered)
    for tested in _each(tree, nodes.Test):
        _check_word(tested.name, _ENVIRONMENT.tests, "test")


def _check_word(word: str, known: Mapping[str, Any], what: str) -> None:
    if word not in known:
        raise ExpressionError(f"unknown {what} {word!r}", did_you_mean(word, known))


def _check_constant(filtered: nodes.Filter) -> None:
    compile_argument = {"jsonpath": compile_jsonpath, "regex": compile_regex}.get(filtered.name)
    if compile_argument and filtered.args and isinstance(filtered.args[0], nodes.Const):
        compile_argument(filtered.args[0].value)


def _names(tree: nodes.Expr) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The names an expression needs, those that may be missing, and the functions it calls."""
    calls = {id(call.node): call.node.name for call in _each(tree, nodes.Call) if isinstance(call.node, nodes.Name)}
    environ = dict(_environ(tree))
    names = {name.name for name in _each(tree, nodes.Name) if id(name) not in calls and id(name) not in environ}
    guarded = {_root(guard.node) for guard in _guards(tree)} - {None}
    functions = frozenset(calls.values()) & FUNCTION_NAMES
    wanted = names | set(environ.values()) | (set(calls.values()) - FUNCTION_NAMES)
    return frozenset(wanted), frozenset(name for name in guarded if name), functions


def _environ(tree: nodes.Expr) -> Iterator[tuple[int, str]]:
    for place in _each(tree, (nodes.Getattr, nodes.Getitem)):
        name = _environ_name(place)
        if name:
            yield id(place.node), name


def _environ_name(node: nodes.Node) -> str | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="env"), attr=str(name)):
            return f"env.{name}"
        case nodes.Getitem(node=nodes.Name(name="env"), arg=nodes.Const(value=str(name))):
            return f"env.{name}"
    return None


def _guards(tree: nodes.Expr) -> Iterator[nodes.Filter | nodes.Test]:
    yield from (node for node in _each(tree, nodes.Filter) if node.name in ("default", "d"))
    yield from (node for node in _each(tree, nodes.Test) if node.name in ("defined", "undefined"))


def _root(node: nodes.Node | None) -> str | None:
    while node is not None:
        name = node.name if isinstance(node, nodes.Name) else _environ_name(node)
        if name:
            return name
        node = node.node if isinstance(node, (nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test)) else None
    return None


def _each(tree: nodes.Expr, kind: Any) -> list[Any]:
    found = list(tree.find_all(kind))
    return [tree, *found] if isinstance(tree, kind) else found


def _plain(value: Any) -> Any:
    """The value as plain data: generators and tuples are lists, marked text is text."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str.__str__(value)
        case Undefined():
            return str(value)  # raises, with the name that is missing
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return _rare(value)


def _rare(value: Any) -> Any:
    from collections.abc import ItemsView, Iterator, KeysView, ValuesView
    from decimal import Decimal

    if isinstance(value, Decimal):
        return value
    if isinstance(value, (Iterator, KeysView, ValuesView, ItemsView)):
        items: list[Any] = [_plain(item) for item in value]
        return items
    if callable(value):
        raise FunctionError("a function where a value was expected (call it with parentheses)")
    raise FunctionError(f"{type(value).__name__} where a value was expected")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An object's own key goes before a method of that name."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The operators whose result can be far larger than what they are given."""
        {"*": _check_product, "**": _check_power, "%": _check_format}[operator](left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls whose result can be far larger than what they are given are refused."""
        owner = getattr(called, "__self__", None)
        if isinstance(owner, (str, bytes, int, list)):
            _check_call(called.__name__, owner, (*args, *kwargs.values()))
        return super().call(context, called, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format`, without widths that fill the memory."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _check_format(value.__self__, None)
        return wrapped


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MOST_BITS:
            raise FunctionError("a product that is too large")
        return
    for sized, factor in ((left, right), (right, left)):
        if isinstance(sized, Sized) and isinstance(factor, int) and len(sized) * factor > _MOST_ITEMS:
            raise FunctionError(f"a repetition of more than {_MOST_ITEMS:,} items")


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _MOST_BITS:
        raise FunctionError("a power that is too large")


def _check_format(left: Any, _right: Any) -> None:
    if isinstance(left, (str, bytes)):
        text = left if isinstance(left, str) else left.decode("latin-1")
        if _WIDE_FORMAT.search(text):
            raise FunctionError("a format whose width is too large")


def _check_call(name: str, value: Any, args: tuple[Any, ...]) -> None:
    if any(isinstance(argument, int) and abs(argument) > _MOST_ITEMS for argument in args):
        raise FunctionError(f"{name} with a number above {_MOST_ITEMS:,}")
    if name in _MULTIPLIES:
        longest = max((len(argument) for argument in args if isinstance(argument, Sized)), default=0)
        if isinstance(value, Sized) and len(value) * longest > _MOST_CHARACTERS:
            raise FunctionError(f"{name} whose result may be larger than {_MOST_CHARACTERS:,} characters")
    if name == "format":
        _check_format(value, None)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        # the environment or context that some filters get first is no value
        own = args[1:] if hasattr(function, "jinja_pass_arg") else args
        _check_call(name, own[0] if own else None, (*own[1:], *kwargs.values()))
        return function(*args, **kwargs)

    return bounded


def _environment() -> _Environment:
    environment = _Environment(undefined=Missing, autoescape=False, cache_size=0)
    environment.globals = dict(FUNCTIONS)
    unbounded = {name: found for name, found in environment.filters.items() if name not in ("default", "d")}
    environment.filters.update({name: _bounded(name, function) for name, function in unbounded.items()})
    environment.filters.update(FILTERS)
    return environment


_ENVIRONMENT = _environment()
