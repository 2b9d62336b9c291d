"""A run told to GitHub Actions: annotations at the lines of specs, and the summary of a step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from errno import EFBIG
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from asgi_probe.engine.events import RunFinished
from asgi_probe.reporters.files import open_file, open_to_append
from asgi_probe.reporters.markdown import document
from asgi_probe.reporters.notable import Notable, broken
from asgi_probe.reporters.reports import FileReport
from asgi_probe.reporters.repository import Repository
from asgi_probe.reporters.words import count
from asgi_probe.terminal import disarmed, inline, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile
    from asgi_probe.reporters.notable import Place, Trouble
    from asgi_probe.reporters.reports import Report

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a step's summary."""
MOST_ANNOTATIONS = 10
"""Annotations of one kind that GitHub shows of a step."""
LARGEST_SUMMARY = 1024 * 1024
"""Bytes of a step's summary; of a larger one GitHub shows nothing at all."""
_SPARE = 1024
"""Bytes of it that are left to others."""
_MOST_TROUBLES = 300
_MOST_DETAILED = 100


def step_summary(path: str, environ: Mapping[str, str] = os.environ) -> Report:
    """The report that writes the summary of a step: behind what is there in GitHub's own file, else a file of its own.

    Raises `UsageError` for what cannot be written.
    """
    cwd = Path.cwd()
    if path != "-" and environ.get(SUMMARY) and os.path.realpath(path) == os.path.realpath(environ[SUMMARY]):
        file, taken = open_to_append(path, cwd=cwd)
    else:
        file, taken = open_file(path, cwd=cwd), 0
    return FileReport(f"github={path}", StepSummary(file, taken), file)


class StepSummary:
    """Writes the summary when the run has ended, behind the `taken` bytes that others wrote."""

    def __init__(self, file: ReportFile, taken: int = 0) -> None:
        self._file = file
        self._taken = taken
        self._notable = Notable(_MOST_TROUBLES, _MOST_DETAILED)

    def handle(self, event: Event) -> None:
        """Take in one event; raises OSError where others left no room."""
        self._notable.handle(event)
        if isinstance(event, RunFinished):
            self._write(event)

    def _write(self, run: RunFinished) -> None:
        room = LARGEST_SUMMARY - _SPARE - self._taken
        text = document(self._notable, run, room, _bytes)
        if _bytes(text) > room:
            raise OSError(EFBIG, f"{self._taken:,} bytes of others leave no room for it")
        self._file.write("\n\n" * bool(self._taken) + text)


def _bytes(text: str) -> int:
    return len(text.encode())


class Annotations:
    """Gives a line for each annotation to `command`, when the run has ended: failures first, and few of them.

    `root` is the project's, what the names of specs are relative to; GitHub knows them from the repository's.
    """

    def __init__(self, command: Callable[[str], None], root: Path) -> None:
        self._command = command
        self._root = root
        self._repository = Repository(root)
        self._notable = Notable(MOST_ANNOTATIONS)

    def handle(self, event: Event) -> None:
        """Take in one event; write with the last one."""
        self._notable.handle(event)
        if isinstance(event, RunFinished):
            for line in self._lines(event):
                self._command(line)

    def close(self) -> None:
        """Nothing more will come."""

    def _lines(self, run: RunFinished) -> Iterator[str]:
        notable = self._notable
        every = list(chain(self._errors(run), self._warnings(run)))
        yield from every[:MOST_ANNOTATIONS]
        beyond = len(every) - MOST_ANNOTATIONS + notable.beyond + notable.flaky_beyond
        if beyond > 0:
            told = f"… and {beyond:,} more, in the summary of this step and in its log"
            yield annotation("notice", told, title="asgi-probe")

    def _errors(self, run: RunFinished) -> Iterator[str]:
        if run.problem:
            yield annotation("error", inline(run.problem[:_LONGEST]), title="asgi-probe")
        for trouble in self._notable.troubles:
            yield self._about(trouble, "error")
        for verdict in broken(run, warns=False):
            yield annotation("error", verdict, title="asgi-probe: threshold")
        if run.reason and run.exit_code:
            yield annotation("error", inline(run.reason[:_LONGEST]), title="asgi-probe")

    def _warnings(self, run: RunFinished) -> Iterator[str]:
        for verdict in broken(run, warns=True):
            yield annotation("warning", verdict, title="asgi-probe: threshold")
        for flaky in self._notable.flaky:
            yield self._about(flaky, "warning", "flaky: ")

    def _about(self, trouble: Trouble, level: Level, lead: str = "") -> str:
        at = self._at(trouble.place)
        more = f" (and {count(trouble.more, 'more check')} alike)" if trouble.more else ""
        where = f" on {trouble.target}" if self._notable.several else ""
        return annotation(level, f"{lead}{trouble.message}{more}", **at, title=f"{trouble.name}{where}")

    def _at(self, place: Place) -> dict[str, str | int]:
        if not (self._root / place.file).is_file():  # what was typed on a command line
            return {}
        at: dict[str, str | int] = {"file": self._repository.path(place.file), "line": place.line}
        return at | {"col": place.column, "endColumn": place.column + place.width} if place.column else at


_LONGEST = 1_000
Level = Literal["error", "warning", "notice"]


def annotation(level: Level, message: str, **properties: str | int) -> str:
    """The workflow command of an annotation, on one line whatever is in it."""
    told = ",".join(f"{name}={_property(_harmless(str(value)))}" for name, value in properties.items())
    return f"::{level} {told}::{_data(_harmless(message))}"


def _harmless(text: str) -> str:
    """A text in which no other command is: GitHub looks for `##[` anywhere in a line."""
    return plain(disarmed([(text, "")]))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
