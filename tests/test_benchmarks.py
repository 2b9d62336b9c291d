"""The benchmarks run, and tell of every figure; how fast anything was is no test's business."""

import subprocess
import sys
from pathlib import Path

import pytest

from asgi_probe.reporters.reports import KINDS
from tests.browser.chromium import missing

FILES = [name for name, kind in KINDS.items() if kind.takes in ("file", "stream")]
ROOT = Path(__file__).parent.parent

ROWS = {
    "startup": ["asgi-probe --version", "one live check, whole process"],
    "in_process": ["in process, each of 8 checks", "in process, 8 checks, whole process"],
    "live": [
        *(f"live, 20 ms, -j {most}" for most in (1, 16, 32, 256, 256)),
        *(f"live, fast, -j {most}" for most in (1, 16, 32, 256, 256)),
    ],
    "loading": [
        "loading 8 checks in 1 file",
        "loading and planning 8 checks in 1 file",
        "loading 8 checks in 2 files",
        "loading and planning 8 checks in 2 files",
    ],
    "memory": ["peak at 200 requests"],
    "flows": [
        "a step with a hook",
        "each of 20 rows",
        "peak with 20 rows",
        "a passing check, with three secrets",
        "a failing check, with three secrets",
    ],
    "reports": [
        "told on the console, green",
        "told on the console, red",
        "8 checks, all files, whole process",
        "each of 8 checks, all files",
        *(f"{kind}, each of 8 checks" for kind in FILES),
        "html of 8 checks",
    ],
    "page": [] if missing() else ["a page of 8 checks, to its list"],
    "pytest": ["pytest with the plugin, unused", "pytest, 8 checks as items"],
}


def benchmarks(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "utf8", "-m", "tests.benchmarks", "--quick", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("group", ROWS)
def test_group(group: str) -> None:
    ran = benchmarks(group)
    assert ran.returncode == 0, ran.stderr
    head, rule, *rows = ran.stdout.splitlines()
    assert head.split() == ["what", "ours", "the", "other", "side", "theirs", "ratio", "goal"]
    assert set(rule) == {"─", " "}
    assert [row[: rule.index(" ")].rstrip() for row in rows] == ROWS[group]


def test_unknown_group() -> None:
    ran = benchmarks("speed")
    assert ran.returncode == 2
    known = "startup, in_process, live, loading, memory, flows, pytest, reports, page"
    assert f"unknown group 'speed', expected any of {known}" in ran.stderr
