"""A run as JUnit XML: a testsuite a spec file and target, a testcase a check.

The elements are those of Jenkins' schema junit-10.xsd (with Surefire's for attempts that were retried). Beyond it are
the attributes `file` and `line` of a testcase, which GitLab and others read. A suite begins with its counts, so it is
written at the end of the run: until then a check that passed is kept as the one line it will be, and what is longer
waits in a temporary file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from socket import gethostname
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from asgi_probe.engine.events import RunFinished, RunStarted
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.gathering import Gathering
from asgi_probe.reporters.repository import Repository
from asgi_probe.reporters.verdict import (
    details,
    exchanged,
    is_case,
    judgements,
    message,
    on_a_line,
    printable,
)
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asgi_probe.engine.events import Event, TargetInfo
    from asgi_probe.reporters.files import ReportFile
    from asgi_probe.reporters.gathering import CheckResult
    from asgi_probe.reporters.verdict import Judgement

_IN_MEMORY = 8 * 1024 * 1024
"""Bytes of checks that did not pass from which on they wait on the disk."""
_PLAIN = re.compile(r"[ !#-%'-;=?-~]*").fullmatch
"""Whether a text can stand in an attribute as it is."""
_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.XPASSED: "failure",
    Outcome.ERROR: "error",
    Outcome.SKIPPED: "skipped",
    Outcome.XFAILED: "skipped",
    Outcome.INTERRUPTED: "skipped",
}


@dataclass(slots=True, eq=False)
class _Suite:
    """A testsuite in the making; `rows` are its checks' lines in the spec, and each testcase or where it waits.

    `name`, `classname` and `file` are ready to be written.
    """

    name: str
    classname: str
    file: str = ""
    about: list[tuple[str, str]] = field(default_factory=list)
    """Its properties."""
    rows: list[tuple[int, str | tuple[int, int]]] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    """Those of the cases of its class, which it may share with another file, and how often each came."""
    tags: set[tuple[str, ...]] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: {"failure": 0, "error": 0, "skipped": 0})
    began: float | None = None
    ended: float = 0.0

    def saw(self, began: float, ended: float) -> None:
        """A check of it ran from then to then."""
        if self.began is None or began < self.began:
            self.began = began
        if ended > self.ended:
            self.ended = ended

    def unique(self, name: str) -> str:
        """The name, with a number where another case has it: GitLab takes cases of one class and name for one."""
        given, number = name, self.names.get(name, 0) + 1
        if number > 1:
            while (given := f"{name} ({number})") in self.names:
                number += 1
            self.names[given] = 1
        self.names[name] = number
        return given


class JUnitWriter:
    """Writes the whole document at the end of the run."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._repository = Repository()
        self._gathering = Gathering()
        self._suites: dict[tuple[str, str], _Suite] = {}
        self._names: dict[str, dict[str, int]] = {}
        self._targets: dict[str, TargetInfo] = {}
        self._several = False
        self._started_at = ""
        self._tags: dict[tuple[str, ...], str] = {}
        self._long = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is closed at the run's end

    def handle(self, event: Event) -> None:
        """Take in a check that has ended; write all of them at the end of the run."""
        match event:
            case RunStarted():
                self._run_started(event)
            case RunFinished():
                with self._long:
                    self._run_finished(event)
            case _:
                check = self._gathering.add(event)
                if check is not None and is_case(check):
                    self._check(check)

    def _run_started(self, run: RunStarted) -> None:
        self._targets = {target.name: target for target in run.targets or (run.target,)}
        self._several = len(self._targets) > 1
        self._started_at = run.started_at
        asked = run.asked if self._several else [run.target.name] * len(run.specs)
        for target, file in zip(asked, run.specs, strict=False):
            self._suite(target, file)

    def _suite(self, target: str, file: str) -> _Suite:
        known = self._suites.get((target, file))
        if known is None:
            name, path = (f"{file} on {target}", f"{target}/{file}") if self._several else (file, file)
            here = _attribute(self._repository.path(file))
            known = self._suites[target, file] = _Suite(_attribute(name), _attribute(_classname(path)), here)
            known.names = self._names.setdefault(known.classname, known.names)
            asked = self._targets.get(target)
            known.about = [("target", target), *([("address", asked.address), ("kind", asked.kind)] if asked else [])]
        return known

    def _check(self, check: CheckResult) -> None:
        started, finished = check.started, check.finished
        suite = self._suite(started.target, started.file)
        suite.saw(started.at, started.at + finished.duration)
        head = (
            f'    <testcase classname="{suite.classname}" name="{suite.unique(_attribute(started.name))}"'
            f' file="{suite.file}" line="{started.line}" time="{finished.duration:.6f}"'
            f"{self._group(suite, started.tags)}"
        )
        if finished.outcome is Outcome.PASSED:
            suite.rows.append((started.line, f"{head}/>\n"))
            return
        element = _ELEMENTS.get(finished.outcome)
        if element:
            suite.counts[element] += 1
        suite.rows.append((started.line, self._kept(f"{head}>\n{''.join(_told(check, element))}    </testcase>\n")))

    def _group(self, suite: _Suite, tags: tuple[str, ...]) -> str:
        """Its tags, in the attribute that the schema has for such."""
        if not tags:
            return ""
        known = self._tags.get(tags)
        if known is None:
            known = self._tags[tags] = f' group="{_attribute(",".join(tags))}"'
        suite.tags.add(tags)
        return known

    def _kept(self, text: str) -> tuple[int, int]:
        data = text.encode()
        at = self._long.tell()
        self._long.write(data)
        return at, len(data)

    def _taken(self, row: str | tuple[int, int]) -> str | bytes:
        if isinstance(row, str):
            return row
        self._long.seek(row[0])
        return self._long.read(row[1])

    def _run_finished(self, run: RunFinished) -> None:
        suites = [suite for suite in self._suites.values() if suite.rows]
        judged = judgements(run)
        if judged:
            suites.append(self._of_the_run(judged, run.duration))
        failures, errors = (sum(suite.counts[name] for suite in suites) for name in ("failure", "error"))
        self._file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<testsuites name="asgi-probe" tests="{sum(len(suite.rows) for suite in suites)}" failures="{failures}"'
            f' errors="{errors}" time="{run.duration:.3f}">\n'
        )
        for suite in suites:
            self._write(suite)
        self._file.write("</testsuites>\n")

    def _of_the_run(self, judged: Iterable[Judgement], duration: float) -> _Suite:
        """What no check tells: a target that did not start, thresholds, a run that stopped."""
        suite = _Suite("asgi-probe", "asgi-probe", began=0.0, ended=duration)
        for one in judged:
            element = _ELEMENTS.get(one.outcome)
            head = f'    <testcase classname="asgi-probe" name="{suite.unique(_attribute(one.name))}"'
            if element is None:
                suite.rows.append((0, f"{head}/>\n"))
                continue
            suite.counts[element] += 1
            told = _element(element, str(one.outcome), one.message, one.details or one.message)
            suite.rows.append((0, self._kept(f"{head}>\n{told}    </testcase>\n")))
        return suite

    def _write(self, suite: _Suite) -> None:
        counts = suite.counts
        began = suite.began or 0.0
        file = f' file="{suite.file}"' if suite.file else ""
        self._file.write(
            f'  <testsuite name="{suite.name}"{file} tests="{len(suite.rows)}"'
            f' failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}"'
            f' time="{suite.ended - began:.3f}" timestamp="{_attribute(_later(self._started_at, began))}"'
            f' hostname="{_attribute(gethostname())}">\n{_properties(suite)}'
        )
        for _, row in sorted(suite.rows, key=itemgetter(0)):
            self._file.write(self._taken(row))
        self._file.write("  </testsuite>\n")


def _classname(path: str) -> str:
    """`specs.shop` for `specs/shop.yaml`: what stands before the last dot, Jenkins takes for the package."""
    parts = [part.replace(".", "_") for part in path.removesuffix(".yaml").split("/")]
    return ".".join(filter(None, parts))


def _properties(suite: _Suite) -> str:
    tags = sorted({tag for some in suite.tags for tag in some})
    about = [*suite.about, *([("tags", ",".join(tags))] if tags else [])]
    if not about:
        return ""
    lines = [f'      <property name="{name}" value="{_attribute(value)}"/>\n' for name, value in about]
    return f"    <properties>\n{''.join(lines)}    </properties>\n"


def _later(started_at: str, seconds: float) -> str:
    """A moment so many seconds after another, both ISO 8601; what is no moment stays as it is."""
    try:
        moment = datetime.fromisoformat(started_at) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return started_at
    return moment.isoformat(timespec="milliseconds")


def _told(check: CheckResult, element: str | None) -> Iterator[str]:
    """What stands in the testcase of a check that did not simply pass."""
    finished = check.finished
    if element:
        text = "" if finished.outcome is Outcome.SKIPPED else details(check)
        yield _element(element, str(finished.outcome), message(check), text)
    yield from _attempts(check)
    if not finished.outcome.green:
        told = exchanged(check)
        if told:
            yield f"      <system-out>{escape(told)}</system-out>\n"


def _attempts(check: CheckResult) -> Iterator[str]:
    """The attempts that were retried: flaky where the check passed in the end, else rerun."""
    passed = not check.finished.outcome.red
    element = "flakyFailure" if passed else "rerunFailure"
    for step in check.steps:
        for number, stumble in enumerate(step.stumbles, 1):
            yield _attempt(element, stumble, f"{inline(step.step)}, attempt {number} of {step.attempts}")
    if check.finished.outcome is Outcome.FLAKY and not any(step.stumbles for step in check.steps):
        yield _attempt(element, check.finished.reason or "flaky", "an earlier run")


def _attempt(element: str, stumble: str, which: str) -> str:
    trace = escape(printable(f"{which}: {stumble}"))
    told = _attribute(on_a_line(stumble))
    return f'      <{element} type="failed" message="{told}"><stackTrace>{trace}</stackTrace></{element}>\n'


def _element(name: str, kind: str, told: str, text: str) -> str:
    return f'      <{name} type="{kind}" message="{_attribute(told)}">{escape(printable(text))}</{name}>\n'


def _attribute(text: str) -> str:
    """A text on one line, as it can stand between double quotes."""
    return text if _PLAIN(text) else escape(printable(inline(text)), {'"': "&quot;"})
