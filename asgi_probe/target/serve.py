"""A server of the user's that is started for a run and stopped after it."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from asgi_probe.errors import TargetError
from asgi_probe.target.children import RUNNING, signal_group
from asgi_probe.terminal import harmless

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

_PIECE = 64 * 1024
_LONGEST_LINE = 500
_LINES = 20
_LOOK = 0.05
_LEFT_BEHIND = 1.0
"""Seconds that what the server has started gets to end after it."""
_LAST_WORDS = 0.5
"""Seconds that the rest of its output may take to come."""


@dataclass(frozen=True, slots=True)
class Serve:
    """Start this command in `root`, and stop it within `shutdown` seconds before it is killed."""

    command: tuple[str, ...]
    root: Path
    shutdown: float = 10.0


class Output:
    """The last lines of what a process writes, taken from it all the time by a thread, so that it never waits."""

    def __init__(self, pipe: int) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._open = b""
        self._thread = Thread(target=self._drain, args=(pipe,), daemon=True, name="asgi-probe's ear")
        self._thread.start()

    def tail(self) -> str:
        """The last lines, safe to print; waits a moment for those that are on their way."""
        self._thread.join(_LAST_WORDS)
        return "\n".join([*self._lines, *([_line(self._open)] if self._open else [])])

    def _drain(self, pipe: int) -> None:
        while data := os.read(pipe, _PIECE):
            *whole, rest = (self._open + data).replace(b"\r\n", b"\n").split(b"\n")
            self._lines.extend(map(_line, whole[-_LINES:]))
            self._open = rest[-_LONGEST_LINE:]
        os.close(pipe)


def _line(text: bytes) -> str:
    return harmless(text[:_LONGEST_LINE].decode(errors="replace"))


class Server:
    """A running command: its output, and whether it lives."""

    def __init__(self, serve: Serve) -> None:
        """Start it; a TargetError says why that cannot be done."""
        self.shown = join(serve.command)
        self._shutdown = serve.shutdown
        self._process, self._output = _started(serve)
        RUNNING.add(self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether the command has ended by itself."""
        return self._process.poll() is not None

    async def end(self) -> None:
        """Wait until it has ended."""
        while not self.ended:  # noqa: ASYNC110 - the system tells nobody but who asks
            await anyio.sleep(_LOOK)

    def hurry(self, seconds: float) -> None:
        """Give it no more than so many seconds to stop."""
        self._shutdown = min(self._shutdown, seconds)

    def error(self, when: str) -> TargetError:
        """How it ended, and its last lines."""
        code = self._process.poll()
        how = "was stopped" if code is None else _how_ended(code)
        tail = self._output.tail()
        return TargetError(f"the server ({self.shown}) {how} {when}{'' if tail else ', without a word'}", tail or None)

    def told(self, message: str) -> TargetError:
        """An error with the server's last lines."""
        return TargetError(f"{message}; the server ({self.shown}) is running", self._output.tail() or None)

    async def stop(self) -> None:
        """Ask it and all that it has started to end, and kill what does not; not to be cancelled."""
        with anyio.CancelScope(shield=True):
            leader = self._process.pid
            signal_group(leader, signal.SIGTERM)
            await self._until(lambda: self.ended, self._shutdown)
            if self.ended:
                await self._until(lambda: not signal_group(leader, 0), _LEFT_BEHIND)
            signal_group(leader, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
            await self._until(lambda: self.ended, _LEFT_BEHIND)
            RUNNING.discard(leader)

    async def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        end = monotonic() + seconds
        while not holds() and monotonic() < end:  # noqa: ASYNC110 - as above
            await anyio.sleep(_LOOK)


def _how_ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def _started(serve: Serve) -> tuple[subprocess.Popen[bytes], Output]:
    import subprocess

    ours, theirs = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - the project's own command, without a shell
            serve.command,
            cwd=serve.root,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(ours)
        raise TargetError(f"the server ({join(serve.command)}) cannot be started: {_why_not(error, serve)}") from None
    finally:
        os.close(theirs)
    return process, Output(ours)


def _why_not(error: Exception, serve: Serve) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no command {serve.command[0]!r}, neither where Python is installed nor on PATH"
    return str(getattr(error, "strerror", None) or error).lower()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """What the server finds: the programs beside our Python first, and its output is not held back."""
    path = os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)])
    return {"PYTHONUNBUFFERED": "1", **given, "PATH": path}
