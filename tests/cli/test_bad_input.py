"""Bad input, through the real command line and against a real socket: each its own clear outcome."""

import subprocess
import sys
import time

import pytest

from tests.cli.project import PATIENCE
from tests.hostile import HostileServer

# specs


def big(size):
    line = "  - {name: check %07d, get: /ok}\n"
    return "checks:\n" + "".join(line % number for number in range(size // 33))


ALIASES = "x-a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"x-{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"  \n# nothing\n", "the file is empty", id="only a comment"),
        pytest.param(bytes(range(256)) * 4, "UTF-8", id="binary"),
        pytest.param(b"checks: [{get: /ok}]\x00\n", "the file is binary", id="a zero byte"),
        pytest.param(b"checks:\n\t- get: /ok\n", "a tab where only spaces can indent", id="tabs"),
        pytest.param(
            b"checks: [{get: !!python/object/apply:os.system ['touch evil']}]\n", "!!python", id="python object"
        ),
        pytest.param(b"checks: !!python/name:os.system\n", "!!python", id="python name"),
        pytest.param(b"x-a: !!set {a}\nchecks: [{get: /ok}]\n", "!!set", id="set"),
        pytest.param(f"{ALIASES}checks: [{{get: /ok}}]\n".encode(), "100,000", id="alias explosion"),
        pytest.param(b"x-a: &a [*a]\nchecks: [{get: /ok}]\n", "bad.yaml:1:10", id="an alias of itself"),
        pytest.param(b"x-a: " + b"[" * 5000 + b"]" * 5000 + b"\n", "deep", id="depth"),
        pytest.param(b"a: 1\n---\nb: 2\n", "a second document", id="two documents"),
        pytest.param(b"[1, 2]\n", "a spec is a mapping", id="a list"),
        pytest.param(b"just words\n", "a spec is a mapping", id="text"),
        pytest.param(b"checks: []\n", "", id="no checks"),
        pytest.param(b"checks: [{get: /ok}\n", "bad.yaml:", id="not closed"),
        pytest.param(b"checks: [{get: *nowhere}]\n", "nowhere", id="unknown alias"),
        pytest.param(b"checks: [{get: '\xed\xa0\x80'}]\n", "UTF-8", id="a surrogate"),
    ],
)  # fmt: skip
def test_a_bad_spec(project, content, told):
    (project.root / "bad.yaml").write_bytes(content)
    project.write("good.yaml", "checks: [{get: /ok}]")
    project.write("other.yaml", "checks: [{got: /ok}]")
    ran = project.probe("bad.yaml", "good.yaml", "other.yaml")
    assert ran.exit == 2, ran.said
    if content != b"checks: []\n":
        assert "bad.yaml" in ran.err
    assert told in ran.err
    assert "other.yaml:1:11: error: unknown key 'got'" in ran.err
    assert "Traceback" not in ran.said
    assert "\x00" not in ran.said
    assert not (project.root / "evil").exists()
    assert project.log == []


def test_a_spec_that_is_too_large(project):
    project.write("big.yaml", big(11 * 1024 * 1024))
    began = time.monotonic()
    ran = project.probe("big.yaml")
    assert ran.exit == 2
    assert "larger than 10 MiB" in ran.err
    assert time.monotonic() - began < 10


def test_a_large_spec_is_read(project):
    project.write("big.yaml", big(1024 * 1024))
    ran = project.command("lint", "big.yaml")
    assert (ran.exit, "31775 checks in 1 file, no problems" in ran.out) == (0, True), ran.said


# servers

BAD = {
    # name: (path, key of the check, outcome, what is told)
    "resets": ("/reset", "", "error", "reset the connection"),
    "closes": ("/close", "", "error", "closed"),
    "resets in mid-answer": ("/reset-mid-body", "", "error", "reset"),
    "drips": ("/drip", "", "error", "within 1 s"),
    "drips headers": ("/drip-headers", "", "error", "within 1 s"),
    "never answers": ("/never", "", "error", "within 1 s"),
    "never ends": ("/never-ends", "", "error", "within 1 s"),
    "has no end": ("/endless", "", "error", "within 1 s"),
    "has headers without end": ("/endless-headers", "", "error", ""),
    "has no end, and the body is asked": ("/endless", "expect: {text: x}", "error", "within 1 s"),
    "broken gzip": ("/broken-gzip", "expect: {text: x}", "error", "gzip"),
    "truncated gzip": ("/truncated-gzip", "expect: {text: x}", "error", "gzip"),
    "a gzip bomb": ("/bomb", "expect: {text: x}", "error", ""),
    "broken chunks": ("/broken-chunks", "", "error", "chunk"),
    "cut chunks": ("/cut-chunks", "", "error", ""),
    "short": ("/short-body", "", "error", ""),
    "no HTTP": ("/not-http", "", "error", "HTTP"),
    "control characters": ("/hostile-text", "expect: {text: harmless}", "failed", r"\x1b[31mred"),
    "control characters in JSON": ("/hostile-json", "expect: {json: {message: harmless}}", "failed", r"\x1b"),
    "control characters in the status": ("/control-in-status", "", "error", ""),
    "NaN": ("/nan", "expect: {json: {a: 1}}", "failed", "NaN"),
    "deep JSON": ("/deep-json", "expect: {json: {a: 1}}", "failed", "1,000"),
    "invalid UTF-8 as JSON": ("/invalid-utf8", "expect: {json: {a: x}}", "error", "utf-8"),
    "unknown charset": ("/wrong-charset", "expect: {text: x}", "error", "klingon"),
    "nothing there": ("http://127.0.0.1:9/", "", "error", "refused"),
    "redirects without end": ("/loop", "follow_redirects: true", "error", "redirect"),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """One run of them all, good checks in between, with what it cost."""
    from tests.cli.project import Project

    project = Project(tmp_path_factory.mktemp("hostile") / "project")
    checks = [
        f"  - {{name: '{name}', get: '{path}', {more}{', ' * bool(more)}timeout: 1s}}"
        for name, (path, more, *_) in BAD.items()
    ]
    good = [f"  - {{name: good {number}, get: /ok, expect: {{json: {{ok: true}}}}}}" for number in range(len(checks))]
    lines = [line for pair in zip(checks, good, strict=True) for line in pair]
    project.write("a.yaml", "checks:\n" + "\n".join(lines) + "\n")
    with HostileServer() as server:
        began = time.monotonic()
        # a process between, whose only child is measured
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, sys.executable, server.base_url],
            cwd=project.root,
            env=project.environment(),
            capture_output=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        seconds = time.monotonic() - began
    out, _, figures = measured.stdout.rpartition(b"\n#")
    code, kilobytes = figures.split()
    return project, out + measured.stderr, int(code), int(kilobytes), seconds


MEASURE = """
import resource, subprocess, sys
ran = subprocess.run(
    [sys.executable, "-m", "asgi_probe", "run", "--report", "ndjson=events.ndjson", "--base-url", sys.argv[2], "a.yaml"]
)
print(f"\\n#{ran.returncode} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
"""


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_server(hostile, name):
    project, *_ = hostile
    _, _, outcome, told = BAD[name]
    (finished,) = (event for event in project.events("check_finished") if event["id"] == f"a.yaml::{name}")
    why = (finished["reason"] or "") + "".join(mismatch["message"] for mismatch in finished["mismatches"])
    assert finished["outcome"] == outcome, why
    assert why
    assert told.lower() in why.lower()
    assert finished["duration"] < 2


def test_all_good_checks_pass_beside_hostile_ones(hostile):
    project, _, code, *_ = hostile
    assert code == 1
    outcomes = project.outcomes()
    assert all(outcomes[f"good {number}"] == "passed" for number in range(len(BAD)))
    assert len(outcomes) == 2 * len(BAD)


def test_nothing_that_a_server_sent_reaches_the_terminal_raw(hostile):
    _, said, *_ = hostile
    text = said.decode()
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("::") for line in text.splitlines())
    assert "[bold]" in text


def test_memory_and_time_stay_bounded(hostile):
    *_, kilobytes, seconds = hostile
    scale = 1 if sys.platform != "darwin" else 1024
    assert kilobytes / scale < 400 * 1024
    assert seconds < PATIENCE
