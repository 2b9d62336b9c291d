"""Events on their way to all reporters, none of which can take the others or the run with it."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from asgi_probe.cli.github import OFF, Github
from asgi_probe.cli.streams import leave_standard_output
from asgi_probe.engine.events import RunFinished
from asgi_probe.errors import ExitCode, UsageError
from asgi_probe.reporters.reports import FileReport, open_report, wants_traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.reports import Report, Reporter
    from asgi_probe.terminal import Screen

_TOGETHER = 64
"""Events that wait for each other on the way to files: one by one they would cost the run twice as much."""


class Telling:
    """Gives every event to every reporter: to the reports that are asked for, the console, those `beside`, GitHub.

    With `github` that is told without being asked, where it is; `root` is the project's. Files that are there when the
    run has ended get theirs a few at a time, all others as they come. A reporter that fails is told no more, and all
    others go on.
    """

    def __init__(
        self, reports: Sequence[str], console: Reporter, *beside: Reporter, screen: Screen, root: Path, github: bool
    ) -> None:
        self._screen = screen
        self._github = Github(reports, screen, root, os.environ, by_itself=github)
        far = [report for report in reports if wants_traces(report)]
        near = [report for report in reports if report not in far]
        self._named = dict(
            zip([report for report in (*near, *far) if report != OFF], opened([*near, *far]), strict=True)
        )
        leave_standard_output(reports)
        self._files: list[Reporter] = [each for each in self._named.values() if isinstance(each, FileReport)]
        self._far: list[Reporter] = [self._named[report] for report in far]
        """Closed when all others are: they may wait for somebody."""
        beyond = (*self._files, *self._far)
        streams = [each for each in self._named.values() if each not in beyond]
        self._live: list[Reporter] = [*streams, console, *beside, *self._github.reporters]
        self._for_others: list[Reporter] = [*self._named.values(), *self._github.reporters]
        self._waiting: list[Event] = []
        self._bugs: dict[int, str] = {}
        """What went wrong in those that are told no more."""

    def emit(self, event: Event) -> None:
        """Tell the event, of which nobody who is told can stop the run."""
        for reporter in (*self._live, *self._far):
            self._tell(reporter, event)
        if self._files:
            self._waiting.append(event)
            if len(self._waiting) >= _TOGETHER or isinstance(event, RunFinished):
                self._catch_up()

    def tell_reports(self, event: Event) -> None:
        """Tell the event only to those who write for others: people are told elsewhere."""
        self._catch_up()
        for report in self._for_others:
            self._tell(report, event)

    def close(self) -> None:
        """End all of them, those that are far last."""
        self._catch_up()
        for reporter in (*self._files, *self._live, *self._far):
            try:
                reporter.close()
            except Exception as error:  # noqa: BLE001 - the others are to be closed, too
                self._drop(reporter, error)

    def outcome(self, run: RunFinished) -> ExitCode:
        """With what to exit when all are closed; says what went wrong with any of them."""
        problems = [problem for report in self._named.values() if (problem := report.problem)]
        self._screen.write(
            [[("error: ", "error"), (problem, "message")] for problem in (*problems, *self._bugs.values())]
        )
        self._github.tell_problem()
        ours = ExitCode.BUG if self._bugs else ExitCode.FAILED if problems else ExitCode.GREEN
        return ExitCode(run.exit_code or ours)

    def _catch_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            for reporter in self._files:
                self._tell(reporter, event)

    def _tell(self, reporter: Reporter, event: Event) -> None:
        if id(reporter) in self._bugs:
            return
        try:
            reporter.handle(event)
        except Exception as error:  # noqa: BLE001 - it is not the run that has failed
            self._drop(reporter, error)

    def _drop(self, reporter: Reporter, error: Exception) -> None:
        names = (f"the report {name!r}" for name, each in self._named.items() if each is reporter)
        self._bugs.setdefault(id(reporter), f"{next(names, type(reporter).__name__)} failed: {_bug(error)}")


def _bug(error: Exception) -> str:
    at = extract_tb(error.__traceback__)[-1]
    where = f"{Path(at.filename).name}:{at.lineno}"
    return f"{type(error).__name__} at {where}: {error}; this is a bug of asgi-probe, please report it"


def opened(reports: Iterable[str]) -> list[Report]:
    """All of them, or none: a UsageError lists those that cannot be written."""
    found: list[Report] = []
    problems: list[str] = []
    with ExitStack() as so_far:  # whatever ends it, be it a signal
        for report in reports:
            if report == OFF:
                continue
            try:
                found.append(so_far.enter_context(closing(open_report(report, cwd=Path.cwd()))))
            except UsageError as error:
                problems.append(str(error))
        if problems:
            raise UsageError("\n".join(problems))
        so_far.pop_all()
    return found
