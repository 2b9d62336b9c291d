"""The checks of one target, run one at a time in whatever order pytest asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished
from asgi_probe.engine.inspection import Pools
from asgi_probe.engine.stage import Stage, declared, each_needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import CheckPlan, FilePlan
    from asgi_probe.engine.stage import OpenFile, RunOptions
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.target.base import Target


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended, and all that was told of it."""

    finished: CheckFinished
    events: tuple[Event, ...]


class TargetRun:
    """Runs files on an entered target: opened for the first of their checks, those that they need run whole before.

    Every check runs once however often it is asked for.
    """

    def __init__(self, target: Target, plans: Mapping[str, FilePlan], options: RunOptions, stop: Stop) -> None:
        """`plans` are all files of the target, by their names."""
        self._plans = plans
        self._told: list[Event] = []
        self._pools = Pools()
        needed = tuple(each_needed([*plans.values()]))
        options = declared(options, plans.values())
        self._stage = Stage(target, options, stop, self._told.append, needed=needed, pools=self._pools)
        self._open: dict[str, OpenFile] = {}
        self._closed: set[str] = set()
        self._opening: dict[str, tuple[Event, ...]] = {}
        self._results: dict[tuple[str, str], Result] = {}
        self._settled: set[str] = set()

    async def open(self, name: str) -> None:
        """Open a file, those that it needs before it, unless it is open."""
        if name in self._open:
            return
        plan = self._plans[name]
        for needed in plan.needs:
            await self._run_whole(needed)
        file = self._open[name] = self._stage.file(plan)
        await self._stage.open(file)
        self._opening[name] = self._take()

    def is_open(self, name: str) -> bool:
        """Whether `open` has been called."""
        return name in self._open

    def trouble(self, name: str) -> str | None:
        """Why none of the checks of an open file can be judged, if that is so."""
        return self._open[name].trouble

    async def result(self, check: CheckPlan) -> Result:
        """Run a check of an open file, if it has not been run."""
        key = (check.file, check.id)
        if key not in self._results:
            await self._stage.check(self._open[check.file], check)
            events = self._take()
            self._results[key] = Result(_finish_of(check.id, events), events)
        return self._results[key]

    def opening(self, name: str) -> tuple[Event, ...]:
        """What was told while a file was opened, once."""
        return self._opening.pop(name, ())

    async def close(self, name: str) -> tuple[Event, ...]:
        """Close an open file; gives what was told of that."""
        self._closed.add(name)
        await self._stage.close(self._open[name])
        return self._take()

    def to_close(self, coming: Mapping[str, int]) -> list[str]:
        """The open files that nobody needs any more: no check of theirs and of those that need them is to come."""
        wanted = {name for name, count in coming.items() if count}
        wanted |= {each for name in wanted for each in self._needed_by(name)}
        held = {each for name in self._open if name not in self._closed for each in self._plans[name].needs}
        return [name for name in reversed(self._open) if name not in self._closed | wanted | held]

    def _needed_by(self, name: str) -> Iterator[str]:
        for needed in self._plans[name].needs:
            yield needed
            yield from self._needed_by(needed)

    def unclaimed(self, claimed: set[str]) -> Iterator[Result]:
        """The results that are bad and that no item has told."""
        for result in self._results.values():
            if not result.finished.outcome.green and result.finished.id not in claimed:
                yield result

    def unopened(self) -> Iterator[Sequence[Event]]:
        """What went wrong while files were opened of which no item ran."""
        for events in self._opening.values():
            if any(isinstance(event, CheckFinished) and not event.outcome.green for event in events):
                yield events

    async def aclose(self) -> None:
        """Close what was opened for all files together."""
        await self._stage.aclose()
        await self._pools.aclose()

    async def _run_whole(self, name: str) -> None:
        await self.open(name)
        for check in self._plans[name].checks:
            await self.result(check)
        if name not in self._settled:
            self._settled.add(name)
            self._stage.settle(self._open[name])

    def _take(self) -> tuple[Event, ...]:
        events = tuple(self._told)
        self._told.clear()
        return events


def _finish_of(check_id: str, events: Sequence[Event]) -> CheckFinished:
    return next(event for event in events if isinstance(event, CheckFinished) and event.id == check_id)
