"""A small project in a folder of its own, and the real command line in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
PATIENCE = 30.0
"""Seconds after which what was waited for will not come any more."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    exit: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


class Project:
    """A folder with `app.py`, an empty `pyproject.toml`, and what a test writes into it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        shutil.copy(HERE / "shop.py", root / "app.py")
        (root / "pyproject.toml").touch()

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def environment(self, **more: str) -> dict[str, str]:
        ours = ("ASGI_PROBE_", "FORCE_COLOR", "GITHUB_ACTIONS", "TF_BUILD")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and not name.lower().endswith("_proxy")
        }
        plain = {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
        return kept | plain | more

    def command(self, *args: str, cwd: str = ".", **environment: str) -> Ran:
        """Run `asgi-probe …` to its end."""
        ran = subprocess.run(
            [sys.executable, "-m", "asgi_probe", *args],
            cwd=self.root / cwd,
            env=self.environment(**environment),
            capture_output=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    def run(self, *args: str, cwd: str = ".", **environment: str) -> Ran:
        """Run `asgi-probe run …` with a report for `events`."""
        report = self.root / "events.ndjson"
        report.unlink(missing_ok=True)
        return self.command("run", "--report", f"ndjson={report}", *args, cwd=cwd, **environment)

    def probe(self, *args: str, app: str = "app:app", **environment: str) -> Ran:
        """Run the specs against the project's app."""
        return self.run("--app", app, *args, **environment)

    def start(self, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """Begin `asgi-probe run …` with a report for `events`."""
        return subprocess.Popen(
            [sys.executable, "-m", "asgi_probe", "run", "--report", "ndjson=events.ndjson", *args],
            cwd=self.root,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the report tells, every line read strictly."""
        text = (self.root / "events.ndjson").read_text(encoding="utf-8")
        assert text.endswith("\n") or not text
        found = [json.loads(line, parse_constant=_refuse) for line in text.splitlines()]
        return [event for event in found if kind in (None, event["event"])]

    def outcomes(self) -> dict[str, str]:
        """The outcome of every check, by what stands behind `::` in its id."""
        return {event["id"].partition("::")[2]: event["outcome"] for event in self.events("check_finished")}

    def steps(self) -> Iterator[tuple[str, str, str]]:
        """Phase, name and outcome of every step that ended."""
        return ((event["phase"], event["step"], event["outcome"]) for event in self.events("step_finished"))

    @property
    def end(self) -> dict[str, Any]:
        return self.events("run_finished")[0]

    @property
    def log(self) -> list[str]:
        """What the app noted."""
        path = self.root / "log.txt"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, word: str) -> None:
        """Wait until the app has noted this."""
        until = time.monotonic() + PATIENCE
        while word not in self.log:
            assert time.monotonic() < until, f"{word!r} never came, only {self.log}"
            time.sleep(0.01)


def ended(process: subprocess.Popen[bytes]) -> Ran:
    out, err = process.communicate(timeout=PATIENCE)
    return Ran(process.returncode, out.decode(), err.decode())


def interrupted(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> Ran:
    """Send the signal, wait for the end."""
    process.send_signal(number)
    return ended(process)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
