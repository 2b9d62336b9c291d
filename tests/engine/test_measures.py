"""What a run measures, against known values."""

import random
from statistics import fmean, quantiles

import pytest

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunStarted, StepFinished, TargetInfo, Warned
from asgi_probe.engine.measures import MOST_BUCKETS, Measures, histogram
from asgi_probe.engine.results import Outcome
from asgi_probe.engine.thresholds import read_thresholds


def told(measures: Measures, *checks: tuple, target: str = "app", phase: str = "steps") -> Measures:
    """Each check is its outcome, the times of its requests, and its tags."""
    for number, (outcome, times, tags) in enumerate(checks):
        name = f"a.yaml::{phase}{number}"
        measures.handle(CheckStarted(name, "a.yaml", 1, name, tags, target, phase=phase))
        measures.handle(StepFinished(name, "step", phase, Outcome(outcome), 1.0, target=target, times=times))
        measures.handle(CheckFinished(name, Outcome(outcome), 1.0, target=target, phase=phase))
    return measures


def measure(text: str, *checks: tuple):
    (verdict,) = told(Measures(read_thresholds([text])), *checks).verdicts()
    return verdict


def timed(*times: float) -> tuple:
    return ("passed", times, ())


@pytest.mark.parametrize("size", [2, 3, 10, 99, 1000])
def test_percentiles_are_those_of_the_standard_library(size):
    values = [random.Random(size).lognormvariate(-3, 1) for _ in range(size)]
    cuts = quantiles(values, n=1000, method="inclusive")
    for percent in (1, 50, 75, 90, 95, 99, 99.9):
        actual = measure(f"p{percent}(time) < 1s", timed(*values)).actual
        assert actual == pytest.approx(cuts[round(percent * 10) - 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("p0", 1), ("min", 1), ("p25", 1.75), ("median", 2.5), ("p50", 2.5), ("p90", 3.7), ("p100", 4), ("max", 4)],
)
def test_percentiles_of_known_values(name, value):
    assert measure(f"{name}(time) < 1s", timed(4.0, 1.0), timed(3.0, 2.0)).actual == pytest.approx(value)


def test_one_value_is_every_percentile():
    for percent in (0, 50, 99.9, 100):
        assert measure(f"p{percent}(time) < 1s", timed(0.25)).actual == 0.25


def test_the_average():
    values = [0.1] * 10
    assert measure("avg(time) <= 100ms", timed(*values)).actual == fmean(values) == 0.1


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("max(time) < 500ms", False),
        ("max(time) <= 500ms", True),
        ("max(time) == 500ms", True),
        ("max(time) = 501ms", False),
        ("max(time) >= 500ms", True),
        ("max(time) > 500ms", False),
        ("warn: max(time) < 500ms", False),
    ],
)
def test_whether_it_holds(text, holds):
    verdict = measure(text, timed(0.5))
    assert (verdict.text, verdict.holds, verdict.warns) == (text, holds, text.startswith("warn"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.00004, "0.04 ms"),
        (0.0095, "9.50 ms"),
        (0.3002, "300.2 ms"),
        (1.2345, "1.234 s"),
        (4000.0, "4,000.000 s"),
    ],
)
def test_times_are_told_finely(seconds, said):
    assert measure("max(time) < 300ms", timed(seconds)).told == said


CHECKS = [(outcome.value, (), ()) for outcome in Outcome]


def test_rates_are_of_the_checks_that_ran():
    verdict = measure("error_rate < 1%", *CHECKS)
    assert (verdict.actual, verdict.told) == (3 / 6, "50 % (3 of 6 checks)")
    verdict = measure("flaky_rate < 1%", *CHECKS)
    assert (verdict.actual, verdict.told) == (1 / 6, "16.7 % (1 of 6 checks)")
    assert measure("error_rate == 0", timed(0.1)).told == "0 % (0 of 1 check)"


def test_setup_counts_for_times_alone():
    measures = Measures(read_thresholds(["error_rate == 0%", "max(time) < 1s"]))
    told(measures, ("failed", (2.0,), ()), phase="setup")
    told(measures, timed(0.5))
    assert [verdict.told for verdict in measures.verdicts()] == ["0 % (0 of 1 check)", "2.000 s"]


@pytest.mark.parametrize("text", ["p95(time) > 1h", "avg(time) > 1h", "error_rate > 1%", "flaky_rate > 1%"])
@pytest.mark.parametrize("checks", [[], [("skipped", (), ())], [("interrupted", (), ())]])
def test_nothing_to_measure_holds(text, checks):
    verdict = measure(text, *checks)
    assert (verdict.holds, verdict.actual, verdict.told) == (True, None, "nothing to measure")


def test_by_tag_and_target():
    rules = [
        "max(time) < 1s",
        "max(time){tag:slow} < 1s",
        "max(time){tag:slow, tag:other} < 1s",
        "max(time){target:b} < 1s",
        "max(time){tag:slow, target:b} < 1s",
        "error_rate{tag:slow} < 1%",
        "max(time){tag:nobody} < 1s",
    ]
    measures = Measures(read_thresholds(rules))
    checks = [("passed", (0.1,), ()), ("failed", (0.2,), ("Slow",)), ("passed", (0.3,), ("slow", "other"))]
    told(measures, *checks, target="a")
    told(measures, ("passed", (9.0,), ()), ("passed", (5.0,), ("slow",)), target="b")
    assert [verdict.actual for verdict in measures.verdicts()] == [9.0, 5.0, 0.3, 9.0, 5.0, 1 / 3, None]


def test_the_same_id_at_two_targets_at_once():
    measures = Measures(read_thresholds(["max(time){tag:x} < 1s"]))
    measures.handle(CheckStarted("a", "a", 1, "a", ("x",), "one"))
    measures.handle(CheckStarted("a", "a", 1, "a", (), "two"))
    measures.handle(StepFinished("a", "s", "steps", Outcome.PASSED, 1.0, target="two", times=(7.0,)))
    measures.handle(StepFinished("a", "s", "steps", Outcome.PASSED, 1.0, target="one", times=(3.0,)))
    assert measures.verdicts()[0].actual == 3.0


def test_other_events_are_nothing_to_it():
    measures = Measures(read_thresholds(["max(time){tag:x} < 1s"]))
    measures.handle(RunStarted("0", TargetInfo("a", "app", "a"), (), 0, 1, ""))
    measures.handle(Warned("x"))
    assert measures.times() is None


def test_the_times_in_short():
    times = told(Measures(), timed(*[number / 1000 for number in range(1, 101)])).times()
    assert times is not None
    assert (times.count, times.longest) == (100, 0.1)
    assert (times.mean, times.p50, times.p95, times.p99) == pytest.approx((0.0505, 0.0505, 0.09505, 0.09901))
    assert sum(count for _, count in times.histogram) == 100


def test_what_came_later_counts_too():
    measures = told(Measures(read_thresholds(["max(time) < 1s"])), timed(0.5))
    assert measures.verdicts()[0].actual == 0.5
    told(measures, timed(2.5))
    assert measures.verdicts()[0].actual == 2.5


@pytest.mark.parametrize(
    ("times", "bars"),
    [
        ([0.0], [(1e-6, 1)]),
        ([0.3, 0.3], [(0.3, 2)]),
        ([0.1, 0.1 + 1e-12, 0.11, 0.2], [(0.1, 2), (0.12, 1), (0.15, 0), (0.2, 1)]),
        ([0.011, 0.2], [(0.015, 1), (0.02, 0), (0.03, 0), (0.05, 0), (0.07, 0), (0.1, 0), (0.15, 0), (0.2, 1)]),
        (
            [10.0**power for power in range(-6, 2)],
            [
                *[(0.002, 4), (0.005, 0), (0.01, 1), (0.02, 0), (0.05, 0), (0.1, 1)],
                *[(0.2, 0), (0.5, 0), (1.0, 1), (2.0, 0), (5.0, 0), (10.0, 1)],
            ],
        ),
    ],
)
def test_histograms(times, bars):
    assert list(histogram(times)) == bars


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.5, 1, 2, 4])
def test_a_histogram_holds_all(spread):
    draw = random.Random(str(spread))
    times = sorted(draw.lognormvariate(-3, spread) for _ in range(5000))
    bars = histogram(times)
    bounds = [bound for bound, _ in bars]
    assert sum(count for _, count in bars) == 5000
    assert bounds == sorted(set(bounds))
    assert len(bars) <= MOST_BUCKETS
    assert bounds[-1] >= times[-1]
    below = 0.0
    for bound, count in bars:
        assert count == sum(below < time <= bound for time in times)
        below = bound
