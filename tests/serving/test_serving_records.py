"""What events become: small, safe to show, and an end for what has none."""

import pytest

from asgi_probe.engine.events import (
    MAY_BE_STARTING,
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import Mismatch, Outcome, ThresholdVerdict, Times
from asgi_probe.serving.history import open_history
from asgi_probe.serving.records import MOST_CHECKS, RunRecord, Tally
from tests.serving.runs import HOSTILE, run

LIVE = TargetInfo("live", "live", "http://127.0.0.1:8000")
BEGUN = RunStarted("0", LIVE, ("a.yaml",), 2, 16, "")


def started(name="one", at=0.0, phase="steps"):
    return CheckStarted(f"a.yaml::{name}", "a.yaml", 3, name, (), "live", at=at, phase=phase)


def finished(name="one", outcome=Outcome.PASSED, **more):
    said = {"file": "a.yaml", "line": 3, "name": name, "target": "live"} | more
    return CheckFinished(f"a.yaml::{name}", outcome, 0.5, **said)


def told(*events):
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def mismatch(where, message, path=None):
    return Mismatch(where, path, message, 1, 2, "a.yaml", 1, 1)


def test_a_run():
    times = Times(3, 0.1, 0.2, 0.3, 0.4, 0.5, ((1.0, 3),))
    tally = told(
        BEGUN,
        started(),
        finished(),
        Warned("nothing"),
        started("two"),
        finished(
            "two",
            Outcome.FAILED,
            mismatches=(mismatch("status", "expected 200"), mismatch("json", "is missing", "$.id")),
        ),
        RunFinished({"passed": 1, "failed": 1}, 1.0, 1, None, requests=3, times=times),
    )
    assert (tally.begun, tally.selected, tally.ended) == (True, 2, 2)
    record = tally.record(1.25, 1, "")
    assert (record.outcome, record.green, record.exit_code, record.duration) == ("failed", False, 1, 1.25)
    assert (record.outcomes, record.requests, record.targets) == ({"passed": 1, "failed": 1}, 3, ("live",))
    assert record.times == {"count": 3, "mean": 0.1, "p50": 0.2, "p95": 0.3, "p99": 0.4, "longest": 0.5}
    assert [(each.name, each.outcome, each.reason) for each in record.checks] == [
        ("one", "passed", None),
        ("two", "failed", "status: expected 200\njson $.id: is missing"),
    ]


def test_what_runs_around_checks_is_told_only_if_it_broke():
    tally = told(
        BEGUN,
        finished("setup", phase="setup"),
        finished("teardown", Outcome.ERROR, phase="teardown", reason="x"),
        RunFinished({"error": 1}, 1.0, 1, None),
    )
    assert [each.name for each in tally.record(1.0, 1, "").checks] == ["teardown"]
    assert tally.ended == 0


@pytest.mark.parametrize(
    ("end", "code", "problem"),
    [
        ({"problem": "the app is away"}, 3, "the app is away"),
        ({"reason": "2 checks were flaky"}, 1, "2 checks were flaky"),
        (
            {
                "reason": "1 threshold was broken",
                "thresholds": (
                    ThresholdVerdict("p95(time) < 1s", False, "2 s"),
                    ThresholdVerdict("x", False, "y", 1, True),
                ),
            },
            1,
            "p95(time) < 1s does not hold: 2 s",
        ),
        ({}, 0, None),
    ],
)
def test_what_was_wrong_with_the_run(end, code, problem):
    assert told(BEGUN, RunFinished({}, 1.0, code, None, **end)).record(1.0, code, "").problem == problem


def test_thresholds():
    verdicts = (ThresholdVerdict("p95(time) < 1s", False, "2 s"), ThresholdVerdict("x", True, "y"))
    record = told(BEGUN, RunFinished({}, 1.0, 1, None, thresholds=verdicts)).record(1.0, 1, "")
    assert record.thresholds == {"p95(time) < 1s": False, "x": True}


def test_a_run_that_did_not_begin_says_what_it_said():
    record = told().record(0.5, 2, "error: no spec")
    assert (record.outcome, record.exit_code, record.problem, record.outcomes) == ("error", 2, "error: no spec", {})


@pytest.mark.parametrize(("code", "exit_code"), [(137, 137), (0, 70)])
def test_a_run_that_was_lost_is_none_that_is_well(code, exit_code):
    record = told(BEGUN, started(), finished(), started("two")).record(0.5, code, "killed")
    assert (record.outcome, record.exit_code, record.outcomes) == ("error", exit_code, {"passed": 1, "error": 1})
    assert record.checks[1].reason == "it was still running when its process ended"
    assert record.problem == f"the run ended with exit code {code} before it was through"


def test_the_process_has_the_last_word():
    assert told(BEGUN, RunFinished({}, 1.0, 0, None)).record(1.0, 1, "").outcome == "failed"


def test_a_run_that_hung():
    tally = told(
        BEGUN,
        started(),
        finished(),
        started("two", at=1.0),
        started("three"),
    )
    tally.hangs()
    tally.add(finished("three", Outcome.INTERRUPTED))
    record = tally.hung(5.0, "4 s")
    assert (record.outcome, record.hung, record.exit_code) == ("error", True, 1)
    waiting = "2 checks were waiting: a.yaml::two, a.yaml::three"
    assert record.problem == f"the run hung: it was ended after 4 s, when {waiting}"
    assert record.outcomes == {"passed": 1, "error": 2}
    why = "it was still running when the run was ended after 4 s"
    assert [(each.name, each.outcome, each.duration, each.reason) for each in record.checks] == [
        ("one", "passed", 0.5, None),
        ("three", "error", 0.5, why),
        ("two", "error", 4.0, why),
    ]


def step(name, check="one", outcome=Outcome.PASSED, target="live"):
    return StepFinished(f"a.yaml::{check}", name, "steps", outcome, 0.1, target=target)


WAIT = tuple(started(str(number)) for number in range(1_200))


@pytest.mark.parametrize(
    ("before", "after", "waiting"),
    [
        ([], [], "no check was running"),
        ([started()], [], "1 check was waiting: a.yaml::one"),
        ([started(), step("log in")], [], "1 check was waiting: a.yaml::one (after 'log in')"),
        (
            [started(), step("log in")],
            [step("GET /", outcome=Outcome.INTERRUPTED), finished(outcome=Outcome.INTERRUPTED)],
            "1 check was waiting: a.yaml::one (in 'GET /')",
        ),
        ([started()], [step("one", outcome=Outcome.INTERRUPTED)], "1 check was waiting: a.yaml::one"),
        # what is done after the end did not hang
        ([started()], [started("teardown", phase="teardown")], "1 check was waiting: a.yaml::one"),
        ([*WAIT], [], "1,200 checks were waiting: a.yaml::0, a.yaml::1, a.yaml::2, 1,197 more"),
        ([started("x\x1b" * 900)], [], r"1 check was waiting: a.yaml::x\x1bx\x1bx"),
    ],
)
def test_what_hangs_is_named(before, after, waiting):
    tally = told(BEGUN, *before)
    assert tally.waiting == ""
    tally.hangs()
    for event in after:
        tally.add(event)
    problem = tally.hung(5.0, "4 s").problem
    assert problem.startswith(f"the run hung: it was ended after 4 s, when {waiting}")
    assert len(problem) < 250


def test_of_several_targets_what_hangs_is_named_with_its_own():
    other = TargetInfo("staging", "live", "http://127.0.0.1:8001")
    begun = RunStarted("0", LIVE, ("a.yaml",), 2, 16, "", targets=(LIVE, other))
    assert told(begun, started()).hung(5.0, "4 s").problem.endswith("1 check was waiting: a.yaml::one @live")


def test_advice_for_who_runs_once_is_left_out():
    end = RunFinished({"error": 1}, 1.0, 3, None, problem=f"no request reached it{MAY_BE_STARTING}")
    assert told(BEGUN, end).record(1.0, 3, "").problem == "no request reached it"


@pytest.mark.parametrize(
    ("record", "blind"),
    [
        (run(exit_code=3), True),
        (run(exit_code=1, hung=True), True),
        (run(exit_code=2), False),
        (run(exit_code=0), False),
    ],
)
def test_what_could_not_be_asked_is_blind(record: RunRecord, blind):
    assert record.blind is blind


def test_hostile_words_can_be_kept():
    name = HOSTILE * 100
    event = CheckFinished(name, Outcome.FAILED, 0.1, reason=name, file=name, name=name, target=name)
    end = RunFinished({"failed": 1}, 1.0, 1, None, problem=name)
    record = told(RunStarted("0", TargetInfo(name, "live", name), (), 1, 1, ""), event, end).record(1.0, 1, "")
    history = open_history(None)
    kept = history.add(record)
    assert history.run(kept.id) == kept
    (check,) = kept.checks
    for text in (check.id, check.reason, check.file, check.target, kept.problem, *kept.targets):
        assert not {"\x1b", "\ud800", "\u202e", "\x07"} & set(text)
        assert "…" in text


def test_very_many_checks_are_only_counted():
    tally = told(BEGUN)
    for at in range(MOST_CHECKS + 3):
        tally.add(finished(str(at)))
    assert tally.ended == MOST_CHECKS + 3
    assert len(tally.record(1.0, 0, "").checks) == MOST_CHECKS
