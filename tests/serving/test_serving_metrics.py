"""What Prometheus is told, read back by its own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asgi_probe.reporters.metrics import MOST_CHECKS
from tests.serving.runs import HOSTILE, Served, check, run


@pytest.fixture
def served():
    return Served()


def read(served):
    answer = served.ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    assert len({each.name for each in families}) == len(families)
    assert all(each.documentation for each in families)
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


def test_before_the_first_run(served):
    told = read(served)
    assert told["asgi_probe_healthy",] == 0
    assert told["asgi_probe_running",] == 0
    assert told["asgi_probe_runs_total", "passed"] == 0
    assert ("asgi_probe_success", "live") not in told


def test_how_long_a_check_took_run_after_run(served):
    for seconds in (0.02, 0.3, 0.02):
        served.add(run(check("one", duration=seconds), check("two", "skipped")))
    told = read(served)
    name, labels = "asgi_probe_check_run_duration_seconds", ("a.yaml", "live", "one")
    assert told[f"{name}_count", *labels] == 3
    assert told[f"{name}_sum", *labels] == pytest.approx(0.34)
    assert told[f"{name}_bucket", *sorted((*labels, "0.025"))] == 2
    assert not any("two" in key for key in told)


def test_a_run(served):
    ended = run(
        check("one"),
        check("two", "failed", duration=0.25),
        check("three", "skipped"),
        check("setup", "failed", phase="setup"),
        exit_code=1,
        started_at="2026-11-25T22:30:00.000+00:00",
        duration=2.0,
    )
    served.add(ended)
    told = read(served)
    assert told["asgi_probe_success", "live"] == 0
    assert told["asgi_probe_exit_code", "live"] == 1
    assert told["asgi_probe_last_run_timestamp_seconds", "live"] == 1795645802.0
    assert told["asgi_probe_last_run_duration_seconds", "live"] == 2.0
    assert told["asgi_probe_runs_total", "failed"] == 1
    assert told["asgi_probe_checks", "failed", "live"] == 2
    assert told["asgi_probe_checks", "live", "xpassed"] == 0
    assert told["asgi_probe_check_up", "a.yaml", "live", "one"] == 1
    assert told["asgi_probe_check_up", "a.yaml", "live", "two"] == 0
    assert told["asgi_probe_check_duration_seconds", "a.yaml", "live", "two"] == 0.25
    assert told["asgi_probe_check_up", "a.yaml", "live", "setup"] == 0
    assert {name for name, *labels in told if "three" in labels} == set()


def test_runs_are_counted(served):
    for exit_code in (0, 0, 1, 3):
        served.add(run(check(), exit_code=exit_code, duration=2.0))
    told = read(served)
    assert [told["asgi_probe_runs_total", outcome] for outcome in ("passed", "failed", "error")] == [2, 1, 1]
    assert told["asgi_probe_run_duration_seconds_count",] == 4
    assert told["asgi_probe_run_duration_seconds_sum",] == 8
    assert told["asgi_probe_run_duration_seconds_bucket", "1.0"] == 0
    assert told["asgi_probe_run_duration_seconds_bucket", "2.5"] == 4


@pytest.mark.parametrize(("seconds", "hung"), [(7.0, 0), (121.0, 1)])
def test_a_run_that_goes_on(served, seconds, hung):
    served.add(run(check()))
    served.go_on(seconds)
    told = read(served)
    assert told["asgi_probe_running",] == 1
    assert told["asgi_probe_running_seconds",] == seconds
    assert told["asgi_probe_hung",] == hung
    assert told["asgi_probe_healthy",] == 1 - hung


def test_checks_that_are_gone_are_gone(served):
    served.add(run(check("one")))
    served.add(run(check("two")))
    told = read(served)
    assert ("asgi_probe_check_up", "a.yaml", "live", "one") not in told
    assert ("asgi_probe_check_up", "a.yaml", "live", "two") in told


def test_series_are_bounded_and_what_is_down_comes_first(served):
    many = [check(str(at)) for at in range(MOST_CHECKS + 5)]
    served.add(run(*many, check("down", "error"), exit_code=1))
    told = read(served)
    assert sum(name == "asgi_probe_check_up" for name, *_ in told) == MOST_CHECKS
    assert told["asgi_probe_check_up", "a.yaml", "down", "live"] == 0
    assert told["asgi_probe_checks_without_series", "live"] == 6


def test_hostile_names(served):
    name = HOSTILE.replace("\ud800", "")
    served.add(run(check(name)))
    assert read(served)["asgi_probe_check_up", *sorted(["a.yaml", name, "live"])] == 1


def test_two_targets(served):
    served.add(run(check("one"), check("one", "failed", target="b"), exit_code=1, targets=("live", "b")))
    told = read(served)
    assert told["asgi_probe_success", "live,b"] == 0
    assert told["asgi_probe_checks", "live", "passed"] == told["asgi_probe_checks", "b", "failed"] == 1
    assert told["asgi_probe_check_up", "a.yaml", "live", "one"] == 1
    assert told["asgi_probe_check_up", "a.yaml", "b", "one"] == 0


def test_thresholds(served):
    served.add(run(check(), exit_code=1, thresholds={"p95(time) < 1s": False, "error_rate < 1%": True}))
    told = read(served)
    assert told["asgi_probe_threshold_holds", "live", "p95(time) < 1s"] == 0
    assert told["asgi_probe_threshold_holds", "error_rate < 1%", "live"] == 1


def test_two_servers_know_nothing_of_each_other(served):
    other = Served()
    served.add(run(check()))
    assert read(other)["asgi_probe_runs_total", "passed"] == 0
