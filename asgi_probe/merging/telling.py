"""The merged run told: one stream of events, as a run of all of it would have told them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished
from asgi_probe.engine.measures import Measures, not_good_enough
from asgi_probe.engine.results import RED, Outcome
from asgi_probe.errors import ExitCode
from asgi_probe.merging.streams import each_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.thresholds import Threshold
    from asgi_probe.merging.counting import Counted, Earlier
    from asgi_probe.merging.streams import Key, Stream


@dataclass(slots=True)
class Clock:
    """The time of the merged run when what is told now happened, in seconds since its start."""

    now: float = 0.0


class Merged:
    """A run of several streams; `tell` gives each event of it to `emit`, and the last one back.

    One stream is told after the other; `clock` then goes back to the beginning of the next.
    """

    def __init__(
        self,
        counted: Counted,
        emit: Callable[[Event], None],
        thresholds: Sequence[Threshold] = (),
        *,
        fail_on_flaky: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._counted = counted
        self._streams = counted.whole.all
        self._emit_on = emit
        self._measures = Measures(thresholds)
        self._fail_on_flaky = fail_on_flaky
        self._clock = clock or Clock()
        self._offsets = _offsets(self._streams)

    def tell(self) -> RunFinished:
        """Tell everything: what every run told of the checks whose result there is the one that counts."""
        self._emit(self._first_event())
        workers = 0
        for number, stream in enumerate(self._streams):
            for event in self._of(number, stream, workers):
                self._emit(event)
            workers += stream.workers
        finished = self._last_event()
        self._clock.now = finished.duration
        self._emit(finished)
        return finished

    def _emit(self, event: Event) -> None:
        self._measures.handle(event)
        self._emit_on(event)

    def _of(self, number: int, stream: Stream, workers: int) -> Iterator[Event]:
        """The events of one stream, on the time and with the numbers of workers that they have in the whole."""
        offset = self._offsets[number]
        results, flaky = self._counted.results, self._counted.flaky
        under_way: dict[Key, CheckStarted] = {}
        for key, event in each_event(stream):
            if key is None:
                yield event
            elif key not in results or results[key][0] != number:
                continue  # what was not there yet when the file was looked through is not told either
            elif isinstance(event, CheckStarted):
                moved = replace(event, at=event.at + offset, worker=event.worker + workers)
                under_way[key] = moved
                self._clock.now = moved.at
                yield moved
            elif isinstance(event, StepFinished):
                step = replace(event, at=event.at + offset)
                self._clock.now = step.at + step.duration
                yield _stumbled(step, flaky[key]) if key in flaky else step
            elif isinstance(event, CheckFinished):
                self._clock.now = under_way.pop(key).at + event.duration
                yield replace(event, outcome=Outcome.FLAKY, reason=flaky[key].why) if key in flaky else event
        for started in under_way.values():
            self._clock.now = offset + stream.lasted
            yield _cut(started, stream, self._clock.now)

    def _first_event(self) -> RunStarted:
        starts = [stream.started for stream in self._streams]
        parts = [stream.started for stream in self._counted.whole.parts]
        sizes = self._sizes()
        abouts = {file: about for start in starts for file, about in zip(start.specs, start.descriptions, strict=False)}
        targets = {target.name: target for start in starts for target in start.targets or (start.target,)}
        files = united([[*dict.fromkeys(start.specs)] for start in starts])
        asked = [(name, file) for name in targets for file in files if (name, file) in sizes]
        asked += [(parts[0].target.name, file) for file in files if not any(file == each for _, each in asked)]
        side_by_side = parts[0].shard is not None
        return RunStarted(
            parts[0].version,
            parts[0].target,
            tuple(file for _, file in asked),
            self._counted.checks() + self._counted.missing(),
            (sum if side_by_side else max)(start.concurrency for start in parts),
            min(self._streams, key=lambda stream: stream.began).started.started_at,
            targets=tuple(targets.values()),
            sizes=tuple(sizes.get(each, 0) for each in asked),
            descriptions=tuple(abouts.get(file) for _, file in asked),
            asked=tuple(name for name, _ in asked),
            seed=parts[0].seed,
            begun=any(start.begun for start in starts),
        )

    def _sizes(self) -> dict[tuple[str, str], int]:
        """How many checks, setups and teardowns will be told of each file of each target."""
        sizes: dict[tuple[str, str], int] = {}
        for (target, _, _), (_, came) in self._counted.results.items():
            sizes[target, came.file] = sizes.get((target, came.file), 0) + (came.phase != "fixture")
        return sizes

    def _last_event(self) -> RunFinished:
        counted, verdicts = self._counted, self._measures.verdicts()
        outcomes, missing = counted.outcomes(), counted.missing()
        open_ends = [stream for stream in self._streams if self._stands(stream)]
        failed = any(map(outcomes.get, RED))
        flaky = counted.flaky_checks() if self._fail_on_flaky else 0
        reason = None if failed else not_good_enough(verdicts, flaky)
        problems = [(stream, problem) for stream in open_ends if (problem := _problem(stream))]
        stopped = self._stopped(open_ends, missing)
        return RunFinished(
            outcomes,
            max(offset + stream.lasted for offset, stream in zip(self._offsets, self._streams, strict=True)),
            _exit_code(open_ends, failed=bool(failed or reason or problems or stopped or missing)),
            stopped,
            counted.slowest(),
            sum(stream.requests for stream in self._streams),
            missing,
            "\n".join(f"{stream}: {problem}" for stream, problem in problems) or None,
            next((stream.finished.traceback for stream, _ in problems if stream.finished), None),
            reason,
            self._measures.times(),
            verdicts,
        )

    def _stands(self, stream: Stream) -> bool:
        """Whether what went wrong with a whole run is not made good by a later run."""
        later = [*self._counted.whole.after(stream)]
        if not later or (later[-1].finished is None or later[-1].finished.problem is not None):
            return True
        return not self._counted.complete()

    def _stopped(self, open_ends: Iterable[Stream], missing: int) -> Any:
        stops = [stream.finished.stopped for stream in open_ends if stream.finished and stream.finished.stopped]
        if "interrupted" in stops or any(stream.finished is None for stream in open_ends):
            return "interrupted"
        cut = missing or Outcome.INTERRUPTED in self._counted.outcomes()
        return stops[0] if stops and cut else None


def _exit_code(open_ends: Iterable[Stream], *, failed: bool) -> int:
    """The gravest of those that no later run makes good: interrupted, no target, a bug, failed."""
    codes = {stream.finished.exit_code for stream in open_ends if stream.finished}
    gravest = (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.TARGET, ExitCode.BUG)
    return next((code for code in gravest if code in codes), ExitCode.FAILED if failed else ExitCode.GREEN)


def _problem(stream: Stream) -> str | None:
    if stream.finished is None:
        missing = stream.missing
        left = f", {missing:,} check{'s' * (missing != 1)} did not begin" if missing else ""
        return f"the stream ends without run_finished, as of a run that was killed{left}"
    return stream.finished.problem


def _stumbled(step: StepFinished, earlier: Earlier) -> StepFinished:
    """The step with what it came to in the earlier run, if it was this one that did not pass there."""
    if step.step != earlier.step or not step.outcome.green:
        return step
    return replace(
        step,
        outcome=Outcome.FLAKY,
        attempts=step.attempts + 1,
        stumbles=(earlier.why, *step.stumbles),
        reason=step.reason or earlier.why,
    )


def _cut(started: CheckStarted, stream: Stream, end: float) -> CheckFinished:
    return CheckFinished(
        started.id,
        Outcome.INTERRUPTED,
        max(0.0, end - started.at),
        f"it was under way when {stream.name} ends",
        file=started.file,
        line=started.line,
        name=started.name,
        phase=started.phase,
        target=started.target,
    )


def _offsets(streams: Sequence[Stream]) -> list[float]:
    """Seconds from the beginning of the whole to that of each stream; where nothing ran, time does not pass."""
    found = dict.fromkeys(range(len(streams)), 0.0)
    first, end, gap = min(stream.began for stream in streams), 0.0, 0.0
    for number in sorted(found, key=lambda number: streams[number].began):
        since = (streams[number].began - first).total_seconds()
        gap = max(gap, since - end)
        found[number] = since - gap
        end = max(end, found[number] + streams[number].lasted)
    return [*found.values()]


def united(lists: Sequence[Sequence[str]]) -> list[str]:
    """Everything in the lists once, what only one of them has before what follows it there."""
    merged: list[str] = []
    for each in lists:
        known = {name: place for place, name in enumerate(merged)}
        place = len(merged)
        for name in reversed(each):
            if name in known:
                place = known[name]
            else:
                merged.insert(place, name)
    return merged
