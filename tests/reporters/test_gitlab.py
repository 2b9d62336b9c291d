"""GitLab's Code Quality report."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from asgi_probe.engine.events import CheckFinished, RunStarted, StepFinished
from asgi_probe.engine.results import Outcome, ThresholdVerdict
from asgi_probe.reporters.repository import Repository
from tests.cli.project import Project
from tests.reporters.telling import (
    APP,
    EVERYTHING,
    HOSTILE,
    SPEC,
    STAGING,
    check,
    failed,
    flaky,
    mismatch,
    run,
    step,
    written,
)


def read(text):
    """The entries, each as GitLab wants them."""
    entries = json.loads(text)
    for entry in entries:
        assert entry.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert re.fullmatch("[0-9a-f]{64}", entry["fingerprint"])
        assert entry["location"].keys() == {"path", "lines"}
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1
        assert entry["description"].isprintable()
    fingerprints = [entry["fingerprint"] for entry in entries]
    assert len(set(fingerprints)) == len(fingerprints)
    return entries


def report(events, folder):
    return read(written("gitlab", events, folder))


def fingerprints(events, folder):
    return [entry["fingerprint"] for entry in report(events, folder)]


def test_an_entry_for_each_expectation_that_did_not_hold(tmp_path):
    entries = report(run(*EVERYTHING), tmp_path)
    assert entries[0] == {
        "description": "fails: status: expected 200, got 404",
        "check_name": "status",
        "fingerprint": entries[0]["fingerprint"],
        "severity": "major",
        "location": {"path": SPEC, "lines": {"begin": 5}},
    }
    assert [(entry["check_name"], entry["severity"]) for entry in entries] == [
        ("status", "major"),
        *[("json", "major")] * 40,
        ("error", "critical"),
        ("error", "critical"),
        ("error", "critical"),
        ("xpassed", "major"),
        ("flaky", "minor"),
        ("status", "major"),
        ("status", "critical"),
    ]
    told = {entry["description"]: entry["location"]["lines"]["begin"] for entry in entries}
    assert told["breaks: no answer"] == 4
    assert told["cannot: setup failed: no"] == 3
    assert told["mended: expected to fail, and passed: issue 13"] == 3
    assert told["comes up: status: expected 200, got 503"] == 3


def test_what_only_the_check_says_is_told(tmp_path):
    unmet = check("x", Outcome.FAILED, step(Outcome.FAILED), mismatches=(mismatch(),))
    assert [entry["description"] for entry in report(run(unmet), tmp_path)] == ["x: status: expected 200, got 404"]


@pytest.mark.parametrize("checks", [[], [check("x")], [check("x", Outcome.SKIPPED, reason="no")]])
def test_an_empty_list_where_all_is_well(checks, tmp_path):
    holds = ThresholdVerdict("p95(time) < 1s", True, "9 ms")
    assert written("gitlab", run(*checks, thresholds=(holds,)), tmp_path) == b"[]\n"


def moved(event):
    """The same five lines further down, with other times and other values."""
    if isinstance(event, StepFinished):
        found = tuple(
            replace(one, line=one.line + 5, message="expected 200, got 500", actual=500) for one in event.mismatches
        )
        return replace(event, duration=9.0, mismatches=found, reason=event.reason and "no answer within 9 s")
    if isinstance(event, CheckFinished):
        return replace(event, line=event.line + 5, duration=9.0, reason=event.reason and "no answer within 9 s")
    return event


def test_a_fingerprint_is_the_same_whatever_was_measured_and_wherever_it_stands(tmp_path):
    events = run(*EVERYTHING)
    assert fingerprints(events, tmp_path) == fingerprints([moved(event) for event in events], tmp_path)


def test_fingerprints_are_unique(tmp_path):
    again = step(Outcome.FAILED, mismatch(), mismatch())
    checks = [check("x", Outcome.FAILED, again, again, target=target) for target in ("app", "staging")]
    found = fingerprints(run(*checks, targets=(APP, STAGING)), tmp_path)
    assert len(found) == 8


def test_the_target_is_named_where_there_are_several(tmp_path):
    (entry,) = report(run(failed(target="staging"), targets=(APP, STAGING)), tmp_path)
    assert entry["description"] == "fails on staging: status: expected 200, got 404"


@pytest.mark.parametrize(
    ("end", "rule", "severity", "description"),
    [
        ({"problem": "no db", "exit_code": 3}, "target", "blocker", "no db"),
        ({"stopped": "interrupted", "not_run": 1, "exit_code": 130}, "run", "critical",
         "interrupted, 1 check did not run"),
        ({"reason": "2 checks were flaky", "exit_code": 1}, "run", "major", "2 checks were flaky"),
        (
            {"thresholds": (ThresholdVerdict("p95(time) < 1s", False, "2 s"),), "exit_code": 1},
            "threshold",
            "major",
            "p95(time) < 1s is broken: 2 s",
        ),
        (
            {"thresholds": (ThresholdVerdict("p95(time) < 1s", False, "2 s", warns=True),)},
            "threshold",
            "info",
            "p95(time) < 1s is broken: 2 s",
        ),
    ],
)  # fmt: skip
def test_what_no_check_tells_stands_at_the_first_file(end, rule, severity, description, tmp_path):
    (entry,) = report(run(check("x"), **end), tmp_path)
    assert (entry["check_name"], entry["severity"], entry["description"]) == (rule, severity, description)
    assert entry["location"] == {"path": SPEC, "lines": {"begin": 1}}


def test_a_run_that_names_no_file_stands_at_the_project_s(tmp_path):
    (entry,) = report(run(specs=(), problem="no db", exit_code=3), tmp_path)
    assert entry["location"]["path"] == "pyproject.toml"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_is_strict_json(text, tmp_path):
    told = step(Outcome.ERROR, mismatch(text, text, text, text, text), text=text, reason=text, name=text)
    events = run(
        check(text, Outcome.ERROR, told, reason=text, file=text, target=text),
        check(text, Outcome.ERROR, reason=text),
        flaky(text),
        problem=text,
        thresholds=(ThresholdVerdict(text, False, text),),
    )
    assert len(report(events, tmp_path)) == 5


# paths


@pytest.fixture
def services(tmp_path, monkeypatch):
    """A project in a folder of a repository, and in it the current folder."""
    for name in ("CI_PROJECT_DIR", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "services" / "shop" / "deeper"
    here.mkdir(parents=True)
    (here.parent / "pyproject.toml").touch()
    monkeypatch.chdir(here)
    return tmp_path


@pytest.mark.parametrize("name", ["CI_PROJECT_DIR", "GITHUB_WORKSPACE"])
@pytest.mark.parametrize(
    ("file", "path"),
    [
        (SPEC, f"services/shop/{SPEC}"),
        ("../shared.yaml", "services/shared.yaml"),
        ("../../../out.yaml", "../../../out.yaml"),
        ("/elsewhere/a.yaml", "/elsewhere/a.yaml"),
    ],
)
def test_paths_begin_where_the_repository_does(name, file, path, services, monkeypatch):
    monkeypatch.setenv(name, str(services))
    assert Repository().path(file) == path


def test_a_path_of_the_whole_disk_is_one_in_the_repository(services, monkeypatch):
    monkeypatch.setenv("CI_PROJECT_DIR", str(services))
    assert Repository().path(f"{services}/a.yaml") == "a.yaml"


@pytest.mark.parametrize("told", [None, "", "/nowhere/else"])
def test_elsewhere_paths_begin_at_the_project(told, services, monkeypatch):
    if told is not None:
        monkeypatch.setenv("CI_PROJECT_DIR", told)
    assert Repository().path(SPEC) == SPEC


def test_a_folder_without_a_project_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    (tmp_path / "deep").mkdir()
    assert Repository(tmp_path / "deep").path("a.yaml") == "deep/a.yaml"


def test_the_command_line_writes_it_for_a_project_in_a_folder(tmp_path):
    project = Project(tmp_path / "shop")
    project.write("specs/a.yaml", "checks:\n  - {name: bad, get: /status/404}\n")
    ran = project.probe("--report", "gitlab=../out/quality.json", "specs", CI_PROJECT_DIR=str(tmp_path))
    assert ran.exit == 1
    (entry,) = read((tmp_path / "out" / "quality.json").read_bytes())
    assert entry["location"] == {"path": "shop/specs/a.yaml", "lines": {"begin": 2}}
    assert entry["description"] == "bad: status: expected a status below 400, got 404"


def test_events_of_runs_that_name_one_target_only_count_as_one(tmp_path):
    first, *rest = run(failed())
    assert isinstance(first, RunStarted)
    (entry,) = report([replace(first, targets=()), *rest], tmp_path)
    assert entry["description"].startswith("fails: ")
    assert Path(entry["location"]["path"]) == Path(SPEC)
