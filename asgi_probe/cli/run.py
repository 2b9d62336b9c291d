"""`asgi-probe run`: the main job."""

from __future__ import annotations

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import command_for, seconds, target_from, verification
from asgi_probe.cli.streams import console_stream
from asgi_probe.config import TargetConfig

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe run --app shop.main:app                    in process: no server, no port

  asgi-probe run --base-url http://127.0.0.1:8000       the same specs, live

  asgi-probe run specs/items.yaml::"an item lives"      one check; also specs/items.yaml:12

  asgi-probe run -t 'smoke and not slow' -x -j 32       by tags, until the first failure

  asgi-probe run --base-url https://staging.example.com --wait 60s --wait-url /health

  asgi-probe run --report ndjson=results.ndjson         with a report for machines

[bold]Exit codes[/bold]

  0 all green · 1 something failed · 2 wrong usage or spec · 3 no target · 4 nothing selected · 70 our bug

  130 or 143 interrupted, with reports written for what ran
"""


def run(
    paths: options.Paths = None,
    app: options.App = None,
    base_url: options.BaseUrl = None,
    target: options.TargetName = None,
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
    var: options.Var = None,
    vars_file: options.VarsFile = None,
    timeout: options.Timeout = None,
    concurrency: options.Concurrency = None,
    fail_fast: options.FailFast = False,
    max_failures: options.MaxFailures = None,
    backend: options.Backend = "asyncio",
    uvloop: options.UvLoop = None,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    color: options.ColorWhen = "auto",
    report: options.Report = None,
) -> None:
    """Run specs against an ASGI app in process, or against a live service."""
    times = {"startup_timeout": startup_timeout, "shutdown_timeout": shutdown_timeout, "wait": wait}
    reports = tuple(report or ())
    with ending(color, console_stream(reports)) as screen:
        from asgi_probe.cli.execution import execute
        from asgi_probe.cli.workspace import Wish, open_workspace
        from asgi_probe.engine.run import RunOptions

        said = TargetConfig(
            app=app,
            base_url=base_url,
            factory=factory,
            lifespan=lifespan,
            root_path=root_path,
            concurrency=concurrency,
            verify=verification(cacert, insecure=insecure),
            cert=cert,
            key=key,
            proxy=proxy,
            http2=http2,
            uds=uds,
        )
        wish = Wish(
            paths or (),
            tag,
            name,
            var or (),
            vars_file or (),
            target_from(said, times, wait_url),
            target,
            seconds(timeout, "--timeout"),
        )
        options_ = RunOptions(
            max_failures=1 if fail_fast else max_failures, tell_all=verbose > 0, backend=backend, uvloop=uvloop
        )
        exit_code = execute(
            open_workspace(wish),
            options_,
            reports,
            screen,
            verbosity=-1 if quiet else verbose,
            command=command_for(said, target),
        )
    raise typer.Exit(exit_code)
