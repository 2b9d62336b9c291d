"""Reports: what it costs to tell a run, beside the run itself.

What tells a run in a few microseconds a check is less than what two runs differ by: the console is measured by telling
it the events of a run again, and adding that.
"""

import os
from functools import partial
from pathlib import Path

from asgi_probe.config import TargetConfig
from asgi_probe.engine.events import Event
from asgi_probe.project.workspace import Wish, Workspace, open_workspace
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.reporters.reports import KINDS, Reporter, open_report
from asgi_probe.terminal import open_screen
from tests.benchmarks.measure import asgi_probe, in_turn, lap, python, run_told_nowhere
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import item_checks, write
from tests.benchmarks.table import Goal, Row

_APP = "tests.benchmarks.items_app:app"
_FILES = [name for name, kind in KINDS.items() if kind.takes in ("file", "stream")]
"""The kinds that write a file; the others need somebody who listens."""


class Silence:
    """Tells nobody, and keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """The console, all files together, and each kind by itself."""
    green = item_checks(sizes.checks)
    specs = {
        "green": write(folder, "green.yaml", green),
        "red": write(folder, "red.yaml", green.replace("status: 200", "status: 201")),
    }
    return [
        *(_console(name, sizes, spec) for name, spec in specs.items()),
        *_all_files(sizes, folder),
        *_kinds(sizes, folder),
    ]


def _console(color: str, sizes: Sizes, spec: Path) -> Row:
    workspace = _workspace(spec)
    exit_code = int(color == "red")
    events = _recorded(workspace, exit_code)
    alone, told = in_turn(
        sizes.turns,
        partial(run_told_nowhere, workspace, exit_code, console=Silence()),
        partial(lap, partial(_tell_console, events)),
    )
    each = sizes.checks
    return Row(f"told on the console, {color}", (alone + told) / each, "told to nobody", alone / each, Goal(1.05))


def _all_files(sizes: Sizes, folder: Path) -> list[Row]:
    """Whole processes, and the runs in them."""
    workspace = _workspace(folder / "green.yaml")
    paths = [f"{name}={folder / name}" for name in _FILES]
    run = [*asgi_probe(), "run", "green.yaml", "--app", _APP]
    told = [*run, *(word for path in paths for word in ("--report", path))]
    processes = in_turn(sizes.long_turns, *(partial(lap, partial(python, command, folder)) for command in (told, run)))
    runs = in_turn(
        sizes.turns,
        partial(run_told_nowhere, workspace, reports=paths, console=Silence()),
        partial(run_told_nowhere, workspace, console=Silence()),
    )
    what = f"{sizes.checks:,} checks, all files"
    return [
        Row(f"{what}, whole process", processes[0], "none", processes[1], Goal(1.15)),
        Row(f"each of {what}", runs[0] / sizes.checks, "none", runs[1] / sizes.checks),
    ]


def _kinds(sizes: Sizes, folder: Path) -> list[Row]:
    """What each kind takes for a check of a recorded run, against the stream that is always there."""
    each = sizes.told
    events = _recorded(_workspace(write(folder, "many.yaml", item_checks(each))))
    figures = dict(
        zip(
            _FILES,
            in_turn(sizes.turns, *(partial(lap, partial(_write, name, events, folder)) for name in _FILES)),
            strict=True,
        )
    )
    stream = figures["ndjson"] / each
    return [
        *(Row(f"{name}, each of {each:,} checks", figures[name] / each, "ndjson", stream) for name in _FILES),
        Row(f"html of {each:,} checks", figures["html"], "json", figures["json"], Goal(3)),
    ]


def _recorded(workspace: Workspace, exit_code: int = 0) -> list[Event]:
    kept = Silence()
    run_told_nowhere(workspace, exit_code, console=kept)
    return kept.events


def _tell_console(events: list[Event]) -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        _tell(ConsoleReporter(open_screen(nowhere, environ={})), events)


def _write(name: str, events: list[Event], folder: Path) -> None:
    report = open_report(f"{name}={folder / name}", cwd=folder)
    _tell(report, events)
    assert report.problem is None


def _tell(reporter: Reporter, events: list[Event]) -> None:
    for event in events:
        reporter.handle(event)
    reporter.close()


def _workspace(spec: Path) -> Workspace:
    return open_workspace(Wish([str(spec)], target=TargetConfig(app=_APP)))
