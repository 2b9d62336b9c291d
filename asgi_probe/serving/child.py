"""A run in a process of its own: nothing that an app does to its process, or a loop that it blocks, is felt here.

Specs, hooks and the app are read anew by each run, what they leak ends with it, and one that hangs can be killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Thread
from time import monotonic
from typing import IO, TYPE_CHECKING

from asgi_probe.reporters.reading import NotAnEventError, read_event
from asgi_probe.serving.records import Tally
from asgi_probe.target.children import RUNNING, ourselves, signal_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from asgi_probe.serving.records import RunRecord

GRACE = 20.0
"""Seconds that a run gets to end in order: `finally` and `teardown`, the app's shutdown, what `serve` has started."""
_AT_ONCE = 2.0
_BETWEEN = 0.2
_LAST_WORDS = 2.0
_LOOK = 0.02
_MOST_SAID = 64 * 1024
_REPORTS = ("--report", "ndjson=-", "--report", "github=off")
"""What we read, and nothing that a run tells by itself."""
_TOKEN = "ASGI_PROBE_TOKEN"  # noqa: S105 - a name


class Child:
    """A run that goes on: `tally` is what is known of it by now."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `asgi-probe run` with the arguments."""
        self.tally = Tally()
        self.began = monotonic()
        self._said = b""
        self._process = subprocess.Popen(  # noqa: S603 - ourselves, with what the command line says
            [*ourselves(), "run", *_REPORTS, *arguments],
            env={name: value for name, value in environment.items() if name != _TOKEN},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C on a terminal goes to all in the foreground: this one is told by us, once
            start_new_session=True,
        )
        RUNNING.add(self._process.pid)
        self._readers = [
            _reading(self._events, self._process.stdout),
            _reading(self._words, self._process.stderr),
        ]

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return monotonic() - self.began

    @property
    def said(self) -> str:
        """What it told people, the last of it."""
        return self._said.decode(errors="replace").strip()

    @property
    def exit_code(self) -> int:
        """The exit code of the process that has ended."""
        code = self._process.poll()
        return code if code is not None and code >= 0 else 128 - (code or 0)

    def wait(self, seconds: float, until: Callable[[], bool], stop: Event) -> bool:
        """Wait for the end or for what `until` says, at most that many seconds or till a stop; whether it came."""
        end = monotonic() + seconds
        while not (self.ended or until()):
            if monotonic() >= end or stop.wait(_LOOK):
                return False
        return True

    def settled(self) -> Tally:
        """What is known of the run that has ended by itself, when all it told has been read."""
        self._leave()
        return self.tally

    def record(self) -> RunRecord:
        """The run that has ended by itself."""
        return self.settled().record(self.seconds, self.exit_code, self.said)

    def end(self) -> None:
        """Let the run end in order; what does not is killed, with all that it has started."""
        for patience in (GRACE, _AT_ONCE):
            # the second signal makes it leave at once, and take with it what runs in sessions of their own
            self._process.terminate()
            if self._wait(patience):
                break
        self._leave()

    def kill(self) -> None:
        """End it now, and all that it has started."""
        for patience in (_BETWEEN, _AT_ONCE):
            # two at the same moment would be one
            self._process.terminate()
            if self._wait(patience):
                break
        self._leave()

    def _leave(self) -> None:
        if self.tally.finished is None or not self.ended:
            signal_group(self._process.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        self._wait(_AT_ONCE)
        for reader in self._readers:
            # what the app has started may hold the pipes open for ever
            reader.join(_LAST_WORDS)
        RUNNING.discard(self._process.pid)

    def _wait(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _events(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            try:
                event = read_event(line)
            except NotAnEventError:
                # cut by the end of a process that was killed
                continue
            if event is not None:
                self.tally.add(event)

    def _words(self, pipe: IO[bytes]) -> None:
        while data := os.read(pipe.fileno(), _MOST_SAID):
            self._said = (self._said + data)[-_MOST_SAID:]


def _reading(read: Callable[[IO[bytes]], None], pipe: IO[bytes] | None) -> Thread:
    def drain() -> None:
        assert pipe is not None  # noqa: S101 - both are pipes
        with pipe:
            read(pipe)

    thread = Thread(target=drain, daemon=True, name="asgi-probe's ear")
    thread.start()
    return thread
