"""The run: a target is entered, workers pull checks, every file is opened and closed around its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import anyio

from asgi_probe import __version__
from asgi_probe.engine.agenda import Agenda
from asgi_probe.engine.backend import run_async
from asgi_probe.engine.events import MAY_BE_STARTING, RunFinished, RunStarted, TargetInfo
from asgi_probe.engine.inspection import Pools
from asgi_probe.engine.measures import Measures, not_good_enough
from asgi_probe.engine.results import Outcome, SlowCheck
from asgi_probe.engine.secrets import Secrets
from asgi_probe.engine.stage import RunOptions, Score, Stage, declared, each_needed
from asgi_probe.engine.telling import Tally
from asgi_probe.errors import ExitCode, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import FilePlan
    from asgi_probe.engine.results import ThresholdVerdict
    from asgi_probe.engine.stage import OpenFile
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.target.base import Target

__all__ = ["Group", "Run", "RunOptions"]

_LAST = 1.0
"""Seconds that a target's shutdown gets beyond the grace after a signal: the next one comes soon in CI."""


@dataclass(frozen=True, slots=True)
class Group:
    """The files of a run that ask one target, with at most `concurrency` checks at a time."""

    target: Target
    files: tuple[FilePlan, ...]
    concurrency: int = 16


class Run:
    """One run of a plan; `execute` never raises for what specs, targets or signals do."""

    def __init__(
        self,
        groups: Sequence[Group],
        options: RunOptions,
        stop: Stop,
        emit: Callable[[Event], None],
        secrets: Secrets | None = None,
    ) -> None:
        """`secrets` takes in all that must not be told, wherever it comes up."""
        self._groups = groups
        self._options = declared(options, (file for group in groups for file in group.files))
        self._stop = stop
        self._emit_on = emit
        self._measures = Measures(self._options.thresholds)
        self._verdicts: tuple[ThresholdVerdict, ...] = ()
        self._secrets = Secrets() if secrets is None else secrets
        self._secrets.learn(self._options.secrets)
        self._pools = Pools()
        self._score = Score()
        self._tally = Tally()
        self._problem: TargetError | None = None
        self._not_started = False
        self._began = perf_counter()
        self._lost = 0
        """Checks that never ended, which must not look as if all were well."""

    def start(self) -> RunFinished:
        """Run everything in an event loop of its own; see `execute`."""
        return run_async(self.execute, self._options.backend, uvloop=self._options.uvloop)

    async def execute(self) -> RunFinished:
        """Run everything, tell it, and give the last event, which says with what to exit."""
        self._stop.attach()
        self._began = perf_counter()
        self._emit(self._first_event())
        for group in self._groups:
            if not self._stop.reason:
                await self._ask(group)
        await self._pools.aclose()
        finished = self._last_event(perf_counter() - self._began)
        self._emit(finished)
        return finished

    def _emit(self, event: Event) -> None:
        self._measures.handle(event)
        self._emit_on(event)

    async def _ask(self, group: Group) -> None:
        try:
            with self._stop.running() as starting:
                async with group.target:
                    self._stop.release(starting)
                    await Workers(group, self._stage(group), self._stop).run()
                    if self._stop.reason == "interrupted":
                        group.target.hurry(self._stop.grace() + _LAST)
        except TargetError as error:
            self._problem = self._problem or error
            self._not_started = True
        self._problem = next(iter([*filter(None, [self._problem]), *group.target.problems]), None)

    def _stage(self, group: Group) -> Stage:
        return Stage(
            group.target,
            self._options,
            self._stop,
            self._emit,
            self._score,
            self._tally,
            needed=tuple(each_needed(group.files)),
            secrets=self._secrets,
            pools=self._pools,
            began=self._began,
        )

    def _first_event(self) -> RunStarted:
        targets = tuple(
            TargetInfo(group.target.name, group.target.kind, group.target.address) for group in self._groups
        )
        files = [file for group in self._groups for file in group.files]
        return RunStarted(
            __version__,
            targets[0],
            tuple(file.name for file in files),
            sum(len(file.checks) for file in files),
            max(group.concurrency for group in self._groups),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            targets=targets,
            shard=self._options.shard,
            descriptions=tuple(file.description for file in files),
            sizes=tuple(len(file.checks) + bool(file.setup) + bool(file.teardown) for file in files),
            asked=tuple(group.target.name for group in self._groups for _ in group.files),
            seed=self._options.seed,
        )

    def _last_event(self, duration: float) -> RunFinished:
        score = self._score
        if self._problem is None and self._nobody_there():
            self._problem = TargetError(f"no request reached {self._groups[0].target.address}{MAY_BE_STARTING}")
        checks = sum(len(file.checks) for group in self._groups for file in group.files)
        self._lost = checks - score.done if not (self._stop.reason or self._not_started) else 0
        if self._lost:
            self._problem = TargetError(
                f"{self._lost:,} checks got lost: this is a bug of asgi-probe, please report it"
            )
        self._verdicts = self._measures.verdicts()
        mask = self._secrets.mask
        return RunFinished(
            dict(score.outcomes),
            duration,
            self._exit_code(),
            self._stop.reason if self._stop.reason == "interrupted" or self._left_out(checks) else None,
            tuple(
                SlowCheck(check_id, seconds, name) for seconds, check_id, name in sorted(score.slowest, reverse=True)
            ),
            self._tally.requests,
            checks - score.done,
            mask(str(self._problem)) if self._problem else None,
            mask(self._problem.traceback) if self._problem else None,
            self._not_good_enough(),
            self._measures.times(),
            self._verdicts,
        )

    def _not_good_enough(self) -> str | None:
        """Why a run without a failure fails, if it does."""
        flaky = self._score.flaky if self._options.fail_on_flaky else 0
        return None if self._score.bad else not_good_enough(self._verdicts, flaky)

    def _left_out(self, checks: int) -> bool:
        """Whether a stop left anything out."""
        return checks != self._score.done or Outcome.INTERRUPTED in self._score.outcomes

    def _nobody_there(self) -> bool:
        """Whether a live target refused every connection of the run."""
        live = all(group.target.kind == "live" for group in self._groups)
        return live and bool(self._score.bad) and self._tally.refused == self._tally.requests > 0

    def _exit_code(self) -> ExitCode:
        if self._stop.reason == "interrupted":
            return self._stop.exit_code
        if self._not_started or self._nobody_there():
            return ExitCode.TARGET
        if self._lost:
            return ExitCode.BUG
        failed = self._score.bad or self._stop.reason or self._problem or self._not_good_enough()
        return ExitCode.FAILED if failed else ExitCode.GREEN


class Workers:
    """N workers on the files of one target."""

    def __init__(self, group: Group, stage: Stage, stop: Stop) -> None:
        self._group = group
        self._stop = stop
        self._stage = stage
        self._agenda = Agenda(group.files, self._stage.file)

    async def run(self) -> None:
        """Work until nothing is left, or the run was stopped and what was open is closed."""
        most = sum(len(file.checks) or 1 for file in self._group.files)
        workers = min(self._group.concurrency, most)
        try:
            async with anyio.create_task_group() as tasks:
                for number in range(workers):
                    tasks.start_soon(self._worker, number + 1)
            await self._close(self._agenda.give_up(), 1)
        finally:
            await self._stage.aclose()

    async def _worker(self, number: int) -> None:
        while not self._stop.reason:
            job = self._agenda.take()
            if job is None:
                if not self._agenda.more():
                    return
                with self._stop.running():
                    await self._agenda.changed()
            elif job.check is None:
                await self._stage.open(job.file, number)
                if self._agenda.left(job.file) == 0:  # it has no checks: others need what its setup saves
                    self._stage.settle(job.file)
                self._agenda.ready(job.file)
                await self._close(self._agenda.to_close(), number)
            else:
                await self._stage.check(job.file, job.check, number)
                if self._agenda.left(job.file) == 1:
                    self._stage.settle(job.file)
                await self._close(self._agenda.done(job.file, job.check), number)

    async def _close(self, files: list[OpenFile], worker: int) -> None:
        """Close these at the same time, and then those that waited for that."""
        while files:
            async with anyio.create_task_group() as tasks:
                for file in files:
                    tasks.start_soon(self._stage.close, file, worker)
            files = [waiting for file in files for waiting in self._agenda.closed(file)]
