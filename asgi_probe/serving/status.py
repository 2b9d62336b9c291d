"""What is known now: the run that goes on, the last that ended, and whether all is well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from asgi_probe.reporters.words import duration, tally
from asgi_probe.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.serving.child import Child
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.sheet import Sheet


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
