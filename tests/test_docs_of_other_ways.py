"""What the documents say of the ways in beside `asgi-probe run`: one request, Python, pytest. Their examples run."""

import inspect
import re
import shlex
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import typer

import asgi_probe
from asgi_probe.cli import oneshot
from asgi_probe.cli.app import app
from asgi_probe.cli.expecting import _OPERATOR
from asgi_probe.engine.results import Outcome
from asgi_probe.library import CheckInfo, Result, Specs
from asgi_probe.testing.items import _ACTING, marker_name
from tests.documents import (
    BLOCK,
    README,
    REFERENCE,
    ROOT,
    blocks,
    named,
    ran,
    real,
    section,
    served,
    table,
    tables,
    tour,
)


def code(text: str) -> set[str]:
    """What stands in code in the lines of a text, its blocks left out."""
    return set(re.findall(r"`([^`]+)`", BLOCK.sub("", text)))


# one request


@pytest.mark.parametrize(("document", "lines"), [(README, 3), (REFERENCE, 8)])
def test_every_request_is_green(document: Path, lines: int, tmp_path: Path) -> None:
    (shown,) = [text for mark, text in blocks(document, "console") if mark == "runs"]
    assert shown.count("asgi-probe ") == shown.count("\n$ ") + 1 == lines
    script = re.sub(r"^\$ ", "", shown, flags=re.MULTILINE)
    script = script.replace("asgi-probe ", f"{shlex.quote(sys.executable)} -m asgi_probe ") + 'echo "the item $id"\n'
    with served() as base_url:
        done = ran(tmp_path, "sh", "-e", "-c", real(script, base_url))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("✓ ") == lines
    assert done.stdout.splitlines()[-1] == "the item 1"


def flags(command: str, panel: str = "") -> set[str]:
    """The flags of a command, if a panel of its help is named those there."""
    root = typer.main.get_command(app)
    found = root.get_command(typer.Context(root), command)
    return {
        name
        for parameter in found.params
        if parameter.param_type_name == "option" and panel in (parameter.rich_help_panel or "")
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


@pytest.mark.parametrize("command", [*oneshot.METHODS, oneshot.ANY_METHOD])
def test_the_flags_of_one_request(command: str) -> None:
    (rows,) = [rows for heading, *rows in tables(section("One request")) if heading[0] == "flag"]
    own = flags(command) - flags("run")
    assert set(named(rows)) == own
    (sentence,) = re.findall(r"but for\n?(.*?)\. If all is well", section("One request"), re.DOTALL)
    left_out, _, others = sentence.partition(", and so do ")
    shared = (flags("run", "Whom to ask") - code(left_out)) | code(others)
    assert flags(command) == own | shared
    assert not shared & own
    assert shared <= flags("run")


def test_the_operators_of_an_expectation() -> None:
    assert {name for row in table("operator") for name in code(row[0])} == set(_OPERATOR.pattern.split("|"))


# Python


def scripts(document: Path) -> list[str]:
    return [text for mark, text in blocks(document, "python") if mark == "runs" and "import asgi_probe\n" in text]


SCRIPTS = [*scripts(README), *scripts(REFERENCE)]


def run_script(project: Path, script: str):
    """Run it in the README's project, or in one with the specs of this one."""
    if script == SCRIPTS[0]:
        tour(project, "http://127.0.0.1:9")
    else:
        shutil.copytree(ROOT / "specs", project / "specs", dirs_exist_ok=True)
        shutil.copy(ROOT / "pyproject.toml", project)
    (project / "smoke.py").write_text(real(script, ""), encoding="utf-8")
    return ran(project, sys.executable, "smoke.py")


@pytest.mark.parametrize("script", SCRIPTS, ids=["readme", "run", "load"])
def test_a_script_runs(tmp_path: Path, script: str) -> None:
    done = run_script(tmp_path, script)
    assert (done.returncode, done.stderr) == (0, "")
    if "print" in script:
        assert "specs/items.yaml:" in done.stdout
    else:
        assert done.stdout == ""


@pytest.mark.parametrize("script", SCRIPTS[:2], ids=["readme", "run"])
def test_a_script_tells_what_failed(tmp_path: Path, script: str) -> None:
    red = tmp_path / "specs" / "red.yaml"
    red.parent.mkdir()
    red.write_text("checks: [{get: /health, tags: smoke, expect: 404}]")
    done = run_script(tmp_path, script)
    assert done.returncode == 1
    assert "specs/red.yaml:1:46: status: expected 404, got 200" in done.stderr


def test_the_parameters_of_run() -> None:
    first, *others = inspect.signature(asgi_probe.run).parameters.values()
    assert set(named(table("parameter"))) == {first.name, *(each.name for each in others)}
    assert all(each.kind is each.KEYWORD_ONLY and each.default is not each.empty for each in others)
    assert first.default == ()


def test_what_load_takes_and_gives() -> None:
    (takes, specs, check) = re.findall(
        r"`asgi_probe.load`.*? it takes (.*?)\. It gives `Specs`: (.*?), a `CheckInfo` each with (.*?)\.\n",
        section("From Python"),
        re.DOTALL,
    )[0]
    assert code(takes) == {*inspect.signature(asgi_probe.load).parameters}
    assert code(specs) == {each.name for each in fields(Specs)}
    assert code(check) == {each.name for each in fields(CheckInfo)}


def test_what_a_result_has() -> None:
    assert set(named(table("`result.`"))) == {name for name in dir(Result) if not name.startswith("_")}


def test_what_is_raised() -> None:
    errors = {
        name: found
        for name in asgi_probe.__all__
        if isinstance(found := getattr(asgi_probe, name), type) and issubclass(found, asgi_probe.ProbeError)
    }
    told = {code(row[0]).pop(): int(row[2]) for row in table("raised")}
    assert told == {name: error.exit_code for name, error in errors.items() if name != "ProbeError"}


def test_all_that_is_public_is_told() -> None:
    text = section("From Python")
    told = code(text) | {name.removeprefix("asgi_probe.") for name in code(text)}
    assert {*asgi_probe.__all__} - told - {"Probe", "blocking", "__version__"} == set()


# pytest


def pytest_ran(folder: Path, *arguments: str):
    plugins = ("-p", "asgi_probe.pytest_plugin", "-p", "anyio.pytest_plugin", "-p", "no:cacheprovider")
    return ran(folder, sys.executable, "-m", "pytest", *plugins, *arguments)


def test_the_tours_specs_and_tests_in_pytest(tmp_path: Path) -> None:
    tour(tmp_path, "http://127.0.0.1:9")
    done = pytest_ran(tmp_path, "specs", "tests")
    assert done.returncode == 0, done.stdout
    assert re.search(r"= 8 passed in ", done.stdout), done.stdout


def test_tests_by_hand(tmp_path: Path) -> None:
    found = {mark: text for mark, text in blocks(REFERENCE, "python") if "import pytest\n" in text}
    assert found.keys() == {"runs", "runs conftest.py"}
    tour(tmp_path, "http://127.0.0.1:9")
    tests = tmp_path / "tests"
    (tests / "test_shop.py").write_text(found["runs"])
    alone = pytest_ran(tmp_path, "tests")
    assert re.search(r"= 3 passed in ", alone.stdout), alone.stdout
    (tests / "conftest.py").write_text(real(found["runs conftest.py"], ""))
    once = pytest_ran(tmp_path, "tests", "-o", "probe_app_scope=session", "-k", "health")
    assert re.search(r"= 1 passed, 1 deselected in ", once.stdout), once.stdout
    overridden = pytest_ran(tmp_path, "tests", "--probe-base-url", "http://127.0.0.1:9")
    assert re.search(r"= 2 passed in ", overridden.stdout), overridden.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the plugin's options."""
    return pytest_ran(tmp_path_factory.mktemp("help"), "--help").stdout


def test_the_options_of_the_plugin(told: str) -> None:
    options = re.findall(r"^  (--probe-[\w-]+)(.*\n(?: {4}.*\n)*)", told, re.MULTILINE)
    variables = {option: "".join(re.findall(r"\[([A-Z_]+)\]", text)) for option, text in options}
    assert variables == {code(row[0]).pop(): "".join(code(row[1])) for row in table("option")}


def test_the_ini_options_of_the_plugin(told: str) -> None:
    assert set(named(table("ini option"))) == set(re.findall(r"^  (probe_\w+) \(string\)", told, re.MULTILINE))


def test_the_fixtures_of_the_plugin(tmp_path: Path) -> None:
    existing = set(re.findall(r"^(\w+) .*-- .*asgi_probe", pytest_ran(tmp_path, "--fixtures").stdout, re.MULTILINE))
    assert set(named(table("fixture"))) == existing


def test_every_outcome_is_one_in_pytest() -> None:
    assert set(named(table("the check"))) == {*Outcome}


def test_how_tags_become_markers() -> None:
    text = section("In a pytest suite")
    examples = re.findall(r"`([^`]+)` is `(\w+)`", re.search(r"\*\*Tags\*\*.*", text)[0])
    assert examples
    assert [marker_name(tag) for tag, _ in examples] == [name for _, name in examples]
    (acting,) = re.findall(r"does something \((.*?) …\)", text)
    assert code(acting) <= _ACTING
