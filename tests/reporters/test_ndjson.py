from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

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
    SlowCheck,
    ThresholdVerdict,
    Times,
)
from asgi_probe.errors import UsageError
from asgi_probe.reporters.ndjson import NdjsonReporter, as_line
from asgi_probe.reporters.reports import KINDS, open_report


def strict(line):
    """The line as a strict reader of JSON takes it."""
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1

    def no_constant(name):
        raise AssertionError(name)

    return json.loads(line, parse_constant=no_constant)


def mismatch(expected=None, actual=None):
    return Mismatch("json", "$.a", "differs", expected, actual, "a.yaml", 3, 4, 5, "source", because="why")


def passed(**more):
    return StepFinished("a.yaml::x", "GET /", "steps", Outcome.PASSED, 0.25, **more)


APP = TargetInfo("demo", "app", "shop:app")


def test_a_run_has_the_fields_of_the_contract():
    first = RunStarted("0.1.0", APP, ("a.yaml",), 2, 16, "2026-01-01T00:00:00Z", sizes=(2,), descriptions=("items",))
    target = {"name": "demo", "kind": "app", "address": "shop:app"}
    assert strict(as_line(first)) == {
        "event": "run_started",
        "version": "0.1.0",
        "target": target,
        "specs": ["a.yaml"],
        "checks": 2,
        "concurrency": 16,
        "started_at": "2026-01-01T00:00:00Z",
        "shard": None,
        "seed": None,
        "begun": True,
        "descriptions": {"a.yaml": "items"},
        "targets": [target],
    }
    last = RunFinished(
        {"passed": 2},
        0.1 + 0.2,
        0,
        None,
        (SlowCheck("a.yaml::x", 0.123456789, "demo"),),
        4,
        1,
        "no",
        "back",
        "why",
        Times(1, 0.1, 0.2, 0.3, 0.4, 0.5, ((1.0, 1),)),
        (ThresholdVerdict("p95(time) < 1s", True, "200 ms", 0.2),),
    )
    assert strict(as_line(last)) == {
        "event": "run_finished",
        "outcomes": {"passed": 2},
        "duration": 0.3,
        "exit_code": 0,
        "stopped": None,
        "slowest": [{"id": "a.yaml::x", "duration": 0.123457, "target": "demo"}],
        "requests": 4,
        "not_run": 1,
        "problem": "no",
        "traceback": "back",
        "reason": "why",
        "times": {
            "count": 1,
            "mean": 0.1,
            "p50": 0.2,
            "p95": 0.3,
            "p99": 0.4,
            "longest": 0.5,
            "histogram": [[1.0, 1]],
        },
        "thresholds": [{"text": "p95(time) < 1s", "holds": True, "told": "200 ms", "actual": 0.2, "warns": False}],
    }


def test_a_check_has_the_fields_of_the_contract():
    started = CheckStarted("a.yaml::x", "a.yaml", 3, "x", ("smoke",), "demo", "items", "all of it", "setup", 0.5, 3)
    assert strict(as_line(started)) == {
        "event": "check_started",
        "id": "a.yaml::x",
        "file": "a.yaml",
        "line": 3,
        "name": "x",
        "tags": ["smoke"],
        "target": "demo",
        "spec": "items",
        "description": "all of it",
        "phase": "setup",
        "at": 0.5,
        "worker": 3,
    }
    ended = CheckFinished(
        "a.yaml::x", Outcome.FAILED, 0.5, "why", (mismatch(1, 2),), "back", "a.yaml", 3, "x", target="demo"
    )
    assert strict(as_line(ended)) == {
        "event": "check_finished",
        "id": "a.yaml::x",
        "outcome": "failed",
        "duration": 0.5,
        "reason": "why",
        "mismatches": [
            {
                "where": "json",
                "path": "$.a",
                "message": "differs",
                "expected": 1,
                "actual": 2,
                "file": "a.yaml",
                "line": 3,
                "column": 4,
                "width": 5,
                "source_line": "source",
                "because": "why",
            }
        ],
        "traceback": "back",
        "file": "a.yaml",
        "line": 3,
        "name": "x",
        "phase": "steps",
        "traceback_of": "app",
        "target": "demo",
    }
    assert strict(as_line(Warned("late", "back"))) == {"event": "warning", "message": "late", "traceback": "back"}


def test_a_step_that_passed_says_that_there_is_nothing_more():
    assert strict(as_line(passed())) == {
        "event": "step_finished",
        "id": "a.yaml::x",
        "step": "GET /",
        "phase": "steps",
        "outcome": "passed",
        "duration": 0.25,
        "attempts": 1,
        "request": None,
        "response": None,
        "saved": None,
        "mismatches": [],
        "reason": None,
        "traceback": None,
        "curl": None,
        "target": "",
        "at": 0.0,
        "method": None,
        "status": None,
        "times": [],
    }


def test_a_step_that_failed_has_its_place_its_request_and_its_answer():
    step = passed(
        request=RequestRecord("POST", "http://x/", (("a", "1"), ("a", "2")), Body("AAEC", 3, encoding="base64")),
        response=ResponseRecord(500, (("b", "é"),), Body("long", 99_999, truncated=True), "HTTP/1.1"),
        mismatches=(mismatch(), mismatch()),
        file="a.yaml",
        line=3,
        column=4,
    )
    data = strict(as_line(step))
    assert data["request"] == {
        "method": "POST",
        "url": "http://x/",
        "headers": [["a", "1"], ["a", "2"]],
        "body": "AAEC",
        "size": 3,
        "encoding": "base64",
    }
    assert data["response"] == {
        "status": 500,
        "headers": [["b", "é"]],
        "http_version": "HTTP/1.1",
        "body": "long",
        "size": 99_999,
        "truncated": True,
    }
    assert len(data["mismatches"]) == 2
    assert (data["file"], data["line"], data["column"]) == ("a.yaml", 3, 4)
    assert strict(as_line(passed(request=RequestRecord("GET", "/", (), None))))["request"] == {
        "method": "GET",
        "url": "/",
        "headers": [],
        "body": None,
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (Decimal("0.1000000000000000000001"), "0.1000000000000000000001"),
        pytest.param(10**4_000, "1" + "0" * 4_000, id="a number too long for Python"),
        (10**100, 10**100),
        (b"\x00\xff", "00ff"),
        ({1: (True, None), "k": [1.5]}, {"1": [True, None], "k": [1.5]}),
        (Path("x"), "x"),
        ("\udc80 \ud83d", "\udc80 \ud83d"),
        ("\x85\u2028\u2029\x9b\u202e é 漢 \x00", "\x85\u2028\u2029\x9b\u202e é 漢 \x00"),
    ],
)
def test_every_value_is_strict_json(value, written):
    data = strict(as_line(passed(mismatches=(mismatch(value, [value]),))))["mismatches"][0]
    assert data["expected"] == written
    assert strict(as_line(passed(saved={"it": [1.0, True, "a"]})))["saved"] == {"it": [1.0, True, "a"]}


def test_text_is_readable_but_for_what_reorders_or_ends_lines():
    line = as_line(Warned("é 漢 \x85\u2028\u202e\udc80"))
    assert "é 漢 \\u0085\\u2028\\u202e\\udc80".encode() in line


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("x" * 5_000, "x" * 4_096),
        ("漢" * 5_000, "漢" * 1_365),
        ("\udc80" * 5_000, "\udc80" * 1_365),
        (["x" * 50] * 10_000, ('["' + "x" * 50 + '"' + (', "' + "x" * 50 + '"') * 80)[:4_096]),
        ({"a": "b" * 5_000}, '{"a": "' + "b" * 4_089),
    ],
)
def test_long_values_are_cut_and_named(value, written):
    data = strict(as_line(passed(mismatches=(mismatch(value, 1), mismatch(value, value)))))["mismatches"]
    assert data[0]["expected"] == written
    assert len(data[0]["expected"].encode("utf-8", "surrogatepass")) <= 4_096
    assert data[0]["truncated"] == ["expected"]
    assert data[1]["truncated"] == ["expected", "actual"]


def test_values_that_just_fit_are_whole():
    data = strict(as_line(passed(mismatches=(mismatch("x" * 4_095, ["y" * 4_000]),))))["mismatches"][0]
    assert data["expected"] == "x" * 4_095
    assert data["actual"] == ["y" * 4_000]
    assert "truncated" not in data


def test_deep_values_are_cut():
    deep = []
    for _ in range(50_000):
        deep = [deep]
    data = strict(as_line(passed(mismatches=(mismatch(deep),))))["mismatches"][0]
    assert data["expected"] == "[" * 60 + '"…"' + "]" * 60
    assert data["truncated"] == ["expected"]


def test_what_was_saved_is_cut_too():
    data = strict(as_line(passed(saved={"big": "x" * 100_000, "small": {"a": 1}})))
    assert data["saved"] == {"big": "x" * 65_536, "small": {"a": 1}}
    assert data["truncated"] == ["saved.big"]


def test_lines_are_there_as_soon_as_they_are_written(tmp_path):
    report = open_report("ndjson=out.ndjson", cwd=tmp_path)
    path = tmp_path / "out.ndjson"
    assert path.read_bytes() == b""
    for number in range(1, 4):
        report.handle(Warned("x"))
        assert path.read_bytes().count(b"\n") == number
    report.close()
    assert report.problem is None


def test_an_older_report_is_replaced(tmp_path):
    (tmp_path / "out").write_text("old")
    open_report("ndjson=out", cwd=tmp_path).close()
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("njson=x", "unknown report format 'njson', did you mean 'ndjson'?"),
        ("NDJSON=x", "unknown report format 'NDJSON', did you mean 'ndjson'?"),
        ("pdf=x", f"unknown report format 'pdf', expected one of: {', '.join(KINDS)}"),
        ("", f"unknown report format '', expected one of: {', '.join(KINDS)}"),
        ("ndjson", "'ndjson' names no file, expected ndjson=FILE, or ndjson=- for standard output"),
        ("ndjson=", "'ndjson=' names no file, expected ndjson=FILE, or ndjson=- for standard output"),
        ("ndjson=folder", "the report 'folder' cannot be written: it is a folder, expected a file"),
        ("ndjson=none/", "the report 'none/' cannot be written: it is a folder, expected a file"),
        ("ndjson=file/x", "the report 'file/x' cannot be written: file exists"),
        ("ndjson=a\x00b", "the report 'a\\x00b' cannot be written: embedded null byte"),
    ],
)
def test_what_cannot_be_opened_is_wrong_usage(tmp_path, spec, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as caught:
        open_report(spec, cwd=tmp_path)
    assert str(caught.value) == message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_is_wrong_usage(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="'out' cannot be written: permission denied"):
        open_report("ndjson=out", cwd=tmp_path)


def test_a_full_disk_is_told_once():
    report = open_report("ndjson=/dev/full", cwd=Path.cwd())
    for _ in range(3):
        report.handle(Warned("x"))
    report.close()
    assert report.problem == (
        "the report '/dev/full' ends after 0 lines: No space left on device, "
        "make room or name another file with --report ndjson=FILE"
    )


class Full(io.BufferedWriter):
    """A file whose disk is full after 100 bytes."""

    def write(self, data):
        if self.tell() + len(data) > 100:
            super().write(data[: 100 - self.tell()])
            super().flush()
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path):
    path = tmp_path / "out"
    report = NdjsonReporter(Full(io.FileIO(path, "w")), "out")
    for _ in range(5):
        report.handle(Warned("x" * 10))
    report.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert [strict(line)["message"] for line in lines] == ["x" * 10]
    assert "'out' ends after 1 line: No space left" in report.problem


class Late(io.BytesIO):
    def close(self):
        super().close()
        raise OSError(5, "Input/output error")


def test_a_file_that_fails_when_it_is_closed_is_told():
    report = NdjsonReporter(Late(), "out")
    report.handle(Warned("x"))
    report.close()
    assert "'out' ends after 1 line: Input/output error" in report.problem


STDOUT = """
import sys
from pathlib import Path
from asgi_probe.engine.events import Warned
from asgi_probe.reporters.reports import KINDS, open_report
print("before")
report = open_report("ndjson=-", cwd=Path.cwd())
sys.stdout = sys.stderr
print("the app speaks")
for number in range(%d):
    report.handle(Warned("x" * 1000))
report.close()
print(report.problem)
sys.exit(7)
"""


def test_standard_output_is_the_reports_own():
    run = subprocess.run([sys.executable, "-c", STDOUT % 2], check=False, capture_output=True)
    first, *lines = run.stdout.splitlines(keepends=True)
    assert first.strip() == b"before"
    assert [strict(line)["event"] for line in lines] == ["warning", "warning"]
    assert run.stderr.split() == [b"the", b"app", b"speaks", b"None"]
    assert run.returncode == 7


def test_an_appended_standard_output_keeps_what_it_had(tmp_path):
    out = tmp_path / "out"
    out.write_text("kept\n")
    with out.open("a") as appended:
        subprocess.run([sys.executable, "-c", STDOUT % 1], check=False, stdout=appended, stderr=subprocess.DEVNULL)
    assert out.read_text().startswith("kept\nbefore\n{")


def test_a_reader_of_standard_output_who_goes_away_has_read_enough():
    run = subprocess.Popen(
        [sys.executable, "-c", STDOUT.replace('print("before")', "") % 1_000],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run.stdout.close()
    told = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait() == 7
    assert told.split() == ["the", "app", "speaks", "None"]


def test_no_standard_output_is_wrong_usage(monkeypatch, tmp_path):
    for closed in (None, io.StringIO()):
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(UsageError, match="'-' cannot be written: standard output is closed or no file"):
            open_report("ndjson=-", cwd=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_a_file_like_any_other(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    report = open_report("ndjson=pipe", cwd=tmp_path)
    report.handle(Warned("x"))
    report.close()
    reader.join(10)
    assert strict(read[0])["message"] == "x"
