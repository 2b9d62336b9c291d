"""The runs that were: bounded, in order, there again after a restart, and nobody else's."""

import sqlite3
import threading

import pytest

from asgi_probe.errors import UsageError
from asgi_probe.serving.history import VERSION, open_history
from tests.serving.runs import HOSTILE, check, run


def test_a_run_is_kept_whole():
    history = open_history(None)
    given = run(
        check("one"),
        check("two", "failed", reason="status: expected 200, got 500", target="other"),
        exit_code=1,
        requests=7,
        times={"count": 7.0, "p50": 0.1},
        problem="x",
        hung=True,
    )
    kept = history.add(given)
    assert kept.id == 1
    assert history.run(1) == kept == history.latest()
    assert history.run(2) is None
    assert history.runs(5)[0].checks == ()


def test_nothing_is_there_at_first():
    history = open_history(None)
    assert (history.latest(), history.runs(5), history.availability()) == (None, [], ())


def test_pages():
    history = open_history(None)
    for _ in range(5):
        history.add(run(check()))
    assert [each.id for each in history.runs(2)] == [5, 4]
    assert [each.id for each in history.runs(2, before=4)] == [3, 2]
    assert [each.id for each in history.runs(2, before=2)] == [1]
    assert history.runs(2, before=1) == []


def test_what_is_too_much_is_forgotten():
    history = open_history(None, keep=3)
    for at in range(6):
        history.add(run(check(f"check {at}")))
    assert [each.id for each in history.runs(9)] == [6, 5, 4]
    assert [each.name for each in history.availability()] == ["check 3", "check 4", "check 5"]
    assert history.run(3) is None


def test_of_older_runs_there_are_only_counts():
    history = open_history(None, most=5)
    for _ in range(4):
        history.add(run(check("one"), check("two")))
    assert [len(history.run(number).checks) for number in (1, 2, 3, 4)] == [0, 0, 2, 2]
    assert [each.outcomes for each in history.runs(9)] == [{"passed": 2}] * 4
    assert [each.runs for each in history.availability()] == [2, 2]


def test_of_the_last_run_everything_is_kept():
    history = open_history(None, most=2)
    history.add(run(check("one")))
    kept = history.add(run(*(check(str(at)) for at in range(5))))
    assert len(history.run(kept.id).checks) == 5
    assert len(history.run(1).checks) == 0


def test_availability():
    history = open_history(None)
    for outcome in ("passed", "flaky", "xfailed", "failed", "error", "xpassed", "skipped", "interrupted"):
        history.add(run(check("one", outcome, duration=0.25)))
    history.add(run(check("setup", "failed", phase="setup"), exit_code=1))
    (one,) = history.availability()
    assert (one.id, one.runs, one.share, one.outcome, one.duration) == ("a.yaml::one", 6, 0.5, "interrupted", 0.25)


def test_what_was_never_asked_has_no_availability():
    history = open_history(None)
    history.add(run(check("one", "skipped")))
    assert [(each.runs, each.share) for each in history.availability()] == [(0, None)]


@pytest.mark.parametrize(
    ("lost", "share"),
    [
        ({"exit_code": 3}, 0.5),
        ({"exit_code": 1, "hung": True}, 0.5),
        ({"exit_code": 2}, 1.0),
        ({"exit_code": 0}, 1.0),
    ],
    ids=["no target", "hung", "specs", "empty"],
)
def test_a_target_that_could_not_be_asked_was_down(lost, share):
    history = open_history(None)
    history.add(run(**lost))
    history.add(run(check("one")))
    history.add(run(**lost))
    assert [each.share for each in history.availability()] == [share]


def test_the_same_check_at_two_targets_is_two():
    history = open_history(None)
    history.add(run(check("one"), check("one", "failed", target="b")))
    assert [(each.target, each.share) for each in history.availability()] == [("live", 1.0), ("b", 0.0)]


def test_a_check_that_moved_is_where_it_is_now():
    history = open_history(None)
    history.add(run(check("one", line=3)))
    history.add(run(check("one", line=8)))
    assert [(each.runs, each.line) for each in history.availability()] == [(2, 8)]


def test_a_restart(tmp_path):
    name = str(tmp_path / "made" / "history.sqlite")
    first = open_history(name)
    kept = first.add(run(check("ünï"), check("two", "failed", reason="x"), exit_code=1))
    first.close()
    again = open_history(name)
    assert again.latest() == kept
    assert again.add(run(check())).id == 2
    again.close()


def test_a_crash_loses_nothing(tmp_path):
    import subprocess
    import sys

    name = str(tmp_path / "history.sqlite")
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; from tests.serving.runs import *\n"
            f"h = open_history({name!r}); h.add(run(check())); h.add(run(check())); os._exit(9)",
        ],
        check=False,
    )
    again = open_history(name)
    assert [each.id for each in again.runs(5)] == [2, 1]
    again.close()


def test_two_cannot_have_one_file(tmp_path):
    name = str(tmp_path / "history.sqlite")
    first = open_history(name)
    with pytest.raises(UsageError, match="is in use by another process; each `asgi-probe serve` needs a file of its"):
        open_history(name)
    first.add(run(check()))
    first.close()
    open_history(name).close()


def no_database(path):
    path.write_text("once upon a time " * 100)


def something_else(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id)")
    other.close()


def with_an_id(path):
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 7")
    other.close()


def newer(path):
    open_history(str(path)).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    other.close()


def damaged(path):
    history = open_history(str(path))
    for _ in range(200):
        history.add(run(check("one"), check("two", reason="x" * 500)))
    history.close()
    whole = bytearray(path.read_bytes())
    whole[8192:30000] = b"\x55" * (30000 - 8192)
    path.write_bytes(whole)


def cut(path):
    damaged(path)
    path.write_bytes(path.read_bytes()[:9000])


def folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (no_database, "is no SQLite database, or damaged"),
        (something_else, "is a database of something else"),
        (with_an_id, "is a database of something else"),
        (newer, f"has the version {VERSION + 1}, this asgi-probe reads {VERSION}"),
        (damaged, "damaged"),
        (cut, "damaged"),
        (folder, "cannot be used: unable to open database file"),
    ],
)
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path, make, told):
    path = tmp_path / "history.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError, match=told):
        open_history(str(path))
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("name", ["/dev/null/x", "a\0b"])
def test_a_place_that_cannot_be(name):
    with pytest.raises(UsageError, match="cannot be used"):
        open_history(name)


def test_an_empty_file_becomes_one(tmp_path):
    path = tmp_path / "history.sqlite"
    path.touch()
    history = open_history(str(path))
    history.add(run(check()))
    history.close()


def test_from_many_threads(tmp_path):
    history = open_history(str(tmp_path / "history.sqlite"), keep=10)
    failed = []

    def work():
        try:
            for _ in range(20):
                history.add(run(check("one"), check("two")))
                history.runs(5)
                history.availability()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [each.id for each in history.runs(99)] == list(range(80, 70, -1))
    history.close()


def test_what_was_not_cleaned_is_refused_and_nothing_is_kept():
    history = open_history(None)
    with pytest.raises(UnicodeEncodeError):
        history.add(run(check(HOSTILE)))
    assert history.runs(5) == []
