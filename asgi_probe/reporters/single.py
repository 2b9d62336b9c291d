"""A run of one request: a line when all is well, and as much as of any run when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import RunFinished, StepFinished, Warned
from asgi_probe.reporters.failure import exchange, status
from asgi_probe.reporters.recording import Recording
from asgi_probe.reporters.summary import Warnings
from asgi_probe.reporters.words import GLYPHS, duration
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.engine.events import Event
    from asgi_probe.terminal import Line, Screen


PRINTED = "printed"
"""The name under which is saved what is to be printed."""


class SingleReporter:
    """Tells of one request when the run has ended.

    `verbosity` below 0 tells nothing where all is well, above 0 the whole exchange. What the step saved as `PRINTED`
    goes to `printer`, but only where all is well. Without `tracebacks` none is told.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        verbosity: int = 0,
        printer: Callable[[Any], None] | None = None,
        tracebacks: bool = True,
    ) -> None:
        self._screen = screen
        self._verbosity = verbosity
        self._printer = printer
        self._tracebacks = tracebacks
        self._recording = Recording()

    def handle(self, event: Event) -> None:
        """Take in one event."""
        self._recording.handle(event)
        if isinstance(event, RunFinished):
            self._finish(event)

    def close(self) -> None:
        """Nothing more will come."""

    def _finish(self, run: RunFinished) -> None:
        if run.exit_code:
            self._recording.tell(self._screen, verbosity=-1, tracebacks=self._tracebacks)
            return
        warnings = Warnings()
        for event in self._recording.events:
            if isinstance(event, Warned):
                warnings.add(event)
            elif isinstance(event, StepFinished):
                self._all_is_well(event)
        self._screen.write(warnings.lines(traces=self._tracebacks)[1:])

    def _all_is_well(self, step: StepFinished) -> None:
        if self._verbosity >= 0:
            self._screen.write([_line(step)])
        if self._verbosity > 0:
            self._screen.write(exchange(step.request, step.response))
        if self._printer is not None and step.saved:
            self._printer(step.saved[PRINTED])


def _line(step: StepFinished) -> Line:
    glyph, style = GLYPHS[step.outcome]
    line: Line = [(f"{glyph} ", style), (inline(step.step), "")]
    if step.request is not None:
        line = [line[0], (inline(f"{step.request.method} {step.request.url}"), "")]
    answer = status(step.response).partition(" ")[2] if step.response else "no answer, as expected"
    line += [(" ", ""), (inline(answer), style), (f"  {duration(step.duration)}", "quiet")]
    if step.attempts > 1:
        line.append((f"  passed at attempt {step.attempts}; at first {inline(step.reason or 'it did not')}", "flaky"))
    return line
