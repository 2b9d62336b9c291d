"""A run in the Test Anything Protocol, version 14: a test point a check, written as it ends.

The format is that of https://testanything.org/tap-version-14-specification.html. Diagnostics are YAML in
block style, its values JSON or, with several lines, literal: what readers of YAML 1.1, of 1.2 and Perl's take alike.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import RunFinished, RunStarted, Warned
from asgi_probe.engine.results import RED, Outcome
from asgi_probe.errors import ExitCode
from asgi_probe.reporters.gathering import Gathering
from asgi_probe.reporters.values import one_line, plain_data
from asgi_probe.reporters.verdict import (
    details,
    exchanged,
    found,
    is_case,
    judgements,
    message,
    on_a_line,
    printable,
    red_steps,
    whom,
)
from asgi_probe.reporters.words import duration, tally
from asgi_probe.terminal import plain

if TYPE_CHECKING:
    from asgi_probe.engine.events import Event
    from asgi_probe.engine.results import Mismatch
    from asgi_probe.reporters.files import ReportFile
    from asgi_probe.reporters.gathering import CheckResult

_LONGEST_VALUE = 2_000
_LARGEST = 2**53
"""What any reader of YAML takes for an integer."""
# what some readers take for the end of a block, however far it is indented
_ENDS = re.compile(r"^\s*(\.\.\.|---)", re.MULTILINE)
_MOST_MISMATCHES = 100
_DIRECTIVES = {Outcome.SKIPPED: "SKIP", Outcome.INTERRUPTED: "SKIP", Outcome.XFAILED: "TODO"}
_NOT_OK = RED | {Outcome.XFAILED}


class TapWriter:
    """Writes a test point for each check that ends, and the plan at the end; it keeps nothing but their number."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._gathering = Gathering()
        self._several = False
        self._points = 0

    def handle(self, event: Event) -> None:
        """Write what is known now."""
        match event:
            case RunStarted():
                self._several = len(event.targets) > 1
                targets = ", ".join(map(whom, event.targets or (event.target,)))
                self._file.write(f"TAP version 14\n# asgi-probe {event.version}: {targets}\n")
            case Warned():
                self._file.write(f"# warning: {on_a_line(event.message)}\n")
            case RunFinished():
                self._end(event)
            case _:
                check = self._gathering.add(event)
                if check is not None and is_case(check):
                    self._check(check)

    def _check(self, check: CheckResult) -> None:
        finished = check.finished
        name = f"{finished.id} on {finished.target}" if self._several else finished.id
        match finished.outcome:
            case Outcome.PASSED:
                self._point(finished.outcome, name)
            case Outcome.SKIPPED:
                self._point(finished.outcome, name, finished.reason or "")
            case Outcome.INTERRUPTED:
                self._point(finished.outcome, name, "interrupted")
            case _:
                self._point(finished.outcome, name, finished.reason or "", _diagnostics(check))

    def _point(self, outcome: Outcome, name: str, reason: str = "", diagnostics: dict[str, Any] | None = None) -> None:
        self._points += 1
        directive = f" # {_DIRECTIVES[outcome]} {_escaped(reason)}".rstrip() if outcome in _DIRECTIVES else ""
        result = "not ok" if outcome in _NOT_OK else "ok"
        block = _block(diagnostics) if diagnostics else ""
        self._file.write(f"{result} {self._points} - {_escaped(name)}{directive}\n{block}")

    def _end(self, run: RunFinished) -> None:
        for judgement in judgements(run):
            told = {"message": judgement.message, "severity": judgement.outcome}
            if judgement.details:
                told["details"] = judgement.details
            passed = judgement.outcome is Outcome.PASSED
            self._point(judgement.outcome, f"asgi-probe: {judgement.name}", judgement.message, None if passed else told)
        nothing = "" if self._points else " # no checks"
        self._file.write(f"1..{self._points}{nothing}\n# {plain(tally(run.outcomes))} in {duration(run.duration)}\n")
        if run.exit_code == ExitCode.TARGET or run.stopped == "interrupted":
            why = "interrupted" if run.stopped == "interrupted" else run.problem or "the target could not be reached"
            self._file.write(f"Bail out! {_escaped(why)}\n")


def _escaped(text: str) -> str:
    """`text` on one line as descriptions and reasons have it."""
    if text.isascii() and text.isprintable() and "\\" not in text and "#" not in text:
        return text
    return on_a_line(text).replace("\\", "\\\\").replace("#", "\\#")


def _block(diagnostics: dict[str, Any]) -> str:
    """A block of YAML below a test point."""
    return "\n".join(["  ---", *("  " + line for line in _mapping(diagnostics)), "  ...\n"])


def _mapping(data: dict[str, Any]) -> list[str]:
    return [line for key, value in data.items() for line in _entry(key, value)]


def _entry(key: str, value: Any) -> list[str]:
    match value:
        case dict():
            return [f"{key}:", *("  " + line for line in _mapping(value))]
        case list():
            return [f"{key}:", *("  " + line for item in value for line in _item(item))]
        case str() if "\n" in value and value[:1].strip() and not _ENDS.search(value):
            return [f"{key}: |", *("  " + line for line in value.rstrip("\n").split("\n"))]
        case _:
            return [f"{key}: {json.dumps(value, ensure_ascii=False)}"]


def _item(item: dict[str, Any]) -> list[str]:
    first, *rest = _mapping(item)
    return [f"- {first}", *("  " + line for line in rest)]


def _diagnostics(check: CheckResult) -> dict[str, Any]:
    """What is known of a check that did not simply pass."""
    finished = check.finished
    steps = red_steps(check)
    unmet = found(check)
    step = next((step for step in steps if step.file), None)
    file, line, column = (step.file, step.line, step.column) if step else (finished.file, finished.line, 1)
    if unmet:
        file, line, column = unmet[0].file, unmet[0].line, unmet[0].column
    told: dict[str, Any] = {
        "message": message(check),
        "severity": finished.outcome,
        "at": {"file": printable(file), "line": line, "column": column},
        "duration_ms": round(finished.duration * 1000, 3),
    }
    if finished.outcome is Outcome.FLAKY:
        told["stumbles"] = [
            {"attempt": number, "message": on_a_line(stumble)}
            for step in check.steps
            for number, stumble in enumerate(step.stumbles, 1)
        ]
    else:
        told["mismatches"] = [_mismatch(mismatch) for mismatch in unmet[:_MOST_MISMATCHES]]
        told["details"] = details(check)
        told["exchange"] = exchanged(check) if finished.outcome.red else ""
    return {key: value for key, value in told.items() if value not in ("", [])}


def _mismatch(mismatch: Mismatch) -> dict[str, Any]:
    return {
        "where": printable(mismatch.where),
        **({"path": printable(mismatch.path)} if mismatch.path else {}),
        "message": on_a_line(mismatch.message),
        "expected": _value(mismatch.expected),
        "actual": _value(mismatch.actual),
        "file": printable(mismatch.file),
        "line": mismatch.line,
        "column": mismatch.column,
    }


def _value(value: Any) -> str | int | None:
    """What any reader of YAML takes for the same: all that is no text, integer, boolean or null is its JSON as text."""
    data, whole = plain_data(value, _LONGEST_VALUE)
    if data is None or (isinstance(data, bool | int) and abs(data) < _LARGEST):
        return data
    text = data if isinstance(data, str) else one_line(data)
    return printable(text) + ("" if whole else "…")
