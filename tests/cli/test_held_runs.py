"""Runs that are held to thresholds, end to end."""

import re
import signal

import pytest

from asgi_probe.engine.thresholds import read_thresholds
from tests.cli.project import interrupted
from tests.documents import table

SPEC = """
checks:
  - {name: quick, get: /ok, tags: [fast], expect: 200}
  - {name: slow, get: /sleep/0.2, tags: [Slow], expect: 200}
"""


@pytest.fixture
def shop(project):
    project.write("specs/a.yaml", SPEC)
    return project


def configured(project, *rules: str) -> None:
    listed = ", ".join(f"'{rule}'" for rule in rules)
    project.write("pyproject.toml", f"[tool.asgi-probe]\nspecs = ['specs']\nthresholds = [{listed}]\n")


def verdicts(project) -> dict[str, tuple[bool, bool]]:
    return {each["text"]: (each["holds"], each["warns"]) for each in project.end["thresholds"]}


@pytest.mark.parametrize(
    ("rule", "code", "reason"),
    [
        ("max(time) < 100ms", 1, "1 threshold was broken"),
        ("max(time) < 10s", 0, None),
        ("warn: max(time) < 100ms", 0, None),
        ("max(time){tag:fast} < 100ms", 0, None),
        ("max(time){tag:slow} < 100ms", 1, "1 threshold was broken"),
        ("max(time){target:app} < 100ms", 1, "1 threshold was broken"),
        ("error_rate == 0", 0, None),
    ],
)
def test_a_green_run_is_held_to_it(shop, rule, code, reason):
    ran = shop.probe("--threshold", rule)
    assert ran.exit == code, ran.said
    assert (shop.end["exit_code"], shop.end["reason"]) == (code, reason)
    assert verdicts(shop) == {rule: ("fast" in rule or "10s" in rule or "rate" in rule, "warn" in rule)}
    assert ("exit code 1: 1 threshold was broken" in ran.out) == (code == 1)


def test_what_was_measured_is_told(shop):
    shop.probe("--threshold", "max(time) < 100ms")
    (verdict,) = shop.end["thresholds"]
    assert 0.2 < verdict["actual"] == pytest.approx(shop.end["times"]["longest"], abs=1e-6)
    assert verdict["told"] == f"{verdict['actual'] * 1000:.1f} ms"
    assert shop.end["times"]["count"] == shop.end["requests"] == 2
    assert sum(count for _, count in shop.end["times"]["histogram"]) == 2


def test_what_failed_anyhow_gives_no_other_reason(shop):
    shop.write("specs/b.yaml", "checks: [{get: /ok, expect: 404}]")
    assert shop.probe("--threshold", "max(time) < 1ms", "--threshold", "error_rate < 1%").exit == 1
    assert shop.end["reason"] is None
    assert shop.end["thresholds"][1]["told"] == "33.3 % (1 of 3 checks)"


def test_two_reasons(shop):
    shop.write("specs/b.yaml", "checks: [{get: /flaky/2, retry: {times: 3, delay: 0s}, expect: 200}]")
    ran = shop.probe("--fail-on-flaky", "--threshold", "max(time) < 1ms", "--threshold", "flaky_rate == 0")
    assert ran.exit == 1
    assert shop.end["reason"] == "1 check was flaky, and --fail-on-flaky is set; 2 thresholds were broken"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["p42(time) < 1s; warn: error_rate < 1%;"], ["p42(time) < 1s", "warn: error_rate < 1%"]),
        (["p42(time) <  1s"], ["p42(time) < 1s"]),
        (["p42(time) < 1s", "p95(time) < 3s"], ["p95(time) < 3s"]),
    ],
)
def test_from_the_environment(shop, flags, said):
    environment, *typed = flags
    shop.probe(*[word for rule in typed for word in ("--threshold", rule)], ASGI_PROBE_THRESHOLD=environment)
    assert [*verdicts(shop)] == said


def test_the_command_line_replaces_what_is_configured_of_the_same(shop):
    configured(shop, "max(time) < 1ms", "max(time){tag:slow} < 1ms", "warn: error_rate < 1%")
    assert shop.probe().exit == 1
    assert len(shop.end["thresholds"]) == 3
    ran = shop.probe("--threshold", "p100(time) < 9s", "--threshold", "warn: max(time){tag:SLOW} < 1ms")
    assert ran.exit == 0, ran.said
    assert [*verdicts(shop)] == ["warn: error_rate < 1%", "p100(time) < 9s", "warn: max(time){tag:SLOW} < 1ms"]


def test_all_that_is_wrong_is_said_before_anything_is_sent(shop):
    configured(shop, "p95(tme) < 1s")
    ran = shop.probe("--threshold", "error_rate < 5", "--threshold", "max(time){tag:x < 1s")
    assert ran.exit == 2
    assert ran.err == (
        "error: pyproject.toml: [tool.asgi-probe] thresholds: unknown measure 'p95(tme)', did you mean 'p95(time)'?\n"
        "         p95(tme) < 1s\n"
        "         ^^^^^^^^\n"
        "       --threshold: expected a share such as '5%', found '5'\n"
        "         error_rate < 5\n"
        "                      ^\n"
        "       --threshold: '{' is not closed, expected '{tag:NAME}'\n"
        "         max(time){tag:x < 1s\n"
        "                  ^\n"
    )
    assert shop.log == []


def test_about_nobody(shop):
    configured(shop, "max(time){target:staging} < 1s")
    ran = shop.probe("--threshold", "max(time){tag:slwo} < 1s")
    assert ran.exit == 2
    assert "no check has the tag 'slwo', did you mean 'slow'?" in ran.err
    assert "pyproject.toml: [tool.asgi-probe] thresholds: there is no target 'staging', there are app" in ran.err
    assert shop.log == []


def test_what_was_not_selected_is_nothing_to_measure(shop):
    assert shop.probe("-t", "fast", "--threshold", "max(time){tag:slow} < 1ms").exit == 0
    assert shop.end["thresholds"][0]["told"] == "nothing to measure"
    assert shop.end["thresholds"][0]["holds"] is True


def test_the_configuration_may_speak_of_files_that_are_not_named(shop):
    shop.write("specs/b.yaml", "checks: [{get: /ok}]")
    configured(shop, "max(time){tag:slow} < 1ms")
    assert shop.probe("specs/b.yaml").exit == 0
    assert shop.end["thresholds"][0]["told"] == "nothing to measure"
    assert shop.probe("specs/b.yaml", "--threshold", "max(time){tag:slow} < 1ms").exit == 2
    configured(shop, "max(time){tag:slwo} < 1ms")
    assert shop.probe().exit == 2


@pytest.mark.parametrize("command", ["run", "lint", "list"])
def test_a_broken_configuration(project, command):
    project.write("specs/a.yaml", SPEC)
    project.write("pyproject.toml", "[tool.asgi-probe]\nspecs = ['specs']\nthresholds = ['p95 < 1s']\n")
    ran = project.command(command)
    assert ran.exit == 2
    assert "pyproject.toml: [tool.asgi-probe] thresholds: unknown measure 'p95'" in ran.err
    project.write("pyproject.toml", "")
    project.write("asgi-probe.toml", "specs = ['specs']\nthresholds = 'p95 < 1s'\n")
    ran = project.command(command)
    assert "error: asgi-probe.toml: thresholds: unknown measure 'p95', did you mean 'p95(time)'?" in ran.err


def test_one_request_is_not_a_run(shop):
    configured(shop, "max(time){tag:slow} < 1ms", "error_rate < 1%")
    ran = shop.command("get", "/ok", "--app", "app:app")
    assert ran.exit == 0, ran.said


def test_what_ran_before_a_stop_is_judged(shop):
    shop.write("specs/0.yaml", "checks: [{get: /ok, expect: 404}]")
    assert shop.probe("-x", "-j", "1", "--threshold", "error_rate < 1%").exit == 1
    assert (shop.end["stopped"], shop.end["thresholds"][0]["told"]) == ("fail-fast", "100 % (1 of 1 check)")


def test_what_ran_before_an_interruption_is_judged(shop):
    shop.write("specs/b.yaml", "checks: [{get: /sleep/0.2}, {get: /hang/here}]")
    running = shop.start("--app", "app:app", "-j", "1", "--threshold", "max(time) < 100ms")
    shop.wait_for("hangs here")
    assert interrupted(running, signal.SIGINT).exit == 130
    assert shop.end["thresholds"][0]["holds"] is False
    assert shop.end["exit_code"] == 130


def test_an_app_that_does_not_start_breaks_none(shop):
    assert shop.probe("--threshold", "max(time) < 1ms", app="app:fails_to_start").exit == 3
    assert [each["told"] for each in shop.end["thresholds"]] == ["nothing to measure"]


def test_each_shard_is_judged_by_itself(shop):
    codes = [shop.probe("--shard", f"{part}/9", "--threshold", "max(time) < 100ms").exit for part in range(1, 10)]
    assert sorted(codes) == [0] * 8 + [1]
    assert verdicts(shop).keys() == {"max(time) < 100ms"}


def test_by_target(project):
    project.write("specs/a.yaml", SPEC)
    project.write(
        "pyproject.toml",
        """
        [tool.asgi-probe]
        specs = ["specs"]
        [tool.asgi-probe.targets]
        one = {app = "app:app"}
        two = {app = "app:app"}
        three = {app = "app:app"}
        """,
    )
    rules = ["max(time){target:one} < 100ms", "max(time){target:three} < 100ms", "error_rate == 0"]
    ran = project.run("--targets", "one,two", *[word for rule in rules for word in ("--threshold", rule)])
    assert ran.exit == 1
    assert [each["told"] for each in project.end["thresholds"]][1:] == ["nothing to measure", "0 % (0 of 4 checks)"]


def test_what_is_run_again_is_held_to_nothing(shop):
    shop.write("specs/b.yaml", "checks: [{name: no, get: /ok, expect: 404}]")
    ran = shop.probe("--threshold", "max(time){tag:slow} < 9s")
    (again,) = re.findall("asgi-probe run .*", ran.out)
    assert again == "asgi-probe run --app app:app specs/b.yaml::no"


def test_what_the_reference_shows_can_be_read():
    shown = [text for row in table("measure") for text in re.findall(r"`([^`]* [<>=]+ [^`]*)`", "".join(row))]
    assert len(read_thresholds(shown)) == len(shown) > 5
