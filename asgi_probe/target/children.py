"""Processes that were started for a run, so that none of them outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import sys

RUNNING: set[int] = set()
"""The ids of processes that lead a group of their own."""


def ourselves() -> list[str]:
    """The beginning of a command line that runs us again, with modules of the working directory only if we see them."""
    beside = {"", os.getcwd()} & set(sys.path)  # noqa: PTH109 - as it stands there
    return [sys.executable, *([] if beside else ["-P"]), "-m", "asgi_probe"]


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to the process and all that it has started; false if nobody is left."""
    try:
        if sys.platform == "win32":
            os.kill(leader, number)
        else:
            os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_all() -> None:
    """End them all at once, because we are leaving."""
    number = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
    for leader in tuple(RUNNING):
        signal_group(leader, number)
