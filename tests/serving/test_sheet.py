"""The live page as it is where a run is known whole: the HTML report, the runs before it, and what goes on."""

import json
import re

import pytest

from asgi_probe.engine.events import (
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import Outcome
from asgi_probe.serving import sheet
from asgi_probe.serving.records import Tally
from tests.serving.runs import HOSTILE, Served, check, run

LIVE = TargetInfo("live", "live", "http://127.0.0.1:8000")
BEGUN = RunStarted("0", LIVE, ("a.yaml",), 2, 16, "2026-11-25T22:30:00.000+00:00", targets=(LIVE,))


def one(name="one", outcome=Outcome.PASSED, **more):
    id_ = f"a.yaml::{name}"
    return (
        CheckStarted(id_, "a.yaml", 3, name, (), "live"),
        StepFinished(id_, "GET /", "steps", outcome, 0.5, target="live", **more),
        CheckFinished(id_, outcome, 0.5, file="a.yaml", line=3, name=name, target="live", **more),
    )


def ended(code=0, **outcomes):
    return RunFinished(outcomes or {"passed": 1}, 1.0, code, None)


def data(text, name):
    (found,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    return found.strip()


def test_the_page_is_the_report():
    served = Served()
    served.add(run(check("one", "failed"), exit_code=1))
    served.tell(BEGUN, *one(), *one("two"), Warned("the mail was not sent"), ended(passed=2))
    answer = served.ask("/")
    told = data(answer.text, "run-data")
    assert [json.loads(line)["name"] for line in data(answer.text, "checks-data").splitlines()] == ["one", "two"]
    assert json.loads(told)["availability"] == {"a.yaml::one": 0.5, "a.yaml::two": 1.0}
    assert [(each["exit_code"], each["outcomes"]) for each in json.loads(told)["history"]] == [
        (1, {"failed": 1}),
        (0, {"passed": 2}),
    ]
    assert "the mail was not sent" in told
    assert 'id="live"' not in answer.text
    assert answer.headers["refresh"] == "30"


def test_the_policy_is_the_report_s_own():
    served = Served()
    served.tell(BEGUN, *one(), ended())
    answer = served.ask("/")
    policy = answer.headers["content-security-policy"]
    assert re.search(r"script-src 'sha256-[\w+/=]+'", policy)
    assert policy.startswith("default-src 'none';")
    assert policy.endswith("; frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert answer.headers.get_list("content-security-policy") == [policy]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(7.0, "A run goes on since 22:30:00 UTC: 2 of 9 checks"), (130.0, "a run hangs: it began at 2026-11-25T22:30")],
)
def test_what_goes_on_stands_above(seconds, told):
    served = Served()
    served.tell(BEGUN, *one(), ended())
    served.go_on(seconds)
    (live,) = re.findall(r'<header class="top"><p class="[\w ]+" id="live">(.*?)</p>', served.ask("/").text, re.DOTALL)
    assert live.startswith(told)


def test_a_run_that_is_still_starting_says_only_since_when():
    served = Served()
    served.tell(BEGUN, *one(), ended())
    served.go_on(7.0, ended=0, checks=0)
    (live,) = re.findall(r'id="live">(.*?)</p>', served.ask("/").text, re.DOTALL)
    assert live.strip() == "A run goes on since 22:30:00 UTC"


def test_an_availability_is_that_of_all_targets():
    served = Served()
    served.add(run(check("one"), check("one", "failed", target="b")))
    served.tell(BEGUN, *one(), ended())
    told = json.loads(data(served.ask("/").text, "run-data"))
    assert told["availability"] == {"a.yaml::one": pytest.approx(2 / 3)}


def test_a_run_that_could_not_begin_has_a_plain_page():
    served = Served()
    served.tell(BEGUN, *one(), ended())
    served.tell(exit_code=2)
    text = served.ask("/").text
    assert "run-data" not in text
    assert "the run ended with exit code 2" in text


@pytest.mark.parametrize("end", [lambda tally: tally.hung(9.0, "8 s"), lambda tally: tally.record(9.0, 137, "")])
def test_a_run_that_was_cut_is_shown_as_far_as_it_came(end):
    tally = Tally()
    began, *_ = one("two")
    for event in (BEGUN, *one(), began, *one("three", Outcome.INTERRUPTED)):
        tally.add(event)
    assert not tally.sheet.whole
    record = end(tally)
    assert tally.sheet.whole
    served = Served()
    from types import SimpleNamespace

    served.status.start(SimpleNamespace(tally=tally, seconds=9.0))
    served.status.end(served.history.add(record))
    text = served.ask("/").text
    rows = [json.loads(line) for line in data(text, "checks-data").splitlines()]
    assert [(each["name"], each["outcome"]) for each in rows] == [
        ("one", "passed"),
        ("two", "error"),
        ("three", "error"),
    ]
    # rows, filters and steps say what the headline and the API do
    assert record.outcomes == json.loads(data(text, "run-data"))["finished"]["outcomes"] == {"passed": 1, "error": 2}
    assert {each["outcome"] for each in rows[2]["steps"]} == {"error"}
    assert rows[2]["reason"] == rows[2]["steps"][0]["reason"] == rows[1]["reason"]
    assert rows[2]["reason"].startswith("it was still running when")
    assert f'<p class="notice failed">{record.problem}</p>' in text
    assert "The target:" not in text


def test_a_run_that_somebody_interrupted_is_shown_as_that():
    served = Served()
    end = RunFinished({"interrupted": 1}, 1.0, 130, "interrupted")
    served.tell(BEGUN, *one("two", Outcome.INTERRUPTED), end, exit_code=130)
    (row,) = [json.loads(line) for line in data(served.ask("/").text, "checks-data").splitlines()]
    assert (row["outcome"], row["reason"]) == ("interrupted", None)


def test_an_interrupted_check_that_cannot_be_shown_loses_no_run(monkeypatch):
    def broken(check):
        raise RuntimeError("a bug")

    monkeypatch.setattr(sheet, "row", broken)
    served = Served()
    served.tell(BEGUN, *one("two", Outcome.INTERRUPTED), ended(interrupted=1), exit_code=130)
    assert served.history.runs(1)[0].outcomes == {"interrupted": 1}
    assert "a.yaml::two" in served.ask("/").text


def test_hostile_words_stay_words():
    served = Served()
    hostile = TargetInfo(HOSTILE, "live", HOSTILE)
    begun = RunStarted("0", hostile, ("a.yaml",), 1, 16, "2026-11-25T22:30:00.000+00:00", targets=(hostile,))
    name = HOSTILE + '<header class="top"><body>'
    served.tell(begun, *one(name, Outcome.FAILED, reason=name), Warned(name), ended(1, failed=1), exit_code=1)
    served.go_on(7.0)
    answer = served.ask("/")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert answer.text.count('<header class="top">') == answer.text.count("<body>") == 1
    assert answer.text.count('id="live"') == 1


def test_a_page_that_cannot_be_made_loses_no_run(monkeypatch):
    def broken(check):
        raise RuntimeError("a bug")

    monkeypatch.setattr(sheet, "row", broken)
    served = Served()
    served.tell(BEGUN, *one(), ended())
    assert served.history.runs(1)[0].outcomes == {"passed": 1}
    assert "All is well" in served.ask("/").text


def test_after_a_restart_there_is_a_plain_page():
    first = Served()
    first.tell(BEGUN, *one(), ended())
    again = Served(history=first.history)
    again.status.last = first.history.latest()
    assert "a.yaml::one" in again.ask("/").text
