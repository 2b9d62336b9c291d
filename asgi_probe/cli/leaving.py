"""Leaving in time: threads and tasks that an app has left running do not keep the process."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from threading import Thread, current_thread, enumerate, main_thread  # noqa: A004 - the module's word
from time import sleep

PATIENCE = 5.0
"""Seconds that such threads get to end by themselves."""


def leave_tasks(exit_code: int) -> None:
    """Leave at once where a task would not end: Python would throw into it, and wait for what it does then."""
    backend = sys.modules.get("asgi_probe.engine.backend")
    if backend is not None and backend.left_behind:
        atexit._run_exitfuncs()  # noqa: SLF001 - what Python would do itself, and has no other name
        with suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)


def watch_threads(exit_code: int) -> None:
    """Python waits at its end for threads; after a few seconds leave all the same, and say for whom it waited."""
    if any(thread is not main_thread() and not thread.daemon for thread in enumerate()):
        Thread(target=_leave_late, args=(exit_code,), daemon=True, name="asgi-probe's watch").start()


def _leave_late(exit_code: int) -> None:
    sleep(PATIENCE)
    ours = (main_thread(), current_thread())
    left = sorted(thread.name for thread in enumerate() if thread not in ours and not thread.daemon)
    names = ", ".join(left)
    sys.stderr.write(f"warning: the app left threads that do not end ({names}); nobody waits for them any longer\n")
    sys.stderr.flush()
    os._exit(exit_code)
