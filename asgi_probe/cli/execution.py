"""From a workspace to an exit code: targets are built, reports opened, the plan is run."""

from __future__ import annotations

import gc
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asgi_probe import __version__
from asgi_probe.cli.signals import stopping_on_signals
from asgi_probe.cli.telling import Telling
from asgi_probe.engine.events import RunFinished, RunStarted, TargetInfo, Warned
from asgi_probe.engine.measures import Measures
from asgi_probe.engine.run import Run, RunOptions
from asgi_probe.engine.secrets import Secrets
from asgi_probe.engine.stopping import Stop
from asgi_probe.errors import ExitCode, TargetError
from asgi_probe.project.groups import CONCURRENCY, groups_of
from asgi_probe.reporters.console import ConsoleReporter
from asgi_probe.target.base_url import shown
from asgi_probe.target.tracebacks import app_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.events import Event
    from asgi_probe.project.workspace import Workspace
    from asgi_probe.reporters.reports import Reporter
    from asgi_probe.terminal import Screen

_GARBAGE = 10_000
"""How many new objects make the garbage collector look for cycles."""


def execute(
    workspace: Workspace,
    options: RunOptions,
    reports: Sequence[str],
    screen: Screen,
    *,
    verbosity: int,
    command: str = "asgi-probe run",
    cache: Reporter | None = None,
    console: Reporter | None = None,
    tracebacks: bool = True,
    github: bool = False,
) -> ExitCode:
    """Run the plan and tell it; what cannot be imported or written is an error before anything is sent.

    `command` is what the ids of checks are given to, to run them again; `cache` is told what the reporters are.
    `console` tells people, in place of the usual one, which tells no traceback without `tracebacks`. With `github`
    GitHub Actions are told without being asked.
    """
    root = workspace.config.root
    console = console or ConsoleReporter(
        screen,
        verbosity=verbosity,
        command=command,
        side_by_side=workspace.side_by_side,
        copies=workspace.copies,
        remembered=cache is not None,
        tracebacks=tracebacks,
    )
    beside = [cache] if cache else []
    stop = Stop()
    try:
        with (
            stopping_on_signals(stop),
            closing(Telling(reports, console, *beside, screen=screen, root=root, github=github)) as telling,
        ):
            finished = _told(workspace, replace(options, root=root), screen, stop, telling)
    except KeyboardInterrupt:
        if stop.reason is None or stop.attached:
            raise
        screen.write([[("interrupted", "interrupted"), (" before anything was sent", "")]])
        return stop.exit_code
    return telling.outcome(finished)


def _told(workspace: Workspace, options: RunOptions, screen: Screen, stop: Stop, telling: Telling) -> RunFinished:
    """Import what is to be asked, and run the plan."""
    secrets = Secrets(options.secrets)

    def warn(message: str, error: BaseException | None) -> None:
        trace = app_traceback(error, root=workspace.config.root, whole=options.all_frames) if error else None
        telling.emit(Warned(secrets.mask(message), secrets.mask(trace)))

    try:
        groups = groups_of(workspace, warn)
        screen.write([*workspace.warnings, *workspace.notes])
        if not groups:
            return _nothing_to_run(workspace, options, telling.emit)
        _spare_the_collector()
        return Run(groups, options, stop, telling.emit, secrets).start()
    except TargetError as error:
        telling.tell_reports(replace(_first_event(workspace, options), begun=False))
        telling.tell_reports(_not_begun(workspace, error, secrets))
        raise


def _not_begun(workspace: Workspace, error: TargetError, secrets: Secrets) -> RunFinished:
    """The end of a run whose target cannot be asked at all."""
    mask, checks = secrets.mask, len(workspace.plan.checks)
    problem, trace = mask(str(error)), mask(error.traceback)
    return RunFinished({}, 0.0, ExitCode.TARGET, None, not_run=checks, problem=problem, traceback=trace)


def _first_event(workspace: Workspace, options: RunOptions) -> RunStarted:
    """The beginning of a run of which no target has been built."""
    targets = [
        TargetInfo(config.name or "app", "app", config.app)
        if config.app
        else TargetInfo(config.name or "live", "live", shown(config.base_url or ""))
        for config in workspace.targets.values()
    ]
    return RunStarted(
        __version__,
        targets[0],
        tuple(file.name for file in workspace.plan.files),
        len(workspace.plan.checks),
        max(config.concurrency or CONCURRENCY for config in workspace.targets.values()),
        datetime.now(UTC).isoformat(timespec="milliseconds"),
        options.shard,
        tuple(targets),
        seed=options.seed,
    )


def _nothing_to_run(workspace: Workspace, options: RunOptions, emit: Callable[[Event], None]) -> RunFinished:
    """A run without a check, which is green: the other shards have them."""
    emit(_first_event(workspace, options))
    finished = RunFinished({}, 0.0, ExitCode.GREEN, None, thresholds=Measures(options.thresholds).verdicts())
    emit(finished)
    return finished


def _spare_the_collector() -> None:
    # specs, plan and app stay to the end: to look through them again and again would cost a tenth of the run
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()
