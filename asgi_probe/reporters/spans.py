"""A check as a trace: a span for the check, and below it one for each of its steps.

Names of attributes are those of OpenTelemetry's semantic conventions where there are any: https://opentelemetry.io/docs/specs/semconv/
(`http`, `test`, `code`, `error`); all others begin with `asgi_probe`.
"""

from __future__ import annotations

from secrets import randbits
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from asgi_probe.engine.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.util.types import AttributeValue

    from asgi_probe.engine.events import CheckFinished, StepFinished
    from asgi_probe.reporters.gathering import CheckResult

Attributes = dict[str, "AttributeValue"]

_LONGEST = 4_096
"""Characters of a text."""
_MOST_EVENTS = 20
_SERVER_ERROR = 500


class Spans:
    """Makes spans of checks; `began` is when the run did, in seconds since the epoch."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, began: float) -> None:
        self._resource = resource
        self._scope = scope
        self._began = began

    def of(self, check: CheckResult) -> Iterator[ReadableSpan]:
        """That of the check, and those of the steps that it came to."""
        started, finished = check.started, check.finished
        trace_id = int(started.trace_id, 16) if started.trace_id else randbits(128)
        root = _context(trace_id, None)
        yield self._span(
            text(started.name),
            root,
            None,
            _of_check(check),
            [] if check.steps else list(_events(finished, self._at(started.at + finished.duration))),
            SpanKind.INTERNAL,
            _status(finished),
            started.at,
            finished.duration,
        )
        for step in check.steps:
            if step.outcome is not Outcome.SKIPPED:
                yield self._span(
                    text(step.step),
                    _context(trace_id, step.span_id),
                    root,
                    _of_step(step),
                    list(_events(step, self._at(step.at + step.duration))),
                    SpanKind.CLIENT if step.method else SpanKind.INTERNAL,
                    _status(step),
                    step.at,
                    step.duration,
                )

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: Attributes,
        events: list[Event],
        kind: SpanKind,
        status: Status,
        at: float,
        duration: float,
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            context,
            parent,
            self._resource,
            attributes,
            events,
            kind=kind,
            status=status,
            start_time=self._at(at),
            end_time=self._at(at + duration),
            instrumentation_scope=self._scope,
        )

    def _at(self, seconds: float) -> int:
        """Nanoseconds since the epoch."""
        return int((self._began + seconds) * 1e9)


def _context(trace_id: int, span_id: str | None) -> SpanContext:
    own = int(span_id, 16) if span_id else randbits(64) or 1
    return SpanContext(trace_id, own, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _of_check(check: CheckResult) -> Attributes:
    started, finished = check.started, check.finished
    attributes: Attributes = {
        "test.case.name": text(started.id),
        "test.case.result.status": "pass" if finished.outcome.green else "fail",
        "code.file.path": text(started.file),
        "code.line.number": started.line,
        "asgi_probe.outcome": finished.outcome.value,
        "asgi_probe.target": text(started.target),
    }
    if started.phase != "steps":
        attributes["asgi_probe.phase"] = started.phase
    if started.tags:
        attributes["asgi_probe.tags"] = [text(tag) for tag in started.tags]
    return attributes | _why(finished)


def _of_step(step: StepFinished) -> Attributes:
    attributes: Attributes = {"asgi_probe.outcome": step.outcome.value}
    if step.phase != "steps":
        attributes["asgi_probe.phase"] = step.phase
    if step.method:
        attributes["http.request.method"] = text(step.method)
    if step.url:
        attributes["url.full"] = text(step.url)
        attributes |= _server(step.url)
    if step.status is not None:
        attributes["http.response.status_code"] = step.status
    if step.attempts > 1:
        attributes["http.request.resend_count"] = step.attempts - 1
    if step.file:
        attributes |= {"code.file.path": text(step.file), "code.line.number": step.line}
    if not step.outcome.green:
        is_servers = step.status is not None and step.status >= _SERVER_ERROR
        attributes["error.type"] = str(step.status) if is_servers else step.outcome.value
    return attributes | _why(step)


def _server(url: str) -> Mapping[str, AttributeValue]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return {}
    return {"server.address": text(host), "server.port": port} if host and port else {}


def _why(told: StepFinished | CheckFinished) -> Attributes:
    return {"asgi_probe.reason": text(told.reason)} if told.reason else {}


def _status(told: StepFinished | CheckFinished) -> Status:
    """An error with its reason for what did not pass; of all else nothing is said, as is due to who only asks."""
    if told.outcome.green:
        return Status(StatusCode.UNSET)
    why = told.reason or (str(told.mismatches[0]) if told.mismatches else told.outcome.value)
    return Status(StatusCode.ERROR, text(why))


def _events(told: StepFinished | CheckFinished, at: int) -> Iterator[Event]:
    """What did not hold, and what the app or a hook raised."""
    for mismatch in told.mismatches[:_MOST_EVENTS]:
        attributes: Attributes = {
            "asgi_probe.where": text(mismatch.subject),
            "asgi_probe.message": text(mismatch.message),
        }
        yield Event("mismatch", attributes, at)
    if told.traceback:
        lines = told.traceback.strip().splitlines() or [""]
        kind, _, message = lines[-1].partition(": ")
        yield Event(
            "exception",
            {
                "exception.type": text(kind),
                "exception.message": text(message),
                "exception.stacktrace": text(told.traceback),
            },
            at,
        )


def text(value: str) -> str:
    """A text that UTF-8 can hold, cut where it is long."""
    value = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    return value.encode("utf-8", "replace").decode()
