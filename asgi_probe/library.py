"""asgi-probe from Python: specs are loaded and run in the caller's own event loop, and nothing else is touched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.config import TargetConfig
from asgi_probe.engine.backend import only
from asgi_probe.engine.events import CheckFinished, Warned
from asgi_probe.engine.run import Run, RunOptions
from asgi_probe.engine.secrets import SHORTEST, Secrets
from asgi_probe.engine.stopping import Stop
from asgi_probe.errors import ExitCode, TargetError, UsageError
from asgi_probe.project.groups import groups_of
from asgi_probe.project.workspace import Wish, open_workspace
from asgi_probe.reporters.recording import Recording
from asgi_probe.spec.loader import find_root
from asgi_probe.spec.variables import naming_fault
from asgi_probe.target.importing import LoadedApp, loaded
from asgi_probe.target.tracebacks import app_traceback
from asgi_probe.terminal import open_screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from asgi_probe.engine.events import Event, RunFinished
    from asgi_probe.project.workspace import Workspace
    from asgi_probe.terminal import Line

PathOrText = str | PathLike[str]
Paths = PathOrText | Sequence[PathOrText]


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """A check of a spec: `line` is where it begins in `file`, `skip` why it is left out."""

    id: str
    name: str
    file: str
    line: int
    tags: tuple[str, ...]
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Specs:
    """Specs in which nothing is wrong: their checks in order, rows written out, and what was noticed on the way."""

    checks: tuple[CheckInfo, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended; all of it is kept, the setups, teardowns and fixtures that are told among the `checks`, too.

    `exit_code` is the command line's, 0 or 1. `duration` is in seconds. `problem` is what went wrong with the target on
    the way out.
    """

    ok: bool
    outcomes: dict[str, int]
    checks: tuple[CheckFinished, ...]
    exit_code: int
    duration: float
    problem: str | None
    _recording: Recording = field(repr=False, compare=False)
    _notes: tuple[Line, ...] = field(default=(), repr=False, compare=False)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event of the run, in order."""
        return tuple(self._recording.events)

    def text(self) -> str:
        """What `asgi-probe run` would have written into a log."""
        written = StringIO()
        screen = open_screen(written, color="never", environ={})
        screen.write(self._notes)
        self._recording.tell(screen)
        return written.getvalue()

    def raise_for_failures(self) -> None:
        """Raise an AssertionError with that text unless all is well."""
        if not self.ok:
            raise AssertionError(self.text())


def load(
    paths: Paths = (),
    *,
    target: str | None = None,
    variables: Mapping[str, Any] | None = None,
    tags: str | None = None,
    name: str | None = None,
    root: PathOrText | None = None,
) -> Specs:
    """Read and compile specs without running or importing anything; the arguments are those of `run`.

    Raises SpecError with all that is wrong, UsageError or NothingSelected.
    """
    wish = replace(_wish(paths, variables, tags, name, root), target_name=target, needs_target=False, imports=False)
    workspace = open_workspace(wish)
    checks = tuple(
        [
            CheckInfo(check.id, check.name, check.file, check.line, check.tags, check.skip)
            for check in workspace.plan.checks
        ]
    )
    return Specs(checks, tuple(["".join(text for text, _ in line) for line in workspace.warnings]))


async def run(
    paths: Paths = (),
    *,
    app: object | str | None = None,
    base_url: str | None = None,
    target: str | None = None,
    factory: bool = False,
    variables: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    tags: str | None = None,
    name: str | None = None,
    concurrency: int | None = None,
    timeout: float | None = None,
    max_failures: int | None = None,
    thresholds: Sequence[str] = (),
    on_event: Callable[[Event], object] | None = None,
    root: PathOrText | None = None,
) -> Result:
    """Run specs in the event loop that runs, asyncio's or trio's, and tell how it went.

    `paths` are what `asgi-probe run` takes, by default the configuration's; they are relative to `root`, the project's
    folder, or else to the working directory. At most one of `app` (the app itself, its factory with `factory`, or an
    import string), `base_url` and `target` (of the configuration) is given. `secrets` are variables that are never
    told, `timeout` is in seconds, `thresholds` are what the run is held to, such as `p95(time) < 300ms`, besides the
    configuration's. `on_event` is called with every event as it comes; what it raises ends the run.

    Raises SpecError, UsageError, NothingSelected, and TargetError where the command would exit 3. When the caller is
    cancelled the run stops in order: teardown and the app's shutdown have a few seconds.
    """
    _refuse_several(app=app, base_url=base_url, target=target)
    _refuse_too_little(concurrency=concurrency, max_failures=max_failures, timeout=timeout)
    ready = _ready(app, factory=factory)
    said = TargetConfig(
        app=ready.reference if ready else None if app is None else str(app),
        base_url=base_url,
        factory=factory or None,
        concurrency=concurrency,
    )
    hidden = _secret(secrets or {})
    wish = replace(
        _wish(paths, variables, tags, name, root), target=said, target_name=target, timeout=timeout, secrets=hidden
    )
    wish = replace(wish, thresholds=[thresholds] if isinstance(thresholds, str) else tuple(thresholds))
    with _on_path(wish.root or find_root(Path.cwd())):
        workspace = open_workspace(wish)
        options = RunOptions(
            max_failures,
            root=workspace.config.root,
            secrets=tuple(hidden.values()),
            thresholds=workspace.thresholds,
        )
        return await _Watched(workspace, options, on_event, ready).result()


class _Watched:
    """A run with its events recorded, and told to the caller."""

    def __init__(
        self,
        workspace: Workspace,
        options: RunOptions,
        on_event: Callable[[Event], object] | None,
        app: LoadedApp | None,
    ) -> None:
        self._notes = workspace.warnings
        self._root = workspace.config.root
        self._on_event = on_event
        self._recording = Recording()
        self._stop = Stop()
        self._secrets = Secrets(options.secrets)
        self._raised: BaseException | None = None
        groups = groups_of(workspace, self._warn, app, capture=False)
        self._run = Run(groups, options, self._stop, self._emit, self._secrets)

    async def result(self) -> Result:
        finished = await self._finished()
        if self._raised is not None:
            raise self._raised
        if finished.exit_code == ExitCode.TARGET:
            raise TargetError(finished.problem or "the target could not be asked", finished.traceback)
        checks = tuple([event for event in self._recording.events if isinstance(event, CheckFinished)])
        return Result(
            not finished.exit_code,
            finished.outcomes,
            checks,
            int(finished.exit_code),
            finished.duration,
            finished.problem,
            self._recording,
            self._notes,
        )

    async def _finished(self) -> RunFinished:
        """Run in a task that is not cancelled with the caller, but stopped, as by Ctrl-C."""
        ended = anyio.Event()
        finished: list[RunFinished] = []

        async def shielded() -> None:
            with anyio.CancelScope(shield=True):
                finished.append(await self._run.execute())
            ended.set()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(shielded)
                try:
                    await ended.wait()
                except anyio.get_cancelled_exc_class():
                    self._stop.request("interrupted", ExitCode.INTERRUPTED)
                    raise
        except BaseExceptionGroup as group:
            raise only(group) from None
        return finished[0]

    def _warn(self, message: str, error: BaseException | None) -> None:
        mask, trace = self._secrets.mask, app_traceback(error, root=self._root) if error else None
        self._emit(Warned(mask(message), mask(trace)))

    def _emit(self, event: Event) -> None:
        self._recording.handle(event)
        if self._on_event is None or self._raised is not None:
            return
        try:
            self._on_event(event)
        except BaseException as error:  # noqa: BLE001 - pytest's own are no Exceptions; `result` raises it
            self._raised = error
            self._stop.request("interrupted", ExitCode.INTERRUPTED)


def _wish(
    paths: Paths, variables: Mapping[str, Any] | None, tags: str | None, name: str | None, root: PathOrText | None
) -> Wish:
    return Wish(
        (fspath(paths),) if isinstance(paths, str | PathLike) else tuple([fspath(path) for path in paths]),
        () if tags is None else (tags,),
        () if name is None else (name,),
        variables=_named(variables or {}),
        root=None if root is None else Path(root).absolute(),
    )


def _refuse_several(**given: object) -> None:
    said = [name for name, value in given.items() if value is not None]
    if len(said) > 1:
        raise UsageError(f"{' and '.join(said)} exclude each other: give one of them")


def _refuse_too_little(**given: float | None) -> None:
    for name, value in given.items():
        if value is not None and not value > 0:
            raise UsageError(f"{name} is {value!r}, expected a number above 0")


def _ready(app: object | None, *, factory: bool) -> LoadedApp | None:
    """The app, if it is there already."""
    if app is None or isinstance(app, str):
        return None
    if not factory:
        return loaded(app)
    return LoadedApp(app, factory=True, reference=getattr(app, "__qualname__", type(app).__qualname__))


def _secret(given: Mapping[str, str]) -> dict[str, str]:
    for name, value in given.items():
        if len(value) < SHORTEST:
            raise UsageError(f"the secret {name!r} is shorter than {SHORTEST} characters and cannot be masked")
    return _named(given)


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    faults = [fault for name in given if (fault := naming_fault(name))]
    if faults:
        raise UsageError("\n".join(faults))
    return dict(given)


_roots: list[str] = []
"""The roots of the runs that go on."""
_before: list[str] = []
"""The module search path before the first of them."""


@contextmanager
def _on_path(root: Path) -> Iterator[None]:
    """Inside, imports may put the root on the module search path; it is taken away with the last run that wants it."""
    name = str(root.resolve())
    if not _roots:
        _before[:] = sys.path
    _roots.append(name)
    try:
        yield
    finally:
        _roots.remove(name)
        while name not in _roots and sys.path.count(name) > _before.count(name):
            sys.path.remove(name)
