"""A run told to people: a live line while it lasts, a block per file, and a summary."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, assert_never

from asgi_probe.engine.events import CheckFinished, CheckStarted, RunFinished, RunStarted, StepFinished, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.alike import Alike, Failure
from asgi_probe.reporters.blocks import Block, Row
from asgi_probe.reporters.comparison import Comparison
from asgi_probe.reporters.failure import failed_step, mismatches, said, status, stumbles, titled, traceback
from asgi_probe.reporters.summary import Failed, Tale, summary
from asgi_probe.reporters.words import count, duration
from asgi_probe.terminal import Line, Screen, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asgi_probe.engine.events import Event, TargetInfo

_PATIENCE = 1.0
"""Seconds that a failure waits for the end of its file before it is shown."""
_SILENCE = 10.0
"""Seconds after which a log that said nothing says that the run goes on."""
_NOTABLE = 1.0
"""Seconds after which the live line says how long the oldest check has been running."""
_MANY = 100
"""Checks of a run beyond which those that passed are only counted."""
_BAR = 20
_NARROW = 50
"""Columns below which a bar would leave no room for figures."""
_INDENTED = 6
"""Columns by which what stands under a check is indented."""
_REASONED = (Outcome.SKIPPED, Outcome.XFAILED)


class ConsoleReporter:
    """Tells a run on a screen.

    `verbosity` below 0 tells only what did not pass, above 0 every check and request. `command` is what stands before
    the ids to run again, None where nothing is to be said of that; `copies` says for which id another one is to be
    given, and whether what failed is `remembered` for `--last-failed`. Without `tracebacks` none is told. `clock` gives
    seconds. Nothing is kept of a check beyond the end of its file, but for the first ids to run again
    and of what kind its failure was; and how it ended at each of the targets that are to be shown `side_by_side`.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        verbosity: int = 0,
        command: str | None = "asgi-probe run",
        side_by_side: Sequence[str] = (),
        copies: Mapping[str, str] | None = None,
        remembered: bool = False,
        tracebacks: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._screen = screen
        self._verbosity = verbosity
        self._tracebacks = tracebacks
        self._clock = clock
        self._began = self._spoke = clock()
        self._overdue = inf
        self._blank = True
        self._checks = self._done = self._bad = 0
        self._several = False
        """Whether there is more than one target: then the same file may come again."""
        self._side_by_side = frozenset(side_by_side)
        self._comparison = Comparison(side_by_side)
        self._copies = copies or {}
        self._targets: dict[str, str] = {}
        """Whom the running checks ask."""
        self._sizes: dict[tuple[str, str], int] = {}
        self._blocks: dict[tuple[str, str], Block] = {}
        self._running: dict[str, tuple[str, float]] = {}
        self._steps: dict[str, list[StepFinished]] = {}
        self._tale = Tale(Failed(command, remembered=remembered), Alike(everything=verbosity > 0))
        self._descriptions: dict[str, str] = {}
        self._abouts: dict[str, str] = {}

    def handle(self, event: Event) -> None:
        """Take in one event, and show what there is to show now."""
        match event:
            case StepFinished():
                self._step_finished(event)
            case CheckStarted():
                self._check_started(event)
            case CheckFinished():
                self._check_finished(event)
            case Warned():
                self._tale.warnings.add(event)
            case RunStarted():
                self._run_started(event)
            case RunFinished():
                self._run_finished(event)
            case _:
                assert_never(event)

    def close(self) -> None:
        """Take the live line away."""
        self._screen.close()

    def _run_started(self, run: RunStarted) -> None:
        self._checks = run.checks
        self._began = self._clock()
        self._several = len(run.targets) > 1
        self._tale.seed = run.seed
        asked = run.asked if self._several else [""] * len(run.specs)
        for target, file, size in zip(asked, run.specs, run.sizes, strict=False):
            self._sizes[target, file] = self._sizes.get((target, file), 0) + size
        if self._verbosity > 0:
            self._abouts = {file: about for file, about in zip(run.specs, run.descriptions, strict=False) if about}
        if self._verbosity >= 0:
            self._write([_headline(run), []])
        self._screen.live(self._progress)

    def _check_started(self, check: CheckStarted) -> None:
        now = self._clock()
        self._running[check.id] = (check.name, now)
        target = self._targets[check.id] = check.target if self._several else ""
        if (target, check.file) not in self._blocks:
            self._open(target, check.file, now, check.spec)
        if check.description:
            self._descriptions[check.id] = check.description
        self._keep_talking(now)

    def _open(self, target: str, file: str, now: float, title: str = "") -> Block:
        opened = self._blocks[target, file] = Block(
            file,
            self._sizes.get((target, file)),
            now,
            title,
            self._abouts.get(file, ""),
            target,
            lists_green=self._verbosity >= 0,
            lists_all=self._verbosity > 0,
            one_of_many=self._checks > _MANY,
        )
        return opened

    def _step_finished(self, step: StepFinished) -> None:
        if step.outcome is not Outcome.PASSED or step.said or (self._verbosity > 0 and step.request):
            self._steps.setdefault(step.id, []).append(step)

    def _check_finished(self, check: CheckFinished) -> None:
        now = self._clock()
        self._running.pop(check.id, None)
        steps = self._steps.pop(check.id, [])
        description = self._descriptions.pop(check.id, "")
        file = check.file or check.id.partition("::")[0]
        target = self._targets.pop(check.id, "")
        opened = self._blocks.get((target, file)) or self._open(target, file, now)
        if self._side_by_side:
            self._comparison.add(check, target, counts=not _around(check))
        if not _around(check):
            self._done += 1
        elif check.outcome is Outcome.PASSED and self._verbosity <= 0:
            self._ended(opened, now)
            return
        self._remember(check, steps, file, target)
        failure = self._tale.alike.add(check, steps) if check.outcome.red else None
        listed = opened.listed(check.outcome, counts=not (_around(check) and check.outcome.green))
        if failure and failure.how == "count":
            opened.leave_out(check.outcome, failure.what)
        elif listed:
            opened.add(self._row(check, steps, description, failure), now)
        # a fixture is told only when it breaks: nobody could count on it
        self._ended(opened, now, counts=check.phase != "fixture")

    def _remember(self, check: CheckFinished, steps: list[StepFinished], file: str, target: str) -> None:
        """Keep what the end of the run tells of it."""
        if check.outcome.red:
            self._bad += 1
            again = file if _around(check) else self._copies.get(check.id, check.id)
            self._tale.failed.add(again, target if target in self._side_by_side else "")
        elif check.outcome in _REASONED:
            self._tale.reasons.add(check.outcome, check.reason)
        elif check.outcome is Outcome.FLAKY:
            self._tale.flaky.add(check.id, _note(check, steps))

    def _row(self, check: CheckFinished, steps: list[StepFinished], description: str, failure: Failure | None) -> Row:
        name = check.name or check.id.partition("::")[2]
        if failure is None:
            quiet = check.outcome is Outcome.XFAILED and self._verbosity <= 0
            told = [] if quiet else [line for step in steps for line in _brief(step)]
            return Row(check.outcome, name, check.duration, _note(check, steps), told)
        if failure.how == "line":
            return Row(check.outcome, name, check.duration, _in_a_line(check, failure), in_short=True)
        told = self._failure(check, steps, name, whole=failure.how == "whole")
        if told:
            told = [[(inline(check.id), "quiet")], *([[(inline(description), "")]] if description else []), *told, []]
        return Row(check.outcome, name, check.duration, _note(check, steps), told)

    def _failure(self, check: CheckFinished, steps: list[StepFinished], name: str, *, whole: bool) -> list[Line]:
        told: list[Line] = []
        for step in steps:
            if step.outcome.green:
                told += _brief(step)
            else:
                told += [[]] if told else []
                told += failed_step(step, name, whole=whole, columns=self._width(), traces=self._tracebacks)
        return told + self._beyond_steps(check, steps)

    def _width(self) -> int | None:
        """How wide a line may be under a check."""
        columns = self._screen.columns
        return None if columns is None else columns - _INDENTED

    def _beyond_steps(self, check: CheckFinished, steps: list[StepFinished]) -> list[Line]:
        """What the check says that none of its steps did."""
        told: list[Line] = []
        if not any(step.mismatches for step in steps):
            told += mismatches(check.mismatches, self._width())
        if self._tracebacks and check.traceback and not any(step.traceback for step in steps):
            told += [*titled(check.traceback_of), *traceback(check.traceback)]
        return told

    def _ended(self, opened: Block, now: float, *, counts: bool = True) -> None:
        """One more check of a file has ended: show the file if it was the last, or if what is known cannot wait."""
        if opened.left is not None and counts:
            opened.left -= 1
        if opened.left == 0:
            self._close(opened, now)
        elif opened.full:
            self._write(opened.take(now, self._screen.columns, last=False))
        elif opened.failing_since is not None:
            self._overdue = min(self._overdue, opened.failing_since + _PATIENCE)
        self._keep_talking(now)

    def _close(self, opened: Block, now: float) -> None:
        del self._blocks[opened.target, opened.file]
        self._write(opened.take(now, self._screen.columns, last=True))

    def _keep_talking(self, now: float) -> None:
        """Show failures that have waited long enough, and end a log's long silence."""
        if now >= self._overdue:
            self._overdue = inf
            for opened in self._blocks.values():
                if opened.failing_since is not None:
                    self._write(opened.take(now, self._screen.columns, last=False))
        if now - self._spoke >= _SILENCE and self._verbosity >= 0 and self._screen.columns is None:
            self._write([[("still running: ", "quiet"), *self._figures(now)]])

    def _run_finished(self, run: RunFinished) -> None:
        now = self._clock()
        for opened in tuple(self._blocks.values()):
            self._close(opened, now)
        self._screen.close()
        self._write(self._comparison.lines(self._screen.columns, whole=self._verbosity > 0))
        told = summary(run, self._tale, self._verbosity, columns=self._screen.columns, traces=self._tracebacks)
        self._write(told)

    def _write(self, told: list[Line]) -> None:
        if told and not told[0] and self._blank:
            told = told[1:]
        if told:
            self._screen.write(told)
            self._blank = not told[-1]
            self._spoke = self._clock()

    def _progress(self) -> Line:
        """The live line; another thread asks for it while events come in."""
        now = self._clock()
        line: Line = [*self._bar(), *self._figures(now)]
        name, since = next(iter(self._running.copy().values()), ("", now))
        if name:
            line += [("  ", ""), (inline(name), "title")]
        if now - since >= _NOTABLE:
            line.append((f" {now - since:.0f} s", "quiet"))
        return line

    def _bar(self) -> Line:
        if self._screen.columns is not None and self._screen.columns < _NARROW:
            return []
        filled = min(_BAR, _BAR * self._done // max(self._checks, 1))
        return [("━" * filled, "passed" if not self._bad else "failed"), ("─" * (_BAR - filled) + " ", "quiet")]

    def _figures(self, now: float) -> Line:
        line: Line = [(f"{self._done:,} of {count(self._checks, 'check')}", "")]
        if self._bad:
            line.append((f", {self._bad:,} failed", "failed"))
        return [*line, (f", {now - self._began:.0f} s", "quiet")]


def _headline(run: RunStarted) -> Line:
    targets = ", ".join(_target(target) for target in run.targets or (run.target,))
    told = [
        inline(targets),
        f"{count(run.checks, 'check')} in {count(len({*run.specs}), 'file')}, {run.concurrency} at a time",
    ]
    if run.shard:
        told.append(f"shard {inline(run.shard)}")
    if run.seed is not None:
        told.append(f"shuffled with seed {run.seed}")
    return [(f"asgi-probe {run.version}", "title"), *(span for text in told for span in ((" · ", "quiet"), (text, "")))]


def _target(target: TargetInfo) -> str:
    address = f"{target.address} in process" if target.kind == "app" else target.address
    return address if target.name in (target.address, target.kind) else f"{target.name}: {address}"


def _around(check: CheckFinished) -> bool:
    """Whether it is a file's setup, teardown or fixture."""
    return check.phase != "steps"


def _brief(step: StepFinished) -> list[Line]:
    """One line for a step that passed, where its request is told; and why it did not at first, if that varied."""
    told = stumbles(step) if step.outcome is Outcome.FLAKY else []
    if step.request is None:
        return [*told, *said(step)[1:]]
    line: Line = [(inline(f"{step.request.method} {step.request.url}"), "")]
    if step.response:
        line += [(" → ", "quiet"), (inline(status(step.response)), "passed")]
    return [[*line, (f"  {duration(step.duration)}", "quiet")], *told, *said(step)[1:]]


def _in_a_line(check: CheckFinished, failure: Failure) -> str:
    """What stands beside a failure of which no more is told."""
    if check.outcome is Outcome.XPASSED:
        return _note(check, [])
    return str(check.outcome) if failure.why == check.outcome else f"{check.outcome}: {failure.why}"


def _note(check: CheckFinished, steps: list[StepFinished]) -> str:
    match check.outcome:
        case Outcome.PASSED:
            return ""
        case Outcome.FLAKY:
            attempts = max((step.attempts for step in steps), default=1)
            told = f"flaky, passed at attempt {attempts}" if attempts > 1 else "flaky"
            return f"{told}; at first {check.reason}" if check.reason else told
        case Outcome.INTERRUPTED:
            cut = next((step.step for step in steps if step.outcome is Outcome.INTERRUPTED), "")
            return f"interrupted in {cut}" if cut and cut != check.name else "interrupted"
        case Outcome.XFAILED | Outcome.XPASSED:
            return f"{check.outcome}: {' '.join(check.reason.split())}" if check.reason else str(check.outcome)
        case Outcome.SKIPPED:
            return f"skipped: {' '.join(check.reason.split())}" if check.reason else "skipped"
        case Outcome.FAILED | Outcome.ERROR:
            known = not check.reason or any(step.reason == check.reason for step in steps)
            return str(check.outcome) if known else f"{check.outcome}: {' '.join((check.reason or '').split())}"
        case _:
            assert_never(check.outcome)
