"""What a run measures: how long its requests took, and whether its thresholds hold.

A percentile is exact and interpolated between the two nearest values, as numpy, k6 and `statistics.quantiles` with
`method="inclusive"` have it. A request counts if it was answered or timed out, those of setup and teardown, too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from math import floor, fsum, log10
from typing import TYPE_CHECKING

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.engine.results import Outcome, ThresholdVerdict, Times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.thresholds import Filter, Threshold

_DID_NOT_RUN = frozenset({Outcome.SKIPPED, Outcome.INTERRUPTED})

MOST_BUCKETS = 12
_STEPS = (
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
)
"""Bounds of a decade, the finest first."""


@dataclass(slots=True)
class Sample:
    """The requests and checks that something is measured of: 8 bytes a request."""

    filters: tuple[Filter, ...] = ()
    times: array[float] = field(default_factory=lambda: array("d"))
    ran: int = 0
    bad: int = 0
    flaky: int = 0
    _ordered: list[float] = field(default_factory=list)

    def wants(self, tags: Sequence[str], target: str) -> bool:
        """Whether a check with these tags, that asks this target, counts."""
        lowered = [tag.lower() for tag in tags]
        return all(each.name in lowered if each.key == "tag" else each.name == target for each in self.filters)

    def count(self, outcome: Outcome) -> None:
        """Take in how a check ended."""
        if outcome not in _DID_NOT_RUN:
            self.ran += 1
            self.bad += outcome.red
            self.flaky += outcome is Outcome.FLAKY

    def percentile(self, percent: float) -> float:
        """That of the times, of which there must be some."""
        if len(self._ordered) != len(self.times):
            self._ordered = sorted(self.times)
        at = percent / 100 * (len(self._ordered) - 1)
        below = floor(at)
        low, high = self._ordered[below], self._ordered[min(below + 1, len(self._ordered) - 1)]
        return low + (high - low) * (at - below)

    def mean(self) -> float:
        """That of the times, of which there must be some."""
        return fsum(self.times) / len(self.times)

    def all_times(self) -> Times | None:
        """The times in short, None if there are none."""
        if not self.times:
            return None
        return Times(
            len(self.times),
            self.mean(),
            self.percentile(50),
            self.percentile(95),
            self.percentile(99),
            self.percentile(100),
            histogram(self._ordered),
        )


class Measures:
    """Takes in the events of a run, or of several that count as one, and says what they come to."""

    def __init__(self, thresholds: Sequence[Threshold] = ()) -> None:
        self._thresholds = tuple(thresholds)
        self._all = Sample()
        self._parts = {each.filters: Sample(each.filters) for each in self._thresholds if each.filters}
        self._of: dict[tuple[str, str], list[Sample]] = {}
        """Where a check counts besides, by target and id, while it runs."""
        self._alike: dict[tuple[tuple[str, ...], str], list[Sample]] = {}
        """The same by tags and target."""

    def handle(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, StepFinished):
            if event.times:
                for sample in self._wanting(event):
                    sample.times.extend(event.times)
        elif isinstance(event, CheckFinished):
            if event.phase == "steps":
                for sample in self._wanting(event):
                    sample.count(event.outcome)
            self._of.pop((event.target, event.id), None)
        elif self._parts and isinstance(event, CheckStarted):
            wanting = self._alike.get((event.tags, event.target))
            if wanting is None:
                wanting = [sample for sample in self._parts.values() if sample.wants(event.tags, event.target)]
                self._alike[event.tags, event.target] = wanting
            if wanting:
                self._of[event.target, event.id] = wanting

    def _wanting(self, event: StepFinished | CheckFinished) -> Iterator[Sample]:
        yield self._all
        if self._of:
            yield from self._of.get((event.target, event.id), ())

    def times(self) -> Times | None:
        """How long the requests took, None if there were none."""
        return self._all.all_times()

    def verdicts(self) -> tuple[ThresholdVerdict, ...]:
        """What became of each threshold, in their order."""
        return tuple([self._verdict(each) for each in self._thresholds])

    def _verdict(self, threshold: Threshold) -> ThresholdVerdict:
        sample = self._parts[threshold.filters] if threshold.filters else self._all
        actual, told = measured(threshold, sample)
        holds = actual is None or threshold.admits(actual)
        return ThresholdVerdict(threshold.text, holds, told, actual, threshold.warns)


def not_good_enough(verdicts: Sequence[ThresholdVerdict], flaky: int) -> str | None:
    """Why a run without a failure fails, if it does; `flaky` are the checks that may not have been."""
    broken = sum(not verdict.holds and not verdict.warns for verdict in verdicts)
    whys = [f"{flaky:,} {'check was' if flaky == 1 else 'checks were'} flaky, and --fail-on-flaky is set"] * bool(flaky)
    whys += [f"{broken:,} {'threshold was' if broken == 1 else 'thresholds were'} broken"] * bool(broken)
    return "; ".join(whys) or None


def measured(threshold: Threshold, sample: Sample) -> tuple[float | None, str]:
    """What a threshold is about, as a number and as people read it."""
    match threshold.measure:
        case "percentile" | "avg" if sample.times:
            seconds = sample.percentile(threshold.percent) if threshold.measure == "percentile" else sample.mean()
            return seconds, _time(seconds)
        case "error_rate" if sample.ran:
            return sample.bad / sample.ran, _share(sample.bad, sample.ran)
        case "flaky_rate" if sample.ran:
            return sample.flaky / sample.ran, _share(sample.flaky, sample.ran)
    return None, "nothing to measure"


def _time(seconds: float) -> str:
    """Finer than elsewhere: `300.2 ms` is not below 300."""
    if seconds >= 1:
        return f"{seconds:,.3f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2f} ms"


def _share(some: int, ran: int) -> str:
    return f"{100 * some / ran:.3g} % ({some:,} of {ran:,} check{'s' * (ran != 1)})"


def histogram(ordered: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """Times in ascending order, counted between round bounds: at most 12, as fine as that allows.

    Where they differ more than that the first bound holds all that are shorter.
    """
    bounds = next((found for steps in _STEPS if len(found := _bounds(ordered, steps)) <= MOST_BUCKETS), None)
    if bounds is None:
        bounds = _bounds(ordered, _STEPS[-1])[-MOST_BUCKETS:]
    counts: list[tuple[float, int]] = []
    below = 0
    for bound in bounds:
        # what is a hair longer than the bound that it rounds to belongs to it
        upto = len(ordered) if bound == bounds[-1] else bisect_left(ordered, bound * (1 + 1e-9))
        counts.append((bound, upto - below))
        below = upto
    return tuple(counts)


def _bounds(ordered: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The bounds from the first that holds the shortest to the first that holds the longest."""
    shortest, longest = (max(ordered[at], 1e-6) for at in (0, -1))
    decades = range(floor(log10(shortest)), floor(log10(longest)) + 2)
    bounds = [float(f"{step}e{decade}") for decade in decades for step in steps]
    first, last = bisect_left(bounds, shortest), bisect_left(bounds, longest)
    return bounds[first : last + 1]
