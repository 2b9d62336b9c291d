"""One run in a process of its own, so that it sees every module as it is now."""

from __future__ import annotations

import signal
import subprocess
import sys
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from asgi_probe.cli.watching.inbox import Ended
from asgi_probe.target.children import ourselves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.cli.watching.inbox import Inbox

_PATIENCE = 16.0
"""Seconds that a run gets to end once it was asked: `finally` and `teardown` have 5, the app's shutdown 10."""
_THEN = 2.0


class Child:
    """A run that has begun; its end is told to the inbox.

    It is no member of our process group: what the terminal sends at Ctrl-C reaches it through us, once.
    """

    def __init__(self, arguments: Sequence[str], inbox: Inbox) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, with the arguments that we were given
            [*ourselves(), "run", *arguments],
            stdin=subprocess.DEVNULL,
            process_group=None if sys.platform == "win32" else 0,
        )
        self.id: int = self._process.pid
        self._overdue: float | None = None
        self._asked = 0
        Thread(target=self._wait, args=(inbox,), daemon=True, name="asgi-probe's wait for a run").start()

    @property
    def asked_to_end(self) -> bool:
        return self._asked > 0

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end; the second time it leaves at once. One that is not up yet dies of SIGTERM without a word."""
        self._asked += 1
        self._overdue = monotonic() + (_PATIENCE if self._asked == 1 else _THEN)
        if sys.platform == "win32":
            self._process.terminate()
        else:
            self._process.send_signal(number)

    @property
    def is_overdue(self) -> bool:
        """Whether it takes too long to end after it was asked to."""
        return self._overdue is not None and monotonic() >= self._overdue

    def hurry(self) -> None:
        """It has taken too long: ask once more, and then no more."""
        if self._asked < 2:
            self.end()
        else:
            self._overdue = None
            self._process.kill()

    def _wait(self, inbox: Inbox) -> None:
        inbox.put(Ended(self._process.pid, self._process.wait()))
