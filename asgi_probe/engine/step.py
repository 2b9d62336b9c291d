"""One step: render, send, judge, save, look behind it, and again if it may be retried."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from random import uniform
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.inspection import HookError, call, invoking
from asgi_probe.engine.plan import StepPlan, VerifyPlan
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.secrets import MASK, SHORTEST, is_too_short
from asgi_probe.exchange import Answer, Credentials, Failure
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.calls import Calls, judge_with_calls
from asgi_probe.judge.openapi import described_by
from asgi_probe.judge.save import NotThere
from asgi_probe.spec.template import NoValueError, VariableError
from asgi_probe.target.tracebacks import in_a_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from asgi_probe.engine.inspection import Inspection
    from asgi_probe.engine.plan import Looks, PollPlan, RetryPlan, UsePlan
    from asgi_probe.exchange import FailureKind, Sent
    from asgi_probe.judge.expectation import Expectation
    from asgi_probe.judge.save import Save
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Node

Scope = dict[str, Any]

MOST_STUMBLES = 20
"""Attempts that did not pass of which is told why."""
_LEAST = 0.5
"""Seconds that the last request of a poll gets, however little time is left."""


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
    """What is told of what was saved."""
    kept: Scope = field(default_factory=dict)
    """What was saved."""
    secrets: list[Any] = field(default_factory=list)
    reason: str | None = None
    kind: FailureKind | None = None
    place: Node | None = None
    raised: BaseException | None = None
    """What a function of the user's raised."""
    lacks: str | None = None
    """The variable without a value for which nothing could be sent."""

    def error(
        self,
        reason: str,
        place: Node | None = None,
        kind: FailureKind | None = None,
        raised: BaseException | None = None,
    ) -> None:
        """It could not be judged; the first reason counts."""
        if self.outcome is not Outcome.ERROR:
            self.outcome, self.reason, self.place, self.kind = Outcome.ERROR, reason, place, kind
            self.raised = raised

    def mismatch(self, found: Iterable[Mismatch]) -> None:
        """What does not hold."""
        self.mismatches += found
        if self.mismatches and self.outcome is Outcome.PASSED:
            self.outcome = Outcome.FAILED


@dataclass(slots=True)
class StepRun:
    """A step in progress, and after it what its last attempt gave; `secret` are names of variables not to be told."""

    plan: StepPlan | VerifyPlan | UsePlan
    inspection: Inspection
    secret: frozenset[str] = frozenset()
    attempts: int = 0
    stumbles: list[str] = field(default_factory=list)
    """Why attempts did not pass that were retried, of the first few."""
    times: list[float] = field(default_factory=list)
    """Seconds of each request that was answered or timed out."""
    at: float = field(default_factory=perf_counter)
    """When it began, by `perf_counter`."""
    trace_id: str | None = None
    span_id: str | None = None
    """What the target is told that its own spans belong to."""
    secrets: list[Any] = field(default_factory=list)
    last: Attempt = field(default_factory=Attempt)
    sent: int = 0
    """How many of the attempts came to send something."""
    refused: int = 0
    """How many of the attempts found nobody to talk to."""
    duration: float = 0.0

    @property
    def outcome(self) -> Outcome:
        retried = self.last.outcome is Outcome.PASSED and self.attempts > 1
        polled = isinstance(self.plan, StepPlan) and self.plan.poll is not None
        return Outcome.FLAKY if retried and not polled else self.last.outcome

    async def run(self, scope: Scope, before: Attempt | None = None) -> None:
        """Attempt the step until it passes or no retry is left; what it saves goes into `scope`.

        `before` is what was asked before it, for one that only looks behind that.
        """
        try:
            match self.plan:
                case StepPlan() as plan:
                    await self._attempt_until_passed(plan, scope)
                case VerifyPlan(verify=looks, timeout=seconds):
                    await self._look_behind(before or self.last, looks, scope, seconds)
        except VariableError as error:
            self.last.error(str(error), error.node)
        except anyio.get_cancelled_exc_class():
            self.last.outcome, self.last.reason = Outcome.INTERRUPTED, None
            raise
        finally:
            self.duration = perf_counter() - self.at

    async def _look_behind(self, before: Attempt, looks: Looks, scope: Scope, seconds: float) -> None:
        self.last.sent, self.last.result = before.sent, before.result
        answer = before.result if isinstance(before.result, Answer) else None
        await self._look(looks, scope, answer, seconds)

    def skip(self, reason: str) -> None:
        """It does not run."""
        self.last = Attempt(Outcome.SKIPPED, reason=reason)

    async def _attempt_until_passed(self, plan: StepPlan, scope: Scope) -> None:
        if plan.delay is not None:
            await anyio.sleep(plan.delay.render(scope))
        if plan.poll is not None:
            await self._poll(plan, plan.poll, scope)
            return
        pauses = _pauses(plan.retry, scope)
        while True:
            try:
                if await self._ask(plan, scope):
                    await self._judge(plan, scope)
            finally:
                self._count()
            if self.last.outcome is Outcome.PASSED:
                return
            pause = next(pauses, None)
            if pause is None:
                return
            if len(self.stumbles) < MOST_STUMBLES:
                self.stumbles.append(_why(self.last) or "it did not pass")
            await anyio.sleep(pause)

    async def _poll(self, plan: StepPlan, poll: PollPlan, scope: Scope) -> None:
        """Ask until `until` holds, then judge; no answer meanwhile counts as not yet."""
        every, within = poll.every.render(scope), poll.within.render(scope)
        end = perf_counter() + within
        while True:
            missing: list[Mismatch] = []
            try:
                if await self._ask(plan, scope, max(end - perf_counter(), _LEAST)):
                    missing = await self._not_yet(poll, scope, plan.request.timeout(scope))
                    if not missing:
                        await self._judge(plan, scope)
            finally:
                self._count()
            left = end - perf_counter()
            if not missing or left <= 0:
                self.last.mismatch(missing)
                return
            await anyio.sleep(min(every, left))

    async def _not_yet(self, poll: PollPlan, scope: Scope, seconds: float) -> list[Mismatch]:
        """What does not hold yet."""
        result = self.last.result
        if isinstance(result, Failure) and not poll.until.wants_error:
            return [mismatch_at(poll.node, "until", result.message)]
        try:
            found = await self._judged(poll.until, scope, seconds)
        except Unjudgeable as error:
            return [mismatch_at(error.node or poll.node, "until", str(error))]
        return [replace(mismatch, where=f"until.{mismatch.where}") for mismatch in found]

    async def _ask(self, plan: StepPlan, scope: Scope, most: float | None = None) -> bool:
        """Send the request once, in `most` seconds; whether that could be done."""
        self.attempts += 1
        last = self.last = Attempt()
        try:
            ask = plan.request.render(scope)
            if plan.request.auth is not None:
                ask.credentials = await self._credentials(plan.request.auth, scope, ask.timeout)
        except VariableError as error:
            last.error(str(error), error.node)
            last.lacks = error.name if isinstance(error, NoValueError) else None
            return False
        except HookError as error:
            last.error(str(error), error.node, raised=error.raised)
            return False
        if most is not None:
            ask.timeout = min(ask.timeout, most)
        if self.span_id is not None:
            ask.traceparent = f"00-{self.trace_id}-{self.span_id}-01"
        last.follows = ask.max_hops > 0
        last.sent, last.result = await self.inspection.session.ask(ask)
        return True

    async def _credentials(self, hook: Hook, scope: Scope, seconds: float) -> Credentials:
        try:
            made = await call(hook, self.inspection.probe(scope, None), {}, seconds)
        except AssertionError as error:
            raise HookError(f"{hook.reference} raised {in_a_line(error)}", hook.node, error) from None
        return Credentials("call", auth=made)

    async def _judge(self, plan: StepPlan, scope: Scope) -> None:
        """Judge what came, save from it, and look behind it where all holds."""
        last, result = self.last, self.last.result
        if isinstance(result, Failure) and not plan.expect.wants_error:
            last.error(result.message, None, result.kind)
            return
        try:
            last.mismatch(await self._judged(plan.expect, scope, plan.request.timeout(scope)))
        except Unjudgeable as error:
            last.mismatches = list(error.mismatches)
            last.error(str(error), error.node, error.kind, error.cause)
        except VariableError as error:
            last.error(str(error), error.node)
        if not isinstance(result, Answer):
            return
        self._save(plan.saves, scope, result)
        if plan.verify and last.outcome is Outcome.PASSED:
            await self._look(plan.verify, scope, result, plan.request.timeout(scope))

    async def _judged(self, expect: Expectation, scope: Scope, seconds: float) -> list[Mismatch]:
        """The mismatches; each of the user's functions in it may take so many seconds."""
        result = self.last.result
        if result is None:
            return []
        answer = result if isinstance(result, Answer) else None
        judge: Callable[[], list[Mismatch]] = partial(expect.judge, result, scope)
        if answer is not None and expect.openapi is not None and expect.openapi.wanted(scope):
            judge = described_by(await self.inspection.description.document(), judge)
        if not expect.has_calls:
            return judge()
        return await judge_with_calls(judge, Calls(self.inspection.probe(scope, answer), invoking(seconds)))

    async def _look(self, looks: Looks, scope: Scope, answer: Answer | None, seconds: float) -> None:
        def keep(name: str, value: Any, place: Node) -> None:
            self._keep(name, value, scope, secret=False, place=place)

        found: list[Mismatch] = []
        try:
            await self.inspection.look(looks, scope, answer, seconds, keep, found)
        except HookError as error:
            self.last.error(str(error), error.node, raised=error.raised)
        except Unjudgeable as error:
            self.last.error(str(error), error.node, error.kind, error.cause)
        finally:
            self.last.mismatch(found)
            self.secrets += self.inspection.pools.passwords

    def _save(self, saves: Iterable[Save], scope: Scope, answer: Answer) -> None:
        for save in saves:
            try:
                value = save.take(answer, scope)
            except NotThere as error:
                self.last.mismatch([mismatch_at(error.node, f"save.{save.name}", str(error))])
            except (Unjudgeable, VariableError) as error:
                self.last.error(str(error), error.node)
            else:
                self._keep(save.name, value, scope, secret=save.secret, place=save.node)

    def _keep(self, name: str, value: Any, scope: Scope, *, secret: bool, place: Node) -> None:
        last = self.last
        scope[name] = last.kept[name] = value
        if not secret and name not in self.secret:
            last.saved[name] = value
            return
        last.saved[name] = MASK
        last.secrets.append(value)
        if is_too_short(value):
            last.error(f"the secret {name!r} is shorter than {SHORTEST} characters and cannot be masked", place)

    def _count(self) -> None:
        self.secrets += self.last.secrets
        self.sent += self.last.sent is not None
        match self.last.result:
            case Answer(time=seconds) | Failure(kind="timeout", time=seconds):
                self.times.append(seconds)
            case Failure(refused=True):
                self.refused += 1


def _why(attempt: Attempt) -> str | None:
    if attempt.reason or not attempt.mismatches:
        return attempt.reason
    return str(attempt.mismatches[0])


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


def mismatch_at(node: Node, where: str, message: str) -> Mismatch:
    """What does not hold, told at a place of the spec."""
    at = node.location
    line = at.source.line(at.line)
    return Mismatch(where, None, message, None, None, at.source.name, at.line, at.column, at.width, line)
