"""One check: its steps in order, then those that always run."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.step import StepRun
from asgi_probe.engine.stopping import GRACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.plan import CheckPlan, StepPlan
    from asgi_probe.engine.results import Phase
    from asgi_probe.engine.secrets import Secrets
    from asgi_probe.engine.step import Scope
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.engine.telling import Telling
    from asgi_probe.target.session import Session

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.INTERRUPTED, Outcome.FLAKY, Outcome.PASSED, Outcome.SKIPPED)


@dataclass(slots=True)
class Verdict:
    """What is known of a check so far: its worst outcome, and why."""

    outcome: Outcome = Outcome.PASSED
    reason: str | None = None
    mismatches: list[Mismatch] = field(default_factory=list)
    traceback: str | None = None

    def add(self, outcome: Outcome, reason: str | None = None, traceback: str | None = None) -> None:
        """Take in how a part of the check ended; the first reason of the worst outcome counts."""
        if _WORST_FIRST.index(outcome) < _WORST_FIRST.index(self.outcome):
            self.outcome, self.reason = outcome, reason
        self.traceback = self.traceback or traceback

    @property
    def why(self) -> str:
        """The reason, or what did not hold first."""
        if self.reason:
            return self.reason
        return self.mismatches[0].message if self.mismatches else "see there"


@dataclass(slots=True)
class CheckRun:
    """A check in progress. `scope` and `secrets` are its own, and what its steps save goes there."""

    plan: CheckPlan
    scope: Scope
    session: Session
    stop: Stop
    telling: Telling
    secrets: Secrets
    verdict: Verdict = field(default_factory=Verdict)
    started: float = field(default_factory=perf_counter)

    async def steps(self) -> None:
        """Run the steps until one does not pass, then `finally` whatever happened."""
        await self.cancellable("steps")
        if self.plan.finally_:
            await self.closing("finally", self.plan.finally_)

    async def cancellable(self, phase: Phase) -> None:
        """Run the steps until one does not pass, the check's time is up, or the run is stopped."""
        with self.stop.running(self.plan.timeout) as bound:
            await self._run(phase, self.plan.steps)
        if not bound.cancelled_caught:
            return
        if self.stop.reason:
            self.verdict.add(Outcome.INTERRUPTED)
        else:
            self.verdict.add(Outcome.ERROR, f"the check did not end within its timeout of {self.plan.timeout:g} s")

    async def closing(self, phase: Phase, steps: Sequence[StepPlan]) -> None:
        """Run all steps, whatever fails; a stop of the run leaves them a few seconds."""
        with self.stop.closing() as bound:
            await self._run(phase, steps)
        if bound.cancelled_caught:
            self.verdict.add(Outcome.ERROR, f"its {phase} did not end within {GRACE:g} s after the run was stopped")

    async def _run(self, phase: Phase, steps: Sequence[StepPlan]) -> None:
        for step in steps:
            run = StepRun(step)
            try:
                await run.run(self.scope, self.session)
            finally:
                self._take_in(run, phase)
            if phase in ("setup", "steps") and not run.outcome.green:
                return

    def _take_in(self, run: StepRun, phase: Phase) -> None:
        tally = self.telling.tally
        tally.requests += run.sent
        tally.refused += run.refused
        for value in run.secrets:
            self.secrets.add(value)
        event = self.telling.step(self.plan, run, phase, run.plan.name_in(self.scope), self.secrets)
        self.verdict.mismatches += event.mismatches
        self.verdict.add(event.outcome, event.reason, event.traceback)

    def finish(self) -> float:
        """Tell how the check ended; gives the seconds it took."""
        seconds = perf_counter() - self.started
        verdict = self.verdict
        self.telling.finished(
            self.plan,
            verdict.outcome,
            seconds,
            reason=verdict.reason,
            mismatches=tuple(verdict.mismatches),
            traceback=verdict.traceback,
        )
        return seconds
