"""The lifespan of an app: started before the first request, ended after the last, watched in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.lowlevel

from asgi_probe.errors import TargetError
from asgi_probe.target.failures import ProtocolBreach
from asgi_probe.target.tracebacks import app_traceback, in_a_line, unwrapped
from asgi_probe.terminal import harmless, survived

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from pathlib import Path

    from asgi_probe.target.base import Warn
    from asgi_probe.target.call import App, Message
    from asgi_probe.target.tasks import Event, Tasks

LifespanMode = Literal["auto", "on", "off"]

_LAST_WORDS = 0.1
"""Seconds that an app gets to raise why it has said `startup.failed`."""
_CANCELLING = 1.0
"""Seconds that the lifespan's task gets to end when it is cancelled."""
_MESSAGE = 4_000


class Lifespan:
    """Runs the lifespan scope of an app in a task of its own, from `start` to `stop`."""

    def __init__(
        self,
        app: App,
        mode: LifespanMode,
        *,
        startup_timeout: float,
        shutdown_timeout: float,
        root: Path | None,
        warn: Warn,
    ) -> None:
        self.state: dict[str, Any] = {}
        """What the app has put into the scope's `state`; every request gets a shallow copy."""
        self.problems: list[TargetError] = []
        self._app = app
        self._mode = mode
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._root = root
        self._warn = warn
        self._said: dict[str, str] = {}
        """The types of the events that the app has sent, with their messages."""
        self._asked = False
        self._stopping = False
        self._ended = False
        self._error: BaseException | None = None
        self._tasks: Tasks
        self._changed: Event
        self._wake_app: Event
        self._cancel: Callable[[], object] | None = None

    def hurry(self, seconds: float) -> None:
        """Give the shutdown no more than so many seconds."""
        self._shutdown_timeout = min(self._shutdown_timeout, seconds)

    async def start(self, tasks: Tasks) -> None:
        """Start the app up; raises `TargetError` when it does not."""
        if self._mode == "off":
            return
        self._tasks = tasks
        self._wake_app = tasks.event()
        self._changed = tasks.event()
        self._cancel = tasks.start(self._run())
        try:
            with anyio.move_on_after(self._startup_timeout):
                await self._until("lifespan.startup.complete", "lifespan.startup.failed")
            await self._judge_start()
        except BaseException:
            await self._kill()
            raise

    async def stop(self) -> None:
        """Shut the app down; what goes wrong is added to `problems`. Not to be cancelled, but bounded."""
        self._stopping = True
        if self._cancel is None or self._ended:
            return
        self._wake_app.set()
        with anyio.move_on_after(self._shutdown_timeout, shield=True):
            await self._until("lifespan.shutdown.failed")  # or its end: what it raises after "complete" counts too
        if "lifespan.shutdown.failed" in self._said:
            await self._last_words()
        self._judge_stop()
        await self._kill()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as error:  # noqa: BLE001 - SystemExit and cancellation too end the lifespan alone
            self._error = unwrapped(error)
        self._ended = True
        self._changed.set()
        if "lifespan.startup.complete" in self._said and not self._stopping:
            self._died()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._wake_app.wait()
        await anyio.lowlevel.checkpoint()  # so that an app which asks again and again can be cancelled
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        kind = message.get("type")
        phase = "shutdown" if self._stopping else "startup"
        if kind not in {f"lifespan.{phase}.complete", f"lifespan.{phase}.failed"}:
            raise ProtocolBreach(
                f"the app sent {kind!r} in its lifespan: expected 'lifespan.{phase}.complete' or '….failed'"
            )
        if any(said.startswith(f"lifespan.{phase}.") for said in self._said):
            raise ProtocolBreach(f"the app sent a second event about its {phase}, {kind!r}")
        self._said[kind] = str(message.get("message", ""))
        self._changed.set()

    async def _until(self, *kinds: str) -> None:
        while not self._ended and not any(kind in self._said for kind in kinds):
            self._changed = self._tasks.event()
            await self._changed.wait()

    async def _last_words(self) -> None:
        with anyio.move_on_after(_LAST_WORDS, shield=True):
            await self._until()

    async def _judge_start(self) -> None:
        if "lifespan.startup.complete" in self._said:
            return
        if "lifespan.startup.failed" in self._said:
            await self._last_words()
            raise self._told("the app's start-up failed", self._said["lifespan.startup.failed"])
        if not self._ended:
            raise TargetError(
                "the app did not finish its start-up (`lifespan.startup.complete`) within "
                f"{self._startup_timeout:g} s; raise it with --startup-timeout"
            )
        if self._asked:
            silent = "its lifespan ended before `lifespan.startup.complete`"
            raise self._told("the app's start-up failed", silent if self._error is None else "")
        if self._mode == "on" or isinstance(self._error, SystemExit | KeyboardInterrupt):
            raise self._told("the app has no lifespan", "it ended before it asked for its first event")

    def _judge_stop(self) -> None:
        if "lifespan.shutdown.failed" in self._said:
            self.problems.append(self._told("the app's shutdown failed", self._said["lifespan.shutdown.failed"]))
        elif self._error is not None:
            self.problems.append(self._told("the app's shutdown failed", ""))
        elif not self._ended:
            awaited = (
                "its lifespan's end" if "lifespan.shutdown.complete" in self._said else "`lifespan.shutdown.complete`"
            )
            self.problems.append(
                TargetError(
                    f"the app did not finish its shutdown ({awaited}) within {self._shutdown_timeout:g} s; "
                    "raise it with --shutdown-timeout"
                )
            )

    def _died(self) -> None:
        sentence = "the app's lifespan ended in mid-run, before `lifespan.shutdown`"
        if self._error is None:
            self._warn(sentence, None)
            return
        problem = self._told(sentence, "")
        self.problems.append(problem)
        self._warn(str(problem), self._error)

    def _told(self, sentence: str, message: str) -> TargetError:
        """The sentence with why: the exception, else what the app itself said."""
        why = [part for part in (self._shortened(message), self._raised(message)) if part]
        trace = app_traceback(self._error, root=self._root) if self._error is not None else None
        return TargetError(": ".join([sentence, *why]), trace)

    def _raised(self, message: str) -> str:
        """The exception in a line, unless the message says it already."""
        if self._error is None:
            return ""
        said = str(self._error) if isinstance(self._error, Exception) else ""
        return "" if _is_traceback(message) or (said and said in message) else in_a_line(self._error)

    def _shortened(self, message: str) -> str:
        """An app's own message; of a traceback, as Starlette sends it, what was raised, on one line."""
        message = message.strip()
        if _is_traceback(message):
            message = message.rpartition("\n")[2] if self._error is None else _in_short(self._error)
        return harmless(message if len(message) <= _MESSAGE else f"{message[:_MESSAGE]} … ({len(message)} characters)")

    async def _kill(self) -> None:
        if self._cancel is None or self._ended:
            return
        self._stopping = True
        self._cancel()
        with anyio.move_on_after(_CANCELLING, shield=True):
            await self._until()


def _is_traceback(message: str) -> bool:
    return message.lstrip().startswith(("Traceback (most recent call last)", "+ Exception Group Traceback"))


def _in_short(error: BaseException) -> str:
    """Its name, and the first line of what it says: those below are advice and addresses."""
    said = survived(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
