"""Specs in a pytest run: what is collected, how it ends, what is told."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from asgi_probe.testing.items import marker_name
from tests.pytest_plugin.suite import CONFIGURED, REPOSITORY, STRICT, Suite, needs, timeless

ITEMS = """
name: Items
tags: [smoke, has-dash]
setup: [{get: /noted/setup}]
teardown: [{get: /noted/teardown}]
checks:
  - get: /health
  - {name: wrong, get: /echo, expect: {json: {method: POST}}}
  - {name: rows, each: [{n: 1}, {n: 2}], get: "/echo?n=${n}", expect: {json: {query: {n: '1'}}}}
  - {name: raises, get: /raise, tags: [slow], expect: 200}
  - {name: skipped, skip: no reason, get: /}
  - {name: expected, xfail: a bug, get: /raise}
  - {name: not expected, xfail: a bug, get: /}
  - {name: lax, xfail: {reason: a bug, strict: false}, get: /}
  - {name: shaky, get: /flaky/2, retry: {times: 3, delay: 10ms}}
  - {name: live only, when: {target: live}, get: /}
"""


def test_the_entry_point_names_the_plugin() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"asgi_probe": "asgi_probe.pytest_plugin"}


def test_every_outcome_is_one_of_pytests(suite: Suite) -> None:
    suite.write("specs/items.yaml", ITEMS)
    ran = suite.run("specs", "-rA", "-v")
    ran.assert_outcomes(passed=3, failed=4, skipped=2, xfailed=1, xpassed=1)
    ran.stdout.fnmatch_lines(
        [
            "specs/items.yaml::GET /health PASSED*",
            "specs/items.yaml::rows?n=1? PASSED*",
            "specs/items.yaml::shaky PASSED*",
            "*flaky, passed at attempt 2; at first status: expected a status below 400, got 503",
            "SKIPPED ?1? specs/items.yaml:16: when target: expected 'live', got 'app'",
            "XFAIL specs/items.yaml::expected - a bug",
            "XPASS specs/items.yaml::lax - a bug",
            "FAILED specs/items.yaml::wrong - json $.method: expected 'POST', got 'GET'",
            "FAILED specs/items.yaml::raises - status: expected 200, got 500",
            "FAILED specs/items.yaml::not expected - expected to fail, and passed: a bug",
        ]
    )
    assert ran.ret == 1
    assert suite.log == ["startup", "setup", "teardown", "shutdown"]


def test_runxfail_takes_no_failure_as_expected(suite: Suite) -> None:
    suite.write("specs/items.yaml", ITEMS)
    ran = suite.run("specs", "--runxfail")
    ran.assert_outcomes(passed=5, failed=4, skipped=2)
    assert "✗ expected" in ran.stdout.str()


def test_a_failure_prints_what_the_console_prints(suite: Suite) -> None:
    suite.write("specs/items.yaml", ITEMS)
    console = subprocess.run(
        [sys.executable, "-m", "asgi_probe", "run"], cwd=suite.root, capture_output=True, encoding="utf-8", check=False
    ).stdout
    told = suite.run("specs").stdout.str()
    for name in ("wrong", "rows[n=2]", "raises"):
        found = re.search(rf"_+ {re.escape(name)} _+\n(.*?)\n(_{{10}}|={{10}})", told, re.DOTALL)
        assert found
        assert f"✗ {name}" in found[1]
        assert timeless(found[1]) in timeless(console)


@pytest.mark.parametrize("color", ["yes", "no"])
def test_colour_is_pytests_decision(suite: Suite, monkeypatch: pytest.MonkeyPatch, color: str) -> None:
    monkeypatch.delenv("NO_COLOR")
    suite.write("specs/items.yaml", "checks: [{get: /status/404}]")
    ran = suite.run("specs", f"--color={color}")
    assert ("\x1b[1;31m  ✗ \x1b[0m" in ran.stdout.str()) is (color == "yes")
    assert "✗" in ran.stdout.str()


@pytest.mark.parametrize(
    ("args", "collected"),
    [
        ((), []),
        (("specs",), ["specs/a.yaml::GET /", "specs/deep/b.yml::GET /b"]),
        (("specs/deep",), ["specs/deep/b.yml::GET /b"]),
        (("specs/a.yaml::GET /",), ["specs/a.yaml::GET /"]),
        (("other/named.yaml",), ["other/named.yaml::GET /named"]),
        (("other",), []),
        ((".",), ["specs/a.yaml::GET /", "specs/deep/b.yml::GET /b"]),
        (("test_x.tavern.yaml",), []),
    ],
)
def test_what_is_collected(suite: Suite, args: tuple[str, ...], collected: list[str]) -> None:
    suite.write("tests/test_none.py", "")
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    suite.write("specs/deep/b.yml", "checks: [{get: /b}]")
    suite.write("specs/.hidden.yaml", "checks: [{get: /hidden}]")
    suite.write("other/named.yaml", "checks: [{get: /named}]")
    suite.write("docker-compose.yml", "services: {}")
    suite.write("test_x.tavern.yaml", "test_name: theirs")
    ran = suite.run("--collect-only", "-q", *args)
    assert [line for line in ran.outlines if "::" in line] == collected
    assert "rror" not in ran.stdout.str()


def test_globs_and_files_in_the_configuration(suite: Suite) -> None:
    suite.write("asgi-probe.toml", 'specs = ["api/*/probes", "one.yaml"]')
    for name in ("api/v1/probes/a.yaml", "api/v1/b.yaml", "one.yaml", "specs/c.yaml"):
        suite.write(name, "checks: [{get: /}]")
    ran = suite.run("--collect-only", "-q", ".")
    assert [line for line in ran.outlines if "::" in line] == ["api/v1/probes/a.yaml::GET /", "one.yaml::GET /"]


@pytest.mark.parametrize("pyproject", [STRICT, STRICT + "[project]\nname = 'x'\ndependencies = ['asgi-probe']"])
def test_a_project_without_specs_is_left_alone(suite: Suite, pyproject: str) -> None:
    suite.write("pyproject.toml", pyproject)
    suite.write("pytest.ini", "[pytest]")
    suite.write("specs/a.yaml", "services: {}")
    suite.write("test_it.py", "import sys\ndef test_it():\n    assert 'httpx' not in sys.modules")
    suite.run(".").assert_outcomes(passed=1)


def test_nothing_is_imported_where_nothing_is_used(suite: Suite) -> None:
    suite.write("docker-compose.yml", "services: {}")
    suite.write(
        "test_it.py",
        """
        import sys

        def test_it():
            heavy = {"httpx", "anyio", "yaml", "typer", "rich", "jinja2", "asgi_probe.engine", "asgi_probe.config"}
            assert heavy.isdisjoint(sys.modules)
            ours = {name for name in sys.modules if name.startswith("asgi_probe")}
            light = ("asgi_probe", "asgi_probe.pytest_plugin", "asgi_probe.testing", "asgi_probe.testing.discovery")
            assert ours <= {*light}
        """,
    )
    suite.run(".").assert_outcomes(passed=1)


def test_all_problems_are_told_as_lint_tells_them(suite: Suite) -> None:
    suite.write("specs/bad.yaml", "checks:\n  - gett: /\n  - get: /${nope}\n    expect: {statuss: 200}\n")
    suite.write("specs/needing.yaml", "needs: [bad.yaml]\nchecks: [{get: /}]")
    lint = subprocess.run(
        [sys.executable, "-m", "asgi_probe", "lint", "specs/bad.yaml"],
        cwd=suite.root,
        capture_output=True,
        encoding="utf-8",
        check=False,
    ).stderr
    ran = suite.run("specs")
    assert "3 problems in 1 file" in lint
    assert ran.stdout.str().count(lint) == 2
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    ran.stdout.fnmatch_lines(["ERROR specs/bad.yaml - specs/bad.yaml:2:5: unknown key 'gett'*"])
    assert suite.log == []


@pytest.mark.parametrize(
    ("args", "environment", "told"),
    [
        (("--probe-app", "app:app", "--probe-target", "app"), {}, "--probe-app and --probe-target exclude each other"),
        (("--probe-app", ""), {}, "--probe-app is empty"),
        (("--probe-target", "apq"), {}, "no target 'apq' is configured: there are app"),
        ((), {"ASGI_PROBE_APP": "a", "ASGI_PROBE_BASE_URL": "b"}, "ASGI_PROBE_APP and ASGI_PROBE_BASE_URL exclude"),
        (("--probe-var", "n"), {}, "--var 'n': expected name=text or name:=JSON"),
    ],
)
def test_contradictions(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    ran = suite.run("specs", *args)
    ran.assert_outcomes(errors=1)
    assert f"error: {told}" in ran.stdout.str()


def test_a_broken_configuration_is_told_with_the_spec(suite: Suite) -> None:
    suite.write("pyproject.toml", CONFIGURED.replace("target =", "targett =") + STRICT)
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    ran = suite.run("specs")
    ran.assert_outcomes(errors=1)
    assert "unknown key 'targett' (did you mean 'target'?)" in ran.stdout.str()


TARGETLESS = '[tool.asgi-probe]\nspecs = ["specs"]\n' + STRICT


def test_no_target_is_an_error_only_where_a_check_runs(suite: Suite) -> None:
    suite.write("pyproject.toml", TARGETLESS)
    suite.write("specs/a.yaml", "checks: [{get: /}, {name: not now, skip: later, get: /}]")
    assert "2 tests collected" in suite.run("--collect-only", "specs").stdout.str()
    ran = suite.run("specs")
    ran.assert_outcomes(errors=1, skipped=1)
    assert "error: no target: say whom to ask with --probe-app module:attribute" in ran.stdout.str()


def test_options_win_over_the_environment(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.write("pyproject.toml", TARGETLESS)
    suite.write("specs/a.yaml", "checks: [{get: '/echo?n=${n}', expect: {json: {query: {n: '7'}}}}]")
    monkeypatch.setenv("ASGI_PROBE_APP", "app:five")
    ran = suite.run("specs", "--probe-var", "n=7")
    ran.assert_outcomes(errors=1)
    assert "'app:five' is of the type 'int'" in ran.stdout.str()
    suite.run("specs", "--probe-var", "n=7", "--probe-app", "app:make_app_later", "--probe-factory").assert_outcomes(
        passed=1
    )
    monkeypatch.setenv("ASGI_PROBE_APP", "app:app")
    suite.run("specs", "--probe-var", "n=7", "--probe-backend", "trio").assert_outcomes(passed=1)


def test_secrets_of_the_environment_are_variables_and_never_told(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGI_PROBE_SECRET_API_KEY", "s3cret-s3cret")
    suite.write(
        "app.py",
        """
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                raise NotImplementedError
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["query_string"]})
            raise ZeroDivisionError(scope["query_string"].decode())
        """,
    )
    suite.write("specs/a.yaml", "checks: [{get: '/?n=${api_key}', expect: {text: n=s3cret-s3cret, status: 201}}]")
    ran = suite.run("specs")
    ran.assert_outcomes(failed=1)
    told = ran.stdout.str()
    assert "> GET http://testserver/?n=***" in told
    assert "ZeroDivisionError: n=***" in told
    assert "s3cret" not in told
    assert "expected 201, got 200" in told
    monkeypatch.setenv("ASGI_PROBE_SECRET_API_KEY", "abc")
    assert "the secret 'api_key' is shorter than 4 characters" in suite.run("specs").stdout.str()


def test_specs_may_ask_several_targets(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    suite.write("specs/b.yaml", "target: {app: 'app:without_lifespan'}\nchecks: [{get: /}]")
    suite.write(
        "specs/c.yaml", "target: {base_url: 'http://127.0.0.1:9'}\nchecks: [{get: /, expect: {error: connect}}]"
    )
    suite.run("specs").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("raises_at_start", "no migrations were found"),
        ("nothing", "has no attribute 'nothing'"),
    ],
)
def test_an_app_that_does_not_start(suite: Suite, app: str, told: str) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /one}, {get: /two}]")
    ran = suite.run("specs", "--probe-app", f"app:{app}")
    ran.assert_outcomes(errors=2)
    assert told in ran.stdout.str()


def test_an_app_that_does_not_stop_makes_the_run_red(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /}, {get: /after}]")
    ran = suite.run("specs", "--probe-app", "app:fails_to_stop")
    ran.assert_outcomes(passed=2)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(
        ["*= asgi-probe =*", "warning: *the mail was not sent*", "error: *pool could not be drained*"]
    )


def test_a_setup_that_fails_is_told_with_the_first_check(suite: Suite) -> None:
    suite.write(
        "specs/a.yaml",
        "setup: [{get: /status/500}]\nteardown: [{get: /noted/torn}]\nchecks: [{get: /one}, {get: /two}]",
    )
    ran = suite.run("specs")
    ran.assert_outcomes(errors=2)
    text = ran.stdout.str()
    assert text.count("✗ setup") == 1
    assert text.count("in setup: GET /status/500") == 1
    assert text.count("error: setup failed: expected a status below 400, got 500") == 2
    assert suite.log == ["startup", "torn", "shutdown"]


def test_a_teardown_that_fails_is_an_error_of_the_last_check(suite: Suite) -> None:
    suite.write("specs/a.yaml", "teardown: [{get: /status/500}]\nchecks: [{get: /one}, {get: /two}]")
    suite.write("specs/b.yaml", "checks: [{get: /}]")
    ran = suite.run("specs")
    ran.assert_outcomes(passed=3, errors=1)
    assert "ERROR at teardown of GET /two" in ran.stdout.str()
    assert "! teardown" in ran.stdout.str()


def test_files_that_are_needed_run_once_and_before(suite: Suite) -> None:
    suite.write(
        "specs/z.yaml",
        """
        setup: [{get: /noted/setup}]
        teardown: [{get: /noted/teardown}]
        checks: [{get: /login/1, save: {user: $.id}}, {get: /noted/check}]
        """,
    )
    for name in "ab":
        suite.write(f"specs/{name}.yaml", "needs: [z.yaml]\nchecks: [{get: '/noted/with${user}'}]")
    suite.run("specs").assert_outcomes(passed=4)
    assert suite.log == ["startup", "setup", "check", "with7", "with7", "teardown", "shutdown"]
    suite.run("specs/b.yaml").assert_outcomes(passed=1)


def test_a_needed_file_that_fails_is_told_though_no_item_does(suite: Suite) -> None:
    suite.write("specs/z.yaml", "checks: [{name: broken, get: /status/500}]")
    suite.write("specs/a.yaml", "needs: [z.yaml]\nchecks: [{get: /}]")
    ran = suite.run("specs/a.yaml", "-rs")
    ran.assert_outcomes(skipped=1)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["*= asgi-probe =*", "*✗ broken*", "*SKIPPED*it needs specs/z.yaml, which failed*"])


@pytest.mark.parametrize(
    ("args", "outcomes"),
    [
        (
            ("-m", "smoke and has_dash and not slow"),
            {"passed": 3, "failed": 3, "skipped": 2, "xfailed": 1, "xpassed": 1},
        ),
        (("-m", "slow"), {"failed": 1}),
        (("-k", "rows"), {"passed": 1, "failed": 1}),
        (("-k", "has-dash and wrong"), {"failed": 1}),
        (("-x",), {"passed": 1, "failed": 1}),
        (("specs/items.yaml::rows[n=2]",), {"failed": 1}),
        (("specs/items.yaml::rows",), {"passed": 1, "failed": 1}),
    ],
)
def test_selecting(suite: Suite, args: tuple[str, ...], outcomes: dict[str, int]) -> None:
    suite.write("specs/items.yaml", ITEMS)
    named = () if args[0].startswith("specs") else ("specs",)
    ran = suite.run(*named, *args)
    deselected = ran.parseoutcomes().get("deselected", 0)
    ran.assert_outcomes(**outcomes, deselected=deselected)
    assert suite.log == ["startup", "setup", "teardown", "shutdown"]


def test_what_failed_last(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    suite.write("specs/items.yaml", ITEMS)
    suite.run("specs").assert_outcomes(passed=4, failed=4, skipped=2, xfailed=1, xpassed=1)
    suite.run("specs", "--lf").assert_outcomes(failed=4)


def test_tags_that_are_markers_of_others_do_nothing(suite: Suite) -> None:
    suite.write("specs/a.yaml", "tags: [skip, 2nd, anyio, 'größe']\nchecks: [{get: /}]")
    suite.run("specs", "-m", "tag_2nd and größe").assert_outcomes(passed=1)
    assert "@pytest.mark" not in suite.run("specs", "-rA").stdout.str()


@pytest.mark.parametrize(
    ("tag", "name"),
    [("smoke", "smoke"), ("has-dash", "has_dash"), ("2fa", "tag_2fa"), ("_x", "tag__x"), ("a.b", "a_b")],
)
def test_a_tag_as_a_marker(tag: str, name: str) -> None:
    assert marker_name(tag) == name


def test_secrets_stand_in_no_name(suite: Suite) -> None:
    top = "secrets: [key]\nvars: {key: hunter22}\n"
    suite.write(
        "specs/a.yaml",
        f"{top}checks: [{{name: 'of ${{key}}', each: [{{key: hunter23}}, {{a: '${{key}}'}}], get: /}}]",
    )
    told = suite.run("specs", "-v", "-rA").stdout.str()
    assert "hunter" not in told
    assert "specs/a.yaml::of ***[key=***]" in told


def test_junit(suite: Suite) -> None:
    suite.write("specs/items.yaml", ITEMS)
    suite.run("specs", "--junitxml=junit.xml")
    cases = {case.get("name"): case for case in ET.parse(suite.root / "junit.xml").iter("testcase")}
    assert cases.keys() >= {"GET /health", "rows[n=2]", "shaky"}
    failure = cases["wrong"].find("failure")
    assert failure is not None
    assert failure.get("message") == "json $.method: expected 'POST', got 'GET'"
    assert (failure.text or "").startswith("  ✗ wrong")
    assert cases["shaky"].find("properties/property").attrib == {"name": "asgi_probe_outcome", "value": "flaky"}  # type: ignore[union-attr]


@needs("xdist")
@pytest.mark.parametrize("how", ["load", "loadfile"])
def test_xdist(suite: Suite, how: str) -> None:
    suite.write("specs/items.yaml", ITEMS)
    suite.write("specs/other.yaml", "setup: [{get: /noted/other}]\nchecks: [{get: /}, {get: /more}]")
    ran = suite.run("specs", "-n", "2", "--dist", how, plugins=("xdist.plugin",))
    ran.assert_outcomes(passed=5, failed=4, skipped=2, xfailed=1, xpassed=1)
    assert suite.log.count("startup") == suite.log.count("shutdown") <= 2
    assert suite.log.count("setup") == suite.log.count("teardown")
    if how == "loadfile":
        assert sorted(suite.log) == sorted([*["startup", "shutdown"] * 2, "setup", "teardown", "other"])


@needs("xdist")
def test_what_a_worker_has_to_say(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /}, {get: /after}]")
    ran = suite.run("specs", "-n", "1", "--probe-app", "app:fails_to_stop", plugins=("xdist.plugin",))
    ran.assert_outcomes(passed=2)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(
        ["*= asgi-probe =*", "warning: *the mail was not sent*", "error: *pool could not be drained*"]
    )


def test_what_the_app_prints_is_captured_by_pytest(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /print, expect: 404}]")
    ran = suite.run("specs")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*Captured stdout call*", "the app prints", "the app writes"])


@needs("sqlalchemy")
def test_connections_to_databases_are_closed(suite: Suite) -> None:
    (suite.root / "x.db").touch()
    suite.write(
        "specs/a.yaml",
        "checks: [{get: /, verify: [{sql: select 1 as one, database: 'sqlite:///x.db', rows: [{one: 1}]}]}]",
    )
    suite.run("specs").assert_outcomes(passed=1)


def test_interrupted(suite: Suite) -> None:
    suite.write(
        "specs/a.yaml",
        """
        teardown: [{get: /noted/torn}]
        checks: [{steps: [{get: /hang/1, timeout: 1h}], finally: [{get: /noted/last}]}]
        """,
    )
    suite.write(
        "conftest.py",
        """
        import os, signal, threading, time
        from pathlib import Path

        def interrupt():
            while "hangs 1" not in (Path("log.txt").read_text() if Path("log.txt").exists() else ""):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        def pytest_runtest_call(item):
            threading.Thread(target=interrupt, daemon=True).start()
        """,
    )
    ran = suite.run("specs")
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    assert suite.log == ["startup", "hangs 1", "left 1", "last", "torn", "shutdown"]


def test_beside_tests_of_ones_own(suite: Suite) -> None:
    suite.write("specs/items.yaml", "checks: [{get: /}]")
    suite.write("specs/test_own.py", "def test_own(): pass")
    suite.run("specs").assert_outcomes(passed=2)


def test_a_project_above_the_rootdir(suite: Suite, pytester: pytest.Pytester) -> None:
    suite.write("services/shop/asgi-probe.toml", 'target = "app"\n[targets.app]\napp = "app:app"')
    suite.write("services/shop/specs/a.yaml", "checks: [{get: /}]")
    (suite.root / "services/shop/app.py").write_text((suite.root / "app.py").read_text())
    ran = suite.run("services/shop/specs")
    ran.assert_outcomes(passed=1)
    assert (Path(suite.root) / "services/shop/log.txt").exists()


def test_the_app_is_left_after_the_last_check_of_it(suite: Suite) -> None:
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    suite.write("specs/b.yaml", "checks: [{get: /}]")
    suite.write("test_hand.py", "def test_hand(probe_client):\n    assert probe_client.get('/').status_code == 200\n")
    ran = suite.run("specs/a.yaml", "specs/b.yaml", "test_hand.py")
    ran.assert_outcomes(passed=3)
    assert suite.log == ["startup", "shutdown"] * 2
