"""The same checks asked of several targets, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.words import GLYPHS, count, duration
from asgi_probe.terminal import Line, cells, clip, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.events import CheckFinished

_MOST_ROWS = 100
_WIDEST_ID = 60
"""How far the columns are moved to the right in a log, where ids are never cut."""
_NARROWEST_ID = 12
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
        filled = [[self._cell(ended.get(target)) for target in self.targets] for _, ended in rows]
        heads = [inline(target) for target in self.targets]
        widths = [max(cells(head), *(cells(row[at][0]) for row in filled)) for at, head in enumerate(heads)]
        ids = [inline(check) for check, _ in rows]
        if columns is not None:
            ids = [clip(each, max(columns - sum(widths) - 2 * len(widths) - 2, _NARROWEST_ID)) for each in ids]
        widest = max((cells(each) for each in ids if columns is not None or cells(each) <= _WIDEST_ID), default=0)
        title = "side by side"
        widest = max(widest, cells(title) - 2)
        told: list[Line] = [
            [
                (title, "title"),
                (" " * (widest + 2 - cells(title)), ""),
                *_in_columns([(head, "title") for head in heads], widths),
            ]
        ]
        for each, row in zip(ids, filled, strict=True):
            told.append([("  ", ""), (each, ""), (" " * max(widest - cells(each), 0), ""), *_in_columns(row, widths)])
        return told

    def _cell(self, ended: tuple[Outcome, float] | None) -> tuple[str, str]:
        if ended is None:
            return _NOT_RUN
        outcome, seconds = ended
        glyph, style = GLYPHS[outcome]
        time = "" if outcome is Outcome.SKIPPED else f" {duration(seconds)}"
        return f"{glyph} {outcome}{time}", style

    def _last_line(self, alike: int, different: int) -> Line:
        where = "both" if len(self.targets) == 2 else f"all {len(self.targets)}"
        line: Line = [(f"same outcome on {where}: {count(alike, 'check')}", "")]
        return [*line, (f", different: {count(different, 'check')}", "warning")] if different else line


def _in_columns(texts: Sequence[tuple[str, str]], widths: Sequence[int]) -> Line:
    line: Line = []
    for number, ((text, style), width) in enumerate(zip(texts, widths, strict=True), 1):
        # nothing follows the last one
        line += [("  ", ""), (text, style), (" " * (width - cells(text) if number < len(widths) else 0), "")]
    return line
