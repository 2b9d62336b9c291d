"""Start-up, shutdown and what dies between: exit codes, and what is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OK = "checks: [{name: fine, get: /ok}]\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("checks: [{get: /ok}]", 0),
        ("checks: [{get: /ok, skip: later}]", 0),
        ("checks: [{get: /flaky/2, retry: {times: 1, delay: 0s}}]", 0),
        ("checks: [{get: /ok, expect: 404}]", 1),
        ("checks: [{get: /sleep/5, timeout: 20ms}]", 1),
        ("setup: [{get: /ok, expect: 404}]\nchecks: [{get: /ok}]", 1),
        ("teardown: [{get: /ok, expect: 404}]\nchecks: [{get: /ok}]", 1),
        ("checks: [{got: /ok}]", 2),
    ],
)
def test_exit_codes(project, text, code):
    project.write("a.yaml", text)
    assert project.probe("a.yaml").exit == code
    if code < 2:
        assert project.end["exit_code"] == code


def test_nobody_listens(project):
    project.write("a.yaml", "checks: [{get: /ok}, {get: /other, retry: {times: 2, delay: 1ms}}]")
    ran = project.run("--base-url", "http://127.0.0.1:9", "a.yaml")
    assert ran.exit == 3
    assert "no request reached http://127.0.0.1:9" in ran.out
    assert "--wait 30s" in ran.out
    assert project.outcomes() == {"GET /ok": "error", "GET /other": "error"}


def test_nobody_listens_and_that_is_expected(project):
    project.write("a.yaml", "checks: [{get: /ok, expect: {error: connect}}]")
    assert project.run("--base-url", "http://127.0.0.1:9", "a.yaml").exit == 0


@pytest.mark.parametrize("url", ["127.0.0.1:9", "shop.example", "ftp://shop.example", "http://", "http://shop:port/"])
def test_a_base_url_that_is_none(project, url):
    project.write("a.yaml", OK)
    ran = project.run("--base-url", url, "a.yaml")
    assert ran.exit == 2
    assert url in ran.err


BUG = """
import asgi_probe.engine.step as step

del step.StepRun._attempt_until_passed

async def app(scope, receive, send):
    raise NotImplementedError
"""


def test_a_bug_of_ours(project):
    project.write("bug.py", BUG)
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", app="bug:app")
    assert ran.exit == 70
    assert "AttributeError: 'StepRun' object has no attribute '_attempt_until_passed'" in ran.err
    assert "this is a bug of asgi-probe; please report it" in ran.err


DEAF = """
import asgi_probe.reporters.console as console

del console.ConsoleReporter._check_finished

from app import app
"""


def test_a_bug_in_what_is_told_leaves_the_run_and_its_reports_whole(project):
    project.write("deaf.py", DEAF)
    project.write("a.yaml", OK)
    ran = project.run("--app", "deaf:app", "a.yaml", "--report", "junit=junit.xml")
    assert ran.exit == 70
    assert "ConsoleReporter failed: AttributeError at console.py:" in ran.said
    assert project.outcomes() == {"fine": "passed"}
    assert 'tests="1" failures="0"' in (project.root / "junit.xml").read_text()


# the app cannot be imported


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("app:nothing", "nothing"),
        ("app:five", "not callable: expected an ASGI or WSGI app"),
        ("missing.py", "missing.py"),
        ("broken:app", "ModuleNotFoundError"),
        ("crooked:app", "SyntaxError"),
        ("leaving:app", "SystemExit"),
        ("empty:app", "app"),
    ],
)
def test_import_fails(project, named, told):
    project.write("broken.py", "def connect():\n    import not_installed_at_all\n\nconnect()\n")
    project.write("crooked.py", "def app(:\n")
    project.write("leaving.py", "import sys\nsys.exit('no configuration')\n")
    project.write("empty.py", "")
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", app=named)
    assert ran.exit == 3, ran.said
    assert told in ran.err
    assert "asgi_probe/" not in ran.said
    assert "importlib" not in ran.said


def test_an_import_error_shows_the_users_frames(project):
    project.write("broken.py", "def connect():\n    import not_installed_at_all\n\nconnect()\n")
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", app="broken:app")
    assert 'File "broken.py", line 4, in <module>' in ran.err
    assert 'File "broken.py", line 2, in connect' in ran.err


@pytest.mark.parametrize(
    ("app", "flags", "told"),
    [
        ("fails_to_start", [], "the app's start-up failed: the database is away"),
        ("raises_at_start", [], "no migrations were found"),
        ("hangs_at_start", ["--startup-timeout", "100ms"], "did not finish its start-up"),
        ("make_nothing", ["--factory"], "None, which is not callable"),
        ("make_trouble", ["--factory"], "DroppedError('no settings')"),
    ],
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_start_up_fails(project, app, flags, told, backend):
    project.write("a.yaml", OK)
    ran = project.probe("--backend", backend, *flags, "a.yaml", app=f"app:{app}")
    assert ran.exit == 3
    assert told in ran.out
    assert project.outcomes() == {}
    assert (project.end["exit_code"], project.end["stopped"]) == (3, None)
    assert told in project.end["problem"]


@pytest.mark.parametrize(
    ("app", "flags", "told"),
    [
        ("fails_to_stop", [], "DroppedError('the pool could not be drained')"),
        ("hangs_at_stop", ["--shutdown-timeout", "100ms"], "did not finish its shutdown"),
    ],
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_shutdown_fails_and_every_result_is_kept(project, app, flags, told, backend):
    project.write("a.yaml", "checks: [{name: fine, get: /ok}, {name: more, get: /ok}]")
    ran = project.probe("--backend", backend, *flags, "a.yaml", app=f"app:{app}")
    assert ran.exit == 1
    assert project.outcomes() == {"fine": "passed", "more": "passed"}
    assert project.end["outcomes"] == {"passed": 2}
    assert told in project.end["problem"]
    assert told in ran.out
    assert "2 passed" in ran.out.splitlines()[-1]
    assert "exit code 1" in ran.out.splitlines()[-1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_lifespan_dies_in_mid_run(project, backend):
    project.write("a.yaml", "checks: [{name: before, get: /die}, {name: after, get: /ok}]")
    ran = project.probe("--backend", backend, "-j", "1", "a.yaml", app="app:dies")
    assert ran.exit == 1
    assert project.outcomes() == {"before": "passed", "after": "passed"}
    assert "the app's lifespan ended in mid-run" in ran.out
    assert "the consumer lost its queue" in ran.out


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_background_work_that_fails_is_a_warning(project, backend):
    project.write("a.yaml", "checks: [{name: a, get: /after}, {name: b, get: /ok}]")
    ran = project.probe("--backend", backend, "a.yaml")
    assert ran.exit == 0
    assert project.outcomes() == {"a": "passed", "b": "passed"}
    (warning,) = project.events("warning")
    assert "the mail was not sent" in warning["message"] + warning["traceback"]
    assert "app.py" in warning["traceback"]
    assert "warning: " in ran.out


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_whatever_a_handler_raises_is_its_checks_alone(project, backend):
    project.write(
        "a.yaml",
        """
        checks:
          - {name: raises, get: /raise}
          - {name: is a 500, get: /raise, expect: 500}
          - {name: exits, get: /exit}
          - {name: interrupts, get: /interrupt}
          - {name: fine, get: /ok}
        """,
    )
    ran = project.probe("--backend", backend, "a.yaml")
    assert ran.exit == 1, ran.said
    assert project.outcomes() == {
        "raises": "failed",
        "is a 500": "passed",
        "exits": "error",
        "interrupts": "error",
        "fine": "passed",
    }
    (raises,) = (event for event in project.events("check_finished") if event["id"].endswith("raises"))
    assert raises["traceback"].rstrip().endswith("DroppedError: the order was dropped")
    assert project.end["stopped"] is None


def test_a_blocking_app_is_told_as_a_timeout(project):
    project.write("a.yaml", "checks: [{name: blocks, get: /block/0.5, timeout: 100ms}, {name: fine, get: /ok}]")
    assert project.probe("-j", "1", "a.yaml").exit == 1
    assert project.outcomes() == {"blocks": "error", "fine": "passed"}


def test_state_of_the_lifespan(project):
    project.write("a.yaml", "checks: [{get: /echo, expect: {json: {state: [shared]}}}]")
    assert project.probe("a.yaml").exit == 0


# standard streams that are closed or full


def in_shell(project, command, redirection):
    line = f'"{sys.executable}" -m asgi_probe {command} {redirection}'
    return subprocess.run(
        line,
        shell=True,
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("run --app app:app a.yaml --report ndjson=events.ndjson", 0),
        ("run --app app:app bad.yaml", 1),
        ("run --app nowhere:app a.yaml", 3),
        ("run --nope", 2),
        ("lint a.yaml", 0),
        ("--version", 0),
        ("list --help", 0),
    ],
)
def test_closed_streams(project, command, code, redirection):
    project.write("a.yaml", OK)
    project.write("bad.yaml", "checks: [{get: /status/500}]")
    ran = in_shell(project, command, redirection)
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    if "--report" in command:
        assert project.outcomes() == {"fine": "passed"}


def test_a_report_has_standard_output_to_itself_when_there_is_no_other(project):
    project.write("a.yaml", OK)
    ran = in_shell(project, "run --app app:app --report ndjson=- a.yaml", "2>&-")
    assert ran.returncode == 0
    kinds = [json.loads(line)["event"] for line in ran.stdout.splitlines()]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_finished")


def test_a_report_wants_its_standard_output(project):
    project.write("a.yaml", OK)
    ran = in_shell(project, "run --app app:app --report ndjson=- a.yaml", ">&-")
    assert (ran.returncode, "standard output is closed" in ran.stderr) == (2, True)
    assert project.log == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("run --app app:app a.yaml", 1),
        ("run --app app:app bad.yaml", 1),
        ("run --app app:fails_to_start a.yaml", 3),
        ("lint a.yaml", 1),
        ("list a.yaml", 1),
    ],
)
def test_a_full_disk_is_told(project, command, code):
    project.write("a.yaml", OK)
    project.write("bad.yaml", "checks: [{get: /status/500}]")
    ran = in_shell(project, command, ">/dev/full")
    assert ran.returncode == code
    assert ran.stderr == "error: the output cannot be written: No space left on device\n"


def test_a_reader_who_went_away_is_no_problem(project):
    project.write("a.yaml", OK)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "asgi_probe", "run", "--app", "app:app", "a.yaml"]
    ran = subprocess.run(
        command,
        cwd=project.root,
        env=project.environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_thread_that_the_app_leaves_does_not_keep_the_process(project):
    project.write(
        "app.py",
        """
        import threading, time

        threading.Thread(target=time.sleep, args=(60,), name="pool of the shop").start()

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
        """,
    )
    project.write("a.yaml", "checks: [{get: /}]")
    ran = project.run("--app", "app:app", "--lifespan", "off", "a.yaml")
    assert ran.exit == 0
    assert "1 passed" in ran.out
    assert "the app left threads that do not end (pool of the shop)" in ran.err


def test_the_command_to_run_again_says_all_but_secrets(project):
    project.write(
        "app.py",
        """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 500})
            await send({"type": "http.response.body"})
        """,
    )
    project.write("a.yaml", "secrets: [name]\nchecks: [{name: c, get: '/${token}/${name}/${tenant}/${limit}'}]")
    given = ("token=sekret", "name=sekret", "tenant=acme & co", "limit:=5")
    flags = ("--app", "app:app", "--lifespan", "off", *(word for one in given for word in ("--var", one)))
    ran = project.run(*flags, "--secret", "pin=sekret", "--timeout", "3s", "a.yaml")
    told = "--var 'token=***' --var 'name=***' --var 'tenant=acme & co' --var limit:=5 --secret 'pin=***'"
    again = f"asgi-probe run --app app:app --lifespan off {told} --timeout 3s a.yaml::c"
    assert again in ran.out
