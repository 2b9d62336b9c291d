"""`asgi-probe merge` on what real runs wrote: shards, runs again, one that was killed, and junk."""

import json
import signal

import pytest

from asgi_probe.reporters.reports import KINDS
from tests.cli.project import ended

LOGIN = "checks: [{name: log in, get: /ok}]"
NEEDS = "needs: login.yaml\nchecks: [{name: '${n}', each: [{n: one}, {n: two}, {n: three}], get: /ok}]"
MIXED = """
checks:
  - {name: fine, get: /ok}
  - {name: wrong, get: /status/500}
  - {name: not now, get: /ok, skip: later}
  - {name: known, get: /status/500, xfail: soon}
  - {name: late, get: /sleep/5, timeout: 20ms}
  - {name: tagged, get: /ok, tags: [fast]}
"""
AROUND = "setup: [{get: /ok}]\nchecks: [{get: /ok}, {get: /ok}]\nteardown: [{get: /status/500}]"


@pytest.fixture
def shop(project):
    for name, text in {"login": LOGIN, "needs": NEEDS, "mixed": MIXED, "around": AROUND}.items():
        project.write(f"specs/{name}.yaml", text)
    return project


def run(project, *args, report, code=1):
    ran = project.command("run", "--app", "app:app", "--no-cache", "--report", f"ndjson={report}", *args)
    assert ran.exit in ((0, 1) if code is None else (code,)), ran.said


def outcomes(project, name):
    events = [json.loads(line) for line in (project.root / name).read_text().splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    return {event["id"]: event["outcome"] for event in events if event["event"] == "check_finished"}, events[-1]


def test_shards_merged_equal_the_whole_run(shop):
    run(shop, report="whole.ndjson")
    for number in (1, 2, 3):
        run(shop, "--shard", f"{number}/3", report=f"out/job {number}/events.ndjson", code=None)
    merged = shop.command("merge", "out", "--report", "ndjson=merged.ndjson")
    assert merged.exit == 1
    (found, end), (expected, whole) = outcomes(shop, "merged.ndjson"), outcomes(shop, "whole.ndjson")
    assert found == expected
    assert len(found) == 14
    for key in ("outcomes", "exit_code", "stopped", "not_run", "problem", "reason"):
        assert end[key] == whole[key], key
    assert end["times"]["count"] == whole["times"]["count"]
    assert merged.out.startswith("merging 3 shards\n")
    assert "12 checks in 4 files, 48 at a time" in merged.out
    assert "asgi-probe run --app app:app specs/mixed.yaml::wrong" in merged.out
    again = shop.command("merge", "merged.ndjson", "--report", "ndjson=again.ndjson", "-q")
    assert again.exit == 1
    assert outcomes(shop, "again.ndjson")[0] == expected


def test_what_failed_and_has_run_again_is_flaky(shop):
    run(shop, "specs/mixed.yaml", "specs/around.yaml", report="first.ndjson")
    mended = MIXED.replace("wrong, get: /status/500", "wrong, get: /ok").replace("timeout: 20ms", "timeout: 20s")
    shop.write("specs/mixed.yaml", mended.replace("/sleep/5", "/ok"))
    shop.write("specs/around.yaml", AROUND.replace("/status/500", "/ok"))
    run(shop, "specs/mixed.yaml", "specs/around.yaml", report="second.ndjson", code=0)
    merged = shop.command("merge", "first.ndjson", "second.ndjson", "--report", "ndjson=merged.ndjson")
    assert merged.exit == 0, merged.said
    found, end = outcomes(shop, "merged.ndjson")
    flaky = {name.partition("::")[2] for name, outcome in found.items() if outcome == "flaky"}
    assert flaky == {"wrong", "late", "teardown"}
    assert end["outcomes"] == {"passed": 4, "flaky": 2, "skipped": 1, "xfailed": 1}
    assert "at first status: expected a status below 400, got 500" in merged.out
    assert shop.command("merge", "first.ndjson", "second.ndjson", "--fail-on-flaky").exit == 1
    again = shop.command("merge", "first.ndjson", "--rerun", "second.ndjson")
    assert again.exit == 0
    assert again.out.startswith("merging 1 run and 1 later run\n")


def test_a_run_that_is_killed(shop):
    shop.write("specs/hang.yaml", "checks: [{name: hangs, get: /hang/one, timeout: 60s}, {name: never, get: /ok}]")
    process = shop.start("--app", "app:app", "-j", "1", "specs/login.yaml", "specs/hang.yaml")
    shop.wait_for("hangs one")
    process.send_signal(signal.SIGKILL)
    ended(process)
    merged = shop.command("merge", "events.ndjson", "--report", "ndjson=merged.ndjson")
    assert merged.exit == 1
    assert "error: events.ndjson: the stream ends without run_finished" in merged.out
    assert "interrupted, 1 check did not run\n" in merged.out
    assert "1 passed, 1 interrupted in" in merged.out.splitlines()[-1]
    assert outcomes(shop, "merged.ndjson")[0] == {
        "specs/login.yaml::log in": "passed",
        "specs/hang.yaml::hangs": "interrupted",
    }


def test_thresholds_of_the_configuration_and_of_flags(shop):
    shop.write("pyproject.toml", "[tool.asgi-probe]\nthresholds = ['max(time) < 0.001ms']")
    run(shop, "specs/login.yaml", "--threshold", "max(time) < 9s", report="a.ndjson", code=0)
    merged = shop.command("merge", "a.ndjson")
    assert merged.exit == 1
    assert "1 threshold was broken" in merged.out
    assert shop.command("merge", "a.ndjson", "--threshold", "max(time) < 9s").exit == 0
    wrong = shop.command("merge", "a.ndjson", "--threshold", "max(time){tag:fats} < 9s", "--threshold", "max(time) < 9")
    assert wrong.exit == 2
    unknown = shop.command("merge", "a.ndjson", "--threshold", "max(time){tag:fats} < 9s")
    assert unknown.exit == 2
    assert "no check has the tag 'fats'" in unknown.err


def test_a_run_without_a_target_is_not_green(shop):
    refused = ["run", "--base-url", "http://127.0.0.1:9", "specs/login.yaml", "--report", "ndjson=a.ndjson"]
    assert shop.command(*refused).exit == 3
    merged = shop.command("merge", "a.ndjson")
    assert merged.exit == 3
    assert "error: a.ndjson: no request reached http://127.0.0.1:9" in merged.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no streams to merge: name the files that --report ndjson=FILE wrote, or their folder"),
        (("nowhere", "no*where"), "there is no file or folder 'nowhere'\n       there is no file or folder 'no*where'"),
        (("specs",), "no *.ndjson in the folder 'specs'"),
        (("junk",), "junk/1.ndjson:1: no JSON"),
        (("junk",), "junk/2.ndjson:1: no event"),
        (("junk",), "'junk/3.ndjson' is empty"),
        (("good.ndjson", "*.ndjson"), "'good.ndjson' is given twice"),
        (("good.ndjson", "copy/good"), "tell the same run"),
        (("good.ndjson", "--rerun", "good.ndjson"), "'good.ndjson' is given twice"),
        (("good.ndjson", "--report", "ndjson=./good.ndjson"), "would overwrite what is to be merged"),
        (("good.ndjson", "--report", "ndjsn=x"), "unknown report format 'ndjsn', did you mean 'ndjson'?"),
        (("good.ndjson", "-v", "-q"), "--verbose and --quiet exclude each other"),
    ],
)
def test_wrong_usage(shop, arguments, message):
    run(shop, "specs/login.yaml", report="good.ndjson", code=0)
    shop.write("copy/good", (shop.root / "good.ndjson").read_text())
    for number, text in enumerate(["specs: x\n", "[1]\n", "\n"], 1):
        shop.write(f"junk/{number}.ndjson", text)
    ran = shop.command("merge", *arguments)
    assert ran.exit == 2, ran.said
    assert message in ran.err
    assert not ran.out
    assert (shop.root / "good.ndjson").stat().st_size


def test_every_report_can_be_made(shop):
    run(shop, "specs/mixed.yaml", report="a.ndjson")
    files = {kind: f"out/{kind}" for kind, how in KINDS.items() if how.takes != "address"}
    ran = shop.command("merge", "a.ndjson", *(word for kind in files for word in ("--report", f"{kind}={files[kind]}")))
    assert ran.exit == 1
    assert "error: the report" not in ran.out
    assert all("wrong" in (shop.root / file).read_text() for file in files.values())


def test_github_is_told_without_being_asked(shop):
    run(shop, "specs/mixed.yaml", report="a.ndjson")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(shop.root / "summary.md")}
    ran = shop.command("merge", "a.ndjson", **environment)
    assert "::error file=specs/mixed.yaml,line=4" in ran.out
    assert "wrong" in (shop.root / "summary.md").read_text()


def test_a_report_on_standard_output(shop):
    run(shop, "specs/login.yaml", report="a.ndjson", code=0)
    ran = shop.command("merge", "a.ndjson", "--report", "ndjson=-")
    assert ran.exit == 0
    assert [json.loads(line)["event"] for line in ran.out.splitlines()][-1] == "run_finished"
    assert "1 passed" in ran.err


def test_a_report_that_cannot_be_written_makes_a_green_run_red(shop):
    run(shop, "specs/login.yaml", report="a.ndjson", code=0)
    ran = shop.command("merge", "a.ndjson", "--report", "ndjson=/dev/full")
    assert ran.exit == 1
    assert "error: the report" in ran.out


@pytest.mark.parametrize(
    ("targets", "command"),
    [
        (["--app", "app:app"], "asgi-probe run --app app:app a.yaml::x"),
        (["--target", "here"], "asgi-probe run --target here a.yaml::x"),
        (["--base-url", "http://127.0.0.1:9"], "asgi-probe run --base-url http://127.0.0.1:9 a.yaml::x"),
        (["--targets", "here,there"], "asgi-probe run a.yaml::x"),
    ],
)
def test_what_did_not_pass_can_be_run_again(project, targets, command):
    project.write("a.yaml", "checks: [{name: x, get: /status/500}]")
    app = 'app = "app:app"'
    project.write("pyproject.toml", f"[tool.asgi-probe.targets]\nhere = {{{app}}}\nthere = {{{app}}}")
    project.command("run", *targets, "--report", "ndjson=a.ndjson", "a.yaml")
    assert command in project.command("merge", "a.ndjson").out


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        (["--target", "app"], "asgi-probe run --target app a.yaml::x"),
        (["--app", "other:app"], "asgi-probe run --app other:app a.yaml::x"),
        (["--target", "live"], "asgi-probe run --target live a.yaml::x"),
        (["--base-url", "http://127.0.0.1:9/other"], "asgi-probe run --base-url http://127.0.0.1:9/other a.yaml::x"),
    ],
)
def test_a_target_may_be_called_what_one_without_a_name_is_called(project, asked, command):
    project.write("a.yaml", "checks: [{name: x, get: /status/500}]")
    project.write("other.py", "from app import app")
    app, live = 'app = {app = "app:app"}', 'live = {base_url = "http://127.0.0.1:9/"}'
    project.write("pyproject.toml", f"[tool.asgi-probe.targets]\n{app}\n{live}")
    project.command("run", *asked, "--report", "ndjson=a.ndjson", "a.yaml")
    assert command in project.command("merge", "a.ndjson").out
