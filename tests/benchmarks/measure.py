"""Measuring two sides in turn, functions and whole processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from asgi_probe.cli.execution import execute
from asgi_probe.engine.run import RunOptions
from asgi_probe.project.workspace import Workspace
from asgi_probe.reporters.reports import Reporter
from asgi_probe.terminal import open_screen

ROOT = Path(__file__).resolve().parents[2]

# A process begins with the peak of the one that it was forked from: the one in between is small.
_PEAK = """\
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""

_SCRIPT = "import sys; from asgi_probe.cli import main; main()"
"""What the console script does."""


def in_turn(turns: int, *sides: Callable[[], float]) -> list[float]:
    """The best figure of each side, which take turns so that a machine's drift hits all of them alike."""
    figures: list[list[float]] = [[] for _ in sides]
    for _ in range(turns):
        for side, own in zip(sides, figures, strict=True):
            own.append(side())
    return [min(own) for own in figures]


def lap(work: Callable[[], object]) -> float:
    """The seconds that `work` takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def python(args: Sequence[str], folder: Path) -> str:
    """What a Python process in `folder` prints; RuntimeError with all it said unless it exits with 0."""
    command = [sys.executable, *args]
    ran = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command} exited with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def peak(args: Sequence[str], folder: Path) -> float:
    """The most memory, in bytes, that a Python process in `folder` had."""
    last = python(["-c", _PEAK, *args], folder).splitlines()[-1]
    return int(last) * (1 if sys.platform == "darwin" else 1024)


def asgi_probe() -> list[str]:
    """How Python starts our console script; where it is not installed, what it would be."""
    installed = shutil.which("asgi-probe", path=str(Path(sys.executable).parent))
    return [installed] if installed else ["-c", _SCRIPT]


def run_told_nowhere(
    workspace: Workspace,
    exit_code: int = 0,
    reports: Sequence[str] = (),
    console: Reporter | None = None,
    **options: Any,
) -> float:
    """The seconds of a run as the command does it when its specs have been read, told to a console that is a log."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        screen = open_screen(nowhere)
        began = perf_counter()
        ended = execute(workspace, RunOptions(**options), reports, screen, verbosity=0, console=console)
        seconds = perf_counter() - began
    assert ended == exit_code
    return seconds


def run_phase(args: Sequence[str], folder: Path) -> float:
    """The seconds of a run without start-up and loading, by its own account."""
    python([*asgi_probe(), "run", *args, "--report", "ndjson=run.ndjson"], folder)
    last = (folder / "run.ndjson").read_text(encoding="utf-8").splitlines()[-1]
    return json.loads(last)["duration"]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASGI_PROBE_")}
    # both sides are compiled once, as they are where they are installed
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept.pop("PYTEST_ADDOPTS", None)
    # pytest is spared the plugins that its tests do not need
    return kept | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
