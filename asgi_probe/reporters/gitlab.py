"""A run as GitLab's Code Quality report: an entry for each expectation that did not hold, at its line in the spec.

The format is that of https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. A fingerprint is made
of the check's id and the expectation, of nothing that was measured and of no line: so GitLab knows a failure again.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from asgi_probe.engine.events import RunFinished, RunStarted
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.gathering import Gathering
from asgi_probe.reporters.repository import Repository
from asgi_probe.reporters.verdict import judgements, message, on_a_line, red_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.results import Mismatch
    from asgi_probe.reporters.files import ReportFile
    from asgi_probe.reporters.gathering import CheckResult
    from asgi_probe.reporters.verdict import Judgement

Severity = Literal["info", "minor", "major", "critical", "blocker"]

_SEVERITIES: dict[Outcome, Severity] = {
    Outcome.FLAKY: "minor",
    Outcome.FAILED: "major",
    Outcome.XPASSED: "major",
    Outcome.ERROR: "critical",
}
_OF_RUNS: dict[Outcome, Severity] = {
    Outcome.SKIPPED: "info",
    Outcome.FAILED: "major",
    Outcome.ERROR: "critical",
}


class GitlabWriter:
    """Writes the entries as they come; nothing of a check is kept but the fingerprints of what did not pass."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._repository = Repository()
        self._gathering = Gathering()
        self._several = False
        self._first_spec = "pyproject.toml"
        self._seen: Counter[str] = Counter()
        self._before = "["

    def handle(self, event: Event) -> None:
        """Write the entries of a check that has ended, and at the end those of the run."""
        match event:
            case RunStarted():
                self._several = len(event.targets) > 1
                self._first_spec = next(iter(event.specs), self._first_spec)
            case RunFinished():
                for judgement in judgements(event):
                    self._judgement(judgement)
                self._file.write("[]\n" if self._before == "[" else "\n]\n")
            case _:
                check = self._gathering.add(event)
                if check is not None and check.finished.outcome in _SEVERITIES:
                    self._check(check)

    def _check(self, check: CheckResult) -> None:
        finished = check.finished
        on = f" on {finished.target}" if self._several else ""
        for rule, told, file, line in _unmet(check):
            description = f"{finished.name or finished.id}{on}: {told}"
            mark = f"{finished.target if self._several else ''}\0{finished.id}\0{rule}"
            self._entry(description, rule.partition("\0")[0], mark, _SEVERITIES[finished.outcome], file, line)

    def _judgement(self, judgement: Judgement) -> None:
        severity = "blocker" if judgement.name == "target" else _OF_RUNS.get(judgement.outcome)
        if severity:
            rule = judgement.name.partition(" ")[0]
            self._entry(judgement.message, rule, judgement.name, severity, self._first_spec, 1)

    def _entry(self, description: str, rule: str, mark: str, severity: Severity, file: str, line: int) -> None:
        self._seen[mark] += 1
        fingerprint = f"{mark}\0{self._seen[mark]}".encode("utf-8", "surrogatepass")
        entry = {
            "description": on_a_line(description),
            "check_name": on_a_line(rule),
            "fingerprint": sha256(fingerprint).hexdigest(),
            "severity": severity,
            "location": {"path": on_a_line(self._repository.path(file)), "lines": {"begin": max(line, 1)}},
        }
        self._file.write(f"{self._before}\n  {json.dumps(entry, ensure_ascii=False)}")
        self._before = ","


def _unmet(check: CheckResult) -> Iterator[tuple[str, str, str, int]]:
    """The rule and what makes it that rule, what is wrong, and where, for each entry of a check."""
    finished = check.finished
    steps = red_steps(check) if finished.outcome.red else []
    for step in steps:
        yield from map(_mismatch, step.mismatches)
        if step.reason and not step.mismatches:
            yield str(finished.outcome), step.reason, step.file or finished.file, step.line or finished.line
    if not any(step.mismatches or step.reason for step in steps):
        if finished.mismatches and finished.outcome.red:
            yield from map(_mismatch, finished.mismatches)
        else:
            yield str(finished.outcome), message(check), finished.file, finished.line


def _mismatch(mismatch: Mismatch) -> tuple[str, str, str, int]:
    return f"{mismatch.where}\0{mismatch.path or ''}", str(mismatch), mismatch.file, mismatch.line
