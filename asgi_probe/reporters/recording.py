"""A run kept to be told later, as it would have been told meanwhile."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from asgi_probe.reporters.console import ConsoleReporter

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event
    from asgi_probe.terminal import Screen


class Recording:
    """Every event of a run, and when it came."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._times: list[float] = [monotonic()]

    def handle(self, event: Event) -> None:
        """Keep one event."""
        self.events.append(event)
        self._times.append(monotonic())

    def tell(self, screen: Screen, *, verbosity: int = 0, tracebacks: bool = True) -> None:
        """Show what the console would have shown, but for what stands there only for a while."""
        now = self._times[0]
        console = ConsoleReporter(screen, verbosity=verbosity, command=None, tracebacks=tracebacks, clock=lambda: now)
        for now, event in zip(self._times[1:], self.events, strict=True):  # noqa: B007 - the clock reads it
            console.handle(event)
        console.close()
