"""What is known of the last run: merged, bounded, and nothing that anybody depends on."""

import json
import os
import stat
import subprocess
import sys
import threading
import time

import pytest

from asgi_probe.cli import cache
from asgi_probe.cli.cache import FOLDER, CacheWriter, read_cache
from asgi_probe.engine.events import CheckFinished, CheckStarted, Warned
from asgi_probe.engine.results import Outcome

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR


def ran(root, ended, *, target="a", copies=None, times=True):
    writer = CacheWriter(root, copies or {}, times=times)
    for check_id, (outcome, seconds) in ended.items():
        writer.handle(CheckStarted(check_id, "f", 1, "n", (), target))
        writer.handle(CheckFinished(check_id, outcome, seconds, target=target))
    writer.handle(Warned("whatever"))
    writer.close()


def known(root, target="a"):
    found = read_cache(root).of(target)
    return [*found.failed], found.durations


def last(root):
    return root / FOLDER / "last.json"


def test_a_run_updates_what_it_ran(tmp_path):
    ran(tmp_path, {"x": (PASSED, 1.0), "y": (FAILED, 2.0), "z": (ERROR, 3.0)})
    assert known(tmp_path) == (["y", "z"], {"x": 1.0, "y": 2.0})
    ran(tmp_path, {"y": (PASSED, 0.5), "x": (FAILED, 0.1234567)})
    assert known(tmp_path) == (["z", "x"], {"y": 0.5, "x": 0.123457})
    ran(tmp_path, {"z": (Outcome.SKIPPED, 0.0), "x": (Outcome.FLAKY, 4.0), "y": (Outcome.INTERRUPTED, 9.0)})
    assert known(tmp_path) == ([], {"y": 0.5, "x": 4.0})


def test_what_was_interrupted_is_as_it_was(tmp_path):
    ran(tmp_path, {"x": (FAILED, 1.0)})
    ran(tmp_path, {"x": (Outcome.INTERRUPTED, 7.0), "y": (PASSED, 1.0)})
    assert known(tmp_path) == (["x"], {"x": 1.0, "y": 1.0})


def test_targets_are_kept_apart_and_can_be_seen_together(tmp_path):
    ran(tmp_path, {"x": (FAILED, 1.0)})
    ran(tmp_path, {"x": (PASSED, 2.0), "y": (FAILED, 3.0)}, target="b")
    assert known(tmp_path) == (["x"], {"x": 1.0})
    assert known(tmp_path, "b") == (["y"], {"x": 2.0, "y": 3.0})
    assert known(tmp_path, None) == (["x", "y"], {"x": 2.0, "y": 3.0})
    assert known(tmp_path, "c") == ([], {})


def test_an_event_without_its_target_belongs_to_the_check_that_began(tmp_path):
    writer = CacheWriter(tmp_path, {}, times=True)
    writer.handle(CheckStarted("x", "f", 1, "n", (), "b"))
    writer.handle(CheckFinished("x", FAILED, 1.0))
    writer.close()
    assert known(tmp_path, "b") == (["x"], {"x": 1.0})


@pytest.mark.parametrize("outcomes", [(PASSED, FAILED), (FAILED, PASSED)])
def test_copies_are_their_check(tmp_path, outcomes):
    first, second = outcomes
    ran(tmp_path, {"x": (first, 1.0), "x #2": (second, 2.0)}, copies={"x #2": "x"})
    assert known(tmp_path) == (["x"], {"x": 1.0})
    ran(tmp_path, {"x": (PASSED, 3.0), "x #2": (PASSED, 2.0)}, copies={"x #2": "x"})
    assert known(tmp_path) == ([], {"x": 3.0})


def test_a_shard_leaves_durations_alone(tmp_path):
    ran(tmp_path, {"x": (PASSED, 1.0)})
    ran(tmp_path, {"x": (FAILED, 2.0), "y": (PASSED, 2.0)}, times=False)
    assert known(tmp_path) == (["x"], {"x": 1.0})


def test_where_nothing_ran_nothing_is_written(tmp_path):
    ran(tmp_path, {})
    assert [*tmp_path.iterdir()] == []


def test_the_folder_explains_itself_and_stays_out_of_git(tmp_path):
    ran(tmp_path, {"x": (PASSED, 1.0)})
    folder = tmp_path / FOLDER
    assert {path.name for path in folder.iterdir()} == {".gitignore", "CACHEDIR.TAG", "README.md", "last.json", "lock"}
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    told = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    )
    assert told.stdout == ""
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(last(tmp_path).stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'{"version": 2, "targets": {"a": {"failed": ["x"]}}}',
        b'{"version": 1}',
        b'{"version": 1, "targets": []}',
        b'{"version": 1, "targets": {"a": 5}}',
        b'{"version": 1, "targets": {"a": {"failed": "x", "durations": []}}}',
        b'{"version": 1, "targets": {"a": {"failed": [1, null, {}], "durations": {"x": "1", "y": true, "z": NaN}}}}',
        b'{"version": 1, "targets": {"a": {"durations": {"x": -1, "y": Infinity, "z": 1e400, "u": 1%s}}}}'
        % (b"0" * 999),
        b"[" * 100_000,
    ],
)
def test_a_broken_cache_is_an_empty_one(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    last(tmp_path).write_bytes(content)
    assert known(tmp_path) == ([], {})
    ran(tmp_path, {"x": (FAILED, 1.0)})
    assert known(tmp_path) == (["x"], {"x": 1.0})


def test_what_is_whole_in_a_broken_cache_counts(tmp_path):
    (tmp_path / FOLDER).mkdir()
    data = {"version": 1, "targets": {"a": {"failed": ["x", 1], "durations": {"x": 1, "y": None}}, "b": None}}
    last(tmp_path).write_text(json.dumps(data))
    assert known(tmp_path) == (["x"], {"x": 1.0})


def test_a_huge_cache_is_an_empty_one(tmp_path, monkeypatch):
    ran(tmp_path, {"x": (FAILED, 1.0)})
    monkeypatch.setattr(cache, "_MOST_BYTES", 10)
    assert known(tmp_path) == ([], {})


def test_strange_ids_come_back(tmp_path):
    names = {f"a.yaml::{name}": (FAILED, 1.0) for name in ("ü", "\ud800", 'quo"te', "line\nbreak", "\x00")}
    ran(tmp_path, names)
    assert known(tmp_path)[0] == [*names]


def test_only_the_newest_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MOST_IDS", 3)
    monkeypatch.setattr(cache, "_MOST_TARGETS", 2)
    ran(tmp_path, dict.fromkeys("abcd", (FAILED, 1.0)))
    assert known(tmp_path) == ([*"bcd"], dict.fromkeys("bcd", 1.0))
    ran(tmp_path, {"b": (FAILED, 2.0), "e": (PASSED, 2.0)})
    assert known(tmp_path) == ([*"cdb"], {"d": 1.0, "b": 2.0, "e": 2.0})
    for target in "xy":
        ran(tmp_path, {"b": (FAILED, 2.0)}, target=target)
    assert [*read_cache(tmp_path).targets] == ["x", "y"]


def _as_file(root):
    (root / FOLDER).write_text("a file, where a folder should be")


def _as_folders(root):
    last(root).mkdir(parents=True)


def _lock_is_a_folder(root):
    (root / FOLDER / "lock").mkdir(parents=True)


def _dangling(root):
    (root / FOLDER).symlink_to(root / "nowhere")


@pytest.mark.parametrize("spoil", [_as_file, _as_folders, _lock_is_a_folder, _dangling])
def test_a_folder_that_cannot_be_written_is_no_matter(tmp_path, spoil):
    spoil(tmp_path)
    ran(tmp_path, {"x": (FAILED, 1.0)})
    assert known(tmp_path) == ([], {})
    assert not [*tmp_path.rglob("last.json.*")]


def test_a_cache_that_is_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / FOLDER).mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    last(tmp_path).symlink_to(precious)
    ran(tmp_path, {"x": (FAILED, 1.0)})
    assert (precious.read_text(), known(tmp_path)[0]) == ("mine", ["x"])


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    groups = [{f"{group}-{number}": (FAILED, 1.0) for number in range(5)} for group in range(24)]
    threads = [threading.Thread(target=ran, args=(tmp_path, group)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed, durations = known(tmp_path)
    assert sorted(failed) == sorted(durations) == sorted(name for group in groups for name in group)
    assert not [*tmp_path.rglob("last.json.*")]


HOLDER = """
import fcntl, sys
with open(sys.argv[1], "ab") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_holds_the_lock_for_ever_keeps_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_PATIENCE", 0.1)
    ran(tmp_path, {"x": (FAILED, 1.0)})
    lock = tmp_path / FOLDER / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        began = time.monotonic()
        ran(tmp_path, {"x": (PASSED, 1.0)})
        assert time.monotonic() - began < 5
        assert known(tmp_path)[0] == ["x"]
        holder.stdin.close()
    ran(tmp_path, {"x": (PASSED, 1.0)})
    assert known(tmp_path)[0] == []


def test_without_locks_it_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    ran(tmp_path, {"x": (FAILED, 1.0)})
    assert known(tmp_path)[0] == ["x"]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    ran(tmp_path, {"x": (FAILED, 1.0)})
    assert known(tmp_path)[0] == ["x"]
