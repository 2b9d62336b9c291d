"""Reporting: what it costs to tell a run, beside the run itself.

A reporter's share is smaller than what two runs differ by: its events are told again, and what that takes is added.
"""

import os
from functools import partial
from pathlib import Path
from time import perf_counter

from asgi_probe.cli.execution import execute
from asgi_probe.config import TargetConfig
from asgi_probe.engine.events import Event
from asgi_probe.engine.run import RunOptions
from asgi_probe.project.workspace import Wish, Workspace, open_workspace
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.reporters.reports import Reporter
from asgi_probe.terminal import Log, Outlet
from tests.benchmarks.measure import in_turn
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import item_checks, write
from tests.benchmarks.table import Goal, Row

_APP = "tests.benchmarks.items_app:app"
_MOST = 1.05


class Silence:
    """Tells nobody, and keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """The console of a run that is green, and of one that is red."""
    green = item_checks(sizes.checks)
    return [
        _console("green", sizes, write(folder, "green.yaml", green)),
        _console("red", sizes, write(folder, "red.yaml", green.replace("status: 200", "status: 201"))),
    ]


def _console(color: str, sizes: Sizes, spec: Path) -> Row:
    workspace = open_workspace(Wish([str(spec)], target=TargetConfig(app=_APP)))
    kept = Silence()
    _run(workspace, kept)
    alone, told = in_turn(sizes.turns, partial(_run, workspace, Silence()), partial(_tell, kept.events))
    each = sizes.checks
    return Row(f"told on the console, {color}", (alone + told) / each, "told to nobody", alone / each, Goal(_MOST))


def _run(workspace: Workspace, reporter: Reporter) -> float:
    began = perf_counter()
    execute(workspace, RunOptions(), (), Log(Outlet(None), color=False), verbosity=0, console=reporter)
    return perf_counter() - began


def _tell(events: list[Event]) -> float:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = ConsoleReporter(Log(Outlet(nowhere), color=False))
        began = perf_counter()
        for event in events:
            console.handle(event)
        return perf_counter() - began
