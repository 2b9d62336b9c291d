"""Events of runs as tests want them, and what a kind of report makes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, TargetInfo
from asgi_probe.engine.results import Body, Mismatch, Outcome, RequestRecord, ResponseRecord, SaidRecord
from asgi_probe.reporters.reports import open_report

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_probe.engine.events import Event

APP = TargetInfo("app", "app", "shop:app")
STAGING = TargetInfo("staging", "live", "https://staging.example.com")
SPEC = "specs/shop.yaml"

HOSTILE = [
    "]]> <script>alert(1)</script> &amp; <![CDATA[ ' \" <!-- -->",
    "\x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\x9b\u2028\u2029\u202e\ufeff",
    "\ud800 \udfff \ud83d",
    "\ufffe\uffff \U0001fffe 😀 é 漢",
    "# TODO later # SKIP \\# \\",
    "\n...\n---\nok 1\nnot ok 2\nBail out!\n1..0\n  ...\n  ---\n",
    "::error::injected\n##[error]x\r\n\ttab [bold]",
    "key: {a: *b} | > - ? ! % @ `",
    " begins and ends with blanks \n ",
    "x" * 100_000,
]
"""What names, bodies and messages may hold."""


def mismatch(message="expected 200, got 404", where="status", path=None, expected=200, actual=404, line=5, **more):
    return Mismatch(where, path, message, expected, actual, SPEC, line, 13, 3, "    expect: 200", **more)


def step(outcome=Outcome.PASSED, *mismatches, name="GET /items", text="", **more):
    """A step; one that did not pass has a request, an answer of that text, and what the app said."""
    if not outcome.green:
        more = {
            "request": RequestRecord("GET", "http://testserver/items", (("accept", "*/*"),), None),
            "response": ResponseRecord(404, (("content-type", "text/plain"),), Body(text, len(text)), "HTTP/1.1"),
            "said": (SaidRecord("log", f"said {text}", "ERROR", "shop"),),
            "file": SPEC,
            "line": 4,
            "column": 5,
            "source_line": "  - get: /items",
            "curl": "curl http://testserver/items",
        } | more
    return StepFinished("", name, more.pop("phase", "steps"), outcome, 0.25, mismatches=mismatches, **more)


def check(
    name, outcome=Outcome.PASSED, *steps, target="app", file=SPEC, line=3, phase="steps", tags=(), at=0.0, **more
):
    """The events of one check."""
    told = {"id": f"{file}::{name}", "target": target}
    return [
        CheckStarted(file=file, line=line, name=name, tags=tags, phase=phase, at=at, **told),
        *(replace(one, **told) for one in steps),
        CheckFinished(outcome=outcome, duration=0.5, file=file, line=line, name=name, phase=phase, **told, **more),
    ]


def failed(name="fails", *mismatches, text="no such item", **more):
    return check(name, Outcome.FAILED, step(Outcome.FAILED, *(mismatches or (mismatch(),)), text=text), **more)


def flaky(name="comes up"):
    one = step(Outcome.FLAKY, attempts=3, stumbles=("status: expected 200, got 503", "no answer"))
    return check(name, Outcome.FLAKY, one, reason="status: expected 200, got 503")


def run(*checks: list[Event], targets=(APP,), specs=(SPEC,), **end) -> list[Event]:
    """The events of a run of these checks, and how it ended."""
    told = [event for one in checks for event in one]
    outcomes = Counter(event.outcome for event in told if isinstance(event, CheckFinished))
    red = any(not outcome.green for outcome in outcomes)
    asked = tuple(target.name for target in targets for _ in specs)
    first = RunStarted(
        "0.1.0", targets[0], specs * len(targets), len(checks), 4, "2026-01-01T00:00:00.000+00:00", None, targets,
        asked=asked,
    )  # fmt: skip
    last = {"outcomes": dict(outcomes), "duration": 1.5, "exit_code": int(red), "stopped": None} | end
    return [first, *told, RunFinished(**last)]


def written(kind: str, events: list[Event], folder: Path) -> bytes:
    """What a report of that kind makes of the events."""
    path = folder / f"report.{kind}"
    report = open_report(f"{kind}={path}", cwd=folder)
    for event in events:
        report.handle(event)
    report.close()
    assert report.problem is None
    return path.read_bytes()


EVERYTHING = [
    check("passes", tags=("smoke", "a,b")),
    failed(),
    failed("fails # TODO much", *(mismatch(f"expected {n}, got 0", "json", f"$.k{n}") for n in range(40))),
    check(
        "breaks",
        Outcome.ERROR,
        step(Outcome.ERROR, reason="no answer", traceback="Trace\nKeyError: 1"),
        reason="no answer",
    ),
    check("cannot", Outcome.ERROR, reason="setup failed: no"),
    check("raises", Outcome.ERROR, reason="the hook raised", traceback="Trace\nValueError: 2", traceback_of="hook"),
    check("left out", Outcome.SKIPPED, reason="not # now\nbut later"),
    check("known", Outcome.XFAILED, step(Outcome.FAILED, mismatch()), reason="issue 12"),
    check("mended", Outcome.XPASSED, step(), reason="expected to fail, and passed: issue 13"),
    check("was cut", Outcome.INTERRUPTED, step(Outcome.INTERRUPTED)),
    flaky(),
    check("never", Outcome.FAILED, step(Outcome.FAILED, mismatch(), attempts=2, stumbles=("refused",))),
    check("setup", Outcome.PASSED, phase="setup", line=1),
    check("teardown", Outcome.ERROR, step(Outcome.FAILED, mismatch(), phase="teardown"), phase="teardown", line=90),
]
"""A check of every sort."""
