"""The end of a run as people read it."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.failure import traceback
from asgi_probe.reporters.words import count, duration, tally
from asgi_probe.terminal import Line, harmless, inline

if TYPE_CHECKING:
    from asgi_probe.engine.events import RunFinished, Warned

_MOST_FAILED = 20
_MOST_WARNINGS = 10
_SLOW = 0.1
"""Seconds below which no check is called slow."""


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

    def lines(self) -> list[Line]:
        """Each warning with how often it came and its first traceback."""
        told: list[Line] = []
        for message, times in self._counts.items():
            told += _told("warning", message, self._tracebacks[message], f" ({times:,} times)" if times > 1 else "")
        if self._beyond:
            told.append([(f"… and {count(self._beyond, 'more warning')}", "quiet")])
        return [[], *told] if told else []


class Failed:
    """The ids of the checks that did not pass: the first few, and how many more. `command` takes them as arguments.

    Without one nothing is told.
    """

    def __init__(self, command: str | None) -> None:
        self._command = command
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
        told += [
            [(f"  {inline(self._command)} {_at(target)}", "quiet"), (quote(inline(argument)), "")]
            for target, argument in self._needed()
        ]
        if self._beyond:
            told.append([(f"  … and {self._beyond:,} more", "quiet")])
        return told


def _at(target: str) -> str:
    return f"--target {quote(inline(target))} " if target else ""


def summary(
    run: RunFinished, warnings: Warnings, failed: Failed, verbosity: int, seed: int | None = None
) -> list[Line]:
    """All that is said at the end; the last line says it in short. `seed` is what the order was shuffled with."""
    told = warnings.lines()
    if run.problem:
        told += [[], *_told("error", run.problem, run.traceback)]
    if verbosity >= 0:
        told += _slowest(run, least=0.0 if verbosity else _SLOW)
    told += failed.lines()
    told.append([])
    if run.stopped:
        told.append(_stopped(run))
    if seed is not None:
        told.append([(f"shuffled with seed {seed}; again with --shuffle={seed}", "quiet")])
    if run.requests and verbosity >= 0:
        told.append([(f"{count(run.requests, 'request')}, {_rate(run.requests, run.duration)} a second", "quiet")])
    return [*told, _last_line(run)]


def _told(style: str, message: str, cause: str | None, note: str = "") -> list[Line]:
    first, *rest = harmless(message).split("\n")
    told: list[Line] = [[(f"{style}: ", style), (first, "message"), (note, "quiet")]]
    told += [[("  | ", "gutter"), (line, "message")] for line in rest]
    return told + traceback(cause) if cause else told


def _slowest(run: RunFinished, least: float) -> list[Line]:
    slow = [check for check in run.slowest if check.duration >= least]
    if not slow or sum(run.outcomes.values()) < 2:
        return []
    times = [duration(check.duration) for check in slow]
    longest = max(map(len, times))
    several = len({check.target for check in run.slowest}) > 1
    told: list[Line] = [[], [("slowest", "title")]]
    for check, time in zip(slow, times, strict=True):
        told.append([(f"  {time:>{longest}}  ", "quiet"), (inline(check.id), "")])
        if several:
            told[-1].append((f"  on {inline(check.target)}", "quiet"))
    return told


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
