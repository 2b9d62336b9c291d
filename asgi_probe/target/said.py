"""What an app says while it answers a request: log records, warnings, and what it prints."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from logging import ERROR
from threading import Lock
from time import time
from typing import TYPE_CHECKING

from asgi_probe.exchange import Said
from asgi_probe.target.tracebacks import app_traceback, in_a_line, relative, unwrapped
from asgi_probe.terminal import harmless

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from asgi_probe.exchange import Saying

ENTRIES = 200
"""The most entries that are kept of a request."""
TEXT = 65_536
"""The most characters that are kept of a request, tracebacks included."""


@dataclass(slots=True)
class _Entry:
    """One thing said; what is printed comes in parts."""

    source: Saying
    parts: list[str] = field(default_factory=list)
    level: str | None = None
    logger: str | None = None
    time: float = 0.0
    error: BaseException | None = None


class Notes:
    """Of one request: what is said in its context, from any thread, until they are closed."""

    __slots__ = ("_entries", "_left_out", "_lines", "_lock", "_record", "_room", "_root", "blame", "closed")

    def __init__(self, blame: Callable[[BaseException], None], *, keep: bool = True, root: Path | None = None) -> None:
        """`blame` is told of every exception that is logged as an error, even when nothing is to be kept."""
        self.closed = not keep
        """Nothing more is kept: it goes where it would without us."""
        self.blame = blame
        self._root = root
        self._entries: list[_Entry] = []
        self._lines: dict[Saying, _Entry | None] = {}
        """The lines that have no end yet; None for one that is left out."""
        self._left_out = 0
        self._room = TEXT
        self._record: logging.LogRecord | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Keep nothing more, blame nobody any more: tasks that outlive the request keep hold of its notes."""
        self.closed = True
        self.blame = _nobody

    def logged(self, record: logging.LogRecord) -> None:
        """Note a record that has just been made."""
        error = _error_of(record)
        if error is not None and record.levelno >= ERROR:
            self.blame(error)
        if not self.closed:
            self._write_down()
            self._record = record

    def warned(self, message: Warning | str, category: type[Warning], filename: str, line: int) -> None:
        """Note a warning."""
        self._write_down()
        try:
            text = str(message)
        except Exception as error:  # noqa: BLE001 - the app's own `__str__`
            text = f"<a text that cannot be made: {in_a_line(error)}>"
        with self._lock:
            place = f"{relative(filename, self._root)}:{line}"
            self._add(_Entry("warning", time=time()), f"{category.__name__}: {text} ({place})")

    def printed(self, source: Saying, text: str) -> None:
        """Note what was written to a standard stream: each line is one entry, however many writes it took."""
        self._write_down()
        *whole, rest = text.split("\n")
        with self._lock:
            for piece in whole:
                self._print(source, piece)
                del self._lines[source]
            if rest:
                self._print(source, rest)

    def said(self, told: BaseException | None = None) -> tuple[Said, ...]:
        """All of it, in order; an exception that was logged comes with its traceback, unless it is `told` elsewhere."""
        if self._record is None and not self._entries:
            return ()
        self._write_down()
        self._write_down()  # the making of a text may log
        with self._lock:
            entries, left_out = list(self._entries), self._left_out
        said = [self._finished(entry, told) for entry in entries]
        if left_out:
            said.append(Said(said[-1].source, f"… and {left_out} more", time=said[-1].time))
        return tuple(said)

    def _write_down(self) -> None:
        """Write the last record's text: by now its filters have seen it, which may hide what must not be told."""
        record, self._record = self._record, None
        if record is None:
            return
        text = _text_of(record)  # out of the lock: the app's own `__str__` may log, or wait for who logs
        entry = _Entry("log", [], record.levelname, record.name, record.created, _error_of(record))
        with self._lock:
            self._add(entry, text)

    def _print(self, source: Saying, piece: str) -> None:
        if source not in self._lines:
            entry = _Entry(source, time=time())
            self._lines[source] = entry if self._add(entry, piece) else None
        elif (line := self._lines[source]) is not None:
            self._fill(line, piece)

    def _add(self, entry: _Entry, text: str) -> bool:
        if len(self._entries) >= ENTRIES or not self._room:
            self._left_out += 1
            return False
        self._entries.append(entry)
        self._fill(entry, text)
        return True

    def _fill(self, entry: _Entry, text: str) -> None:
        if text and self._room:
            cut = len(text) - self._room
            entry.parts.append(text if cut <= 0 else f"{text[: self._room]} … ({cut} more characters)")
            self._room -= min(len(text), self._room)

    def _finished(self, entry: _Entry, told: BaseException | None) -> Said:
        text = "".join(entry.parts)
        error = entry.error
        if error is not None and told is not error and told is not unwrapped(error):
            trace = app_traceback(error, root=self._root)
            text += f"\n{trace if len(trace) <= self._room else in_a_line(error)}"
        return Said(entry.source, text, entry.level, entry.logger, entry.time)


def _nobody(error: BaseException) -> None:
    del error


listener: ContextVar[Notes | None] = ContextVar("asgi_probe_listener", default=None)
"""The notes of the request that is answered in this context."""


def said_text(said: Iterable[Said]) -> list[str]:
    """What was said as lines for people, safe to print; the lines of a longer text after its first are indented."""
    return [line for entry in said for line in _indented(f"{_speaker(entry)}: {harmless(entry.text)}")]


def _indented(text: str) -> list[str]:
    first, *rest = text.split("\n")
    return [first, *(f"    {line}" for line in rest)]


def _speaker(said: Said) -> str:
    if said.source != "log":
        return said.source
    return harmless(f"{said.level} {said.logger}" if said.level else "log")


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if isinstance(record.exc_info, tuple) else None


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, a `__str__` that raises
        shown = f"{record.msg!r}: " if isinstance(record.msg, str) else ""
        return f"<{shown}a message that cannot be made: {in_a_line(error)}>"
