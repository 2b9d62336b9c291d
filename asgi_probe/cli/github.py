"""GitHub Actions, which are told of a run without being asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.errors import UsageError
from asgi_probe.reporters.reports import open_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asgi_probe.reporters.reports import Report, Reporter
    from asgi_probe.terminal import Screen

OFF = "github=off"
"""What turns it off."""


class Github:
    """What GitHub Actions are told: annotations on the screen, and the step's summary.

    `--report github=FILE` asks for both; without it they are there where `GITHUB_ACTIONS` is `true`, if the command
    tells of itself `by_itself`. A summary that nobody asked for and that cannot be written is a warning.
    """

    def __init__(
        self, reports: Sequence[str], screen: Screen, root: Path, environ: Mapping[str, str], *, by_itself: bool
    ) -> None:
        self._screen = screen
        asked = any(report.startswith("github=") for report in reports)
        on = by_itself and not asked and environ.get("GITHUB_ACTIONS") == "true"
        self._summary = self._opened(environ.get("GITHUB_STEP_SUMMARY")) if on else None
        self.reporters: list[Reporter] = [self._summary] if self._summary else []
        if on or any(report.startswith("github=") and report != OFF for report in reports):
            from asgi_probe.reporters.github import Annotations

            self.reporters.append(Annotations(screen.command, root))

    def _opened(self, path: str | None) -> Report | None:
        try:
            return open_report(f"github={path}", cwd=Path.cwd()) if path else None
        except UsageError as error:
            self._warn(str(error))
            return None

    def tell_problem(self) -> None:
        """Say so if the summary is not there."""
        if self._summary and self._summary.problem:
            self._warn(self._summary.problem)

    def _warn(self, problem: str) -> None:
        self._screen.write([[("warning: ", "warning"), (problem, "message")]])
