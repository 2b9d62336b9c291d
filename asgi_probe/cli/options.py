"""The flags that several commands share, each with its variable of the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

_TARGET = "Whom to ask"
SELECT = "Which checks"
_RUN = "How to run"
TELL = "How to tell"

Color = Literal["auto", "always", "never"]


def option(
    panel: str,
    *names: str,
    told: str,
    env: str | None = None,
    **more: Any,
) -> Any:
    """A flag: on which panel of the help it stands, its names, what it does, and its variable of the environment."""
    return typer.Option(*names, help=told, envvar=env, rich_help_panel=panel, show_envvar=bool(env), **more)


Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATHS",
        help="Files, folders, globs, `file.yaml:12` or `file.yaml::check name`; by default the configuration's.",
        show_default=False,
    ),
]


def _whole(ctx: typer.Context, param: typer.CallbackParam, value: list[str] | None) -> list[str] | None:
    # what may be repeated is split at blanks when it comes from the environment: an expression has blanks of its own
    source = ctx.get_parameter_source(param.name or "")
    return [" ".join(value)] if value and source and source.name == "ENVIRONMENT" else value


Tag = Annotated[
    list[str] | None,
    option(
        SELECT,
        "--tag",
        "-t",
        told="By tags: 'smoke and not slow'. If repeated, each must hold.",
        metavar="TAGS",
        env="ASGI_PROBE_TAG",
        callback=_whole,
    ),
]
Name = Annotated[
    list[str] | None,
    option(
        SELECT,
        "-k",
        told="By parts of the check's name: 'items and not delete'. If repeated, each must hold.",
        metavar="WORDS",
    ),
]
LastFailed = Annotated[
    bool, option(SELECT, "--last-failed", "--lf", told="Only what failed last; everything if nothing did.")
]
FailedFirst = Annotated[bool, option(SELECT, "--failed-first", "--ff", told="Everything, what failed last first.")]
ShardOf = Annotated[
    str | None,
    option(
        SELECT,
        "--shard",
        told="The K-th of N parts. `auto` asks GitLab's variables, `auto/N` those of Kubernetes.",
        metavar="K/N",
        env="ASGI_PROBE_SHARD",
    ),
]
Repeat = Annotated[
    int | None,
    option(SELECT, "--repeat", told="Run every check N times.", metavar="N", min=1, env="ASGI_PROBE_REPEAT"),
]
Shuffle = Annotated[
    str | None,
    option(
        SELECT,
        "--shuffle",
        told="In another order: that of the seed, or of one that is drawn and told.",
        metavar="[=SEED]",
        env="ASGI_PROBE_SHUFFLE",
    ),
]
NoCache = Annotated[
    bool,
    option(
        SELECT,
        "--no-cache",
        told="Neither read nor write .asgi_probe_cache, what is known of the last run.",
        env="ASGI_PROBE_NO_CACHE",
    ),
]
Var = Annotated[
    list[str] | None,
    option(_RUN, "--var", told="A variable: name=text, or name:=JSON. May be repeated.", metavar="NAME=VALUE"),
]
VarsFile = Annotated[
    list[Path] | None,
    option(
        _RUN,
        "--vars-file",
        told="Variables from a YAML, JSON or .env file. May be repeated.",
        metavar="FILE",
        env="ASGI_PROBE_VARS_FILE",
    ),
]

App = Annotated[
    str | None,
    option(
        _TARGET,
        "--app",
        told="An ASGI app, in process: shop.main:app, shop/main.py, shop.main.",
        metavar="APP",
        env="ASGI_PROBE_APP",
    ),
]
Factory = Annotated[
    bool | None,
    option(_TARGET, "--factory/--no-factory", told="Call what --app names to get the app.", env="ASGI_PROBE_FACTORY"),
]
Lifespan = Annotated[
    Literal["auto", "on", "off"] | None,
    option(
        _TARGET,
        "--lifespan",
        told="Run the app's lifespan: on, off, or auto, if it has one (default: auto).",
        metavar="WHEN",
        env="ASGI_PROBE_LIFESPAN",
    ),
]
RootPath = Annotated[
    str | None,
    option(_TARGET, "--root-path", told="The ASGI root_path, in process.", metavar="PATH", env="ASGI_PROBE_ROOT_PATH"),
]
StartupTimeout = Annotated[
    str | None,
    option(
        _TARGET,
        "--startup-timeout",
        told="Time for the app's start-up (default: 30s).",
        metavar="TIME",
        env="ASGI_PROBE_STARTUP_TIMEOUT",
    ),
]
ShutdownTimeout = Annotated[
    str | None,
    option(
        _TARGET,
        "--shutdown-timeout",
        told="Time for the app's shutdown (default: 10s).",
        metavar="TIME",
        env="ASGI_PROBE_SHUTDOWN_TIMEOUT",
    ),
]
BaseUrl = Annotated[
    str | None,
    option(
        _TARGET, "--base-url", told="A live service: http://127.0.0.1:8000.", metavar="URL", env="ASGI_PROBE_BASE_URL"
    ),
]
TargetName = Annotated[
    str | None,
    option(
        _TARGET,
        "--target",
        told="A target of the configuration, by its name.",
        metavar="NAME",
        env="ASGI_PROBE_TARGET",
    ),
]
Targets = Annotated[
    str | None,
    option(
        _TARGET,
        "--targets",
        told="Several of them: the same specs against each, outcomes side by side.",
        metavar="A,B",
        env="ASGI_PROBE_TARGETS",
    ),
]
Wait = Annotated[
    str | None,
    option(
        _TARGET,
        "--wait",
        told="Wait at most that long until the service answers below 500.",
        metavar="TIME",
        env="ASGI_PROBE_WAIT",
    ),
]
WaitUrl = Annotated[
    str | None,
    option(_TARGET, "--wait-url", told="What --wait asks (default: /).", metavar="URL", env="ASGI_PROBE_WAIT_URL"),
]
CaFile = Annotated[
    str | None,
    option(_TARGET, "--cacert", told="Trust the certificates of this file.", metavar="FILE", env="ASGI_PROBE_CACERT"),
]
Insecure = Annotated[
    bool, option(_TARGET, "--insecure", told="Do not verify TLS certificates.", env="ASGI_PROBE_INSECURE")
]
Cert = Annotated[
    str | None,
    option(_TARGET, "--cert", told="The client's certificate (PEM).", metavar="FILE", env="ASGI_PROBE_CERT"),
]
Key = Annotated[
    str | None,
    option(
        _TARGET, "--key", told="Its private key, if it is in a file of its own.", metavar="FILE", env="ASGI_PROBE_KEY"
    ),
]
Proxy = Annotated[
    str | None,
    option(
        _TARGET,
        "--proxy",
        told="Go through this proxy (default: what HTTP_PROXY and its kin say).",
        metavar="URL",
        env="ASGI_PROBE_PROXY",
    ),
]
Http2 = Annotated[
    bool | None,
    option(_TARGET, "--http2/--no-http2", told="Speak HTTP/2 where the server does.", env="ASGI_PROBE_HTTP2"),
]
Uds = Annotated[
    str | None, option(_TARGET, "--uds", told="Connect to this Unix socket.", metavar="PATH", env="ASGI_PROBE_UDS")
]

Concurrency = Annotated[
    int | None,
    option(
        _RUN,
        "--concurrency",
        "-j",
        told="Checks at the same time (default: 16).",
        metavar="N",
        min=1,
        max=10_000,
        env="ASGI_PROBE_CONCURRENCY",
    ),
]
Timeout = Annotated[
    str | None,
    option(
        _RUN,
        "--timeout",
        told="Time for a request that names none (default: 10s).",
        metavar="TIME",
        env="ASGI_PROBE_TIMEOUT",
    ),
]
FailFast = Annotated[
    bool, option(_RUN, "-x", "--fail-fast", told="Stop at the first failure, whatever --max-failures says.")
]
MaxFailures = Annotated[
    int | None,
    option(
        _RUN, "--max-failures", told="Stop after that many failures.", min=1, metavar="N", env="ASGI_PROBE_MAX_FAILURES"
    ),
]
FailOnFlaky = Annotated[
    bool,
    option(
        _RUN,
        "--fail-on-flaky",
        told="A check that passed after a retry fails the run, too.",
        env="ASGI_PROBE_FAIL_ON_FLAKY",
    ),
]


def _parted(ctx: typer.Context, param: typer.CallbackParam, value: list[str] | None) -> list[str] | None:
    whole = _whole(ctx, param, value)
    if whole is value or not whole:
        return value
    return [text for text in whole[0].split(";") if text.strip()]


Threshold = Annotated[
    list[str] | None,
    option(
        _RUN,
        "--threshold",
        told="What the run is held to: 'p95(time) < 300ms', 'warn: error_rate{tag:slow} < 1%'. May be repeated.",
        metavar="RULE",
        env="ASGI_PROBE_THRESHOLD",
        callback=_parted,
    ),
]
Backend = Annotated[
    Literal["asyncio", "trio"],
    option(
        _RUN,
        "--backend",
        told="The event loop: asyncio or trio.",
        metavar="LOOP",
        env="ASGI_PROBE_BACKEND",
    ),
]
UvLoop = Annotated[
    bool | None,
    option(_RUN, "--uvloop/--no-uvloop", told="Use uvloop (default: if it is installed).", env="ASGI_PROBE_UVLOOP"),
]

Secret = Annotated[
    list[str] | None,
    option(
        _RUN,
        "--secret",
        told="A variable whose value is never told: name=text. May be repeated; also ASGI_PROBE_SECRET_NAME.",
        metavar="NAME=VALUE",
    ),
]
ShowLogs = Annotated[
    bool,
    option(TELL, "--show-logs", told="Tell what the app logged and printed in all steps.", env="ASGI_PROBE_SHOW_LOGS"),
]
ShowCredentials = Annotated[
    bool,
    option(
        TELL,
        "--show-credentials",
        told="Show the headers that carry credentials, but for declared secrets.",
        env="ASGI_PROBE_SHOW_CREDENTIALS",
    ),
]

WatchFiles = Annotated[
    bool,
    option(_RUN, "--watch", told="Run again what is affected whenever files change; press h for the keys."),
]

Tb = Annotated[
    Literal["short", "long", "none"],
    option(
        TELL,
        "--tb",
        told="Tracebacks: short (the app's own frames), long (every frame) or none.",
        metavar="STYLE",
        env="ASGI_PROBE_TB",
    ),
]
Verbose = Annotated[
    int,
    option(TELL, "--verbose", "-v", told="Tell every check, and every step's answer.", count=True, show_default=False),
]
Quiet = Annotated[bool, option(TELL, "--quiet", "-q", told="Tell only what did not pass, and the summary.")]
ColorWhen = Annotated[
    Color,
    option(
        TELL,
        "--color",
        told="When to use colour: auto, always or never; NO_COLOR is heeded.",
        metavar="WHEN",
        env="ASGI_PROBE_COLOR",
    ),
]
_REPORTS = "html, junit, tap, json, ndjson, markdown, gitlab, github or prometheus=FILE, otel=URL"
Report = Annotated[
    list[str] | None,
    option(
        TELL,
        "--report",
        told=f"Write a report: {_REPORTS} (- is standard output). May be repeated.",
        metavar="KIND=PATH",
        env="ASGI_PROBE_REPORT",
    ),
]
