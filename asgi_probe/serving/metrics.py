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
_RUN_OUTCOMES = ("passed", "failed", "error")


class Measures:
    """The metrics of a server: what is known now is read when they are asked, durations are counted as they come."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._durations = metrics.Histogram(_BUCKETS)

    def add(self, run: RunRecord) -> None:
        """Count a run that has ended."""
        self._durations.observe(run.duration)

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
        if self._status.last is not None:
            yield from _of_last(self._status.last)


def _of_last(run: RunRecord) -> Iterator[Metric]:
    here = (",".join(run.targets),)
    yield metrics.SUCCESS.gauge([(here, run.green)])
    yield metrics.EXIT_CODE.gauge([(here, run.exit_code)])
    yield metrics.LAST_RUN.gauge([(here, round(ended_at(run).timestamp(), 3))])
    yield metrics.RUN_DURATION.gauge([(here, run.duration)])
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
    """Those that are not green first: one name that comes twice is told as red."""
    series: dict[tuple[str, str, str], CheckRecord] = {}
    for check in sorted(checks, key=_is_green):
        if check.outcome not in metrics.NOT_ASKED:
            series.setdefault(_labels(check), check)
    shown = [*series.items()][: metrics.MOST_CHECKS]
    yield metrics.CHECK_UP.gauge((labels, _is_green(check)) for labels, check in shown)
    yield metrics.CHECK_DURATION.gauge((labels, check.duration) for labels, check in shown)
    yield metrics.CHECKS_LEFT.gauge([(here, len(series) - len(shown))])


def _labels(check: CheckRecord) -> tuple[str, str, str]:
    name = check.id.partition("::")[2] or check.name
    return metrics.label(check.file), metrics.label(name), metrics.label(check.target)


def _is_green(check: CheckRecord) -> bool:
    return Outcome(check.outcome).green


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))
