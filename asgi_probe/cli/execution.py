"""From a workspace to an exit code: targets are built, reports opened, the plan is run."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.cli.signals import stopping_on_signals
from asgi_probe.cli.streams import leave_standard_output
from asgi_probe.cli.targets import build_target
from asgi_probe.engine.events import Warned
from asgi_probe.engine.run import Group, Run, RunOptions
from asgi_probe.engine.stopping import Stop
from asgi_probe.errors import ExitCode
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.reporters.reports import open_report
from asgi_probe.target.tracebacks import app_traceback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.cli.workspace import Workspace
    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import FilePlan
    from asgi_probe.target.base import Warn
    from asgi_probe.terminal import Screen

_CONCURRENCY = 16
_GARBAGE = 10_000
"""How many new objects make the garbage collector look for cycles."""


class Telling:
    """Gives every event to every reporter; `problem` is the first that could not write."""

    def __init__(self, reports: Sequence[str], screen: Screen, verbosity: int, command: str) -> None:
        self._reporters = [open_report(report, cwd=Path.cwd()) for report in reports]
        leave_standard_output(reports)
        self._console = ConsoleReporter(screen, verbosity=verbosity, command=command)

    def emit(self, event: Event) -> None:
        for reporter in self._reporters:
            reporter.handle(event)
        self._console.handle(event)

    def close(self) -> None:
        for reporter in self._reporters:
            reporter.close()
        self._console.close()

    @property
    def problems(self) -> list[str]:
        return [problem for reporter in self._reporters if (problem := reporter.problem)]


def execute(
    workspace: Workspace,
    options: RunOptions,
    reports: Sequence[str],
    screen: Screen,
    *,
    verbosity: int,
    command: str = "asgi-probe run",
) -> ExitCode:
    """Run the plan and tell it; what cannot be imported or written is an error before anything is sent.

    `command` is what the ids of checks are given to, to run them again.
    """
    root = workspace.config.root
    telling = Telling(reports, screen, verbosity, command)

    def warn(message: str, error: BaseException | None) -> None:
        telling.emit(Warned(message, app_traceback(error, root=root) if error else None))

    stop = Stop()
    try:
        with stopping_on_signals(stop):
            groups = _groups(workspace, warn)
            screen.write(workspace.warnings)
            _spare_the_collector()
            finished = Run(groups, replace(options, root=root), stop, telling.emit).start()
    except KeyboardInterrupt:
        if stop.reason is None or stop.attached:
            raise
        screen.write([[("interrupted", "interrupted"), (" before anything was sent", "")]])
        return stop.exit_code
    finally:
        telling.close()
    for problem in telling.problems:
        screen.write([[("error: ", "error"), (problem, "message")]])
    return ExitCode(finished.exit_code or (ExitCode.FAILED if telling.problems else ExitCode.GREEN))


def _spare_the_collector() -> None:
    # specs, plan and app stay to the end: to look through them again and again would cost a tenth of the run
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()


def _groups(workspace: Workspace, warn: Warn) -> list[Group]:
    files: dict[int, list[FilePlan]] = {}
    for file in workspace.plan.files:
        files.setdefault(id(file.asked), []).append(file)
    groups = []
    for mine in files.values():
        config = workspace.target_of(mine[0])
        target = build_target(config, root=workspace.config.root, warn=warn)
        groups.append(Group(target, tuple(mine), config.concurrency or _CONCURRENCY))
    return groups
