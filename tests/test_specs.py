"""The shipped specs: all green in process and live, on both event loops, and nothing of the language left out."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asgi_probe.engine.sql import SQL
from asgi_probe.exchange import FAILURE_KINDS
from asgi_probe.judge.compiler import COMBINERS
from asgi_probe.judge.cookies import ATTRIBUTES
from asgi_probe.judge.kinds import KINDS
from asgi_probe.judge.matchers import TESTS
from asgi_probe.judge.save import FORMS, SOURCES
from asgi_probe.spec import shapes
from asgi_probe.spec.functions import FILTERS, FUNCTION_NAMES
from asgi_probe.spec.source import Mapping, Node, Problems, Scalar, Sequence, Source
from asgi_probe.spec.yaml import compose

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("ASGI_PROBE_", "SHOP_")) and name != "DEMO_DATABASE"
}


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The base URL of the demo app, served by uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "asgi_probe.demo:app", "--fd", str(listening.fileno())),
                # some specs leave requests behind that would take half a minute
                *("--timeout-graceful-shutdown", "1"),
            ],
            cwd=ROOT,
            env=ENVIRONMENT,
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)


def run(report: Path, *arguments: str, environment: dict[str, str] | None = None) -> list[dict]:
    """The events of a run of the shipped specs, all of them unless some are named, through the real command line."""
    ran = subprocess.run(
        [sys.executable, "-m", "asgi_probe", "run", "--no-cache", "--report", f"ndjson={report}", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT | (environment or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def text_at(mapping: Mapping, key: str) -> str | None:
    entry = mapping.entries.get(key)
    return entry.value.text if entry and isinstance(entry.value, Scalar) else None


def texts_at(mapping: Mapping, key: str) -> set[str]:
    entry = mapping.entries.get(key)
    node = entry.value if entry else None
    items = node.items if isinstance(node, Sequence) else [node]
    return {item.text for item in items if isinstance(item, Scalar)}


def is_left_out(check: Mapping, kind: str) -> bool:
    """Whether the spec itself says that the check is skipped where a target of that kind is asked."""
    when = check.entries["when"].value if "when" in check.entries else None
    if not isinstance(when, Mapping):
        return "skip" in check.entries
    return text_at(when, "target") not in (kind, None) or any(name.startswith("env.") for name in when.entries)


def expected(kind: str, backend: str) -> tuple[set[str], set[str]]:
    """The files that are to run, and the ids of the checks that are to be skipped."""
    files, skipped = set(), set()
    for path in SPECS:
        spec = compose_spec(path)
        for check in spec.entries["checks"].value.items if "checks" in spec.entries else ():
            if backend == "trio" and "asyncio" in texts_at(spec, "tags") | texts_at(check, "tags"):
                continue
            files.add(path.relative_to(ROOT).as_posix())
            if is_left_out(check, kind):
                skipped.add(f"{path.relative_to(ROOT).as_posix()}::{text_at(check, 'name')}")
    return files, skipped


def assert_green(events: list[dict], kind: str, backend: str) -> None:
    outcomes = {
        event["id"]: event["outcome"]
        for event in events
        if event["event"] == "check_finished" and not event["id"].endswith(("::setup", "::teardown"))
    }
    files, skipped = expected(kind, backend)
    assert {id_.partition("::")[0] for id_ in outcomes} == files
    assert {id_ for id_, outcome in outcomes.items() if outcome == "skipped"} == skipped
    assert {id_ for id_, outcome in outcomes.items() if outcome == "xfailed"} == {
        "specs/conditions.yaml::known to fail"
    }
    assert set(outcomes.values()) == {"passed", "flaky", "skipped", "xfailed"}
    assert [event for event in events if event["event"] == "warning"] == []


ON_BOTH_LOOPS = pytest.mark.parametrize(
    ("backend", "arguments"),
    [("asyncio", ()), ("trio", ("--backend", "trio", "-t", "not asyncio"))],
    ids=["asyncio", "trio"],
)


@ON_BOTH_LOOPS
def test_all_specs_are_green_in_process(backend: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert_green(run(tmp_path / "report.ndjson", *arguments), "app", backend)


@ON_BOTH_LOOPS
def test_all_specs_are_green_live(backend: str, arguments: tuple[str, ...], shop: str, tmp_path: Path) -> None:
    events = run(tmp_path / "report.ndjson", *arguments, "--base-url", shop, "--wait", "20s")
    assert_green(events, "live", backend)


def test_another_target_has_variables_and_dependencies_of_its_own(tmp_path: Path) -> None:
    events = run(tmp_path / "report.ndjson", "--targets", "demo,demo-dollars", "-v", "specs/targets.yaml")
    prices = [
        json.loads(event["response"]["body"])["price"]
        for event in events
        if event["event"] == "step_finished" and "currency" in event["request"]["url"]
    ]
    assert prices == [0.54, 1.0]


def test_the_database_of_the_demo_can_be_looked_into(tmp_path: Path) -> None:
    events = run(
        tmp_path / "report.ndjson",
        "specs/database.yaml::the shop's own database",
        environment={"DEMO_DATABASE": str(tmp_path / "shop.sqlite")},
    )
    assert [event["outcome"] for event in events if event["event"] == "check_finished"] == ["passed"]


def test_a_secret_is_never_told(tmp_path: Path) -> None:
    events = run(tmp_path / "report.ndjson", "-v", "specs/secrets.yaml")
    assert len([event for event in events if event["event"] == "step_finished" and event["response"]]) == 4
    report = (tmp_path / "report.ndjson").read_text(encoding="utf-8")
    assert "key=***" in report
    assert "key-of-the-shop" not in report
    assert "eyJ" not in report


def test_the_demo_keeps_what_it_is_told_to_keep(tmp_path: Path) -> None:
    database = tmp_path / "shop.sqlite"
    spec = tmp_path / "keep.yaml"
    post = {"post": "/items", "json": {"sku": "KEEP-1", "name": "Kept", "price": 1}}
    for status in (201, 409):
        spec.write_text(json.dumps({"checks": [post | {"expect": status}]}))
        ran = subprocess.run(
            [sys.executable, "-m", "asgi_probe", "run", "--app", "asgi_probe.demo:app", str(spec)],
            cwd=tmp_path,
            env=ENVIRONMENT | {"DEMO_DATABASE": str(database), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


# nothing of the language is left out


def compose_spec(path: Path) -> Node:
    problems = Problems()
    node = compose(Source(path, path.name, path.read_text(encoding="utf-8")), problems)
    assert node is not None, problems.diagnostics
    return node


def mappings(node: Node) -> Iterator[Mapping]:
    """Every mapping below a node, itself included."""
    match node:
        case Mapping():
            yield node
            for entry in node.entries.values():
                yield from mappings(entry.value)
        case Sequence():
            for item in node.items:
                yield from mappings(item)


def values_of(key: str) -> Iterator[Node]:
    """What stands at a key, wherever it does."""
    for spec in SPECS:
        for mapping in mappings(compose_spec(spec)):
            if key in mapping.entries:
                yield mapping.entries[key].value


def keys_at(key: str) -> set[str]:
    """The keys of the mappings that stand at a key, those of the items of a list included."""
    items = [item for node in values_of(key) for item in (node.items if isinstance(node, Sequence) else [node])]
    return {name for item in items if isinstance(item, Mapping) for name in item.entries}


def scalars_at(key: str) -> set[str]:
    items = [item for node in values_of(key) for item in (node.items if isinstance(node, Sequence) else [node])]
    return {item.text for item in items if isinstance(item, Scalar)}


def keys_anywhere() -> set[str]:
    return {name for spec in SPECS for mapping in mappings(compose_spec(spec)) for name in mapping.entries}


def keys_below(key: str) -> set[str]:
    """The keys of the mappings one level below what stands at a key."""
    return {
        name
        for node in values_of(key)
        if isinstance(node, Mapping)
        for entry in node.entries.values()
        for item in (entry.value.items if isinstance(entry.value, Sequence) else [entry.value])
        if isinstance(item, Mapping)
        for name in item.entries
    }


def expressions() -> str:
    text = "\n".join(spec.read_text(encoding="utf-8") for spec in SPECS)
    return "\n".join(re.findall(r"\$\{(.*?)\}", text))


def hooks() -> str:
    return (ROOT / "specs" / "hooks.py").read_text(encoding="utf-8")


def sources() -> set[str]:
    """The kinds of sources that are saved from: `$`, `header`, `text` …"""
    saves = [node for node in values_of("save") if isinstance(node, Mapping)]
    plain = {entry.value.text for save in saves for entry in save.entries.values() if isinstance(entry.value, Scalar)}
    return {text.partition(".")[0].partition("[")[0] for text in plain | scalars_at("from")}


WITHOUT_EXAMPLE = {"tls"}
"""There is no certificate to be wrong where all examples must run without a network."""


@pytest.mark.parametrize(
    ("used", "known"),
    [
        (lambda: {key for spec in SPECS for key in compose_spec(spec).entries}, {*shapes.SPEC}),
        (lambda: keys_at("checks"), {*shapes.CHECK, *shapes.STEPS}),
        (lambda: keys_at("checks") | keys_at("steps") | keys_at("defaults"), {*shapes.STEP} - {"form", "multipart"}),
        (keys_anywhere, {"form", "multipart"}),
        (lambda: keys_at("steps"), {*shapes.USE}),
        (lambda: keys_at("request"), {*shapes.REQUEST}),
        (lambda: keys_at("expect"), {*shapes.EXPECT}),
        (lambda: keys_at("auth"), {*shapes.AUTH}),
        (lambda: keys_at("retry"), {*shapes.RETRY}),
        (lambda: keys_at("poll"), {*shapes.POLL}),
        (lambda: keys_at("body"), {*shapes.BODY}),
        (lambda: keys_at("graphql"), {*shapes.GRAPHQL}),
        (lambda: keys_at("query"), {*shapes.ROWS_FILE}),
        (lambda: keys_at("schema"), {"file"}),
        (lambda: keys_at("each"), {*shapes.ROWS_FILE}),
        (lambda: keys_at("xfail"), {*shapes.XFAIL}),
        (lambda: keys_at("fixtures"), {*shapes.CALL}),
        (lambda: keys_at("verify"), {*shapes.CALL, *SQL}),
        (lambda: keys_below("multipart"), {*shapes.PART}),
        (lambda: keys_below("save"), {*shapes.SAVE}),
        (lambda: keys_at("bytes"), {"length", "sha256", "md5", "starts_with"}),
        (lambda: keys_below("html"), {"text", "attr", "count"}),
        (lambda: keys_below("cookies"), {*ATTRIBUTES}),
        (lambda: keys_at("target") | scalars_at("target"), {"demo"}),
        (keys_anywhere, {*TESTS, *COMBINERS, "$because"}),
        (lambda: scalars_at("$is"), {*KINDS}),
        (lambda: scalars_at("error"), {*FAILURE_KINDS, "any"} - WITHOUT_EXAMPLE),
        (lambda: scalars_at("as"), {*FORMS}),
        (sources, {source.partition(".")[0] for source in SOURCES}),
        (lambda: set(re.findall(r"\b(\w+)\(", expressions())), {*FUNCTION_NAMES}),
        (lambda: set(re.findall(r"\| *(\w+)", expressions())), {*FILTERS}),
        (lambda: set(re.findall(r"\bprobe\.(\w+)", hooks())), {"app", "client", "response", "vars"}),
    ],
    ids=lambda value: "" if callable(value) else " ".join(sorted(value))[:40],
)
def test_everything_is_used_at_least_once(used, known: set[str]) -> None:
    assert known
    assert known - used() == set()
