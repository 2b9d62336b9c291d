"""The file for node_exporter, read back by Prometheus' own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asgi_probe.engine.events import (
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import Outcome, ThresholdVerdict
from asgi_probe.reporters import metrics
from asgi_probe.reporters.files import open_file
from asgi_probe.reporters.prometheus import PrometheusWriter
from tests.documents import named, section, tables
from tests.hostile import HOSTILE_TEXT

ONE = TargetInfo("shop", "app", "shop.main:app")
OTHER = TargetInfo("staging", "live", "https://staging.example.com")


def started(*targets: TargetInfo) -> RunStarted:
    return RunStarted("0", targets[0], ("a.yaml",), 1, 1, "2024-05-06T07:08:09.500+00:00", targets=targets)


def check(name: str, outcome: Outcome = Outcome.PASSED, *times: float, target: str = "shop", phase: str = "steps"):
    id_ = f"a.yaml::{name}"
    return [
        CheckStarted(id_, "a.yaml", 1, name, (), target, phase=phase),
        StepFinished(id_, "GET /", phase, outcome, 1.0, target=target, times=times),
        CheckFinished(id_, outcome, 0.25, file="a.yaml", name=name, phase=phase, target=target),
    ]


def text(tmp_path, *events) -> str:
    file = open_file("out.prom", cwd=tmp_path)
    writer = PrometheusWriter(file)
    for event in events:
        writer.handle(event)
    file.commit()
    return (tmp_path / "out.prom").read_bytes().decode()


def read(told: str) -> dict[tuple[str, frozenset], float]:
    """The value of every series; no two may have the same name and labels."""
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    series = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(series) == len(samples)
    return series


def one(series, name: str, **labels: str) -> float:
    return series["asgi_probe_" + name, frozenset(labels.items())]


def test_a_run(tmp_path):
    verdict = ThresholdVerdict("p95(time) < 1s", False, "2 s", 2.0)
    series = read(
        text(
            tmp_path,
            started(ONE),
            *check("good", Outcome.PASSED, 0.004, 0.005, 0.3),
            *check("bad", Outcome.FAILED, 70.0),
            *check("not now", Outcome.SKIPPED),
            *check("setup", phase="setup"),
            Warned("late"),
            RunFinished({"passed": 1, "failed": 1, "skipped": 1}, 1.25, 1, None, thresholds=(verdict,)),
        )
    )
    assert one(series, "success", target="shop") == 0
    assert one(series, "exit_code", target="shop") == 1
    assert one(series, "last_run_timestamp_seconds", target="shop") == 1714979289.5 + 1.25
    assert one(series, "last_run_duration_seconds", target="shop") == 1.25
    counts = {str(outcome): one(series, "checks", outcome=outcome.value, target="shop") for outcome in Outcome}
    assert {name: count for name, count in counts.items() if count} == {"passed": 1, "failed": 1, "skipped": 1}
    assert one(series, "threshold_holds", threshold="p95(time) < 1s", target="shop") == 0
    for name, up in (("good", 1), ("bad", 0)):
        assert one(series, "check_up", file="a.yaml", check=name, target="shop") == up
        assert one(series, "check_duration_seconds", file="a.yaml", check=name, target="shop") == 0.25
    assert sum(name == "asgi_probe_check_up" for name, _ in series) == 2
    assert one(series, "checks_without_series", target="shop") == 0
    bucket = {
        bound: one(series, "request_duration_seconds_bucket", le=bound, target="shop")
        for bound in ("0.005", "0.25", "0.5", "10.0", "+Inf")
    }
    assert bucket == {"0.005": 2, "0.25": 2, "0.5": 3, "10.0": 3, "+Inf": 4}
    assert one(series, "request_duration_seconds_count", target="shop") == 4
    assert one(series, "request_duration_seconds_sum", target="shop") == pytest.approx(70.309)


def test_names_are_as_prometheus_wants_them(tmp_path):
    told = text(tmp_path, started(ONE), *check("x", Outcome.PASSED, 1.0), RunFinished({"passed": 1}, 1.0, 0, None))
    families = list(text_string_to_metric_families(told))
    assert {family.type for family in families} == {"gauge", "histogram"}
    for family in families:
        assert family.name.startswith("asgi_probe_")
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_ms", "_created"))
        assert family.documentation.endswith(".")
        assert family.samples
    assert "_created" not in told
    assert told.endswith("\n")


def test_a_run_that_did_not_start_is_not_green(tmp_path):
    series = read(text(tmp_path, started(ONE), RunFinished({}, 0.1, 3, None, problem="no app")))
    assert one(series, "success", target="shop") == 0
    assert one(series, "exit_code", target="shop") == 3
    assert one(series, "request_duration_seconds_count", target="shop") == 0
    assert not any(name == "asgi_probe_check_up" for name, _ in series)


def test_several_targets(tmp_path):
    events = [*check("x", Outcome.PASSED, 0.1), *check("x", Outcome.FAILED, 0.2, target="staging")]
    events += check("x", target="of another run")
    series = read(text(tmp_path, started(ONE, OTHER), *events, RunFinished({}, 1.0, 1, None)))
    assert one(series, "success", target="shop,staging") == 0
    assert one(series, "check_up", file="a.yaml", check="x", target="of another run") == 1
    assert one(series, "check_up", file="a.yaml", check="x", target="shop") == 1
    assert one(series, "check_up", file="a.yaml", check="x", target="staging") == 0
    assert one(series, "checks", outcome="failed", target="staging") == 1
    assert one(series, "checks", outcome="failed", target="shop") == 0
    assert one(series, "request_duration_seconds_sum", target="staging") == 0.2


def test_what_broke_around_the_checks_is_told(tmp_path):
    events = [*check("teardown", Outcome.ERROR, phase="teardown"), *check("setup", phase="setup")]
    series = read(text(tmp_path, started(ONE), *events, RunFinished({"error": 1}, 1.0, 1, None)))
    assert one(series, "check_up", file="a.yaml", check="teardown", target="shop") == 0
    assert one(series, "checks", outcome="error", target="shop") == 1
    assert one(series, "checks", outcome="passed", target="shop") == 0


NAMES = [
    HOSTILE_TEXT,
    'a "quoted" \\ back\\nslash',
    'two\nlines\r\nand\ta tab, commas {and} braces="x"',
    "\ud800 alone",
    "}\nasgi_probe_success 1",
    "# HELP nothing",
    "\u2028\u2029\x85 ends",
    "é東京🙂",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_come_back(tmp_path, name):
    verdict = ThresholdVerdict(name, True, name)
    events = [started(ONE), *check(name), RunFinished({}, 1.0, 1, None, thresholds=(verdict,))]
    series = read(text(tmp_path, *events))
    shown = name.replace("\ud800", "?")
    assert one(series, "check_up", file="a.yaml", check=shown, target="shop") == 1
    assert one(series, "threshold_holds", threshold=shown, target="shop") == 1
    assert one(series, "success", target="shop") == 0
    assert len(series) == len(read(text(tmp_path, started(ONE), *check("x"), events[-1])))


def test_names_that_become_the_same_are_told_once_and_as_red(tmp_path):
    long = "x" * 300
    events = [*check(long + "1"), *check(long + "2", Outcome.FAILED), *check("\ud800"), *check("\udc00")]
    series = read(text(tmp_path, started(ONE), *events, RunFinished({}, 1.0, 1, None)))
    assert one(series, "check_up", file="a.yaml", check="x" * 199 + "…", target="shop") == 0
    assert one(series, "check_up", file="a.yaml", check="?", target="shop") == 1


def test_no_more_series_than_a_server_can_bear(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "MOST_CHECKS", 3)
    green = [event for number in range(5) for event in check(f"good {number}")]
    red = [event for number in range(2) for event in check(f"bad {number}", Outcome.ERROR)]
    series = read(text(tmp_path, started(ONE), *green, *red, RunFinished({}, 1.0, 1, None)))
    told = sorted(dict(labels)["check"] for name, labels in series if name == "asgi_probe_check_up")
    assert told == ["bad 0", "bad 1", "good 0"]
    assert one(series, "checks_without_series", target="shop") == 4
    assert one(series, "checks", outcome="passed", target="shop") == 5


def test_by_the_command_line(project):
    project.write("a.yaml", "checks: [{name: well, get: /ok}, {name: no, get: /ok, expect: 404}]")
    (project.root / "metrics").mkdir()
    (project.root / "metrics" / "probe.prom").write_text("before")
    ran = project.probe("--report", "prometheus=metrics/probe.prom", "a.yaml")
    assert ran.exit == 1
    assert [path.name for path in (project.root / "metrics").iterdir()] == ["probe.prom"]
    series = read((project.root / "metrics" / "probe.prom").read_text())
    assert one(series, "check_up", file="a.yaml", check="well", target="app") == 1
    assert one(series, "check_up", file="a.yaml", check="no", target="app") == 0
    assert one(series, "request_duration_seconds_count", target="app") == 2


def test_without_the_package_it_is_wrong_usage(project):
    project.write("a.yaml", "checks: [{get: /noted/x}]")
    project.write("prometheus_client.py", "raise ImportError")
    ran = project.probe("--report", "prometheus=new/probe.prom", "a.yaml")
    assert ran.exit == 2
    assert "need the package prometheus-client: pip install 'asgi-probe[prometheus]'" in ran.err
    assert project.log == []
    assert not (project.root / "new").exists()


def test_every_metric_is_documented(tmp_path):
    verdict = ThresholdVerdict("x", True, "x")
    told = text(tmp_path, started(ONE), *check("x"), RunFinished({}, 1.0, 1, None, thresholds=(verdict,)))
    ((_, *rows),) = tables(section("Prometheus"))
    assert {family.name for family in text_string_to_metric_families(told)} == set(named(rows))
