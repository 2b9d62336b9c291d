"""One step: render, send, judge, save, and again if it may be retried."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import uniform
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.secrets import MASK, SHORTEST
from asgi_probe.exchange import Answer, Failure
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.save import NotThere
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asgi_probe.engine.plan import RetryPlan, StepPlan
    from asgi_probe.exchange import FailureKind, Sent
    from asgi_probe.judge.save import Save
    from asgi_probe.spec.source import Node
    from asgi_probe.target.session import Session

Scope = dict[str, Any]


@dataclass(slots=True)
class Attempt:
    """What one attempt at a step gave; `reason` and `place` say why it could not be judged."""

    outcome: Outcome = Outcome.PASSED
    sent: Sent | None = None
    follows: bool = False
    """Whether it was to follow redirects."""
    result: Answer | Failure | None = None
    mismatches: list[Mismatch] = field(default_factory=list)
    saved: Scope = field(default_factory=dict)
    secrets: list[Any] = field(default_factory=list)
    reason: str | None = None
    kind: FailureKind | None = None
    place: Node | None = None

    def error(self, reason: str, place: Node | None = None, kind: FailureKind | None = None) -> None:
        """It could not be judged; the first reason counts."""
        if self.outcome is not Outcome.ERROR:
            self.outcome, self.reason, self.place, self.kind = Outcome.ERROR, reason, place, kind


@dataclass(slots=True)
class StepRun:
    """A step in progress, and after it what its last attempt gave."""

    plan: StepPlan
    attempts: int = 0
    stumbled: str | None = None
    """Why the first attempt did not pass."""
    secrets: list[Any] = field(default_factory=list)
    last: Attempt = field(default_factory=Attempt)
    sent: int = 0
    """How many of the attempts came to send something."""
    refused: int = 0
    """How many of the attempts found nobody to talk to."""
    duration: float = 0.0

    @property
    def outcome(self) -> Outcome:
        passed_late = self.last.outcome is Outcome.PASSED and self.attempts > 1
        return Outcome.FLAKY if passed_late else self.last.outcome

    async def run(self, scope: Scope, session: Session) -> None:
        """Attempt the step until it passes or no retry is left; what it saves goes into `scope`."""
        started = perf_counter()
        try:
            await self._attempt_until_passed(scope, session)
        except VariableError as error:
            self.last.error(str(error), error.node)
        except anyio.get_cancelled_exc_class():
            self.last.outcome, self.last.reason = Outcome.INTERRUPTED, None
            raise
        finally:
            self.duration = perf_counter() - started

    async def _attempt_until_passed(self, scope: Scope, session: Session) -> None:
        if self.plan.delay is not None:
            await anyio.sleep(self.plan.delay.render(scope))
        pauses = _pauses(self.plan.retry, scope)
        while True:
            self.attempts += 1
            self.last = Attempt()
            await attempt(self.plan, scope, session, self.last)
            self.secrets += self.last.secrets
            self.sent += self.last.sent is not None
            self.refused += isinstance(self.last.result, Failure) and self.last.result.refused
            if self.last.outcome is Outcome.PASSED:
                return
            self.stumbled = self.stumbled or _why(self.last)
            pause = next(pauses, None)
            if pause is None:
                return
            await anyio.sleep(pause)


def _why(attempt: Attempt) -> str | None:
    if attempt.reason or not attempt.mismatches:
        return attempt.reason
    first = attempt.mismatches[0]
    return f"{first.where}{f' {first.path}' if first.path else ''}: {first.message}"


def _pauses(retry: RetryPlan | None, scope: Scope) -> Iterator[float]:
    """Seconds to wait before each further attempt."""
    if retry is None:
        return
    delay, most = retry.delay.render(scope), retry.max_delay.render(scope) if retry.max_delay else None
    backoff, jitter = retry.backoff.render(scope), retry.jitter.render(scope)
    for _ in range(retry.times.render(scope)):
        bounded = delay if most is None else min(delay, most)
        yield bounded * uniform(max(0.0, 1 - jitter), 1 + jitter)  # noqa: S311 - spreads load, guards nothing
        delay *= backoff


async def attempt(plan: StepPlan, scope: Scope, session: Session, into: Attempt) -> None:
    """Send the request once, judge what came and save from it."""
    try:
        ask = plan.request.render(scope)
    except VariableError as error:
        into.error(str(error), error.node)
        return
    into.follows = ask.max_hops > 0
    into.sent, into.result = await session.ask(ask)
    _judge(plan, into.result, scope, into)
    if isinstance(into.result, Answer):
        _save(plan, scope, into.result, into)


def _judge(plan: StepPlan, result: Answer | Failure, scope: Scope, into: Attempt) -> None:
    if isinstance(result, Failure) and not plan.expect.wants_error:
        into.error(result.message, None, result.kind)
        return
    try:
        into.mismatches = plan.expect.judge(result, scope)
    except Unjudgeable as error:
        into.mismatches = list(error.mismatches)
        into.error(str(error), error.node, error.kind)
    except VariableError as error:
        into.error(str(error), error.node)
    if into.mismatches and into.outcome is Outcome.PASSED:
        into.outcome = Outcome.FAILED


def _save(plan: StepPlan, scope: Scope, answer: Answer, into: Attempt) -> None:
    for save in plan.saves:
        try:
            value = save.take(answer, scope)
        except NotThere as error:
            into.mismatches.append(_not_there(save.name, error))
            if into.outcome is Outcome.PASSED:
                into.outcome = Outcome.FAILED
        except (Unjudgeable, VariableError) as error:
            into.error(str(error), error.node)
        else:
            into.saved[save.name] = MASK if save.secret else value
            if save.secret:
                _keep_secret(save, value, into)
            scope[save.name] = value


def _keep_secret(save: Save, value: Any, into: Attempt) -> None:
    into.secrets.append(value)
    if isinstance(value, str | int) and len(str(value)) < SHORTEST:
        into.error(f"the secret {save.name!r} is shorter than {SHORTEST} characters and cannot be masked", save.node)


def _not_there(name: str, error: NotThere) -> Mismatch:
    at = error.node.location
    line = at.source.line(at.line)
    return Mismatch(f"save.{name}", None, str(error), None, None, at.source.name, at.line, at.column, at.width, line)
