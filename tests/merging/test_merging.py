"""Streams merged: which fit together, which result counts, and what the whole comes to."""

import json
import re
from dataclasses import replace
from itertools import permutations

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
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.engine.thresholds import read_thresholds
from asgi_probe.errors import UsageError
from asgi_probe.merging.counting import count
from asgi_probe.merging.fitting import fitted
from asgi_probe.merging.streams import read_stream
from asgi_probe.merging.telling import Merged, united
from asgi_probe.reporters.ndjson import as_line

SHOP = TargetInfo("shop", "app", "shop:app")
NOON = "2026-01-01T12:00:{:02}+00:00"
MISMATCH = Mismatch("status", "", "expected 200, got 500", 200, 500, "a.yaml", 3, 1)


def run(*checks, shard=None, at=0, exit_code=0, missing=0, cut=None, target=SHOP, **more):
    """The events of a run in which each check, `name`, `outcome` and what else is to be said, took a second."""
    files = tuple(dict.fromkeys(f"{name.partition('::')[0]}" for name, *_ in checks))
    steps = sum(":" not in name.partition("::")[2] for name, *_ in checks)
    start = {key: more.pop(key) for key in ("version", "seed", "concurrency", "started_at") if key in more}
    events = [
        replace(
            RunStarted("1.0", target, files, steps + missing, 2, NOON.format(at), shard, (target,), (), ("about",)),
            **start,
        )
    ]
    for number, (name, outcome, *times) in enumerate(checks):
        file, _, rest = name.partition("::")
        phase, _, label = rest.rpartition(":")
        mismatches = (MISMATCH,) if outcome == "failed" else ()
        events += [
            CheckStarted(name, file, 3, label, ("slow",), target.name, phase=phase or "steps", at=number, worker=2),
            StepFinished(
                name,
                "GET /",
                "steps",
                Outcome(outcome),
                0.5,
                at=number + 0.25,
                target=target.name,
                times=tuple(times),
                mismatches=mismatches,
            ),
            CheckFinished(
                name, Outcome(outcome), 1.0, None, mismatches, file=file, phase=phase or "steps", target=target.name
            ),
        ]
    finished = RunFinished({}, float(len(checks)), exit_code, None, requests=len(checks), not_run=missing)
    events.append(replace(finished, **more))
    return events[:cut]


def write(path, events):
    path.write_bytes(b"".join(map(as_line, events)))
    return path


@pytest.fixture
def merge(tmp_path):
    def merge(*runs, reruns=(), thresholds=(), **options):
        streams = [
            read_stream(write(tmp_path / f"{number}.ndjson", events), f"{number}.ndjson")
            for number, events in enumerate([*runs, *reruns], 1)
        ]
        told = []
        counted = count(fitted(streams[: len(runs)], streams[len(runs) :]))
        last = Merged(counted, told.append, read_thresholds(thresholds), **options).tell()
        assert told[-1] is last
        return told

    return merge


def outcomes(told):
    return {event.id: str(event.outcome) for event in told if isinstance(event, CheckFinished)}


def finished(told, name):
    (found,) = [event for event in told if isinstance(event, CheckFinished) and event.id == name]
    return found


# what fits together

ONE = ("a.yaml::one", "passed")
TWO = ("a.yaml::two", "passed")
MISFITS = {
    "a shard is missing: 2 of 3; found '1.ndjson', '2.ndjson'": [run(ONE, shard="1/3"), run(TWO, shard="3/3")],
    "shards are missing: 2, 3 of 3": [run(ONE, shard="1/3")],
    "shard 1/2 is given twice, '1.ndjson' and '2.ndjson': name one of them, or a later run of it with --rerun": [
        run(ONE, shard="1/2"),
        run(TWO, shard="1/2", at=1),
    ],
    "the number of shards is 2 and 3": [run(ONE, shard="1/2"), run(TWO, shard="2/3")],
    "the seed is 7 and 8": [run(ONE, shard="1/2", seed=7), run(TWO, shard="2/2", seed=8)],
    "the version is 1.0 and 2.0": [run(ONE, shard="1/2"), run(TWO, shard="2/2", version="2.0")],
    "'2.ndjson' is no shard, and '1.ndjson' is one; name a later run": [run(ONE, shard="1/1"), run(TWO)],
    "'3.ndjson', '4.ndjson' are no shards, and '1.ndjson', '2.ndjson' are some; name a later run": [
        run(ONE, shard="1/2"),
        run(TWO, shard="2/2"),
        run(ONE, at=1),
        run(TWO, at=2),
    ],
    "the target 'shop' is another one in '1.ndjson' than in '2.ndjson': shop:app and other:app": [
        run(ONE, shard="1/2"),
        run(TWO, shard="2/2", target=TargetInfo("shop", "app", "other:app")),
    ],
    "the target 'live' is another one": [
        run(ONE, target=TargetInfo("live", "live", "http://a")),
        run(TWO, target=TargetInfo("live", "live", "http://b")),
    ],
    "tell the same run": [run(ONE), run(ONE)],
    "expected a shard such as '2/5', found '3/2'": [run(ONE, shard="3/2")],
    "expected a shard such as '2/5', found 'x'": [run(ONE, shard="x")],
}


@pytest.mark.parametrize(("message", "runs"), MISFITS.items(), ids=MISFITS)
def test_what_does_not_fit(merge, message, runs):
    with pytest.raises(UsageError, match=re.escape(message)):
        merge(*runs)


def test_a_configured_service_may_have_another_address_on_every_machine(merge):
    told = merge(
        run(ONE, shard="1/2", target=TargetInfo("local", "live", "http://127.0.0.1:1")),
        run(TWO, shard="2/2", target=TargetInfo("local", "live", "http://127.0.0.1:2")),
    )
    assert told[-1].outcomes == {"passed": 2}


def line(event, **changed):
    return json.dumps(json.loads(as_line(event)) | changed).encode() + b"\n"


START, BEGUN, STEP, DONE, END = run(ONE)
JUNK = {
    "is empty": b"",
    " is empty": b"\n\n",
    ":1: no JSON": b"checks:\n",
    ":1: no event": b'{"a": 1}\n',
    ":1: expected run_started, found check_started": as_line(BEGUN),
    ":3: no JSON": as_line(START) + as_line(BEGUN) + b"}\n" + as_line(DONE),
    ":2: check_finished of the check 'a.yaml::one', which is not under way": as_line(START) + as_line(DONE),
    ":2: step_finished of": as_line(START) + as_line(STEP),
    ":3: the check 'a.yaml::one' begins again": as_line(START) + 2 * as_line(BEGUN),
    ":4: the check 'a.yaml::one' is told twice": as_line(START) + as_line(BEGUN) + as_line(DONE) + as_line(BEGUN),
    ":2: a second run begins here": as_line(START) + as_line(START),
    ":3: the run has ended before": as_line(START) + as_line(END) + as_line(START),
    ":1: started_at: expected a moment": line(START, started_at="noon"),
    ":1: run_started is not as expected: version: expected a text, found 1": line(START, version=1),
    ":1: run_started is not as expected: shard: expected a text or null": line(START, shard=2),
    ":1: run_started is not as expected: checks: expected a whole number, found 'many'": line(START, checks="many"),
    ":1: run_started is not as expected: expected texts": line(START, specs=[1]),
    ":1: descriptions: expected texts": line(START, descriptions={"a.yaml": 1}),
    ":2: at: expected a number from 0, found -1": as_line(START) + line(BEGUN, at=-1),
    ":2: check_started is not as expected: at: expected a number, found nan": as_line(START)
    + line(BEGUN, at=float("nan")),
    ":2: phase: expected one of fixture, setup, steps, finally, teardown, found 'later'": as_line(START)
    + line(BEGUN, phase="later"),
    ":2: check_started is not as expected": as_line(START) + line(BEGUN, tags=1),
    ":3: times: expected numbers from 0": as_line(START) + as_line(BEGUN) + line(STEP, times=["x"]),
    ":3: check_finished is not as expected: 'fine'": as_line(START) + as_line(BEGUN) + line(DONE, outcome="fine"),
    ":2: stopped: expected": as_line(START) + line(END, stopped="yes"),
    ":2: run_finished is not as expected: problem: expected a text or null, found []": as_line(START)
    + line(END, problem=[]),
}


@pytest.mark.parametrize(("message", "content"), JUNK.items(), ids=JUNK)
def test_what_is_no_stream(tmp_path, message, content):
    path = tmp_path / "x.ndjson"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(message)):
        read_stream(path, "x.ndjson")


def test_events_and_fields_of_later_versions_are_passed_over(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_bytes(line(START, more=1) + b'{"event":"heartbeat"}\n' + line(END, more=[1]))
    assert read_stream(path, "x").finished is not None


# shards


def test_shards_are_one_run(merge):
    told = merge(
        run(("a.yaml::one", "passed", 0.1), shard="1/2", at=0, seed=7),
        run(
            ("b.yaml::two", "failed", 0.3),
            ("b.yaml::teardown:teardown", "passed"),
            shard="2/2",
            at=1,
            exit_code=1,
            seed=7,
        ),
    )
    start, end = told[0], told[-1]
    assert (start.specs, start.asked, start.sizes) == (("a.yaml", "b.yaml"), ("shop", "shop"), (1, 2))
    assert (start.checks, start.concurrency, start.shard, start.seed) == (2, 4, None, 7)
    assert start.descriptions == ("about", "about")
    assert (start.started_at, end.duration) == (NOON.format(0), 3.0)
    begun = {event.id: (event.at, event.worker) for event in told if isinstance(event, CheckStarted)}
    assert begun == {"a.yaml::one": (0, 2), "b.yaml::two": (1, 4), "b.yaml::teardown:teardown": (2, 4)}
    assert [event.at for event in told if isinstance(event, StepFinished)] == [0.25, 1.25, 2.25]
    assert (end.outcomes, end.exit_code, end.requests) == ({"passed": 1, "failed": 1}, 1, 3)
    assert (end.times.count, end.times.p50, end.times.longest) == (2, pytest.approx(0.2), 0.3)
    assert [check.id for check in end.slowest] == ["b.yaml::two", "a.yaml::one"]


def test_the_order_of_the_files_does_not_matter(merge):
    runs = [run((f"{name}.yaml::x", "passed"), shard=f"{number}/3") for number, name in enumerate("abc", 1)]
    told = [merge(*order) for order in permutations(runs)]
    assert all(each == told[0] for each in told)


def test_what_others_need_runs_in_several_shards_and_counts_once(merge):
    told = merge(
        run(("login.yaml::log in", "passed"), ONE, shard="1/2"),
        run(("login.yaml::log in", "error"), TWO, shard="2/2", exit_code=1),
    )
    assert outcomes(told) == {"login.yaml::log in": "error", "a.yaml::one": "passed", "a.yaml::two": "passed"}
    assert told[0].checks == 3
    assert told[-1].outcomes == {"passed": 2, "error": 1}


def test_the_same_check_of_two_targets_is_two(merge):
    told = merge(
        run(("a.yaml::x", "passed")), run(("a.yaml::x", "failed"), target=TargetInfo("b", "app", "b:app"), at=5)
    )
    assert told[-1].outcomes == {"passed": 1, "failed": 1}
    assert [target.name for target in told[0].targets] == ["shop", "b"]
    assert (told[0].specs, told[0].asked) == (("a.yaml", "a.yaml"), ("shop", "b"))


def test_a_pause_between_shards_takes_no_time(merge):
    told = merge(run(ONE, TWO, shard="1/2", at=0), run(("b.yaml::x", "passed"), shard="2/2", at=50))
    assert told[-1].duration == 3.0


def test_a_shard_without_checks(merge):
    told = merge(run(ONE, shard="1/2"), run(shard="2/2"))
    assert (told[-1].outcomes, told[-1].exit_code) == ({"passed": 1}, 0)


@pytest.mark.parametrize(
    ("runs", "exit_code", "stopped"),
    [
        ([run(ONE), run(TWO)], 0, None),
        ([run(ONE), run(("a.yaml::two", "failed"), exit_code=1)], 1, None),
        ([run(ONE), run(("a.yaml::two", "xpassed"), exit_code=1)], 1, None),
        ([run(("a.yaml::x", "failed"), exit_code=1), run(exit_code=3, problem="nobody there", missing=2)], 3, None),
        ([run(exit_code=3, problem="p"), run(exit_code=130, stopped="interrupted", missing=1)], 130, "interrupted"),
        ([run(exit_code=70, problem="lost"), run(("a.yaml::two", "failed"), exit_code=1)], 70, None),
        ([run(ONE, exit_code=1, problem="the app did not shut down"), run(TWO)], 1, None),
        ([run(("a.yaml::x", "failed"), exit_code=1, stopped="fail-fast", missing=3), run(TWO)], 1, "fail-fast"),
        ([run(ONE, exit_code=143, stopped="interrupted"), run(TWO)], 143, "interrupted"),
    ],
)  # fmt: skip
def test_exit_codes(merge, runs, exit_code, stopped):
    shards = [[replace(start, shard=f"{number}/2"), *rest] for number, (start, *rest) in enumerate(runs, 1)]
    end = merge(*shards)[-1]
    assert (end.exit_code, end.stopped) == (exit_code, stopped)
    assert end.not_run == sum(rest[-1].not_run for rest in runs)


def test_problems_are_told_with_their_shards(merge):
    end = merge(
        run(shard="1/2", exit_code=3, problem="nobody there", traceback="Traceback"),
        run(shard="2/2", exit_code=3, problem="no app"),
    )[-1]
    assert end.problem == "shard 1/2 (1.ndjson): nobody there\nshard 2/2 (2.ndjson): no app"
    assert end.traceback == "Traceback"


def test_a_run_that_was_killed_is_not_whole(merge):
    told = merge(run(ONE, shard="1/2"), run(TWO, ("a.yaml::cut", "passed"), missing=4, cut=-2, shard="2/2"))
    cut = finished(told, "a.yaml::cut")
    assert (cut.outcome, cut.duration, cut.name, cut.target) == ("interrupted", 0.75, "cut", "shop")
    end = told[-1]
    assert (end.exit_code, end.stopped, end.not_run) == (1, "interrupted", 4)
    assert end.outcomes == {"passed": 2, "interrupted": 1}
    assert end.requests == 1
    assert end.problem.startswith("shard 2/2 (2.ndjson): the stream ends without run_finished")
    assert end.problem.endswith("4 checks did not begin")


def test_half_a_line_at_the_end_is_left_out(tmp_path):
    path = write(tmp_path / "x", run(ONE))
    path.write_bytes(path.read_bytes()[:-20])
    assert read_stream(path, "x").finished is None


def test_thresholds_are_those_of_all(merge):
    fast, slow = (
        run((f"a.yaml::{name}", "passed", time), shard=shard)
        for name, time, shard in [("x", 0.1, "1/2"), ("y", 0.9, "2/2")]
    )
    end = merge(fast, slow, thresholds=["p50(time) < 450ms", "warn: max(time){tag:slow} < 800ms", "error_rate < 1%"])[
        -1
    ]
    assert [(each.holds, each.actual) for each in end.thresholds] == [(False, 0.5), (False, 0.9), (True, 0.0)]
    assert (end.exit_code, end.reason) == (1, "1 threshold was broken")


def test_warnings_come_through(merge):
    start, *rest = run(ONE)
    assert Warned("look", "trace") in merge([start, Warned("look", "trace"), *rest])


def test_what_is_written_while_it_is_merged_is_left_out(tmp_path):
    events = run(ONE, TWO)
    path = write(tmp_path / "x", events[:4])
    counted = count(fitted([read_stream(path, "x")], []))
    write(path, events)
    told = []
    assert Merged(counted, told.append).tell().outcomes == {"passed": 1}
    assert outcomes(told) == {"a.yaml::one": "passed"}


# later runs


def test_what_passes_later_is_flaky(merge):
    told = merge(
        run(("a.yaml::x", "failed"), ("a.yaml::setup:setup", "error"), ONE, exit_code=1),
        run(("a.yaml::x", "passed", 0.2), ("a.yaml::setup:setup", "passed"), at=30),
    )
    assert outcomes(told) == {"a.yaml::one": "passed", "a.yaml::x": "flaky", "a.yaml::setup:setup": "flaky"}
    assert finished(told, "a.yaml::x").reason == "status: expected 200, got 500"
    (step,) = [event for event in told if isinstance(event, StepFinished) and event.id == "a.yaml::x"]
    assert (step.outcome, step.attempts, step.stumbles) == ("flaky", 2, ("status: expected 200, got 500",))
    end = told[-1]
    assert (end.outcomes, end.exit_code, end.problem) == ({"passed": 1, "flaky": 1}, 0, None)
    assert (end.duration, end.times.count) == (5.0, 1)


LATER = [
    ("failed passed", "flaky"), ("error passed", "flaky"), ("xpassed passed", "flaky"), ("flaky passed", "flaky"),
    ("passed failed", "failed"), ("failed failed", "failed"), ("failed error", "error"), ("failed flaky", "flaky"),
    ("failed skipped", "failed"), ("failed interrupted", "failed"), ("passed skipped", "passed"),
    ("skipped passed", "passed"), ("interrupted passed", "passed"), ("interrupted skipped", "skipped"),
    ("skipped interrupted", "skipped"), ("failed xfailed", "xfailed"), ("failed passed passed", "flaky"),
    ("failed passed failed", "failed"), ("failed passed failed passed", "flaky"),
    ("failed interrupted passed", "flaky"), ("passed passed", "passed"),
]  # fmt: skip


@pytest.mark.parametrize(("came", "expected"), LATER)
@pytest.mark.parametrize("explicitly", [False, True])
def test_which_result_counts(merge, came, expected, explicitly):
    runs = [run(("a.yaml::x", outcome), at=number) for number, outcome in enumerate(came.split())]
    told = merge(runs[0], reruns=runs[1:]) if explicitly else merge(*reversed(runs))
    assert outcomes(told) == {"a.yaml::x": expected}
    assert told[-1].outcomes == {expected: 1}


def test_flaky_ones_fail_where_that_is_asked_for(merge):
    runs = run(("a.yaml::x", "failed")), run(("a.yaml::x", "passed"), at=1)
    end = merge(*runs, fail_on_flaky=True)[-1]
    flaky = "1 check was flaky, and --fail-on-flaky is set"
    assert (end.exit_code, end.reason) == (1, flaky)
    end = merge(*runs, fail_on_flaky=True, thresholds=["flaky_rate < 1%"])[-1]
    assert end.reason == f"{flaky}; 1 threshold was broken"


def test_a_fixture_that_breaks_no_more_was_flaky(merge):
    broken = ("a.yaml::fixture:f", "error")
    told = merge(run(("a.yaml::x", "error"), broken), run(("a.yaml::x", "passed"), at=9))
    assert outcomes(told) == {"a.yaml::x": "flaky", "a.yaml::fixture:f": "flaky"}
    told = merge(run(("a.yaml::x", "error"), broken), run(("b.yaml::y", "passed"), at=9))
    assert outcomes(told)["a.yaml::fixture:f"] == "error"


@pytest.mark.parametrize("shard", ["2/2", None])
def test_a_shard_may_have_run_again(merge, shard):
    shards = [
        run(ONE, shard="1/2"),
        run(("b.yaml::x", "failed"), missing=1, exit_code=1, stopped="fail-fast", shard="2/2"),
    ]
    again = run(("b.yaml::x", "passed"), ("b.yaml::y", "passed"), shard=shard, at=30)
    end = merge(*shards, reruns=[again])[-1]
    assert (end.outcomes, end.exit_code, end.not_run, end.stopped) == ({"passed": 2, "flaky": 1}, 0, 0, None)


@pytest.mark.parametrize(
    ("first", "again", "exit_code"),
    [
        (run(exit_code=3, problem="nobody there", missing=1), run(ONE), 0),
        (run(missing=1, exit_code=130, stopped="interrupted"), run(ONE), 0),
        (run(ONE, missing=1, cut=-1), run(ONE, TWO), 0),
        (run(ONE, missing=2, cut=-1), run(ONE, TWO), 1),
        (run(ONE, missing=1, cut=-1), run(ONE), 1),
        (run(ONE, exit_code=1, problem="no shutdown"), run(ONE), 0),
        (run(ONE), run(exit_code=3, problem="nobody there"), 3),
        (run(exit_code=3, problem="x", missing=1), run(exit_code=130, stopped="interrupted", missing=1), 130),
        (run(missing=2, exit_code=130, stopped="interrupted"), run(ONE, cut=-1), 130),
    ],
)
def test_a_later_run_makes_good_what_it_runs(merge, first, again, exit_code):
    again = [replace(again[0], started_at=NOON.format(40)), *again[1:]]
    assert merge(first, again)[-1].exit_code == exit_code


def test_a_rerun_of_another_shard_makes_nothing_good(merge):
    shards = [run(exit_code=3, problem="p", shard="1/2"), run(ONE, shard="2/2")]
    assert merge(*shards, reruns=[run(ONE, shard="2/2", at=9)])[-1].exit_code == 3


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([], ""),
        (["ace", "bd"], "acebd"),
        (["ace", "abcde"], "abcde"),
        (["abe", "cde"], "abcde"),
        (["ba", "ab"], "ba"),
        (["x", "axb", "cx"], "acxb"),
    ],
)
def test_files_in_an_order_that_suits_all(lists, expected):
    assert "".join(united([list(each) for each in lists])) == expected
