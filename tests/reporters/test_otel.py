"""Checks as traces, sent to a real collector."""

import logging
import re
import socket
import time

import pytest

from asgi_probe import __version__
from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, TargetInfo
from asgi_probe.engine.results import Body, Mismatch, Outcome, RequestRecord, ResponseRecord
from asgi_probe.errors import UsageError
from asgi_probe.reporters import otel
from asgi_probe.reporters.gathering import CheckResult
from asgi_probe.reporters.otel import OtelReporter, in_short, without_bodies
from asgi_probe.reporters.reports import open_report, wants_traces
from tests.cli.project import ended
from tests.documents import section
from tests.hostile import HOSTILE_TEXT
from tests.reporters.collector import attributes, collecting

CLIENT, INTERNAL = 3, 1
UNSET, ERROR = 0, 2
STARTED = RunStarted("9.9", TargetInfo("shop", "app", "a"), (), 1, 1, "2024-05-06T07:08:09.500+00:00")
END = RunFinished({}, 1.0, 0, None)


def check(name: str, outcome: Outcome = Outcome.PASSED, **step) -> list:
    id_ = f"a.yaml::{name}"
    return [
        CheckStarted(id_, "a.yaml", 7, name, ("smoke", "é"), "shop", at=1.0),
        StepFinished(id_, f"step of {name}", "steps", outcome, 0.25, at=1.5, **step),
        CheckFinished(id_, outcome, 1.0, file="a.yaml", name=name, target="shop"),
    ]


def told(address: str, *events) -> str | None:
    reporter = OtelReporter(address)
    for event in (STARTED, *events, END):
        reporter.handle(event)
    reporter.close()
    return reporter.problem


# what is told


def test_a_check_is_a_trace_and_its_steps_are_spans_in_it():
    with collecting() as collector:
        assert (
            told(collector.address, *check("well", method="GET", status=200, url="https://shop.example:8443/x")) is None
        )
    (resource, scope, root), (_, _, step) = collector.spans
    assert [path for path, _ in collector.requests] == ["/v1/traces"]
    assert resource["service.name"] == "asgi-probe"
    assert resource["service.version"] == "9.9"
    assert resource["service.instance.id"] == resource["asgi_probe.run.id"]
    assert (scope.name, scope.version) == ("asgi-probe", "9.9")
    assert (root.name, root.kind, root.parent_span_id, root.status.code) == ("well", INTERNAL, b"", UNSET)
    assert (step.name, step.kind, step.status.code) == ("step of well", CLIENT, UNSET)
    assert step.parent_span_id == root.span_id != step.span_id
    assert step.trace_id == root.trace_id
    began = 1714979289.5
    for span, at, took in ((root, 1.0, 1.0), (step, 1.5, 0.25)):
        assert span.start_time_unix_nano / 1e9 == pytest.approx(began + at, abs=1e-5)
        assert (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 == pytest.approx(took, abs=1e-5)
    assert attributes(root) == {
        "test.case.name": "a.yaml::well",
        "test.case.result.status": "pass",
        "code.file.path": "a.yaml",
        "code.line.number": 7,
        "asgi_probe.outcome": "passed",
        "asgi_probe.target": "shop",
        "asgi_probe.tags": ["smoke", "é"],
    }
    assert attributes(step) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": "https://shop.example:8443/x",
        "server.address": "shop.example",
        "server.port": 8443,
        "asgi_probe.outcome": "passed",
    }


def test_ids_are_those_that_the_requests_told():
    started, step, finished = check("x")
    events = [
        CheckStarted(started.id, "a.yaml", 7, "x", (), "shop", trace_id="ab" * 16),
        StepFinished(step.id, "s", "steps", Outcome.PASSED, 0.1, span_id="cd" * 8),
        finished,
    ]
    with collecting() as collector:
        assert told(collector.address, *events) is None
    assert {span.trace_id.hex() for _, _, span in collector.spans} == {"ab" * 16}
    assert collector.named("s").span_id.hex() == "cd" * 8


MISMATCH = Mismatch("json", "$.a", "expected 1, got 2", 1, 2, "a.yaml", 8, 3)


@pytest.mark.parametrize(
    ("outcome", "step", "code", "message", "kind"),
    [
        (Outcome.FAILED, {"mismatches": (MISMATCH,)}, ERROR, "json $.a: expected 1, got 2", "failed"),
        (Outcome.FAILED, {"status": 503}, ERROR, "failed", "503"),
        (Outcome.ERROR, {"reason": "nobody answered"}, ERROR, "nobody answered", "error"),
        (Outcome.INTERRUPTED, {}, ERROR, "interrupted", "interrupted"),
        (Outcome.FLAKY, {"reason": "it was 503", "attempts": 3}, UNSET, "", None),
        (Outcome.XFAILED, {}, UNSET, "", None),
    ],
)
def test_what_did_not_pass_is_an_error_with_its_reason(outcome, step, code, message, kind):
    with collecting() as collector:
        assert told(collector.address, *check("x", outcome, method="GET", **step)) is None
    span = collector.named("step of x")
    assert (span.status.code, span.status.message) == (code, message)
    found = attributes(span)
    assert found.get("error.type") == kind
    assert found.get("http.request.resend_count") == (2 if "attempts" in step else None)
    assert found.get("asgi_probe.reason") == step.get("reason")
    root = collector.named("x")
    assert root.status.code == code
    assert attributes(root)["test.case.result.status"] == ("fail" if code else "pass")


def test_mismatches_and_exceptions_are_events():
    trace = 'File "app.py", line 1\nZeroDivisionError: the: reason\n'
    with collecting() as collector:
        told(
            collector.address, *check("x", Outcome.FAILED, mismatches=(MISMATCH,) * 50, traceback=trace, file="a.yaml")
        )
    span = collector.named("step of x")
    assert span.kind == INTERNAL
    assert [event.name for event in span.events] == ["mismatch"] * 20 + ["exception"]
    assert attributes(span.events[0]) == {"asgi_probe.where": "json $.a", "asgi_probe.message": "expected 1, got 2"}
    assert attributes(span.events[-1]) == {
        "exception.type": "ZeroDivisionError",
        "exception.message": "the: reason",
        "exception.stacktrace": trace,
    }
    assert list(collector.named("x").events) == []


def test_a_check_without_steps_tells_its_own_exception():
    broken = [
        CheckStarted("a::fixture", "a", 1, "fixture", (), "shop", phase="fixture"),
        CheckFinished("a::fixture", Outcome.ERROR, 0.0, "it raised", traceback="KeyError", phase="fixture"),
    ]
    with collecting() as collector:
        told(collector.address, *broken)
    (event,) = collector.named("fixture").events
    assert attributes(collector.named("fixture"))["asgi_probe.phase"] == "fixture"
    assert attributes(event)["exception.type"] == "KeyError"
    assert collector.named("fixture").status.message == "it raised"


def test_what_was_skipped_is_left_out():
    started, step, finished = check("x")
    skipped = StepFinished(step.id, "skipped", "steps", Outcome.SKIPPED, 0.0)
    last = StepFinished(step.id, "last", "finally", Outcome.PASSED, 0.0)
    with collecting() as collector:
        assert told(collector.address, *check("never", Outcome.SKIPPED), started, step, skipped, last, finished) is None
    assert sorted(span.name for _, _, span in collector.spans) == ["last", "step of x", "x"]
    assert attributes(collector.named("last"))["asgi_probe.phase"] == "finally"
    with collecting() as collector:
        assert told(collector.address) is None
    assert collector.requests == []


@pytest.mark.parametrize("name", [HOSTILE_TEXT, "\ud800", "x" * 100_000, "", "a\nb"])
def test_hostile_texts(name):
    with collecting() as collector:
        events = check(name, Outcome.ERROR, reason=name, method=name, url=f"http://[{name}", traceback=name)
        assert told(collector.address, *events) is None
    shown = name.replace("\ud800", "?")
    shown = shown if len(shown) < 5000 else shown[:4095] + "…"
    root, step = (span for _, _, span in collector.spans)
    assert root.name == shown
    assert step.status.message == (shown or "error")
    assert "server.address" not in attributes(step)


def test_bodies_do_not_wait():
    body = Body("x" * 60_000, 60_000)
    request, response = RequestRecord("GET", "/", (), body), ResponseRecord(200, (), body, "HTTP/1.1")
    started, step, finished = check("x", request=request, response=response, saved={"a": "x"}, method="GET", status=200)
    slim = without_bodies(CheckResult(started, (step,), finished))
    assert len(repr(slim)) < 2_000
    assert (slim.steps[0].method, slim.steps[0].status, slim.finished) == ("GET", 200, finished)
    plain = CheckResult(*[part if index != 1 else (part,) for index, part in enumerate(check("x"))])
    assert without_bodies(plain) is plain


@pytest.mark.parametrize("enough", [1, 1_000, 1_000_000])
def test_many_checks_come_in_batches(enough, monkeypatch):
    monkeypatch.setattr(otel, "_ENOUGH", enough)
    events = [event for number in range(1500) for event in check(str(number))]
    with collecting() as collector:
        assert told(collector.address, *events) is None
    assert len(collector.spans) == 3000
    assert len(collector.requests) == 6 or enough < 2_000
    assert [span.name for _, _, span in collector.spans][::2] == [str(number) for number in range(1500)]


def test_what_is_there_is_sent_while_the_run_goes_on(monkeypatch):
    monkeypatch.setattr(otel, "_EVERY", 0.05)
    with collecting() as collector:
        reporter = OtelReporter(collector.address)
        for event in (STARTED, *check("x")):
            reporter.handle(event)
        until = time.monotonic() + 10
        while not collector.spans and time.monotonic() < until:
            time.sleep(0.01)
        assert len(collector.spans) == 2
        reporter.close()


# where it goes


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/v1/traces"),
        ("/", "/v1/traces"),
        ("/otlp/", "/otlp/v1/traces"),
        ("/otlp/v1/traces", "/otlp/v1/traces"),
        ("/?key=1", "/v1/traces?key=1"),
    ],
)
def test_addresses(path, asked):
    with collecting() as collector:
        assert told(collector.address + path, *check("x")) is None
    assert [path for path, _ in collector.requests] == [asked]


def test_the_environment(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "7")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=ci")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "smoke")
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address + "/base")
        assert told("env", *check("x")) is None
    ((path, headers),) = collector.requests
    assert (path, headers["api-key"], headers["content-encoding"]) == ("/base/v1/traces", "abc", "gzip")
    resource = collector.spans[0][0]
    assert resource["service.name"] == "smoke"
    assert resource["deployment.environment.name"] == "ci"
    assert resource["service.version"] == "9.9"


@pytest.mark.parametrize(
    "address",
    [
        "-",
        "localhost:4318",
        "out.txt",
        "ftp://x",
        "http://",
        "http:///x",
        "http://a b",
        "http://x:port",
        "http://[",
        "http://x\x1b",
    ],
)
def test_what_is_no_address_is_wrong_usage(address, tmp_path):
    with pytest.raises(UsageError, match="expected the address of a collector such as otel=http://localhost:4318"):
        open_report(f"otel={address}", cwd=tmp_path)


def test_no_address_is_wrong_usage(tmp_path):
    for spec in ("otel", "otel=", "otel= "):
        with pytest.raises(UsageError, match="names no address, expected otel=http://localhost:4318"):
            open_report(spec, cwd=tmp_path)


def test_an_environment_that_makes_no_sense_is_wrong_usage(monkeypatch, tmp_path):
    def refuses(*_, **__):  # as some versions do
        raise ValueError("Unsupported compression type: zip")

    monkeypatch.setattr(otel, "OTLPSpanExporter", refuses)
    with pytest.raises(UsageError, match=r"the report 'otel=env' cannot be sent: .*zip"):
        open_report("otel=env", cwd=tmp_path)


def test_who_wants_traces():
    assert wants_traces("otel=http://x")
    assert [spec for spec in ("ndjson=otel", "prometheus=x", "nothing", "") if wants_traces(spec)] == []


# collectors that do not take it


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_a_collector_that_is_down_is_told(monkeypatch):
    monkeypatch.setattr(otel, "_TIMEOUT", 2)
    address = f"http://127.0.0.1:{closed_port()}"
    shown = address.replace("//", "//***@")
    assert told(address.replace("//", "//me:secret@"), *check("x"), *check("y")) == (
        f"the report 'otel={shown}' is not whole, 2 of 2 checks were not sent: connection refused"
    )


@pytest.mark.parametrize(
    ("status", "why"), [(400, "code: 400, reason: bad request"), (401, "code: 401"), (503, "service unavailable")]
)
def test_a_collector_that_refuses_is_told(status, why, monkeypatch, caplog):
    monkeypatch.setattr(otel, "_TIMEOUT", 2)
    with collecting(status) as collector:
        problem = told(collector.address, *check("x"))
    assert "1 of 1 checks were not sent: " in problem
    assert why in problem
    assert caplog.records == []


def test_a_collector_that_hangs_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(otel, "PATIENCE", 0.3)
    monkeypatch.setattr(otel, "_LAST", 0.1)
    with collecting(pause=30.0) as collector:
        reporter = OtelReporter(collector.address)
        began = time.monotonic()
        for event in (STARTED, *check("x"), END):
            reporter.handle(event)
        handled = time.monotonic() - began
        reporter.close()
        closed = time.monotonic() - began
    # nobody waits for the exporter's own 5 s; a busy machine may take its time all the same
    assert handled < 2.5
    assert closed < 4.5
    assert reporter.problem.endswith(
        "1 of 1 checks were not sent: the collector did not take them within 0.3 s after the run"
    )


def test_what_the_exporter_raises_is_told(monkeypatch):
    class Raises:  # as some versions do
        def __init__(self, *_, **__):
            pass

        def export(self, spans):
            raise ConnectionError("[Errno 111] Connection refused")

        def shutdown(self):
            raise RuntimeError("again")

    monkeypatch.setattr(otel, "OTLPSpanExporter", Raises)
    assert told("http://127.0.0.1:1", *check("x")).endswith("1 of 1 checks were not sent: connection refused")


def test_a_collector_that_is_slow_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(otel, "_TIMEOUT", 0.2)
    with collecting(pause=30.0) as collector:
        problem = told(collector.address, *check("x"))
    assert "1 of 1 checks were not sent: the collector did not answer in time" in problem


def test_what_cannot_wait_is_lost_and_told(monkeypatch):
    monkeypatch.setattr(otel, "MOST_WAITING", 3)
    monkeypatch.setattr(otel, "AT_A_TIME", 2)
    monkeypatch.setattr(otel, "_EVERY", 0.05)
    with collecting(pause=0.3) as collector:
        reporter = OtelReporter(collector.address)
        for event in (STARTED, *check("first")):
            reporter.handle(event)
        while not collector.requests:
            time.sleep(0.01)
        for number in range(10):
            for event in check(str(number)):
                reporter.handle(event)
        reporter.close()
    assert "7 of 11 checks were not sent: more than 3 were waiting for the collector" in reporter.problem


def test_a_bug_is_raised_also_one_in_the_thread():
    with collecting() as collector:
        with pytest.raises(KeyError):
            told(collector.address, check("x")[2])
        started, step, finished = check("x")
        wrong = CheckStarted(started.id, "a", "no number", "x", (), "shop", trace_id="no id")
        with pytest.raises(ValueError, match="no id"):
            told(collector.address, wrong, step, finished)


def test_a_run_that_never_began_leaves_nothing_behind():
    reporter = OtelReporter("http://127.0.0.1:1")
    reporter.close()
    assert reporter.problem is None


def test_what_others_log_is_still_told(caplog):
    said = []
    with otel.overheard(said):
        logging.getLogger("shop").warning("of the app")
        logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").error("of\nours")
    assert said == ["of ours"]
    assert [record.getMessage() for record in caplog.records] == ["of the app"]
    logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").error("later")
    assert caplog.records[-1].getMessage() == "later"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["Failed to export spans batch due to timeout, max retries"], "the collector did not answer in time"),
        ([], "the collector did not take them"),
        (["What is this?"], "What is this?"),
        (
            ['Transient error Pool(x): (Caused by New("y: [Errno 111] Connection refused")) encountered'],
            "connection refused",
        ),
        (["Transient error Bad Gateway encountered while", "due to timeout"], "bad gateway"),
    ],
)
def test_reasons_in_short(said, why):
    assert in_short(said) == why


# the whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_by_the_command_line(project, backend):
    project.write(
        "a.yaml",
        """
        checks:
          - {name: echo, get: /echo, save: {t: $.headers.traceparent}}
          - {name: bad, get: /ok, expect: 404}
        """,
    )
    with collecting() as collector:
        ran = project.probe("--backend", backend, "--report", f"otel={collector.address}", "a.yaml")
    assert ran.exit == 1
    assert ran.err == ""
    (step,) = [event for event in project.events("step_finished") if event["id"] == "a.yaml::echo"]
    (started,) = [event for event in project.events("check_started") if event["id"] == "a.yaml::echo"]
    span, root = collector.named("GET /echo"), collector.named("echo")
    assert step["outcome"] == "passed", ran.out
    assert (span.trace_id.hex(), span.span_id.hex()) == (started["trace_id"], step["span_id"])
    assert step["saved"]["t"] == f"00-{started['trace_id']}-{step['span_id']}-01"
    assert span.parent_span_id == root.span_id
    assert collector.named("bad").status.code == ERROR
    assert collector.spans[0][0]["service.version"] == __version__


def test_a_green_run_whose_spans_were_not_taken_exits_1(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    with collecting(403) as collector:
        ran = project.probe("--report", f"otel={collector.address}", "a.yaml")
    assert ran.exit == 1
    assert project.end["exit_code"] == 0
    lines = [line for line in ran.said.splitlines() if "otel" in line]
    assert lines == [
        f"error: the report 'otel={collector.address}' is not whole, 1 of 1 checks were not sent: "
        "code: 403, reason: forbidden"
    ]
    assert "Traceback" not in ran.said
    assert ran.err == ""


def test_files_are_there_before_the_collector_is_waited_for(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    with collecting(pause=3.0) as collector:
        reports = ["--report", f"otel={collector.address}", "--report", "prometheus=a.prom", "a.yaml"]
        running = project.start("--app", "app:app", *reports)
        while not collector.requests:
            time.sleep(0.01)
        until = time.monotonic() + 1.5
        while not (project.root / "a.prom").exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert (project.root / "a.prom").exists()
        assert running.poll() is None
        assert ended(running).exit == 0


def test_what_is_documented_is_sent():
    told_of = set(re.findall(r"`([a-z_]+\.[a-z_.]+)`", section("OpenTelemetry")))
    events = check("x", Outcome.ERROR, method="GET", status=200, url="http://x", reason="why", file="a.yaml")
    with collecting() as collector:
        told(collector.address, *events)
    sent = {name for resource, _, span in collector.spans for name in (*resource, *attributes(span))}
    assert told_of - sent == set()
    assert len(told_of) > 8


def test_without_the_packages_it_is_wrong_usage(project):
    project.write("a.yaml", "checks: [{get: /noted/x}]")
    project.write("opentelemetry/__init__.py", "raise ImportError")
    ran = project.probe("--report", "otel=env", "a.yaml")
    assert ran.exit == 2
    assert "opentelemetry-exporter-otlp-proto-http: pip install 'asgi-probe[otel]'" in ran.err
    assert project.log == []
