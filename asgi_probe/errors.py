"""What can go wrong, and with which exit code a run ends.

Every exception that asgi-probe raises on purpose is one of these::

    ProbeError
    ├── UsageError         flags or configuration that make no sense
    ├── SpecError          specs with problems, all of them in .diagnostics
    ├── NothingSelected    no check is left to run
    ├── TargetError        whom we ask could not be reached, imported, started
    ├── VariableError      a `${…}` that could not be rendered (asgi_probe.spec.template)
    ├── Unjudgeable        an answer that cannot be judged (asgi_probe.judge.body)
    ├── SqlError           a database that could not be asked (asgi_probe.engine.sql)
    └── NotThere           nothing to save (asgi_probe.judge.save)

The last four end a step, never a run; inside their rooms there are a few that nobody else sees.
What goes wrong with a single request is no exception but a `Failure` (see `asgi_probe.exchange`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.spec.source import Diagnostic


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    GREEN = 0
    """Nothing failed."""
    FAILED = 1
    """A check failed or errored, or something went wrong on the way out."""
    USAGE = 2
    """Wrong usage, or a spec that is not valid."""
    TARGET = 3
    """The target could not be reached, or the app could not be imported or started."""
    NOTHING = 4
    """No check was selected."""
    BUG = 70
    """An error of asgi-probe itself."""
    INTERRUPTED = 130
    """SIGINT."""
    TERMINATED = 143
    """SIGTERM."""


class ProbeError(Exception):
    """The root of all errors that asgi-probe raises on purpose."""

    exit_code = ExitCode.FAILED


class UsageError(ProbeError):
    """Flags, arguments or a configuration that make no sense."""

    exit_code = ExitCode.USAGE


class SpecError(ProbeError):
    """Specs that cannot run; `diagnostics` holds every problem of every file, the text a line for each."""

    exit_code = ExitCode.USAGE

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [diagnostic for diagnostic in diagnostics if not diagnostic.warning]
        head = f"{len(errors)} problem{'s' * (len(errors) != 1)} in the specs"
        super().__init__("\n".join([head, *map(str, errors)]))
        self.diagnostics = tuple(diagnostics)


class NothingSelected(ProbeError):  # noqa: N818 - an outcome of selecting, named as users know it
    """No check is left to run."""

    exit_code = ExitCode.NOTHING


class TargetError(ProbeError):
    """The target could not be reached, imported or started.

    `traceback` is the user's part of the traceback, as text, where there is one.
    """

    exit_code = ExitCode.TARGET

    def __init__(self, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.traceback = traceback
