"""When runs happen: one every interval, never two at the same time."""

from __future__ import annotations

import sqlite3
from math import floor
from time import monotonic
from typing import TYPE_CHECKING

from asgi_probe.errors import ExitCode
from asgi_probe.reporters.words import duration
from asgi_probe.serving.child import Child
from asgi_probe.serving.records import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from asgi_probe.serving.history import History
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.status import Status

_LOOK = 0.5


class Schedule:
    """Starts a run every interval, counted from the first; what is due while another goes on is left out."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        status: Status,
        history: History,
        tell: Callable[[RunRecord], None],
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._status = status
        self._history = history
        self._tell = tell
        self._began = 0.0
        self.child: Child | None = None

    def begin(self, stop: Event) -> Child:
        """Start the first run, and wait till it has begun, or ended because it could not."""
        self._began = monotonic()
        child = self._start()
        child.wait(self._status.limit, lambda: child.tally.begun, stop)
        return child

    def go_on(self, stop: Event, served: Callable[[], bool]) -> None:
        """Bring the first run to its end, and start others till there is a stop; the last one is ended in order.

        Give up when nobody is `served` any more.
        """
        while not stop.is_set() and served():
            self._run(stop)
            due = monotonic() + self._pause()
            while served() and monotonic() < due and not stop.wait(min(_LOOK, max(0.0, due - monotonic()))):
                pass

    def _run(self, stop: Event) -> None:
        """Bring the run that goes on to its end, or another."""
        try:
            child = self.child or self._start()
        except OSError as error:
            # out of memory, processes or descriptors: the next may find some
            why = f"no run could be started: {error.strerror or error}"
            self._keep(Tally().record(0.0, ExitCode.FAILED, why))
        else:
            self._end(child, stop)

    def abandon(self) -> None:
        """End the run that goes on, if there is one, in order; it is not kept."""
        if self.child is not None:
            self.child.end()
            self._left(None)

    def _start(self) -> Child:
        self.child = Child(self._arguments, self._environment)
        self._status.start(self.child)
        return self.child

    def _end(self, child: Child, stop: Event) -> None:
        if child.wait(self._status.limit - child.seconds, lambda: False, stop):
            self._keep(child.record())
        elif not stop.is_set():
            child.tally.hangs()
            child.end()
            self._keep(child.tally.hung(child.seconds, duration(self._status.limit)))
        else:
            self.abandon()

    def _keep(self, run: RunRecord) -> None:
        try:
            run = self._history.add(run)
            self._status.problem = None
        except sqlite3.Error as error:
            # the run is known all the same, until the next
            self._status.problem = f"the history cannot be written: {error}"
        self._left(run)
        self._tell(run)

    def _left(self, run: RunRecord | None) -> None:
        self._status.end(run)
        self.child = None

    def _pause(self) -> float:
        """Seconds until the next run is due."""
        interval = self._status.interval
        gone = monotonic() - self._began
        return (floor(gone / interval) + 1) * interval - gone
