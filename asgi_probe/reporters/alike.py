"""Failures that are alike: the first of a kind are told whole, the next in a line each, and all are counted.

Kinds are few and small, whatever a run comes to: nothing else is kept of a failure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from asgi_probe.reporters.folding import folded
from asgi_probe.reporters.words import GLYPHS, count
from asgi_probe.terminal import Line, clip, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.events import CheckFinished, StepFinished
    from asgi_probe.engine.results import Mismatch, Outcome

How = Literal["whole", "brief", "line", "count"]
"""How much is told of a failure: all, without what was sent and came, why in a line, or that there was another one."""

_WHOLE_OF_A_KIND = 3
_LINES_OF_A_KIND = 10
_WHOLE = 25
_BRIEF = 25
_LINES = 200
_MOST_KINDS = 500
_MOST_FILES = 100
_MOST_TOLD = 10
_FEW = 3
"""How many of a kind are no crowd, which nobody has to be told of at the end."""
_LONGEST = 200


@dataclass(slots=True, eq=False)
class Kind:
    """Failures that say the same, are at the same place, or differ in no more than values; then each `varies`.

    `why` is what the first one says, `first` its check's id.
    """

    outcome: Outcome
    why: str
    first: str
    varies: bool = False
    number: int = 0
    lines: int = 0
    told: set[tuple[int, int]] = field(default_factory=set)
    """Of those that were told in more than a line: why and where."""
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Failure:
    """How one failure is to be told: `why` it is one, in a line, and `what` all of its kind are."""

    how: How
    why: str
    what: str


class Alike:
    """Knows which failures of a run are alike; `everything` is told whole but for answers that never came."""

    def __init__(self, *, everything: bool = False) -> None:
        self._everything = everything
        self._kinds: dict[tuple[str, int], Kind] = {}
        """By what they say, by where they are, and by what they say but for values."""
        self._all: list[Kind] = []
        self._told = self._lines = self._beyond = 0

    def add(self, check: CheckFinished, steps: Sequence[StepFinished]) -> Failure:
        """Take in one that did not pass, with those of its steps that are told."""
        step = next((each for each in steps if not each.outcome.green), None)
        found = (step.mismatches if step else ()) or check.mismatches
        trace = (step.traceback if step else None) or check.traceback
        reason = (step.reason if step else None) or check.reason
        why = _why(check.outcome, found, reason, trace)
        saying = _Signature.of(check.outcome, found, reason, trace)
        kind = self._kind(check, saying, why)
        if kind is None:
            self._beyond += 1
            return Failure(self._in_short(None), why, "")
        kind.number += 1
        if len(kind.files) < _MOST_FILES:
            kind.files.add(check.file or check.id.partition("::")[0])
        answered = bool(found or trace) or step is None or step.response is not None
        return Failure(self._how(kind, (saying.words, saying.place), answered=answered), why, _what(kind))

    def _kind(self, check: CheckFinished, signature: _Signature, why: str) -> Kind | None:
        known = self._kinds.get(("words", signature.words))
        if known is not None:
            return known
        known = self._kinds.get(("place", signature.place)) or self._kinds.get(("shape", signature.shape))
        if known is not None:
            known.varies = True
            return known
        if len(self._all) >= _MOST_KINDS:
            return None
        kind = Kind(check.outcome, why, check.id)
        self._all.append(kind)
        for by, value in (("words", signature.words), ("place", signature.place), ("shape", signature.shape)):
            self._kinds[by, value] = kind
        return kind

    def _how(self, kind: Kind, known: tuple[int, int], *, answered: bool) -> How:
        if self._everything and answered:
            return "whole"
        if known in kind.told or len(kind.told) >= (_WHOLE_OF_A_KIND if answered else 1):
            return self._in_short(kind)
        kind.told.add(known)
        self._told += 1
        if self._told <= _WHOLE:
            return "whole"
        return "brief" if self._told <= _WHOLE + _BRIEF else self._in_short(kind)

    def _in_short(self, kind: Kind | None) -> How:
        if self._everything:
            return "line"
        if self._lines >= _LINES or (kind is not None and kind.lines >= _LINES_OF_A_KIND):
            return "count"
        self._lines += 1
        if kind is not None:
            kind.lines += 1
        return "line"

    def lines(self, columns: int | None = None) -> list[Line]:
        """The kinds that are many: how many, in how many files, and the first; the largest first."""
        crowds = sorted((kind for kind in self._all if kind.number > _FEW), key=lambda kind: -kind.number)
        if not crowds:
            return []
        shown = crowds[:_MOST_TOLD]
        widest = len(f"{shown[0].number:,}")
        told: list[Line] = [[], [("failures that are alike", "title")]]
        for kind in shown:
            glyph, style = GLYPHS[kind.outcome]
            told += folded([(f"  {kind.number:>{widest},} {glyph} ", style), (_what(kind), "")], columns, widest + 5)
            told.append([(f"  {' ' * widest}   {_where(kind)}first ", "quiet"), (inline(kind.first), "")])
        left = len(self._all) - len(shown)
        if left or self._beyond:
            others = sum(kind.number for kind in self._all if kind not in shown) + self._beyond
            told.append([(f"  … and {count(others, 'other failure')}", "quiet")])
        if not self._everything:
            told.append([("  with -v each of them is told whole", "quiet")])
        return told


@dataclass(frozen=True, slots=True)
class _Signature:
    """By what failures are told apart: the words, where in the specs they are, the words without values.

    All of them heed where in the app an exception came from.
    """

    words: int
    place: int
    shape: int

    @classmethod
    def of(cls, outcome: Outcome, found: Sequence[Mismatch], reason: str | None, trace: str | None) -> _Signature:
        frames = tuple([line for line in (trace or "").split("\n") if line.lstrip().startswith("File ")])
        words = hash((outcome, frames, reason, *[(each.where, each.path, each.message) for each in found]))
        shape = hash((outcome, frames, _shape(reason or ""), *map(_shape_of, found)))
        place = hash((outcome, frames, *[(each.file, each.line, each.column, each.where) for each in found]))
        return cls(words, place if found else words, shape)


_VALUES = re.compile(r"""'[^'\n]*'|"[^"\n]*"|\d[\d.,]*""")


def _shape(text: str) -> str:
    return _VALUES.sub("_", text)


def _shape_of(mismatch: Mismatch) -> tuple[str, str | None, str]:
    """What it says without values, but a status is more than a value."""
    message = mismatch.message if mismatch.where == "status" else _shape(mismatch.message)
    return mismatch.where, _shape(mismatch.path) if mismatch.path else None, message


def _what(kind: Kind) -> str:
    """What all of a kind have in common."""
    return f"{kind.why}, or the like" if kind.varies else kind.why


def _where(kind: Kind) -> str:
    """In how many files, if it is more than one."""
    if len(kind.files) < 2:
        return ""
    more = " or more" if len(kind.files) == _MOST_FILES else ""
    return f"in {len(kind.files):,}{more} files, "


def _why(outcome: Outcome, found: Sequence[Mismatch], reason: str | None, trace: str | None) -> str:
    """Why it is a failure, in a line that is harmless and not too long."""
    raised = _last_line(trace)
    if found:
        more = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
        told = f"{found[0]}{more}"
        return clip(inline(f"{told} · {raised}" if raised else told), _LONGEST)
    told = " ".join((reason or raised or "").split())
    return clip(inline(told), _LONGEST) or str(outcome)


def _last_line(trace: str | None) -> str:
    return (trace or "").rstrip("\n").rpartition("\n")[2].strip()


class Reasons:
    """Why checks were skipped or expected to fail: each reason with how many share it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Outcome, str], int] = {}
        self._beyond = 0

    def add(self, outcome: Outcome, reason: str | None) -> None:
        """Take in one more."""
        known = outcome, clip(inline(" ".join((reason or "").split())), _LONGEST)
        if known in self._counts or len(self._counts) < _MOST_KINDS:
            self._counts[known] = self._counts.get(known, 0) + 1
        else:
            self._beyond += 1

    def lines(self) -> list[Line]:
        """The reasons that many share, the commonest first."""
        crowds = sorted(((number, *known) for known, number in self._counts.items() if number > _FEW), reverse=True)
        if not crowds:
            return []
        widest = len(f"{crowds[0][0]:,}")
        told: list[Line] = [[], [("skipped, or expected to fail", "title")]]
        for number, outcome, reason in crowds[:_MOST_TOLD]:
            glyph, style = GLYPHS[outcome]
            told.append(
                [(f"  {number:>{widest},} {glyph} ", style), (f"{outcome}: {reason or 'without a reason'}", "")]
            )
        others = sum(self._counts.values()) + self._beyond - sum(number for number, *_ in crowds[:_MOST_TOLD])
        if others:
            told.append([(f"  … and {count(others, 'other')}", "quiet")])
        return told
