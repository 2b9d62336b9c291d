"""The HTML report of a run, kept while it is the last one: its page, with the runs before it and what goes on now."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import RunFinished, RunStarted, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.gathering import CountedWarnings, Gathering, check_data
from asgi_probe.reporters.html import Failures, head, rest, row
from asgi_probe.reporters.ndjson import as_data
from asgi_probe.reporters.room import Room
from asgi_probe.serving.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.gathering import CheckResult
    from asgi_probe.serving.history import Availability
    from asgi_probe.serving.page import View
    from asgi_probe.serving.records import RunRecord

_POLICY = re.compile('http-equiv="Content-Security-Policy" content="([^"]*)"')
_MOST_WARNINGS = 1_000
_TOP = '<header class="top">'
_LIVE = """
{% if view.trouble %}
<p class="notice error" id="live">{{ view.trouble }}</p>
{% endif %}
{% if view.running and not view.running.hung %}
<p class="notice" id="live">A run goes on since {{ view.running.since[11:19] }} UTC\
{% if view.running.checks %}: {{ view.running.ended }} of {{ view.running.checks }} checks{% endif %}</p>
{% endif %}
"""


class Sheet:
    """Takes in the events of a run; a page when it has ended. What it keeps is as large as the page, 20 MB at most."""

    def __init__(self) -> None:
        self._gathering = Gathering()
        self._failures = Failures()
        self._room = Room(0)
        self._run: dict[str, Any] = {}
        self._warnings = CountedWarnings(_MOST_WARNINGS)
        self._rows: list[bytes] = []
        self._cut: list[CheckResult] = []

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._run["started"] = as_data(event)
                self._room = Room(event.checks)
            case Warned():
                self._warnings.add(event)
            case RunFinished():
                self._run["finished"] = as_data(event)
            case _:
                ended = self._gathering.add(event)
                if ended is None:
                    return
                if ended.finished.outcome is Outcome.INTERRUPTED:
                    self._cut.append(ended)
                else:
                    self._list(ended)

    def settle(self, reason: str | None) -> None:
        """Now list what was interrupted too: as errors where the run could not be judged, and the reason says why."""
        for each in self._cut:
            self._list(each if reason is None else _as_error(each, reason))
        self._cut.clear()

    def _list(self, ended: CheckResult) -> None:
        check = check_data(ended)
        self._failures.add(check)
        self._rows.append(self._room.fitted(check, row))

    @property
    def whole(self) -> bool:
        """Whether the run has begun and ended."""
        return self._run.keys() >= {"started", "finished"}

    def page(self, view: View) -> Page:
        """The report, and above it what goes on."""
        runs = [_told(run) for run in reversed(view.runs)]
        run = self._run | {
            "warnings": self._warnings.data(),
            "history": runs,
            "availability": _shares(view.availability),
        }
        begin, end = head(run), rest(run, self._failures)
        (policy,) = _POLICY.findall(begin)
        end = end.replace(_TOP, _TOP + _live().render(view=view), 1)
        return Page(b"".join([_utf8(begin), *self._rows, _utf8(end)]), f"{unescape(policy)}; frame-ancestors 'none'")


def _as_error(check: CheckResult, reason: str) -> CheckResult:
    steps = tuple(
        replace(step, outcome=Outcome.ERROR, reason=reason) if step.outcome is Outcome.INTERRUPTED else step
        for step in check.steps
    )
    return replace(check, steps=steps, finished=replace(check.finished, outcome=Outcome.ERROR, reason=reason))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _told(run: RunRecord) -> dict[str, Any]:
    return {
        "started_at": run.started_at,
        "duration": run.duration,
        "exit_code": run.exit_code,
        "outcomes": run.outcomes,
    }


def _shares(availability: Sequence[Availability]) -> dict[str, float]:
    """In which share of its runs a check was green, of all targets together."""
    runs: dict[str, int] = {}
    green: dict[str, float] = {}
    for check in availability:
        if check.share is not None:
            runs[check.id] = runs.get(check.id, 0) + check.runs
            green[check.id] = green.get(check.id, 0.0) + check.runs * check.share
    return {name: green[name] / number for name, number in runs.items()}


@cache
def _live() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_LIVE.strip())
