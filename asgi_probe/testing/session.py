"""What the specs of a pytest run share: one event loop, an entered target each, and what is to be told at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from asgi_probe.config import Config, read_config
from asgi_probe.engine.results import Outcome
from asgi_probe.engine.secrets import Secrets
from asgi_probe.engine.stage import RunOptions
from asgi_probe.engine.stopping import Stop
from asgi_probe.errors import TargetError, UsageError
from asgi_probe.project.targets import build_target
from asgi_probe.project.variables import given_variables
from asgi_probe.project.workspace import Single, open_spec
from asgi_probe.testing.holding import Held
from asgi_probe.testing.loop import Loop
from asgi_probe.testing.running import TargetRun
from asgi_probe.testing.telling import Broken, as_text, in_full, told
from asgi_probe.testing.wishes import backend_of, wish_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from asgi_probe.config import TargetConfig
    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import CheckPlan, FilePlan
    from asgi_probe.target.base import Target
    from asgi_probe.terminal import Line
    from asgi_probe.testing.running import Result

T = TypeVar("T")
_session = pytest.StashKey["ProbeSession"]()
_NO_TARGET = (
    "no target: say whom to ask with --probe-app module:attribute or --probe-base-url http://127.0.0.1:8000, "
    "or set a default `target` under [tool.asgi-probe] in pyproject.toml"
)
_LAST = 2.0
"""Seconds beyond the grace that an interrupted run gets to end."""


def session_of(config: pytest.Config) -> ProbeSession:
    """The one session of a pytest run; pytest tells it of everything from now on."""
    if _session not in config.stash:
        config.stash[_session] = ProbeSession(config)
        config.pluginmanager.register(config.stash[_session], "asgi-probe-session")
    return config.stash[_session]


class _Group:
    """The files of one target, and how far it is: to be entered by the first check that runs."""

    def __init__(self, config: TargetConfig, root: Path) -> None:
        self.config = config
        self.root = root
        self.plans: dict[str, FilePlan] = {}
        self.coming: Counter[str] = Counter()
        self.claimed: set[str] = set()
        self.held: Held | None = None
        self.run: TargetRun | None = None
        self.broken: Exception | None = None


class ProbeSession:
    """Compiles specs and runs their checks. Nothing is entered before the first of them runs."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.troubles: list[list[Line]] = []
        """What makes the run fail and belongs to no item."""
        self.notes: dict[str, list[Line]] = {}
        """What changes no outcome and must be known."""
        self._configs: dict[Path, Config] = {}
        self._groups: dict[tuple[Path, TargetConfig], _Group] = {}
        self._loop: Loop | None = None
        self._stop = Stop()

    # specs

    def project(self, root: Path) -> Config:
        """The configuration of a project; a UsageError says what is wrong with it."""
        if root not in self._configs:
            self._configs[root] = read_config(root)
        return self._configs[root]

    def compiled(self, path: Path, root: Path) -> Single:
        """A spec, ready to run; raises SpecError and UsageError."""
        wish = wish_of(self.config)
        given = given_variables(wish.var, ()) | dict(wish.secrets)
        spec = open_spec(path, self.project(root), wish, given)
        group = self._groups.setdefault((root, spec.target), _Group(spec.target, root))
        for plan in spec.files:
            group.plans.setdefault(plan.name, plan)
        if spec.warnings:
            self._note([*spec.warnings])
        return spec

    def open(self, spec: Single) -> str | None:
        """Enter the target and open the spec, if that is to be done; says why no check of it can be judged."""
        run, name = self._started(self._group(spec)), spec.plan.name
        if not run.is_open(name):
            self._call(run.open, name)
        return run.trouble(name)

    def opening(self, spec: Single) -> tuple[Event, ...]:
        """What was told while a spec was opened, once."""
        return self._started(self._group(spec)).opening(spec.plan.name)

    def result(self, spec: Single, check: CheckPlan) -> Result:
        """Run a check of an open spec."""
        group = self._group(spec)
        group.claimed.add(check.id)
        return self._call(self._started(group).result, check)

    def _group(self, spec: Single) -> _Group:
        return self._groups[spec.root, spec.target]

    def _started(self, group: _Group) -> TargetRun:
        if group.broken is not None:
            raise group.broken
        if group.run is None:
            try:
                group.run = self._start(group)
            except (TargetError, UsageError) as error:
                group.broken = type(error)(str(error))  # its traceback is told once
                raise
        return group.run

    def _start(self, group: _Group) -> TargetRun:
        if not group.config.app and not group.config.base_url:
            raise UsageError(_NO_TARGET)
        # what the app says is captured by pytest, and told by it
        target = build_target(group.config, root=group.root, warn=self.warner(group.root), capture=False)
        held = Held(target)
        hidden = tuple(wish_of(self.config).secrets.values())
        options = RunOptions(root=group.root, backend=backend_of(self.config), secrets=hidden)
        self._call(self._attach)
        self._call(held.enter)
        group.held = held
        return self._call(_made, target, group.plans, options, self._stop)

    async def _attach(self) -> None:
        self._stop.attach()

    # the loop

    @property
    def loop(self) -> Loop:
        """The event loop of specs and sync tests."""
        if self._loop is None:
            self._loop = Loop(backend_of(self.config))
        return self._loop

    def _call(self, work: Callable[..., Awaitable[T]], *args: Any) -> T:
        return self.loop.call(work, *args, give_up=self._give_up)

    def _give_up(self) -> float:
        self._stop.request("interrupted")
        return self._stop.grace() + _LAST

    # what is told

    def warner(self, root: Path) -> Callable[[str, BaseException | None], None]:
        """Takes warnings of a target; they are told when the run ends."""
        mask = Secrets(wish_of(self.config).secrets.values()).mask

        def warn(message: str, error: BaseException | None) -> None:
            from asgi_probe.reporters.failure import traceback
            from asgi_probe.target.tracebacks import app_traceback

            frames = traceback(mask(app_traceback(error, root=root))) if error else []
            self._note([[("warning: ", "warning"), (mask(message), "message")], *frames])

        return warn

    def _note(self, lines: list[Line]) -> None:
        self.notes.setdefault(as_text(lines, color=False), lines)

    def take_over(self, said: dict[str, Any]) -> None:
        """What the session of a worker has to say, told by this one."""
        self.troubles += [_lines(trouble) for trouble in said["troubles"]]
        for note in said["notes"]:
            self._note(_lines(note))

    # pytest's hooks

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count the checks of each file, so that it can be closed after the last of them."""
        from asgi_probe.testing.items import CheckItem

        for item in session.items:
            if isinstance(item, CheckItem):
                self._group(item.spec).coming[item.spec.plan.name] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        """Close what no check to come needs; what goes wrong there is an error of this item."""
        from asgi_probe.testing.items import CheckItem

        try:
            return (yield)
        finally:
            if isinstance(item, CheckItem):
                self._group(item.spec).coming[item.spec.plan.name] -= 1
            lines = list(self._closing(last=nextitem is None))
            if isinstance(item, CheckItem) and not any((group := self._group(item.spec)).coming.values()):
                self._leave(group)  # tests by hand that come now start the same app again
            if lines:
                raise Broken([line for told in lines for line in told])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show our exceptions in our words, and what else is known of a check or of a client's answers."""
        report = yield
        if call.excinfo is not None and report.failed and (ours := told(call.excinfo.value)) is not None:
            report.longrepr = cast("Any", ours)
        if call.when == "call":
            _complete(report, item)
            if report.failed:
                from asgi_probe.testing.answers import add_tracebacks

                add_tracebacks(report, item, call.excinfo.value if call.excinfo else None)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Leave the targets; what goes wrong now makes the run fail."""
        self.close()
        worker = getattr(self.config, "workeroutput", None)
        if worker is not None:
            worker["asgi_probe"] = {"troubles": self.troubles, "notes": [*self.notes.values()]}
        elif self.troubles and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what belongs to no item."""
        told = [*self.notes.values(), *self.troubles]
        if told:
            terminalreporter.write_sep("=", "asgi-probe")
            for lines in told:
                terminalreporter.write(as_text(lines, color=terminalreporter.hasmarkup))

    # the end

    def close(self) -> None:
        """Close the files that are open, leave the targets, end the loop."""
        self.troubles += self._closing(last=True)
        for group in self._groups.values():
            self._leave(group)
        if self._loop is not None:
            self._loop.close()
        self._groups.clear()

    def _closing(self, *, last: bool) -> Iterator[list[Line]]:
        """Close files, all or those that are through; gives what went wrong with each."""
        for group in self._groups.values():
            if last:
                group.coming.clear()
            while group.run is not None and (names := group.run.to_close(group.coming)):
                for name in names:
                    events = self._call(group.run.close, name)
                    if not _green(events):
                        yield in_full(events)

    def _leave(self, group: _Group) -> None:
        if group.run is not None:
            self.troubles += [in_full(result.events) for result in group.run.unclaimed(group.claimed)]
            self.troubles += [in_full(events) for events in group.run.unopened()]
            self._call(group.run.aclose)
        if group.held is not None:
            self.troubles += self.left(group.held)
        group.run = group.held = None

    def left(self, held: Held) -> list[list[Line]]:
        """Leave a target that lives in the loop of this session; gives what went wrong with that."""
        if self._stop.reason == "interrupted":
            held.target.hurry(self._stop.grace() + _LAST)
        self._call(held.leave)
        return problems_of(held.target)


def problems_of(target: Target) -> list[list[Line]]:
    """What went wrong with a target on its way out, as lines."""
    from asgi_probe.reporters.errors import told as lines_of

    return [lines_of(problem) for problem in target.problems]


async def _made(target: Target, plans: dict[str, FilePlan], options: RunOptions, stop: Stop) -> TargetRun:
    return TargetRun(target, plans, options, stop)


def _green(events: Sequence[Event]) -> bool:
    from asgi_probe.engine.events import CheckFinished

    return all(event.outcome.green for event in events if isinstance(event, CheckFinished))


def _complete(report: pytest.TestReport, item: pytest.Item) -> None:
    """What pytest's report of a check says beyond its outcome."""
    from asgi_probe.testing.items import CheckItem

    if not isinstance(item, CheckItem) or item.result is None:
        return
    finished = item.result.finished
    report.duration = finished.duration
    if finished.outcome is Outcome.FLAKY:
        report.sections.append(("flaky", as_text(in_full(item.result.events, verbosity=0), color=False)))
    if report.passed and item.check.xfail is not None and not item.config.getoption("runxfail", default=False):
        report.wasxfail = item.check.xfail.reason


def _lines(plain: Any) -> list[Line]:
    return [[(text, style) for text, style in line] for line in plain]
