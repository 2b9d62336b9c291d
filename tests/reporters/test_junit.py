"""JUnit XML: held to Jenkins' schema, read back by a library that others read such files with."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser.xunit2 import JUnitXml as Surefire
from lxml import etree

from asgi_probe.engine.results import Outcome, ThresholdVerdict
from asgi_probe.reporters import junit
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

SCHEMA = Path(__file__).with_name("junit-10.xsd")
"""Jenkins' xUnit plugin's, https://github.com/jenkinsci/xunit-plugin, MIT licence, as pytest's sources have it."""
XS = "{http://www.w3.org/2001/XMLSchema}"


def schema():
    """Jenkins' schema, which would refuse a testcase's `file` and `line`: that and nothing else it lets pass."""
    tree = etree.parse(SCHEMA)
    (testcase,) = tree.iterfind(f"{XS}element[@name='testcase']/{XS}complexType")
    for name in ("file", "line"):
        etree.SubElement(testcase, f"{XS}attribute", name=name, type="xs:string")
    return etree.XMLSchema(tree)


def report(events, folder):
    """The document, valid."""
    text = written("junit", events, folder)
    schema().assertValid(etree.fromstring(text))
    return ET.fromstring(text)


def cases(root):
    return {case.get("name"): case for case in root.iter("testcase")}


def test_every_sort_of_check_has_its_element(tmp_path):
    found = cases(report(run(*EVERYTHING), tmp_path))
    assert {name: [child.tag for child in case] for name, case in found.items()} == {
        "passes": [],
        "fails": ["failure", "system-out"],
        "fails # TODO much": ["failure", "system-out"],
        "breaks": ["error", "system-out"],
        "cannot": ["error"],
        "raises": ["error"],
        "left out": ["skipped"],
        "known": ["skipped"],
        "mended": ["failure"],
        "was cut": ["skipped", "system-out"],
        "comes up": ["flakyFailure", "flakyFailure"],
        "never": ["failure", "rerunFailure", "system-out"],
        "teardown": ["error", "system-out"],
    }
    assert found["passes"].attrib == {
        "classname": "specs.shop",
        "name": "passes",
        "file": SPEC,
        "line": "3",
        "time": "0.500000",
        "group": "smoke,a,b",
    }
    assert found["known"][0].attrib == {"type": "xfailed", "message": "issue 12"}
    assert found["left out"][0].attrib == {"type": "skipped", "message": "not # now\\nbut later"}
    assert found["cannot"][0].get("message") == "setup failed: no"
    assert "ValueError: 2" in found["raises"][0].text
    assert "KeyError: 1" in found["breaks"][0].text


def test_a_failure_tells_every_mismatch_with_its_place_and_what_was_exchanged(tmp_path):
    found = cases(report(run(*EVERYTHING), tmp_path))
    failure, out = found["fails # TODO much"]
    assert failure.attrib == {"type": "failed", "message": "json $.k0: expected 0, got 0 (and 39 more)"}
    assert all(f"{SPEC}:5:13: json $.k{n}: expected {n}, got 0" in failure.text for n in range(40))
    assert "> GET http://testserver/items" in out.text
    assert "< no such item" in out.text
    assert "ERROR shop: said no such item" in out.text
    assert "curl http://testserver/items" in out.text


def test_attempts_are_told_by_number(tmp_path):
    found = cases(report(run(flaky(), check("later", Outcome.FLAKY, reason="refused")), tmp_path))
    assert [attempt.attrib for attempt in found["comes up"]] == [
        {"type": "failed", "message": "status: expected 200, got 503"},
        {"type": "failed", "message": "no answer"},
    ]
    assert found["comes up"][1][0].text == "GET /items, attempt 2 of 3: no answer"
    assert found["later"][0][0].text == "an earlier run: refused"


def test_a_check_that_never_passed_is_no_flake_to_readers_of_surefire(tmp_path):
    written(
        "junit",
        run(flaky(), check("never", Outcome.FAILED, step(Outcome.FAILED, mismatch(), stumbles=("no",)))),
        tmp_path,
    )
    (suite,) = Surefire.fromfile(str(tmp_path / "report.junit"))
    assert [(case.is_flaky, case.is_rerun, case.is_failure) for case in suite] == [
        (True, False, False),
        (False, True, True),
    ]


def test_a_reader_finds_outcomes_counts_and_texts(tmp_path):
    written("junit", run(*EVERYTHING), tmp_path)
    document = JUnitXml.fromfile(str(tmp_path / "report.junit"))
    assert (document.tests, document.failures, document.errors, document.time) == (13, 4, 4, 1.5)
    (suite,) = document
    assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == (SPEC, 13, 4, 4, 3)
    assert (suite.timestamp, suite.time) == ("2026-01-01T00:00:00.000+00:00", 0.5)
    told = [(suite.failures, suite.errors, suite.skipped)]
    suite.update_statistics()
    assert told == [(suite.failures, suite.errors, suite.skipped)]
    kinds = {case.name: type(case.result[0]) for case in suite if case.result}
    assert (kinds["fails"], kinds["breaks"], kinds["left out"]) == (Failure, Error, Skipped)
    assert {one.name: one.value for one in suite.properties()} == {
        "target": "app",
        "address": "shop:app",
        "kind": "app",
        "tags": "a,b,smoke",
    }


def test_cases_stand_in_the_order_of_the_spec(tmp_path):
    late, early = check("late", line=9, at=0.0), check("early", line=2, at=1.0)
    root = report(run(late, early), tmp_path)
    assert list(cases(root)) == ["early", "late"]
    assert root[0].get("time") == "1.500"


def test_class_and_name_are_unique_whatever_is_asked(tmp_path):
    """GitLab takes cases of one class and name for one."""
    files = ("a.yaml", "a.yml", "b/a.yaml", "b.a.yaml", "b_a.yaml", "../a.yaml")
    names = ("x", "x #2", "x[n=1]", "a\nb", "a\\nb")
    checks = [
        check(name, target=target, file=file) for target in ("app", "staging") for file in files for name in names
    ]
    root = report(run(*checks, targets=(APP, STAGING), specs=files), tmp_path)
    found = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(found)) == len(found) == len(checks)
    assert ("staging.b.a", "x[n=1]") in found
    assert len(root) == 12
    assert root[0].get("name") == "a.yaml on app"


def test_a_name_that_comes_twice_gets_a_number(tmp_path):
    assert list(cases(report(run(check("x"), check("x"), check("x")), tmp_path))) == ["x", "x (2)", "x (3)"]
    taken = [check(name) for name in ("x (2)", "x", "x", "x", "x (2)")]
    assert list(cases(report(run(*taken), tmp_path))) == ["x (2)", "x", "x (3)", "x (4)", "x (2) (2)"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_is_valid(text, tmp_path):
    told = step(
        Outcome.ERROR, mismatch(text, text, text, text, text), text=text, reason=text, traceback=text, name=text
    )
    events = run(
        check(text, Outcome.ERROR, told, reason=text, traceback=text, tags=(text,), file=text, target=text),
        failed(text, mismatch(text, because=text, actual=[text], expected={text: text}), text=text),
        check("skipped", Outcome.SKIPPED, reason=text),
        check("flaky", Outcome.FLAKY, step(Outcome.FLAKY, stumbles=(text,))),
        problem=text,
        traceback=text,
        thresholds=(ThresholdVerdict(text, False, text),),
    )
    root = report(events, tmp_path)
    assert len(list(root.iter("testcase"))) == 6
    assert "\\x1b[31m" in "".join(root.itertext()) or "\x1b" not in text


@pytest.mark.parametrize(
    ("end", "case", "element", "message"),
    [
        ({"problem": "no db", "traceback": "T\nE: 1", "exit_code": 3}, "target", "error", "no db"),
        ({"stopped": "interrupted", "not_run": 2, "exit_code": 130}, "run", "error",
         "interrupted, 2 checks did not run"),
        ({"stopped": "fail-fast", "not_run": 1, "exit_code": 1}, "run", "error",
         "stopped after failures, 1 check did not run"),
        ({"reason": "1 check was flaky", "exit_code": 1}, "run", "failure", "1 check was flaky"),
        ({"exit_code": 70}, "run", "error", "exit code 70"),
        (
            {
                "thresholds": (ThresholdVerdict("p95(time) < 1s", False, "2 s"),),
                "exit_code": 1,
                "reason": "p95(time) < 1s is broken",
            },
            "threshold p95(time) < 1s",
            "failure",
            "p95(time) < 1s is broken: 2 s",
        ),
        (
            {"thresholds": (ThresholdVerdict("p95(time) < 1s", False, "2 s", warns=True),)},
            "threshold p95(time) < 1s",
            "skipped",
            "p95(time) < 1s is broken: 2 s",
        ),
    ],
)  # fmt: skip
def test_what_no_check_tells_is_a_suite_of_its_own(end, case, element, message, tmp_path):
    root = report(run(check("x"), **end), tmp_path)
    _, suite = root
    assert suite.get("name") == "asgi-probe"
    assert [(one.get("name"), one[0].tag, one[0].get("message")) for one in suite] == [(case, element, message)]
    assert (root.get("errors"), root.get("failures")) == (str(int(element == "error")), str(int(element == "failure")))


def test_a_threshold_that_holds_is_a_case_that_passed(tmp_path):
    root = report(run(check("x"), thresholds=(ThresholdVerdict("p95(time) < 1s", True, "9 ms"),)), tmp_path)
    assert [[*case] for case in root[1]] == [[]]
    assert root.get("failures") == "0"


def test_a_run_without_checks_is_an_empty_document(tmp_path):
    root = report(run(), tmp_path)
    assert (root.get("tests"), len(root)) == ("0", 0)


@pytest.mark.parametrize(
    ("started", "stamp"), [("soon", "soon"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01.500+00:00")]
)
def test_a_suite_is_stamped_with_its_own_beginning(started, stamp, tmp_path):
    from dataclasses import replace

    first, *rest = run(check("x", at=1.5))
    assert report([replace(first, started_at=started), *rest], tmp_path)[0].get("timestamp") == stamp


def test_what_is_long_waits_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(junit, "_IN_MEMORY", 1_000)
    found = cases(report(run(*(failed(f"fails {n}", text=f"answer {n}") for n in range(50))), tmp_path))
    assert all(f"< answer {n}" in found[f"fails {n}"].find("system-out").text for n in range(50))


def test_the_path_is_that_in_the_repository(tmp_path, monkeypatch):
    project = tmp_path / "services" / "shop"
    project.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    monkeypatch.chdir(project)
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    root = report(run(check("x")), tmp_path)
    assert root[0].get("file") == cases(root)["x"].get("file") == f"services/shop/{SPEC}"
    assert root[0].get("name") == SPEC


def test_the_command_line_writes_it(tmp_path):
    project = Project(tmp_path / "shop")
    project.write("specs/a.yaml", "checks:\n  - {name: good, get: /}\n  - {name: bad, get: /raise, expect: 200}\n")
    ran = project.probe("--report", "junit=out/x.xml", "specs")
    assert ran.exit == 1
    text = (project.root / "out/x.xml").read_bytes()
    schema().assertValid(etree.fromstring(text))
    found = cases(ET.fromstring(text))
    assert not [*found["good"]]
    assert found["bad"][0].get("message") == "status: expected 200, got 500"
    assert "DroppedError: the order was dropped" in found["bad"][0].text


def test_an_app_that_does_not_start_is_an_error(tmp_path):
    project = Project(tmp_path / "shop")
    project.write("a.yaml", "checks: [{get: /}]\n")
    assert project.probe("--report", "junit=x.xml", "a.yaml", app="app:raises_at_start").exit == 3
    (case,) = ET.parse(project.root / "x.xml").getroot().iter("testcase")
    assert "no migrations were found" in case[0].get("message")
    assert "DroppedError" in case[0].text
