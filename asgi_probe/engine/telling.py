"""From what happened to the events that tell it: recorded, cut, secrets masked."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.engine.records import curl_line, request_record, response_record, said_records
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.engine.check import Verdict
    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import CheckPlan
    from asgi_probe.engine.results import Phase, RequestRecord
    from asgi_probe.engine.secrets import Secrets
    from asgi_probe.engine.step import Attempt, StepRun
    from asgi_probe.exchange import Said


@dataclass(slots=True)
class Tally:
    """Counts over a whole run; `refused` are requests that found nobody to talk to."""

    requests: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of checks and steps. With `tell_all` requests and answers of passing steps are told, too.

    `by_hand` are curl's options for the target, None where it cannot be asked by hand; `traceback` writes an app's
    exception. With `show_credentials` headers that carry some are told as well, but for secrets;
    with `show_logs` what the app says during passing steps, too. `began` is when the run did, by `perf_counter`.
    """

    emit: Callable[[Event], None]
    tell_all: bool
    by_hand: tuple[str, ...] | None
    target: str
    traceback: Callable[[BaseException], str]
    tally: Tally
    show_credentials: bool = False
    show_logs: bool = False
    began: float = field(default_factory=perf_counter)

    def started(self, check: CheckPlan, worker: int, trace_id: str | None = None) -> None:
        """A check begins."""
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
                check.phase,
                perf_counter() - self.began,
                worker,
                trace_id,
            )
        )

    def finished(self, check: CheckPlan, verdict: Verdict, duration: float) -> None:
        """A check has ended; what is known of it has been masked."""
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
                check.phase,
                verdict.traceback_of,
                self.target,
            )
        )

    def step(self, check: CheckPlan, run: StepRun, phase: Phase, name: str, secrets: Secrets) -> StepFinished:
        """A step has ended; gives the event that told it."""
        outcome = run.outcome
        if outcome is Outcome.SKIPPED or (outcome in (Outcome.PASSED, Outcome.FLAKY) and not self.tell_all):
            saved = secrets.mask(run.last.saved) or None
            stumbles = secrets.mask(tuple(run.stumbles))
            reason = stumbles[0] if outcome is Outcome.FLAKY else secrets.mask(run.last.reason)
            event = StepFinished(
                check.id,
                secrets.mask(name),
                phase,
                outcome,
                run.duration,
                run.attempts,
                saved=saved,
                reason=reason,
                target=self.target,
                said=said_records(_said(run.last), secrets.mask) if self.show_logs else (),
                at=run.at - self.began,
                method=run.last.sent.method if run.last.sent else None,
                status=run.last.result.status if isinstance(run.last.result, Answer) else None,
                times=tuple(run.times),
                stumbles=stumbles,
                span_id=run.span_id,
                url=_traced_url(run, secrets),
            )
        else:
            event = self._in_full(check.id, run, phase, name, secrets)
        self.emit(event)
        return event

    def _curl(self, request: RequestRecord | None, last: Attempt) -> str | None:
        if request is None or self.by_hand is None:
            return None
        return curl_line(request, [*self.by_hand, *(["--location"] if last.follows else [])])

    def _in_full(self, check_id: str, run: StepRun, phase: Phase, name: str, secrets: Secrets) -> StepFinished:
        last, mask = run.last, secrets.mask
        answer, app_error = _what_came(last)
        raised = last.raised or app_error
        request = request_record(last.sent, mask, show_credentials=self.show_credentials) if last.sent else None
        stumbles = mask(tuple(run.stumbles))
        place = (last.place or run.plan.place).location
        shows_error = raised is not None and not run.outcome.green
        return StepFinished(
            check_id,
            mask(name),
            phase,
            run.outcome,
            run.duration,
            run.attempts,
            request=request,
            response=response_record(answer, mask, show_credentials=self.show_credentials) if answer else None,
            saved=mask(last.saved) or None,
            mismatches=tuple([masked_mismatch(mismatch, secrets) for mismatch in last.mismatches]),
            reason=stumbles[0] if run.outcome is Outcome.FLAKY else mask(last.reason),
            traceback=mask(self.traceback(raised)) if raised is not None and shows_error else None,
            curl=self._curl(request, last),
            file=place.source.name,
            line=place.line,
            column=place.column,
            width=place.width,
            source_line=mask(place.source.line(place.line)),
            traceback_of="app" if last.raised is None else "hook",
            target=self.target,
            said=said_records(_said(last), mask),
            at=run.at - self.began,
            method=request.method if request else None,
            status=answer.status if answer else None,
            times=tuple(run.times),
            stumbles=stumbles,
            span_id=run.span_id,
            url=_traced_url(run, secrets),
        )


def masked_mismatch(mismatch: Mismatch, secrets: Secrets) -> Mismatch:
    """The same mismatch without secrets."""
    if not secrets:
        return mismatch
    from dataclasses import replace

    mask = secrets.mask
    return replace(
        mismatch,
        path=mask(mismatch.path),
        message=mask(mismatch.message),
        expected=mask(mismatch.expected),
        actual=mask(mismatch.actual),
        source_line=mask(mismatch.source_line),
        because=mask(mismatch.because),
    )


def _traced_url(run: StepRun, secrets: Secrets) -> str | None:
    return secrets.mask(run.last.sent.url) if run.span_id and run.last.sent else None


def _said(last: Attempt) -> tuple[Said, ...]:
    return () if last.result is None else last.result.said


def _what_came(last: Attempt) -> tuple[Answer | None, BaseException | None]:
    match last.result:
        case None:
            return None, None
        case Answer() as answer:
            return answer, answer.app_error
        case failure:
            return failure.partial, failure.app_error
