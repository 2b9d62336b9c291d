"""What Prometheus is told, in the names of the textfile report where the meaning is the same."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from asgi_probe.engine.results import Outcome
from asgi_probe.serving.status import ended_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from asgi_probe.serving.records import CheckRecord, RunRecord
    from asgi_probe.serving.status import Status

MOST_CHECKS = 2_000
"""Checks that have series of their own, those that are down first: each costs the server that stores them."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_RUN_OUTCOMES = ("passed", "failed", "error")


class Measures:
    """The metrics of a server: what is known now is read when they are asked, durations are counted as they come."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._counts = [0] * (len(_BUCKETS) + 1)
        self._seconds = 0.0

    def add(self, run: RunRecord) -> None:
        """Count a run that has ended."""
        self._counts[bisect_left(_BUCKETS, run.duration)] += 1
        self._seconds += run.duration

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing, as long as nobody asks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """What is known now."""
        running = self._status.running
        yield _gauge("asgi_probe_running", "Whether a run goes on.", running is not None)
        yield _gauge(
            "asgi_probe_running_seconds", "For how long a run has been going on.", running.seconds if running else 0
        )
        hung = running is not None and running.hung
        yield _gauge("asgi_probe_hung", "Whether the run that goes on takes longer than it may.", hung)
        yield _gauge("asgi_probe_healthy", "What /healthz says.", self._status.health().healthy)
        runs = CounterMetricFamily("asgi_probe_runs", "Runs that have ended, by outcome.", labels=("outcome",))
        for outcome in _RUN_OUTCOMES:
            runs.add_metric((outcome,), self._status.runs[outcome])
        yield runs
        yield self._durations()
        if self._status.last is not None:
            yield from _of_last(self._status.last)

    def _durations(self) -> HistogramMetricFamily:
        bounds = [*map(str, _BUCKETS), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        return HistogramMetricFamily(
            "asgi_probe_run_duration_seconds", "How long runs took.", buckets=buckets, sum_value=self._seconds
        )


def _of_last(run: RunRecord) -> Iterator[Metric]:
    yield _gauge("asgi_probe_success", "Whether the last run was green.", run.green)
    yield _gauge("asgi_probe_exit_code", "What the last run exited with.", run.exit_code)
    yield _gauge(
        "asgi_probe_last_run_timestamp_seconds", "When the last run ended.", round(ended_at(run).timestamp(), 3)
    )
    yield _gauge("asgi_probe_last_run_duration_seconds", "How long the last run took.", run.duration)
    checks = GaugeMetricFamily("asgi_probe_checks", "Checks of the last run, by outcome.", labels=("outcome",))
    for outcome in Outcome:
        checks.add_metric((outcome,), run.outcomes.get(outcome, 0))
    yield checks
    yield from _of_checks(run.checks)


def _of_checks(checks: Iterable[CheckRecord]) -> Iterator[Metric]:
    labels = ("check", "target")
    up = GaugeMetricFamily("asgi_probe_check_up", "Whether the check was green in the last run.", labels=labels)
    took = GaugeMetricFamily(
        "asgi_probe_check_duration_seconds", "How long the check took in the last run.", labels=labels
    )
    asked = [check for check in checks if check.phase == "steps" and check.outcome not in _NOT_ASKED]
    asked.sort(key=lambda check: Outcome(check.outcome).green)
    for check in asked[:MOST_CHECKS]:
        up.add_metric((check.id, check.target), Outcome(check.outcome).green)
        took.add_metric((check.id, check.target), check.duration)
    yield up
    yield took
    left = max(0, len(asked) - MOST_CHECKS)
    yield _gauge("asgi_probe_checks_without_series", "Checks of the last run that are only counted.", left)


_NOT_ASKED = (Outcome.SKIPPED, Outcome.INTERRUPTED)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))
