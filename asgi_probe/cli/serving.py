"""`asgi-probe serve`: runs the specs again and again, and serves how they went."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import seconds
from asgi_probe.errors import ExitCode, UsageError
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from asgi_probe.serving.child import Child
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.schedule import Schedule
    from asgi_probe.serving.status import Status
    from asgi_probe.terminal import Line

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe serve --target staging                  every minute; http://127.0.0.1:8646/ tells how it went

  asgi-probe serve -t smoke --interval 10s           what is tagged so, every ten seconds

  asgi-probe serve --history probes.sqlite           what was survives a restart

  ASGI_PROBE_TOKEN=… asgi-probe serve --host 0.0.0.0     for other machines: they need the token

[bold]Served[/bold]

  /            the page for people

  /metrics     for Prometheus

  /healthz     200 if the last run was green, 503 if not

  /api/runs    JSON; /openapi.json describes it

The key `serve` of a target is something else: it starts the server that is tested.

[bold]Exit codes[/bold]

    0  SIGINT or SIGTERM have stopped it

    2  wrong usage, a port that is taken, or a spec that is not valid

    3  the app could not be imported

    4  no check was selected

   70  a bug of asgi-probe

  130  a second signal: it left at once

  143  likewise
"""
_LEAST = 1.0
"""Seconds between runs."""
_LEAST_LIMIT = 60.0
_OWN = {"interval", "run_timeout", "host", "port", "token", "history", "keep", "color"}


def serve(
    ctx: typer.Context,
    paths: options.Paths = None,
    interval: options.Interval = "60s",
    run_timeout: options.RunTimeout = None,
    history: options.History = None,
    keep: options.Keep = 1_000,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8646,
    token: options.Token = None,
    app: options.App = None,
    base_url: options.BaseUrl = None,
    target: options.TargetName = None,
    targets: options.Targets = None,
    factory: options.Factory = None,
    lifespan: options.Lifespan = None,
    root_path: options.RootPath = None,
    startup_timeout: options.StartupTimeout = None,
    shutdown_timeout: options.ShutdownTimeout = None,
    wait: options.Wait = None,
    wait_url: options.WaitUrl = None,
    cacert: options.CaFile = None,
    insecure: options.Insecure = False,
    cert: options.Cert = None,
    key: options.Key = None,
    proxy: options.Proxy = None,
    http2: options.Http2 = None,
    uds: options.Uds = None,
    tag: options.Tag = None,
    name: options.Name = None,
    shard: options.ShardOf = None,
    repeat: options.Repeat = None,
    shuffle: options.Shuffle = None,
    var: options.Var = None,
    vars_file: options.VarsFile = None,
    secret: options.Secret = None,
    timeout: options.Timeout = None,
    concurrency: options.Concurrency = None,
    fail_fast: options.FailFast = False,
    max_failures: options.MaxFailures = None,
    fail_on_flaky: options.FailOnFlaky = False,
    backend: options.Backend = "asyncio",
    uvloop: options.UvLoop = None,
    color: options.ColorWhen = "auto",
) -> None:
    """Run specs again and again, and serve how they went: a page, metrics, health, JSON.

    Not to be taken for the key `serve` of a target, which starts the server that is tested.
    """
    del app, base_url, target, targets, factory, lifespan, root_path, startup_timeout, shutdown_timeout, wait, wait_url
    del cacert, insecure, cert, key, proxy, http2, uds, tag, name, shard, repeat, shuffle, var, vars_file, secret
    del timeout, concurrency, fail_fast, max_failures, fail_on_flaky, backend, uvloop
    with ending(color) as screen, ExitStack() as open_:
        _needs_packages()
        gc.enable()
        from asgi_probe.serving.app import web_app
        from asgi_probe.serving.guard import Guard, checked_token
        from asgi_probe.serving.history import open_history
        from asgi_probe.serving.measures import Measures
        from asgi_probe.serving.schedule import Schedule
        from asgi_probe.serving.server import address_of, listen, serving
        from asgi_probe.serving.status import Status

        every, limit = _times(interval, run_timeout)
        known = checked_token(token, host)
        listening = open_.enter_context(listen(host, port))
        kept = open_history(history, keep=keep)
        open_.callback(kept.close)
        status = Status(every, limit, kept.latest())
        measures = Measures(status)

        def tell(run: RunRecord) -> None:
            measures.add(run)
            screen.write(_lines(run, status))

        schedule = Schedule(passed_on(ctx, paths or ()), os.environ, status, kept, tell)
        open_.callback(schedule.abandon)
        stop = open_.enter_context(_stopping(schedule))
        _begun(schedule.begin(stop), stop)
        guarded = Guard(web_app(status, kept, measures), token=known, port=listening.getsockname()[1])
        web = open_.enter_context(serving(guarded, listening))
        screen.write(_welcome(address_of(listening), interval))
        schedule.go_on(stop, web.is_alive)
        if not stop.is_set():
            raise RuntimeError("the web server has ended by itself")


def _needs_packages() -> None:
    for package, name in (("uvicorn", "uvicorn"), ("prometheus_client", "prometheus-client")):
        try:
            __import__(package)
        except ImportError:
            raise UsageError(f"`serve` needs the package {name}: pip install 'asgi-probe[serve]'") from None


def _times(interval: str, run_timeout: str | None) -> tuple[float, float]:
    """How many seconds there are from run to run, and a run may take."""
    every = seconds(interval, "--interval") or 0.0
    limit = max(2 * every, _LEAST_LIMIT) if run_timeout is None else seconds(run_timeout, "--run-timeout") or 0.0
    for said, flag in ((every, "--interval"), (limit, "--run-timeout")):
        if said < _LEAST:
            raise UsageError(f"{flag}: expected at least 1s")
    return every, limit


def passed_on(ctx: typer.Context, paths: Sequence[str]) -> list[str]:
    """The arguments of `asgi-probe run` that say the same; what the environment says a run reads itself."""
    words = ["--no-cache", "--quiet", "--color=never"]
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.param_type_name == "option" and param.name not in _OWN and source and source.name == "COMMANDLINE":
            words += _said(param, ctx.params[param.name or ""])
    return [*words, "--", *paths]


def _said(param: Any, value: object) -> list[str]:
    if isinstance(value, bool):
        return [param.opts[0] if value else param.secondary_opts[0]]
    flag = next((name for name in param.opts if name.startswith("--")), param.opts[0])
    values = value if isinstance(value, list | tuple) else [value]
    return [f"{flag}={each}" if flag.startswith("--") else f"{flag}{each}" for each in values]


@contextmanager
def _stopping(schedule: Schedule) -> Iterator[Event]:
    """While open, the first SIGINT or SIGTERM sets the event; the second leaves at once, with the run that goes on."""
    stop = Event()
    codes = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            if schedule.child is not None:
                schedule.child.kill()
            sys.stdout.flush()
            os._exit(codes[signal.Signals(number)])
        stop.set()

    before = {number: signal.signal(number, handle) for number in codes}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begun(child: Child, stop: Event) -> None:
    """Go on if the first run has begun; else end as it has, and say what it said."""
    if stop.is_set():
        raise typer.Exit(ExitCode.GREEN)
    if child.ended and not child.settled().begun:
        sys.stderr.write(child.said + "\n")
        raise typer.Exit(child.exit_code or ExitCode.BUG)


def _welcome(address: str, interval: str) -> list[Line]:
    return [
        [(f"{address}", "title"), (" tells how the runs go, one every ", ""), (interval, "")],
        [(f"  {address}metrics, {address}healthz, {address}api/runs, {address}openapi.json", "quiet")],
    ]


def _lines(run: RunRecord, status: Status) -> list[Line]:
    """A run in one line: when, how it went, how long it took; and why it could not be kept."""
    from asgi_probe.reporters.words import duration
    from asgi_probe.serving.status import told

    style = "passed" if run.green else "failed"
    lines: list[Line] = [
        [
            (run.started_at[:19] + "Z  ", "quiet"),
            (f"{run.outcome:6}  ", style),
            (inline(told(run)), ""),
            (f"  {duration(run.duration)}", "quiet"),
        ]
    ]
    if status.problem:
        lines.append([("error: ", "error"), (inline(status.problem), "message")])
    return lines
