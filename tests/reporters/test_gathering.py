"""The events of a run, put together again."""

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.gathering import CheckResult, Gathering, check_data

STARTED = [CheckStarted(f"a.yaml::{name}", "a.yaml", 3, name, ("smoke",), "demo", worker=2) for name in "xy"]
STEPS = [
    StepFinished(f"a.yaml::{name}", step, "steps", Outcome.PASSED, 0.25) for step in ("GET /", "PUT /") for name in "xy"
]
ENDED = [CheckFinished(f"a.yaml::{name}", Outcome.PASSED, 0.5, target="demo") for name in "xy"]


def test_checks_that_run_at_the_same_time_are_told_apart():
    gathering = Gathering()
    assert [gathering.add(event) for event in (*STARTED, Warned("late"), *STEPS)] == [None] * 7
    assert gathering.add(ENDED[1]) == CheckResult(STARTED[1], (STEPS[1], STEPS[3]), ENDED[1])
    assert gathering.add(ENDED[0]) == CheckResult(STARTED[0], (STEPS[0], STEPS[2]), ENDED[0])


def test_a_check_as_data_has_all_that_its_events_have():
    data = check_data(CheckResult(STARTED[0], (STEPS[0],), ENDED[0]))
    assert (data["id"], data["outcome"], data["tags"], data["worker"]) == ("a.yaml::x", "passed", ("smoke",), 2)
    assert [step["step"] for step in data["steps"]] == ["GET /"]
    assert "event" not in data
    assert data["steps"][0].keys().isdisjoint({"event", "id", "target"})
