"""Measuring two sides in turn, functions and whole processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]

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


def asgi_probe() -> list[str]:
    """How Python starts our console script; where it is not installed, what it would be."""
    installed = shutil.which("asgi-probe", path=str(Path(sys.executable).parent))
    return [installed] if installed else ["-c", _SCRIPT]


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
