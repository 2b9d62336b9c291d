"""What a reporter is, and how `--report KIND=PATH` becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from asgi_probe.engine.events import RunFinished
from asgi_probe.errors import UsageError
from asgi_probe.reporters.files import has_read_enough, open_directly, open_file

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile


class Reporter(Protocol):
    """Tells a run, event by event."""

    def handle(self, event: Event) -> None:
        """Take in one event; raises nothing for what happens to its file."""

    def close(self) -> None:
        """Nothing more will come."""


class Report(Reporter, Protocol):
    """A reporter that writes a file; `problem` says why the file is not whole."""

    problem: str | None


class Writer(Protocol):
    """Writes one kind of report: it takes what it writes to, and may raise whatever happens to that."""

    def handle(self, event: Event) -> None:
        """Take in one event; what is left to write is written with the last one, `RunFinished`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of report: the class that writes it, in this package, and what that takes.

    `file` is a `ReportFile`, `stream` the open file and its name, `address` the text behind the `=`. One that `traces`
    wants every check to be a trace, and sends it somewhere, which may take its time.
    """

    module: str
    writer: str
    takes: Literal["file", "stream", "address"] = "file"
    traces: bool = False


KINDS = {
    "html": Kind("html", "HtmlReporter"),
    "ndjson": Kind("ndjson", "NdjsonReporter", "stream"),
    "junit": Kind("junit", "JUnitWriter"),
    "tap": Kind("tap", "TapWriter"),
    "gitlab": Kind("gitlab", "GitlabWriter"),
    "json": Kind("json_document", "JsonDocument"),
    "markdown": Kind("markdown", "MarkdownReporter"),
    "github": Kind("github", "step_summary", "address"),
    "prometheus": Kind("prometheus", "PrometheusWriter"),
    "otel": Kind("otel", "OtelReporter", "address", traces=True),
}
"""Every kind by the name that `--report` knows it by."""


class FileReport:
    """A writer and its file, which is there whole when the run has ended, or not at all.

    What the system does to it is its `problem`, unless it was a reader of standard output who had read enough.
    What else its writer raises is a bug, and raised.
    """

    def __init__(self, name: str, writer: Writer, file: ReportFile) -> None:
        self._name = name
        self._writer = writer
        self._file = file
        self._ended = self._over = False
        self.problem: str | None = None

    def handle(self, event: Event) -> None:
        """Give it the event, unless it has failed before."""
        if self._over:
            return
        try:
            self._writer.handle(event)
        except OSError as error:
            self._fail(error)
        except Exception:
            self._over = True
            raise
        self._ended = self._ended or isinstance(event, RunFinished)

    def close(self) -> None:
        """Put the file in its place, if it is whole."""
        if self._over or not self._ended:
            self._file.discard()
            return
        try:
            self._file.commit()
        except OSError as error:
            self._fail(error)
            self._file.discard()

    def _fail(self, error: OSError) -> None:
        self._over = True
        if not has_read_enough(self._name.partition("=")[2], error):
            self.problem = f"the report {self._name!r} was not written: {(error.strerror or str(error)).lower()}"


def open_report(spec: str, *, cwd: Path) -> Report:
    """The report that `KIND=PATH` asks for, its file open and empty; `-` is standard output.

    Raises `UsageError` for what cannot be written.
    """
    name, equals, path = spec.partition("=")
    if name not in KINDS:
        raise UsageError(f"unknown report format {name!r}, {_known(name)}")
    kind = KINDS[name]
    if kind.traces and not path.strip():
        raise UsageError(f"{spec!r} names no address, expected {name}=http://localhost:4318")
    if not equals or not path:
        raise UsageError(f"{spec!r} names no file, expected {name}=FILE, or {name}=- for standard output")
    made: Any = getattr(import_module(f"asgi_probe.reporters.{kind.module}"), kind.writer)
    if kind.takes == "file":
        file = open_file(path, cwd=cwd)
        return FileReport(spec, made(file), file)
    report: Report = made(path) if kind.takes == "address" else made(open_directly(path, cwd=cwd), path)
    return report


def wants_traces(spec: str) -> bool:
    """Whether the report wants every check to be a trace."""
    kind = KINDS.get(spec.partition("=")[0])
    return kind is not None and kind.traces


def _known(kind: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(kind.lower(), KINDS, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(KINDS)}"
