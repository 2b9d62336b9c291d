"""The Typer app: its commands, one file each."""

from __future__ import annotations

from typing import Annotated

import typer

from asgi_probe import __version__
from asgi_probe.cli import lint, listing, run
from asgi_probe.cli.coercion import PlainCommand, PlainGroup

app = typer.Typer(
    name="asgi-probe",
    cls=PlainGroup,
    help="Smoke tests for HTTP services: YAML specs, run against an ASGI app in process or a live URL.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"asgi-probe {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    del version


app.command("run", cls=PlainCommand, epilog=run.EXAMPLES)(run.run)
app.command("lint", cls=PlainCommand, epilog=lint.EXAMPLES)(lint.lint)
app.command("list", cls=PlainCommand, epilog=listing.EXAMPLES)(listing.list_)
