"""One check: its steps in order, then those that always run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.engine.records import curl_line, request_record, response_record
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.step import StepRun
from asgi_probe.engine.stopping import GRACE
from asgi_probe.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import CheckPlan, StepPlan
    from asgi_probe.engine.results import Phase
    from asgi_probe.engine.step import Attempt, Scope
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.target.session import Session

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.INTERRUPTED, Outcome.FLAKY, Outcome.PASSED)


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


@dataclass(slots=True)
class Tally:
    """Counts over a whole run; `refused` are requests that found nobody to talk to."""

    requests: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """What a check needs to tell about itself."""

    emit: Callable[[Event], None]
    tell_all: bool
    live: bool
    target: str
    traceback: Callable[[BaseException], str]
    tally: Tally

    def started(self, check: CheckPlan) -> None:
        self.emit(
            CheckStarted(
                check.id,
                check.file,
                check.line,
                check.name,
                check.tags,
                self.target,
                check.spec,
                check.description,
            )
        )

    def finished(self, check: CheckPlan, verdict: Verdict, duration: float) -> None:
        self.emit(
            CheckFinished(
                check.id,
                verdict.outcome,
                duration,
                verdict.reason,
                tuple(verdict.mismatches),
                verdict.traceback,
                check.file,
                check.line,
                check.name,
            )
        )

    def step(self, check: CheckPlan, run: StepRun, phase: Phase, name: str) -> str | None:
        """Tell of a step that ended; gives the app's traceback if there is one to show."""
        last, outcome = run.last, run.outcome
        if outcome in (Outcome.PASSED, Outcome.FLAKY) and not self.tell_all:
            saved = last.saved or None
            self.emit(StepFinished(check.id, name, phase, outcome, run.duration, run.attempts, saved=saved))
            return None
        event = self._in_full(check.id, run, phase, name)
        self.emit(event)
        return event.traceback

    def _in_full(self, check_id: str, run: StepRun, phase: Phase, name: str) -> StepFinished:
        last = run.last
        answer, app_error = _what_came(last)
        request = request_record(last.sent) if last.sent else None
        place = (last.place or run.plan.place).location
        return StepFinished(
            check_id,
            name,
            phase,
            run.outcome,
            run.duration,
            run.attempts,
            request=request,
            response=response_record(answer) if answer else None,
            saved=last.saved or None,
            mismatches=tuple(last.mismatches),
            reason=last.reason,
            traceback=self.traceback(app_error) if app_error and not run.outcome.green else None,
            curl=curl_line(request) if request and self.live else None,
            file=place.source.name,
            line=place.line,
            column=place.column,
            width=place.width,
            source_line=place.source.line(place.line),
        )


def _what_came(last: Attempt) -> tuple[Answer | None, BaseException | None]:
    match last.result:
        case None:
            return None, None
        case Answer() as answer:
            return answer, answer.app_error
        case failure:
            return failure.partial, failure.app_error


async def run_check(check: CheckPlan, scope: Scope, session: Session, stop: Stop, telling: Telling) -> Verdict:
    """Run the check's steps until one does not pass, then its `finally` whatever happened."""
    verdict = Verdict()
    with stop.running(check.timeout) as bound:
        await run_steps(check, check.steps, "steps", scope, session, telling, verdict)
    if bound.cancelled_caught:
        if stop.reason:
            verdict.add(Outcome.INTERRUPTED, f"stopped: {stop.reason}")
        else:
            verdict.add(Outcome.ERROR, f"the check did not end within its timeout of {check.timeout:g} s")
    if check.finally_:
        await run_closing(check, check.finally_, "finally", scope, session, stop, telling, verdict)
    return verdict


async def run_closing(
    check: CheckPlan,
    steps: Sequence[StepPlan],
    phase: Phase,
    scope: Scope,
    session: Session,
    stop: Stop,
    telling: Telling,
    verdict: Verdict,
) -> None:
    """Run all steps, whatever failed before; a stop of the run leaves them a few seconds."""
    with stop.closing() as bound:
        await run_steps(check, steps, phase, scope, session, telling, verdict)
    if bound.cancelled_caught:
        verdict.add(Outcome.ERROR, f"its {phase} did not end within {GRACE:g} s after the run was stopped")


async def run_steps(
    check: CheckPlan,
    steps: Sequence[StepPlan],
    phase: Phase,
    scope: Scope,
    session: Session,
    telling: Telling,
    verdict: Verdict,
) -> None:
    """Run steps in order; in `setup` and `steps` the first that does not pass is the last that runs."""
    for step in steps:
        run = StepRun(step)
        try:
            await run.run(scope, session)
        finally:
            telling.tally.requests += run.attempts
            telling.tally.refused += run.refused
            _take_in(check, run, phase, scope, telling, verdict)
        if phase in ("setup", "steps") and not run.outcome.green:
            return


def _take_in(check: CheckPlan, run: StepRun, phase: Phase, scope: Scope, telling: Telling, verdict: Verdict) -> None:
    traceback = telling.step(check, run, phase, run.plan.name_in(scope))
    verdict.mismatches += run.last.mismatches
    verdict.add(run.outcome, run.last.reason, traceback)
