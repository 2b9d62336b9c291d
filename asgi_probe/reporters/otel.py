"""`--report otel=ADDRESS`: every check as a trace, sent to a collector by OTLP over HTTP while the run goes on.

ADDRESS is the collector's, such as `http://localhost:4318`; with `env` the variables `OTEL_EXPORTER_OTLP_…` say it.
What they say of headers, certificates, compression and time-outs holds in any case:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread, get_ident
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from asgi_probe.engine.events import RunStarted
from asgi_probe.engine.results import Outcome
from asgi_probe.errors import UsageError
from asgi_probe.reporters.gathering import Gathering

try:
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from asgi_probe.reporters.spans import Spans
except ImportError:
    raise UsageError(
        "the report 'otel' needs the packages opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http: "
        "pip install 'asgi-probe[otel]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from asgi_probe.engine import events
    from asgi_probe.reporters.gathering import CheckResult

AT_A_TIME = 512
"""Spans in a request, at most about."""
_EVERY = 5.0
"""Seconds after which spans are sent, however few there are."""
_ENOUGH = 1_000
"""Checks that are enough to send some at once. Fewer wait: it costs time that the run's own requests would wait for."""
MOST_WAITING = 5_000
"""Checks that wait to be sent; those beyond are lost, and that is told."""
PATIENCE = 10.0
"""Seconds that the collector gets after the run."""
_LAST = 1.0
"""Seconds more for what was cut short then."""
_TIMEOUT = 5
"""Seconds that sending takes at most, with all that is tried again, where the environment says nothing of it."""
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_PATH = "/v1/traces"


class OtelReporter:
    """Hands checks to a thread that sends them: nothing here ever waits for the collector, but `close` for a while."""

    def __init__(self, address: str) -> None:
        """Raise a UsageError for an address that is none, and for variables of the environment that make no sense."""
        self._name = f"otel={_shown(address)}"
        self._gathering = Gathering()
        self._sending = Sending(_exporter(address))
        self.problem: str | None = None

    def handle(self, event: events.Event) -> None:
        """Take in an event; a check that has ended is on its way."""
        if isinstance(event, RunStarted):
            self._sending.start(event)
        check = self._gathering.add(event)
        if check is not None and check.finished.outcome is not Outcome.SKIPPED:
            self._sending.put(without_bodies(check))

    def close(self) -> None:
        """Send what is left; a collector that does not take it in time is the report's problem. A bug is raised."""
        self._sending.end()
        self.problem = self._sending.problem(self._name)


def without_bodies(check: CheckResult) -> CheckResult:
    """The check without what no span tells and what may be large: it may wait for a while."""
    if not any(step.request or step.saved or step.said for step in check.steps):
        return check
    steps = [replace(step, request=None, response=None, saved=None, said=(), curl=None) for step in check.steps]
    return replace(check, steps=tuple(steps))


class Sending:
    """A thread that makes spans of checks and exports them; the first failure is its last."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._waiting: SimpleQueue[CheckResult] = SimpleQueue()
        self._wanted = Event()
        self._said: list[str] = []
        """What the exporter logs of it."""
        self._ends = False
        self._thread: Thread | None = None
        self._spans: Spans
        self._checks = self._sent = 0
        self._why: str | None = None
        self._error: Exception | None = None

    def start(self, run: RunStarted) -> None:
        """Begin; the spans say of which run they are."""
        if self._thread is None:
            began = datetime.fromisoformat(run.started_at).timestamp()
            self._spans = Spans(_resource(run), InstrumentationScope("asgi-probe", run.version), began)
            self._thread = Thread(target=self._work, name="asgi-probe-otel", daemon=True)
            self._thread.start()

    def put(self, check: CheckResult) -> None:
        """Take in a check, if there is room."""
        self._checks += 1
        waiting = self._waiting.qsize()
        if self._why is None and waiting < MOST_WAITING:
            self._waiting.put(check)
        if waiting >= _ENOUGH:
            self._wanted.set()

    def end(self) -> None:
        """Let it send what is left, in time; raise what went wrong in the thread and is a bug."""
        if self._thread is None:
            return
        self._ends = True
        self._wanted.set()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            heard = f": {in_short(self._said)}" if self._said else ""
            self._why = self._why or f"the collector did not take them within {PATIENCE:g} s after the run{heard}"
            Thread(target=self._shut_down, daemon=True).start()
            self._thread.join(_LAST)
        if self._error is not None:
            raise self._error

    def problem(self, name: str) -> str | None:
        """Why not all was sent."""
        if self._sent == self._checks:
            return None
        why = self._why or f"more than {MOST_WAITING:,} were waiting for the collector"
        lost = self._checks - self._sent
        return f"the report {name!r} is not whole, {lost:,} of {self._checks:,} checks were not sent: {why}"

    def _work(self) -> None:
        # what instruments the app in process must not make spans of ours
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        with overheard(self._said):
            try:
                self._send_all()
            except Exception as error:  # noqa: BLE001 - a thread's exceptions reach nobody
                self._error = error
            finally:
                self._shut_down()

    def _shut_down(self) -> None:
        with suppress(Exception):
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # as it is in the library

    def _send_all(self) -> None:
        ends = False
        while not ends and self._why is None:
            self._wanted.wait(_EVERY)
            self._wanted.clear()
            ends = self._ends
            self._send_waiting()

    def _send_waiting(self) -> None:
        while self._why is None and (checks := self._batch()):
            spans: list[ReadableSpan] = []
            for check in checks:
                spans += self._spans.of(check)
            if self._export(spans):
                self._sent += len(checks)
            else:
                self._why = self._why or in_short(self._said)

    def _export(self, spans: list[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(spans) is SpanExportResult.SUCCESS
        except OSError as error:  # some versions let through what their HTTP client raises
            self._said.append(str(error))
            return False

    def _batch(self) -> list[CheckResult]:
        """The checks to send now."""
        checks: list[CheckResult] = []
        spans = 0
        with suppress(Empty):
            while spans < AT_A_TIME:
                check = self._waiting.get_nowait()
                checks.append(check)
                spans += 1 + len(check.steps)
        return checks


def _exporter(address: str) -> OTLPSpanExporter:
    endpoint = None if address == "env" else _endpoint(address)
    waits = None if any(os.environ.get(name) for name in _TIMEOUTS) else _TIMEOUT
    try:
        return OTLPSpanExporter(endpoint, timeout=waits)
    except (ValueError, OSError) as error:
        raise UsageError(f"the report {f'otel={_shown(address)}'!r} cannot be sent: {error}") from None


def _endpoint(address: str) -> str:
    """The address with the path of traces."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character.isspace() or not character.isprintable() for character in address):
        raise UsageError(
            f"the report {f'otel={_shown(address)}'!r} cannot be sent: expected the address of a collector such as "
            "otel=http://localhost:4318, or otel=env for what OTEL_EXPORTER_OTLP_ENDPOINT says"
        )
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH, fragment="").geturl()


def _shown(address: str) -> str:
    """Without a user and password."""
    before, slashes, rest = address.partition("//")
    place, slash, path = rest.partition("/")
    return before + slashes + ("***@" + place.rpartition("@")[2] if "@" in place else place) + slash + path


def _resource(run: RunStarted) -> Resource:
    """Who tells this: what the environment says of it wins."""
    run_id = str(uuid4())
    ours = Resource(
        {
            "service.name": "asgi-probe",
            "service.version": run.version,
            "service.instance.id": run_id,
            "asgi_probe.run.id": run_id,
        }
    )
    return ours.merge(OTELResourceDetector().detect())


_CAUSES = tuple(
    map(
        re.compile,
        (r"\[Errno -?\d+\] ([^'\")]+)", "(code: .*)", "Transient error (.+?) encountered"),
    )
)
"""What the cause is in what the exporter logs, the plainest first."""


def in_short(said: Sequence[str]) -> str:
    """Why nothing could be sent, by what the exporter logged of it."""
    causes = [found[1].lower() for cause in _CAUSES for line in said if (found := cause.search(line))]
    if causes or not said:
        return next(iter(causes), "the collector did not take them")
    late = any("timeout" in line or "timed out" in line for line in said)
    return "the collector did not answer in time" if late else said[-1]


@contextmanager
def overheard(said: list[str]) -> Iterator[None]:
    """Inside, what the exporter logs in this thread is added to `said` in place of being told."""
    mine = get_ident()

    def passes(record: logging.LogRecord) -> bool:
        if record.thread != mine:
            return True
        said.append(" ".join(record.getMessage().split())[:300])
        return False

    loggers = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith(("opentelemetry.", "urllib3.", "requests."))
    ]
    for logger in loggers:
        logger.addFilter(passes)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(passes)
