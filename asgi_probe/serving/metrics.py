"""What Prometheus is told, in the names of the textfile report where the meaning is the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters import metrics
from asgi_probe.serving.status import ended_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from asgi_probe.serving.records import CheckRecord, RunRecord
    from asgi_probe.serving.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_RUNS_TOOK = metrics.Named("asgi_probe_run_duration_seconds", "How long runs took.", ())
_CHECKS_TOOK = metrics.Named(
    "asgi_probe_check_run_duration_seconds", "How long the check took in its runs.", ("file", "check", "target")
)
_RUN_OUTCOMES = ("passed", "failed", "error")


class Measures:
    """The metrics of a server: what is known now is read when they are asked, durations are counted as they come."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._durations = metrics.Histogram(_BUCKETS)
        self._checks: dict[tuple[str, str, str], metrics.Histogram] = {}
        """How long each took, run after run, of the first that came."""

    def add(self, run: RunRecord) -> None:
        """Count a run that has ended."""
        self._durations.observe(run.duration)
        for check in _asked(run.checks):
            labels = _labels(check)
            if labels in self._checks or len(self._checks) < metrics.MOST_CHECKS:
                self._checks.setdefault(labels, metrics.Histogram()).observe(check.duration)

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
        yield metrics.histograms(_RUNS_TOOK, [((), self._durations)])
        yield metrics.histograms(_CHECKS_TOOK, [*self._checks.items()])
        if self._status.last is not None:
            yield from _of_last(self._status.last)


def _of_last(run: RunRecord) -> Iterator[Metric]:
    here = (",".join(run.targets),)
    ended = ended_at(run).timestamp()
    yield from metrics.of_run(here, exit_code=run.exit_code, ended=ended, duration=run.duration)
    yield metrics.CHECKS.gauge(
        ((outcome, target), counts[outcome]) for target, counts in _outcomes(run).items() for outcome in Outcome
    )
    yield metrics.THRESHOLDS.gauge(((text, *here), holds) for text, holds in run.thresholds.items())
    yield from _of_checks(run.checks, here)


def _outcomes(run: RunRecord) -> dict[str, Counter[str]]:
    """How many checks ended how, by target."""
    if len(run.targets) == 1:
        return {run.targets[0]: Counter(run.outcomes)}
    counts: dict[str, Counter[str]] = {target: Counter() for target in run.targets}
    for check in run.checks:
        counts.setdefault(check.target, Counter())[check.outcome] += 1
    return counts


def _of_checks(checks: Iterable[CheckRecord], here: Sequence[str]) -> Iterator[Metric]:
    red: metrics.Series = {}
    green: metrics.Series = {}
    for check in _asked(checks):
        among = green if Outcome(check.outcome).green else red
        among.setdefault(_labels(check), check.duration)
    yield from metrics.of_checks(red, green, here)


def _asked(checks: Iterable[CheckRecord]) -> Iterator[CheckRecord]:
    """Those that say something of the target."""
    return (check for check in checks if check.outcome not in metrics.NOT_ASKED)


def _labels(check: CheckRecord) -> tuple[str, str, str]:
    return metrics.labels_of(check.id, check.name, check.file, check.target)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))
