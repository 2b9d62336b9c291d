"""How a command ends: every error told on a screen, and turned into its exit code."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from asgi_probe.errors import ExitCode, ProbeError
from asgi_probe.terminal import harmless, open_screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from asgi_probe.terminal import Color, Line, Screen


@contextmanager
def ending(color: Color, stream: TextIO | None = None) -> Iterator[Screen]:
    """A screen for the command's own output, and the end of the process: `typer.Exit` says with what, else all is well.

    What goes wrong is told on standard error; so is a screen that could not be written, and nothing is well then.
    Whatever is not a ProbeError is a bug of ours: it exits 70 with its traceback.
    """
    screen = open_screen(stream or sys.stdout, color=color)
    code: int = ExitCode.GREEN
    try:
        yield screen
    except typer.Exit as asked:
        code = asked.exit_code
    except ProbeError as error:
        from asgi_probe.reporters.errors import told

        screen.close()
        errors = _errors(color)
        errors.write(told(error, errors.columns))
        code = error.exit_code
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: nobody else will tell of it
        screen.close()
        _errors(color).write(_bug(error))
        code = ExitCode.BUG
    finally:
        screen.close()
    if screen.problem:
        _errors(color).write([[("error: ", "error"), (screen.problem, "message")]])
    raise typer.Exit(code or (ExitCode.FAILED if screen.problem else ExitCode.GREEN))


def _errors(color: Color) -> Screen:
    return open_screen(sys.stderr, color=color)


def _bug(error: Exception) -> list[Line]:
    from traceback import format_exception

    text = harmless("".join(format_exception(error)))
    return [
        *([(line, "")] for line in text.splitlines()),
        [("error: ", "error"), ("this is a bug of asgi-probe; please report it with the lines above", "message")],
    ]
