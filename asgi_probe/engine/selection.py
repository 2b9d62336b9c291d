"""Which checks run: by tag, by name, by place."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, NoReturn

from asgi_probe.errors import UsageError
from asgi_probe.terminal import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

Predicate = Callable[[str], bool]
Expression = Callable[[Predicate], bool]
"""Asked with what a single word means; says whether the whole holds."""

_MOST_WORDS = 1_000
_DEEPEST = 50
"""How deep brackets may stand in brackets."""

_WORD = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|([^\s()"']+))""")


def compile_expression(text: str, flag: str, *, phrases: bool = False) -> Expression:
    """Compile `smoke and not slow`, `(a or b) and "two words"`; a UsageError says where it is wrong.

    With `phrases` words that follow each other are one, blanks included: `the root says and not slow`.
    """
    shown = f"{flag} {clip(repr(text), 200)}"
    tokens = list(islice(_tokens(text, shown), _MOST_WORDS + 1))
    if len(tokens) > _MOST_WORDS:
        raise UsageError(f"{shown}: more than {_MOST_WORDS:,} words and brackets")
    parser = _Parser(tokens, shown, phrases=phrases)
    expression = parser.either()
    if parser.rest:
        parser.fail(f"{parser.rest[0][0]!r} stands where 'and' or 'or' is expected")
    return expression


def has_tag(tags: tuple[str, ...]) -> Predicate:
    """A word is a tag, whatever its case."""
    lowered = {tag.lower() for tag in tags}
    return lambda word: word.lower() in lowered


def in_name(name: str) -> Predicate:
    """A word is a part of the name, whatever its case."""
    lowered = name.lower()
    return lambda word: word.lower() in lowered


Token = tuple[str, bool]
"""Its text, and whether it was quoted (then it is never an operator)."""
_OPERATORS = [(word, False) for word in ("and", "or", "not", "(", ")")]


def _tokens(text: str, shown: str) -> Iterator[Token]:
    at = 0
    text = text.strip()
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise UsageError(f"{shown}: a quote is not closed")
        bracket, double, single, word = found.groups()
        yield (bracket or word, False) if bracket or word else (double if double is not None else single, True)
        at = found.end()


class _Parser:
    """Recursive descent over `or`, `and`, `not`, brackets and words."""

    def __init__(self, tokens: list[Token], shown: str, *, phrases: bool) -> None:
        self.rest = tokens
        self.phrases = phrases
        self.shown = shown
        self.depth = 0

    def fail(self, why: str) -> NoReturn:
        raise UsageError(f"{self.shown}: {why}; write something like 'smoke and not slow'")

    def accept(self, word: str) -> bool:
        if self.rest and self.rest[0] == (word, False):
            self.rest.pop(0)
            return True
        return False

    def either(self) -> Expression:
        sides = [self.both()]
        while self.accept("or"):
            sides.append(self.both())
        return sides[0] if len(sides) == 1 else lambda means: any(side(means) for side in sides)

    def both(self) -> Expression:
        sides = [self.negated()]
        while self.accept("and"):
            sides.append(self.negated())
        return sides[0] if len(sides) == 1 else lambda means: all(side(means) for side in sides)

    def negated(self) -> Expression:
        holds = True
        while self.accept("not"):
            holds = not holds
        inner = self.single()
        return inner if holds else lambda means: not inner(means)

    def single(self) -> Expression:
        if self.accept("("):
            return self.bracketed()
        if not self.rest or self.rest[0] in _OPERATORS:
            found = repr(self.rest[0][0]) if self.rest else "the end"
            self.fail(f"a word is expected, found {found}")
        words = [self.rest.pop(0)[0]]
        while self.phrases and self.rest and self.rest[0] not in _OPERATORS:
            words.append(self.rest.pop(0)[0])
        phrase = " ".join(words)
        return lambda means: means(phrase)

    def bracketed(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"brackets stand deeper than {_DEEPEST} in each other")
        inner = self.either()
        if not self.accept(")"):
            self.fail("a bracket is not closed")
        self.depth -= 1
        return inner
