"""`asgi-probe run`: the main job."""

from __future__ import annotations

import os
from dataclasses import replace

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import (
    command_for,
    distinct,
    idle_loop,
    names_of,
    one_of,
    seconds,
    spare,
    target_from,
    verbosity,
)  # fmt: skip
from asgi_probe.cli.streams import console_stream
from asgi_probe.config import TargetConfig

EXAMPLES = """[bold]Examples[/bold]

  asgi-probe run --app shop.main:app                 in process, no server

  asgi-probe run --base-url http://127.0.0.1:8000    the same specs, live

  asgi-probe run specs/items.yaml::"an item lives"   one check

  asgi-probe run specs/items.yaml:12                 the one at that line

  asgi-probe run -t 'smoke and not slow' -x          until the first failure

  asgi-probe run --target staging --wait 60s --wait-url /health

  asgi-probe run --last-failed                       what failed last

  asgi-probe run --targets local,staging             the same twice, compared

  asgi-probe run --threshold 'p95(time) < 300ms'     fail when it is slower

  asgi-probe run --watch                             whenever files change

  asgi-probe run --report ndjson=results.ndjson      a report for machines

[bold]Exit codes[/bold]

    0  all green

    1  something failed or errored, also on the way out, or a threshold was broken

    2  wrong usage, or a spec that is not valid: nothing was sent

    3  the target could not be reached, imported or started

    4  no check was selected

   70  a bug of asgi-probe

  130  interrupted by Ctrl-C, with reports of what ran

  143  terminated, likewise
"""


def run(
    ctx: typer.Context,
    paths: options.Paths = None,
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
    last_failed: options.LastFailed = False,
    failed_first: options.FailedFirst = False,
    shard: options.ShardOf = None,
    repeat: options.Repeat = None,
    shuffle: options.Shuffle = None,
    no_cache: options.NoCache = False,
    var: options.Var = None,
    vars_file: options.VarsFile = None,
    secret: options.Secret = None,
    timeout: options.Timeout = None,
    concurrency: options.Concurrency = None,
    fail_fast: options.FailFast = False,
    max_failures: options.MaxFailures = None,
    fail_on_flaky: options.FailOnFlaky = False,
    threshold: options.Threshold = None,
    backend: options.Backend = "asyncio",
    uvloop: options.UvLoop = None,
    watch: options.WatchFiles = False,
    tb: options.Tb = "short",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    show_logs: options.ShowLogs = False,
    show_credentials: options.ShowCredentials = False,
    color: options.ColorWhen = "auto",
    report: options.Report = None,
) -> None:
    """Run specs against an ASGI app in process, or against a live service."""
    times = {"startup_timeout": startup_timeout, "shutdown_timeout": shutdown_timeout, "wait": wait}
    with ending(color, console_stream(report or ())) as screen:
        if watch:
            from asgi_probe.cli.watch import watch as run_and_watch

            raise typer.Exit(run_and_watch(ctx, screen))
        from asgi_probe.cli.cache import CacheWriter
        from asgi_probe.cli.execution import execute
        from asgi_probe.cli.ordering import order_from, ordered
        from asgi_probe.engine.run import RunOptions
        from asgi_probe.project.variables import given_secrets
        from asgi_probe.project.workspace import Wish, open_workspace
        from asgi_probe.reporters.reports import wants_traces

        asked = one_of(ctx, app=app, base_url=base_url, target=target, targets=targets)
        several = names_of(asked["targets"])
        trusted = one_of(ctx, cacert=cacert, insecure=insecure)
        said = TargetConfig(
            app=asked["app"],
            base_url=asked["base_url"],
            factory=factory,
            lifespan=lifespan,
            root_path=root_path,
            concurrency=concurrency,
            verify=False if trusted["insecure"] else trusted["cacert"],
            cert=cert,
            key=key,
            proxy=proxy,
            http2=http2,
            uds=uds,
        )
        wish = Wish(
            paths or (),
            tag or (),
            name or (),
            var or (),
            vars_file or (),
            target_from(said, times, wait_url),
            asked["target"] or (several[0] if len(several) == 1 else None),
            several if len(several) > 1 else (),
            seconds(timeout, "--timeout"),
            secrets=given_secrets(secret or (), os.environ),
            thresholds=threshold or (),
        )
        order = order_from(
            last_failed=last_failed,
            failed_first=failed_first,
            shuffle=shuffle,
            shard=shard,
            repeat=repeat,
            no_cache=no_cache,
        )
        options_ = RunOptions(
            max_failures=1 if fail_fast else max_failures,
            tell_all=verbose > 0,
            backend=backend,
            uvloop=uvloop,
            fail_on_flaky=fail_on_flaky,
            shard=str(order.shard) if order.shard else None,
            seed=order.seed,
            secrets=tuple(wish.secrets.values()),
            show_credentials=show_credentials,
            show_logs=show_logs,
            trace=any(map(wants_traces, report or ())),
            all_frames=tb == "long",
        )
        reports, told = distinct(report or ()), verbosity(verbose, quiet=quiet)
        others: dict[str, list[object]] = {
            "--var": [*(var or ())],
            "--secret": [*(secret or ())],
            "--vars-file": [*(vars_file or ())],
            "--timeout": [timeout] if timeout else [],
            "--startup-timeout": [startup_timeout] if startup_timeout else [],
            "--backend": [backend] if backend != "asyncio" else [],
            "--repeat": [repeat] if repeat else [],
        }
        workspace = ordered(open_workspace(wish), order)
        spare([*workspace.read, *(vars_file or ())], reports)
        options_ = replace(options_, thresholds=workspace.thresholds)
        hidden = {name for file in workspace.plan.files for name in file.secrets}
        command = command_for(said, wish.target_name, others, hidden)
        screen.write(idle_loop(backend, uvloop=uvloop))
        cache = None if no_cache else CacheWriter(workspace.config.root, workspace.copies, times=order.shard is None)
        code = execute(
            workspace,
            options_,
            reports,
            screen,
            verbosity=told,
            command=command,
            cache=cache,
            tracebacks=tb != "none",
            github=True,
        )
        raise typer.Exit(code)
