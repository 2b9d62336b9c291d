"""`--report prometheus=FILE`: a run's metrics as a file for the textfile collector of Prometheus' node_exporter.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/; the library writes and escapes it. Every
series says its target, so that files of runs against different targets can lie in one folder.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters import metrics
from asgi_probe.reporters.metrics import NOT_ASKED, Histogram, Series, label, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile


class PrometheusWriter:
    """Counts what it is told, and writes all of it at the end."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._started_at = 0.0
        self._targets = ""
        self._outcomes: dict[str, dict[str, int]] = {}
        self._requests: dict[str, Histogram] = {}
        self._green: Series = {}
        self._red: Series = {}
        self._beyond = 0
        self._files: dict[str, str] = {}

    def handle(self, event: Event) -> None:
        """Take in one event; all is written with the last."""
        match event:
            case StepFinished():
                for seconds in event.times:
                    self._requests[event.target].observe(seconds)
            case CheckStarted():
                if event.target not in self._requests:
                    self._know(event.target)
            case CheckFinished():
                self._count(event)
            case RunStarted():
                self._started_at = datetime.fromisoformat(event.started_at).timestamp()
                names = [target.name for target in event.targets or (event.target,)]
                self._targets = ",".join(names)
                for name in names:
                    self._know(name)
            case RunFinished():
                self._file.write(_written(self._families(event)))

    def _know(self, target: str) -> None:
        self._requests[target] = Histogram()
        self._outcomes[target] = dict.fromkeys(Outcome, 0)

    def _count(self, check: CheckFinished) -> None:
        green = check.outcome.green
        if check.phase == "steps" or not green:
            self._outcomes[check.target][check.outcome] += 1
            if check.outcome not in NOT_ASKED:
                self._series(check, self._green if green else self._red)

    def _series(self, check: CheckFinished, among: Series) -> None:
        labels = labels_of(check.id, check.name, check.file, check.target)
        if labels in among or len(among) < metrics.MOST_CHECKS:
            among[labels] = check.duration
        else:
            self._beyond += 1

    def _families(self, run: RunFinished) -> Iterator[Metric]:
        here = (self._targets,)
        ended = self._started_at + run.duration
        yield from metrics.of_run(here, exit_code=run.exit_code, ended=ended, duration=run.duration)
        yield metrics.CHECKS.gauge(
            [((outcome, target), count) for target, of in self._outcomes.items() for outcome, count in of.items()]
        )
        yield metrics.histograms(metrics.REQUESTS, [((target,), times) for target, times in self._requests.items()])
        thresholds = {label(verdict.text): verdict.holds for verdict in run.thresholds}
        yield metrics.THRESHOLDS.gauge([((text, self._targets), holds) for text, holds in thresholds.items()])
        yield from metrics.of_checks(self._red, self._green, here, self._beyond)


class _Known:
    """What is known already, as the library's registry asks for it."""

    def __init__(self, families: Iterator[Metric]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> list[Metric]:
        return self._families


def _written(families: Iterator[Metric]) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Known(families))
    return generate_latest(registry)
