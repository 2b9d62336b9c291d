"""What is known now: the run that goes on, the last that ended, and whether all is well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.words import duration, tally
from asgi_probe.terminal import clip, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.serving.child import Child
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.sheet import Sheet


_LONGEST_AGAIN = 60
"""Columns of a problem that is told again."""


@dataclass(frozen=True, slots=True)
class Running:
    """The run that goes on: since when, for how many seconds, how many of its checks have ended, and if it hangs."""

    since: str
    seconds: float
    ended: int
    checks: int
    hung: bool
    waiting: str = ""
    """Which checks hang, in words; empty as long as that is not known."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, why, and after how many seconds to ask again where that is not known yet."""

    reason: str
    healthy: bool = False
    retry_after: int | None = None


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Status:
    """Written by who runs, read by who serves; `interval` and `limit`, what a run may take, are in seconds."""

    interval: float
    limit: float
    last: RunRecord | None = None
    clock: Callable[[], datetime] = _utc
    runs: Counter[str] = field(default_factory=Counter)
    """How many runs ended how since this process began."""
    alike: int = 1
    """How many runs, up to the last, had the trouble that the last one has."""
    problem: str | None = None
    """Why the last run could not be kept."""
    sheet: Sheet | None = None
    """The last run as a page, if there is one."""
    _child: Child | None = None

    def start(self, child: Child) -> None:
        """A run has begun."""
        self._child = child

    def end(self, run: RunRecord | None) -> None:
        """It has ended; None where it was ended with the server, and tells nothing."""
        if run is not None:
            self.alike = self.alike + 1 if self.last is not None and _same_trouble(run, self.last) else 1
            self.last = run
            sheet = self._child.tally.sheet if self._child else None
            self.sheet = sheet if sheet is not None and sheet.whole else None
            self.runs[run.outcome] += 1
        self._child = None

    @property
    def running(self) -> Running | None:
        """The run that goes on."""
        child = self._child
        if child is None:
            return None
        seen, seconds = child.tally, child.seconds
        return Running(seen.started_at, seconds, seen.ended, seen.selected, seconds > self.limit, seen.waiting)

    @property
    def trouble(self) -> str | None:
        """Why the last run says nothing of now: another hangs, or it is too old."""
        running, last = self.running, self.last
        if running is not None and running.hung:
            took, limit = duration(running.seconds), duration(self.limit)
            where = f"; {running.waiting}" if running.waiting else ""
            return f"a run hangs: it began at {running.since}, {took} ago, and may take {limit}{where}"
        age = (self.clock() - ended_at(last)).total_seconds() if last else 0.0
        return f"the last run is too old: it ended {duration(age)} ago" if age > self.longest_silence else None

    def health(self) -> Health:
        """Whether the last run was green and says something of now."""
        trouble, last = self.trouble, self.last
        if trouble is not None:
            return Health(trouble)
        if last is None:
            return Health("no run has ended yet", retry_after=max(1, min(ceil(self.limit), 5)))
        return Health(f"the last run, at {last.started_at}: {told(last)}", healthy=last.green)

    @property
    def longest_silence(self) -> float:
        """Seconds after the end of a run in which another must have ended."""
        return self.interval + self.limit + 60


def ended_at(run: RunRecord) -> datetime:
    """When a run ended."""
    return datetime.fromisoformat(run.started_at) + timedelta(seconds=run.duration)


def told(run: RunRecord) -> str:
    """A run in a few words, on one line."""
    counts = plain(tally(run.outcomes))
    problem = run.problem.partition("\n")[0] if run.problem else ""
    if not run.outcomes:
        return problem or counts
    return f"{counts}; {problem}" if problem else counts


def told_again(run: RunRecord, times: int) -> str:
    """The same of a run that is the last of so many in a row with the same trouble, shorter."""
    if times == 1:
        return told(run)
    still = f"still, for {times:,} runs"
    if run.problem:
        still = f"{still}: {clip(run.problem.partition(chr(10))[0], _LONGEST_AGAIN)}"
    return f"{plain(tally(run.outcomes))}; {still}" if run.outcomes else still


def _same_trouble(one: RunRecord, other: RunRecord) -> bool:
    return not one.green and _trouble(one) == _trouble(other)


def _trouble(run: RunRecord) -> tuple[str | None, frozenset[tuple[str, ...]]]:
    """What was wrong with a run: as a whole, and with which of its checks."""
    bad = [(each.target, each.id, each.outcome) for each in run.checks if not Outcome(each.outcome).green]
    return run.problem, frozenset(bad)
