"""`--report ndjson`: every line, every field of the language's reference, and where it cannot be written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_probe.reporters.reports import KINDS

SPEC = """\
name: The stream
tags: [all]
setup:
  - {name: sign in, get: /login/one, save: {id: $.id}}
checks:
  - name: passes
    tags: [smoke]
    get: /ok
  - name: fails
    steps:
      - name: sends
        post: /echo?n=${id}
        json: {a: 1}
        expect: {status: 201, headers: {x-none: there}, json: {method: GET, query: {n: '8'}}}
    finally: [{get: /ok}]
  - {name: later, skip: not today, get: /ok}
  - {name: late, get: /sleep/5, timeout: 20ms}
teardown: [{get: /ok}]
"""


@pytest.fixture
def told(project):
    project.write("a.yaml", SPEC)
    ran = project.probe("a.yaml")
    assert ran.exit == 1, ran.said
    return project


def one(events, **values):
    (found,) = (event for event in events if values.items() <= event.items())
    return found


def test_run_started(told):
    (event,) = told.events("run_started")
    assert event["target"] == {"name": "app", "kind": "app", "address": "app:app"}
    assert event["targets"] == [event["target"]]
    assert (event["specs"], event["checks"], event["concurrency"], event["shard"]) == (["a.yaml"], 4, 16, None)
    assert event["started_at"].endswith("+00:00")
    assert event["version"]


def test_check_started(told):
    ids = [event["id"] for event in told.events("check_started")]
    assert ids[0] == "a.yaml::setup"
    assert ids[-1] == "a.yaml::teardown"
    event = one(told.events("check_started"), id="a.yaml::passes")
    assert (event["file"], event["line"], event["name"], event["tags"], event["target"]) == (
        "a.yaml", 6, "passes", ["all", "smoke"], "app",
    )  # fmt: skip
    assert "a.yaml::later" in ids


def test_step_finished(told):
    event = one(told.events("step_finished"), step="sends")
    assert (event["id"], event["phase"], event["outcome"], event["attempts"]) == ("a.yaml::fails", "steps", "failed", 1)
    request, response = event["request"], event["response"]
    assert (request["method"], request["url"]) == ("POST", "http://testserver/echo?n=7")
    assert json.loads(request["body"]) == {"a": 1}
    assert ["content-type", "application/json"] in [[name.lower(), value] for name, value in request["headers"]]
    assert ["cookie", "***"] in [[name.lower(), value] for name, value in request["headers"]]
    assert (response["status"], response["http_version"]) == (200, "HTTP/1.1")
    assert json.loads(response["body"])["query"] == {"n": "7"}
    assert [(each["where"], each["path"]) for each in event["mismatches"]] == [
        ("status", None),
        ("headers.x-none", None),
        ("json", "$.method"),
        ("json", "$.query.n"),
    ]
    assert event["duration"] > 0


def test_mismatch(told):
    found = one(told.events("step_finished"), step="sends")["mismatches"][3]
    assert (found["expected"], found["actual"]) == ("8", "7")
    assert (found["file"], found["line"]) == ("a.yaml", 14)
    assert SPEC.splitlines()[13][found["column"] - 1 :].startswith("'8'")
    assert found["message"]


def test_saved_and_passing_steps_are_brief(told):
    event = one(told.events("step_finished"), step="sign in")
    assert event["saved"] == {"id": 7}
    assert event["request"] is None
    assert event["response"] is None


def test_phases(told):
    assert {phase for phase, *_ in told.steps()} == {"setup", "steps", "finally", "teardown"}


def test_check_finished(told):
    finished = told.events("check_finished")
    assert one(finished, id="a.yaml::later")["reason"] == "not today"
    late = one(finished, id="a.yaml::late")
    assert late["outcome"] == "error"
    assert "0.02 s" in late["reason"]
    fails = one(finished, id="a.yaml::fails")
    assert (fails["outcome"], len(fails["mismatches"]), fails["traceback"]) == ("failed", 4, None)
    assert one(finished, id="a.yaml::passes")["duration"] > 0


def test_run_finished(told):
    end = told.events()[-1]
    assert end["event"] == "run_finished"
    assert end["outcomes"] == {"passed": 1, "failed": 1, "skipped": 1, "error": 1}
    assert (end["exit_code"], end["stopped"]) == (1, None)
    assert end["duration"] > 0


def test_verbose_writes_every_exchange(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    assert project.probe("-v", "a.yaml").exit == 0
    (step,) = project.events("step_finished")
    assert step["request"]["url"] == "http://testserver/ok"
    assert step["response"]["status"] == 200


def test_secret_saves_are_masked(project):
    project.write(
        "a.yaml",
        """
        checks:
          - name: c
            steps:
              - {get: /noted/hush-hush, save: {token: {from: $.noted, secret: true}}}
              - {get: '/echo?t=${token}', expect: {json: {query: {t: other}}}}
        """,
    )
    ran = project.probe("-v", "a.yaml")
    assert ran.exit == 1
    assert project.events("step_finished")[0]["saved"] == {"token": "***"}
    assert "hush-hush" not in (project.root / "events.ndjson").read_text() + ran.said
    assert "t=***" in ran.out


def test_standard_output_belongs_to_the_report(project):
    project.write("a.yaml", "checks: [{get: /print}, {get: /ok, expect: 404}]")
    project.write("noisy.py", "print('at import')\nfrom app import app\n")
    ran = project.command("run", "--app", "noisy:app", "--report", "ndjson=-", "a.yaml")
    events = [json.loads(line)["event"] for line in ran.out.splitlines()]
    assert ran.exit == 1
    assert (events[0], events[-1], events.count("check_finished")) == ("run_started", "run_finished", 2)
    for text in ("at import", "the app writes", "1 passed, 1 failed"):
        assert text in ran.err
    assert "the app prints" not in ran.out


def test_bodies_that_are_long_or_no_text(project):
    project.write(
        "bodies.py",
        """
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            body = {"/long": b"x" * 100_000, "/bytes": bytes(range(256)), "/odd": b'{"a": "\\\\ud800"}'}[scope["path"]]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
        """,
    )
    project.write(
        "a.yaml",
        "checks: [{get: /long, expect: 404}, {get: /bytes, expect: 404}, {get: /odd, expect: {json: {a: b}}}]",
    )
    assert project.probe("a.yaml", app="bodies:app").exit == 1
    responses = {event["step"]: event["response"] for event in project.events("step_finished")}
    assert len(responses["GET /long"]["body"]) == 64 * 1024
    assert responses["GET /long"]["truncated"] is True
    assert responses["GET /bytes"]["encoding"] == "base64"
    (odd,) = one(project.events("step_finished"), step="GET /odd")["mismatches"]
    assert odd["actual"] == "\ud800"


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ("ndjson=app.py/folder.ndjson", "app.py/folder.ndjson"),
        ("ndjson=.", "folder"),
        ("ndjson=", "ndjson=FILE"),
        ("ndjson", "ndjson=FILE"),
        ("ndjsn=x", "did you mean 'ndjson'?"),
        ("junitt=x", "unknown report format 'junitt'"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(project, report, told):
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.command("run", "--app", "app:app", "--report", report, "a.yaml")
    assert ran.exit == 2
    assert told in ran.err
    assert project.log == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    (project.root / "locked").mkdir(mode=0o500)
    assert project.command("run", "--app", "app:app", "--report", "ndjson=locked/x", "a.yaml").exit == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_loses_nothing_else(project):
    project.write("a.yaml", "checks: [{get: /ok}, {get: /noted/ran}]")
    ran = project.probe("--report", "ndjson=/dev/full", "a.yaml")
    assert ran.exit == 1
    assert "'/dev/full'" in ran.out
    assert "No space left" in ran.out
    assert "2 passed" in ran.out
    assert len(project.events("check_finished")) == 2


def test_relative_to_where_the_command_was_started(project):
    project.write("deep/a.yaml", "checks: [{get: /ok}]")
    ran = project.command("run", "--app", "app:app", "--report", "ndjson=here.ndjson", "a.yaml", cwd="deep")
    assert ran.exit == 0, ran.said
    assert (project.root / "deep/here.ndjson").exists()


def test_the_app_may_change_the_folder(project):
    project.write("moving.py", "import os\nos.chdir('/')\nfrom app import app\n")
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.command("run", "--app", "moving:app", "--report", "ndjson=here.ndjson", "a.yaml")
    assert ran.exit == 0, ran.said
    assert (project.root / "here.ndjson").exists()


def test_a_reader_that_leaves(project):
    """`asgi-probe run | head -1`: no traceback of ours."""
    import subprocess
    import sys

    project.write("a.yaml", "checks:\n" + "  - {get: /ok, expect: 404}\n" * 300)
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "run", "--app", "app:app", "a.yaml"],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) != 70
    assert "Traceback" not in err


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.takes != "address"])
def test_a_reader_of_a_report_who_goes_away_ends_it_quietly(project, kind):
    project.write("a.yaml", "checks: [{get: /ok, repeat: 200}]")
    command = [sys.executable, "-m", "asgi_probe", "run", "--app", "app:app", "--report", f"{kind}=-", "-q", "a.yaml"]
    run = subprocess.Popen(
        command, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    run.stdout.close()
    told = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait(60) == 0, told
    assert re.fullmatch(r"\s*200 passed in .* s\n", told)
