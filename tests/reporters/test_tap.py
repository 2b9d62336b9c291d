"""TAP, version 14: read strictly, and by consumers that others read it with."""

import re
import shutil
import subprocess

import pytest
import yaml
from tap.parser import Parser

from asgi_probe.engine.events import Warned
from asgi_probe.engine.results import Outcome, ThresholdVerdict
from asgi_probe.errors import ExitCode
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

POINT = re.compile(
    r"(?P<not>not )?ok (?P<number>\d+) - (?P<description>(?:\\[\\#]|[^\\#])*?)"
    r"(?: # (?P<directive>TODO|SKIP)(?: (?P<reason>(?:\\[\\#]|[^\\#])+))?)?"
)


class Read:
    """A document, every line of it held to the grammar."""

    def __init__(self, text):
        self.points, self.comments, self.plan, self.bail = [], [], None, None
        version, *lines = text.decode().split("\n")
        assert version == "TAP version 14"
        assert lines.pop() == ""
        while lines:
            self._line(lines.pop(0), lines)
        assert self.plan == len(self.points)
        assert [point["number"] for point in self.points] == [*range(1, self.plan + 1)]

    def _line(self, line, lines):
        assert line.isprintable()
        if line.startswith("#"):
            self.comments.append(line.removeprefix("# "))
        elif line.startswith("1.."):
            assert self.plan is None
            self.plan = int(line[3:].partition(" # ")[0])
        elif line.startswith("Bail out! "):
            self.bail = line.removeprefix("Bail out! ")
        elif line == "  ---":
            self.points[-1]["yaml"] = yaml.safe_load(self._block(lines))
        else:
            assert self.plan is None
            found = POINT.fullmatch(line)
            assert found, line
            unescaped = {name: re.sub(r"\\([\\#])", r"\1", text) for name, text in found.groupdict(default="").items()}
            self.points.append(unescaped | {"number": int(found["number"]), "ok": not found["not"], "yaml": None})

    @staticmethod
    def _block(lines):
        block = []
        while (line := lines.pop(0)) != "  ...":
            assert line.startswith("  ")
            assert line.replace("\t", "").isprintable()
            assert not re.match(r"\s*(\.\.\.|---)", line)
            block.append(line[2:])
        return "\n".join(block)

    def named(self, name):
        (found,) = [point for point in self.points if point["description"] == f"{SPEC}::{name}"]
        return found


def report(events, folder):
    return Read(written("tap", events, folder))


def test_every_sort_of_check_is_a_test_point(tmp_path):
    read = report(run(*EVERYTHING), tmp_path)
    assert [(point["description"].partition("::")[2], point["ok"], point["directive"]) for point in read.points] == [
        ("passes", True, ""),
        ("fails", False, ""),
        ("fails # TODO much", False, ""),
        ("breaks", False, ""),
        ("cannot", False, ""),
        ("raises", False, ""),
        ("left out", True, "SKIP"),
        ("known", False, "TODO"),
        ("mended", False, ""),
        ("was cut", True, "SKIP"),
        ("comes up", True, ""),
        ("never", False, ""),
        ("teardown", False, ""),
    ]
    assert read.comments == [
        "asgi-probe 0.1.0: app (shop:app)",
        "2 passed, 1 flaky, 3 failed, 4 errors, 1 xpassed, 1 xfailed, 1 skipped, 1 interrupted in 1.50 s",
    ]
    assert read.named("left out")["reason"] == "not # now\\nbut later"
    assert read.named("known")["reason"] == "issue 12"
    assert read.named("passes")["yaml"] is read.named("left out")["yaml"] is None


def test_diagnostics_say_what_where_and_how_long(tmp_path):
    told = report(run(*EVERYTHING), tmp_path).named("fails")["yaml"]
    details, exchange = told.pop("details"), told.pop("exchange")
    assert told == {
        "message": "status: expected 200, got 404",
        "severity": "failed",
        "at": {"file": SPEC, "line": 5, "column": 13},
        "duration_ms": 500.0,
        "mismatches": [
            {
                "where": "status",
                "message": "expected 200, got 404",
                "expected": 200,
                "actual": 404,
                "file": SPEC,
                "line": 5,
                "column": 13,
            }
        ],
    }
    assert details.startswith(f"in step: GET /items\n{SPEC}:5:13: status: expected 200, got 404\n")
    assert "< no such item" in exchange


def test_what_is_flaky_is_ok_and_tells_its_attempts(tmp_path):
    told = report(run(flaky()), tmp_path).named("comes up")
    assert told["ok"]
    assert told["yaml"]["stumbles"] == [
        {"attempt": 1, "message": "status: expected 200, got 503"},
        {"attempt": 2, "message": "no answer"},
    ]


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        (7, 7),
        (True, True),
        (None, None),
        ("7", "7"),
        ("null", "null"),
        (1e100, "1e+100"),
        (2**53, str(2**53)),
        ([1.5, {"a": None}], '[1.5, {"a": null}]'),
        ("two\nlines", "two\nlines\n"),
        (" two\nlines", " two\nlines"),
        ("a\n...\nb", "a\n...\nb"),
        ("a\n\n  b\n\tc", "a\n\n  b\n\tc\n"),
        ("x" * 3_000, "x" * 1_999 + "…"),
    ],
)
def test_values_are_what_any_reader_of_yaml_takes_them_for(value, read_back, tmp_path):
    (point,) = report(run(failed("x", mismatch(actual=value))), tmp_path).points
    assert point["yaml"]["mismatches"][0]["actual"] == read_back


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_keeps_to_the_grammar(text, tmp_path):
    told = step(
        Outcome.ERROR, mismatch(text, text, text, text, text), text=text, reason=text, traceback=text, name=text
    )
    events = run(
        check(text, Outcome.ERROR, told, reason=text, traceback=text, file=text, target=text),
        check("cannot", Outcome.ERROR, reason=text, mismatches=(mismatch(text, actual={text: text}),)),
        check("skipped", Outcome.SKIPPED, reason=text),
        check("known", Outcome.XFAILED, step(Outcome.FAILED, mismatch(text)), reason=text),
        check("flaky", Outcome.FLAKY, step(Outcome.FLAKY, stumbles=(text,))),
        [Warned(text)],
        problem=text,
        traceback=text,
        exit_code=3,
        thresholds=(ThresholdVerdict(text, False, text),),
    )
    read = report(events, tmp_path)
    assert [(point["ok"], point["directive"]) for point in read.points] == [
        (False, ""),
        (False, ""),
        (True, "SKIP"),
        (False, "TODO"),
        (True, ""),
        (False, ""),
        (False, ""),
    ]
    assert read.bail


@pytest.mark.parametrize(
    ("end", "bail", "name"),
    [
        ({"problem": "no # db", "exit_code": ExitCode.TARGET}, "no \\# db", "target"),
        ({"exit_code": ExitCode.TARGET}, "the target could not be reached", "run"),
        ({"stopped": "interrupted", "not_run": 2, "exit_code": 130}, "interrupted", "run"),
        ({"stopped": "fail-fast", "not_run": 1, "exit_code": 1}, None, "run"),
        ({"problem": "the shutdown failed", "exit_code": 1}, None, "target"),
    ],
)
def test_a_run_that_is_not_whole_is_not_ok(end, bail, name, tmp_path):
    read = report(run(check("x"), **end), tmp_path)
    assert [(point["ok"], point["description"]) for point in read.points][1:] == [(False, f"asgi-probe: {name}")]
    assert read.bail == bail


def test_thresholds_are_test_points(tmp_path):
    verdicts = [
        ThresholdVerdict("p95(time) < 1s", True, "9 ms"),
        ThresholdVerdict("p99(time) < 1s", False, "2 s"),
        ThresholdVerdict("error_rate < 1%", False, "2 %", warns=True),
    ]
    read = report(run(thresholds=tuple(verdicts), exit_code=1), tmp_path)
    assert [(point["ok"], point["directive"], point["reason"]) for point in read.points] == [
        (True, "", ""),
        (False, "", ""),
        (True, "SKIP", "error_rate < 1% is broken: 2 %"),
    ]


def test_the_target_is_named_where_there_are_several(tmp_path):
    read = report(run(check("x"), check("x", target="staging"), targets=(APP, STAGING)), tmp_path)
    assert [point["description"] for point in read.points] == [f"{SPEC}::x on app", f"{SPEC}::x on staging"]


def test_no_checks_are_no_test_points(tmp_path):
    assert b"\n1..0 # no checks\n" in written("tap", run(), tmp_path)


def test_a_consumer_reads_it(tmp_path):
    text = written("tap", run(*EVERYTHING, [Warned("late")]), tmp_path).decode()
    lines = [*Parser().parse_text(text)]
    assert {line.category for line in lines} == {"version", "diagnostic", "test", "plan"}
    points = [line for line in lines if line.category == "test"]
    assert [point.number for point in points] == [*range(1, 14)]
    assert [point.ok for point in points].count(True) == 4
    assert [point.description for point in points if point.todo and "much" not in point.directive.text] == [
        f"- {SPEC}::known"
    ]
    assert points[1].yaml_block["mismatches"][0]["actual"] == 404


@pytest.mark.skipif(not shutil.which("prove"), reason="needs Perl's prove")
def test_prove_reads_it(tmp_path):
    """Perl's harness of today knows version 13, which a document of version 14 is for it."""
    text = written("tap", run(*EVERYTHING), tmp_path)
    path = tmp_path / "report.tap"
    path.write_bytes(text.replace(b"TAP version 14", b"TAP version 13"))
    ran = subprocess.run(["prove", "--exec", "cat", str(path)], capture_output=True, encoding="utf-8", check=False)
    assert "Failed tests:  2-6, 9, 12-13" in ran.stdout
    assert "Parse errors" not in ran.stdout


def test_the_command_line_writes_it(tmp_path):
    project = Project(tmp_path / "shop")
    project.write("a.yaml", "checks:\n  - {name: good, get: /}\n  - {name: 'bad #1', get: /raise, expect: 200}\n")
    ran = project.probe("--report", "tap=-", "-j", "1", "a.yaml")
    assert ran.exit == 1
    good, bad = Read(ran.out.encode()).points
    assert (good["ok"], good["description"]) == (True, "a.yaml::good")
    assert (bad["ok"], bad["description"]) == (False, "a.yaml::bad #1")
    assert "DroppedError: the order was dropped" in bad["yaml"]["details"]
    assert bad["yaml"]["at"] == {"file": "a.yaml", "line": 3, "column": 43}
