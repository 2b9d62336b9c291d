"""What GitHub Actions are told: annotations that nothing breaks out of, and a step's summary."""

import re

import pytest

from asgi_probe.engine.events import RunFinished
from asgi_probe.engine.results import Outcome, ThresholdVerdict
from asgi_probe.errors import UsageError
from asgi_probe.reporters.github import LARGEST_SUMMARY, Annotations, annotation, step_summary
from asgi_probe.reporters.reports import open_report
from tests.reporters.runs import HOSTILE, STARTED, check, end, failing, refused
from tests.reporters.test_markdown import page

COMMAND = re.compile(r"::(error|warning|notice) ([^\x00-\x1f]*?)::([^\x00-\x1f]*)")


def unescaped(text):
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def read(line):
    """A command as the runner reads it: level, properties, message."""
    found = COMMAND.fullmatch(line)
    assert found, line
    properties = dict(part.split("=", 1) for part in found[2].split(","))
    return found[1], {name: unescaped(value) for name, value in properties.items()}, unescaped(found[3])


@pytest.fixture(autouse=True)
def _no_checkout(monkeypatch):
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def annotations(folder, *events):
    (folder / "a.yaml").touch()
    lines = []
    reporter = Annotations(lines.append, folder)
    for event in events:
        assert not lines, "they come at the end"
        reporter.handle(event)
    reporter.close()
    return [read(line) for line in lines]


QUIET = RunFinished({}, 0.1, 1, None)


@pytest.mark.parametrize(
    ("message", "title", "line"),
    [
        ("plain", "x", "::error title=x::plain"),
        ("100 %\r\nb: c, d", "a:b,c%\n", "::error title=a%3Ab%2Cc%25%0A::100 %25%0D%0Ab: c, d"),
        ("%0A::error::x", "%3A", "::error title=%253A::%250A::error::x"),
    ],
)
def test_an_annotation_is_escaped_as_github_wants_it(message, title, line):
    assert annotation("error", message, title=title) == line


def test_no_other_command_is_in_an_annotation():
    line = annotation("error", "::x ##[error]no ##vso[a]b", title="##[group]")
    assert line == "::error title=#\\x23[group]::\\x3a:x #\\x23[error]no #\\x23vso[a]b"


def test_an_annotation_stands_where_the_expectation_stands(tmp_path):
    assert annotations(tmp_path, STARTED, *failing("it lives", "hm"), QUIET) == [
        (
            "error",
            {"file": "a.yaml", "line": "12", "col": "9", "endColumn": "13", "title": "it lives on one"},
            "json hm: hm",
        )
    ]


def test_hostile_text_stays_inside(tmp_path):
    told = annotations(tmp_path, STARTED, *failing(), *check(HOSTILE, Outcome.XPASSED, HOSTILE), end(problem=HOSTILE))
    assert [level for level, _, _ in told] == ["error"] * 4 + ["warning"]
    assert all(properties.keys() <= {"file", "line", "col", "endColumn", "title"} for _, properties, _ in told)
    assert "\\x1b[31m" in told[1][2]
    assert "%0A,a:b=c" in told[0][2]


def test_files_are_named_as_github_knows_them(tmp_path, monkeypatch):
    project = tmp_path / "services" / "shop"
    project.mkdir(parents=True)
    (project / "pyproject.toml").touch()

    def file():
        return annotations(project, STARTED, *failing("x", "x"), QUIET)[0][1]["file"]

    assert file() == "a.yaml"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert file() == "services/shop/a.yaml"


def test_what_stands_in_no_file_names_none(tmp_path):
    told = annotations(tmp_path, STARTED, *check("x", Outcome.ERROR, "no", file="command line"), QUIET)
    assert told == [("error", {"title": "x on one"}, "no")]


def test_only_the_line_where_no_column_is_known(tmp_path):
    ((_, properties, _),) = annotations(tmp_path, STARTED, *check("x", Outcome.ERROR, "no"), QUIET)
    assert properties == {"file": "a.yaml", "line": "3", "title": "x on one"}


def test_failures_first_then_warnings_at_most_ten_and_a_line_for_the_rest(tmp_path):
    flaky = [event for number in range(4) for event in check(f"f{number}", Outcome.FLAKY, "at first 503")]
    bad = [event for number in range(8) for event in failing(f"n{number}", f"{number}")]
    told = annotations(tmp_path, STARTED, *flaky, *bad, end())
    assert [level for level, _, _ in told] == ["error"] * 9 + ["warning"] + ["notice"]
    assert [properties["title"] for _, properties, _ in told[7:]] == [
        "n7 on one",
        "asgi-probe: threshold",
        "asgi-probe: threshold",
        "asgi-probe",
    ]
    assert told[8][2] == "p95(time) < 1ms: 100 ms"
    assert told[10][2] == "… and 4 more, in the summary of this step and in its log"


def test_flaky_checks_and_thresholds_that_warn_are_warnings(tmp_path):
    warns = RunFinished({}, 0.1, 0, None, thresholds=(ThresholdVerdict("p50 < 1", False, "2", warns=True),))
    told = annotations(tmp_path, STARTED, *check("f", Outcome.FLAKY, "at first 503"), warns)
    assert [(level, message) for level, _, message in told] == [
        ("warning", "p50 < 1: 2"),
        ("warning", "flaky: at first 503"),
    ]


def test_failures_that_are_alike_are_one(tmp_path):
    told = annotations(tmp_path, STARTED, *(event for n in range(300) for event in refused(f"n{n}")), QUIET)
    assert [message for _, _, message in told] == ["connection refused (and 299 more checks alike)"]


def test_many_failures_are_counted(tmp_path):
    told = annotations(tmp_path, STARTED, *(event for n in range(300) for event in failing(f"n{n}", "x")), QUIET)
    assert len(told) == 11
    assert told[10][2].startswith("… and 290 more")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"exit_code": 3, "problem": "refused\nindeed"}, "refused\\nindeed"),
        ({"exit_code": 1, "reason": "1 check was flaky"}, "1 check was flaky"),
    ],
)
def test_what_is_wrong_with_the_run_is_an_error(tmp_path, more, message):
    run = RunFinished({}, 0.1, stopped=None, **more)
    assert annotations(tmp_path, STARTED, run) == [("error", {"title": "asgi-probe"}, message)]


def test_a_green_run_annotates_nothing(tmp_path):
    assert annotations(tmp_path, STARTED, *check("x"), end(0, thresholds=())) == []


# the summary


def told(report, *events):
    for event in events:
        report.handle(event)
    report.close()
    return report.problem


MANY = [event for number in range(400) for event in failing(f"{number} é", HOSTILE * 30)]


def summary(path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return open_report(f"github={path}", cwd=path.parent)


def test_a_summary_of_its_own_is_written_whole(tmp_path):
    (tmp_path / "s.md").write_text("before")
    assert told(open_report(f"github={tmp_path / 's.md'}", cwd=tmp_path), STARTED, *failing(), end()) is None
    text = (tmp_path / "s.md").read_text(encoding="utf-8")
    assert text.startswith("### ❌ asgi-probe: 1 passed, 1 failed")
    page(text)


def test_what_others_wrote_into_a_step_s_summary_stays(tmp_path, monkeypatch):
    path = tmp_path / "summary.md"
    path.write_text("of others")
    report = summary(path, monkeypatch)
    assert path.read_text() == "of others"
    assert told(report, STARTED, *failing(), end()) is None
    assert path.read_text(encoding="utf-8").startswith("of others\n\n### ❌ asgi-probe: 1 passed, 1 failed")
    assert told(summary(path, monkeypatch), STARTED, end()) is None
    assert path.read_text(encoding="utf-8").count("### ❌ asgi-probe") == 2


def test_a_run_without_an_end_adds_nothing(tmp_path, monkeypatch):
    path = tmp_path / "summary.md"
    path.write_text("of others")
    assert told(summary(path, monkeypatch), STARTED, *failing()) is None
    assert path.read_text() == "of others"


@pytest.mark.parametrize("taken", [0, 500_000, LARGEST_SUMMARY - 20_000])
def test_a_summary_is_no_larger_than_github_takes(tmp_path, monkeypatch, taken):
    path = tmp_path / "summary.md"
    path.write_text("x" * taken)
    assert told(summary(path, monkeypatch), STARTED, *MANY, end()) is None
    assert taken + 1_000 < path.stat().st_size <= LARGEST_SUMMARY
    page(path.read_text(encoding="utf-8")[taken:])


def test_where_others_left_no_room_nothing_is_written(tmp_path, monkeypatch):
    path = tmp_path / "summary.md"
    path.write_text("x" * (LARGEST_SUMMARY - 100))
    report = summary(path, monkeypatch)
    assert told(report, STARTED, end()) == (
        f"the report 'github={path}' was not written: 1,048,476 bytes of others leave no room for it"
    )
    assert path.stat().st_size == LARGEST_SUMMARY - 100


def test_a_full_disk_is_told():
    problem = told(step_summary("/dev/full", {"GITHUB_STEP_SUMMARY": "/dev/full"}), STARTED, end())
    assert problem == "the report 'github=/dev/full' was not written: no space left on device"


def test_a_folder_is_no_summary(tmp_path):
    with pytest.raises(UsageError, match="it is a folder"):
        step_summary(str(tmp_path), {"GITHUB_STEP_SUMMARY": str(tmp_path)})
