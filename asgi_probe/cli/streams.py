"""Who writes where: a report on standard output has it to itself, whatever the app prints."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from asgi_probe.terminal import Outlet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def takes_standard_output(reports: Sequence[str]) -> bool:
    """Whether one of the reports goes to standard output."""
    return any(report.partition("=")[2] == "-" for report in reports)


def console_stream(reports: Sequence[str]) -> TextIO:
    """Where the console goes: standard output, or standard error when a report takes the other."""
    return sys.stderr if takes_standard_output(reports) else sys.stdout


def leave_standard_output(reports: Sequence[str]) -> None:
    """Send all else that is written to standard output, by C libraries too, to standard error."""
    if takes_standard_output(reports):
        sys.stdout.flush()
        os.dup2(2, 1)


def take_standard_output() -> Outlet:
    """Standard output for the caller alone; all else that is written to it goes to standard error from now on."""
    if sys.stdout is not None:
        sys.stdout.flush()
    taken = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="")
    os.dup2(2, 1)
    return Outlet(taken)


def fill_standard_streams() -> None:
    """Open `os.devnull` in place of standard streams that were closed: else the next file or socket would be one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free descriptor, which is this one
            os.open(os.devnull, os.O_RDWR)
