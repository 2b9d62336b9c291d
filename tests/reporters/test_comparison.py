"""The same checks at several targets, side by side."""

import pytest

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunStarted, TargetInfo
from asgi_probe.engine.results import Outcome, SlowCheck
from asgi_probe.reporters.comparison import Comparison
from asgi_probe.terminal import plain
from tests.reporters.test_console import Clock, finished, tell

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


def compared(*ended, targets=("a", "b"), columns=None, whole=False):
    comparison = Comparison(targets)
    for name, target, outcome, *seconds in ended:
        counts = not name.endswith("::setup")
        comparison.add(CheckFinished(name, outcome, *seconds or [0.012]), target, counts=counts)
    return [plain(line) for line in comparison.lines(columns, whole=whole)]


SAME = [("f::x", "a", PASSED), ("f::x", "b", PASSED, 0.5)]
OTHER = [("f::long name", "a", PASSED, 0.0004), ("f::long name", "b", FAILED, 1.5)]


def test_nothing_ran():
    assert compared() == []


def test_all_the_same():
    assert compared(*SAME) == ["", "same outcome on both: 1 check"]


def test_what_differs_is_a_row():
    assert compared(*SAME, *OTHER) == [
        "",
        "side by side    a                b",
        "  f::long name  ✓ passed 0.4 ms  ✗ failed 1.50 s",
        "same outcome on both: 1 check, different: 1 check",
    ]


def test_or_everything_is():
    assert compared(*SAME, *OTHER, whole=True)[1:] == [
        "side by side    a                b",
        "  f::x          ✓ passed 12 ms   ✓ passed 500 ms",
        "  f::long name  ✓ passed 0.4 ms  ✗ failed 1.50 s",
        "same outcome on both: 1 check, different: 1 check",
    ]


def test_three_targets_of_which_one_never_ran_it():
    told = compared(("f::x", "long name", PASSED), ("f::x", "b", Outcome.SKIPPED), targets=("long name", "b", "c"))
    assert told[1:] == [
        "side by side  long name       b          c",
        "  f::x        ✓ passed 12 ms  ○ skipped  did not run",
        "same outcome on all 3: 0 checks, different: 1 check",
    ]


@pytest.mark.parametrize("columns", [60, 40, 20])
def test_ids_are_cut_on_a_terminal_never_below_what_can_be_read(columns):
    name = "specs/items.yaml::" + "n" * 80
    rows = compared((name, "a", PASSED), (name, "b", FAILED), columns=columns)[1:3]
    assert all(len(row) <= max(columns, 2 + 12 + 2 + 14 + 2 + 14) for row in rows)
    assert "…" in rows[1]


def test_ids_are_whole_in_a_log():
    name = "specs/items.yaml::" + "n" * 80
    assert compared((name, "a", PASSED), (name, "b", FAILED))[2] == f"  {name}  ✓ passed 12 ms  ✗ failed 12 ms"


def test_many_rows_are_counted_unless_all_are_wanted():
    many = [(f"f::{number}", target, PASSED if target == "a" else FAILED) for number in range(103) for target in "ab"]
    assert compared(*many)[-2:] == ["  … and 3 more", "same outcome on both: 0 checks, different: 103 checks"]
    assert len(compared(*many)) == 1 + 1 + 100 + 2
    assert len(compared(*many, whole=True)) == 1 + 1 + 103 + 1


@pytest.mark.parametrize("swapped", [False, True])
def test_a_setup_is_a_row_where_it_is_not_green(swapped):
    setup = [("f::setup", "a", PASSED, 0.1), ("f::setup", "b", FAILED, 0.1)]
    assert compared(*SAME, *setup[:: -1 if swapped else 1])[2] == "  f::setup    ✓ passed 100 ms  ✗ failed 100 ms"
    assert compared(*SAME, setup[0]) == ["", "same outcome on both: 1 check"]


# in the console

APPS = tuple(TargetInfo(name, "app", f"{name}:app") for name in ("local", "other"))


def check(target, name, outcome=PASSED):
    return [
        CheckStarted(f"f.yaml::{name}", "f.yaml", 1, name, (), target),
        CheckFinished(f"f.yaml::{name}", outcome, 0.01, file="f.yaml", line=1, name=name, target=target),
    ]


def test_a_file_is_a_block_for_each_target():
    first = RunStarted(
        "0.1.0",
        APPS[0],
        ("f.yaml", "f.yaml"),
        4,
        16,
        "",
        "2/3",
        APPS,
        sizes=(2, 2),
        asked=("local", "other"),
        seed=7,
    )
    slow = tuple(SlowCheck("f.yaml::x", 0.2, target.name) for target in APPS)
    events = [first, *check("local", "x"), *check("local", "y"), *check("other", "x", FAILED), *check("other", "y")]
    assert tell([*events, finished(passed=3, failed=1, exit_code=1, slowest=slow)], clock=Clock()) == (
        "asgi-probe 0.1.0 · local: local:app in process, other: other:app in process"
        " · 4 checks in 1 file, 16 at a time · shard 2/3 · shuffled with seed 7\n"
        "\n"
        "✓ f.yaml  on local  2 passed  0.0 ms\n"
        "  ✓ x  10 ms\n"
        "  ✓ y  10 ms\n"
        "✗ f.yaml  on other  1 passed, 1 failed  0.0 ms\n"
        "  ✗ x  10 ms  failed\n"
        "  ✓ y  10 ms\n"
        "\n"
        "slowest\n"
        "  200 ms  f.yaml::x  on local\n"
        "  200 ms  f.yaml::x  on other\n"
        "\n"
        "run again what did not pass\n"
        "  asgi-probe run f.yaml::x\n"
        "\n"
        "shuffled with seed 7; again with --shuffle=7\n"
        "3 passed, 1 failed in 0.41 s\n"
    )
