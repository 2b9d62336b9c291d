"""JSONPath (RFC 9535): compiled once, applied to a body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.values import ABSENT, Path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathNode, JSONPathQuery

_LETTER = r"A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff"
"""What a name may begin with; the library itself refuses some of these further on in a name."""
_STEP = re.compile(
    rf"\.([{_LETTER}][{_LETTER}0-9]*)"
    r"|\[(0|-?[1-9][0-9]{0,14})\]"
    r"|\['([^'\"\\\x00-\x1f]*)'\]|\[\"([^'\"\\\x00-\x1f]*)\"\]"
)
_SINGULAR = re.compile(rf"\$(?:{_STEP.pattern})*")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Query:
    """A JSONPath. A singular one leads by plain names and indexes; the library answers all others."""

    text: str
    steps: Path
    singular: bool
    query: JSONPathQuery | None = None

    def one(self, document: Any) -> Any:
        """What a singular query leads to, or ABSENT."""
        value = document
        for step in self.steps:
            try:
                value = value[step] if type(value) is (dict if type(step) is str else list) else ABSENT
            except LookupError:
                return ABSENT
            if value is ABSENT:
                return ABSENT
        return value

    def many(self, document: Any) -> list[Any]:
        """The values of the nodes of a query that is not singular."""
        return [node.value for node in self._nodes(document)]

    def locations(self, document: Any) -> Locations:
        """The paths that lead to those nodes."""
        return Locations(self._nodes(document))

    def _nodes(self, document: Any) -> Iterable[JSONPathNode]:
        if self.query is None:
            message = "a singular query has no list of nodes"
            raise TypeError(message)
        return self.query.finditer(document)

    def take(self, document: Any) -> Any:
        """The value of a singular query or ABSENT, or the list of the nodes' values."""
        return self.one(document) if self.singular else self.many(document)

    def location(self, document: Any) -> Path:
        """The normalized path of a singular query: negative indexes are counted from the start where that is known."""
        path: list[Any] = []
        value = document
        for step in self.steps:
            known = type(step) is int and type(value) is list and -len(value) <= step < 0
            path.append(len(value) + step if known else step)
            try:
                value = value[step] if type(value) in (dict, list) else None
            except (LookupError, TypeError):
                value = None
        return tuple(path)


class Locations:
    """The paths to a query's nodes, found only as far as they are asked for: millions of them fill the memory."""

    def __init__(self, nodes: Iterable[JSONPathNode]) -> None:
        self._nodes = iter(nodes)
        self._found: list[Path] = []

    def __getitem__(self, index: int) -> Path:
        while len(self._found) <= index:
            self._found.append(next(self._nodes).location)
        return self._found[index]


@lru_cache(maxsize=1024)
def compile_query(text: str) -> Query:
    """The query of a JSONPath; a ValueError says what is wrong with it, and where."""
    if _SINGULAR.fullmatch(text):
        return Query(text, tuple([_step(found) for found in _STEP.finditer(text)]), singular=True)
    from jsonpath_rfc9535 import JSONPathError

    try:
        query = _environment().compile(text)
    except JSONPathError as error:
        at = None if error.token is None else error.token.index + 1
        raise ValueError(str(error.args[0]) + (f", at character {at}" if at else "")) from None
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if query.singular_query():
        return Query(text, tuple([_key(segment.selectors[0]) for segment in query.segments]), singular=True)
    return Query(text, (), singular=False, query=query)


def _step(found: re.Match[str]) -> str | int:
    name, index, single, double = found.groups()
    if index is not None:
        return int(index)
    return next(text for text in (name, single, double) if text is not None)


def _key(selector: Any) -> str | int:
    key: str | int = selector.name if hasattr(selector, "name") else selector.index
    return key


@cache
def _environment() -> JSONPathEnvironment:
    """The library's environment, with a descent that no nesting can break."""
    from jsonpath_rfc9535 import JSONPathEnvironment, Parser
    from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment, JSONPathSegment

    class Descent(JSONPathRecursiveDescentSegment):
        """Visits depth first, in order, as the library's own does by recursion."""

        def _visit(self, node: JSONPathNode, depth: int = 1) -> Iterable[JSONPathNode]:  # noqa: ARG002 - its signature
            stack = [node]
            while stack:
                at = stack.pop()
                yield at
                stack += reversed([at.new_child(child, key, at) for key, child in _branches(at.value)])

    class DescendingParser(Parser):
        """Parses to our descent."""

        def parse_query(self, *args: Any, **options: Any) -> Iterable[JSONPathSegment]:
            for segment in super().parse_query(*args, **options):
                if isinstance(segment, JSONPathRecursiveDescentSegment):
                    yield Descent(env=segment.env, token=segment.token, selectors=segment.selectors)
                else:
                    yield segment

    class Environment(JSONPathEnvironment):
        """The standard environment with that parser."""

        parser_class = DescendingParser

    return Environment()


def _branches(value: Any) -> list[tuple[Any, Any]]:
    """The members that have members of their own."""
    items: Any = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    return [(key, child) for key, child in items if type(child) in (dict, list)]
