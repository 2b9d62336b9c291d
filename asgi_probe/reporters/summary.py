"""The end of a run as people read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.alike import Reasons
from asgi_probe.reporters.failure import traceback
from asgi_probe.reporters.folding import folded
from asgi_probe.reporters.measures import request_times, slowest, thresholds
from asgi_probe.reporters.words import count, duration, tally
from asgi_probe.terminal import Line, clip, harmless, inline

if TYPE_CHECKING:
    from asgi_probe.engine.events import RunFinished, Warned
    from asgi_probe.reporters.alike import Alike

_MOST_FAILED = 20
_MOST_WARNINGS = 10
_MOST_FLAKY = 10
_LONGEST_NOTE = 300
_IN_SIGHT = 20
"""Checks of a run that is still on the screen when it ends."""


class Warnings:
    """The warnings of a run: the first few different ones whole, all counted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._tracebacks: dict[str, str | None] = {}
        self._beyond = 0

    def add(self, warning: Warned) -> None:
        """Take in one more."""
        if warning.message in self._counts:
            self._counts[warning.message] += 1
        elif len(self._counts) < _MOST_WARNINGS:
            self._counts[warning.message] = 1
            self._tracebacks[warning.message] = warning.traceback
        else:
            self._beyond += 1

    def lines(self, *, traces: bool = True) -> list[Line]:
        """Each warning with how often it came and its first traceback."""
        told: list[Line] = []
        for message, times in self._counts.items():
            trace = self._tracebacks[message] if traces else None
            told += _told("warning", message, trace, f" ({times:,} times)" if times > 1 else "")
        if self._beyond:
            told.append([(f"… and {count(self._beyond, 'more warning')}", "quiet")])
        return [[], *told] if told else []


class Failed:
    """The ids of the checks that did not pass: the first few, and how many more. `command` takes them as arguments.

    Without one nothing is told. If the run is `remembered`, many are not listed: there is a flag that knows them.
    """

    def __init__(self, command: str | None, *, remembered: bool = False) -> None:
        self._command = command
        self._remembered = remembered
        self._arguments: dict[tuple[str, str], None] = {}
        self._beyond = 0

    def add(self, argument: str, target: str = "") -> None:
        """Take in what `asgi-probe run` has to be given to run it again: a check's id or a file, and the target."""
        if (target, argument) in self._arguments:
            return
        if len(self._arguments) < _MOST_FAILED:
            self._arguments[target, argument] = None
        else:
            self._beyond += 1

    def _needed(self) -> list[tuple[str, str]]:
        """Without the checks of files that are to be run again whole."""
        return [
            (target, argument)
            for target, argument in self._arguments
            if not ("::" in argument and (target, argument.partition("::")[0]) in self._arguments)
        ]

    def lines(self) -> list[Line]:
        """A command for each, to be copied."""
        if not self._arguments or self._command is None:
            return []
        told: list[Line] = [[], [("run again what did not pass", "title")]]
        targets = {target: None for target, _ in self._arguments}
        if self._beyond and self._remembered:
            return told + [[(f"  {inline(self._command)} {_at(target)}--last-failed", "")] for target in targets]
        told += [
            [(f"  {inline(self._command)} {_at(target)}", "quiet"), (quote(inline(argument)), "")]
            for target, argument in self._needed()
        ]
        if self._beyond:
            told.append([(f"  … and {self._beyond:,} more", "quiet")])
        return told


class Flaky:
    """The checks that passed after a retry: the first few, with why they did not at first, and how many more."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}
        self._number = 0

    def add(self, check_id: str, note: str) -> None:
        """Take in one more, and what is said of it."""
        self._number += 1
        if len(self._notes) < _MOST_FLAKY:
            self._notes[check_id] = clip(note, _LONGEST_NOTE)

    def lines(self, checks: int, columns: int | None = None) -> list[Line]:
        """Each once more, in a run of so many checks that they may be out of sight."""
        if not self._notes or checks <= _IN_SIGHT:
            return []
        told: list[Line] = [[], [("flaky", "title")]]
        for check_id, note in self._notes.items():
            line: Line = [
                ("  ↻ ", "flaky"),
                (inline(check_id), ""),
                (f"  {inline(note.removeprefix('flaky, '))}", "flaky"),
            ]
            told += folded(line, columns)
        if self._number > len(self._notes):
            told.append([(f"  … and {self._number - len(self._notes):,} more", "quiet")])
        return told


def _at(target: str) -> str:
    return f"--target {quote(inline(target))} " if target else ""


@dataclass(slots=True)
class Tale:
    """What of a run is told once more at its end, or only there."""

    failed: Failed
    alike: Alike
    warnings: Warnings = field(default_factory=Warnings)
    reasons: Reasons = field(default_factory=Reasons)
    flaky: Flaky = field(default_factory=Flaky)
    seed: int | None = None
    """What the order was shuffled with."""


def summary(
    run: RunFinished, tale: Tale, verbosity: int, *, columns: int | None = None, traces: bool = True
) -> list[Line]:
    """All that is said at the end; the last line says it in short. Without `traces` no traceback is told."""
    told = tale.warnings.lines(traces=traces)
    if run.problem:
        told += [[], *_told("error", run.problem, run.traceback if traces else None)]
    if verbosity >= 0:
        told += tale.reasons.lines()
        told += tale.flaky.lines(sum(run.outcomes.values()), columns)
        told += request_times(run.times, columns) if verbosity and run.times else []
        told += slowest(run, whole=verbosity > 0)
    told += tale.alike.lines(columns)
    told += tale.failed.lines()
    told += thresholds([each for each in run.thresholds if verbosity >= 0 or not each.holds], columns)
    told.append([])
    if run.stopped:
        told.append(_stopped(run))
    if tale.seed is not None:
        told.append([(f"shuffled with seed {tale.seed}; again with --shuffle={tale.seed}", "quiet")])
    if run.requests and verbosity >= 0:
        told.append([(f"{count(run.requests, 'request')}, {_rate(run.requests, run.duration)} a second", "quiet")])
    return [*told, _last_line(run)]


def _told(style: str, message: str, cause: str | None, note: str = "") -> list[Line]:
    first, *rest = harmless(message).split("\n")
    told: list[Line] = [[(f"{style}: ", style), (first, "message"), (note, "quiet")]]
    told += [[("  | ", "gutter"), (line, "message")] for line in rest]
    return told + traceback(cause) if cause else told


def _stopped(run: RunFinished) -> Line:
    why = "stopped after failures" if run.stopped == "fail-fast" else "interrupted"
    return (
        [(why, "interrupted"), (f", {count(run.not_run, 'check')} did not run", "")]
        if run.not_run
        else [(why, "interrupted")]
    )


def _rate(requests: int, seconds: float) -> str:
    rate = requests / max(seconds, 1e-6)
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _last_line(run: RunFinished) -> Line:
    line: Line = [*tally(run.outcomes), (f" in {_total(run.duration)}", "")]
    red = run.outcomes.get(Outcome.FAILED) or run.outcomes.get(Outcome.ERROR)
    if not run.stopped and (run.exit_code > 1 or (run.exit_code and not red)):
        why = f": {run.reason}" if run.reason else ""
        line.append((f", exit code {run.exit_code}{why}", "error"))
    return line


def _total(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60 else duration(seconds)
