"""Runs in processes of their own, and what becomes of them where something else is wrong."""

import errno
import os
import signal
import subprocess
import time
from itertools import count
from threading import Event, Thread

import pytest

from asgi_probe.serving import child as child_module
from asgi_probe.serving.child import Child
from asgi_probe.serving.history import open_history
from asgi_probe.serving.schedule import Schedule
from asgi_probe.serving.status import Status
from tests.serving.runs import Served

ARGUMENTS = ("--no-cache", "--quiet", "--color=never", "--app", "app:app", "--", "a.yaml")


@pytest.fixture
def here(project, monkeypatch):
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    monkeypatch.chdir(project.root)
    return project


def scheduled(project, history, tell):
    status = Status(1.0, 60.0)
    return Schedule(ARGUMENTS, project.environment(), status, history, tell), status


def test_a_history_that_cannot_be_written_stops_nothing(here):
    history, told, stop = open_history(None), [], Event()
    history.close()

    def tell(run):
        told.append((run.id, run.outcome, status.problem))
        if len(told) == 2:
            stop.set()

    schedule, status = scheduled(here, history, tell)
    schedule.begin(stop)
    schedule.go_on(stop, lambda: True)
    assert told == [(0, "passed", "the history cannot be written: Cannot operate on a closed database.")] * 2
    assert status.health().healthy


def test_a_process_that_cannot_be_started_is_a_run_that_failed(here, monkeypatch):
    told, stop = [], Event()

    def tell(run):
        told.append((run.outcome, run.problem))
        if len(told) == 3:
            stop.set()

    class Process(subprocess.Popen):
        def __init__(self, *args, **more):
            if len(told) == 1:
                raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
            super().__init__(*args, **more)

    monkeypatch.setattr(child_module.subprocess, "Popen", Process)
    schedule, status = scheduled(here, open_history(None), tell)
    schedule.begin(stop)
    schedule.go_on(stop, lambda: True)
    problem = "no run could be started: Resource temporarily unavailable"
    assert told == [("passed", None), ("failed", problem), ("passed", None)]
    assert status.health().healthy


def test_without_anybody_to_serve_there_is_no_next_run(here):
    told = []
    schedule, status = scheduled(here, open_history(None), told.append)
    schedule.begin(Event())
    asked = count()
    schedule.go_on(Event(), lambda: next(asked) < 2)
    assert len(told) == 1
    assert status.running is None


def test_a_run_that_cannot_be_ended_shows_and_is_killed(here, monkeypatch):
    monkeypatch.setattr(child_module, "GRACE", 2.0)
    here.write(
        "stubborn.py",
        """
        import os, signal, time
        from app import app as inner, note

        async def app(scope, receive, send):
            if scope["type"] == "http":
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                note(f"pid {os.getpid()}")
                while True:
                    time.sleep(1)
            await inner(scope, receive, send)
        """,
    )
    arguments = [word.replace("app:app", "stubborn:app") for word in ARGUMENTS]
    status, stop, ended = Status(1.0, 60.0), Event(), []
    served = Served(status)
    schedule = Schedule(
        arguments, here.environment(), status, served.history, lambda run: (ended.append(run), stop.set())
    )
    schedule.begin(stop)
    until(lambda: any(word.startswith("pid") for word in here.log))
    status.limit = 1.0
    running = Thread(target=schedule.go_on, args=(stop, lambda: True))
    running.start()
    until(lambda: status.trouble)
    told = "and may take 1.00 s; 1 check was waiting: a.yaml::one"
    until(lambda: served.ask("/healthz").json()["reason"].endswith(told))
    assert "asgi_probe_hung 1.0" in served.ask("/metrics").text
    assert "A run hangs" in served.ask("/").text
    assert served.ask("/api/runs").json()["running"]["hung"] is True
    running.join(20)
    (run,) = ended
    assert (run.hung, run.outcome, run.outcomes) == (True, "error", {"error": 1})
    with pytest.raises(ProcessLookupError):
        os.kill(int(here.log[-1].split()[1]), 0)


def until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_run_that_is_killed_is_one_that_failed(here):
    here.write("a.yaml", "checks: [{name: fine, get: /ok}, {name: hangs, get: /hang/one, timeout: 60s}]")
    child = Child(("-j", "1", *ARGUMENTS), here.environment())
    here.wait_for("hangs one")
    os.kill(child._process.pid, signal.SIGKILL)
    assert child.wait(20, lambda: False, Event())
    record = child.record()
    assert (record.exit_code, record.outcome, record.outcomes) == (137, "error", {"passed": 1, "error": 1})
    assert record.problem == "the run ended with exit code 137 before it was through"


def test_to_kill_is_quick(here):
    here.write("a.yaml", "checks: [{get: /hang/one, timeout: 60s}]\nteardown: [{get: /hang/two, timeout: 60s}]")
    child = Child(ARGUMENTS, here.environment())
    here.wait_for("hangs one")
    began = time.monotonic()
    child.kill()
    assert child.ended
    # what hangs would do so for 60 s, and to end in order may take 20: a busy machine is slow, but not that slow
    assert time.monotonic() - began < 18


def test_what_the_app_leaves_behind_delays_nothing(here):
    here.write(
        "leaves.py",
        """
        import os, time
        from app import app, note

        if os.fork() == 0:
            note(f"left {os.getpid()}")
            time.sleep(120)
            os._exit(0)
        """,
    )
    arguments = [word.replace("app:app", "leaves:app") for word in ARGUMENTS]
    began = time.monotonic()
    child = Child(arguments, here.environment())
    assert child.wait(100, lambda: False, Event())
    record = child.record()
    # it holds the run's pipes open for 120 s
    assert time.monotonic() - began < 100
    os.kill(int(here.log[0].split()[1]), signal.SIGKILL)
    assert (record.outcome, record.outcomes) == ("passed", {"passed": 1})


def test_what_a_run_says_is_bounded(here):
    here.write(
        "loud.py", "import sys\nfrom app import app\nsys.stderr.write('x' * 1_000_000)\nraise RuntimeError('loud')\n"
    )
    arguments = [word.replace("app:app", "loud:app") for word in ARGUMENTS]
    child = Child(arguments, here.environment())
    assert child.wait(20, lambda: child.tally.begun, Event())
    assert not child.settled().begun
    assert child.exit_code == 3
    assert len(child.said) <= 64 * 1024
    assert "RuntimeError: loud" in child.said


def test_nobody_else_is_told(here):
    here.write("a.yaml", "checks: [{name: fails, get: /status/500}]")
    summary = here.root / "summary.md"
    summary.touch()
    told = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "ASGI_PROBE_REPORT": "ndjson=other.ndjson"}
    child = Child(ARGUMENTS, here.environment(**told))
    assert child.wait(20, lambda: False, Event())
    assert child.record().outcomes == {"failed": 1}
    assert summary.read_text() == ""
    assert not (here.root / "other.ndjson").exists()
    assert "::error" not in child.said


def test_what_is_no_event_is_passed_over(here):
    child = Child(ARGUMENTS, here.environment())
    assert child.wait(20, lambda: False, Event())
    child.settled()
    before = child.tally.ended

    class Pipe:
        def __iter__(self):
            return iter([b"no JSON\n", b'{"event": "check_fin', b'{"event": "of another version"}\n'])

    child._events(Pipe())
    assert child.tally.ended == before == 1
