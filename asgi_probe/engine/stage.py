"""An entered target and what runs on it: files are opened, their checks run, files closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heappush, heappushpop
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.check import CheckRun
from asgi_probe.engine.description import Description
from asgi_probe.engine.fixtures import Fixtures
from asgi_probe.engine.inspection import Inspection, Pools
from asgi_probe.engine.plan import CheckPlan
from asgi_probe.engine.results import Outcome
from asgi_probe.engine.secrets import MOST, Secrets
from asgi_probe.engine.telling import Tally, Telling
from asgi_probe.target.cookies import Jar
from asgi_probe.target.session import Exchanger
from asgi_probe.target.tracebacks import app_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from asgi_probe.engine.backend import Backend
    from asgi_probe.engine.check import Verdict
    from asgi_probe.engine.events import Event
    from asgi_probe.engine.fixtures import Broken
    from asgi_probe.engine.plan import FilePlan
    from asgi_probe.engine.stopping import Stop
    from asgi_probe.engine.thresholds import Threshold
    from asgi_probe.target.base import Target
    from asgi_probe.target.session import Session

_SLOWEST = 5


@dataclass(slots=True)
class Score:
    """What a run has come to so far, in constant memory."""

    outcomes: dict[str, int] = field(default_factory=dict)
    done: int = 0
    bad: int = 0
    flaky: int = 0
    """Setups and teardowns among them."""
    slowest: list[tuple[float, str, str]] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.bad += outcome.red

    def time(self, check_id: str, seconds: float, target: str) -> None:
        if len(self.slowest) < _SLOWEST:
            heappush(self.slowest, (seconds, check_id, target))
        elif seconds > self.slowest[0][0]:
            heappushpop(self.slowest, (seconds, check_id, target))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is run: `max_failures` checks that are not green stop it; `tell_all` records passing steps too.

    `root` is the project's folder, for tracebacks, which hold the frames of frameworks, too, with `all_frames`.
    `secrets` are values that are never told, other credentials in headers only with `show_credentials`. `show_logs`
    tells what the app says in every step. `uvloop` None means: if it is installed. With `fail_on_flaky` a check that
    passed after a retry fails the run, as does one of `thresholds` that is broken and does not only warn. `shard` and
    `seed` are told. With `trace` every check is a trace, which requests tell the target of.
    """

    max_failures: int | None = None
    tell_all: bool = False
    root: Path | None = None
    backend: Backend = "asyncio"
    uvloop: bool | None = None
    fail_on_flaky: bool = False
    shard: str | None = None
    seed: int | None = None
    secrets: tuple[str, ...] = ()
    show_credentials: bool = False
    show_logs: bool = False
    thresholds: tuple[Threshold, ...] = ()
    trace: bool = False
    all_frames: bool = False


def declared(options: RunOptions, files: Iterable[FilePlan]) -> RunOptions:
    """The options with what any of the files calls secret: its value may come up in every other, too."""
    found = Secrets(options.secrets)
    for file in files:
        scope = {**file.weak, **file.strong}
        for name in file.secrets & scope.keys():
            found.add(scope[name])
    return replace(options, secrets=tuple(found.values))


@dataclass(slots=True)
class Given:
    """What a file gives to those that need it: variables, cookies, what is secret of it, or why there is nothing."""

    saved: dict[str, Any] = field(default_factory=dict)
    jar: Jar = field(default_factory=Jar)
    secrets: set[str] = field(default_factory=set)
    failed: str | None = None


@dataclass(slots=True, eq=False)
class OpenFile:
    """A file while its checks run: what its setup saved, and whose cookies they start with.

    `left_out` says why nothing of it runs: what it needs has failed; `trouble` why none of its checks can be judged:
    its setup or a fixture did not pass.
    """

    plan: FilePlan
    session: Session
    inspection: Inspection
    secrets: Secrets
    needed: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    fixtures: Fixtures | None = None
    left_out: str | None = None
    trouble: str | None = None
    gives: Given = field(default_factory=Given)
    _from_checks: dict[str, tuple[dict[str, Any], Jar]] = field(default_factory=dict)

    def scope(self) -> dict[str, Any]:
        """What a check starts with."""
        return self.plan.scope(self.saved, self.needed)

    def remember(self, check: CheckPlan, run: CheckRun) -> None:
        """What a check gives to the files that need this one."""
        if run.saved or run.inspection.session.jar:
            self._from_checks[check.id] = (run.saved, run.inspection.session.jar)
        self.gives.secrets |= run.secrets.values
        if run.verdict.outcome.red and self.gives.failed is None:
            self.gives.failed = f"{check.id} {_ENDED[run.verdict.outcome]}"

    def given(self) -> Given:
        """What it gives when all its checks are through, in their order; later wins."""
        given = Given(dict(self.saved), self.session.jar.copy(), set(self.gives.secrets), self.gives.failed)
        for check in self.plan.checks:
            if check.id in self._from_checks:
                saved, jar = self._from_checks[check.id]
                given.saved |= saved
                given.jar.add(jar)
        return given


class Stage:
    """Runs files and checks on a target that has been entered, and tells of them.

    Files are opened with `file` and `open`, each of their checks is run once with `check`, `close` ends them. Those
    that a file needs must have been run whole before.
    """

    def __init__(
        self,
        target: Target,
        options: RunOptions,
        stop: Stop,
        emit: Callable[[Event], None],
        score: Score | None = None,
        tally: Tally | None = None,
        *,
        needed: Sequence[str] = (),
        secrets: Secrets | None = None,
        pools: Pools | None = None,
        began: float | None = None,
    ) -> None:
        """`needed` are the names of the files that others need; `secrets` takes in what is found to be one.

        `began` is when the run did, by `perf_counter`; by default now.
        """
        self.target = target
        self.score = score or Score()
        self._declared = Secrets(options.secrets)
        self._secrets = Secrets() if secrets is None else secrets
        self._secrets.learn(options.secrets)
        self._pools = pools or Pools()
        self._options = options
        self._stop = stop
        self._exchanger = Exchanger(target)
        self._description = Description(target, self._exchanger)
        self._needed = frozenset(needed)
        self._given: dict[str, Given] = {}
        self._telling = Telling(
            emit,
            options.tell_all,
            target.by_hand if target.kind == "live" else None,
            target.name,
            lambda error: app_traceback(error, root=options.root, whole=options.all_frames),
            tally or Tally(),
            show_credentials=options.show_credentials,
            show_logs=options.show_logs,
            began=perf_counter() if began is None else began,
        )

    def file(self, plan: FilePlan) -> OpenFile:
        """The file, which is still to be opened; it starts with what the files gave that it needs."""
        session = self._exchanger.session()
        inspection = Inspection(session, self.target, self._pools, self._description)
        file = OpenFile(plan, session, inspection, Secrets(above=self._declared))
        for name in plan.needs:
            given = self._given.get(name)
            if given is None:
                continue
            file.needed |= given.saved
            session.jar.add(given.jar)
            file.secrets.learn(given.secrets)
            if given.failed and file.left_out is None:
                file.left_out = f"it needs {name}, which failed: {given.failed}"
        return file

    async def open(self, file: OpenFile, worker: int = 1) -> None:
        """Open its fixtures and run its setup."""
        plan = file.plan
        for name in plan.secrets:
            if name in (scope := file.scope()):
                file.secrets.add(scope[name])
        if file.left_out is None and plan.fixtures:
            await self._open_fixtures(file)
        self._secrets.learn(file.secrets.values, MOST)
        if plan.setup is None:
            return
        run = self._run_of(plan.setup, file, file.scope(), file.inspection, worker)
        if file.left_out is not None:
            run.verdict.add(Outcome.SKIPPED, file.left_out)
        elif file.trouble is not None:
            run.verdict.add(Outcome.ERROR, file.trouble)
        else:
            await run.cancellable("setup")
            file.saved |= run.saved
            file.secrets.learn(run.secrets.values)
            if not run.verdict.outcome.green:
                file.trouble = f"setup {_ENDED[run.verdict.outcome]}: {run.verdict.why}"
        self._finish(run)

    async def _open_fixtures(self, file: OpenFile) -> None:
        fixtures = file.fixtures = Fixtures(file.plan.fixtures, file.inspection)
        with self._stop.running() as bound:
            await fixtures.open(file.scope())
        if bound.cancelled_caught:
            file.trouble = "its fixtures were interrupted"
        file.saved |= fixtures.given
        for name in file.plan.secrets & fixtures.given.keys():
            file.secrets.add(fixtures.given[name])
        if fixtures.broken is not None:
            file.trouble = file.secrets.mask(f"fixture {fixtures.broken.reason}")
            self._tell_broken(file, fixtures.broken)

    async def check(self, file: OpenFile, check: CheckPlan, worker: int = 1) -> Verdict:
        """Run one of its checks; `worker` is the number of who does, from 1."""
        session = self._exchanger.session(file.session.jar)
        scope = file.scope()
        scope.update(check.row)
        inspection = Inspection(session, self.target, self._pools, self._description)
        run = self._run_of(check, file, scope, inspection, worker)
        if check.skip is not None:
            run.verdict.add(Outcome.SKIPPED, check.skip)
        elif file.left_out is not None:
            run.verdict.add(Outcome.SKIPPED, file.left_out)
        elif file.trouble:
            run.verdict.add(Outcome.ERROR, file.trouble)
        else:
            for name in file.plan.secrets & check.row.keys():
                run.secrets.add(check.row[name])
            await run.steps()
            await session.aclose()
        self.score.done += 1
        seconds = self._finish(run)
        if run.verdict.outcome is not Outcome.SKIPPED:
            self.score.time(check.id, seconds, self.target.name)
        if file.plan.name in self._needed:
            file.remember(check, run)
        return run.verdict

    def settle(self, file: OpenFile) -> None:
        """All its checks are through: what they gave is there for the files that need it."""
        given = file.given()
        if file.left_out is not None:
            given.failed = given.failed or file.left_out
        if file.trouble is not None:
            given.failed = given.failed or file.trouble
        self._given[file.plan.name] = given

    async def close(self, file: OpenFile, worker: int = 1) -> None:
        """Run its teardown and close its fixtures, whatever happened before."""
        teardown = file.plan.teardown
        if teardown:
            run = self._run_of(teardown, file, file.scope(), file.inspection, worker)
            if file.left_out is not None:
                run.verdict.add(Outcome.SKIPPED, file.left_out)
            else:
                await run.closing("teardown", teardown.steps)
            if not run.verdict.outcome.green:
                run.verdict.outcome = Outcome.ERROR
                run.verdict.reason = run.verdict.reason or run.verdict.why
            self._finish(run)
        if file.fixtures is not None:
            await file.fixtures.close(self._stop.closing)
            for broken in file.fixtures.left_broken:
                self._tell_broken(file, broken)
        await file.session.aclose()

    async def aclose(self) -> None:
        """Close what was opened for all files together."""
        await self._exchanger.aclose()

    def _tell_broken(self, file: OpenFile, broken: Broken) -> None:
        """A fixture that did not open or close is a check of its own."""
        plan = file.plan
        name = f"fixture {broken.hook.reference}"
        at = broken.hook.node.location
        check = CheckPlan(f"{plan.name}::{name}", name, plan.name, at.line, (), (), spec=plan.title, phase="fixture")
        run = self._run_of(check, file, {}, file.inspection)
        trace = self._telling.traceback(broken.raised) if broken.raised is not None else None
        run.verdict.add(Outcome.ERROR, file.secrets.mask(broken.reason), file.secrets.mask(trace), "hook")
        self._finish(run)

    def _run_of(
        self, check: CheckPlan, file: OpenFile, scope: dict[str, Any], inspection: Inspection, worker: int = 1
    ) -> CheckRun:
        trace_id = token_hex(16) if self._options.trace else None
        self._telling.started(check, worker, trace_id)
        secrets = Secrets(above=file.secrets)
        return CheckRun(check, scope, inspection, self._stop, self._telling, secrets, file.plan.secrets, trace_id)

    def _finish(self, run: CheckRun) -> float:
        """Tell and count a check; setup, teardown and fixtures count only when something went wrong."""
        seconds = run.finish()
        if run.secrets.values:
            self._secrets.learn(run.secrets.values, MOST)
        outcome = run.verdict.outcome
        self.score.flaky += outcome is Outcome.FLAKY
        if run.plan.phase == "steps" or not outcome.green:
            self.score.count(outcome)
        most = self._options.max_failures
        if most is not None and self.score.bad >= most:
            self._stop.request("fail-fast")
        return seconds


_ENDED = {
    Outcome.FAILED: "failed",
    Outcome.ERROR: "could not be judged",
    Outcome.INTERRUPTED: "was interrupted",
    Outcome.XPASSED: "passed, which was not expected",
}


def each_needed(files: Sequence[FilePlan]) -> Iterator[str]:
    """The names of the files that others need."""
    for file in files:
        yield from file.needs
