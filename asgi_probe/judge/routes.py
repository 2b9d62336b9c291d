"""The paths of an OpenAPI document, and which of them a request's path is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PARAMETER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes of a template: the literal texts around its parameters, if it has any."""

    texts: tuple[str, ...]

    @property
    def rank(self) -> int:
        """Concrete ones win over those with a parameter in them, those over one that is nothing else."""
        if len(self.texts) == 1:
            return 0
        return 1 if any(self.texts) else 2

    def fits(self, text: str) -> bool:
        """Whether a text has all literals in their order, and something for every parameter, of which there are some.

        Each literal is taken where it first comes, which finds a way wherever there is one, and no regular expression
        of a foreign document can run away.
        """
        first, *between, last = self.texts
        if not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for literal in between:
            at = text.find(literal, at + 1, end)
            if at < 0:
                return False
            at += len(literal)
        return at < end


@dataclass(slots=True, eq=False)
class Node:
    """Where the templates are that begin alike, and those that end here."""

    templates: list[str] = field(default_factory=list)
    literals: dict[str, Node] = field(default_factory=dict)
    others: dict[Segment, Node] = field(default_factory=dict)

    def child(self, segment: Segment) -> Node:
        """Where the templates are that go on with this segment; made where there is none."""
        if segment.rank == 0:
            return self.literals.setdefault(segment.texts[0], Node())
        return self.others.setdefault(segment, Node())

    def sort(self) -> Iterator[Node]:
        """Put the more concrete segments first; gives what is to be sorted next."""
        self.others = dict(sorted(self.others.items(), key=lambda item: item[0].rank))
        yield from self.literals.values()
        yield from self.others.values()


class Routes:
    """Finds the templates that a path matches; parameters may hold anything but `/`."""

    def __init__(self, templates: Iterable[str]) -> None:
        self.templates = list(templates)
        self._root = Node()
        for template in self.templates:
            self._add(template)
        unsorted = [self._root]
        while unsorted:
            unsorted += unsorted.pop().sort()

    def _add(self, template: str) -> None:
        node = self._root
        for text in template.split("/"):
            node = node.child(Segment(tuple(map(unquote, _PARAMETER.split(text)))))
        node.templates.append(template)

    def matching(self, path: str) -> Iterator[str]:
        """The templates that a path matches, the most concrete first."""
        texts = path.split("/")
        if "%" in path:
            texts = list(map(unquote, texts))
        waiting = [(self._root, 0)]
        while waiting:
            node, at = waiting.pop()
            if at == len(texts):
                yield from node.templates
                continue
            text = texts[at]
            waiting += [(child, at + 1) for segment, child in reversed(node.others.items()) if segment.fits(text)]
            if text in node.literals:
                waiting.append((node.literals[text], at + 1))
