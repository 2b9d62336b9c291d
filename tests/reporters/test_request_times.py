from __future__ import annotations

from asgi_probe.engine.events import RunFinished
from asgi_probe.engine.results import SlowCheck, ThresholdVerdict, Times
from asgi_probe.reporters.measures import request_times, slowest, thresholds
from asgi_probe.terminal import cells, plain

TIMES = Times(
    1_204, 0.02, 0.012, 0.085, 0.23, 1.3, ((0.001, 0), (0.005, 3), (0.01, 0), (0.02, 1_200), (2.0, 1), (5.0, 0))
)


def told(lines):
    return "".join(plain(line) + "\n" for line in lines)


def test_percentiles_and_a_histogram_of_what_is_filled():
    assert told(request_times(TIMES, None)) == (
        "\nrequest times  1,204 requests\n"
        "  p50 12 ms  p95 85 ms  p99 230 ms  longest 1.30 s\n"
        "    ≤ 5 ms      3 ━\n"
        "   ≤ 10 ms      0 \n"
        f"   ≤ 20 ms  1,200 {'━' * 40}\n"
        "  ≤ 2.00 s      1 ━\n"
    )


def test_bars_fit_the_screen():
    for columns in (20, 40, 80):
        bars = [plain(line) for line in request_times(TIMES, columns) if "━" in plain(line)]
        assert max(map(cells, bars)) <= max(columns, 24)


def test_no_histogram_without_counts():
    assert len(request_times(Times(1, 1, 1, 1, 1, 1), None)) == 3
    assert len(request_times(Times(1, 1, 1, 1, 1, 1, ((1.0, 0),)), None)) == 3


def test_a_verdict_for_each_threshold():
    verdicts = [
        ThresholdVerdict("p95(time) < 300ms", holds=True, told="212 ms", actual=0.212),
        ThresholdVerdict("error_rate < 1%", holds=False, told="3.2 %", actual=0.032),
        ThresholdVerdict("p99(time)\n< 1s", holds=False, told="1.2 s", actual=1.2, warns=True),
    ]
    lines = thresholds(verdicts, None)
    assert told(lines) == (
        "\nthresholds\n"
        "  ✓ p95(time) < 300ms  212 ms\n"
        "  ✗ error_rate < 1%    3.2 %  broken\n"
        "  ! p99(time)\\n< 1s    1.2 s  only warns\n"
    )
    assert [line[0][1] for line in lines[2:]] == ["passed", "failed", "warning"]
    assert [line[2][1] for line in lines[2:]] == ["quiet", "failed", "warning"]
    assert max(cells(plain(line)) for line in thresholds(verdicts, 40)) <= 40
    assert thresholds([], None) == []


def test_the_slowest_name_their_target_where_there_are_several():
    slow = (SlowCheck("a::x", 0.5, "one"), SlowCheck("a::y", 0.25, "two"))
    run = RunFinished({"passed": 9}, 1, 0, None, slow)
    assert told(slowest(run, whole=False)) == "\nslowest\n  500 ms  a::x  on one\n  250 ms  a::y  on two\n"
