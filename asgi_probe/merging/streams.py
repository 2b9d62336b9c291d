"""The event stream of one run in a file: looked through once, told again as often as it is wanted."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from sys import intern
from typing import TYPE_CHECKING, Any, get_args

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, Warned
from asgi_probe.engine.results import Outcome, Phase
from asgi_probe.errors import UsageError
from asgi_probe.reporters.reading import NotAnEventError, read_event
from asgi_probe.terminal import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from asgi_probe.engine.events import Event

Key = tuple[str, str, int]
"""The target and id of a check, and which it is of those alike: a fixture may break twice."""


@dataclass(frozen=True, slots=True)
class Came:
    """What a check came to: `why` it did not pass, and at which step; `duration` in seconds."""

    outcome: Outcome
    phase: Phase
    file: str
    duration: float = 0.0
    why: str | None = None
    step: str | None = None


@dataclass(slots=True, eq=False)
class Stream:
    """What one file tells, but for the events themselves: a little of each check.

    `finished` is None where the file ends too soon; `cut` are the checks that were under way then.
    """

    path: Path
    name: str
    started: RunStarted
    began: datetime
    finished: RunFinished | None = None
    checks: dict[Key, Came] = field(default_factory=dict)
    cut: list[Key] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    workers: int = 1
    lasted: float = 0.0
    """Seconds until the last thing that is told."""
    requests: int = 0

    @property
    def missing(self) -> int:
        """How many of its checks never began."""
        return max(0, self.started.checks - sum(came.phase == "steps" for came in self.checks.values()))

    def __str__(self) -> str:
        return f"shard {self.started.shard} ({self.name})" if self.started.shard else self.name


def read_stream(path: Path, name: str) -> Stream:
    """Look through a file; a UsageError says in which line it is no stream of one run, or that it is none at all."""
    events = _events(path, name)
    first = next(events, None)
    if first is None:
        raise UsageError(f"{name!r} is empty: expected what --report ndjson=FILE wrote")
    number, started = first
    if not isinstance(started, RunStarted):
        raise _wrong(name, number, f"expected run_started, found {started.event}: the beginning of the run is missing")
    with _told_at(name, number):
        _refuse_misfits(started)
        reading = _Reading(Stream(path, name, started, _moment(started.started_at)))
    for number, event in events:
        with _told_at(name, number):
            reading.take(event)
    return reading.end()


def each_event(stream: Stream) -> Iterator[tuple[Key | None, Event]]:
    """All that a stream tells of checks and warns of, each event of a check with the key of that."""
    keys = Keys()
    for _, event in _events(stream.path, stream.name):
        match event:
            case CheckStarted():
                yield keys.begin(event), event
            case StepFinished():
                yield keys.running[event.id], event
            case CheckFinished():
                yield keys.running.pop(event.id), event
            case Warned():
                yield None, event


class Keys:
    """The keys of the checks that are under way, by their ids."""

    def __init__(self) -> None:
        self.running: dict[str, Key] = {}
        self._around: dict[tuple[str, str], int] = {}

    def begin(self, check: CheckStarted) -> Key:
        """That of one more check."""
        number = 0
        if check.phase != "steps":
            number = self._around.get((check.target, check.id), 0)
            self._around[check.target, check.id] = number + 1
        key = self.running[check.id] = (intern(check.target), check.id, number)
        return key


class _Reading:
    """Takes in a stream's events after the first; a ValueError says what is wrong with one of them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._keys = Keys()
        self._began: dict[Key, CheckStarted] = {}
        self._stumbled: dict[Key, str] = {}
        """The steps that did not pass, of checks that are under way."""

    def take(self, event: Event) -> None:
        stream = self._stream
        if stream.finished is not None:
            raise ValueError("the run has ended before; each run belongs into a file of its own")
        _refuse_misfits(event)
        match event:
            case CheckStarted():
                self._begin(event)
            case StepFinished():
                key = self._running(event)
                stream.requests += len(event.times)
                stream.lasted = max(stream.lasted, event.at + event.duration)
                if not event.outcome.green:
                    self._stumbled.setdefault(key, event.step)
            case CheckFinished():
                self._finish(event)
            case RunFinished():
                stream.finished = event
                stream.lasted = max(stream.lasted, event.duration)
                stream.requests = event.requests
            case RunStarted():
                raise ValueError("a second run begins here; each run belongs into a file of its own")

    def end(self) -> Stream:
        """All of it, and what was under way at its end."""
        for key, started in self._began.items():
            self._stream.cut.append(key)
            self._stream.checks[key] = Came(Outcome.INTERRUPTED, started.phase, intern(started.file))
        return self._stream

    def _begin(self, check: CheckStarted) -> None:
        if check.id in self._keys.running:
            raise ValueError(f"the check {clip(repr(check.id), 200)} begins again before it has ended")
        key = self._keys.begin(check)
        if key in self._stream.checks:
            raise ValueError(f"the check {clip(repr(check.id), 200)} is told twice")
        self._began[key] = check
        self._stream.tags.update(check.tags)
        self._stream.workers = max(self._stream.workers, check.worker)
        self._stream.lasted = max(self._stream.lasted, check.at)

    def _running(self, event: StepFinished | CheckFinished) -> Key:
        key = self._keys.running.get(event.id)
        if key is None:
            raise ValueError(f"{event.event} of the check {clip(repr(event.id), 200)}, which is not under way")
        return key

    def _finish(self, check: CheckFinished) -> None:
        key = self._running(check)
        del self._keys.running[check.id]
        started = self._began.pop(key)
        step = self._stumbled.pop(key, None)
        why = None if check.outcome is Outcome.PASSED else _why(check)
        self._stream.lasted = max(self._stream.lasted, started.at + check.duration)
        self._stream.checks[key] = Came(check.outcome, started.phase, intern(started.file), check.duration, why, step)


def _why(check: CheckFinished) -> str | None:
    """Why it did not pass at first, in one line."""
    if check.reason:
        return check.reason
    return str(check.mismatches[0]) if check.mismatches else None


def _events(path: Path, name: str) -> Iterator[tuple[int, Event]]:
    """The events of a file, each with the number of its line; what a killed run wrote half at the end is left out."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    event = read_event(line)
                except NotAnEventError as error:
                    if not line.endswith(b"\n") and number > 1:
                        return
                    raise _wrong(name, number, str(error)) from None
                if event is not None:
                    yield number, event
    except OSError as error:
        raise UsageError(f"{name!r} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _wrong(name: str, number: int, what: str) -> UsageError:
    return UsageError(f"{name}:{number}: {what} (expected what --report ndjson=FILE wrote)")


@contextmanager
def _told_at(name: str, number: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise _wrong(name, number, str(error)) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"started_at: expected a moment in ISO 8601, found {clip(repr(text), 100)}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PHASES: tuple[object, ...] = get_args(Phase)
_NOT_NEGATIVE: dict[type, Sequence[str]] = {
    RunStarted: ("checks", "concurrency"),
    CheckStarted: ("line", "at", "worker"),
    StepFinished: ("duration", "at", "attempts"),
    CheckFinished: ("duration",),
    RunFinished: ("duration", "exit_code", "requests", "not_run"),
}


def _refuse_misfits(event: Event) -> None:
    """Raise a ValueError for what no run tells, and whoever tells it on relies on."""
    for name in _NOT_NEGATIVE.get(type(event), ()):
        if getattr(event, name) < 0:
            raise ValueError(f"{name}: expected a number from 0, found {getattr(event, name)!r}")
    match event:
        case RunStarted() if not all(about is None or isinstance(about, str) for about in event.descriptions):
            raise ValueError("descriptions: expected texts")
        case CheckStarted() if event.phase not in _PHASES:
            raise ValueError(f"phase: expected one of {', '.join(map(str, _PHASES))}, found {event.phase!r}")
        case StepFinished() if not all(map(_is_time, event.times)):
            raise ValueError("times: expected numbers from 0")
        case RunFinished() if event.stopped not in (None, "fail-fast", "interrupted"):
            raise ValueError(f"stopped: expected 'fail-fast', 'interrupted' or null, found {event.stopped!r}")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value) and value >= 0
