"""What running produced, as frozen plain data: nothing live is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from asgi_probe.judge.mismatch import Mismatch

__all__ = ["Body", "Mismatch", "Outcome", "Phase", "RequestRecord", "ResponseRecord", "SaidRecord"]

Phase = Literal["fixture", "setup", "steps", "finally", "teardown"]


class Outcome(StrEnum):
    """How a check, or a step, ended."""

    PASSED = "passed"
    FLAKY = "flaky"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    INTERRUPTED = "interrupted"

    @property
    def green(self) -> bool:
        """Whether all is well with it, as far as is known."""
        return self in _GREEN

    @property
    def red(self) -> bool:
        """Whether it fails a run; what was interrupted is neither."""
        return self in RED


_GREEN = frozenset({Outcome.PASSED, Outcome.FLAKY, Outcome.SKIPPED, Outcome.XFAILED})
RED = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED})
"""The outcomes that fail a run."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body for reports: `text`, which is base64 where `encoding` says so; `size` is the whole body's, in bytes.

    `truncated` says that `text` is only its beginning.
    """

    text: str
    size: int
    truncated: bool = False
    encoding: Literal["base64"] | None = None


@dataclass(frozen=True, slots=True)
class SaidRecord:
    """One thing that the app said during a request: a log record, a warning, or a line that it printed.

    `source` is `log`, `warning`, `stdout` or `stderr`, `level` and `logger` are a record's own; `time` is ISO 8601.
    """

    source: str
    text: str
    level: str | None = None
    logger: str | None = None
    time: str = ""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it was sent; credentials in its headers are masked as `***`."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: Body | None


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """An answer as it came; after a broken one, what had come by then."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Body | None
    http_version: str


@dataclass(frozen=True, slots=True)
class Times:
    """How long the requests of a run took that were answered or timed out, in seconds.

    `histogram` counts them by upper bound, in ascending order; the last bound holds the longest.
    """

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: float
    histogram: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ThresholdVerdict:
    """What became of a threshold: `text` as it is written, `told` what was measured, as people read it.

    `actual` is that as a number (seconds, or a share between 0 and 1), None where there was nothing to measure, and
    then the threshold holds. One that `warns` fails no run.
    """

    text: str
    holds: bool
    told: str
    actual: float | None = None
    warns: bool = False


@dataclass(frozen=True, slots=True)
class SlowCheck:
    """A check and how long it took, in seconds; `target` is whom it asked."""

    id: str
    duration: float
    target: str = ""
