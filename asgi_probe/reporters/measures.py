"""How long a run's requests and checks took, and what became of its thresholds, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.reporters.words import count, duration
from asgi_probe.terminal import Line, cells, clip, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.events import RunFinished
    from asgi_probe.engine.results import ThresholdVerdict, Times

_SLOW = 0.1
"""Seconds from which a check is called slow, however many are."""
_FEW = 3
"""How many of the slowest checks are told when none of them is slow."""
_LONGEST_BAR = 40
_BESIDE_BAR = 24
"""Columns beside a bar of the histogram."""


def slowest(run: RunFinished, *, whole: bool) -> list[Line]:
    """The slowest checks of a run that has more than those; for `whole` all that are known."""
    slow = [check for check in run.slowest if whole or check.duration >= _SLOW] or run.slowest[:_FEW]
    checks = sum(run.outcomes.values())
    if not slow or checks < 2 or (slow[0].duration < _SLOW and not whole and checks <= _FEW):
        return []
    times = [duration(check.duration) for check in slow]
    longest = max(map(len, times))
    several = len({check.target for check in run.slowest}) > 1
    told: list[Line] = [[], [("slowest", "title")]]
    for check, time in zip(slow, times, strict=True):
        told.append([(f"  {time:>{longest}}  ", "quiet"), (inline(check.id), "")])
        if several:
            told[-1].append((f"  on {inline(check.target)}", "quiet"))
    return told


def request_times(times: Times, columns: int | None) -> list[Line]:
    """Percentiles, and a bar for each of the histogram's bounds from the first to the last that holds something."""
    named = {"p50": times.p50, "p95": times.p95, "p99": times.p99, "longest": times.longest}
    figures = "  ".join(f"{name} {duration(value)}" for name, value in named.items())
    told: list[Line] = [[], [("request times", "title"), (f"  {count(times.count, 'request')}", "quiet")]]
    told.append([(f"  {figures}", "")])
    return told + _histogram(times.histogram, columns)


def _histogram(bounds: Sequence[tuple[float, int]], columns: int | None) -> list[Line]:
    filled = [index for index, (_, number) in enumerate(bounds) if number]
    if not filled:
        return []
    shown = bounds[filled[0] : filled[-1] + 1]
    most = max(number for _, number in shown)
    room = _LONGEST_BAR if columns is None else max(min(_LONGEST_BAR, columns - _BESIDE_BAR), 4)
    names = [f"≤ {duration(bound)}" for bound, _ in shown]
    widest, digits = max(map(len, names)), len(f"{most:,}")
    return [
        [
            (f"  {name:>{widest}}  {number:>{digits},} ", "quiet"),
            ("━" * (max(1, round(room * number / most)) if number else 0), "passed"),
        ]
        for name, (_, number) in zip(names, shown, strict=True)
    ]


def thresholds(verdicts: Sequence[ThresholdVerdict], columns: int | None) -> list[Line]:
    """A line each: what was wanted and what was measured."""
    if not verdicts:
        return []
    texts = [inline(verdict.text) for verdict in verdicts]
    if columns is not None:
        texts = [clip(text, max(columns - _BESIDE_BAR, 12)) for text in texts]
    widest = max(map(cells, texts))
    return [
        [],
        [("thresholds", "title")],
        *(
            _threshold(verdict, text + " " * (widest - cells(text)))
            for verdict, text in zip(verdicts, texts, strict=True)
        ),
    ]


def _threshold(verdict: ThresholdVerdict, text: str) -> Line:
    glyph, style = ("✓", "passed") if verdict.holds else ("!", "warning") if verdict.warns else ("✗", "failed")
    note = "" if verdict.holds else "  only warns" if verdict.warns else "  broken"
    told = inline(verdict.told)
    if verdict.holds:
        return [(f"  {glyph} ", style), (f"{text}  ", ""), (told, "quiet")]
    return [(f"  {glyph} ", style), (f"{text}  ", ""), (f"{told}{note}", style)]
