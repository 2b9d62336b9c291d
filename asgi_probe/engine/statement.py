"""A SQL statement and its parameters: `:name`, as each database's driver wants them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.errors import ProbeError
from asgi_probe.spec.written import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["sqlite", "postgresql", "mysql"]
"""A kind of database; MariaDB is a MySQL."""

_TOKEN = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`      # texts and quoted names
    | --[^\n]* | /\*.*?\*/                         # comments
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$  # PostgreSQL's dollar quotes
    | (?<![:\w\\]):(?P<name>\w+)
    | \\:
    """,
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(r"\w+|\(")
_LOOKS = {"select", "with", "values", "table", "show", "explain", "describe", "desc", "pragma", "("}
_IN = re.compile(r"\bin\s*(?P<open>\(\s*)?$", re.IGNORECASE)


class BadParameter(ProbeError):  # noqa: N818 - says what the value is
    """A value that cannot stand for its `:name`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement cut at its parameters: `texts` has one more item than `names`, which stand between them."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def render(self, kind: Kind, values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """The text with the markers of that kind of database, and the values in their order.

        A list after `in` becomes as many markers as it has items; raises BadParameter for an empty one.
        """
        sql = _Rendered(kind)
        for text, name in zip(self.texts, self.names, strict=False):
            sql.text(text)
            sql.parameter(name, values[name])
        sql.text(self.texts[-1])
        return "".join(sql.pieces), tuple(sql.values)


def read_statement(text: str) -> Statement:
    """Find the parameters; what is quoted or commented out is passed over, `::` too, and a backslash hides a colon."""
    texts: list[str] = [""]
    names: list[str] = []
    start = 0
    for token in _TOKEN.finditer(text):
        if token["name"] is not None:
            texts[-1] += text[start : token.start()]
            texts.append("")
            names.append(token["name"])
        elif token[0] == r"\:":
            texts[-1] += text[start : token.start()] + ":"
        else:
            continue
        start = token.end()
    texts[-1] += text[start:]
    return Statement(tuple(texts), tuple(names))


def why_not_a_look(text: str) -> str:
    """What is wrong with a statement that does more than look, as far as its words tell; empty if nothing is."""
    bare = _TOKEN.sub(" ", text).strip().rstrip("; \t\r\n")
    word = _WORD.match(bare)
    if word is None or word[0].lower() not in _LOOKS:
        found = f"a statement that begins with {(word[0] if word else bare[:10])!r}" if bare else "no statement"
        return f"expected a statement that looks, such as 'select …', found {found}"
    return "expected one statement, found a ';' in its middle" if ";" in bare else ""


class _Rendered:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.values: list[Any] = []
        self.numbers: dict[str, int] = {}

    def text(self, text: str) -> None:
        self.pieces.append(text.replace("%", "%%") if self.kind == "mysql" else text)

    def parameter(self, name: str, value: Any) -> None:
        listing = _IN.search(self.pieces[-1]) if isinstance(value, list) else None
        if listing is None:
            self.pieces.append(self._again(name, value))
        elif value:
            markers = ", ".join([self._marker(item) for item in value])
            self.pieces.append(markers if listing["open"] else f"({markers})")
        else:
            raise BadParameter(f"the list for ':{name}' is empty, which SQL's 'in' does not take")

    def _again(self, name: str, value: Any) -> str:
        """PostgreSQL finds out one type for each number, so a name has the same one wherever it stands."""
        if self.kind != "postgresql":
            return self._marker(value)
        if name not in self.numbers:
            self._marker(value)
            self.numbers[name] = len(self.values)
        return f"${self.numbers[name]}"

    def _marker(self, value: Any) -> str:
        self.values.append(_taken(value, self.kind))
        return {"sqlite": "?", "mysql": "%s", "postgresql": f"${len(self.values)}"}[self.kind]


def _taken(value: Any, kind: Kind) -> Any:
    """A value as the drivers take it: objects as JSON text, lists too where there are no arrays."""
    if isinstance(value, dict) or (isinstance(value, list) and kind != "postgresql"):
        return write_json(value)
    return float(value) if isinstance(value, Decimal) and kind == "sqlite" else value
