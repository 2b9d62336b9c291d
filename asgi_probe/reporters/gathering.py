"""The events of a run put together again: each check with its steps, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.reporters.ndjson import as_data, as_json

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event, Warned


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check that has ended: what was told when it began, of its steps in order, and at its end."""

    started: CheckStarted
    steps: tuple[StepFinished, ...]
    finished: CheckFinished


class CountedWarnings:
    """The warnings of a run, each once; those that are different from the first `most` are lost."""

    def __init__(self, most: float = inf) -> None:
        self._most = most
        self._counts: dict[tuple[str, str | None], int] = {}

    def add(self, warning: Warned) -> None:
        """Take in one more."""
        known = warning.message, warning.traceback
        if known in self._counts or len(self._counts) < self._most:
            self._counts[known] = self._counts.get(known, 0) + 1

    def data(self) -> list[dict[str, Any]]:
        """Each with its `message`, its `traceback` and the `count` of how often it came, in the order of the first."""
        return [
            {"message": message, "traceback": traceback, "count": count}
            for (message, traceback), count in self._counts.items()
        ]


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


@dataclass(slots=True)
class _Last:
    """The check that was put into data last: reports of one run ask for the same check one after the other."""

    finished: CheckFinished | None = None
    data: dict[str, Any] = field(default_factory=dict)
    json: bytes = b""


_last = _Last()


def check_data(check: CheckResult) -> dict[str, Any]:
    """A check as strict JSON can hold it: the fields of its two events, and under `steps` those of each step's.

    It must not be changed: the next to ask for the same check gets the same data.
    """
    global _last  # noqa: PLW0603 - replaced whole, so that threads never see two checks in one
    last = _last
    if last.finished is check.finished:
        return last.data
    data = _data_of(check)
    _last = _Last(check.finished, data)
    return data


def check_json(data: dict[str, Any]) -> bytes:
    """What `check_data` gave, as JSON on one line, in UTF-8."""
    last = _last
    if last.data is not data:
        return as_json(data)
    if not last.json:
        last.json = as_json(data)
    return last.json


def _data_of(check: CheckResult) -> dict[str, Any]:
    started, finished = as_data(check.started), as_data(check.finished)
    steps = [as_data(step) for step in check.steps]
    for step in steps:
        del step["event"], step["id"], step["target"]
    data = started | finished | {"steps": steps}
    del data["event"]
    return data
