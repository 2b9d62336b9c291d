"""`asgi-probe serve`: runs the specs again and again, and serves how they went."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import said_again, seconds
from asgi_probe.cli.run import run
from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
_OF_ONE_RUN = {"last_failed", "failed_first", "no_cache"}
"""Flags that mean nothing where no run knows of the one before."""

_SERVE = "How to serve"
Interval = Annotated[
    str,
    options.option(
        _SERVE, "--interval", told="Time from a run's start to the next.", metavar="TIME", env="ASGI_PROBE_INTERVAL"
    ),
]
RunTimeout = Annotated[
    str | None,
    options.option(
        _SERVE,
        "--run-timeout",
        told="A run that takes longer hangs, and is ended (default: twice the interval, at least 60s).",
        metavar="TIME",
        env="ASGI_PROBE_RUN_TIMEOUT",
    ),
]
HistoryFile = Annotated[
    str | None,
    options.option(
        _SERVE,
        "--history",
        told="Keep the runs in this SQLite file (default: in memory).",
        metavar="FILE",
        env="ASGI_PROBE_HISTORY",
    ),
]
Keep = Annotated[
    int,
    options.option(
        _SERVE, "--keep", told="Keep that many runs.", metavar="N", env="ASGI_PROBE_KEEP", min=1, max=1_000_000
    ),
]
Host = Annotated[
    str,
    options.option(
        _SERVE,
        "--host",
        told="Listen at this address; one that other machines reach needs a token.",
        metavar="HOST",
        env="ASGI_PROBE_HOST",
    ),
]
Port = Annotated[
    int,
    options.option(
        _SERVE,
        "--port",
        told="Listen at this port; 0 is any that is free.",
        metavar="PORT",
        env="ASGI_PROBE_PORT",
        min=0,
        max=65_535,
    ),
]
Token = Annotated[
    str | None,
    options.option(
        _SERVE,
        "--token",
        told="What all but /healthz want to see; in the environment no list of processes shows it.",
        metavar="TOKEN",
        env="ASGI_PROBE_TOKEN",
    ),
]


def serve(
    ctx: typer.Context,
    paths: options.Paths = None,
    interval: Interval = "60s",
    run_timeout: RunTimeout = None,
    history: HistoryFile = None,
    keep: Keep = 1_000,
    host: Host = "127.0.0.1",
    port: Port = 8646,
    token: Token = None,
    color: options.ColorWhen = "auto",
) -> None:
    """Run specs again and again, and serve how they went: a page, metrics, health, JSON.

    Not to be taken for the key `serve` of a target, which starts the server that is tested.
    """
    with ending(color) as screen:
        from asgi_probe.cli.service import Service, needed_packages

        needed_packages()
        every, limit = _times(interval, run_timeout)
        service = Service(passed_on(ctx, paths or ()), interval, every, limit, history, keep, host, port, token)
        raise typer.Exit(service.run(screen))


def command() -> Callable[..., None]:
    """`serve` with the flags of `run` that say whom to ask, which checks, and how to run."""
    own = inspect.signature(serve, eval_str=True).parameters
    theirs = inspect.signature(run, eval_str=True).parameters

    def asked(**given: Any) -> None:
        serve(**{name: given[name] for name in own})

    parameters = [*own.values(), *(each for name, each in theirs.items() if name not in own and _passes(each))]
    asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    asked.__annotations__ = {each.name: each.annotation for each in parameters}
    asked.__doc__ = serve.__doc__
    return asked


def _passes(parameter: inspect.Parameter) -> bool:
    panel = parameter.annotation.__metadata__[0].rich_help_panel
    return panel != options.TELL and parameter.name not in _OF_ONE_RUN


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
    own = inspect.signature(serve).parameters
    return ["--no-cache", "--quiet", "--color=never", *said_again(ctx, own), "--", *paths]
