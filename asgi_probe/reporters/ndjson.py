"""The event stream as a report: one strict JSON object a line, in UTF-8, flushed as it is written.

The fields are those of the events in `asgi_probe.engine.events`, durations in seconds. Request and response have a
`body` only as text: `truncated` beside it says that it is only the beginning, `encoding` is `base64` where the bytes
are no text, `size` counts all its bytes. `expected`, `actual` and what was saved are JSON values; one that is too long
is the beginning of its JSON text, and its field is named in the `truncated` beside it. Numbers that are neither an
integer nor a float are text, bytes are hex.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from json import JSONEncoder
from typing import TYPE_CHECKING, Any, assert_never

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, Warned
from asgi_probe.reporters.files import has_read_enough
from asgi_probe.reporters.values import cut_data
from asgi_probe.reporters.words import count
from asgi_probe.terminal import drain

if TYPE_CHECKING:
    from typing import BinaryIO

    from asgi_probe.engine.events import Event, TargetInfo
    from asgi_probe.engine.results import (
        Body,
        Mismatch,
        RequestRecord,
        ResponseRecord,
        ThresholdVerdict,
        Times,
    )

LONGEST_VALUE = 4 * 1024
"""Bytes of an expected or actual value."""
LONGEST_SAVED = 64 * 1024
"""Bytes of a saved value."""

_encode = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode
# what is a line's end to some readers, what steers terminals, what reorders text
_AWKWARD = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class NdjsonReporter:
    """Writes every event as a line to a binary file, which it owns; `name` is how the file is told of.

    After a write that failed it writes no more; `problem` says so, unless it was a reader of standard output who had
    read enough, and whole lines are what the file then holds.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._lines = self._size = 0
        self._over = False
        self.problem: str | None = None

    def handle(self, event: Event) -> None:
        """Write the event."""
        if not self._over:
            self._write(as_line(event))

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            self._fail(error)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            self._fail(error)
        else:
            self._lines += 1
            self._size += len(line)

    def _fail(self, error: OSError) -> None:
        if self._over:
            return
        self._over = True
        if not has_read_enough(self._name, error):
            self.problem = (
                f"the report {self._name!r} ends after {count(self._lines, 'line')}: {error.strerror or error}, "
                "make room or name another file with --report ndjson=FILE"
            )
        self._drop_the_rest()

    def _drop_the_rest(self) -> None:
        """Leave no half line in a file of our own, and nothing that would be written when it is closed."""
        with suppress(OSError):
            if self._name != "-":
                os.ftruncate(self._file.fileno(), self._size)
        drain(self._file)


def as_line(event: Event) -> bytes:
    """The event as a line of the stream."""
    return as_json(as_data(event)) + b"\n"


def as_json(data: Any) -> bytes:
    """Data as `as_data` makes it as strict JSON on one line, in UTF-8."""
    text = _encode(data)
    if not text.isascii():
        text = _AWKWARD.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    # what UTF-8 cannot hold are lone surrogates, and backslashreplace writes them as JSON does
    return text.encode("utf-8", "backslashreplace")


def as_data(event: Event) -> dict[str, Any]:
    """The event as strict JSON can hold it."""
    match event:
        case StepFinished():
            return _step(event)
        case CheckStarted():
            return {
                "event": event.event,
                "id": event.id,
                "file": event.file,
                "line": event.line,
                "name": event.name,
                "tags": event.tags,
                "target": event.target,
                "spec": event.spec,
                "description": event.description,
                "phase": event.phase,
                "at": round(event.at, 6),
                "worker": event.worker,
            } | ({"trace_id": event.trace_id} if event.trace_id else {})
        case CheckFinished():
            return {
                "event": event.event,
                "id": event.id,
                "outcome": event.outcome,
                "duration": round(event.duration, 6),
                "reason": event.reason,
                "mismatches": [_mismatch(mismatch) for mismatch in event.mismatches],
                "traceback": event.traceback,
                "file": event.file,
                "line": event.line,
                "name": event.name,
                "phase": event.phase,
                "traceback_of": event.traceback_of,
                "target": event.target,
            }
        case Warned():
            return {"event": event.event, "message": event.message, "traceback": event.traceback}
        case RunStarted():
            return _run_started(event)
        case RunFinished():
            return _run_finished(event)
        case _:
            assert_never(event)


def _run_started(run: RunStarted) -> dict[str, Any]:
    return {
        "event": run.event,
        "version": run.version,
        "target": _target(run.target),
        "specs": list(dict.fromkeys(run.specs)),
        "descriptions": {file: about for file, about in zip(run.specs, run.descriptions, strict=False) if about},
        "checks": run.checks,
        "concurrency": run.concurrency,
        "started_at": run.started_at,
        "shard": run.shard,
        "seed": run.seed,
        "begun": run.begun,
        "targets": [_target(target) for target in run.targets or (run.target,)],
    }


def _target(target: TargetInfo) -> dict[str, Any]:
    return {"name": target.name, "kind": target.kind, "address": target.address}


def _run_finished(run: RunFinished) -> dict[str, Any]:
    return {
        "event": run.event,
        "outcomes": run.outcomes,
        "duration": round(run.duration, 6),
        "exit_code": run.exit_code,
        "stopped": run.stopped,
        "slowest": [
            {"id": check.id, "duration": round(check.duration, 6), "target": check.target} for check in run.slowest
        ],
        "requests": run.requests,
        "not_run": run.not_run,
        "problem": run.problem,
        "traceback": run.traceback,
        "reason": run.reason,
        "times": _times(run.times) if run.times else None,
        "thresholds": [_threshold(verdict) for verdict in run.thresholds],
    }


def _times(times: Times) -> dict[str, Any]:
    return {
        "count": times.count,
        "mean": round(times.mean, 6),
        "p50": round(times.p50, 6),
        "p95": round(times.p95, 6),
        "p99": round(times.p99, 6),
        "longest": round(times.longest, 6),
        "histogram": [[round(bound, 6), count] for bound, count in times.histogram],
    }


def _threshold(verdict: ThresholdVerdict) -> dict[str, Any]:
    return {
        "text": verdict.text,
        "holds": verdict.holds,
        "told": verdict.told,
        "actual": verdict.actual,
        "warns": verdict.warns,
    }


def _step(step: StepFinished) -> dict[str, Any]:
    saved, truncated = _saved(step.saved)
    data = {
        "event": step.event,
        "id": step.id,
        "step": step.step,
        "phase": step.phase,
        "outcome": step.outcome,
        "duration": round(step.duration, 6),
        "attempts": step.attempts,
        "request": _request(step.request) if step.request else None,
        "response": _response(step.response) if step.response else None,
        "saved": saved,
        "mismatches": [_mismatch(mismatch) for mismatch in step.mismatches],
        "reason": step.reason,
        "traceback": step.traceback,
        "curl": step.curl,
        "target": step.target,
        "at": round(step.at, 6),
        "method": step.method,
        "status": step.status,
        "times": [round(seconds, 6) for seconds in step.times],
    }
    if step.stumbles:
        data["stumbles"] = step.stumbles
    if step.span_id:
        data |= {"span_id": step.span_id, "url": step.url}
    if step.traceback:
        data["traceback_of"] = step.traceback_of
    if step.said:
        data["said"] = [
            {"source": one.source, "text": one.text, "level": one.level, "logger": one.logger, "time": one.time}
            for one in step.said
        ]
    if step.file:
        data |= {
            "file": step.file,
            "line": step.line,
            "column": step.column,
            "width": step.width,
            "source_line": step.source_line,
        }
    return data | truncated


def _saved(saved: dict[str, Any] | None) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What was saved, each value cut, and what to say of it where that happened."""
    if saved is None:
        return None, {}
    cut = {name: cut_data(value, LONGEST_SAVED) for name, value in saved.items()}
    names = [f"saved.{name}" for name, (_, was_cut) in cut.items() if was_cut]
    return {name: data for name, (data, _) in cut.items()}, {"truncated": names} if names else {}


def _mismatch(mismatch: Mismatch) -> dict[str, Any]:
    expected, expected_cut = cut_data(mismatch.expected, LONGEST_VALUE)
    actual, actual_cut = cut_data(mismatch.actual, LONGEST_VALUE)
    data = {
        "where": mismatch.where,
        "path": mismatch.path,
        "message": mismatch.message,
        "expected": expected,
        "actual": actual,
        "file": mismatch.file,
        "line": mismatch.line,
        "column": mismatch.column,
        "width": mismatch.width,
        "source_line": mismatch.source_line,
        "because": mismatch.because,
    }
    if expected_cut or actual_cut:
        data["truncated"] = ["expected"] * expected_cut + ["actual"] * actual_cut
    return data


def _request(request: RequestRecord) -> dict[str, Any]:
    return {"method": request.method, "url": request.url, "headers": request.headers} | _body(request.body)


def _response(response: ResponseRecord) -> dict[str, Any]:
    data = {"status": response.status, "headers": response.headers, "http_version": response.http_version}
    return data | _body(response.body)


def _body(body: Body | None) -> dict[str, Any]:
    if body is None:
        return {"body": None}
    data: dict[str, Any] = {"body": body.text, "size": body.size}
    if body.truncated:
        data["truncated"] = True
    if body.encoding:
        data["encoding"] = body.encoding
    return data
