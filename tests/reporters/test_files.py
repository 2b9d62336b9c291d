"""Files of reports: whole or not at all, whatever happens to them."""

import errno
import os

import pytest

from asgi_probe.engine.events import RunFinished, Warned
from asgi_probe.errors import UsageError
from asgi_probe.reporters.files import open_directly, open_file
from asgi_probe.reporters.reports import FileReport


class Words:
    """Writes what it is warned of."""

    def __init__(self, file):
        self._file = file

    def handle(self, event):
        if isinstance(event, Warned):
            if event.message == "break":
                raise KeyError("gone")
            if event.message == "full":
                raise OSError(errno.ENOSPC, "No space left on device")
            self._file.write(event.message)


END = RunFinished({}, 0.0, 0, None)


def report(name, folder):
    file = open_file(name, cwd=folder)
    return FileReport(f"words={name}", Words(file), file)


def told(made, *messages, ends=True):
    for message in messages:
        made.handle(Warned(message))
    if ends:
        made.handle(END)
    made.close()
    return made.problem


def test_a_file_is_there_when_the_run_has_ended(tmp_path):
    made = report("deep/er/a.txt", tmp_path)
    (tmp_path / "deep/er/a.txt").write_text("before")
    made.handle(Warned("one "))
    assert (tmp_path / "deep/er/a.txt").read_text() == "before"
    assert told(made, "two \ud800 é") is None
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["a.txt"]
    assert (tmp_path / "deep/er/a.txt").read_text() == "one two ? é"


def test_who_reads_meanwhile_reads_on_in_the_file_of_before(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with (tmp_path / "a.txt").open() as reader:
        assert told(report("a.txt", tmp_path), "after") is None
        assert reader.read() == "before"
    assert (tmp_path / "a.txt").read_text() == "after"


@pytest.mark.parametrize(
    ("messages", "ends", "problem"),
    [
        (["one"], False, None),
        (["one", "full", "two"], True, "the report 'words=a.txt' was not written: no space left on device"),
    ],
)
def test_what_was_there_before_stays_where_nothing_whole_comes(tmp_path, messages, ends, problem):
    (tmp_path / "a.txt").write_text("before")
    assert told(report("a.txt", tmp_path), *messages, ends=ends) == problem
    assert (tmp_path / "a.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_bug_is_raised_once_and_leaves_what_was_there_before(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    made = report("a.txt", tmp_path)
    with pytest.raises(KeyError, match="gone"):
        made.handle(Warned("break"))
    assert told(made, "one") is None
    assert (tmp_path / "a.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_told(tmp_path):
    assert told(report("/dev/full", tmp_path), "one") == (
        "the report 'words=/dev/full' was not written: no space left on device"
    )


def test_a_folder_that_vanishes_is_told(tmp_path):
    made = report("deep/a.txt", tmp_path)
    for path in (tmp_path / "deep").iterdir():
        path.unlink()
    (tmp_path / "deep").rmdir()
    assert told(made, "one") == "the report 'words=deep/a.txt' was not written: no such file or directory"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").touch()
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert told(report("link.txt", tmp_path), "one") is None
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "one"


def test_links_in_a_circle_are_wrong_usage(tmp_path):
    (tmp_path / "there").symlink_to("back")
    (tmp_path / "back").symlink_to("there")
    with pytest.raises(UsageError, match="'there' cannot be written: too many levels of symbolic links"):
        open_file("there", cwd=tmp_path)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "back", tmp_path / "there"]
    assert (tmp_path / "there").is_symlink()


@pytest.mark.parametrize("opened", [open_file, open_directly])
def test_an_open_pipe_is_written_by_its_name(tmp_path, opened):
    reads, writes = os.pipe()
    file = opened(f"/dev/fd/{writes}", cwd=tmp_path)
    os.close(writes)
    file.write(b"told")
    file.commit() if opened is open_file else file.close()
    with os.fdopen(reads, "rb") as pipe:
        assert pipe.read() == b"told"


def test_a_pipe_is_written_as_it_comes(tmp_path):
    assert told(report("/dev/null", tmp_path), "one") is None


@pytest.mark.parametrize("name", [".", "none/", "file/x", "a\x00b"])
def test_what_cannot_be_written_is_wrong_usage(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        open_file(name, cwd=tmp_path)


@pytest.mark.parametrize("kind", ["junit", "tap", "markdown", "github"])
def test_a_long_answer_is_told_where_it_differs(project, kind):
    project.write(
        "long.py",
        """
        from fastapi import FastAPI

        app = FastAPI()

        @app.get("/rows")
        def rows():
            return [{"n": number, "name": f"row {number}"} for number in range(100)]
        """,
    )
    project.write("a.yaml", "checks: [{get: /rows, expect: {json: {$each: {n: {$lt: 99}}}}}]")
    assert project.command("run", "--app", "long:app", "--report", f"{kind}=report", "a.yaml").exit == 1
    report = (project.root / "report").read_text(encoding="utf-8").replace("&quot;", '"')
    assert '"name": "row 99"}  ← $[99].n expected less than 99' in report
    assert '"row 50"' not in report
