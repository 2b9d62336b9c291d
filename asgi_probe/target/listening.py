"""Listening to an app: its log records, warnings and prints reach the notes of the request that they belong to."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from asgi_probe.target.said import listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from asgi_probe.exchange import Saying

    Undo = Callable[[], None]

_DEEPEST = 100
"""How many callers are looked at to know who writes."""
_DEBUGGERS = frozenset(("bdb", "pdb"))
_HANDLES = logging.Logger.callHandlers.__code__
_FAILS = logging.Handler.handleError.__code__


class _Shared:
    """What is put in place once for all who want it, and taken away after the last of them."""

    def __init__(self, put: Callable[[], Undo]) -> None:
        self._put = put
        self._wanted = 0
        self._lock = Lock()
        self._undo: Undo

    @contextmanager
    def wanted(self) -> Iterator[None]:
        with self._lock:
            if not self._wanted:
                self._undo = self._put()
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    self._undo()


@contextmanager
def listening(*, capture: bool = True) -> Iterator[None]:
    """Inside, `listener` hears of log records and of exceptions; with `capture` of warnings and prints too."""
    with ExitStack() as exits:
        for shared in (_RECORDS, _SIGNALS, _WARNINGS, _STREAMS) if capture else (_RECORDS, _SIGNALS):
            exits.enter_context(shared.wanted())
        yield


def _hear_records() -> Undo:
    """Ask the record factory, not a handler: loggers that do not propagate pass by every handler of ours."""
    make = logging.getLogRecordFactory()
    hearing = True

    def make_and_hear(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        notes = listener.get()
        if notes is not None and hearing:
            notes.logged(record)
        return record

    def undo() -> None:
        nonlocal hearing
        hearing = False
        if logging.getLogRecordFactory() is make_and_hear:
            logging.setLogRecordFactory(make)

    logging.setLogRecordFactory(make_and_hear)
    return undo


def _hear_signals() -> Undo:
    """Hear of the exceptions that Flask and Django answer with 500 where their loggers are turned off."""
    modules = filter(None, map(sys.modules.get, ("flask.signals", "django.core.signals")))
    signals = [module.got_request_exception for module in modules]

    def hear(sender: object, exception: BaseException | None = None, **_: object) -> None:
        del sender
        notes = listener.get()
        error = exception or sys.exc_info()[1]
        if notes is not None and error is not None:
            notes.blame(error)

    for signal in signals:
        signal.connect(hear)

    def undo() -> None:
        for signal in signals:
            signal.disconnect(hear)

    return undo


def _hear_warnings() -> Undo:
    """Leave a `showwarning` of the app's own in its place: what it logs or prints is heard anyway."""
    show = warnings.showwarning
    hearing = show is getattr(warnings, "_showwarning_orig", None)

    def hear(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        notes = listener.get()
        if notes is None or notes.closed or file is not None or not hearing:
            show(message, category, filename, lineno, file, line)
        else:
            notes.warned(message, category, filename, lineno)

    def undo() -> None:
        nonlocal hearing
        hearing = False
        if warnings.showwarning is hear:
            warnings.showwarning = show

    if hearing:
        warnings.showwarning = hear
    return undo


class Routed:
    """A standard stream: what is written in a request's context belongs to its notes, all else goes through."""

    def __init__(self, stream: TextIO, source: Saying) -> None:
        self.stream = stream
        self.hearing = True
        """Whoever keeps it after that, as a handler may, writes to the stream itself."""
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write or note the text."""
        notes = listener.get()
        if notes is None or notes.closed or not self.hearing or not isinstance(text, str):
            return self.stream.write(text)
        writer = _writer()
        if writer == "debugger":
            return self.stream.write(text)
        if writer == "app":
            notes.printed(self._source, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write or note the lines."""
        for line in lines:
            self.write(line)


def _writer() -> Literal["app", "handler", "debugger"]:
    """Who writes: a handler writes a record, which has been noted already; of one that fails we want to hear."""
    frame = sys._getframe(2)  # noqa: SLF001 - as logging itself looks for its caller
    for _ in range(_DEEPEST):
        if frame is None or frame.f_code is _FAILS:
            break
        if frame.f_code is _HANDLES:
            return "handler"
        if frame.f_globals.get("__name__") in _DEBUGGERS:
            return "debugger"
        frame = frame.f_back  # type: ignore[assignment]
    return "app"


def _hear_streams() -> Undo:
    undo_output, undo_errors = _hear_stream("stdout"), _hear_stream("stderr")

    def undo() -> None:
        undo_output()
        undo_errors()

    return undo


def _hear_stream(name: Saying) -> Undo:
    stream = getattr(sys, name)
    if stream is None:  # a program without a console
        return lambda: None
    if isinstance(stream, Routed):  # left behind by who had replaced it while it was here
        stream = stream.stream
    routed = Routed(stream, name)

    def undo() -> None:
        routed.hearing = False
        if getattr(sys, name) is routed:
            setattr(sys, name, stream)

    setattr(sys, name, cast("TextIO", routed))
    return undo


_RECORDS = _Shared(_hear_records)
_SIGNALS = _Shared(_hear_signals)
_WARNINGS = _Shared(_hear_warnings)
_STREAMS = _Shared(_hear_streams)
