"""Events on their way to the reporters: what one of them does is no matter of the others."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from asgi_probe.cli import telling
from asgi_probe.cli.telling import Telling
from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, TargetInfo, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.reports import KINDS
from asgi_probe.terminal import open_screen

APP = TargetInfo("app", "app", "shop:app")
BEGIN = RunStarted("0.1.0", APP, ("a.yaml",), 2, 16, "2026-01-01T00:00:00Z", targets=(APP,))
END = RunFinished({"passed": 200}, 0.5, 0, None)


class Listener:
    """Keeps what it is told, and breaks at the event of this kind."""

    def __init__(self, breaks_at=None, breaks_at_the_end=False):
        self.events = []
        self.closed = False
        self._breaks_at = breaks_at
        self._breaks_at_the_end = breaks_at_the_end

    def handle(self, event):
        self.events.append(event)
        if event.event == self._breaks_at:
            raise KeyError("gone")

    def close(self):
        self.closed = True
        if self._breaks_at_the_end:
            raise ValueError("stuck")


def telling_to(*reports, to=None, beside=()):
    said = StringIO()
    told = Telling(
        reports,
        to or Listener(),
        *beside,
        screen=open_screen(said, color="never", environ={}),
        root=Path.cwd(),
        github=False,
    )
    told.said = said
    return told


def outcome(told, exit_code=0):
    """With what a run exits, and what is said of its reports."""
    return told.outcome(replace(END, exit_code=exit_code)), told.said.getvalue()


def checks(count):
    for number in range(count):
        at = f"a.yaml::{number}"
        yield CheckStarted(at, "a.yaml", 3, str(number), (), "app")
        yield CheckFinished(at, Outcome.PASSED, 0.5, None, (), None, "a.yaml", 3, str(number), target="app")


def test_a_file_gets_all_events_in_their_order(tmp_path):
    told = telling_to(f"json={tmp_path / 'a.json'}")
    for event in (BEGIN, *checks(200), END):
        told.emit(event)
    told.close()
    assert outcome(told) == (0, "")
    names = [check["name"] for check in json.loads((tmp_path / "a.json").read_bytes())["checks"]]
    assert names == [str(number) for number in range(200)]


def test_a_run_that_was_cut_off_leaves_no_file(tmp_path):
    told = telling_to(f"json={tmp_path / 'a.json'}")
    for event in (BEGIN, *checks(2)):
        told.emit(event)
    told.close()
    assert [*tmp_path.iterdir()] == []


def test_a_reporter_that_breaks_is_told_no_more_and_all_others_are(tmp_path):
    broken, sound = Listener(breaks_at="check_started"), Listener()
    told = telling_to(f"json={tmp_path / 'a.json'}", to=broken, beside=[sound])
    for event in (BEGIN, *checks(2), END):
        told.emit(event)
    told.close()
    assert len(broken.events) == 2
    assert len(sound.events) == 6
    assert (tmp_path / "a.json").exists()
    exit_code, said = outcome(told)
    assert exit_code == 70
    assert said.startswith("error: Listener failed: KeyError at test_telling.py:")
    assert said.endswith(": 'gone'; this is a bug of asgi-probe, please report it\n")
    assert outcome(told, exit_code=1)[0] == 1


def test_one_that_cannot_be_closed_keeps_no_other_open():
    broken, sound = Listener(breaks_at_the_end=True), Listener()
    told = telling_to(to=broken, beside=[sound])
    told.close()
    assert sound.closed
    assert "ValueError" in outcome(told)[1]


def test_a_stream_that_breaks_is_named_as_it_was_asked_for(tmp_path, monkeypatch):
    def fail(_):
        raise RuntimeError("no more")

    monkeypatch.setattr("asgi_probe.reporters.ndjson.as_line", fail)
    told = telling_to(f"ndjson={tmp_path / 'a'}")
    told.emit(BEGIN)
    told.close()
    assert outcome(told)[1].startswith(f"error: the report 'ndjson={tmp_path / 'a'}' failed: RuntimeError at")


def test_a_file_that_breaks_stays_as_it_was_and_is_named_as_it_was_asked_for(tmp_path, monkeypatch):
    def fail(_):
        raise RuntimeError("no more")

    monkeypatch.setattr("asgi_probe.reporters.json_document.check_data", fail)
    (tmp_path / "a").write_text("before")
    told = telling_to(f"json={tmp_path / 'a'}", f"tap={tmp_path / 'b'}")
    for event in (BEGIN, *checks(2), END):
        told.emit(event)
    told.close()
    exit_code, said = outcome(told)
    assert exit_code == 70
    assert said.startswith(f"error: the report 'json={tmp_path / 'a'}' failed: RuntimeError at test_telling.py:")
    assert (tmp_path / "a").read_text() == "before"
    assert "ok 2 - a.yaml::1" in (tmp_path / "b").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_full_disk_fails_a_green_run(tmp_path):
    told = telling_to("json=/dev/full", f"tap={tmp_path / 'b'}")
    for event in (BEGIN, *checks(2), END):
        told.emit(event)
    told.close()
    assert outcome(told) == (1, "error: the report 'json=/dev/full' was not written: no space left on device\n")
    assert outcome(told, exit_code=3)[0] == 3


def test_all_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    wanted = [f"json={tmp_path / 'fine.json'}", f"tap={tmp_path / 'file/x'}", "xml=y"]
    with pytest.raises(telling.UsageError) as caught:
        telling_to(*wanted)
    assert len(str(caught.value).splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.takes == "file"])
def test_a_run_that_could_not_begin_is_told_in_every_file(tmp_path, kind):
    told = telling_to(f"{kind}={tmp_path / 'report'}")
    told.tell_reports(replace(BEGIN, begun=False))
    told.tell_reports(RunFinished({}, 0.0, 3, None, not_run=7, problem="no module named 'shop'"))
    told.close()
    assert outcome(told) == (0, "")
    text = (tmp_path / "report").read_text(encoding="utf-8")
    assert "no module named" in text or 'asgi_probe_exit_code{target="app"} 3.0' in text


def test_what_was_told_before_a_run_that_could_not_begin_stands_in_its_files(tmp_path):
    told = telling_to(f"json={tmp_path / 'report'}")
    told.emit(Warned("the cache cannot be read"))
    told.tell_reports(BEGIN)
    told.tell_reports(RunFinished({}, 0.0, 3, None, problem="no module named 'shop'"))
    told.close()
    report = json.loads((tmp_path / "report").read_bytes())
    assert [each["message"] for each in report["warnings"]] == ["the cache cannot be read"]
