"""Runs to be told of, made by hand, and a web app that tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import anyio
import httpx

from asgi_probe.serving.app import web_app
from asgi_probe.serving.guard import Guard
from asgi_probe.serving.history import History, open_history
from asgi_probe.serving.metrics import Measures
from asgi_probe.serving.records import CheckRecord, RunRecord, Tally, now
from asgi_probe.serving.status import Status

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event

HOSTILE = "a \"b'\\ </style><script>alert(1)</script>\n{{7*7}} \x1b]0;x\x07 \ud800 \u202e ]]> ünï"


def check(name: str = "GET /", outcome: str = "passed", **more) -> CheckRecord:
    said = {"target": "live", "phase": "steps", "duration": 0.5, "file": "a.yaml", "line": 3} | more
    return CheckRecord(id=f"a.yaml::{name}", name=name, outcome=outcome, **said)


def run(*checks: CheckRecord, exit_code: int = 0, **more) -> RunRecord:
    outcomes = {}
    for each in checks:
        outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
    said = {"started_at": now(), "duration": 1.5, "outcomes": outcomes, "targets": ("live",)} | more
    return RunRecord(exit_code=exit_code, checks=checks, **said)


@dataclass
class Served:
    """A web app and what is behind it."""

    status: Status = field(default_factory=lambda: Status(60, 120))
    history: History = field(default_factory=lambda: open_history(None))
    token: str | None = None

    def __post_init__(self) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        """The web app for what is said of the status by now."""
        self.measures = Measures(self.status)
        app = web_app(self.status, self.history, self.measures)
        self.app = Guard(app, token=self.token, port=8646)

    def ask(self, path: str, *, method: str = "GET", base: str = "http://localhost:8646", **more) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=base) as client:
                return await client.request(method, path, **more)

        return anyio.run(asked)

    def add(self, ended: RunRecord) -> RunRecord:
        kept = self.history.add(ended)
        self.status.end(kept)
        self.measures.add(kept)
        return kept

    def go_on(self, seconds: float, *, ended: int = 2, checks: int = 9) -> None:
        """A run goes on, for that long."""
        tally = Tally(started_at="2026-11-25T22:30:00.000+00:00", selected=checks, ended=ended)
        self.status.start(SimpleNamespace(tally=tally, seconds=seconds))

    def tell(self, *events: Event, exit_code: int = 0) -> None:
        """A run that tells these events, and ends."""
        tally = Tally()
        for event in events:
            tally.add(event)
        self.status.start(SimpleNamespace(tally=tally, seconds=1.0))
        self.status.end(self.history.add(tally.record(1.0, exit_code, "")))
