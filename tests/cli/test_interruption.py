"""Ctrl-C, SIGTERM and fail-fast: what is in flight is interrupted, what must run runs, everything is told."""

import os
import signal
import subprocess
import sys
import time

import pytest

from asgi_probe.reporters.reports import KINDS
from tests.cli.project import ended, interrupted

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])

SPEC = """
setup: [{get: /noted/setup}]
checks:
  - {name: done, get: /ok}
  - name: hangs
    steps: [{get: /noted/begun}, {get: /hang/one, timeout: 60s}, {get: /noted/never}]
    finally: [{get: /noted/finally}]
  - {name: waits, get: /ok, delay: 60s}
  - {name: not begun, get: /noted/never}
teardown: [{get: /noted/teardown}]
"""


@backends
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal(project, backend, number, code):
    project.write("a.yaml", SPEC)
    process = project.start("--app", "app:app", "--backend", backend, "-j", "2", "a.yaml")
    project.wait_for("hangs one")
    began = time.monotonic()
    ran = interrupted(process, number)
    assert ran.exit == code, ran.said
    assert time.monotonic() - began < 4
    assert project.outcomes() == {
        "setup": "passed",
        "done": "passed",
        "hangs": "interrupted",
        "waits": "interrupted",
        "teardown": "passed",
    }
    log = project.log
    assert "never" not in log
    assert log.index("left one") < log.index("teardown") < log.index("shutdown")
    assert log.index("finally") < log.index("teardown")
    end = project.end
    assert (end["stopped"], end["exit_code"]) == ("interrupted", code)
    assert "interrupted, 1 check did not run" in ran.out
    assert "1 passed, 2 interrupted" in ran.out.splitlines()[-1]
    assert "Traceback" not in ran.said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_every_report_tells_what_ran(project, number, code):
    kinds = [name for name, kind in KINDS.items() if kind.takes in ("file", "stream")]
    project.write("a.yaml", "checks: [{name: bad, get: /ok, expect: 404}, {get: /hang/one, timeout: 60s}]")
    reports = [word for kind in kinds for word in ("--report", f"{kind}=reports/{kind}")]
    process = project.start("--app", "app:app", *reports, "a.yaml")
    project.wait_for("hangs one")
    assert interrupted(process, number).exit == code
    for kind in kinds:
        told = (project.root / "reports" / kind).read_text(encoding="utf-8")
        assert "bad" in told, kind
        assert "interrupted" in told, kind


@backends
def test_a_second_signal_leaves_at_once(project, backend):
    project.write("a.yaml", "checks: [{get: /hang/one, timeout: 60s}]\nteardown: [{get: /hang/two, timeout: 60s}]")
    process = project.start("--app", "app:app", "--backend", backend, "a.yaml")
    project.wait_for("hangs one")
    process.send_signal(signal.SIGINT)
    project.wait_for("hangs two")
    began = time.monotonic()
    ran = interrupted(process)
    assert ran.exit == 130
    assert time.monotonic() - began < 2
    assert "shutdown" not in project.log


def test_a_second_signal_leaves_even_while_the_app_blocks(project):
    project.write("a.yaml", "checks: [{get: /noted/begun}, {get: /block/20}]")
    process = project.start("--app", "app:app", "-j", "1", "a.yaml")
    project.wait_for("begun")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert interrupted(process).exit == 130
    assert time.monotonic() - began < 5


@backends
def test_what_closes_gets_five_seconds(project, backend):
    project.write(
        "a.yaml",
        """
        checks:
          - name: hangs
            steps: [{get: /hang/one, timeout: 60s}]
            finally: [{get: /hang/two, timeout: 60s}, {get: /noted/never}]
        """,
    )
    process = project.start("--app", "app:app", "--backend", backend, "a.yaml")
    project.wait_for("hangs one")
    began = time.monotonic()
    ran = interrupted(process)
    assert ran.exit == 130
    assert 4 < time.monotonic() - began < 9
    assert project.outcomes() == {"hangs": "error"}
    assert "did not end within 5 s after the run was stopped" in project.events("check_finished")[0]["reason"]
    assert project.log[-1] == "shutdown"


@backends
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_during_start_up(project, backend, number, code):
    project.write("a.yaml", "checks: [{get: /ok}]")
    process = project.start("--app", "app:hangs_at_start", "--backend", backend, "a.yaml")
    project.wait_for("hangs at start")
    ran = interrupted(process, number)
    assert ran.exit == code
    assert (project.end["stopped"], project.end["exit_code"]) == ("interrupted", code)
    assert "1 check did not run" in ran.out


def test_during_import(project):
    project.write("slow.py", "import app, time\napp.note('importing')\ntime.sleep(60)\napp = app.app\n")
    project.write("a.yaml", "checks: [{get: /ok}]")
    process = project.start("--app", "slow:app", "a.yaml")
    project.wait_for("importing")
    began = time.monotonic()
    ran = interrupted(process)
    assert ran.exit == 130, ran.said
    assert time.monotonic() - began < 5


def test_during_setup(project):
    project.write(
        "a.yaml",
        "setup: [{get: /hang/one, timeout: 60s}]\nchecks: [{get: /noted/never}]\nteardown: [{get: /noted/teardown}]",
    )
    process = project.start("--app", "app:app", "a.yaml")
    project.wait_for("hangs one")
    ran = interrupted(process)
    assert ran.exit == 130
    assert project.outcomes() == {"setup": "interrupted", "teardown": "passed"}
    assert project.log == ["startup", "hangs one", "left one", "teardown", "shutdown"]


def test_during_wait(project):
    import socket

    project.write("a.yaml", "checks: [{get: /ok}]")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = project.start("--base-url", address, "--wait", "60s", "a.yaml")
        silent.settimeout(20)
        connected, _ = silent.accept()
        with connected:
            ran = interrupted(process)
    assert ran.exit == 130
    assert project.end["stopped"] == "interrupted"


@backends
def test_during_a_retry(project, backend):
    project.write(
        "a.yaml",
        "checks: [{name: again, steps: [{get: /noted/asked}, {get: /status/500, retry: {times: 9, delay: 60s}}]}]",
    )
    process = project.start("--app", "app:app", "--backend", backend, "a.yaml")
    project.wait_for("asked")
    ran = interrupted(process)
    assert ran.exit == 130
    assert project.outcomes() == {"again": "interrupted"}


def test_a_green_teardown_does_not_hide_that_it_was_interrupted(project):
    project.write("a.yaml", "checks: [{get: /hang/one, timeout: 60s}]")
    process = project.start("--app", "app:app", "-q", "a.yaml")
    project.wait_for("hangs one")
    process.send_signal(signal.SIGTERM)
    assert ended(process).exit == 143


FAILFAST = """
checks:
  - name: hangs
    steps: [{get: /hang/one, timeout: 60s}]
    finally: [{get: /noted/finally}]
  - {name: fails, steps: [{get: /meet/1}, {get: /status/500, retry: {times: 30, delay: 20ms}}]}
  - {name: not begun, get: /noted/never}
teardown: [{get: /noted/teardown}]
"""


@backends
def test_fail_fast(project, backend):
    project.write("a.yaml", FAILFAST.replace(", retry: {times: 30, delay: 20ms}", ""))
    ran = project.probe("-x", "-j", "2", "--backend", backend, "a.yaml")
    assert ran.exit == 1
    assert project.outcomes() == {"hangs": "interrupted", "fails": "failed", "teardown": "passed"}
    assert {"left one", "finally", "teardown", "shutdown"} <= set(project.log)
    assert "never" not in project.log
    assert project.end["stopped"] == "fail-fast"
    assert "stopped after failures, 1 check did not run" in ran.out


@backends
def test_max_failures(project, backend):
    project.write(
        "a.yaml",
        """
        checks:
          - {name: hangs, get: /hang/one, timeout: 60s}
          - {name: fails, get: /status/500}
          - {name: errs, get: /sleep/5, timeout: 20ms}
          - {name: not begun, get: /noted/never}
        """,
    )
    ran = project.probe("--max-failures", "2", "-j", "2", "--backend", backend, "a.yaml")
    assert ran.exit == 1
    assert project.outcomes() == {"fails": "failed", "errs": "error", "hangs": "interrupted"}
    assert "never" not in project.log


def test_a_setup_that_fails_stops_a_fail_fast_run(project):
    project.write("a.yaml", "setup: [{get: /status/500}]\nchecks: [{get: /noted/never}]")
    project.write("b.yaml", "checks: [{get: /noted/never}]")
    ran = project.probe("-x", "-j", "1", "a.yaml", "b.yaml")
    assert ran.exit == 1
    assert "never" not in project.log


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["run", "merge"])
def test_a_signal_while_reports_are_opened_leaves_nothing_behind(project, command, number, code):
    project.write("a.yaml", "checks: [{get: /ok}]")
    project.command("run", "--app", "app:app", "--report", "ndjson=told.ndjson", "--no-cache", "a.yaml")
    os.mkfifo(project.root / "nobody-reads")
    before = sorted(project.root.iterdir())
    asked = ["--app", "app:app", "--no-cache", "a.yaml"] if command == "run" else ["told.ndjson"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "asgi_probe",
            command,
            "--report",
            "json=r.json",
            "--report",
            "json=nobody-reads",
            *asked,
        ],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # both of one kind: nothing is imported between them, where a signal would end Python in its own way
    patience = time.monotonic() + 20
    while not list(project.root.glob(".r.json.*")) and time.monotonic() < patience:
        time.sleep(0.01)
    ran = interrupted(process, number)
    assert ran.exit == code, ran.said
    assert "interrupted before" in ran.out
    assert sorted(project.root.iterdir()) == before
