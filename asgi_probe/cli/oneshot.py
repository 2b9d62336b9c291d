"""`asgi-probe get URL` and its kin: one request, judged, for a line of the shell."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgi_probe.cli import options
from asgi_probe.cli.ending import ending
from asgi_probe.cli.flags import distinct, idle_loop, one_of, seconds, target_from, typed, verbosity
from asgi_probe.cli.streams import console_stream, take_standard_output
from asgi_probe.config import TargetConfig
from asgi_probe.errors import ProbeError
from asgi_probe.spec.written import as_text
from asgi_probe.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.terminal import Outlet

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
ANY_METHOD = "request"
"""The command that takes the method as its first argument."""

_EXAMPLES = """[bold]Examples[/bold]

  asgi-probe {0} http://127.0.0.1:8000/health                    the status is below 400

  asgi-probe {0} /health --app shop.main:app -e status=200       in process

  asgi-probe {0} https://example.com/ -e 'header.server~=nginx' -e 'time<300ms'

  asgi-probe {0} /health -e '$.status=ok' -e '$.checks:={{$each: {{up: true}}}}'

  id=$(asgi-probe {0} /items --print '$.items[0].id')           for other commands

[bold]What is expected: KEY, operator, value[/bold]

  status, time, text, size, url, error …    as in a spec

  header.NAME, cookie.NAME, html.SELECTOR, $.JSON.path

  = is, != is not, ~= matches the regex, < <= >= > compare, := a pattern in YAML

[bold]Exit codes[/bold]

    0  all is as expected

    1  something is not, or the request failed

    2  wrong usage: nothing was sent

    3  the target could not be reached, imported or started

   70  a bug of asgi-probe

  130  interrupted by Ctrl-C
"""

_REQUEST = "The request"
_EXPECT = "What must come back"


def _option(panel: str, *names: str, told: str, metavar: str, env: str | None = None) -> Any:
    return typer.Option(*names, help=told, metavar=metavar, rich_help_panel=panel, envvar=env, show_envvar=bool(env))


Method = Annotated[str, typer.Argument(metavar="METHOD", help="Any method: GET, PURGE …", show_default=False)]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="A URL, or a path such as /health on --app, --base-url or the target.", show_default=False
    ),
]
Expect = Annotated[
    list[str] | None,
    _option(
        _EXPECT,
        "--expect",
        "-e",
        told="Such as status=200 or '$.status=ok'. May be repeated; without one the status is below 400.",
        metavar="KEY=VALUE",
    ),
]
Print = Annotated[
    str | None,
    _option(
        _EXPECT,
        "--print",
        told="If all is well, print that on standard output: body, $.path, header.NAME, status …",
        metavar="SOURCE",
    ),
]
Header = Annotated[
    list[str] | None,
    _option(
        _REQUEST,
        "--header",
        "-H",
        told="A header; 'name:' takes a default away. May be repeated.",
        metavar="NAME: VALUE",
    ),
]
Param = Annotated[
    list[str] | None,
    _option(_REQUEST, "--param", told="A query parameter. May be repeated.", metavar="NAME=VALUE"),
]
Json = Annotated[
    str | None, _option(_REQUEST, "--json", told="The body as JSON; @FILE, or - for standard input.", metavar="JSON")
]
Form = Annotated[
    list[str] | None, _option(_REQUEST, "--form", told="A field of a form. May be repeated.", metavar="NAME=VALUE")
]
Body = Annotated[
    str | None, _option(_REQUEST, "--body", told="The body as it is; @FILE, or - for standard input.", metavar="TEXT")
]
BasicAuth = Annotated[
    str | None,
    _option(_REQUEST, "--auth", told="User and password.", metavar="USER:PASSWORD", env="ASGI_PROBE_AUTH"),
]
Bearer = Annotated[
    str | None,
    _option(_REQUEST, "--bearer", told="A bearer token.", metavar="TOKEN", env="ASGI_PROBE_BEARER"),
]
Follow = Annotated[bool, typer.Option("--follow", "-L", help="Follow redirects.", rich_help_panel=_REQUEST)]
Retry = Annotated[
    int,
    typer.Option(
        "--retry",
        min=0,
        max=1000,
        metavar="N",
        help="Ask again, that often at most, half a second apart.",
        rich_help_panel=_REQUEST,
        show_default=False,
    ),
]


def ask(
    ctx: typer.Context,
    method: Method,
    url: Url,
    expect: Expect = None,
    printed: Print = None,
    header: Header = None,
    param: Param = None,
    json: Json = None,
    form: Form = None,
    body: Body = None,
    auth: BasicAuth = None,
    bearer: Bearer = None,
    follow: Follow = False,
    retry: Retry = 0,
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
    timeout: options.Timeout = None,
    backend: options.Backend = "asyncio",
    uvloop: options.UvLoop = None,
    tb: options.Tb = "short",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    color: options.ColorWhen = "auto",
    report: options.Report = None,
) -> None:
    """Send one request and judge what comes back."""
    times = {"startup_timeout": startup_timeout, "shutdown_timeout": shutdown_timeout, "wait": wait}
    with ending(color, console_stream(["-"] if printed is not None else report or ())) as screen:
        from asgi_probe.cli.asking import Asked, whom
        from asgi_probe.cli.execution import execute
        from asgi_probe.engine.run import RunOptions
        from asgi_probe.project.workspace import Wish, open_workspace
        from asgi_probe.reporters.single import SingleReporter

        named = one_of(ctx, app=app, base_url=base_url, target=target)
        trusted = one_of(ctx, cacert=cacert, insecure=insecure)
        said = TargetConfig(
            **whom(url, named, typed=any(typed(ctx, flag) for flag in named)),
            factory=factory,
            lifespan=lifespan,
            root_path=root_path,
            concurrency=1,
            verify=False if trusted["insecure"] else trusted["cacert"],
            cert=cert,
            key=key,
            proxy=proxy,
            http2=http2,
            uds=uds,
        )
        asked = Asked(
            ctx.info_name or "",
            method.upper(),
            url,
            expect or (),
            header or (),
            param or (),
            form or (),
            json,
            body,
            printed,
            follow=follow,
            retry=retry,
            **one_of(ctx, auth=auth, bearer=bearer),
        )
        wish = Wish(
            target=target_from(said, times, wait_url),
            target_name=named["target"],
            timeout=seconds(timeout, "--timeout"),
            spec=asked.spec,
        )
        told, reports = verbosity(verbose, quiet=quiet), distinct(report or ())
        workspace = open_workspace(wish)
        screen.write(idle_loop(backend, uvloop=uvloop))
        out = take_standard_output() if printed is not None else None
        console = SingleReporter(
            screen, verbosity=told, printer=partial(_print, out) if out else None, tracebacks=tb != "none"
        )
        run = RunOptions(tell_all=True, backend=backend, uvloop=uvloop, secrets=asked.secrets, all_frames=tb == "long")
        code = execute(workspace, run, reports, screen, verbosity=told, console=console)
        if out is not None and out.problem:
            raise ProbeError(out.problem)
        raise typer.Exit(code)


def _print(out: Outlet, value: Any) -> None:
    """Text as it is, all else as JSON, but for what could steer a terminal."""
    text = as_text(value)
    out.write(harmless(text) if out.isatty() else text)
    out.write("\n" * (not text.endswith("\n")))
    out.flush()


def examples(name: str) -> str:
    """What stands under the help of a command."""
    return _EXAMPLES.format("request GET" if name == ANY_METHOD else name)


def command(name: str) -> Callable[..., None]:
    """What the command of that name does: `ask`, without its argument for the method where that is the name."""
    return ask if name == ANY_METHOD else _asking(name)


def _asking(method: str) -> Callable[..., None]:

    def asked(**given: Any) -> None:
        ask(method=method, **given)

    parameters = inspect.signature(ask, eval_str=True).parameters
    others = [each for name, each in parameters.items() if name != "method"]
    asked.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined] # what Typer reads
    asked.__annotations__ = {each.name: each.annotation for each in others}
    asked.__doc__ = f"Send one {method.upper()} request and judge what comes back."
    return asked
