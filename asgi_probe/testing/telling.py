"""What did not pass, as the console reporter prints it, in pytest's report."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, RunStarted, TargetInfo
from asgi_probe.errors import ProbeError, SpecError
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.terminal import inline, open_screen, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from _pytest._io import TerminalWriter

    from asgi_probe.engine.events import Event
    from asgi_probe.terminal import Line


class NotPassed(Exception):  # noqa: N818 - an outcome, as pytest wants it
    """Checks of one file that did not pass: all that was told of them."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__("; ".join(f"{event.id}: {event.outcome}" for event in _bad(events)))
        self.events = tuple(events)


class Broken(Exception):  # noqa: N818 - likewise
    """Something around checks that went wrong: lines for people."""

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__("\n".join(map(plain, lines)))
        self.lines = tuple(lines)


@dataclass(frozen=True)
class Crash:
    """What pytest says of a failure in one line; `lineno` counts from 1."""

    path: str
    lineno: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.message}"


class Told:
    """Lines of ours in pytest's report, with colour where pytest has some; what pytest calls a `TerminalRepr`."""

    def __init__(self, lines: Callable[[int | None], Sequence[Line]], crash: Crash) -> None:
        """`lines` gives them for a screen of so many columns."""
        self._lines = lines
        self.reprcrash = crash

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write them all."""
        lines = self._lines(tw.fullwidth if tw.hasmarkup else None)
        tw.write(as_text(lines, color=tw.hasmarkup))

    def __str__(self) -> str:
        return as_text(self._lines(None), color=False).rstrip("\n")


def as_text(lines: Iterable[Line], *, color: bool) -> str:
    """Lines as a text, each with its end."""
    stream = StringIO()
    open_screen(stream, color="always" if color else "never", environ={}).write(lines)
    return stream.getvalue()


def told(error: BaseException) -> Told | None:
    """How pytest reports one of our exceptions; None for others."""
    match error:
        case NotPassed(events=events):
            first = _bad(events)[0]
            return Told(lambda columns: in_full(events, columns), Crash(first.file, first.line, _in_short(first)))
        case Broken(lines=lines):
            return Told(lambda _: lines, Crash("", 0, plain(lines[0]).strip() if lines else ""))
        case ProbeError():
            from asgi_probe.reporters.errors import told as lines_of

            return Told(lambda columns: lines_of(error, columns), Crash("", 0, _first_of(error)))
    return None


def in_full(events: Sequence[Event], columns: int | None = None, *, verbosity: int = -1) -> list[Line]:
    """What the console reporter prints of these checks, which are of one file; those that are green from 0 on."""
    finished = [event for event in events if isinstance(event, CheckFinished)]
    size = sum(event.phase != "fixture" for event in finished)
    page = _Page(columns)
    reporter = ConsoleReporter(page, verbosity=verbosity)
    reporter.handle(RunStarted("", TargetInfo("", "app", ""), (finished[0].file,), size, 1, "", sizes=(size,)))
    page.lines.clear()
    for event in events:
        reporter.handle(event)
    lines = page.lines[1:]  # without the file's own line
    while lines and not lines[-1]:
        lines.pop()
    return lines


class _Page:
    """A screen that keeps what is shown."""

    problem: str | None = None

    def __init__(self, columns: int | None) -> None:
        self.columns = columns
        self.lines: list[Line] = []

    def write(self, lines: Iterable[Line]) -> None:
        self.lines += lines

    def command(self, text: str) -> None:
        """Nobody reads along here."""

    def live(self, line: Callable[[], Line]) -> None:
        """There is no live line here."""

    def close(self) -> None:
        """Nothing to take away."""


def _bad(events: Sequence[Event]) -> list[CheckFinished]:
    return [event for event in events if isinstance(event, CheckFinished) and not event.outcome.green]


def _in_short(check: CheckFinished) -> str:
    if check.reason:
        return inline(check.reason)
    return inline(str(next(iter(check.mismatches), check.outcome)))


def _first_of(error: ProbeError) -> str:
    if isinstance(error, SpecError) and error.diagnostics:
        return inline(str(next(each for each in error.diagnostics if not each.warning)))
    return inline(str(error).partition("\n")[0])
