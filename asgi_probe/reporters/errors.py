"""An error that ends everything, told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.errors import SpecError, TargetError
from asgi_probe.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.errors import ProbeError
    from asgi_probe.spec.source import Diagnostic
    from asgi_probe.terminal import Line


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
