"""What is kept of a run: frozen plain data, small, and safe to show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import (
    MAY_BE_STARTING,
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
)
from asgi_probe.engine.results import Outcome
from asgi_probe.errors import ExitCode
from asgi_probe.reporters.words import count
from asgi_probe.serving.sheet import Sheet
from asgi_probe.terminal import clip, harmless, inline

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event

MOST_CHECKS = 50_000
"""Checks of a run that are kept; more are only counted."""
_MOST_NAMED = 3
"""Checks that are named of those that hang."""
_LONGEST_NAMED = 100
_LONGEST_NAME = 1_000
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """How a check ended: `duration` is in seconds, `reason` why it did not pass, `target` the name of whom it asked."""

    id: str
    target: str
    name: str
    file: str
    line: int
    phase: str
    outcome: str
    duration: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run ended: `started_at` is ISO 8601 in UTC, `duration` in seconds, from its process's start to its end.

    `outcomes` counts checks by outcome, `thresholds` says of each whether it held; `problem` says what was wrong with
    the run as a whole. `hung` says that it was ended because it took too long. `times` are those of its requests. `id`
    is 0 until it is kept.
    """

    started_at: str
    duration: float
    exit_code: int
    outcomes: dict[str, int]
    id: int = 0
    targets: tuple[str, ...] = ()
    requests: int = 0
    times: dict[str, float] | None = None
    thresholds: dict[str, bool] = field(default_factory=dict)
    problem: str | None = None
    hung: bool = False
    checks: tuple[CheckRecord, ...] = ()

    @property
    def green(self) -> bool:
        """Whether all is well."""
        return self.exit_code == ExitCode.GREEN

    @property
    def outcome(self) -> str:
        """The run in a word: `passed`, `failed`, or `error` where it could not be judged."""
        if self.green:
            return "passed"
        return "failed" if self.exit_code == ExitCode.FAILED and not self.hung else "error"

    @property
    def blind(self) -> bool:
        """Whether the target could not even be asked, so that no check tells of it."""
        return not self.checks and (self.hung or self.exit_code == ExitCode.TARGET)


def now() -> str:
    """The moment as ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Tally:
    """Takes in the events of a run, and gives its record; told from one thread, asked from others."""

    started_at: str = field(default_factory=now)
    begun: bool = False
    """Whether the run has begun: specs were valid, and whom to ask could be imported."""
    selected: int = 0
    ended: int = 0
    finished: RunFinished | None = None
    sheet: Sheet | None = field(default_factory=Sheet)
    """The run as a page; None if there can be none."""
    _targets: tuple[str, ...] = ()
    _running: dict[tuple[str, str], CheckStarted] = field(default_factory=dict)
    _steps: dict[tuple[str, str], str] = field(default_factory=dict)
    """Of checks that run, or were interrupted, where they are."""
    _hanging: tuple[CheckStarted, ...] | None = None
    _checks: list[CheckRecord] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, RunFinished) and event.problem is not None:
            event = replace(event, problem=event.problem.removesuffix(MAY_BE_STARTING))
        self._show(event)
        match event:
            case CheckStarted():
                self._running[event.target, event.id] = event
            case StepFinished():
                self._steps[event.target, event.id] = _place(event)
            case CheckFinished():
                self._running.pop((event.target, event.id), None)
                if event.outcome is not Outcome.INTERRUPTED:
                    self._steps.pop((event.target, event.id), None)
                self._keep(event)
            case RunStarted():
                self._targets = tuple(_short(target.name) for target in event.targets or (event.target,))
                self.selected = event.checks
                self.begun = event.begun
            case RunFinished():
                self.finished = event
            case _:
                pass

    def hangs(self) -> None:
        """The run takes too long, and is about to be ended: what runs now is what hangs."""
        self._hanging = tuple(self._running.values())

    @property
    def waiting(self) -> str:
        """How many checks hang, and the first of them with the steps where they are, if known; empty if none does."""
        waiting = self._hanging
        if waiting is None:
            return ""
        if not waiting:
            return "no check was running"
        first = [self._name(each) for each in waiting[:_MOST_NAMED]]
        more = [f"{len(waiting) - len(first):,} more"] if len(waiting) > len(first) else []
        were = "was" if len(waiting) == 1 else "were"
        return f"{count(len(waiting), 'check')} {were} waiting: {', '.join([*first, *more])}"

    def _name(self, check: CheckStarted) -> str:
        place = self._steps.get((check.target, check.id), "")
        target = f" @{check.target}" if len(self._targets) > 1 else ""
        told = clip(inline(check.id), _LONGEST_NAMED) + clip(inline(target), _LONGEST_NAMED)
        return f"{told} ({clip(inline(place), _LONGEST_NAMED)})" if place else told

    def _keep(self, event: CheckFinished) -> None:
        steps = event.phase == "steps"
        self.ended += steps
        # what runs around the checks and is well is nobody's business
        if (steps or not event.outcome.green) and len(self._checks) < MOST_CHECKS:
            self._checks.append(
                CheckRecord(
                    _short(event.id),
                    _short(event.target),
                    _short(event.name),
                    _short(event.file),
                    event.line,
                    event.phase,
                    event.outcome,
                    event.duration,
                    _reason(event),
                )
            )

    def _show(self, event: Event) -> None:
        if self.sheet is not None:
            try:
                self.sheet.add(event)
            except Exception:  # noqa: BLE001 - without the page there is still all else
                self.sheet = None

    def _settle(self, reason: str | None) -> None:
        if self.sheet is not None:
            try:
                self.sheet.settle(reason)
            except Exception:  # noqa: BLE001 - likewise
                self.sheet = None

    def record(self, duration: float, exit_code: int, said: str) -> RunRecord:
        """The run, whose process has ended with an exit code; `said` is what it wrote where no event tells the end."""
        end = self.finished
        if end is None:
            return self._lost(duration, exit_code, said)
        self._settle(None)
        return self._made(
            duration,
            exit_code or end.exit_code,
            dict(end.outcomes),
            requests=end.requests,
            times=_times(end),
            thresholds={_short(verdict.text): verdict.holds for verdict in end.thresholds},
            problem=_text(end.problem or _broken(end) or end.reason),
        )

    def _lost(self, duration: float, exit_code: int, said: str) -> RunRecord:
        """The run without an end: it could not begin, or its process was killed."""
        problem = f"the run ended with exit code {exit_code} before it was through"
        if not self.begun:
            return self._made(duration, exit_code or ExitCode.BUG, {}, problem=_text(said or problem))
        return self._given_up(duration, exit_code or ExitCode.BUG, "its process ended", problem)

    def hung(self, duration: float, limit: str) -> RunRecord:
        """The run, which was ended because it took longer than `limit`: what had not ended by then is an error."""
        if self._hanging is None:
            self.hangs()
        why = f"the run was ended after {limit}"
        problem = f"the run hung: it was ended after {limit}, when {self.waiting}"
        return replace(self._given_up(duration, ExitCode.FAILED, why, problem), hung=True)

    def _given_up(self, duration: float, exit_code: int, why: str, problem: str) -> RunRecord:
        reason = f"it was still running when {why}"
        for started in tuple(self._running.values()):
            took = max(0.0, duration - started.at)
            self.add(replace(_ended(started), duration=round(took, 6), reason=reason))
        self._checks = [_judged(check, reason) for check in self._checks]
        self._settle(reason)
        outcomes = dict(Counter(check.outcome for check in self._checks))
        not_run = max(0, self.selected - self.ended)
        # it is ours, and no problem that the target told of
        self._show(RunFinished(outcomes, round(duration, 6), exit_code, None, not_run=not_run, reason=problem))
        return self._made(duration, exit_code, outcomes, problem=problem)

    def _made(self, duration: float, exit_code: int, outcomes: dict[str, int], **more: Any) -> RunRecord:
        return RunRecord(
            self.started_at,
            round(duration, 6),
            exit_code,
            outcomes,
            targets=self._targets,
            checks=tuple(self._checks),
            **more,
        )


def _place(step: StepFinished) -> str:
    """Where a check is whose last step is this one; nothing where that is as much as its name says."""
    if step.outcome is not Outcome.INTERRUPTED:
        return f"after {step.step!r}"
    return "" if step.id.endswith(f"::{step.step}") else f"in {step.step!r}"


def _ended(started: CheckStarted) -> CheckFinished:
    return CheckFinished(
        started.id,
        Outcome.ERROR,
        0.0,
        file=started.file,
        line=started.line,
        name=started.name,
        phase=started.phase,
        target=started.target,
    )


def _judged(check: CheckRecord, reason: str) -> CheckRecord:
    """A check that the end of the run has interrupted is one that could not be judged."""
    if check.outcome != Outcome.INTERRUPTED:
        return check
    return replace(check, outcome=Outcome.ERROR.value, reason=reason)


def _times(end: RunFinished) -> dict[str, float] | None:
    times = end.times
    if times is None:
        return None
    return {name: getattr(times, name) for name in ("count", "mean", "p50", "p95", "p99", "longest")}


def _broken(end: RunFinished) -> str | None:
    broken = [verdict for verdict in end.thresholds if not verdict.holds and not verdict.warns]
    return "; ".join(f"{verdict.text} does not hold: {verdict.told}" for verdict in broken) or None


def _reason(event: CheckFinished) -> str | None:
    if event.reason is not None:
        return _text(event.reason)
    return _text("\n".join(map(str, event.mismatches)) or None)


def _text(text: str | None) -> str | None:
    """A text of several lines that anything can hold and show, not too long."""
    if text is None:
        return None
    return harmless(text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…")


def _short(text: str) -> str:
    return harmless(text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…")
