"""One check: its steps in order, then those that always run."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from asgi_probe.engine.plan import StepPlan, UsePlan, name_in
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.step import StepRun
from asgi_probe.engine.stopping import GRACE
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.patterns import explain_missing
from asgi_probe.judge.values import ABSENT
from asgi_probe.spec.template import VariableError
from asgi_probe.target.tasks import is_cancellation
from asgi_probe.target.tracebacks import in_a_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.inspection import Inspection
    from asgi_probe.engine.plan import AnyStepPlan, CheckPlan, Condition, When
    from asgi_probe.engine.results import Phase
    from asgi_probe.engine.secrets import Secrets
    from asgi_probe.engine.step import Attempt, Scope
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.engine.telling import Telling

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.INTERRUPTED, Outcome.FLAKY, Outcome.PASSED, Outcome.SKIPPED)


@dataclass(slots=True)
class Verdict:
    """What is known of a check so far: its worst outcome, and why. One in which nothing ran is skipped."""

    outcome: Outcome = Outcome.SKIPPED
    reason: str | None = None
    mismatches: list[Mismatch] = field(default_factory=list)
    traceback: str | None = None
    traceback_of: Literal["app", "hook"] = "app"

    def add(
        self,
        outcome: Outcome,
        reason: str | None = None,
        traceback: str | None = None,
        traceback_of: Literal["app", "hook"] = "app",
    ) -> None:
        """Take in how a part of the check ended; the first reason of the worst outcome counts."""
        worse = _WORST_FIRST.index(outcome) < _WORST_FIRST.index(self.outcome)
        if worse or (outcome is self.outcome is Outcome.SKIPPED and self.reason is None):
            self.outcome, self.reason = outcome, reason
        if self.traceback is None and traceback is not None:
            self.traceback, self.traceback_of = traceback, traceback_of

    def expected_to_fail(self, reason: str, *, strict: bool) -> None:
        """Turn it round: what was to fail and did is fine, what did not is told."""
        if self.outcome in (Outcome.FAILED, Outcome.ERROR):
            self.outcome, self.reason = Outcome.XFAILED, reason or None
        elif self.outcome in (Outcome.PASSED, Outcome.FLAKY) and strict:
            self.outcome = Outcome.XPASSED
            self.reason = f"expected to fail, and passed: {reason}" if reason else "expected to fail, and passed"

    @property
    def why(self) -> str:
        """The reason, or what did not hold first."""
        if self.reason:
            return self.reason
        return self.mismatches[0].message if self.mismatches else "see there"


@dataclass(slots=True)
class CheckRun:
    """A check in progress. `scope` and `secrets` are its own, and what its steps save goes there, and into `saved`.

    `secret` are the names of variables that are not to be told.
    """

    plan: CheckPlan
    scope: Scope
    inspection: Inspection
    stop: Stop
    telling: Telling
    secrets: Secrets
    secret: frozenset[str] = frozenset()
    trace_id: str | None = None
    saved: Scope = field(default_factory=dict)
    asked: Attempt | None = None
    """The last step that asked something."""
    verdict: Verdict = field(default_factory=Verdict)
    started: float = field(default_factory=perf_counter)

    async def steps(self) -> None:
        """Run the steps until one does not pass, then `finally` whatever happened."""
        if self._rows_are_ready() and (reason := self._left_out()):
            self.verdict.add(Outcome.SKIPPED, self.secrets.mask(reason))
            return
        if self.verdict.outcome is not Outcome.ERROR:
            await self.cancellable("steps")
        if self.plan.finally_:
            await self.closing("finally", self.plan.finally_)

    def _rows_are_ready(self) -> bool:
        """Work out those of the row's variables that needed what setup saved."""
        try:
            for name, value in self.plan.late.items():
                self.scope[name] = value.render(self.scope)
                self._hide({name: self.scope[name]})
        except VariableError as error:
            self.verdict.add(Outcome.ERROR, self.secrets.mask(str(error)))
            return False
        except BaseException as error:  # noqa: BLE001 - a value of the user's may raise anything, and nothing here waits
            self.verdict.add(Outcome.ERROR, self.secrets.mask(_odd(error)))
            return False
        return True

    def _left_out(self) -> str | None:
        """Why it does not run; an error where that cannot be said."""
        try:
            return unmet(self.plan.when, self.scope)
        except (Unjudgeable, VariableError) as error:
            self.verdict.add(Outcome.ERROR, self.secrets.mask(str(error)))
        except BaseException as error:  # noqa: BLE001 - a value of the user's may raise anything, and nothing here waits
            self.verdict.add(Outcome.ERROR, self.secrets.mask(_odd(error)))
        return None

    def _hide(self, given: Scope) -> None:
        """Those of these variables that are secret are not told."""
        for name in self.secret & given.keys():
            self.secrets.add(given[name])

    async def cancellable(self, phase: Phase) -> None:
        """Run the steps until one does not pass, the check's time is up, or the run is stopped."""
        with self.stop.running(self.plan.timeout) as bound:
            await self._run(phase, self.plan.steps, self.scope)
        if not bound.cancelled_caught:
            return
        if self.stop.reason:
            self.verdict.add(Outcome.INTERRUPTED)
        else:
            self.verdict.add(Outcome.ERROR, f"the check did not end within its timeout of {self.plan.timeout:g} s")

    async def closing(self, phase: Phase, steps: Sequence[AnyStepPlan]) -> None:
        """Run all steps, whatever fails; a stop of the run leaves them a few seconds."""
        with self.stop.closing() as bound:
            await self._run(phase, steps, self.scope)
        if bound.cancelled_caught:
            self.verdict.add(Outcome.ERROR, f"its {phase} did not end within {GRACE:g} s after the run was stopped")

    async def _run(self, phase: Phase, steps: Sequence[AnyStepPlan], scope: Scope) -> bool:
        """Whether all steps that ran passed; in setup and steps the first that does not is the last."""
        good = True
        for step in steps:
            if isinstance(step, UsePlan):
                good = await self._use(phase, step, scope) and good
            else:
                good = await self._step(phase, step, scope) and good
            if not good and phase in ("setup", "steps"):
                return False
        return good

    async def _step(self, phase: Phase, step: AnyStepPlan, scope: Scope) -> bool:
        run = StepRun(step, self.inspection, self.secret)
        if self.trace_id is not None:
            run.trace_id, run.span_id = self.trace_id, token_hex(8)
        try:
            if step.when and (reason := unmet(step.when, scope)):
                run.skip(reason)
            else:
                await run.run(scope, self.asked)
                if phase == "finally" and run.last.lacks and not self.verdict.outcome.green:
                    run.skip(f"what failed before did not give {run.last.lacks!r} a value")
        except (Unjudgeable, VariableError) as error:
            run.last.error(str(error), error.node)
        except BaseException as error:
            if is_cancellation(error) or isinstance(error, KeyboardInterrupt) or _is_our_own(error):
                raise  # a KeyboardInterrupt may be Ctrl-C
            run.last.error(_odd(error), raised=error)
        finally:
            self._take_in(run, phase, scope)
        return run.outcome.green

    async def _use(self, phase: Phase, use: UsePlan, scope: Scope) -> bool:
        """Run a procedure's steps: its variables count there alone, what it saves goes on."""
        run = StepRun(use, self.inspection)
        try:
            reason = unmet(use.when, scope) if use.when else None
            given = {} if reason or use.given is None else use.given.render(scope)
            self._hide(given)
        except (Unjudgeable, VariableError) as error:
            reason, given = None, {}
            run.last.error(str(error), error.node)
        except BaseException as error:  # noqa: BLE001 - a value of the user's may raise anything, and nothing here waits
            reason, given = None, {}
            run.last.error(_odd(error), raised=error)
        if reason:
            run.skip(reason)
        if run.outcome is not Outcome.PASSED:
            self._take_in(run, phase, scope)
            return run.outcome.green
        inner = scope | given | self.saved
        before = dict(self.saved)
        try:
            return await self._run(phase, use.steps, inner)
        finally:
            scope.update({name: value for name, value in self.saved.items() if before.get(name, self) is not value})

    def _take_in(self, run: StepRun, phase: Phase, scope: Scope) -> None:
        tally = self.telling.tally
        tally.requests += run.sent
        tally.refused += run.refused
        for value in run.secrets:
            self.secrets.add(value)
        self.saved.update(run.last.kept)
        if isinstance(run.plan, StepPlan):
            self.asked = run.last
        event = self.telling.step(self.plan, run, phase, name_in(scope, run.plan), self.secrets)
        self.verdict.mismatches += event.mismatches
        self.verdict.add(event.outcome, event.reason, event.traceback, event.traceback_of)

    def finish(self) -> float:
        """Tell how the check ended; gives the seconds it took."""
        seconds = perf_counter() - self.started
        verdict = self.verdict
        if self.plan.xfail is not None:
            verdict.expected_to_fail(self.plan.xfail.reason, strict=self.plan.xfail.strict)
        self.telling.finished(self.plan, verdict, seconds)
        return seconds


def _is_our_own(error: BaseException) -> bool:
    """Whether it was raised in asgi-probe itself, which is a bug of ours, and not in a method of a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("asgi_probe.")


def _odd(error: BaseException) -> str:
    return f"a value cannot be worked with, it raised {in_a_line(error)}"


def unmet(when: When, scope: Scope) -> str | None:
    """Why something does not run; None where all of its conditions hold."""
    return next((reason for condition in when if (reason := _unmet(condition, scope))), None)


def _unmet(condition: Condition, scope: Scope) -> str | None:
    try:
        value = condition.value.render(scope)
    except VariableError:
        value = ABSENT
    if condition.pattern.holds(value, scope):
        return None
    findings = Findings(condition.name, scope)
    if value is ABSENT:
        explain_missing(condition.pattern, "", (), findings)
    else:
        condition.pattern.explain(value, (), findings)
    return f"when {condition.name}: {findings.finish()[0].message}"
