"""What a run tells the target of traces, and of them in its events."""

import re

import pytest

from asgi_probe.engine.events import CheckStarted, StepFinished
from tests.engine.projects import Ran

pytestmark = pytest.mark.anyio

SPEC = """
vars: {token: s3cret-token}
secrets: [token]
setup: [{get: /setup}]
checks:
  - {name: one, get: /one}
  - {name: two, steps: [{get: /two/a}, {get: /two/b}], finally: [{get: /two/c}]}
  - {name: again, get: /flaky, retry: {times: 3, delay: 0s}, expect: 200}
  - {name: own, get: /own, headers: {traceparent: mine}}
  - {name: none, get: /none, headers: {traceparent: null}}
  - {name: secret, get: "/secret?t=${token}"}
  - {name: nobody, get: "http://127.0.0.1:1/x"}
  - {name: skipped, get: /skipped, skip: "not now"}
"""
TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-01")


class Service:
    """Notes what `traceparent` came with each path."""

    def __init__(self) -> None:
        self.came: dict[str, list[str]] = {}

    async def __call__(self, scope, receive, send):
        headers = [value.decode() for name, value in scope["headers"] if name == b"traceparent"]
        self.came.setdefault(scope["path"], []).extend(headers or ["nothing"])
        late = scope["path"] == "/flaky" and len(self.came["/flaky"]) < 3
        await send({"type": "http.response.start", "status": 503 if late else 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_requests_belong_to_the_trace_of_their_check(tmp_path):
    service = Service()
    ran = await Ran(tmp_path, SPEC, app=service, trace=True).ended()
    checks = {event.id: event.trace_id for event in ran.events if isinstance(event, CheckStarted)}
    assert len(set(checks.values())) == len(checks) == 9
    spans = {}
    for step in (event for event in ran.events if isinstance(event, StepFinished)):
        assert re.fullmatch("[0-9a-f]{16}", step.span_id)
        path = re.sub(r"^http://testserver|\?.*", "", step.url or "")
        spans[path] = f"00-{checks[step.id]}-{step.span_id}-01"
    assert len(set(spans.values())) == len(spans)
    for path in ("/setup", "/one", "/two/a", "/two/b", "/two/c", "/secret"):
        assert service.came[path] == [spans[path]]
    assert len({TRACEPARENT.fullmatch(spans[f"/two/{part}"])[1] for part in "abc"}) == 1
    assert service.came["/flaky"] == [spans["/flaky"]] * 3
    assert service.came["/own"] == ["mine"]
    assert service.came["/none"] == ["nothing"]


async def test_what_is_told_of_urls_is_masked(tmp_path):
    ran = await Ran(tmp_path, SPEC, app=Service(), trace=True).ended()
    (step,) = ran.steps("secret")
    assert step.url == "http://testserver/secret?t=***"
    (step,) = ran.steps("nobody")
    assert step.url == "http://127.0.0.1:1/x"
    assert step.outcome == "error"
    assert "traceparent" not in dict(step.request.headers)


async def test_nothing_is_told_unasked(tmp_path):
    service = Service()
    ran = await Ran(tmp_path, SPEC, app=service).ended()
    assert service.came.pop("/own") == ["mine"]
    assert {header for came in service.came.values() for header in came} == {"nothing"}
    for event in ran.events:
        if isinstance(event, CheckStarted):
            assert event.trace_id is None
        if isinstance(event, StepFinished):
            assert (event.span_id, event.url) == (None, None)
