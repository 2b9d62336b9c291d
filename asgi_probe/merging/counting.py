"""Which of a check's results counts, where several runs tell of it, and what all of it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import nlargest
from typing import TYPE_CHECKING

from asgi_probe.engine.results import RED, Outcome, SlowCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asgi_probe.merging.fitting import Whole
    from asgi_probe.merging.streams import Came, Key, Stream

_SLOWEST = 5
_STUMBLED = RED | {Outcome.FLAKY}
_WORST_LAST = (
    Outcome.INTERRUPTED, Outcome.SKIPPED, Outcome.PASSED, Outcome.XFAILED, Outcome.FLAKY, Outcome.XPASSED,
    Outcome.FAILED, Outcome.ERROR,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Earlier:
    """Why a check that passed is flaky: what it came to in an earlier run, and at which step."""

    why: str
    step: str | None


@dataclass(slots=True)
class Counted:
    """The result that counts of each check: the number of its stream, and what it came to there.

    `flaky` are those that failed earlier and have passed since.
    """

    whole: Whole
    results: dict[Key, tuple[int, Came]] = field(default_factory=dict)
    flaky: dict[Key, Earlier] = field(default_factory=dict)

    def outcome(self, key: Key) -> Outcome:
        """How the check has ended."""
        return Outcome.FLAKY if key in self.flaky else self.results[key][1].outcome

    def outcomes(self) -> dict[str, int]:
        """The checks counted by outcome; what ran around them counts only where something went wrong."""
        found: dict[str, int] = {}
        for key, (_, came) in self.results.items():
            outcome = self.outcome(key)
            if came.phase == "steps" or not outcome.green:
                found[outcome] = found.get(outcome, 0) + 1
        return found

    def slowest(self) -> tuple[SlowCheck, ...]:
        """The checks that took longest."""
        times = (
            (came.duration, key[1], key[0])
            for key, (_, came) in self.results.items()
            if came.phase == "steps" and came.outcome is not Outcome.SKIPPED
        )
        return tuple(SlowCheck(check, seconds, target) for seconds, check, target in nlargest(_SLOWEST, times))

    def checks(self) -> int:
        """How many there are, but for what runs around them."""
        return sum(came.phase == "steps" for _, came in self.results.values())

    def missing(self) -> int:
        """How many never began in any run, as far as that can be known."""
        known: set[Key] = set()
        missing = 0
        for stream in self.whole.all:
            new = stream.checks.keys() - known
            beside = stream in self.whole.parts and stream.started.shard is not None
            known |= new
            missing = (
                missing + stream.missing
                if beside
                else max(missing - sum(stream.checks[key].phase == "steps" for key in new), stream.missing)
            )
        return missing

    def flaky_checks(self) -> int:
        """How many are flaky, setups and teardowns among them."""
        return sum(self.outcome(key) is Outcome.FLAKY for key in self.results)

    def complete(self) -> bool:
        """Whether every check came to an end of its own in one of the runs."""
        return not self.missing() and not any(came.outcome is Outcome.INTERRUPTED for _, came in self.results.values())


def count(whole: Whole) -> Counted:
    """The results that count: of parts the worst, as what others need runs in several; of later runs the later one."""
    counted = Counted(whole)
    for number, stream in enumerate(whole.all):
        beside = stream in whole.parts and stream.started.shard is not None
        for key, came in stream.checks.items():
            if key not in counted.results:
                counted.results[key] = (number, came)
            elif beside:
                _keep_worse(counted, key, number, came)
            else:
                _take_later(counted, key, number, came)
        if not beside:
            _mend_fixtures(counted, stream)
    return counted


def _keep_worse(counted: Counted, key: Key, number: int, came: Came) -> None:
    if _WORST_LAST.index(came.outcome) > _WORST_LAST.index(counted.results[key][1].outcome):
        counted.results[key] = (number, came)


def _take_later(counted: Counted, key: Key, number: int, came: Came) -> None:
    """What was skipped or interrupted replaces no result of its own weight."""
    _, before = counted.results[key]
    if _weight(came.outcome) < _weight(before.outcome):
        return
    earlier = counted.flaky.pop(key, None)
    if came.outcome is Outcome.PASSED and before.outcome in _STUMBLED:
        earlier = earlier or Earlier(before.why or f"it was {before.outcome}", before.step)
    if came.outcome is Outcome.PASSED and earlier is not None:
        counted.flaky[key] = earlier
    counted.results[key] = (number, came)


def _weight(outcome: Outcome) -> int:
    return {Outcome.INTERRUPTED: 0, Outcome.SKIPPED: 1}.get(outcome, 2)


def _mend_fixtures(counted: Counted, stream: Stream) -> None:
    """A fixture is told only when it breaks: one that did, and does not when its file runs later, was flaky."""
    broken = [key for key in _broken_fixtures(counted) if key not in stream.checks]
    if not broken:
        return
    ran = {
        (target, came.file)
        for (target, _, _), came in stream.checks.items()
        if came.phase == "steps" and _weight(came.outcome) > 1
    }
    for key in broken:
        _, came = counted.results[key]
        if (key[0], came.file) in ran:
            counted.flaky[key] = Earlier(came.why or "it broke", None)


def _broken_fixtures(counted: Counted) -> Iterator[Key]:
    for key, (_, came) in counted.results.items():
        if came.phase == "fixture" and key not in counted.flaky:
            yield key
