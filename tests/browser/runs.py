"""Runs that never ran: their events, as many as are wanted, and as hostile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, TargetInfo
from asgi_probe.engine.results import Body, Mismatch, Outcome, RequestRecord, ResponseRecord, SlowCheck
from asgi_probe.reporters.files import ReportFile
from asgi_probe.reporters.html import Failures, HtmlReporter, head, rest, row
from asgi_probe.reporters.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.reports import Writer

SHOP = TargetInfo("shop", "app", "shop.main:app")
JSON = (("content-type", "application/json"), ("content-length", "1200"), ("x-request-id", "3f9a2c01"))
ORDER = json.dumps(
    {
        "id": 7,
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "lines": [{"sku": f"A-{number}", "qty": number, "note": "as ordered, in blue"} for number in range(20)],
        "paid": False,
    }
)


def page_of(run: dict[str, Any], checks: Iterable[dict[str, Any]]) -> str:
    """The whole page of a run that more is known of, as one text."""
    failures = Failures()
    room = Room(run["started"]["checks"])
    parts = [head(run)]
    for check in checks:
        failures.add(check)
        parts.append(room.fitted(check, row).decode())
    return "".join([*parts, rest(run, failures)])


def started(checks: int, **more: Any) -> RunStarted:
    return RunStarted("1.0.0", SHOP, ("shop.yaml",), checks, 16, "2026-11-25T10:00:00.000+00:00", **more)


def finished(outcomes: dict[str, int], exit_code: int = 1, **more: Any) -> RunFinished:
    return RunFinished(outcomes, 12.5, exit_code, more.pop("stopped", None), requests=sum(outcomes.values()), **more)


def mismatch(path: str | None = "$.customer.name", where: str = "json", **more: Any) -> Mismatch:
    told = {"message": "expected 'Ada King', got 'Ada Lovelace'", "expected": "Ada King", "actual": "Ada Lovelace"}
    place = {"file": "shop.yaml", "line": 7, "column": 15, "width": 8, "source_line": "        name: Ada King"}
    return Mismatch(where, path, **told | place | more)


def request(path: str = "/orders/7", body: str | None = None) -> RequestRecord:
    sent = None if body is None else Body(body, len(body))
    return RequestRecord("GET", f"http://testserver{path}", (("host", "testserver"), ("accept", "*/*")), sent)


def response(text: str = ORDER, headers: Any = JSON, status: int = 200, **more: Any) -> ResponseRecord:
    return ResponseRecord(status, headers, Body(text, len(text), **more), "HTTP/1.1")


def check(name: str, outcome: Outcome, *steps: dict[str, Any], **more: Any) -> Iterator[Event]:
    """The events of a check, its steps given by what is special about them."""
    file = more.pop("file", "shop.yaml")
    about = {"tags": ("smoke",), "spec": "Shop", "at": 0.1, "worker": 1, "line": 3} | more
    ended = {key: about.pop(key) for key in ("reason", "mismatches", "traceback") if key in about}
    duration = about.pop("duration", 0.05)
    target = about.pop("target", "shop")
    id_ = f"{file}::{name}"
    yield CheckStarted(id_, file, about.pop("line"), name, about.pop("tags"), target, **about)
    for step in steps:
        told = {"step": "GET /orders/7", "phase": "steps", "outcome": outcome, "duration": duration, "at": about["at"]}
        yield StepFinished(id_, **told | {"method": "GET", "status": 200, "times": (duration,)} | step)
    phase = about.get("phase", "steps")
    yield CheckFinished(id_, outcome, duration, file=file, line=3, name=name, phase=phase, target=target, **ended)


def failure(name: str = "an order", **more: Any) -> Iterator[Event]:
    """A check whose order is another customer's."""
    found = (mismatch(),)
    step = {
        "request": request(),
        "response": response(),
        "mismatches": found,
        "curl": "curl http://testserver/orders/7",
    }
    return check(name, Outcome.FAILED, step | more.pop("step", {}), mismatches=found, **more)


def many(checks: int, *, verbose: bool = False) -> Iterator[Event]:
    """A run of so many checks, three of a hundred failing; `verbose` has the exchanges of all."""
    yield started(checks)
    exchange = {"request": request(), "response": response(), "curl": "curl -X GET http://testserver/orders/7"}
    for number in range(checks):
        where = {
            "file": f"specs/part_{number // 100:03}.yaml",
            "at": (number // 16) * 0.05,
            "worker": number % 16 + 1,
            "line": number % 100 + 3,
            "duration": 0.01 + (number * 37 % 100) / 2500,
        }
        if number % 33 == 7:
            yield from failure(f"order {number} is as it was", **where)
        else:
            yield from check(f"order {number} is as it was", Outcome.PASSED, exchange if verbose else {}, **where)
    failed = len(range(7, checks, 33))
    slowest = (SlowCheck("specs/part_000.yaml::order 1 is as it was", 0.05, "shop"),)
    yield finished({"passed": checks - failed, "failed": failed}, slowest=slowest)


def whole(checks: Iterable[Event], outcomes: dict[str, int], **more: Any) -> Iterator[Event]:
    """A run of these checks."""
    yield started(sum(outcomes.values()))
    yield from checks
    yield finished(outcomes, **more)


def written(path: Path, events: Iterable[Event], kind: Callable[[ReportFile], Writer] = HtmlReporter) -> Path:
    """The report of these events, as a file."""
    file = ReportFile(path.open("wb"))
    reporter = kind(file)
    for event in events:
        reporter.handle(event)
    file.commit()
    return path
