"""The whole run as one JSON document, as its schema says."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import pytest

from asgi_probe.engine.events import Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.json_document import JsonDocument
from asgi_probe.reporters.reading import read_event
from tests.reporters import runs
from tests.reporters.runs import HOSTILE, STARTED, check, end, failing, refused

SCHEMA = json.loads((files("asgi_probe.reporters") / "report.schema.json").read_text(encoding="utf-8"))


def objects(node):
    """Every schema of an object in a schema."""
    if isinstance(node, dict):
        if "properties" in node and "type" in node:
            yield node
        for inner in node.values():
            yield from objects(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner)


def strict():
    """The schema where nothing may be that it does not describe."""
    schema = json.loads(json.dumps(SCHEMA))
    for node in list(objects(schema)):
        node["additionalProperties"] = False
    return jsonschema_rs.validator_for(schema, validate_formats=True)


VALIDATOR = strict()


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def read(text):
    data = json.loads(text, parse_constant=refuse)
    assert [f"{error.instance_path}: {error.message}" for error in VALIDATOR.iter_errors(data)] == []
    return data


def written(folder, *events):
    return read(runs.written("json", folder, *events))


def test_everything_is_described():
    for node in objects(SCHEMA):
        for name, inner in node["properties"].items():
            assert inner.get("description"), name
    jsonschema_rs.meta.validate(SCHEMA)


def test_a_run_of_everything(tmp_path):
    events = [STARTED, *failing(), *check("fine"), Warned("late"), Warned(HOSTILE, HOSTILE), Warned("late"), end()]
    data = written(tmp_path, *events)
    assert data["format"] == 1
    assert data["tool"] == {"name": "asgi-probe", "version": "0.1.0"}
    assert (data["run"]["shard"], data["run"]["seed"], data["run"]["checks"]) == ("1/2", 7, 3)
    assert data["run"]["descriptions"] == {"a.yaml": HOSTILE}
    failed, fine = data["checks"]
    assert (failed["name"], failed["outcome"], fine["name"], fine["outcome"]) == (HOSTILE, "failed", "fine", "passed")
    assert failed["steps"][0]["request"]["url"] == failed["steps"][0]["mismatches"][0]["because"] == HOSTILE
    assert data["warnings"] == [
        {"message": "late", "traceback": None, "count": 2},
        {"message": HOSTILE, "traceback": HOSTILE, "count": 1},
    ]
    assert [verdict["holds"] for verdict in data["thresholds"]] == [False, False, True]
    assert (data["exit_code"], data["outcomes"], data["times"]["count"]) == (1, {"passed": 1, "failed": 1}, 3)


def test_a_run_that_asked_nothing(tmp_path):
    data = written(tmp_path, STARTED, end(3, problem="no request reached it", times=None))
    assert (data["checks"], data["exit_code"], data["problem"]) == ([], 3, "no request reached it")
    assert data["run"]["begun"]


class Pieces(list):
    """A file that keeps what was written piece by piece."""

    write = list.append


def test_checks_are_written_as_they_end():
    report = JsonDocument(pieces := Pieces())
    told = []
    for event in (STARTED, *check("one"), *check("two")):
        report.handle(event)
        told.append(len(pieces))
    assert told == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("outcome", [*Outcome])
def test_every_outcome_is_one_of_the_schema(tmp_path, outcome):
    data = written(tmp_path, STARTED, *check("x", outcome), end())
    assert data["checks"][0]["outcome"] == outcome


def test_alike_errors_are_all_there(tmp_path):
    data = written(tmp_path, STARTED, *refused("one"), *refused("two"), end())
    assert [each["reason"] for each in data["checks"]] == ["connection refused"] * 2


SPEC = """
    setup: [{get: /health}]
    checks:
      - {name: fine, get: /health, tags: [smoke]}
      - {name: saves, get: /health, save: {status: $.status}, description: it is there}
      - {name: failed, get: /missing}
      - {name: skipped, get: /, skip: not yet}
      - {name: known, get: /missing, xfail: issue 12}
      - {name: mended, get: /health, xfail: issue 13}
      - {name: breaks, get: /fail}
      - {name: again, get: /missing, retry: {times: 1, delay: 1ms}}
      - {name: silent, get: "http://127.0.0.1:9/"}
"""


@pytest.mark.parametrize("flags", [[], ["-v", "--show-logs"], ["--repeat", "2", "--shuffle", "-x"]])
def test_real_runs_are_as_the_schema_says(project, flags):
    project.write("specs/a.yaml", SPEC)
    ran = project.probe("--report", "json=out/r.json", *flags, "specs")
    assert ran.exit == 1, ran.said
    data = read((project.root / "out/r.json").read_text(encoding="utf-8"))
    events = project.events()
    assert data["outcomes"] == project.end["outcomes"]
    assert [each["id"] for each in data["checks"]] == [
        event["id"] for event in events if event["event"] == "check_finished"
    ]
    # the same run, told from its events
    again = written(project.root, *map(read_event, Path(project.root / "events.ndjson").read_bytes().splitlines()))
    assert again == data
