"""The events of a run put together again: each check with its steps, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.reporters.ndjson import as_data

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


def check_data(check: CheckResult) -> dict[str, Any]:
    """A check as strict JSON can hold it: the fields of its two events, and under `steps` those of each step's."""
    started, finished = as_data(check.started), as_data(check.finished)
    steps = [as_data(step) for step in check.steps]
    for step in steps:
        del step["event"], step["id"], step["target"]
    data = started | finished | {"steps": steps}
    del data["event"]
    return data
