"""What a run tells, as it happens: plain data that can be written as JSON.

The order is `RunStarted`, then per check `CheckStarted`, its `StepFinished` and `CheckFinished` (those of different
checks interleave), `Warned` anywhere, then `RunFinished`. Setup and teardown of a file are checks of their own, with
the ids `file.yaml::setup` and `file.yaml::teardown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from asgi_probe.engine.results import (
        Mismatch,
        Outcome,
        Phase,
        RequestRecord,
        ResponseRecord,
        SaidRecord,
        SlowCheck,
        ThresholdVerdict,
        Times,
    )


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """Whom a run asks: `kind` is `app` or `live`, `address` the import string or base URL."""

    name: str
    kind: Literal["app", "live"]
    address: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event: `checks` counts those selected, `specs` the files they are in; `started_at` is ISO 8601, UTC.

    `shard` is which of how many this is, `2/5`, `seed` what the order was shuffled with. `asked` says of each of
    `specs` the name of its target: a file that several are asked stands there for each. `sizes` says of each of `specs`
    how many `CheckFinished` end it: its checks, setup and teardown, if it has them.
    `descriptions` are what the files say of themselves. A run that is not `begun` ends at once: whom to ask could not
    even be imported, and nobody was asked.
    """

    version: str
    target: TargetInfo
    specs: tuple[str, ...]
    checks: int
    concurrency: int
    started_at: str
    shard: str | None = None
    targets: tuple[TargetInfo, ...] = ()
    sizes: tuple[int, ...] = ()
    descriptions: tuple[str | None, ...] = ()
    asked: tuple[str, ...] = ()
    seed: int | None = None
    begun: bool = True
    event: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A check begins; written for skipped checks too.

    `spec` is the name that its file gives itself, `description` what the check says of itself. `phase` is `steps`, but
    for what runs around a file's checks: `fixture`, `setup`, `teardown`. `at` is in seconds since the run's start,
    `worker` the number of who runs it, from 1. `trace_id` is what the check is known by as a trace, if it is one.
    """

    id: str
    file: str
    line: int
    name: str
    tags: tuple[str, ...]
    target: str
    spec: str = ""
    description: str | None = None
    phase: Phase = "steps"
    at: float = 0.0
    worker: int = 1
    trace_id: str | None = None
    event: Literal["check_started"] = "check_started"


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended. `duration` is in seconds, all attempts included; request and response only where they are told.

    `reason` says what an error was, `traceback` is the app's or a hook's (its own frames first), `curl` a line to try
    it by hand. `said` is what the app logged, warned of and printed meanwhile, in process. `at` is when it began, in
    seconds since the run's start. `method` and `status` are those of the last request and its answer, `times` how long
    each of its requests took that was answered or timed out. `stumbles` says of the attempts before the last why they
    did not pass, of the first few. Where the check is a trace `span_id` is what the step is known by in it, as its
    requests told, and `url` the address of the last of them.
    """

    id: str
    step: str
    phase: Phase
    outcome: Outcome
    duration: float
    attempts: int = 1
    request: RequestRecord | None = None
    response: ResponseRecord | None = None
    saved: dict[str, Any] | None = None
    mismatches: tuple[Mismatch, ...] = ()
    reason: str | None = None
    traceback: str | None = None
    curl: str | None = None
    file: str = ""
    line: int = 0
    column: int = 0
    width: int = 1
    source_line: str = ""
    traceback_of: Literal["app", "hook"] = "app"
    target: str = ""
    said: tuple[SaidRecord, ...] = ()
    at: float = 0.0
    method: str | None = None
    status: int | None = None
    times: tuple[float, ...] = ()
    stumbles: tuple[str, ...] = ()
    span_id: str | None = None
    url: str | None = None
    event: Literal["step_finished"] = "step_finished"


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check ended. `reason` says why it was skipped, or what the error was; `traceback` is the app's or a hook's."""

    id: str
    outcome: Outcome
    duration: float
    reason: str | None = None
    mismatches: tuple[Mismatch, ...] = ()
    traceback: str | None = None
    file: str = ""
    line: int = 0
    name: str = ""
    phase: Phase = "steps"
    traceback_of: Literal["app", "hook"] = "app"
    target: str = ""
    event: Literal["check_finished"] = "check_finished"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that changes no outcome and must be known, such as an exception in background work."""

    message: str
    traceback: str | None = None
    event: Literal["warning"] = "warning"


MAY_BE_STARTING = "; `--wait 30s` waits for a service that is still starting"
"""How the problem of a run ends that reached nobody: of help to who runs once, to nobody who runs again and again."""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The last event.

    `outcomes` counts the checks by outcome, `not_run` those that a stop left out; `problem` is what went wrong with
    the target, on the way in or out. `reason` says why a run failed of which every check is green. `times` are those of
    its requests, None if there were none; `thresholds` what became of each.
    """

    outcomes: dict[str, int]
    duration: float
    exit_code: int
    stopped: Literal["fail-fast", "interrupted"] | None
    slowest: tuple[SlowCheck, ...] = ()
    requests: int = 0
    not_run: int = 0
    problem: str | None = None
    traceback: str | None = None
    reason: str | None = None
    times: Times | None = None
    thresholds: tuple[ThresholdVerdict, ...] = ()
    event: Literal["run_finished"] = "run_finished"


Event = RunStarted | CheckStarted | StepFinished | CheckFinished | Warned | RunFinished
