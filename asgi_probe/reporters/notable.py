"""What is worth telling of a run to those who read only that: its troubles, and the little there is to say else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, RunFinished, RunStarted, StepFinished, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.failure import exchange, failed_step, mismatches, said
from asgi_probe.reporters.marking import marks_of
from asgi_probe.terminal import harmless, inline, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.results import Mismatch
    from asgi_probe.terminal import Line

_LONGEST_NAME = 200
_LONGEST_MESSAGE = 500
_MOST_OTHERS = 20
"""Flaky checks, reasons and warnings that are kept, each."""
_LONGEST_PART = 4_000
"""Characters of what did not hold, of an exchange, of a traceback …"""

_EXPECTED = frozenset({Outcome.SKIPPED, Outcome.XFAILED})


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a spec; column and width are None where only the line is known."""

    file: str
    line: int
    column: int | None = None
    width: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of all there is to know of a trouble: harmless text, and what stands above it."""

    title: str
    text: str
    language: str = "text"


@dataclass(slots=True, eq=False)
class Trouble:
    """A check that did not pass, or passed only in the end: one line about it, and where that is.

    `more` counts those that got no answer for the same reason.
    """

    outcome: Outcome
    name: str
    place: Place
    target: str
    message: str
    seconds: float
    parts: Sequence[Part] = ()
    more: int = 0


@dataclass(slots=True, eq=False)
class Counted:
    """The first few different texts, and how often each came; `beyond` counts what others came."""

    counts: dict[str, int] = field(default_factory=dict)
    beyond: int = 0

    def add(self, text: str) -> None:
        """Take in one more."""
        if text in self.counts or len(self.counts) < _MOST_OTHERS:
            self.counts[text] = self.counts.get(text, 0) + 1
        else:
            self.beyond += 1


class Notable:
    """Takes in a run; keeps of it the first `most` troubles, of those `detailed` in full, and counts the others."""

    def __init__(self, most: int, detailed: int = 0) -> None:
        self._most = most
        self._detailed = detailed
        self._steps: dict[str, list[StepFinished]] = {}
        self._alike: dict[str, Trouble] = {}
        self.started: RunStarted | None = None
        self.troubles: list[Trouble] = []
        self.beyond = 0
        """Troubles that are only counted."""
        self.undetailed = 0
        """Troubles that are kept, but not in full."""
        self.flaky: list[Trouble] = []
        self.flaky_beyond = 0
        self.expected = Counted()
        """Why checks were skipped, or expected to fail."""
        self.warnings = Counted()

    def handle(self, event: Event) -> None:
        """Take in one event; a check that passed leaves nothing behind."""
        match event:
            case StepFinished():
                if event.outcome is not Outcome.PASSED:
                    self._steps.setdefault(event.id, []).append(event)
            case CheckFinished():
                steps = self._steps.pop(event.id, ()) if self._steps else ()
                if event.outcome is not Outcome.PASSED:
                    self._add(event, steps)
            case Warned():
                self.warnings.add(_short(event.message, _LONGEST_MESSAGE))
            case RunStarted():
                self.started = event
            case RunFinished():
                self.troubles.sort(key=lambda trouble: trouble.outcome is Outcome.INTERRUPTED)

    @property
    def several(self) -> bool:
        """Whether there is more than one target."""
        return self.started is not None and len(self.started.targets) > 1

    def _add(self, check: CheckFinished, steps: Sequence[StepFinished]) -> None:
        if not check.outcome.green:
            self._add_trouble(check, steps)
        elif check.outcome in _EXPECTED:
            self.expected.add(_short(f"{check.outcome}: {check.reason}" if check.reason else check.outcome))
        elif len(self.flaky) < _MOST_OTHERS:
            self.flaky.append(_trouble(check, steps))
        else:
            self.flaky_beyond += 1

    def _add_trouble(self, check: CheckFinished, steps: Sequence[StepFinished]) -> None:
        cause = _cause(check, steps)
        if cause in self._alike:
            self._alike[cause].more += 1
        elif len(self.troubles) < self._most:
            trouble = _trouble(check, steps)
            self._detail(trouble, check, steps)
            self.troubles.append(trouble)
            if cause:
                self._alike[cause] = trouble
        else:
            self.beyond += 1

    def _detail(self, trouble: Trouble, check: CheckFinished, steps: Sequence[StepFinished]) -> None:
        if len(self.troubles) >= self._detailed:
            self.undetailed += 1
            return
        parts = _parts(check, steps)
        # what the one line says already is no detail
        trouble.parts = () if [part.text for part in parts] == [trouble.message] else tuple(parts)


def _cause(check: CheckFinished, steps: Sequence[StepFinished]) -> str:
    """What makes two checks alike: why neither got an answer, or could even ask; empty where it is its own."""
    told = check.reason or ""
    if check.outcome is not Outcome.ERROR or check.traceback:
        return ""
    return "" if any(step.response or step.traceback or step.mismatches for step in steps) else told


def _trouble(check: CheckFinished, steps: Sequence[StepFinished]) -> Trouble:
    message, place = _first(check, steps)
    name = check.name or check.id.partition("::")[2]
    return Trouble(
        check.outcome,
        _short(name, _LONGEST_NAME),
        place,
        _short(check.target, _LONGEST_NAME),
        _short(message, _LONGEST_MESSAGE),
        check.duration,
    )


def _first(check: CheckFinished, steps: Sequence[StepFinished]) -> tuple[str, Place]:
    """The first thing that went wrong, and where it stands."""
    at_check = Place(check.file or check.id.partition("::")[0], check.line)
    for step in steps:
        if step.mismatches:
            return str(step.mismatches[0]), _at(step.mismatches[0])
        if step.reason:
            return step.reason, _at(step) if step.file else at_check
    if check.mismatches:
        return str(check.mismatches[0]), _at(check.mismatches[0])
    return check.reason or check.outcome, at_check


def _at(one: Mismatch | StepFinished) -> Place:
    return Place(one.file, one.line, one.column, one.width)


def _short(text: str, longest: int = _LONGEST_NAME) -> str:
    """The beginning of a text, harmless and on one line."""
    shown = inline(text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _parts(check: CheckFinished, steps: Sequence[StepFinished]) -> list[Part]:
    """All there is to know, in the order in which one wants to know it."""
    parts: list[Part] = []
    for step in steps:
        if not step.outcome.green:
            parts += _of_step(step, check.name)
    told = [] if any(step.mismatches for step in steps) else mismatches(check.mismatches)
    if check.reason and not any(step.reason == check.reason for step in steps):
        told = [[(harmless(check.reason), "")], *told]
    parts[:0] = _part("", told)
    if check.traceback and not any(step.traceback for step in steps):
        parts += _traceback(check.traceback, check.traceback_of)
    return parts


def _of_step(step: StepFinished, check: str) -> list[Part]:
    parts = _part("", failed_step(step, check, whole=False))
    parts += _part("what was sent, and what came", exchange(step.request, step.response, marks_of(step.mismatches))[1:])
    if step.traceback:
        parts += _traceback(step.traceback, step.traceback_of)
    parts += _part("what the app said", said(step)[2:])
    if step.curl:
        parts.append(Part("try it by hand", _beginning(harmless(step.curl)), "sh"))
    return parts


def _part(title: str, told: Sequence[Line]) -> list[Part]:
    text = "\n".join(map(plain, told))
    return [Part(title, _beginning(text))] if text else []


def _traceback(text: str, whose: str) -> list[Part]:
    shown = harmless(text).rstrip("\n")
    if len(shown) > _LONGEST_PART:
        shown = "…\n" + shown[-_LONGEST_PART:]
    return [Part(f"traceback of the {'hook' if whose == 'hook' else 'app'}", shown, "pytb")]


def _beginning(text: str) -> str:
    if len(text) <= _LONGEST_PART:
        return text
    return f"{text[:_LONGEST_PART]}\n… {len(text) - _LONGEST_PART:,} more characters"


def broken(run: RunFinished, *, warns: bool) -> list[str]:
    """What is to be said of thresholds that do not hold: of those that only warn, or of the others."""
    return [
        _short(f"{verdict.text}: {verdict.told}", _LONGEST_MESSAGE)
        for verdict in run.thresholds
        if not verdict.holds and verdict.warns is warns
    ]
