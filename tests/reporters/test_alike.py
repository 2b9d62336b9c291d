from __future__ import annotations

import pytest

from asgi_probe.engine.events import CheckFinished, StepFinished
from asgi_probe.engine.results import Mismatch, Outcome, RequestRecord, ResponseRecord
from asgi_probe.reporters.alike import Alike, Reasons
from asgi_probe.terminal import cells, plain

CAME = ResponseRecord(500, (), None, "HTTP/1.1")
TRACE = 'Traceback (most recent call last):\n  File "app.py", line {}, in shop\n    raise\nLookupError: no price for {}'


def mismatch(message="expected 200, got 500", where="status", path=None, line=3):
    return Mismatch(where, path, message, 200, 500, "a.yaml", line, 9)


def add(alike, name="x", outcome=Outcome.FAILED, file="a.yaml", found=(), came=CAME, **more):
    """How a failure of one step is told."""
    step = StepFinished(f"{file}::{name}", "GET /", "steps", outcome, 0.1, response=came, mismatches=found, **more)
    return alike.add(CheckFinished(f"{file}::{name}", outcome, 0.1, file=file, reason=more.get("reason")), [step])


def hows(*failures):
    return [failure.how for failure in failures]


def told(alike, columns=None):
    return [plain(line) for line in alike.lines(columns)]


def test_the_same_at_the_same_place_is_told_once():
    alike = Alike()
    assert hows(*(add(alike, found=(mismatch(),)) for _ in range(12))) == ["whole", *["line"] * 10, "count"]


def test_the_same_at_other_places_is_told_three_times():
    alike = Alike()
    assert hows(*(add(alike, found=(mismatch(line=line),)) for line in range(5))) == [*["whole"] * 3, "line", "line"]


def test_what_differs_in_values_is_alike():
    alike = Alike()
    failures = [
        add(alike, found=(mismatch(f"expected 'a{row}', got 'b{row}'", "json", f"$.items[{row}]", row),))
        for row in range(5)
    ]
    assert hows(*failures) == [*["whole"] * 3, "line", "line"]
    assert failures[4].why == "json $.items[4]: expected 'a4', got 'b4'"
    assert failures[4].what == "json $.items[0]: expected 'a0', got 'b0', or the like"


def test_what_is_at_one_place_is_alike():
    alike = Alike()
    for words in ("is missing", "is null", "is odd", "is even"):
        add(alike, found=(mismatch(words, "json", "$.a"),))
    assert told(alike) == [
        "",
        "failures that are alike",
        "  4 ✗ json $.a: is missing, or the like",
        "      first a.yaml::x",
        "  with -v each of them is told whole",
    ]


def test_other_statuses_outcomes_and_frames_are_other_kinds():
    alike = Alike()
    failures = [
        add(alike, found=(mismatch(line=1),), traceback=TRACE.format(5, "A-1")),
        add(alike, found=(mismatch(line=2),), traceback=TRACE.format(5, "A-2")),
        add(alike, found=(mismatch(line=3),), traceback=TRACE.format(9, "A-1")),
        add(alike, found=(mismatch(line=4),)),
        add(alike, found=(mismatch("expected 200, got 404", line=5),)),
        add(alike, outcome=Outcome.ERROR, reason="no", came=None),
    ]
    assert len({failure.what.removesuffix(", or the like") for failure in failures}) == 4
    assert failures[1].why == "status: expected 200, got 500 · LookupError: no price for A-2"
    assert failures[1].what == failures[0].what


def test_an_answer_that_never_came_is_told_once():
    alike = Alike()
    asked = RequestRecord("GET", "http://x/", (), None)
    failures = [
        add(alike, outcome=Outcome.ERROR, reason=f"connection refused by x:{row}", came=None, request=asked)
        for row in range(3)
    ]
    assert hows(*failures) == ["whole", "line", "line"]


def test_everything_is_told_whole_but_for_answers_that_never_came():
    alike = Alike(everything=True)
    assert set(hows(*(add(alike, found=(mismatch(),)) for _ in range(300)))) == {"whole"}
    refused = [add(alike, outcome=Outcome.ERROR, reason="refused", came=None) for _ in range(300)]
    assert hows(*refused) == ["whole", *["line"] * 299]
    assert told(alike)[-1] == "        first a.yaml::x"


def letters(number):
    return "".join(chr(97 + int(digit)) for digit in str(number))


def test_many_kinds_are_told_less_and_less_and_few_are_kept():
    alike = Alike()
    found = [add(alike, found=(mismatch(letters(row), line=row),)) for row in range(1_000)]
    assert hows(*found) == [*["whole"] * 25, *["brief"] * 25, *["line"] * 200, *["count"] * 750]
    assert found[-1].what == ""
    assert len(alike._all) == 500


def test_the_largest_kinds_are_told_first_and_all_are_counted():
    alike = Alike()
    for row in range(15):
        for time in range(4 + row):
            add(alike, found=(mismatch(letters(row), line=row),), file=f"{time % 3}.yaml")
    for row in range(1_000):
        add(alike, found=(mismatch(f"also {letters(row)}", line=100 + row),))
    lines = told(alike)
    assert lines[2:4] == ["  18 ✗ status: be", "       in 3 files, first 0.yaml::x"]
    assert len([line for line in lines if "✗" in line]) == 10
    assert lines[-2] == "  … and 1,030 other failures"


def test_files_beyond_a_hundred_are_not_counted():
    alike = Alike()
    for row in range(150):
        add(alike, found=(mismatch(),), file=f"{row}.yaml")
    assert "       in 100 or more files, first 0.yaml::x" in told(alike)[3]


def test_a_few_are_no_crowd():
    alike = Alike()
    for _ in range(3):
        add(alike, found=(mismatch(),))
    assert told(alike) == []


def test_what_they_say_is_short_and_harmless():
    alike = Alike()
    failure = None
    for _ in range(4):
        failure = add(alike, outcome=Outcome.ERROR, reason="a\n\x1b[1m\ud800 " * 200, came=None)
    assert failure.why.startswith(r"a \x1b[1m\ud800 a ")
    assert len(failure.why) <= 201
    assert max(cells(line) for line in told(alike, 80)) <= 80


def test_a_check_without_steps_says_its_own_reason():
    alike = Alike()
    failure = alike.add(CheckFinished("a::x", Outcome.ERROR, 0, reason="setup failed"), [])
    assert (failure.how, failure.why) == ("whole", "setup failed")
    assert alike.add(CheckFinished("a::y", Outcome.ERROR, 0), []).why == "error"


@pytest.mark.parametrize("number", [4, 2_000])
def test_reasons_that_many_share(number):
    reasons = Reasons()
    for row in range(number):
        reasons.add(Outcome.SKIPPED, "the warehouse\n is moving")
        reasons.add(Outcome.XFAILED, None if row % 2 else "issue 12")
    for row in range(700):
        reasons.add(Outcome.SKIPPED, f"reason {row}")
    lines = [plain(line) for line in reasons.lines()]
    assert lines[1] == "skipped, or expected to fail"
    assert lines[2].strip() == f"{number:,} ○ skipped: the warehouse is moving"
    if number > 4:
        assert {line.strip() for line in lines[3:5]} == {
            "1,000 x xfailed: issue 12",
            "1,000 x xfailed: without a reason",
        }
        assert lines[5] == "  … and 700 others"


def test_reasons_that_few_share_are_told_in_their_files():
    reasons = Reasons()
    for row in range(10):
        reasons.add(Outcome.SKIPPED, f"reason {row}")
    assert reasons.lines() == []
