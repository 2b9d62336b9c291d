"""What did not hold, gathered while expectations explain themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.mismatch import Mismatch
from asgi_probe.judge.values import Path, as_data, counted, path_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asgi_probe.judge.jsonpath import Locations
    from asgi_probe.spec.source import Node

_MOST = 100


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Decoded:
    """A step of a path: what follows lies inside the text that stands there, decoded."""

    what: str


@dataclass(slots=True, eq=False, repr=False)
class Findings:
    """The mismatches of one expectation.

    `base` leads to the value that is judged, or, when that is the list of a query's nodes, `nodes` lead to them and
    `query` is the path they share.
    Outside of the body paths are written into `where`. After a hundred the rest is only counted.
    """

    where: str
    scope: Mapping[str, Any]
    in_body: bool = False
    base: Path = ()
    nodes: Locations | None = None
    query: str = "$"
    because: str | None = None
    mismatches: list[Mismatch] = field(default_factory=list)
    score: int = 0
    unlisted: int = 0

    def add(self, node: Node, path: Path, message: str, expected: Any, actual: Any) -> None:
        """One more mismatch; `path` leads there from the judged value."""
        self.score += 1 if path else 1000
        if self.skipped():
            return
        outer, inner = _split(path)
        if inner is not None:
            message = f"{inner}: {message}"
        where, place = self._place(outer)
        at = node.location
        self.mismatches.append(
            Mismatch(
                where,
                place,
                message,
                as_data(expected),
                as_data(actual),
                at.source.name,
                at.line,
                at.column,
                at.width,
                at.source.line(at.line),
                self.because,
            )
        )

    def skipped(self) -> bool:
        """Whether there are enough mismatches already: then the next one is only counted."""
        full = len(self.mismatches) >= _MOST
        self.unlisted += full
        return full

    def _place(self, path: Path) -> tuple[str, str | None]:
        if not self.in_body:
            return self.where + path_text(path)[1:], None
        if self.nodes is not None and path:
            return self.where, path_text((*self.nodes[path[0]], *path[1:]))
        if self.nodes is not None:
            return self.where, self.query
        return self.where, path_text((*self.base, *path))

    def inner(self, path: Path) -> Findings:
        """Findings to try an alternative with: what they gather is not reported, and `path` counts as their root."""
        if self.nodes is not None and path:
            return Findings(self.where, self.scope, self.in_body, (*self.nodes[path[0]], *path[1:]))
        return Findings(self.where, self.scope, self.in_body, (*self.base, *path))

    def finish(self) -> list[Mismatch]:
        """All mismatches; of too many, the last one says how many more there are."""
        if self.unlisted:
            last = self.mismatches[-1]
            more = f"and {counted(self.unlisted + 1, 'more mismatch')}".replace("mismatchs", "mismatches")
            self.mismatches[-1] = Mismatch(
                self.where,
                None,
                more,
                None,
                None,
                last.file,
                last.line,
                last.column,
                last.width,
                last.source_line,
                last.because,
            )
            self.unlisted = 0
        return self.mismatches


def _split(path: Path) -> tuple[Path, str | None]:
    for index, step in enumerate(path):
        if isinstance(step, Decoded):
            inside = [item for item in path[index + 1 :] if not isinstance(item, Decoded)]
            place = f" at {path_text(tuple(inside))}" if inside else ""
            return path[:index], f"in the decoded {step.what}{place}"
    return path, None
