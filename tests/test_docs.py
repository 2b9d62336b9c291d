"""The documents say what is: their examples stem from files that run, their tables name what exists, and all of it.

`UPDATE_GOLDEN=1` pastes the README's output anew: read the difference before you commit it.
"""

import os
import re
import shlex
import shutil
from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer

from asgi_probe.cli.app import app
from asgi_probe.config import _TARGET_KEYS, Config, read_config
from asgi_probe.engine.events import (
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import (
    Body,
    Mismatch,
    Outcome,
    RequestRecord,
    ResponseRecord,
    SaidRecord,
    ThresholdVerdict,
    Times,
)
from asgi_probe.engine.sql import SQL
from asgi_probe.errors import ExitCode
from asgi_probe.exchange import FAILURE_KINDS
from asgi_probe.judge.compiler import COMBINERS
from asgi_probe.judge.cookies import ATTRIBUTES
from asgi_probe.judge.kinds import KINDS
from asgi_probe.judge.markup import PARTS
from asgi_probe.judge.matchers import TESTS
from asgi_probe.judge.save import FORMS, SOURCES
from asgi_probe.reporters.ndjson import as_data
from asgi_probe.reporters.reports import KINDS as REPORTS
from asgi_probe.spec import shapes
from asgi_probe.spec.functions import FILTERS, FUNCTION_NAMES
from asgi_probe.target.probe import Probe, ProbeTarget
from tests.documents import (
    BLOCK,
    README,
    REFERENCE,
    ROOT,
    blocks,
    named,
    probe,
    read,
    section,
    served,
    table,
    tables,
    tour,
)

# examples


def stands_in(part: str, whole: str) -> bool:
    """Whether the lines follow each other in a text, indented as far or further."""
    wanted, lines = dedent(part).splitlines(), whole.splitlines()
    starts = range(len(lines) - len(wanted) + 1)
    return any(dedent("\n".join(lines[at : at + len(wanted)])).splitlines() == wanted for at in starts)


MARKED = [
    (document, mark.removeprefix("from "), text)
    for document in (README, REFERENCE)
    for language in ("yaml", "python")
    for mark, text in blocks(document, language)
    if mark.startswith("from ")
]


@pytest.mark.parametrize(
    ("document", "name", "text"), MARKED, ids=[f"{name}-{at}" for at, (_, name, _) in enumerate(MARKED)]
)
def test_an_example_stands_in_its_file(document: Path, name: str, text: str) -> None:
    assert stands_in(text, read(document.parent / name))


@pytest.mark.parametrize("language", ["yaml", "python"])
def test_all_examples_of_the_reference_stem_from_files_or_run(language: str) -> None:
    assert [text for mark, text in blocks(REFERENCE, language) if not mark.startswith(("from ", "runs"))] == []
    assert len(MARKED) > 20


def test_every_spec_is_in_the_list() -> None:
    listed = set(re.findall(r"\]\(([\w/]+\.yaml)\)", section("The spec language")))
    assert listed == {path.relative_to(ROOT / "specs").as_posix() for path in (ROOT / "specs").rglob("*.yaml")}


def test_the_first_diagnostic_is_a_real_one(tmp_path: Path) -> None:
    broken = read(ROOT / "specs" / "first.yaml").replace("    expect:\n", "    expects:\n")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "first.yaml").write_text(broken)
    (shown,) = [text for _, text in blocks(REFERENCE, "")]
    ran = probe(tmp_path, "lint", "specs")
    assert ran.returncode == ExitCode.USAGE
    assert shown in ran.stderr


def stable(output: str) -> str:
    """The output without what differs from run to run, and from machine to machine."""
    output = re.sub(r"\b[\d.]+ (ms|s)\b", "TIME", output)
    output = re.sub(r"requests?, [\d,.]+ a second|[\d,.]+ requests/s", "RATE", output)
    output = re.sub(r"accept-encoding: .*", "accept-encoding: …", output)
    output = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+", "MOMENT", output)
    return re.sub(r" +TIME", " TIME", output).strip()


def test_what_a_failure_looks_like_is_pasted_from_a_real_one(tmp_path: Path) -> None:
    ((_, spec),) = [block for block in blocks(README, "yaml") if block[0] == "melons.yaml"]
    ((_, shown),) = [block for block in blocks(README, "console") if block[0] == "output of melons.yaml"]
    (tmp_path / "melons.yaml").write_text(spec)
    command, _, output = shown.partition("\n")
    ran = probe(tmp_path, *command.removeprefix("$ asgi-probe ").split())
    assert ran.returncode == ExitCode.FAILED
    if os.environ.get("UPDATE_GOLDEN"):
        README.write_text(read(README).replace(output, ran.stdout), encoding="utf-8")
        output = ran.stdout
    assert stable(ran.stdout) == stable(output)


def test_what_the_console_shows_is_what_it_is_held_to() -> None:
    parts = [(mark.removeprefix("part of "), text) for mark, text in blocks(REFERENCE, "text")]
    assert parts
    assert [
        name for name, text in parts if not stands_in(text, read(ROOT / "tests" / "golden" / name / "stdout"))
    ] == []


def test_the_first_example_is_green(tmp_path: Path) -> None:
    ((_, spec),) = [block for block in blocks(README, "yaml") if block[0] == "runs"]
    (tmp_path / "items.yaml").write_text(spec)
    ran = probe(tmp_path, "run", "--app", "asgi_probe.demo:app", "items.yaml")
    assert ran.returncode == ExitCode.GREEN, ran.stdout + ran.stderr


def test_what_a_newcomer_may_pick_is_there(tmp_path: Path) -> None:
    (picking,) = [text for _, text in blocks(README, "console") if "--last-failed" in text]
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for line in picking.splitlines():
        ran = probe(tmp_path, *shlex.split(line.removeprefix("$ asgi-probe "), comments=True))
        assert ran.returncode == ExitCode.GREEN, line + ran.stdout + ran.stderr


def test_a_newcomer_has_two_commands() -> None:
    shell = [text for _, text in blocks(README, "sh")]
    assert [text.count("\n") for text in shell] == [1, 1]
    install_and_run, test = shell
    assert install_and_run.endswith(".venv/bin/asgi-probe run\n")
    assert test.endswith(".venv/bin/python -m pytest\n")


# the tour: a project that stands in the README, file by file


def test_the_tour_is_green_in_process_and_live(tmp_path: Path) -> None:
    (commands,) = [text for _, text in blocks(README, "console") if "--target staging" in text]
    assert commands.splitlines() == ["$ asgi-probe run", "$ asgi-probe run --target staging"]
    with served() as base_url:
        tour(tmp_path, base_url)
        for arguments in ((), ("--target", "staging")):
            ran = probe(tmp_path, "run", *arguments)
            assert ran.returncode == ExitCode.GREEN, ran.stdout + ran.stderr
            assert "6 passed" in ran.stdout
            assert "skipped" not in ran.stdout


def test_the_tour_looks_into_the_database(tmp_path: Path) -> None:
    tour(tmp_path, "http://127.0.0.1:9")
    spec = tmp_path / "specs" / "probes.py"
    spec.write_text(spec.read_text().replace('"confirmed"', '"lost"'))
    ran = probe(tmp_path, "run")
    assert ran.returncode == ExitCode.FAILED
    assert "the order is confirmed" in ran.stdout


def test_the_commands_that_merge_do(tmp_path: Path) -> None:
    ((_, commands),) = [block for block in blocks(REFERENCE, "console") if block[0] == "runs merge"]
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for line in commands.splitlines():
        ran = probe(tmp_path, *shlex.split(line.removeprefix("$ asgi-probe ")))
        assert ran.returncode == ExitCode.GREEN, line + ran.stdout + ran.stderr
    assert (tmp_path / "all.ndjson").exists()


@pytest.mark.parametrize(
    ("document", "names"), [(README, {"app", "staging"}), (REFERENCE, {"app", "local", "staging"})]
)
def test_configurations_can_be_read(document: Path, names: set[str], tmp_path: Path) -> None:
    ((_, text),) = blocks(document, "toml")
    (tmp_path / "pyproject.toml").write_text(text)
    config = read_config(tmp_path)
    assert config.target == "app"
    assert config.targets.keys() == names
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "asgi-probe.toml").write_text(text.replace("[tool.asgi-probe]\n", "").replace("tool.asgi-probe.", ""))
    assert read_config(tmp_path).targets == config.targets


@pytest.mark.parametrize("document", [README, REFERENCE])
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        linked = document.parent / name if name else document
        assert linked.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", read(linked), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, link


# tables


def keys_of(title: str) -> list[str]:
    return [name for heading, *rows in tables(section(title)) if heading[0] == "key" for name in named(rows)]


STEP_KEYS = {"expect", "save", "verify", "delay", "retry", "poll", "when"}
REQUEST_KEYS = shapes.STEP.keys() - {*shapes.METHODS, "request"} - STEP_KEYS


@pytest.mark.parametrize(
    ("documented", "existing"),
    [
        (lambda: keys_of("A file"), {*shapes.SPEC}),
        (lambda: keys_of("A check"), {*shapes.CHECK, *shapes.STEPS, *STEP_KEYS}),
        (lambda: keys_of("A request"), REQUEST_KEYS),
        (lambda: keys_of("Procedures"), {*shapes.USE, "name"}),
        (lambda: keys_of("Python and databases"), {*shapes.CALL}),
        (lambda: keys_of("Looking into a database"), {*SQL}),
        (lambda: keys_of("Expectations"), {*shapes.EXPECT}),
        (lambda: keys_of("Configuration"), {each.name for each in fields(Config)} - {"root", "file"}),
        (lambda: named(table("`auth`")), {*shapes.AUTH}),
        (lambda: named(table("`error`")), {*FAILURE_KINDS, "any"}),
        (lambda: named(table("matcher")), {*TESTS, *COMBINERS, "$because"}),
        (lambda: named(table("`$is`")), {*KINDS}),
        (lambda: named(table("function")), {*FUNCTION_NAMES}),
        (lambda: named(table("filter")), {*FILTERS}),
        (lambda: named(table("source")), {"$.id", *SOURCES} - {"$.PATH"}),
        (lambda: named(table("`as`")), {*FORMS}),
        (lambda: named(table("`probe.`")), {name for name in dir(Probe) if not name.startswith("_")}),
        (lambda: named(table("key of a target")), {*_TARGET_KEYS}),
        (lambda: named(table("outcome")), {*Outcome}),
    ],
)
def test_a_table_names_all_that_exists_and_nothing_else(documented, existing: set[str]) -> None:
    assert existing
    assert set(documented()) == existing


WORDS = {
    "A request": {*shapes.METHODS, "request", *shapes.REQUEST, *shapes.PART, *shapes.BODY, *shapes.GRAPHQL},
    "Rows": {"each", "matrix", "repeat", *shapes.ROWS_FILE},
    "Conditions": {"when", "target", "target_name", "env"},
    "Known to fail": {"xfail", *shapes.XFAIL},
    "Locks": {"lock"},
    "Retry": {*shapes.RETRY},
    "Poll": {*shapes.POLL},
    "Secrets": {"secrets", "secret"},
    "Expectations": {*ATTRIBUTES, *PARTS, "length", "sha256", "md5", "starts_with"},
    "Saving": {*shapes.SAVE},
    "The probe": {each.name for each in fields(ProbeTarget)},
    "Configuration": {"wait", "url", "within"},
}
"""What a section must speak of, in its text or its examples."""


@pytest.mark.parametrize(("title", "words"), WORDS.items(), ids=WORDS)
def test_a_section_speaks_of_its_words(title: str, words: set[str]) -> None:
    assert words
    text = section(title)
    code = " ".join(found["text"] for found in BLOCK.finditer(text)) + " "
    code += " ".join(re.findall(r"`([^`]+)`", BLOCK.sub("", text)))
    assert {word for word in words if not re.search(rf"\b{word}\b", code)} == set()


@pytest.mark.parametrize("title", ["Retry", "Poll", "Known to fail", "Rows"])
def test_a_section_knows_no_other_keys(title: str) -> None:
    """What is written as a key in braces exists."""
    known = {*shapes.SPEC, *shapes.CHECK, *shapes.STEPS, *shapes.STEP, *shapes.USE, *shapes.EXPECT}
    known |= {*shapes.RETRY, *shapes.POLL, *shapes.XFAIL, *shapes.ROWS_FILE}
    text = BLOCK.sub("", section(title))
    told = {key for braces in re.findall(r"`\{([^`]*)\}`", text) for key in re.findall(r"(\w+):", braces)}
    assert told - known == set()


@pytest.mark.parametrize("document", [README, REFERENCE])
def test_exit_codes(document: Path) -> None:
    codes = [int(code) for row in table("exit code", document) for code in row[0].split(",")]
    assert codes == [*ExitCode]


def commands() -> dict[str, Any]:
    """Every command by its name."""
    root = typer.main.get_command(app)
    context = typer.Context(root)
    return {name: root.get_command(context, name) for name in root.list_commands(context)}


def options() -> dict[str, str | None]:
    """Every flag of every command, with its variable of the environment."""
    return {
        name: parameter.envvar
        for command in (typer.main.get_command(app), *commands().values())
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_flag_is_documented_with_its_variable() -> None:
    told = [row for heading, *rows in tables(read(REFERENCE)) if heading[0] == "flag" for row in rows]
    rows = {name: row for row in told for name in re.findall(r"`(-[^`]+)`", row[0])}
    of_all = set(re.findall(r"`(?:asgi-probe )?(--?[\w-]+)`", "\n".join(row[0] + row[1] for row in table("command"))))
    flags = {name: variable for name, variable in options().items() if name not in of_all}
    assert rows.keys() == flags.keys()
    for name, variable in flags.items():
        variables = re.findall(r"`(\w+)`", rows[name][1])
        assert (variable in variables) if variable else not variables, name
    assert {"--version", "-V", "--install-completion", "--show-completion"} <= of_all


def test_the_readme_knows_only_flags_that_exist() -> None:
    flags = options()
    told = set(named(table("flag", README))) | set(
        re.findall(r"(?<=\s)--?[a-z][\w-]*", "".join(text for _, text in blocks(README, "console")))
    )
    assert {name for name in told if name.startswith("-") and name not in flags} - {"-r"} == set()


def test_every_command_is_documented() -> None:
    told = {name.split()[1] for name in named(table("command"))}
    assert {name for name in told if not name.startswith("--")} == commands().keys()


MISMATCH = Mismatch("status", "", "m", 1, 2, "a.yaml", 1, 1)
BODY = Body("x", 1)
EVENTS = [
    RunStarted("0", TargetInfo("app", "app", "a"), (), 0, 1, ""),
    CheckStarted("", "", 1, "", (), "", trace_id="x"),
    StepFinished(
        "",
        "",
        "steps",
        Outcome.FAILED,
        0.0,
        file="a.yaml",
        said=(SaidRecord("log", "x"),),
        stumbles=("x",),
        span_id="x",
        traceback="x",
    ),
    CheckFinished("", Outcome.FAILED, 0.0),
    Warned(""),
    RunFinished({}, 0.0, 0, None, times=Times(1, *5 * (0.1,)), thresholds=(ThresholdVerdict("", True, ""),)),
]


WORDS_OF_EVENTS = {
    "name",
    "kind",
    "address",
    "null",
    "interrupted",
    "app",
    "hook",
    *("count", "mean", "p50", "p95", "p99", "longest", "histogram"),
    *("text", "holds", "told", "actual", "warns"),
    *("setup", "steps", "finally", "teardown", "fixture"),
}
"""What stands in the table beside the fields."""


def test_the_event_stream() -> None:
    rows = {name: set(re.findall(r"`(\w+)`", row[1])) for row in table("`event`") for name in named([row])}
    fields_of = {data["event"]: data.keys() - {"event"} for data in map(as_data, EVENTS)}
    assert rows.keys() == fields_of.keys()
    for name, existing in fields_of.items():
        assert existing - rows[name] == set(), name
        assert rows[name] - existing <= WORDS_OF_EVENTS, name


def test_every_report_is_documented() -> None:
    assert set(named(table("report"))) == REPORTS.keys()


def test_what_is_inside_events() -> None:
    request, response = RequestRecord("GET", "/", (), BODY), ResponseRecord(200, (), BODY, "HTTP/1.1")
    step = StepFinished(
        "",
        "",
        "steps",
        Outcome.FAILED,
        0.0,
        request=request,
        response=response,
        mismatches=(MISMATCH,),
        said=(SaidRecord("log", "x"),),
    )
    data = as_data(step)
    text = section("The event stream")
    for name, inside in {
        "request": data["request"],
        "response": data["response"],
        "mismatch": data["mismatches"][0],
        "said": data["said"][0],
    }.items():
        (keys,) = re.findall(rf"{name}`? is (?:a list of )?`\{{([^`]*)\}}`|`{name}` `\{{([^`]*)\}}`", text)
        assert set("".join(keys).split(", ")) == inside.keys(), name
