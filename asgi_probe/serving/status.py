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


@dataclass(frozen=True, slots=True)
class Running:
    """The run that goes on: since when, for how many seconds, how many of its checks have ended, and if it hangs."""

    since: str
    seconds: float
    ended: int
    checks: int
    hung: bool


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, why, and after how many seconds to ask again where that is not known yet."""

    healthy: bool
    reason: str
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
    _child: Child | None = None

    def start(self, child: Child) -> None:
        """A run has begun."""
        self._child = child

    def end(self, run: RunRecord | None) -> None:
        """It has ended; None where it was ended with the server, and tells nothing."""
        if run is not None:
            self.last = run
            self.runs[run.outcome] += 1
        self._child = None

    @property
    def running(self) -> Running | None:
        """The run that goes on."""
        child = self._child
        if child is None:
            return None
        seen, seconds = child.tally, child.seconds
        return Running(seen.started_at, seconds, seen.ended, seen.selected, seconds > self.limit)

    def health(self) -> Health:
        """Whether the last run was green and no other hangs."""
        running = self.running
        if running is not None and running.hung:
            took, limit = duration(running.seconds), duration(self.limit)
            return Health(False, f"a run hangs: it began at {running.since}, {took} ago, and may take {limit}")  # noqa: FBT003 - the field's name says it
        last = self.last
        if last is None:
            return Health(False, "no run has ended yet", max(1, min(ceil(self.limit), 5)))  # noqa: FBT003 - likewise
        age = (self.clock() - ended_at(last)).total_seconds()
        if age > self.longest_silence:
            return Health(False, f"the last run is too old: it ended {duration(age)} ago")  # noqa: FBT003 - likewise
        return Health(last.green, f"the last run, at {last.started_at}: {told(last)}")

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
