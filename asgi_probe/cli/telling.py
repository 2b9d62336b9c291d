"""Events on their way to all reporters, none of which can take the others with it."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.cli.github import OFF
from asgi_probe.cli.streams import leave_standard_output
from asgi_probe.engine.events import RunFinished
from asgi_probe.errors import UsageError
from asgi_probe.reporters.reports import FileReport, open_report, wants_traces, what_failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.reports import Report, Reporter

_TOGETHER = 64
"""Events that wait for each other on the way to files: one by one they would cost the run twice as much."""


class Telling:
    """Gives every event to every reporter; `problems` are those of reports that could not be written.

    Files that are there when the run has ended get theirs a few at a time, all others as they come. A reporter that
    fails is told no more, and all others go on.
    """

    def __init__(self, reports: Sequence[str], console: Reporter, *beside: Reporter) -> None:
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
        self._live: list[Reporter] = [*[each for each in self._named.values() if each not in beyond], console, *beside]
        self._added: list[Reporter] = []
        self._waiting: list[Event] = []
        self._failed: dict[int, str] = {}
        """Why those failed that are told no more."""

    def add(self, more: Sequence[Reporter]) -> None:
        """Tell these too, after all others but those that are far."""
        self._live += more
        self._added += more

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
        for report in (*self._named.values(), *self._added):
            self._tell(report, event)

    def close(self) -> None:
        """End all of them, those that are far last."""
        self._catch_up()
        for reporter in (*self._files, *self._live, *self._far):
            try:
                reporter.close()
            except Exception as error:  # noqa: BLE001 - the others are to be closed, too
                self._drop(reporter, error)

    @property
    def problems(self) -> list[str]:
        return [*(problem for report in self._named.values() if (problem := report.problem)), *self._failed.values()]

    def _catch_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            for reporter in self._files:
                reporter.handle(event)

    def _tell(self, reporter: Reporter, event: Event) -> None:
        if id(reporter) in self._failed:
            return
        try:
            reporter.handle(event)
        except Exception as error:  # noqa: BLE001 - it is not the run that has failed
            self._drop(reporter, error)

    def _drop(self, reporter: Reporter, error: Exception) -> None:
        self._failed.setdefault(id(reporter), what_failed(self._name(reporter), error))

    def _name(self, reporter: Reporter) -> str:
        names = (name for name, each in self._named.items() if each is reporter)
        return next(names, type(reporter).__name__)


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
