"""The events of a run put together again: each check with its steps, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check that has ended: what was told when it began, of its steps in order, and at its end."""

    started: CheckStarted
    steps: tuple[StepFinished, ...]
    finished: CheckFinished


class Gathering:
    """Keeps what is told of checks until they end; nothing of a check that has ended."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[CheckStarted, list[StepFinished]]] = {}

    def add(self, event: Event) -> CheckResult | None:
        """Take in an event; the check's whole result if it was its last."""
        match event:
            case StepFinished():
                self._running[event.id][1].append(event)
            case CheckStarted():
                self._running[event.id] = (event, [])
            case CheckFinished():
                started, steps = self._running.pop(event.id)
                return CheckResult(started, tuple(steps), event)
        return None
