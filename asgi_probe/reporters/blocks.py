"""A file's checks, gathered until they are shown as a block."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.words import GLYPHS, WORST_FIRST, duration, outcome_word, tally
from asgi_probe.terminal import Line, cells, clip, harmless, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_GREEN = 20
"""Checks of one green outcome that a file lists; the rest is counted."""
_MOST_GREEN_OF_MANY = {Outcome.PASSED: 0, Outcome.SKIPPED: 3, Outcome.XFAILED: 3}
"""The same in a run of many checks, where what is as it should be would bury all else."""
_MOST_KINDS = 5
"""Kinds of failures that are not listed, of which a file says how many there were."""
_MOST_LINES = 1_000
"""Lines that wait for their file's end."""
_WIDEST_NAME = 60
"""How far times are moved to the right in a log, where names are never cut."""
_BESIDE_NAME = 28
"""Columns that a row takes beside the name: indentation, glyph, time and the outcome's word."""


@dataclass(frozen=True, slots=True)
class Row:
    """A check as it is listed: `note` says what its glyph cannot, `details` stand under it."""

    outcome: Outcome
    name: str
    seconds: float
    note: str = ""
    details: Sequence[Line] = ()
    in_short: bool = False
    """Whether the note has been told whole before, and may be cut."""


@dataclass(slots=True, eq=False)
class Block:
    """What is to be told of a file: `left` checks are still to end, None where nobody knows."""

    file: str
    left: int | None
    began: float
    title: str = ""
    """What the file calls itself."""
    about: str = ""
    """What it says of itself."""
    target: str = ""
    """Whom it asks, where there are several."""
    lists_green: bool = True
    lists_all: bool = False
    one_of_many: bool = False
    """Whether the run is so large that no check is listed only because it passed."""
    counts: dict[str, int] = field(default_factory=dict)
    failing_since: float | None = None
    """Since when a failure has been waiting to be shown."""
    _rows: list[Row] = field(default_factory=list)
    _lines: int = 0
    _green: dict[Outcome, int] = field(default_factory=dict)
    _unlisted: dict[Outcome, int] = field(default_factory=dict)
    _alike: dict[tuple[Outcome, str], int] = field(default_factory=dict)
    """How many failures are not listed, and what they have in common."""

    def listed(self, outcome: Outcome, *, counts: bool = True) -> bool:
        """Count one more check of that outcome, if it counts; whether it is to be listed, too."""
        if counts:
            self.counts[outcome] = self.counts.get(outcome, 0) + 1
        if not outcome.green or self.lists_all:
            return True
        if not self.lists_green:
            return False
        seen = self._green[outcome] = self._green.get(outcome, 0) + 1
        most = _MOST_GREEN_OF_MANY.get(outcome, _MOST_GREEN) if self.one_of_many else _MOST_GREEN
        if seen > most > 0:
            self._unlisted[outcome] = self._unlisted.get(outcome, 0) + 1
        return seen <= most

    def leave_out(self, outcome: Outcome, what: str) -> None:
        """List no line for a failure, which is like others: say at the end how many there were."""
        known = (outcome, what) if (outcome, what) in self._alike or len(self._alike) < _MOST_KINDS else (outcome, "")
        self._alike[known] = self._alike.get(known, 0) + 1

    def add(self, row: Row, now: float) -> None:
        """List a check."""
        self._rows.append(row)
        self._lines += 1 + len(row.details)
        if not row.outcome.green and self.failing_since is None:
            self.failing_since = now

    @property
    def full(self) -> bool:
        """So much has gathered that it cannot wait for the file's end."""
        return self._lines >= _MOST_LINES

    def take(self, now: float, columns: int | None, *, last: bool) -> list[Line]:
        """The block's lines, which it forgets: the file's, the checks', and at the end how many were not listed."""
        if not self._rows and not (last and (self.lists_green or self._alike)):
            return []
        told: list[Line] = [self._headline(now, last=last)]
        told += [[("  ", ""), (line, "quiet")] for line in harmless(self.about).splitlines()]
        told += _listing(self._rows, columns)
        if last:
            told += self._more_failures(columns)
        if last and self._unlisted:
            told.append([("  … and ", "quiet"), *self._more()])
        self._rows = []
        self._lines = 0
        self.failing_since = None
        return told

    def _headline(self, now: float, *, last: bool) -> Line:
        worst = next((outcome for outcome in WORST_FIRST if outcome in self.counts), Outcome.PASSED)
        glyph, style = GLYPHS[worst]
        head: Line = [(f"{glyph} ", style), (inline(self.file), "title"), ("  ", "")]
        if self.target:
            head += [("on ", "quiet"), (inline(self.target), "title"), ("  ", "")]
        if self.title and self.title != PurePosixPath(self.file).stem:
            head += [(inline(self.title), ""), ("  ", "")]
        if not last:
            return [*head, ("so far ", "quiet"), *tally(self.counts)]
        return [*head, *tally(self.counts), (f"  {duration(now - self.began)}", "quiet")]

    def _more_failures(self, columns: int | None) -> Iterator[Line]:
        for (outcome, what), number in self._alike.items():
            glyph, style = GLYPHS[outcome]
            lead = f"… and {number:,} more {outcome_word(outcome, number)}"
            text = f"{lead}: {what}" if what else lead
            yield [(f"  {glyph} ", style), (text if columns is None else clip(text, max(columns - 4, 12)), "")]

    def _more(self) -> Iterator[tuple[str, str]]:
        for number, (outcome, count) in enumerate(self._unlisted.items()):
            yield (f"{', ' * bool(number)}{count:,} more {outcome}", "quiet")


def _listing(rows: Sequence[Row], columns: int | None) -> Iterator[Line]:
    names = [inline(row.name) for row in rows]
    if columns is not None:
        names = [clip(name, max(columns - _BESIDE_NAME, 12)) for name in names]
    widths = [cells(name) for name in names]
    widest = max((width for width in widths if columns is not None or width <= _WIDEST_NAME), default=0)
    times = ["" if row.outcome is Outcome.SKIPPED else duration(row.seconds) for row in rows]
    longest = max(map(len, times), default=0)
    for row, name, width, time in zip(rows, names, widths, times, strict=True):
        yield _listed(row, name, f"{' ' * max(widest - width, 0)}  {time:>{longest}}", columns)
        yield from (([("      ", ""), *line] if line else []) for line in row.details)


def _listed(row: Row, name: str, time: str, columns: int | None) -> Line:
    glyph, style = GLYPHS[row.outcome]
    line: Line = [(f"  {glyph} ", style), (name, ""), (time, "quiet")]
    if row.note:
        note = inline(row.note)
        if row.in_short and columns is not None:
            note = clip(note, max(columns - cells(name) - cells(time) - 6, 12))
        line.append((f"  {note}", style))
    return line
