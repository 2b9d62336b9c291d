"""What `--report ndjson=FILE` wrote is read back as the events that it tells of."""

import json
import re

import pytest

from asgi_probe.engine.events import (
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import (
    Body,
    Mismatch,
    Outcome,
    RequestRecord,
    ResponseRecord,
    SaidRecord,
    SlowCheck,
    ThresholdVerdict,
    Times,
)
from asgi_probe.reporters.ndjson import as_line
from asgi_probe.reporters.reading import NotAnEventError, read_event

APP = TargetInfo("demo", "app", "shop:app")
MISMATCH = Mismatch("json", "$.a", "differs", 1, [2], "a.yaml", 3, 4, 5, "source", because="why")

EVENTS = [
    RunStarted(
        "0.1.0", APP, ("a.yaml", "b.yaml"), 2, 16, "2026-01-01T00:00:00Z", "1/2", (APP,), (), ("about a", None), (), 7
    ),
    CheckStarted("a.yaml::x", "a.yaml", 3, "x", ("smoke",), "demo", "items", "all", "setup", 0.5, 3, "a" * 32),
    StepFinished(
        "a.yaml::x",
        "GET /",
        "steps",
        Outcome.FLAKY,
        0.25,
        attempts=2,
        request=RequestRecord("GET", "http://x/", (("a", "1"), ("a", "2")), None),
        response=ResponseRecord(200, (), Body("AAEC", 99, truncated=True, encoding="base64"), "HTTP/1.1"),
        saved={"id": 1},
        mismatches=(MISMATCH,),
        reason="no",
        traceback="Traceback",
        curl="curl x",
        file="a.yaml",
        line=3,
        column=4,
        width=5,
        source_line="source",
        traceback_of="hook",
        target="demo",
        said=(SaidRecord("log", "hello", "INFO", "app", "2026-01-01T00:00:00Z"),),
        at=0.125,
        method="GET",
        status=200,
        times=(0.1, 0.15),
        stumbles=("no",),
        span_id="b" * 16,
        url="http://testserver/",
    ),
    CheckFinished(
        "a.yaml::x", Outcome.FAILED, 0.5, "why", (MISMATCH,), "back", "a.yaml", 3, "x", "setup", "hook", "demo"
    ),
    Warned("late", "back"),
    RunFinished(
        {"passed": 2},
        0.5,
        1,
        "fail-fast",
        (SlowCheck("a.yaml::x", 0.5, "demo"),),
        4,
        1,
        "no",
        "back",
        "why",
        Times(1, 0.1, 0.2, 0.3, 0.4, 0.5, ((0.5, 1),)),
        (ThresholdVerdict("p95(time) < 1s", holds=True, told="200 ms", actual=0.2),),
    ),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=[type(event).__name__ for event in EVENTS])
def test_an_event_is_read_back(event):
    assert read_event(as_line(event)) == event


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "expected an object with the key 'event'"),
        ('{"event": 1}', "expected an object with the key 'event'"),
        ('{"event": "run_started"}', "run_started lacks 'specs'"),
        ('{"event": "check_started", "tags": 1}', "check_started is not as expected"),
        ('{"event": "check_started", "tags": []}', "check_started is not as expected"),
        ('{"event": "check_finished", "outcome": "green"}', "'green' is not a valid Outcome"),
        (
            '{"event": "step_finished", "outcome": "failed", "request": 1, "response": null, "mismatches": []}',
            "step_finished is not as expected",
        ),
    ],
)
def test_what_tells_no_event_is_refused(line, message):
    with pytest.raises(NotAnEventError, match=message.replace("(", r"\(")):
        read_event(line)


def test_an_event_of_a_later_version_is_passed_over():
    assert read_event('{"event": "check_paused"}') is None


def test_a_field_of_a_later_version_is_passed_over():
    data = {**json.loads(as_line(EVENTS[4])), "colour": "red"}
    assert read_event(json.dumps(data)) == EVENTS[4]


@pytest.mark.parametrize(
    ("number", "path", "value", "message"),
    [
        (0, ["checks"], "2", "checks: expected a whole number, found '2'"),
        (0, ["specs"], [1], "expected texts, found [1]"),
        (0, ["target", "address"], None, "address: expected a text, found None"),
        (1, ["description"], 1, "description: expected a text or null, found 1"),
        (1, ["at"], True, "at: expected a number, found True"),
        (2, ["request", "headers"], [["a", 1]], "expected texts, found ['a', 1]"),
        (2, ["response", "body"], ["x"], "expected texts"),
        (2, ["response", "size"], None, "size: expected a whole number, found None"),
        (2, ["response", "truncated"], 1, "truncated: expected true or false, found 1"),
        (2, ["saved"], [1], "saved: expected values by name, or null, found [1]"),
        (2, ["status"], "200", "status: expected a whole number or null, found '200'"),
        (2, ["said", 0, "text"], {}, "text: expected a text, found {}"),
        (3, ["mismatches", 0, "column"], 1.5, "column: expected a whole number, found 1.5"),
        (5, ["outcomes"], {"passed": "2"}, "outcomes: expected numbers by name"),
        (5, ["thresholds", 0, "actual"], "x", "actual: expected a number or null, found 'x'"),
    ],
)
def test_a_field_of_another_type_is_refused(number, path, value, message):
    data = json.loads(as_line(EVENTS[number]))
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    with pytest.raises(NotAnEventError, match=re.escape(message)):
        read_event(json.dumps(data))
