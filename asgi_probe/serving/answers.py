"""What the API answers, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from asgi_probe.serving.history import Availability
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.status import Running

_CHECK: dict[str, Any] = {
    "id": "specs/shop.yaml::GET /items",
    "target": "staging",
    "name": "GET /items",
    "file": "specs/shop.yaml",
    "line": 12,
}
_RUN: dict[str, Any] = {
    "id": 1204,
    "started_at": "2026-11-25T22:30:00.000+00:00",
    "duration": 1.92,
    "outcome": "failed",
    "exit_code": 1,
    "outcomes": {"passed": 41, "failed": 1},
    "targets": ["staging"],
    "requests": 87,
    "times": {"count": 87, "mean": 0.031, "p50": 0.024, "p95": 0.09, "p99": 0.2, "longest": 0.21},
    "thresholds": {"p95(time) < 80ms": False},
    "problem": "p95(time) < 80ms does not hold: 90 ms",  # FastAPI takes nulls out of examples
    "hung": False,
}
_DOWN: dict[str, Any] = {
    **_CHECK,
    "phase": "steps",
    "outcome": "failed",
    "duration": 0.031,
    "reason": "status: expected 200, got 500",
}
_RUNNING: dict[str, Any] = {
    "since": "2026-11-25T22:31:00.000+00:00",
    "seconds": 0.4,
    "ended": 12,
    "checks": 42,
    "hung": False,
}

Seconds = Annotated[float, Field(description="In seconds.", ge=0)]


class Model(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Times(Model):
    """How long the requests of a run took that were answered or timed out, in seconds."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: float


class Run(Model):
    """How a run ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    id: int = Field(description="Grows from run to run; 0 for one that could not be kept.")
    started_at: str = Field(description="When it began, ISO 8601 in UTC.", json_schema_extra={"format": "date-time"})
    duration: Seconds
    outcome: Literal["passed", "failed", "error"] = Field(
        description="`passed` if all is well, `error` if it could not be judged: "
        "specs that are not valid, a target that cannot be reached or started, a run that hung."
    )
    exit_code: int = Field(description="What `asgi-probe run` exited with; 1 for a run that hung.")
    outcomes: dict[str, int] = Field(description="How many checks ended how.")
    targets: list[str] = Field(description="The names of who was asked.")
    requests: int = Field(ge=0)
    times: Times | None = Field(description="`null` without requests.")
    thresholds: dict[str, bool] = Field(description="Whether each threshold held.")
    problem: str | None = Field(description="What was wrong with the run as a whole.")
    hung: bool = Field(description="It was ended because it took longer than `--run-timeout`.")


class Check(Model):
    """How a check ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DOWN]})

    id: str
    target: str = Field(description="The name of who was asked.")
    name: str
    file: str = Field(description="Relative to the project's root.")
    line: int = Field(description="Where it begins, from 1.")
    phase: str = Field(description="`steps`; `setup`, `teardown` and `fixture` are told only where they did not pass.")
    outcome: str = Field(
        description="`passed`, `flaky`, `failed`, `error`, `skipped`, `xfailed`, `xpassed` or `interrupted`."
    )
    duration: Seconds
    reason: str | None = Field(description="Why it was skipped or did not pass.")


class WholeRun(Run):
    """A run with its checks."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_RUN, "checks": [_DOWN]}]})

    checks: list[Check] = Field(description="In the order in which they were first seen; empty for older runs.")


class RunningNow(Model):
    """The run that goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUNNING]})

    since: str = Field(description="ISO 8601 in UTC.", json_schema_extra={"format": "date-time"})
    seconds: float = Field(description="For how many seconds.")
    ended: int = Field(description="How many of its checks have ended.")
    checks: int = Field(description="How many it has; 0 while that is not known.")
    hung: bool = Field(description="It takes longer than it may, and is being ended.")


class Runs(Model):
    """A page of runs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"runs": [_RUN], "next": 1204, "running": _RUNNING}]})

    runs: list[Run] = Field(description="Newest first.")
    next: int | None = Field(description="What `before` has to be for the next page; `null` on the last.")
    running: RunningNow | None = Field(description="The run that goes on; it is not among the others.")


class Available(Model):
    """How a check did in the runs that are kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_CHECK, "runs": 1000, "share": 0.998, "outcome": "passed", "duration": 0.031}]
        }
    )

    id: str
    target: str = Field(description="The name of who was asked.")
    name: str
    file: str
    line: int
    runs: int = Field(description="In how many runs it was asked, or would have been had the target been there.")
    share: float | None = Field(description="In which part of them it was green, 0 to 1; `null` without any.")
    outcome: str = Field(description="How it ended last.")
    duration: Seconds


class Checks(Model):
    """How all checks did."""

    checks: list[Available] = Field(description="In the order in which they were first seen.")


class Healthy(Model):
    """Whether all is well."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"healthy": True, "reason": "the last run, at 2026-11-25T22:30:00.000+00:00: 42 passed"}]
        }
    )

    healthy: bool
    reason: str | None = Field(description="Why; `null` for who asks without the token.")


class Problem(Model):
    """What was wrong with a request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": "no run 7"}]})

    detail: str


def run_answer(run: RunRecord) -> Run:
    """A run as the API tells it."""
    return Run.model_validate(run)


def whole_run(run: RunRecord) -> WholeRun:
    """The same with its checks."""
    return WholeRun.model_validate(run)


def running_answer(running: Running | None) -> RunningNow | None:
    """The run that goes on."""
    return None if running is None else RunningNow.model_validate(running)


def check_answers(checks: tuple[Availability, ...]) -> list[Available]:
    """Checks with how they did."""
    return [Available.model_validate(check) for check in checks]
