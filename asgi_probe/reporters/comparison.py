"""The same checks asked of several targets, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.words import GLYPHS, count, duration
from asgi_probe.terminal import Line, Span, cells, clip, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.events import CheckFinished

_MOST_ROWS = 100
_WIDEST_ID = 60
"""How far the columns are moved to the right in a log, where ids are never cut."""
_NARROWEST_ID = 12
_TITLE = "side by side"
_NOT_RUN = ("did not run", "quiet")


Ended = dict[str, tuple[Outcome, float]]
"""How a check ended, and after how many seconds, by target."""


@dataclass(slots=True)
class Comparison:
    """How each check ended at each of the targets; keeps two values a check and target to the end of the run."""

    targets: Sequence[str]
    _ended: dict[str, Ended] = field(default_factory=dict)
    _around: dict[str, Ended] = field(default_factory=dict)
    """Setups and teardowns that are green so far."""

    def add(self, check: CheckFinished, target: str, *, counts: bool = True) -> None:
        """Take in how a check ended; one that does not count, such as a setup, is told if it is not green somewhere."""
        kept = self._ended if counts or check.id in self._ended else self._around
        kept.setdefault(check.id, {})[target] = (check.outcome, check.duration)
        if not counts and not check.outcome.green:
            self._ended[check.id] = kept.pop(check.id)

    def lines(self, columns: int | None, *, whole: bool) -> list[Line]:
        """A row for each check that did not end alike, or for `whole` each; then how many did."""
        if not self._ended:
            return []
        different = {check: ended for check, ended in self._ended.items() if not self._alike(ended)}
        rows = [*(self._ended if whole else different).items()]
        most = len(rows) if whole else _MOST_ROWS
        told: list[Line] = [[]]
        if rows:
            told += self._table(rows[:most], columns)
        if len(rows) > most:
            told.append([(f"  … and {len(rows) - most:,} more", "quiet")])
        return [*told, self._last_line(len(self._ended) - len(different), len(different))]

    def _alike(self, ended: Ended) -> bool:
        return len(ended) == len(self.targets) and len({outcome for outcome, _ in ended.values()}) == 1

    def _table(self, rows: Sequence[tuple[str, Ended]], columns: int | None) -> list[Line]:
        heads: Line = [(inline(target), "title") for target in self.targets]
        filled = [heads, *([_cell(ended.get(target)) for target in self.targets] for _, ended in rows)]
        widths = [max(cells(row[at][0]) for row in filled) for at in range(len(heads))]
        room = None if columns is None else max(columns - sum(widths) - 2 * len(widths) - 2, _NARROWEST_ID)
        names = _names([check for check, _ in rows], room)
        return [[name, *_in_columns(row, widths)] for name, row in zip(names, filled, strict=True)]

    def _last_line(self, alike: int, different: int) -> Line:
        where = "both" if len(self.targets) == 2 else f"all {len(self.targets)}"
        line: Line = [(f"same outcome on {where}: {count(alike, 'check')}", "")]
        return [*line, (f", different: {count(different, 'check')}", "warning")] if different else line


def _names(ids: Sequence[str], room: int | None) -> Line:
    """The first column, its heading included; ids are cut to the room that there is, if it has an end."""
    shown = [f"  {inline(check) if room is None else clip(inline(check), room)}" for check in ids]
    widest = max(cells(_TITLE), *(width for width in map(cells, shown) if room is not None or width <= _WIDEST_ID), 0)
    padded = [text + " " * (widest - cells(text)) for text in (_TITLE, *shown)]
    return [(text, "" if number else "title") for number, text in enumerate(padded)]


def _cell(ended: tuple[Outcome, float] | None) -> Span:
    if ended is None:
        return _NOT_RUN
    outcome, seconds = ended
    glyph, style = GLYPHS[outcome]
    time = "" if outcome is Outcome.SKIPPED else f" {duration(seconds)}"
    return f"{glyph} {outcome}{time}", style


def _in_columns(texts: Line, widths: Sequence[int]) -> Line:
    line: Line = []
    for number, ((text, style), width) in enumerate(zip(texts, widths, strict=True), 1):
        # nothing follows the last one
        line += [("  ", ""), (text, style), (" " * (width - cells(text) if number < len(widths) else 0), "")]
    return line
