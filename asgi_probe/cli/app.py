"""The Typer app: its commands, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgi_probe import __version__
from asgi_probe.cli import lint, listing, merge, oneshot, run, serving
from asgi_probe.cli.coercion import PlainCommand, PlainGroup

if TYPE_CHECKING:
    from collections.abc import Callable


class Group(PlainGroup):
    """The commands; `serve` and those of one request are built when asked for, which would cost every start."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        return [*super().list_commands(ctx), "serve", *oneshot.METHODS, oneshot.ANY_METHOD]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None where there is none."""
        if cmd_name in (*oneshot.METHODS, oneshot.ANY_METHOD):
            return _late(cmd_name, oneshot.command(cmd_name), oneshot.examples(cmd_name))
        if cmd_name == "serve":
            return _late(cmd_name, serving.command(), serving.EXAMPLES)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; of one that is none, what was likely meant."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from asgi_probe.spec.source import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"no such command {args[0]!r}{f'; {hint}' if hint else ''}")
        return super().resolve_command(ctx, args)


def _late(name: str, command: Callable[..., None], examples: str) -> Any:
    late = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    late.command(name, cls=PlainCommand, epilog=examples)(command)
    return typer.main.get_command(late)


app = typer.Typer(
    name="asgi-probe",
    cls=Group,
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
app.command("merge", cls=PlainCommand, epilog=merge.EXAMPLES)(merge.merge)
app.command("list", cls=PlainCommand, epilog=listing.EXAMPLES)(listing.list_)
