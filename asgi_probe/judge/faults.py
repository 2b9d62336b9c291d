"""What a value lacks of a JSON Schema, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.patterns import neighbours
from asgi_probe.judge.values import Path, counted, kind_of, path_text, show
from asgi_probe.spec.written import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_TOLD = 100
_FOR_ALL = 100_000
_FOR_ONE = 2_000_000
"""Up to which weight of a value all its faults are looked for, or one: the library has no way between."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: where in the value, where in the schema, and what; `gave_up` is a limit of the library's."""

    path: Path
    keyword: Path
    message: str
    expected: Any
    actual: Any
    gave_up: bool = False


def faults_of(library: Any, value: Any, schema: Any) -> list[Fault]:
    """At most a hundred of the faults that a compiled schema finds in a value."""
    weight = _weight(value)
    if weight > _FOR_ONE:
        return [_unplaced("is too large", value, schema)]
    try:
        errors = (
            list(islice(library.iter_errors(value), _MOST_TOLD)) if weight <= _FOR_ALL else [_first(library, value)]
        )
        return [fault for error in errors for fault in faults_in(error, value, schema)]
    except ValueError:  # the library cannot show a value that nests too deep
        return [_unplaced("nests too deep", value, schema)]


def _unplaced(why: str, value: Any, schema: Any) -> Fault:
    return Fault((), (), f"does not satisfy the schema, and {why} to say where: {show(value)}", schema, value)


def _first(library: Any, value: Any) -> Any:
    import jsonschema_rs

    try:
        library.validate(value)
    except jsonschema_rs.ValidationError as error:
        return error
    message = "a value without a fault has none to tell"
    raise TypeError(message)


def _weight(value: Any) -> int:
    """The lengths of the paths to all members together, which is what showing each level's faults may cost."""
    level, depth, weight = [value], 0, 0
    while level and weight <= _FOR_ONE:
        depth += 1
        below = [item.values() if type(item) is dict else item for item in level if type(item) in (dict, list)]
        weight += depth * sum(len(items) for items in below)
        level = [item for items in below for item in items if type(item) in (dict, list)]
    return weight


def faults_in(error: Any, value: Any, schema: Any = None) -> Iterator[Fault]:
    """What one of the library's errors on a value says."""
    path, keyword = tuple(error.instance_path), tuple(error.schema_path)
    at = _at(value, path)
    kind, said = type(error.kind).__name__, error.kind.value
    if kind in _GAVE_UP:
        yield Fault(path, keyword, _theirs(error), None, at, gave_up=True)
    elif kind == "Required":
        wanted = _part(schema, (*keyword[:-1], "properties", said))
        yield Fault((*path, said), keyword, f"is missing{neighbours(said, at)}", wanted, None)
    elif kind in _STRANGERS or (kind == "FalseSchema" and keyword[-1:] == ("additionalProperties",)):
        for key in said or at:
            yield Fault((*path, key), keyword, "is not among the properties allowed", None, at.get(key))
    else:
        expected = _part(schema, keyword) if kind in _OF_SCHEMAS else said
        yield Fault(path, keyword, _message(error, at, value), expected, at)


def _message(error: Any, at: Any, value: Any) -> str:
    kind, said = type(error.kind).__name__, error.kind.value
    if kind in _ALTERNATIVES:
        return f"satisfies none of {counted(len(said), 'alternative')}, got {show(at)}{_closest(error, value)}"
    if kind == "PropertyNames":
        return f"has the key {quoted(str(said.instance))}: {_message(said, said.instance, value)}"
    if kind in _WORDS:
        return _WORDS[kind](said, at)
    return f"does not satisfy {error.kind.name!r}: {_theirs(error)}"


def _theirs(error: Any) -> str:
    """What the library itself says."""
    text = printable(error.message)[:300]
    return text[:1].lower() + text[1:]


_GAVE_UP = frozenset({"BacktrackLimitExceeded", "RegexEngineFailure", "Referencing"})
_STRANGERS = frozenset({"AdditionalProperties", "UnevaluatedProperties"})
_ALTERNATIVES = frozenset({"AnyOf", "OneOfNotValid"})
_OF_SCHEMAS = _ALTERNATIVES | {"OneOfMultipleValid", "PropertyNames", "Not"}


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _part(schema: Any, keyword: Path) -> Any:
    """What the schema says at a keyword, if the path to it leads through no reference to another file."""
    try:
        return _at(schema, keyword)
    except (LookupError, TypeError):
        return None


_ARTICLES = {"null": "null", "integer": "an integer", "array": "an array", "object": "an object"}


def _types(said: list[str], at: Any) -> str:
    names = [_ARTICLES.get(name, f"a {name}") for name in said]
    return f"expected {' or '.join(names)}, got {_shown(at)}"


def _shown(at: Any) -> str:
    """A value and what it is, but for what its look says already."""
    return show(at) if at is None or type(at) in (dict, list) else f"{show(at)} ({kind_of(at)})"


def _compared(words: str) -> Callable[[Any, Any], str]:
    return lambda said, at: f"expected {words} {show(said)}, got {show(at)}"


def _sized(words: str, noun: str) -> Callable[[Any, Any], str]:
    def tell(said: Any, at: Any) -> str:
        nouns = counted(said, noun).replace("propertys", "properties")
        return f"expected {words} {nouns}, got {len(at):,}: {show(at)}"

    return tell


def _format(said: str, at: Any) -> str:
    return f"expected text of the format {said!r}, got {show(at)}"


def _closest(error: Any, value: Any) -> str:
    """The alternative that has the fewest faults, unless none is even of the right type."""
    tries = [(_score(errors, error), index) for index, errors in enumerate(error.kind.value) if errors]
    score, index = min(tries, default=(_ANOTHER_TYPE, 0))
    if score >= _ANOTHER_TYPE:
        return ""
    first, *others = error.kind.value[index]
    fault = next(faults_in(first, value))
    more = f", and {len(others)} more" if others else ""
    return f"; the closest is alternative {index + 1}: {path_text(fault.path)} {fault.message}{more}"


_ANOTHER_TYPE = 1000


def _score(errors: list[Any], outer: Any) -> int:
    return sum(
        _ANOTHER_TYPE if error.kind.name == "type" and error.instance_path == outer.instance_path else 1
        for error in errors
    )


_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "Type": _types,
    "Enum": lambda said, at: f"expected one of {show(said)}, got {show(at)}",
    "Constant": lambda said, at: f"expected {show(said)}, got {show(at)}",
    "Minimum": _compared("at least"),
    "Maximum": _compared("at most"),
    "ExclusiveMinimum": _compared("more than"),
    "ExclusiveMaximum": _compared("less than"),
    "MultipleOf": _compared("a multiple of"),
    "MinLength": _sized("at least", "character"),
    "MaxLength": _sized("at most", "character"),
    "MinItems": _sized("at least", "item"),
    "MaxItems": _sized("at most", "item"),
    "MinProperties": _sized("at least", "property"),
    "MaxProperties": _sized("at most", "property"),
    "Pattern": lambda said, at: f"expected text matching {quoted(said)}, got {show(at)}",
    "Format": _format,
    "UniqueItems": lambda _, at: f"expected items that are unique, got {show(at)}",
    "Contains": lambda _, at: f"expected another number of items that satisfy 'contains', got {show(at)}",
    "Not": lambda said, at: f"expected anything but what satisfies {show(said)}, got {show(at)}",
    "FalseSchema": lambda _, at: f"is not allowed, got {show(at)}",
    "OneOfMultipleValid": lambda _, at: f"satisfies more than one alternative of 'oneOf', got {show(at)}",
    "AdditionalItems": lambda said, at: f"expected at most {counted(said, 'item')}, got {len(at):,}",
    "UnevaluatedItems": lambda said, at: f"has {counted(len(said), 'item')} that no schema allows, got {show(at)}",
}
"""What to say of each kind of error that the library has."""
