"""The page, health and the API, over HTTP."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import jsonschema_rs
import pytest

from asgi_probe.serving.records import now
from asgi_probe.serving.status import Status, told_again
from tests.serving.runs import HOSTILE, Served, check, run

BAD = "status: expected 200, got 500"


@pytest.fixture
def served():
    return Served()


# health


def test_before_the_first_run(served):
    answer = served.ask("/healthz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"healthy": False, "reason": "no run has ended yet"}


def test_all_is_well(served):
    served.add(run(check("one"), check("two", "skipped")))
    answer = served.ask("/healthz")
    assert answer.status_code == 200
    assert re.fullmatch(r"the last run, at 2\S+: 1 passed, 1 skipped", answer.json()["reason"])
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (run(check("one", "failed"), check("two"), exit_code=1), "1 passed, 1 failed"),
        (run(exit_code=3, problem="no request reached it\nmore"), "no request reached it"),
        (run(check(), exit_code=1, problem="p95 does not hold"), "1 passed; p95 does not hold"),
        (run(check("one", "error"), exit_code=1, hung=True, problem="the run hung"), "1 error; the run hung"),
    ],
)
def test_not_all_is_well(served, ended, why):
    served.add(run(check()))
    served.add(ended)
    answer = served.ask("/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"].endswith(f": {why}")
    served.add(run(check()))
    assert served.ask("/healthz").status_code == 200


def test_a_run_that_hangs(served):
    served.add(run(check()))
    served.go_on(119.0)
    assert served.ask("/healthz").status_code == 200
    served.go_on(121.0)
    answer = served.ask("/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == (
        "a run hangs: it began at 2026-11-25T22:30:00.000+00:00, 2 min 01 s ago, and may take 2 min 00 s"
    )


AWAY = run(check("one", "error"), exit_code=3, problem="no request reached http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run(check())] * 3, "1 passed"),
        ([AWAY], "1 error; no request reached http://127.0.0.1:8000"),
        ([AWAY] * 12, "1 error; still, for 12 runs: no request reached http://127.0.0.1:8000"),
        ([AWAY, run(check()), AWAY], "1 error; no request reached http://127.0.0.1:8000"),
        ([run(check("one", "failed"), exit_code=1)] * 2, "1 failed; still, for 2 runs"),
        ([run(check("one", "failed"), exit_code=1), run(check("two", "failed"), exit_code=1)], "1 failed"),
        (
            [run(check("one", "failed"), check("two", n), exit_code=1) for n in ("passed", "flaky")],
            "1 flaky, 1 failed; still, for 2 runs",
        ),
        ([run(exit_code=2, problem="unknown key 'gets'\nmore")] * 2, "still, for 2 runs: unknown key 'gets'"),
        ([run(exit_code=2, problem="x" * 200)] * 1_000, f"still, for 1,000 runs: {'x' * 59}…"),
    ],
)
def test_trouble_that_goes_on_is_told_shorter(runs, words):
    status = Status(60, 120)
    for each in runs:
        status.end(each)
    assert told_again(status.last, status.alike) == words


def test_a_run_that_is_too_old(served):
    served.add(run(check(), duration=1.0))
    served.status.clock = lambda: datetime.now(UTC) + timedelta(seconds=240)
    assert served.ask("/healthz").status_code == 200
    served.status.clock = lambda: datetime.now(UTC) + timedelta(seconds=242)
    answer = served.ask("/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"].startswith("the last run is too old: it ended 4 min 0")


def test_health_by_head(served):
    served.add(run(check()))
    answer = served.ask("/healthz", method="HEAD")
    assert answer.status_code == 200


# the API


def test_no_runs(served):
    assert served.ask("/api/runs").json() == {"runs": [], "next": None, "running": None}
    assert served.ask("/api/checks").json() == {"checks": []}


def test_runs_are_paged(served):
    for _ in range(5):
        served.add(run(check()))
    seen, before = [], ""
    while True:
        page = served.ask(f"/api/runs?limit=2{before}").json()
        seen.append([each["id"] for each in page["runs"]])
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert seen == [[5, 4], [3, 2], [1]]


def test_a_full_last_page_is_the_last(served):
    served.add(run(check()))
    served.add(run(check()))
    assert served.ask("/api/runs?limit=2").json()["next"] is None


def test_a_run(served):
    at = now()
    served.add(run(check("one", "failed", reason=BAD), exit_code=1, requests=3, started_at=at))
    told = served.ask("/api/runs/1").json()
    assert told == {
        "id": 1,
        "started_at": at,
        "duration": 1.5,
        "outcome": "failed",
        "exit_code": 1,
        "outcomes": {"failed": 1},
        "targets": ["live"],
        "requests": 3,
        "times": None,
        "thresholds": {},
        "problem": None,
        "hung": False,
        "checks": [
            {
                "id": "a.yaml::one",
                "target": "live",
                "name": "one",
                "file": "a.yaml",
                "line": 3,
                "phase": "steps",
                "outcome": "failed",
                "duration": 0.5,
                "reason": BAD,
            }
        ],
    }
    (listed,) = served.ask("/api/runs").json()["runs"]
    assert listed == {name: value for name, value in told.items() if name != "checks"}


def test_the_run_that_goes_on(served):
    served.go_on(7.0)
    assert served.ask("/api/runs").json()["running"] == {
        "since": "2026-11-25T22:30:00.000+00:00",
        "seconds": 7.0,
        "ended": 2,
        "checks": 9,
        "hung": False,
    }


def test_checks(served):
    served.add(run(check("one")))
    served.add(run(check("one", "failed"), exit_code=1))
    (one,) = served.ask("/api/checks").json()["checks"]
    assert (one["id"], one["runs"], one["share"], one["outcome"]) == ("a.yaml::one", 2, 0.5, "failed")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs/7", 404),
        ("/api/runs/0", 422),
        ("/api/runs/x", 422),
        (f"/api/runs/{10**30}", 422),
        ("/api/runs?limit=0", 422),
        ("/api/runs?limit=1001", 422),
        (f"/api/runs?before={10**30}", 422),
        ("/docs", 404),
        ("/redoc", 404),
        ("/api/runs/", 404),
    ],
)
def test_what_is_not_there(served, path, status):
    assert served.ask(path).status_code == status


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/runs", "/healthz"])
def test_nothing_can_be_changed(served, path):
    assert {served.ask(path, method=method).status_code for method in ("POST", "PUT", "DELETE", "OPTIONS")} == {405}


def test_a_history_that_cannot_be_read(served):
    served.add(run(check()))
    served.history.close()
    answer = served.ask("/api/runs")
    assert (answer.status_code, answer.json()["detail"][:28]) == (500, "the history cannot be read: ")
    assert served.ask("/healthz").status_code == 200


# the document


def test_the_document_describes_what_is_answered(served):
    served.add(run(check("one", "failed", reason=BAD), exit_code=1, times=dict.fromkeys(TIMES, 1)))
    served.go_on(3)
    document = served.ask("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() == {"/", "/metrics", "/healthz", "/api/runs", "/api/runs/{run}", "/api/checks"}
    for path, status in (("/healthz", 503), ("/api/runs", 200), ("/api/runs/{run}", 200), ("/api/checks", 200)):
        answer = served.ask(path.replace("{run}", "1"))
        assert answer.status_code == status
        assert list(validator(document, path, status).iter_errors(answer.json())) == []
    missing = served.ask("/api/runs/9")
    assert validator(document, "/api/runs/{run}", 404).is_valid(missing.json())


TIMES = ("count", "mean", "p50", "p95", "p99", "longest")


def validator(document, path, status):
    content = document["paths"][path]["get"]["responses"][str(status)]["content"]
    schema = content["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator(schema | {"components": document["components"]})


def test_the_document_s_examples_fit(served):
    document = served.ask("/openapi.json").json()
    exemplary = {name: schema for name, schema in document["components"]["schemas"].items() if "examples" in schema}
    assert exemplary.keys() >= {"Run", "WholeRun", "Runs", "Check", "Available", "Healthy", "RunningNow", "Problem"}
    for schema in exemplary.values():
        judged = jsonschema_rs.Draft202012Validator(schema | {"components": document["components"]})
        for example in schema["examples"]:
            assert list(judged.iter_errors(example)) == []


def test_everything_in_the_document_is_described(served):
    document = served.ask("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], path


# the page


class Reading(HTMLParser):
    """What a browser would make of it: its elements, and its text."""

    def __init__(self):
        super().__init__()
        self.elements, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page(served):
    answer = served.ask("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    reading = Reading()
    reading.feed(answer.text)
    reading.close()
    return answer, reading


def test_the_page_before_the_first_run(served):
    _, read = page(served)
    assert "Not all is well" in read.text
    assert "no run has ended yet" in read.text


def test_the_page(served):
    served.add(run(check("one"), check("two")))
    served.add(run(check("one"), check("two", "failed", reason=BAD), exit_code=1))
    _, read = page(served)
    assert "Not all is well" in read.text
    assert "1 passed, 1 failed" in read.text
    assert BAD in read.text
    assert [told["class"] for tag, told in read.elements if tag == "li"] == ["passed", "failed"]
    assert "100.00 %" in read.text
    assert "50.00 %" in read.text
    assert read.text.index("a.yaml::two") < read.text.index("a.yaml::one"), "what failed stands first"


@pytest.mark.parametrize(("seconds", "told"), [(7.0, "A run goes on"), (130.0, "A run hangs")])
def test_the_page_of_a_run_that_goes_on(served, seconds, told):
    served.add(run(check()))
    served.go_on(seconds)
    _, read = page(served)
    assert told in read.text
    assert "since 2026-11-25 22:30:00 UTC" in read.text
    assert "2 of 9 checks" in read.text


def test_the_page_asks_anew_by_itself(served):
    assert page(served)[0].headers["refresh"] == "30"


def test_a_hostile_page_is_only_text(served):
    name = HOSTILE.replace("\ud800", "")
    served.add(run(check(name, "failed", reason=name, target=name), exit_code=1, problem=name, targets=(name, "b")))
    answer, read = page(served)
    assert {"script", "img", "iframe"} & {tag for tag, _ in read.elements} == set()
    assert "<script>alert(1)</script>" in read.text
    assert "{{7*7}}" in read.text
    assert answer.text.count("</style>") == 1
    for _, attributes in read.elements:
        assert not [key for key in attributes if key.startswith("on")]


def test_only_our_own_style_is_let_in(served):
    from base64 import b64encode
    from hashlib import sha256

    answer, _ = page(served)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    policy = answer.headers["content-security-policy"]
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none';")


def test_a_page_of_very_many_checks_is_cut(served):
    served.add(run(*(check(str(at)) for at in range(2_003))))
    answer, read = page(served)
    assert "… and 3 more" in read.text
    assert len(answer.content) < 2_000_000


def test_all_answers_are_strict_json(served):
    served.add(run(check(HOSTILE.replace("\ud800", ""), "failed"), exit_code=1))
    for path in ("/api/runs", "/api/runs/1", "/api/checks", "/healthz"):
        json.loads(served.ask(path).content.decode(), parse_constant=pytest.fail)
