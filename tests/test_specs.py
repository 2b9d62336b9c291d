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

from asgi_probe.exchange import FAILURE_KINDS
from asgi_probe.judge.compiler import COMBINERS
from asgi_probe.judge.cookies import ATTRIBUTES
from asgi_probe.judge.kinds import KINDS
from asgi_probe.judge.matchers import TESTS
from asgi_probe.judge.save import FORMS
from asgi_probe.spec import shapes
from asgi_probe.spec.functions import FILTERS, FUNCTION_NAMES
from asgi_probe.spec.source import Mapping, Node, Problems, Scalar, Sequence, Source
from asgi_probe.spec.yaml import compose

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ASGI_PROBE_")}


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


def run(report: Path, *arguments: str) -> list[dict]:
    """The events of a run of all specs, through the real command line."""
    ran = subprocess.run(
        [sys.executable, "-m", "asgi_probe", "run", "-q", "--report", f"ndjson={report}", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def assert_green(events: list[dict]) -> None:
    outcomes = {
        event["id"]: event["outcome"]
        for event in events
        if event["event"] == "check_finished" and not event["id"].endswith(("::setup", "::teardown"))
    }
    skipped = {id_ for id_, outcome in outcomes.items() if outcome == "skipped"}
    assert {id_.partition("::")[0] for id_ in outcomes} == {f"specs/{path.name}" for path in SPECS}
    assert set(outcomes.values()) <= {"passed", "flaky", "skipped"}
    assert skipped == {"specs/auth.yaml::the password from ~/.netrc", "specs/selecting.yaml::not now"}
    assert [event for event in events if event["event"] == "warning"] == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_all_specs_are_green_in_process(backend: str, tmp_path: Path) -> None:
    assert_green(run(tmp_path / "report.ndjson", "--backend", backend))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_all_specs_are_green_live(backend: str, shop: str, tmp_path: Path) -> None:
    assert_green(run(tmp_path / "report.ndjson", "--backend", backend, "--base-url", shop, "--wait", "20s"))


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
        (lambda: keys_at("request"), {*shapes.REQUEST}),
        (lambda: keys_at("expect"), {*shapes.EXPECT}),
        (lambda: keys_at("auth"), {*shapes.AUTH}),
        (lambda: keys_at("retry"), {*shapes.RETRY}),
        (lambda: keys_at("body"), {*shapes.BODY}),
        (lambda: keys_below("multipart"), {*shapes.PART}),
        (lambda: keys_below("save"), {*shapes.SAVE}),
        (lambda: keys_at("bytes"), {"length", "sha256", "md5", "starts_with"}),
        (lambda: keys_below("cookies"), {*ATTRIBUTES}),
        (lambda: keys_at("target") | scalars_at("target"), {"demo"}),
        (keys_anywhere, {*TESTS, *COMBINERS, "$because"}),
        (lambda: scalars_at("$is"), {*KINDS}),
        (lambda: scalars_at("error"), {*FAILURE_KINDS, "any"} - WITHOUT_EXAMPLE),
        (lambda: scalars_at("as"), {*FORMS}),
        (sources, {"$", "header", "cookie", "status", "text", "json", "url", "time", "jwt"}),
        (lambda: set(re.findall(r"\b(\w+)\(", expressions())), {*FUNCTION_NAMES}),
        (lambda: set(re.findall(r"\| *(\w+)", expressions())), {*FILTERS}),
    ],
    ids=lambda value: "" if callable(value) else " ".join(sorted(value))[:40],
)
def test_everything_is_used_at_least_once(used, known: set[str]) -> None:
    assert known - used() == set()
