"""How a command ends: every error told on a screen, and turned into its exit code."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from asgi_probe.errors import ExitCode, ProbeError, SpecError, TargetError
from asgi_probe.terminal import harmless, open_screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from asgi_probe.spec.source import Diagnostic
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


def told(error: ProbeError, columns: int | None = None) -> list[Line]:
    """An error as lines for people, on a screen of so many columns."""
    match error:
        case SpecError():
            return diagnosed(error.diagnostics, columns)
        case TargetError(traceback=str() as traceback):
            from asgi_probe.reporters.failure import traceback as frames

            return [*_message(error), *frames(traceback)]
        case _:
            return _message(error)


def diagnosed(diagnostics: Sequence[Diagnostic], columns: int | None = None) -> list[Line]:
    """Every diagnostic with its place and caret, and at the end how many there are."""
    lines: list[Line] = []
    for diagnostic in diagnostics:
        lines += [*diagnostic.render(columns), []]
    errors = sum(not diagnostic.warning for diagnostic in diagnostics)
    files = len({diagnostic.location.source.name for diagnostic in diagnostics if not diagnostic.warning})
    found = f"{errors} problem{'s' * (errors != 1)} in {files} file{'s' * (files != 1)}, nothing was sent"
    return [*lines, [(found, "failed")]]


def _message(error: ProbeError) -> list[Line]:
    first, *more = harmless(str(error)).splitlines() or [""]
    return [[("error: ", "error"), (first, "message")], *([("       " + line, "message")] for line in more)]


def _bug(error: Exception) -> list[Line]:
    from traceback import format_exception

    text = harmless("".join(format_exception(error)))
    return [
        *([(line, "")] for line in text.splitlines()),
        [("error: ", "error"), ("this is a bug of asgi-probe; please report it with the lines above", "message")],
    ]
