"""`asgi-probe run --watch`: runs again what is affected whenever files change, and what keys ask for."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

from asgi_probe.cli.watching.affected import EVERYTHING, NOTHING, Extent, Subject, arguments_of
from asgi_probe.cli.watching.child import Child
from asgi_probe.cli.watching.files import FileWatch
from asgi_probe.cli.watching.flags import Flags
from asgi_probe.cli.watching.inbox import Broken, Changed, Ended, Inbox, Pressed, Ready, Signalled
from asgi_probe.cli.watching.keyboard import keys_from_terminal
from asgi_probe.cli.watching.noise import Noise
from asgi_probe.errors import ExitCode, UsageError
from asgi_probe.spec.loader import find_root, spec_name
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import typer

    from asgi_probe.cli.watching.inbox import News
    from asgi_probe.terminal import Line, Screen

_MOST_ARGUMENTS = 500
"""Above that a run of everything is told more shortly."""
_LOOK = 0.25
"""Seconds until a signal is noticed that came to another thread, as SIGCONT may."""
_MOST_NAMES = 3
_MOST_TOLD_APART = 5
_SETTLED = (ExitCode.GREEN, ExitCode.FAILED, ExitCode.NOTHING)
"""Exit codes of runs that have run what they should."""
_HELP = {
    "Enter, a": "run everything",
    "f": "run what failed last",
    "q": "quit, with the exit code of the last run",
    "h, ?": "this help",
    "Ctrl-C": "interrupt the run and quit",
}


def watch(ctx: typer.Context, screen: Screen) -> int:
    """Run as `run` was asked to, and again whenever something changes, until a key or a signal ends it.

    Gives the exit code of the last run that came to its end; of a signal, that of the signal.
    """
    cwd = Path.cwd()
    root = find_root(cwd)
    noise = Noise(root, [report.partition("=")[2] for report in ctx.params["report"] or ()])
    paths, vars_files = tuple(ctx.params["paths"] or ()), tuple(ctx.params["vars_file"] or ())
    subject = Subject(root, cwd, paths, vars_files, ctx.params["app"], noise)
    inbox = Inbox()
    with (
        FileWatch(_folders(subject), noise, inbox),
        _signals_to(inbox),
        keys_from_terminal(inbox) as take_keys,
    ):
        return Watch(subject, Flags.of(ctx), screen, inbox, take_keys).run()


def _folders(subject: Subject) -> list[Path]:
    """The project's, and those outside of it that specs and variables were asked from."""
    config = subject.config()
    asked = [path.parent for path in subject.found(config)] if config else []
    asked += [(subject.cwd / file).parent.resolve() for file in subject.vars_files]
    root = subject.root.resolve()
    return [root, *sorted({folder for folder in asked if folder.is_dir() and not folder.is_relative_to(root)})]


@contextmanager
def _signals_to(inbox: Inbox) -> Iterator[None]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCONT")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # what somebody has let be ignored for us, as nohup does, stays so
    numbers = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: inbox.put(Signalled(number))) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Watch:
    """Takes one piece of news after the other; at most one run is under way."""

    def __init__(
        self,
        subject: Subject,
        flags: Flags,
        screen: Screen,
        inbox: Inbox,
        take_keys: Callable[[], None] | None,
    ) -> None:
        self._subject = subject
        self._flags = flags
        self._screen = screen
        self._inbox = inbox
        self._take_keys = take_keys
        self._child: Child | None = None
        self._owed = NOTHING
        """What changes have asked for and no run has settled."""
        self._running = NOTHING
        """What the run that is under way settles."""
        self._next: Callable[[], None] | None = None
        """What to begin when the run that was asked to end has done so."""
        self._exit_code: int | None = None
        self._leaving: int | None = None
        self._last_change = self._since = ""

    def run(self) -> int:
        """Watch until the end; see `watch`."""
        try:
            while True:
                self._take(self._news())
                if self._leaving is not None and self._child is None:
                    return self._leaving
        finally:
            if self._child is not None:
                self._child.end()
                self._child.hurry()

    def _news(self) -> News:
        while True:
            try:
                return self._inbox.get(timeout=_LOOK)
            except Empty:
                if self._child is not None and self._child.is_overdue:
                    self._child.hurry()

    def _take(self, news: News) -> None:
        match news:
            case Ready():
                self._owed = EVERYTHING
                self._begin(EVERYTHING, self._subject.paths, failed_first=False)
            case Changed():
                self._changed(news)
            case Pressed():
                self._pressed(news.key)
            case Ended():
                self._ended(news)
            case Signalled():
                self._signalled(news.number)
            case Broken():
                raise UsageError(
                    f"files cannot be watched: {news.why}; where the system's limit on watches is reached, raise it or "
                    "set WATCHFILES_FORCE_POLLING=1"
                )

    def _changed(self, changed: Changed) -> None:
        if self._leaving is not None:
            return
        extent = self._subject.affected(changed)
        if not extent and not changed.paths & self._owed.files:
            return
        changed = self._that_matter(changed)
        self._last_change = _told(changed, self._subject.root, _MOST_NAMES)
        self._since = _told(changed, self._subject.root, 1)
        self._owed |= extent
        self._after_this(self._run_owed)

    def _that_matter(self, changed: Changed) -> Changed:
        """Without what nothing depends on, such as what the app writes meanwhile; of many changes all."""
        if not 1 < len(changed.paths) <= _MOST_TOLD_APART:
            return changed
        alone = frozenset(path for path in changed.paths if self._subject.affected(Changed(frozenset({path}))))
        return Changed(alone or changed.paths, changed.folders_gone)

    def _pressed(self, key: str) -> None:
        match key:
            case "enter" | "a":
                self._after_this(self._run_all)
            case "f" if self._flags.keeps_cache:
                self._after_this(self._run_failed)
            case "f":
                self._say([("--no-cache leaves nothing to know what failed last", "hint")])
            case "q":
                self._leave(ExitCode.INTERRUPTED if self._exit_code is None else self._exit_code, signal.SIGTERM)
            case "h" | "?":
                self._screen.write([[(f"  {name:<10}", "title"), (does, "")] for name, does in _HELP.items()])

    def _signalled(self, number: int) -> None:
        if number == getattr(signal, "SIGCONT", None):
            if self._take_keys is not None:
                self._take_keys()
        else:
            self._leave(128 + number, signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def _leave(self, exit_code: int, number: int) -> None:
        """Leave with that exit code, once what runs has been asked to end and has done so."""
        self._leaving, self._next = exit_code, None
        if self._child is not None:
            self._child.end(number)

    def _after_this(self, begin: Callable[[], None]) -> None:
        """Begin a run, at once or when the one that runs, and is now out of date, has ended."""
        if self._leaving is not None:
            return
        if self._child is None:
            begin()
            return
        self._next = begin
        if not self._child.asked_to_end:
            self._child.end()

    def _run_all(self) -> None:
        self._owed = EVERYTHING
        self._say([("running everything", "title")])
        self._begin(EVERYTHING, self._subject.paths)

    def _run_failed(self) -> None:
        self._say([("running what failed last", "title")])
        self._begin(NOTHING, self._subject.paths, failed_only=True)

    def _run_owed(self) -> None:
        """Run what changes have asked for, all of it where nothing narrower can be said."""
        config = self._subject.config()
        found = self._subject.found(config) if config else {}
        paths = arguments_of(self._owed, found)
        if not self._owed.everything and not paths:
            self._say([(self._last_change, "title"), (" changed: nothing is left to run", "")])
            self._owed = NOTHING
            self._wait()
            return
        narrow = not self._owed.everything and not self._flags.sharded and len(paths) <= _MOST_ARGUMENTS
        files = len(self._owed.files & found.keys())
        what = f"running {files:,} of {len(found):,} file{'s' * (len(found) != 1)}" if narrow else "running everything"
        self._say([(self._last_change, "title"), (f" changed: {what}", "")])
        self._begin(self._owed, paths if narrow else self._subject.paths)

    def _begin(
        self, extent: Extent, paths: Sequence[str], *, failed_only: bool = False, failed_first: bool = True
    ) -> None:
        self._running, self._next = extent, None
        arguments = self._flags.arguments(paths, failed_only=failed_only, failed_first=failed_first)
        self._child = Child(arguments, self._inbox)

    def _ended(self, ended: Ended) -> None:
        if self._child is None or self._child.id != ended.process:
            return
        stopped, self._child = self._child.asked_to_end, None
        if not stopped:
            self._exit_code = ended.exit_code
            # what could not be run, because of a spec that is not valid, is still to be run when that is mended
            if ended.exit_code in _SETTLED and self._running:
                self._owed = NOTHING
        if self._next is not None:
            self._next()
        elif self._leaving is None:
            self._wait()

    def _wait(self) -> None:
        since = f" since {self._since}" if self._since else ""
        keys = (
            "Enter all, f failed, q quit, h help"
            if self._take_keys
            else "no keys, as standard input is no terminal; Ctrl-C quits"
        )
        self._say([(f"waiting for changes{since}", "hint"), (f" · {keys}", "quiet")])

    def _say(self, line: Line) -> None:
        self._screen.write([[], line])


def _told(changed: Changed, root: Path, most: int) -> str:
    """`specs/a.yaml`, `specs/a.yaml, b.yaml, c.yaml and 2 more`."""
    names = sorted(inline(spec_name(path, root)) for path in changed.paths)
    if changed.folders_gone:
        names.append("folders")
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
