"""Why a check or a whole run is not green, in plain text, for the reports that other programs read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asgi_probe.engine.results import RED, Outcome
from asgi_probe.reporters.failure import exchange, failed_step, mismatches, said, titled, traceback
from asgi_probe.reporters.marking import marks_of
from asgi_probe.reporters.words import count
from asgi_probe.terminal import Line, harmless, inline, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asgi_probe.engine.events import RunFinished, StepFinished, TargetInfo
    from asgi_probe.engine.results import Mismatch, ThresholdVerdict
    from asgi_probe.reporters.gathering import CheckResult

_LONGEST = 300
"""Characters of a message that stands on a line of its own."""
_SHOWN = 10
"""Mismatches of a step that are shown in the spec; the rest have a line each."""
_MOST = 1_000
# what Unicode calls no characters: XML 1.0 and YAML refuse some of them, readers some others
_NONE = re.compile(
    f"[\ufdd0-\ufdef{''.join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))}]"
)


def printable(text: str) -> str:
    """`text` in characters that XML, YAML and JSON readers all take; those that they do not, and tricks, as escapes."""
    return _NONE.sub(lambda match: f"\\u{ord(match[0]):04x}", harmless(text))


def on_a_line(text: str) -> str:
    """The same on one line, cut where it is long."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return printable(inline(text))


def is_case(check: CheckResult) -> bool:
    """Whether reports list it: a check, or what broke around a file's checks."""
    return check.finished.phase == "steps" or check.finished.outcome is not Outcome.PASSED


def red_steps(check: CheckResult) -> list[StepFinished]:
    """Those of its steps that did not pass."""
    return [step for step in check.steps if not step.outcome.green]


def found(check: CheckResult) -> list[Mismatch]:
    """Every expectation of the check that did not hold."""
    return [mismatch for step in red_steps(check) for mismatch in step.mismatches] or [*check.finished.mismatches]


def message(check: CheckResult) -> str:
    """On one line why it is not simply passed."""
    finished = check.finished
    unmet = found(check) if finished.outcome.red else []
    if unmet:
        more = f" (and {len(unmet) - 1:,} more)" if len(unmet) > 1 else ""
        return on_a_line(str(unmet[0])) + more
    reasons = [finished.reason, *(step.reason for step in red_steps(check))]
    return on_a_line(next(filter(None, reasons), finished.outcome))


def details(check: CheckResult) -> str:
    """Every mismatch with its place in the spec, what an error was, and the traceback of the app or the hook."""
    told: list[Line] = []
    steps = red_steps(check)
    for step in steps:
        told += [*([[]] if told else []), *_why(step, check.finished.name)]
    return _text([*told, *_beyond(check, steps)])


def _why(step: StepFinished, check: str) -> list[Line]:
    told = failed_step(replace(step, mismatches=step.mismatches[:_SHOWN]), check, whole=False)
    told += _rest(step.mismatches[_SHOWN:])
    return [*told, [], *titled(step.traceback_of), *traceback(step.traceback)] if step.traceback else told


def _rest(unmet: tuple[Mismatch, ...]) -> list[Line]:
    told: list[Line] = [
        [(inline(f"{mismatch.file}:{mismatch.line}:{mismatch.column}: {mismatch}"), "")] for mismatch in unmet[:_MOST]
    ]
    return [*told, [(f"… and {len(unmet) - _MOST:,} more mismatches", "")]] if len(unmet) > _MOST else told


def _beyond(check: CheckResult, steps: list[StepFinished]) -> list[Line]:
    """What the check says that none of its steps did."""
    finished = check.finished
    told: list[Line] = []
    if finished.reason and all(step.reason != finished.reason for step in steps) and not found(check):
        told += [[(line, "")] for line in finished.reason.split("\n")]
    if not any(step.mismatches for step in steps):
        told += [*mismatches(finished.mismatches[:_SHOWN]), *_rest(finished.mismatches[_SHOWN:])]
    if finished.traceback and not any(step.traceback for step in steps):
        told += [*titled(finished.traceback_of), *traceback(finished.traceback)]
    return told


def exchanged(check: CheckResult) -> str:
    """What was sent and came in the steps that did not pass, what the app said, and how to try it by hand."""
    told: list[Line] = []
    for step in check.steps:
        happened = _happened(step)
        if happened:
            where = "step" if step.phase == "steps" else step.phase
            told += [*([[]] if told else []), [(f"in {where}: {inline(step.step)}", "title")], *happened]
    return _text(told)


def _happened(step: StepFinished) -> list[Line]:
    if step.outcome.green:
        return said(step)
    told = [*exchange(step.request, step.response, marks_of(step.mismatches)), *said(step)]
    if step.curl:
        told += [[], [("try it by hand", "title")], *([(line, "")] for line in step.curl.split("\n"))]
    return told


def _text(told: Iterable[Line]) -> str:
    return printable("\n".join(map(plain, told)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a whole run is judged by, beside its checks: `name` is what it is about, `details` may be empty."""

    name: str
    outcome: Outcome
    message: str
    details: str = ""


def judgements(run: RunFinished) -> list[Judgement]:
    """Its thresholds, and everything that makes it red and that no check tells."""
    told = [_threshold(verdict) for verdict in run.thresholds]
    if run.problem:
        trace = "\n" + _text(traceback(run.traceback)) if run.traceback else ""
        told.append(Judgement("target", Outcome.ERROR, on_a_line(run.problem), printable(run.problem) + trace))
    if run.stopped:
        why = "stopped after failures" if run.stopped == "fail-fast" else "interrupted"
        left = f", {count(run.not_run, 'check')} did not run" if run.not_run else ""
        told.append(Judgement("run", Outcome.ERROR, why + left))
    elif run.reason and not any(one.outcome is Outcome.FAILED for one in told):
        told.append(Judgement("run", Outcome.FAILED, on_a_line(run.reason)))
    if run.exit_code and not any(one.outcome.red for one in told) and not any(map(run.outcomes.get, RED)):
        told.append(Judgement("run", Outcome.ERROR, f"exit code {int(run.exit_code)}"))
    return told


def _threshold(verdict: ThresholdVerdict) -> Judgement:
    """One that only warns is never red: it is skipped, and says why."""
    broken = Outcome.SKIPPED if verdict.warns else Outcome.FAILED
    return Judgement(
        f"threshold {on_a_line(verdict.text)}",
        Outcome.PASSED if verdict.holds else broken,
        on_a_line(f"{verdict.text} {'holds' if verdict.holds else 'is broken'}: {verdict.told}"),
    )


def whom(target: TargetInfo) -> str:
    """`staging (https://staging.example.com)`."""
    return on_a_line(target.name if target.name == target.address else f"{target.name} ({target.address})")
