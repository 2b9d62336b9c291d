"""A whole run as one JSON document, which `report.schema.json` beside this file describes.

It is written as checks end, in that order, so that nothing of a check is kept: what is known when the run begins
stands before `checks`, all else behind them. The words are those of the event stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.engine.events import RunFinished, RunStarted, Warned
from asgi_probe.reporters.gathering import CountedWarnings, Gathering, check_data, check_json
from asgi_probe.reporters.ndjson import as_data, as_json

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile

FORMAT = 1
"""The format's version: it changes when a field is renamed or taken away, not when one is added."""


class JsonDocument:
    """Writes the document; a warning that came several times is kept and written once, with its `count`."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._gathering = Gathering()
        self._between = b"\n"
        self._warnings = CountedWarnings()

    def handle(self, event: Event) -> None:
        """Write the check if this was its last event, and the rest with the run's."""
        check = self._gathering.add(event)
        if check is not None:
            self._file.write(self._between + check_json(check_data(check)))
            self._between = b",\n"
            return
        match event:
            case Warned():
                self._warnings.add(event)
            case RunStarted():
                self._begin(event)
            case RunFinished():
                self._end(event)

    def _begin(self, run: RunStarted) -> None:
        data = as_data(run)
        del data["event"], data["version"], data["target"]
        head = as_json({"format": FORMAT, "tool": {"name": "asgi-probe", "version": run.version}, "run": data})
        self._file.write(head[:-1] + b',"checks":[')

    def _end(self, run: RunFinished) -> None:
        data = as_data(run)
        del data["event"]
        self._file.write(b"\n]," + as_json({"warnings": self._warnings.data()} | data)[1:] + b"\n")
