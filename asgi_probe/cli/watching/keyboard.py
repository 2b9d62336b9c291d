"""Single keys from a terminal, which is left as it was found."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from select import select
from threading import Thread
from typing import TYPE_CHECKING

from asgi_probe.cli.watching.inbox import Pressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asgi_probe.cli.watching.inbox import Inbox

_NAMES = {"\n": "enter", "\r": "enter"}
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What arrows and their kin send."""


@contextmanager
def keys_from_terminal(inbox: Inbox) -> Iterator[Callable[[], None] | None]:
    """While open, each key that is pressed is told, without Enter and without being shown; signals stay signals.

    Gives what takes the keys again after somebody else had the terminal; None where standard input is no terminal of
    ours: then there are no keys.
    """
    descriptor = _terminal()
    if descriptor is None:
        yield None
        return
    import termios

    before = termios.tcgetattr(descriptor)
    wake_up, end = os.pipe()
    thread = Thread(target=_read, args=(descriptor, wake_up, inbox), daemon=True, name="asgi-probe's keyboard")
    try:
        _take(descriptor)
        thread.start()
        yield lambda: _take(descriptor)
    finally:
        with suppress(termios.error, OSError):  # it may be gone, and we with it
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        os.close(end)
        thread.join(1)
        os.close(wake_up)


def _terminal() -> int | None:
    """Standard input, if it is a terminal in whose foreground we are."""
    try:
        import termios  # noqa: F401 - where it is missing, terminals are something else

        descriptor = sys.stdin.fileno()
        return descriptor if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (ImportError, AttributeError, OSError, ValueError):
        return None


def _take(descriptor: int) -> None:
    import termios

    with suppress(termios.error, OSError):
        mode = termios.tcgetattr(descriptor)
        # TOSTOP would stop the runs, which are in the background and write there
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.TOSTOP)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(descriptor, termios.TCSADRAIN, mode)


def _read(descriptor: int, wake_up: int, inbox: Inbox) -> None:
    with suppress(OSError, ValueError):
        while True:
            ready, _, _ = select([descriptor, wake_up], [], [])
            if wake_up in ready:
                return
            typed = os.read(descriptor, 64).decode("utf-8", "replace")
            if not typed:
                return
            for key in _SEQUENCE.sub("", typed):
                inbox.put(Pressed(_NAMES.get(key, key.lower())))
