from __future__ import annotations

import io
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
from asgi_probe.engine.results import (
    Body,
    Mismatch,
    Outcome,
    RequestRecord,
    ResponseRecord,
    SlowCheck,
    ThresholdVerdict,
    Times,
)
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.terminal import Log, Outlet, Terminal, plain

DEMO = TargetInfo("demo", "app", "shop.main:app")
A, B = "specs/health.yaml", "specs/items.yaml"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Still(Terminal):
    """A terminal whose live line is drawn only when the test asks for it."""

    def live(self, line):
        self.line = line


def started(*files, checks=3, sizes=(), **more):
    return RunStarted("0.1.0", DEMO, files, checks, 16, "2026-01-01T00:00:00Z", sizes=sizes, **more)


def check(file, name, outcome=Outcome.PASSED, seconds=0.012, steps=(), **more):
    at = f"{file}::{name}"
    more.setdefault("phase", name if name in ("setup", "teardown") else "steps")
    return [
        CheckStarted(at, file, 3, name, (), "demo", phase=more["phase"]),
        *[StepFinished(at, step.pop("step", name), step.pop("phase", "steps"), **step) for step in map(dict, steps)],
        CheckFinished(at, outcome, seconds, file=file, line=3, name=name, **more),
    ]


def step(outcome, **more):
    return {"outcome": outcome, "duration": 0.05} | more


def finished(seconds=0.41, exit_code=0, stopped=None, **more):
    outcomes = {name: more.pop(name) for name in tuple(more) if name in Outcome._value2member_map_}
    return RunFinished(outcomes, seconds, exit_code, stopped, **more)


def mismatch(message, expected=None, actual=None, **more):
    place = {"file": B, "line": 12, "column": 15, "width": 3, "source_line": "      status: 201"}
    return Mismatch(more.pop("where", "status"), more.pop("path", None), message, expected, actual, **place | more)


def tell(events, *, verbosity=0, width=None, color=False, clock=None, **more):
    """What a log shows of the events, or a terminal of that width."""
    stream = io.StringIO()
    outlet = Outlet(stream)
    screen = Log(outlet, color=color) if width is None else Still(outlet, color=color, width=width)
    reporter = ConsoleReporter(screen, verbosity=verbosity, clock=clock or Clock(), **more)
    for event in events:
        if callable(event):
            event()
        else:
            reporter.handle(event)
    reporter.close()
    return stream.getvalue()


GREEN = [
    started(A, B, sizes=(4, 1), checks=5),
    *check(A, "GET /health", seconds=0.0004),
    *check(A, "the root says tomato"),
    *check(A, "only live", Outcome.SKIPPED, 0, reason="needs a live target,\n  target is 'app'"),
    *check(B, "GET /items", seconds=1.3),
    *check(A, "now and then", Outcome.FLAKY, 75, steps=[step(Outcome.FLAKY, attempts=3)]),
    finished(passed=3, flaky=1, skipped=1, requests=7, slowest=(SlowCheck(f"{B}::GET /items", 1.3),)),
]

GREEN_TOLD = """\
asgi-probe 0.1.0 · demo: shop.main:app in process · 5 checks in 2 files, 16 at a time

✓ specs/items.yaml  1 passed  0.0 ms
  ✓ GET /items  1.30 s
↻ specs/health.yaml  2 passed, 1 flaky, 1 skipped  0.0 ms
  ✓ GET /health               0.4 ms
  ✓ the root says tomato       12 ms
  ○ only live                         skipped: needs a live target, target is 'app'
  ↻ now and then          1 min 15 s  flaky, passed at attempt 3

slowest
  1.30 s  specs/items.yaml::GET /items

7 requests, 17 a second
3 passed, 1 flaky, 1 skipped in 0.41 s
"""


def test_a_green_run_in_a_log():
    assert tell(GREEN) == GREEN_TOLD


@pytest.mark.parametrize("width", [80, 120])
def test_a_green_run_in_a_terminal_reads_the_same(width):
    assert tell(GREEN, width=width) == GREEN_TOLD


def test_quiet_tells_a_green_run_in_one_line():
    assert tell(GREEN, verbosity=-1) == "3 passed, 1 flaky, 1 skipped in 0.41 s\n"


@pytest.mark.parametrize("width", [None, 80])
def test_colours_change_nothing_but_colours(width):
    colored = tell([*GREEN[:-1], *RED], width=width, color=True)
    assert colored.count("\x1b[") > 50
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == tell([*GREEN[:-1], *RED], width=width)


LINE = "      json: {sku: A-1, qty: 2, price: 12.5}"
ASKED = RequestRecord(
    "POST", "http://testserver/items", (("authorization", "***"),), Body('{"sku": "A-1", "qty": 2}', 24)
)
CAME = ResponseRecord(200, (("content-type", "application/json"),), Body('{"qty":3,"price":12.50}', 23), "HTTP/1.1")
RED = [
    started(B, checks=2, sizes=(3,)),
    *check(B, "it is there"),
    *check(
        B,
        "it lives and dies",
        Outcome.FAILED,
        0.12,
        steps=[
            step(
                Outcome.FAILED,
                step="POST /items",
                request=ASKED,
                response=CAME,
                curl="curl -i http://testserver/items",
                mismatches=(
                    mismatch("expected 201, got 200", 201, 200),
                    mismatch(
                        "expected 2, got 3", 2, 3, where="json", path="$.qty", line=13, column=29, source_line=LINE
                    ),
                    mismatch(
                        "expected 12.5, got '12.50' (a string)",
                        12.5,
                        "12.50",
                        where="json",
                        path="$.price",
                        line=13,
                        column=39,
                        width=4,
                        source_line=LINE,
                        because="prices are numbers",
                    ),
                ),
            )
        ],
    ),
    *check(
        B,
        "boom",
        Outcome.ERROR,
        0.02,
        reason="the app broke off",
        steps=[
            step(
                Outcome.ERROR,
                reason="the app broke off",
                traceback='  File "shop/main.py", line 12, in boom\nRuntimeError: no\n',
                request=RequestRecord("GET", "http://testserver/boom", (), None),
                file=B,
                line=20,
                column=7,
                width=10,
                source_line="    - get: /boom",
            )
        ],
    ),
    finished(passed=1, failed=1, error=1, exit_code=1, requests=3),
]

RED_TOLD = """\
asgi-probe 0.1.0 · demo: shop.main:app in process · 2 checks in 1 file, 16 at a time

! specs/items.yaml  1 passed, 1 failed, 1 error  0.0 ms
  ✓ it is there         12 ms
  ✗ it lives and dies  120 ms  failed
      specs/items.yaml::it lives and dies
      in step: POST /items
      specs/items.yaml:12:15: status: expected 201, got 200
         12 |       status: 201
            |               ^^^
      specs/items.yaml:13:29: json $.qty: expected 2, got 3
      specs/items.yaml:13:39: json $.price: expected 12.5, got '12.50' (a string)
         13 |       json: {sku: A-1, qty: 2, price: 12.5}
            |                             ^^^       ^^^^
        = json $.price
        = because   prices are numbers

      > POST http://testserver/items
      > authorization: ***
      >
      > {"sku": "A-1", "qty": 2}

      < HTTP/1.1 200 OK
      < content-type: application/json
      <
      < {"qty": 3, "price": 12.50}

      try it by hand
        curl -i http://testserver/items

  ! boom                20 ms  error
      specs/items.yaml::boom
      specs/items.yaml:20:7: error: the app broke off
         20 |     - get: /boom
            |       ^^^^^^^^^^

      > GET http://testserver/boom
      < no answer

      the app's traceback
        |   File "shop/main.py", line 12, in boom
        | RuntimeError: no

run again what did not pass
  asgi-probe run 'specs/items.yaml::it lives and dies'
  asgi-probe run specs/items.yaml::boom

3 requests, 7.3 a second
1 passed, 1 failed, 1 error in 0.41 s
"""


def test_a_red_run():
    assert tell(RED) == RED_TOLD
    assert tell(RED, width=120) == RED_TOLD


def test_quiet_tells_what_did_not_pass():
    text = tell(RED, verbosity=-1)
    assert text.startswith(
        "! specs/items.yaml  1 passed, 1 failed, 1 error  0.0 ms\n  ✗ it lives and dies  120 ms  failed\n"
    )
    assert "it is there" not in text
    assert "requests" not in text
    assert text.endswith("1 passed, 1 failed, 1 error in 0.41 s\n")


def test_a_status_line_for_every_step_with_v():
    told = step(Outcome.PASSED, request=ASKED, response=CAME)
    untold = step(Outcome.PASSED)
    text = tell([*check(A, "one", steps=[told, untold, told | {"response": None}]), finished(passed=1)], verbosity=1)
    assert (
        text
        == """\
✓ specs/health.yaml  1 passed  0.0 ms
  ✓ one  12 ms
      POST http://testserver/items → HTTP/1.1 200 OK  50 ms
      POST http://testserver/items  50 ms

1 passed in 0.41 s
"""
    )
    assert "POST" not in tell([*check(A, "one", steps=[told]), finished(passed=1)])


def many(number, outcome=Outcome.PASSED):
    return [event for row in range(number) for event in check(A, f"row {row}", outcome)]


def test_many_passing_checks_are_counted():
    text = tell([started(A, sizes=(1_025,)), *many(1_000), *check(A, "last", Outcome.SKIPPED), finished(passed=1_000)])
    assert text.count("✓ row") == 20
    assert "  ○ last           skipped\n  … and 980 more passed\n" in text


def test_the_reason_is_told_of_a_check_all_of_whose_steps_were_left_out():
    reason = "when target: expected 'live', got 'app'"
    left_out = step(Outcome.SKIPPED, reason=reason)
    text = tell([*check(A, "one", Outcome.SKIPPED, steps=[left_out], reason=reason), finished(skipped=1)])
    assert f"  ○ one    skipped: {reason}\n" in text


def test_several_outcomes_that_are_only_counted():
    events = [*many(21), *[event for row in range(22) for event in check(A, f"s{row}", Outcome.SKIPPED)]]
    assert "  … and 1 more passed, 2 more skipped\n" in tell([*events, finished(passed=21, skipped=22)])


def test_v_lists_all_and_holds_back_no_more_than_a_thousand():
    shown = []
    stream = io.StringIO()
    reporter = ConsoleReporter(Log(Outlet(stream), color=False), verbosity=1, clock=Clock())
    for event in [started(A, sizes=(1_500,)), *many(1_500), finished(passed=1_500)]:
        reporter.handle(event)
        shown.append(stream.getvalue().count("✓ row"))
    assert set(shown) == {0, 1_000, 1_500}
    assert "specs/health.yaml  so far 1,000 passed\n" in stream.getvalue()
    assert "specs/health.yaml  1,500 passed  0.0 ms\n" in stream.getvalue()


def test_many_failures_are_not_held_back():
    stream = io.StringIO()
    reporter = ConsoleReporter(Log(Outlet(stream), color=False), verbosity=1, clock=Clock())
    reporter.handle(started(A, sizes=(500,)))
    for row in range(300):
        failing = step(Outcome.FAILED, mismatches=(mismatch("no"),))
        for event in check(A, f"row {row}", Outcome.FAILED, steps=[failing]):
            reporter.handle(event)
    assert "so far 167 failed" in stream.getvalue()
    assert stream.getvalue().count("✗ row") == 167


def test_a_file_is_told_when_its_last_check_has_ended():
    stream = io.StringIO()
    reporter = ConsoleReporter(Log(Outlet(stream), color=False), clock=Clock())
    for event in [started(A, B, sizes=(2, 1)), *check(A, "one"), *check(B, "other")]:
        reporter.handle(event)
    assert "✓ other" in stream.getvalue()
    assert "✓ one" not in stream.getvalue()
    for event in check(A, "two"):
        reporter.handle(event)
    assert stream.getvalue().endswith("✓ specs/health.yaml  2 passed  0.0 ms\n  ✓ one  12 ms\n  ✓ two  12 ms\n")


def test_checks_after_their_file_was_told_are_told_as_well():
    text = tell([started(A, sizes=(1,)), *check(A, "one"), *check(A, "late"), finished(passed=2)])
    assert text.count("✓ specs/health.yaml  1 passed") == 2
    assert "✓ late" in text


def test_a_failure_does_not_wait_long_for_its_file():
    clock = Clock()

    def later():
        clock.now += 1.0

    text = tell(
        [
            started(A, sizes=(9,)),
            *check(A, "good"),
            *check(A, "bad", Outcome.FAILED, steps=[step(Outcome.FAILED, mismatches=(mismatch("no"),))]),
            *check(A, "soon"),
            later,
            CheckStarted(f"{A}::next", A, 1, "next", (), "demo"),
            *check(A, "more"),
            finished(passed=3, failed=1, exit_code=1),
        ],
        clock=clock,
    )
    early, _, late = text.partition("✓ soon")
    assert "✗ specs/health.yaml  so far 2 passed, 1 failed\n" in early
    assert "specs/items.yaml:12:15: status: no\n" in early
    assert "✗ specs/health.yaml  3 passed, 1 failed  1.00 s\n  ✓ more  12 ms\n" in late


def test_a_log_that_said_nothing_says_that_the_run_goes_on():
    clock = Clock()

    def later():
        clock.now += 6

    events = [
        started(A, checks=40, sizes=(40,)),
        *many(12),
        *check(A, "x", Outcome.FAILED),
        later,
        *check(A, "y"),
        later,
    ]
    told = tell([*events, *check(A, "z"), *check(A, "a")], clock=clock)
    assert told.count("still running: ") == 0, "a failure was shown at six seconds"
    later()
    told = tell([*events, later, *check(A, "z"), *check(A, "a")], clock=clock)
    assert told.endswith("still running: 14 of 40 checks, 1 failed, 18 s\n")
    assert "still running" not in tell([*events, later, *check(A, "z")], clock=clock, width=80)
    assert "still running" not in tell([*events, later, *check(A, "z")], clock=clock, verbosity=-1)


def test_the_live_line():
    clock = Clock()
    screen = Still(Outlet(io.StringIO()), color=False, width=80)
    reporter = ConsoleReporter(screen, clock=clock)
    reporter.handle(started(A, checks=4, sizes=(4,)))
    assert plain(screen.line()) == "──────────────────── 0 of 4 checks, 0 s"
    for event in [*check(A, "one", Outcome.FAILED), check(A, "a slow\none")[0], check(A, "another")[0]]:
        reporter.handle(event)
    assert plain(screen.line()) == "━━━━━─────────────── 1 of 4 checks, 1 failed, 0 s  a slow\\none"
    clock.now += 12.4
    assert plain(screen.line()) == "━━━━━─────────────── 1 of 4 checks, 1 failed, 12 s  a slow\\none 12 s"
    assert ("━━━━━", "failed") in screen.line()


def test_the_live_line_of_a_narrow_terminal_has_no_bar():
    screen = Still(Outlet(io.StringIO()), color=False, width=20)
    ConsoleReporter(screen, clock=Clock()).handle(started(A, checks=4, sizes=(4,)))
    assert plain(screen.line()) == "0 of 4 checks, 0 s"


def test_names_are_cut_in_a_terminal_and_never_in_a_log():
    long = "n" * 200
    events = [*check(A, long), *check(A, "漢字" * 100, Outcome.FAILED), finished(passed=1)]
    for line in tell(events, width=80).split("\n")[1:3]:
        assert "…" in line
        assert len(line) + line.count("漢") + line.count("字") <= 80
    assert f"✓ {long}  12 ms\n" in tell(events)


def test_setup_and_teardown_are_told_when_they_fail():
    events = [
        started(A, sizes=(4,), checks=2),
        *check(A, "setup"),
        *check(A, "one"),
        *check(A, "two"),
        *check(A, "teardown", Outcome.ERROR, reason="connection refused"),
        finished(passed=2, error=1, exit_code=1),
    ]
    text = tell(events)
    assert "! specs/health.yaml  2 passed, 1 error  0.0 ms\n  ✓ one       12 ms\n" in text
    assert "  ! teardown  12 ms  error: connection refused\n" in text
    assert "\n  asgi-probe run specs/health.yaml\n" in text
    assert "✓ setup" in tell(events, verbosity=1)


def test_a_file_whose_setup_and_teardown_fail_is_run_again_once():
    around = [*check(A, "setup", Outcome.ERROR), *check(A, "teardown", Outcome.ERROR)]
    assert tell([*around, finished(error=2, exit_code=1)]).count("asgi-probe run") == 1


def test_a_check_may_be_called_setup_in_another_place():
    assert "✓ setup of x" in tell([*check(A, "setup of x"), finished(passed=1)])


def test_checks_that_setup_kept_from_running_say_so_in_a_line():
    reason = f"{A}::setup failed"
    text = tell([*check(A, "one", Outcome.ERROR, 0, reason=reason), finished(error=1)])
    assert "  ! one  0.0 ms  error: specs/health.yaml::setup failed\n\nrun again" in text


def test_what_was_interrupted_names_its_step():
    events = [
        *check(A, "one", Outcome.INTERRUPTED, steps=[step(Outcome.INTERRUPTED, step="GET /slow")]),
        *check(A, "two", Outcome.INTERRUPTED, steps=[step(Outcome.INTERRUPTED)]),
        finished(interrupted=2, exit_code=130, stopped="interrupted", not_run=1),
    ]
    text = tell(events)
    assert "  ■ one  12 ms  interrupted in GET /slow\n  ■ two  12 ms  interrupted\n" in text
    assert text.endswith("\n\ninterrupted, 1 check did not run\n2 interrupted in 0.41 s\n")


def test_a_check_out_of_time_tells_its_reason_and_its_step():
    steps = [step(Outcome.INTERRUPTED, step="GET /slow", request=ASKED)]
    reason = "the check did not end within 1 s"
    text = tell([*check(A, "one", Outcome.ERROR, steps=steps, reason=reason), finished(error=1)])
    assert "  ! one  12 ms  error: the check did not end within 1 s\n" in text
    assert "in step: GET /slow\n" in text
    assert "> POST http://testserver/items\n" in text


def test_what_only_the_check_knows_is_told():
    known = check(A, "one", Outcome.FAILED, mismatches=(mismatch("no row"),), traceback="Trace\n  back")
    text = tell([*known, finished(failed=1)])
    assert "specs/items.yaml:12:15: status: no row\n" in text
    assert "        | Trace\n        |   back\n" in text


def test_a_flaky_check_tells_why_where_its_attempts_failed_differently():
    stumbled = ("status: expected 200, got 503", "connection refused", "status: expected 200, got 503")
    steps = [step(Outcome.FLAKY, attempts=4, stumbles=stumbled, reason=stumbled[0])]
    text = tell([*check(A, "one", Outcome.FLAKY, steps=steps, reason=stumbled[0]), finished(flaky=1)])
    note = "flaky, passed at attempt 4; at first status: expected 200, got 503"
    assert f"  ↻ one  12 ms  {note}\n      attempt 2: connection refused\n\n" in text


def test_a_flaky_check_without_steps():
    assert "↻ one  12 ms  flaky\n" in tell([*check(A, "one", Outcome.FLAKY), finished(flaky=1)])


def test_ids_alone_are_enough():
    event = CheckFinished(f"{A}::by id", Outcome.PASSED, 0.001)
    assert "✓ specs/health.yaml  1 passed" in tell([event, finished(passed=1)])
    assert "  ✓ by id  1 ms\n" in tell([event, finished(passed=1)])


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (TargetInfo("app", "app", "shop.main:app"), " · shop.main:app in process · "),
        (TargetInfo("http://x", "live", "http://x"), " · http://x · "),
        (TargetInfo("staging", "live", "http://x"), " · staging: http://x · "),
    ],
)
def test_the_headline_names_the_target(target, told):
    assert told in tell([RunStarted("1", target, (A,), 1, 1, "")])
    both = RunStarted("1", target, (A,), 1, 1, "", targets=(DEMO, target))
    assert f" · demo: shop.main:app in process, {told[3:]}1 check in 1 file, 1 at a time\n" in tell([both])


def test_warnings_are_counted_and_the_first_ten_told_whole():
    warnings = [Warned(f"task {number % 12} failed\nbadly", "Trace\n  back") for number in range(24)]
    text = tell([*warnings, *check(A, "one"), finished(passed=1)])
    assert text.count("warning: ") == 10
    assert "\nwarning: task 0 failed (2 times)\n  | badly\n  | Trace\n  |   back\nwarning: task 1" in text
    assert "\n… and 4 more warnings\n\n1 passed" in text


def test_the_runs_own_problem():
    text = tell([finished(passed=1, exit_code=1, problem="shutdown failed:\nno", traceback="Trace\nKeyError")])
    assert (
        text
        == """\
error: shutdown failed:
  | no
  | Trace
  | KeyError

1 passed in 0.41 s, exit code 1
"""
    )


def test_nothing_ran():
    assert tell([finished(exit_code=3, problem="no such module")]).endswith("\n\nnothing ran in 0.41 s, exit code 3\n")


def test_failed_checks_to_run_again_are_few():
    events = [event for row in range(25) for event in check(A, f"it's {row}", Outcome.FAILED)]
    text = tell([*events, finished(failed=25, exit_code=1, stopped="fail-fast")])
    assert text.count("asgi-probe run") == 20
    assert "  asgi-probe run 'specs/health.yaml::it'\"'\"'s 0'\n" in text
    assert text.endswith("  … and 5 more\n\nstopped after failures\n25 failed in 0.41 s\n")


def test_where_many_failed_and_the_cache_knows_them_a_flag_is_the_hint():
    events = [event for row in range(25) for event in check(A, f"row {row}", Outcome.FAILED)]
    text = tell([*events, finished(failed=25, exit_code=1)], remembered=True)
    assert "\nrun again what did not pass\n  asgi-probe run --last-failed\n\n25 failed" in text
    few = tell([*check(A, "one", Outcome.FAILED), finished(failed=1, exit_code=1)], remembered=True)
    assert "\n  asgi-probe run specs/health.yaml::one\n" in few


def test_the_hint_is_given_for_each_target():
    stream = io.StringIO()
    reporter = ConsoleReporter(
        Log(Outlet(stream), color=False), side_by_side=["demo", "x"], clock=Clock(), remembered=True
    )
    reporter.handle(started(A, targets=(DEMO, TargetInfo("x", "live", "http://x")), asked=("demo",), sizes=(25,)))
    for row in range(25):
        for event in check(A, f"row {row}", Outcome.FAILED):
            reporter.handle(event)
    reporter.handle(finished(failed=25, exit_code=1))
    assert "\n  asgi-probe run --target demo --last-failed\n" in stream.getvalue()


REFUSED = "connection refused by 127.0.0.1:9: is the server running?"


def refused(row, file=A):
    steps = [step(Outcome.ERROR, reason=REFUSED, request=ASKED, step="GET /")]
    return check(file, f"row {row}", Outcome.ERROR, steps=steps, reason=REFUSED)


def test_failures_that_are_alike_are_told_once():
    events = [event for row in range(300) for event in refused(row, (A, B)[row % 2])]
    text = tell([started(A, B, checks=300, sizes=(150, 150)), *events, finished(error=300, exit_code=1)])
    assert text.count("> POST http://testserver/items") == 1
    assert f"  ! row 2   12 ms  error: {REFUSED}\n" in text
    assert text.count("  ! row ") == 11
    assert f"  ! … and 144 more errors: {REFUSED}\n" in text
    assert f"\nfailures that are alike\n  300 ! {REFUSED}\n        in 2 files, first {A}::row 0\n" in text
    assert "\n  with -v each of them is told whole\n" in text
    assert len(text.splitlines()) < 80


def test_v_lists_every_failure():
    events = [event for row in range(30) for event in refused(row)]
    text = tell([started(A, checks=30, sizes=(30,)), *events, finished(error=30, exit_code=1)], verbosity=1)
    assert text.count("  ! row ") == 30
    assert text.count("> POST http://testserver/items") == 1
    assert "with -v" not in text


def test_a_setup_that_kept_checks_from_running_is_told_once():
    reason = "setup failed: expected 200, got 503"
    events = [event for row in range(100) for event in check(A, f"row {row}", Outcome.ERROR, 0, reason=reason)]
    text = tell([started(A, checks=100, sizes=(100,)), *events, finished(error=100, exit_code=1)])
    assert text.count("  ! row ") == 11
    assert f"  ! … and 89 more errors: {reason}\n" in text


def test_quiet_counts_what_it_does_not_list():
    reason = "setup failed"
    events = [event for row in range(100) for event in check(A, f"row {row}", Outcome.ERROR, 0, reason=reason)]
    later = [event for row in range(2) for event in check(B, f"row {row}", Outcome.ERROR, 0, reason=reason)]
    text = tell([started(A, B, sizes=(100, 2)), *events, *later, finished(error=102)], verbosity=-1)
    assert "! specs/items.yaml  2 errors  0.0 ms\n  ! … and 2 more errors: setup failed\n" in text


def test_a_file_tells_few_kinds_of_what_it_does_not_list():
    events = [
        event
        for row in range(300)
        for event in check(A, f"row {row}", Outcome.ERROR, 0, reason=f"it broke {chr(97 + row % 26)}")
    ]
    text = tell([started(A, sizes=(300,), checks=300), *events, finished(error=300)])
    assert text.count("  ! … and ") == 6
    assert re.search(r"\n  ! … and [\d,]+ more errors\n", text)


def test_many_different_failures_stay_readable():
    def failing(row):
        letters = "".join(chr(97 + int(digit)) for digit in str(row))
        return step(
            Outcome.FAILED, mismatches=(mismatch(f"{letters} is wrong", line=row),), request=ASKED, response=CAME
        )

    events = [event for row in range(3_000) for event in check(A, f"row {row}", Outcome.FAILED, steps=[failing(row)])]
    text = tell([started(A, sizes=(3_000,), checks=3_000), *events, finished(failed=3_000, exit_code=1)])
    assert text.count("> POST http://testserver/items") == 25
    assert len(text.splitlines()) < 1_100
    assert "  ✗ … and 2,750 more failed" in text or "more failed\n" in text


def test_xpassed_checks_keep_their_reason():
    events = [event for row in range(5) for event in check(A, f"row {row}", Outcome.XPASSED, reason="issue 13")]
    assert tell([*events, finished(xpassed=5, exit_code=1)]).count("  xpassed: issue 13\n") == 5


def test_failures_without_a_reason():
    events = [event for row in range(5) for event in check(A, f"row {row}", Outcome.FAILED)]
    assert tell([*events, finished(failed=5, exit_code=1)]).count("12 ms  failed\n") == 5


def test_green_checks_of_a_large_run_are_only_counted():
    events = [*many(101), *[event for row in range(5) for event in check(A, f"s{row}", Outcome.SKIPPED)]]
    flaky = check(A, "now and then", Outcome.FLAKY, steps=[step(Outcome.FLAKY, attempts=2)], reason="it was busy")
    text = tell([started(A, checks=107, sizes=(107,)), *events, *flaky, finished(passed=101, skipped=5, flaky=1)])
    assert "✓ row" not in text
    assert "more passed" not in text
    assert "  ○ s2                   skipped\n  ↻ now and then  12 ms  flaky, passed at attempt 2" in text
    assert "\n  … and 2 more skipped\n" in text
    assert "\nflaky\n  ↻ specs/health.yaml::now and then  passed at attempt 2; at first it was busy\n" in text
    assert "\nskipped, or expected to fail\n  5 ○ skipped: without a reason\n" in text


def test_flaky_checks_to_be_told_once_more_are_few():
    events = [
        event
        for row in range(30)
        for event in check(A, f"row {row}", Outcome.FLAKY, steps=[step(Outcome.FLAKY, attempts=2)])
    ]
    assert "\n  … and 20 more\n" in tell([*events, finished(flaky=30)])


def test_notes_told_before_are_cut_in_a_terminal():
    events = [event for row in range(3) for event in refused(row)]
    events += [event for row in range(20) for event in refused(row)]
    lines = tell([started(A, sizes=(23,)), *events, finished(error=23)], width=40).splitlines()
    alike = [line for line in lines if line.startswith("  ! ")]
    assert len(alike) == 12
    assert all(len(line) <= 40 for line in alike)


def test_no_traceback_is_told_on_request():
    known = check(A, "one", Outcome.FAILED, mismatches=(mismatch("no row"),), traceback="Trace\n  back")
    events = [*known, Warned("a task failed", "Trace\n  back"), finished(failed=1, problem="no", traceback="Trace")]
    assert tell(events).count("| Trace") == 3
    assert "Trace" not in tell(events, tracebacks=False)


def test_slow_checks_are_those_over_a_tenth_of_a_second():
    slowest = (SlowCheck("a", 0.2), SlowCheck("b", 0.05))
    assert "slowest\n  200 ms  a\n\n2 passed" in tell([finished(passed=2, slowest=slowest)])
    assert "   50 ms  b\n" in tell([finished(passed=2, slowest=slowest)], verbosity=1)
    assert "slowest" not in tell([finished(passed=1, slowest=slowest)])
    quick = tuple(SlowCheck(name, 0.05) for name in "abcde")
    assert "slowest\n  50 ms  a\n  50 ms  b\n  50 ms  c\n\n5 passed" in tell([finished(passed=5, slowest=quick)])
    assert "slowest" not in tell([finished(passed=3, slowest=quick[:3])])
    assert "slowest" not in tell([finished(passed=2, slowest=slowest)], verbosity=-1)


TIMES = Times(7, 0.1, 0.05, 0.2, 0.25, 0.3, ((0.1, 5), (0.5, 2)))
VERDICTS = (
    ThresholdVerdict("p95(time) < 300ms", holds=True, told="200 ms"),
    ThresholdVerdict("error_rate < 1%", holds=False, told="14 %"),
)


def test_request_times_are_told_with_v():
    event = finished(passed=1, times=TIMES)
    assert "request times" not in tell([event])
    assert "\n  p50 50 ms  p95 200 ms  p99 250 ms  longest 300 ms\n" in tell([event], verbosity=1)


def test_thresholds_are_told_last():
    event = finished(passed=1, exit_code=1, thresholds=VERDICTS, reason="a threshold is broken")
    end = "  ✗ error_rate < 1%    14 %  broken\n\n1 passed in 0.41 s, exit code 1: a threshold is broken\n"
    assert tell([event]).endswith(f"thresholds\n  ✓ p95(time) < 300ms  200 ms\n{end}")
    # nothing but what is broken
    assert tell([event], verbosity=-1) == f"thresholds\n{end.replace('1%    14', '1%  14')}"


def test_long_runs_tell_minutes():
    assert tell([finished(passed=1, seconds=3_725, requests=100_000)]) == (
        "100,000 requests, 27 a second\n1 passed in 1 h 02 min\n"
    )
