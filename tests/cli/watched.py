"""`asgi-probe run --watch` on a real terminal, and what it has shown."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

from tests.cli.project import PATIENCE

if TYPE_CHECKING:
    from typing import Any

    from tests.cli.project import Project

WAITING = "waiting for changes"


class Watched:
    """A watch under way; `shows` waits for words that come after those that were waited for before."""

    def __init__(self, project: Project, *args: str) -> None:
        self._ours, self.terminal = pty.openpty()
        self.mode_before = termios.tcgetattr(self.terminal)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asgi_probe", "run", "--watch", *args],
            cwd=project.root,
            env=project.environment(),
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no other thread runs here
        )
        self.text = ""
        self._seen = 0

    def shows(self, *words: str) -> None:
        """Wait for each of these in turn."""
        for word in words:
            until = time.monotonic() + PATIENCE
            while word not in self.text[self._seen :]:
                assert time.monotonic() < until, f"{word!r} never came, only {self.text[self._seen :]!r}"
                self._read(0.1)
            self._seen = self.text.index(word, self._seen) + len(word)

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < until, f"it never ended, only {self.text[self._seen :]!r}"
            self._read(0.05)
        return self._process.returncode

    def mode(self) -> list[Any]:
        return termios.tcgetattr(self.terminal)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)
        os.close(self._ours)
        os.close(self.terminal)

    def _read(self, seconds: float) -> None:
        if select.select([self._ours], [], [], seconds)[0]:
            self.text += os.read(self._ours, 65536).decode("utf-8", "replace")
