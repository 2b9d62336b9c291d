"""SIGINT and SIGTERM: the first stops the run in order, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asgi_probe.errors import ExitCode
from asgi_probe.target.children import kill_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from asgi_probe.engine.stopping import Stop

_EXIT_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@contextmanager
def stopping_on_signals(stop: Stop) -> Iterator[None]:
    """While open, signals go to `stop`. They are handled even while an app blocks the event loop.

    Before the run has begun, while an app is being imported, they raise `KeyboardInterrupt`.
    """

    def handle(number: int, _: FrameType | None) -> None:
        exit_code = _EXIT_CODES[signal.Signals(number)]
        if stop.reason == "interrupted":
            kill_all()
            sys.stderr.flush()
            os._exit(exit_code)
        stop.request("interrupted", exit_code)
        if not stop.attached:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in _EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
