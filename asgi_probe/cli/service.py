"""What `asgi-probe serve` does: a history, a port, a schedule and a web server, from the first run to a signal."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from asgi_probe.errors import ExitCode, UsageError
from asgi_probe.reporters.words import duration
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from asgi_probe.serving.child import Child
    from asgi_probe.serving.records import RunRecord
    from asgi_probe.serving.schedule import Schedule
    from asgi_probe.serving.status import Status
    from asgi_probe.terminal import Line, Screen


def needed_packages() -> None:
    """Raise a UsageError if one of them is missing."""
    for package, name in (("uvicorn", "uvicorn"), ("prometheus_client", "prometheus-client")):
        try:
            __import__(package)
        except ImportError:
            raise UsageError(f"`serve` needs the package {name}: pip install 'asgi-probe[serve]'") from None


@dataclass(frozen=True, slots=True)
class Service:
    """What is asked for: `arguments` are those of `asgi-probe run`, `interval` and `limit` are in seconds.

    `said` is the interval as it was written.
    """

    arguments: Sequence[str]
    said: str
    interval: float
    limit: float
    history: str | None
    keep: int
    host: str
    port: int
    token: str | None

    def run(self, screen: Screen) -> int:
        """Run and serve till a signal; what is wrong from the start is raised, or told as the first run tells it."""
        from asgi_probe.serving.app import web_app
        from asgi_probe.serving.guard import Guard, checked_token
        from asgi_probe.serving.history import open_history
        from asgi_probe.serving.metrics import Measures
        from asgi_probe.serving.schedule import Schedule
        from asgi_probe.serving.server import address_of, listen, serving
        from asgi_probe.serving.status import Status

        # this process stays, and makes garbage
        gc.enable()
        checked_token(self.token, self.host)
        with ExitStack() as open_:
            listening = open_.enter_context(listen(self.host, self.port))
            # a name may mean anything: what counts is where it has led
            token = checked_token(self.token, listening.getsockname()[0])
            history = open_history(self.history, keep=self.keep)
            open_.callback(history.close)
            status = Status(self.interval, self.limit, history.latest())
            measures = Measures(status)

            def tell(run: RunRecord) -> None:
                measures.add(run)
                screen.write(_lines(run, status))

            schedule = Schedule(self.arguments, os.environ, status, history, tell)
            open_.callback(schedule.abandon)
            stop = open_.enter_context(_stopping(schedule))
            first = schedule.begin(stop)
            if stop.is_set():
                return ExitCode.GREEN
            if failed := _failed(first):
                return failed
            app = Guard(web_app(status, history, measures), token=token, port=listening.getsockname()[1])
            web = open_.enter_context(serving(app, listening))
            screen.write(_welcome(address_of(listening), self.said))
            schedule.go_on(stop, web.is_alive)
            if not stop.is_set():
                raise RuntimeError("the web server has ended by itself")
        return ExitCode.GREEN


def _failed(child: Child) -> int:
    """The exit code of the first run if it could not begin, and what it said on standard error; else 0."""
    if not child.ended or child.settled().begun:
        return 0
    sys.stderr.write(child.said + "\n")
    return child.exit_code or ExitCode.BUG


@contextmanager
def _stopping(schedule: Schedule) -> Iterator[Event]:
    """While open, the first SIGINT or SIGTERM sets the event; the second leaves at once, with the run that goes on."""
    stop = Event()
    codes = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            if schedule.child is not None:
                schedule.child.kill()
            sys.stdout.flush()
            os._exit(codes[signal.Signals(number)])
        stop.set()

    before = {number: signal.signal(number, handle) for number in codes}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _welcome(address: str, interval: str) -> list[Line]:
    return [
        [(f"{address}", "title"), (f" tells how the runs go, one every {interval}", "")],
        [(f"  {address}metrics, {address}healthz, {address}api/runs, {address}openapi.json", "quiet")],
    ]


def _lines(run: RunRecord, status: Status) -> list[Line]:
    """A run in one line: when, how it went, how long it took; and why it could not be kept."""
    from asgi_probe.serving.status import told_again

    style = "passed" if run.green else "failed"
    lines: list[Line] = [
        [
            (run.started_at[:19] + "Z  ", "quiet"),
            (f"{run.outcome:6}  ", style),
            (inline(told_again(run, status.alike)), ""),
            (f"  {duration(run.duration)}", "quiet"),
        ]
    ]
    if status.problem:
        lines.append([("error: ", "error"), (inline(status.problem), "message")])
    return lines
