"""What a reporter is, and how `--report FORMAT=FILE` becomes one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO, Protocol

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_probe.engine.events import Event

FORMATS = ("ndjson",)


class Reporter(Protocol):
    """Tells a run, event by event."""

    def handle(self, event: Event) -> None:
        """Take in one event; raises nothing for what happens to its file."""

    def close(self) -> None:
        """Nothing more will come."""


class Report(Reporter, Protocol):
    """A reporter that writes a file; `problem` says why the file is not whole."""

    problem: str | None


def open_report(spec: str, *, cwd: Path) -> Report:
    """The report that `FORMAT=FILE` asks for, its file open and empty; `-` is standard output.

    Raises `UsageError` for what cannot be written.
    """
    kind, equals, name = spec.partition("=")
    if kind not in FORMATS:
        raise UsageError(f"unknown report format {kind!r}, {_known(kind)}")
    if not equals or not name:
        raise UsageError(f"{spec!r} names no file, expected {kind}=FILE, or {kind}=- for standard output")
    from asgi_probe.reporters.ndjson import NdjsonReporter

    return NdjsonReporter(_standard_output() if name == "-" else _open(cwd, name), name)


def _known(kind: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(kind.lower(), FORMATS, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(FORMATS)}"


def _open(cwd: Path, name: str) -> BinaryIO:
    path = cwd / name
    if path.is_dir() or name.endswith("/"):
        raise UsageError(f"the report {name!r} cannot be written: it is a folder, expected a file")
    try:
        return path.open("wb")
    except FileNotFoundError:
        why = f"there is no folder {os.path.relpath(path.parent, cwd)!r}, make it first"
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
    raise UsageError(f"the report {name!r} cannot be written: {why}")


def _standard_output() -> BinaryIO:
    """Standard output for this report alone, whatever the program does to its own from now on."""
    try:
        sys.stdout.flush()
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    except (AttributeError, OSError, ValueError):
        raise UsageError(
            "the report '-' cannot be written: standard output is closed or no file, name a file"
        ) from None
