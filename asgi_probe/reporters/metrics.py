"""The metrics by which a run is known to Prometheus: their names, help and labels, the same wherever they are told.

They follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.errors import UsageError

try:
    from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
except ImportError:
    raise UsageError(
        "metrics for Prometheus need the package prometheus-client: pip install 'asgi-probe[prometheus]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_CHECKS = 2_000
"""Checks that have series of their own, those that are not green first: each costs the server that stores them."""
LONGEST_LABEL = 200
"""Characters of a label's value."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, in seconds, of the times of requests: Prometheus' own."""

NOT_ASKED = frozenset({Outcome.SKIPPED, Outcome.INTERRUPTED})
"""Outcomes that say nothing of the target."""


@dataclass(frozen=True, slots=True)
class Named:
    """A metric: what it is called, what it says, and what tells its series apart."""

    name: str
    told: str
    labels: tuple[str, ...] = ("target",)

    def gauge(self, values: Iterable[tuple[Sequence[str], float]]) -> GaugeMetricFamily:
        """It with a value for each combination of labels."""
        family = GaugeMetricFamily(self.name, self.told, labels=self.labels)
        for labels, value in values:
            family.add_metric([label(each) for each in labels], float(value))
        return family


SUCCESS = Named("asgi_probe_success", "Whether the last run was green: 1 or 0.")
EXIT_CODE = Named("asgi_probe_exit_code", "What the last run exited with.")
LAST_RUN = Named("asgi_probe_last_run_timestamp_seconds", "When the last run ended, in seconds since 1970.")
RUN_DURATION = Named("asgi_probe_last_run_duration_seconds", "How long the last run took.")
CHECKS = Named("asgi_probe_checks", "Checks of the last run, by outcome.", ("outcome", "target"))
CHECK_UP = Named(
    "asgi_probe_check_up", "Whether the check was green in the last run: 1 or 0.", ("file", "check", "target")
)
CHECK_DURATION = Named(
    "asgi_probe_check_duration_seconds", "How long the check took in the last run.", ("file", "check", "target")
)
CHECKS_LEFT = Named("asgi_probe_checks_without_series", "Checks of the last run that are only counted.")
REQUESTS = Named("asgi_probe_request_duration_seconds", "How long the requests of the last run took.")
THRESHOLDS = Named(
    "asgi_probe_threshold_holds", "Whether the threshold held in the last run: 1 or 0.", ("threshold", "target")
)


Series = dict[tuple[str, str, str], float]
"""Seconds by the labels of checks."""


def labels_of(check: str, name: str, file: str, target: str) -> tuple[str, str, str]:
    """The labels of a check, by its id (without one by its name), its file and its target."""
    return label(file), label(check.partition("::")[2] or name), label(target)


def of_run(here: Sequence[str], *, exit_code: int, ended: float, duration: float) -> Iterator[GaugeMetricFamily]:
    """How the last run went, which ended so many seconds after 1970."""
    yield SUCCESS.gauge([(here, not exit_code)])
    yield EXIT_CODE.gauge([(here, exit_code)])
    yield LAST_RUN.gauge([(here, round(ended, 3))])
    yield RUN_DURATION.gauge([(here, duration)])


def of_checks(red: Series, green: Series, here: Sequence[str], beyond: int = 0) -> Iterator[GaugeMetricFamily]:
    """How checks went, those that are not green first; one name that comes twice is told as red."""
    durations = red | {labels: took for labels, took in green.items() if labels not in red}
    shown = [*durations.items()][:MOST_CHECKS]
    yield CHECK_UP.gauge([(labels, labels not in red) for labels, _ in shown])
    yield CHECK_DURATION.gauge(shown)
    yield CHECKS_LEFT.gauge([(here, beyond + len(durations) - len(shown))])


class Histogram:
    """Times counted by upper bound, in seconds."""

    def __init__(self, bounds: Sequence[float] = BUCKETS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Take in one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How many were at most so long, by bound."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))

    @property
    def sum(self) -> float:
        """All of them together, in seconds."""
        return self._sum


def histograms(named: Named, of: Iterable[tuple[Sequence[str], Histogram]]) -> HistogramMetricFamily:
    """A metric with a histogram for each combination of labels."""
    family = HistogramMetricFamily(named.name, named.told, labels=named.labels)
    for labels, histogram in of:
        family.add_metric([label(each) for each in labels], histogram.buckets(), histogram.sum)
    return family


def label(value: str) -> str:
    """A label's value that UTF-8 can hold, cut where it is long."""
    value = value if len(value) <= LONGEST_LABEL else value[: LONGEST_LABEL - 1] + "…"
    return value.encode("utf-8", "replace").decode()
