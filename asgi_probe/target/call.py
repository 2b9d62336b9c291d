"""One call of the app: a request in, an answer out, the protocol held on both sides."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.lowlevel

from asgi_probe.target.failures import AppExited, BrokenAnswer, ProtocolBreach
from asgi_probe.target.http import httpx
from asgi_probe.target.protocol import checked_headers, checked_status, content_length
from asgi_probe.target.said import Notes, listener
from asgi_probe.target.tracebacks import exit_in, in_a_line, unwrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
    from pathlib import Path

    from asgi_probe.target.base import Warn
    from asgi_probe.target.protocol import Headers
    from asgi_probe.target.tasks import Event

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

PIECE = 65_536
"""The most bytes of a request's body in one event, and how far an app may write ahead of its reader."""
SETTLING = 0.1
"""Seconds that the app gets, after a 5xx, to raise what caused it."""
GRACE = 0.5
"""Seconds that the app gets to end by itself when its client left early."""
CANCELLING = 0.25
"""Seconds that the app gets to end when it is cancelled; after that nobody waits for it."""

_BODILESS = frozenset((204, 304))


class AppCall:
    """A call of the app, as seen from both sides: `run` is the app's, the other coroutines are the client's."""

    __slots__ = (
        "_ambient", "_app_waits", "_begun", "_body", "_breach", "_client_waits", "_expected", "_forget", "_length",
        "_new_event", "_parts", "_stop", "_warn", "app_error", "buffered", "chunks", "complete", "ended", "extensions",
        "failure", "gone", "headers", "notes", "read", "request", "started", "status", "stopped",
    )  # fmt: skip

    def __init__(
        self,
        request: httpx.Request,
        new_event: Callable[[], Event],
        warn: Warn,
        forget: Callable[[AppCall], None],
        *,
        capture: bool = True,
        root: Path | None = None,
    ) -> None:
        """`forget` is told when the app's part has ended; with `capture` what the app says is in `notes`."""
        self.request = request
        self.status = 0
        self.headers: Headers = []
        self.chunks: list[bytes] = []
        self.buffered = 0
        self.started = False
        self.complete = False
        """The last body event has come."""
        self.ended = False
        """The app has returned or raised."""
        self.gone = False
        """The client left before the end."""
        self.read = False
        """The client has read to the end."""
        self.stopped = False
        """The app's task has been cancelled; what it raises from now on is nobody's business."""
        self.failure: httpx.ProtocolError | None = None
        self.app_error: BaseException | None = None
        self.extensions: dict[str, Any] | None = None
        self.notes = Notes(self._logged, keep=capture, root=root)
        self._begun = False
        self._ambient: BaseException | None = None
        self._breach: ProtocolBreach | None = None
        self._expected: int | None = None
        self._length = 0
        self._new_event = new_event
        self._warn = warn
        self._forget = forget
        self._stop: Callable[[], object] | None = None
        self._app_waits: Event | None = None
        self._client_waits: Event | None = None
        self._body: bytes | None = b""
        self._parts: AsyncIterator[bytes] | None = None
        self._open_body()

    def __str__(self) -> str:
        return f"{self.request.method} {self.request.url.raw_path.decode('ascii')}"

    # the app's side

    async def run(self, app: App, scope: Scope) -> None:
        """Call the app to its end; never raises."""
        if self.ended:
            return
        self._begun = True
        self._ambient = sys.exc_info()[1]  # of whoever runs the loop
        listener.set(self.notes)
        try:
            await app(scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the app's, and ends this call alone
            self._raised(unwrapped(error))
        else:
            self._returned()
        self.ended = True
        self._forget(self)
        self._wake_client()

    async def receive(self) -> Message:
        """The next piece of the request's body; after it `http.disconnect`, when the answer is complete or left."""
        while not (self.complete or self.gone):
            if self._body is not None:
                return self._piece()
            if self._parts is not None:
                return await self._part(self._parts)
            await self._app_wait()
        await anyio.lowlevel.checkpoint()  # so that an app which asks again and again can be cancelled
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take one event of the answer; waits while the reader is far behind, raises where ASGI is broken."""
        if self.gone and not self.complete:
            await anyio.lowlevel.checkpoint()
            return
        if self._breach is not None:
            raise self._breach
        match message.get("type"):
            case "http.response.body":
                await self._take_body(message)
            case "http.response.start":
                self._start(message)
            case unknown:
                expected = "'http.response.start' or 'http.response.body'"
                self._break(f"the app sent an event of the type {unknown!r}: expected {expected}")

    def _open_body(self) -> None:
        stream = self.request.stream
        if isinstance(stream, httpx.ByteStream):
            self._body = self.request.content
        elif isinstance(stream, httpx.AsyncByteStream):
            self._body, self._parts = None, aiter(stream)
        else:
            raise TypeError(f"the request's body is {type(stream).__name__}, expected an async stream")

    def _piece(self) -> Message:
        body = self._body or b""
        rest = body[PIECE:]
        self._body = rest or None
        return {"type": "http.request", "body": body[:PIECE] if rest else body, "more_body": bool(rest or self._parts)}

    async def _part(self, parts: AsyncIterator[bytes]) -> Message:
        try:
            self._body = await anext(parts)
        except StopAsyncIteration:
            self._body = b""
            self._parts = None
        except Exception as error:  # noqa: BLE001 - the request's own fault: raised where it was made
            self._parts = None
            self.gone = True
            self._fail(httpx.LocalProtocolError(f"the request's body broke off: {in_a_line(error)}"))
            return {"type": "http.disconnect"}
        return self._piece()

    def _start(self, message: Message) -> None:
        if self.complete:
            self._break("the app sent a second start, after its answer was complete")
        if self.started:
            self._break("the app sent a second 'http.response.start'")
        try:
            status = checked_status(message.get("status"))
            self.headers = checked_headers(message.get("headers", ()))
            if self.request.method != "HEAD" and status not in _BODILESS:
                self._expected = content_length(self.headers)
        except ProtocolBreach as breach:
            self._break(breach)
        self.status = status
        if status >= 500:
            # frameworks answer inside of their `except`, with what they handle still at hand
            handled = sys.exc_info()[1]
            if isinstance(handled, Exception) and handled is not self._ambient:
                self.app_error = unwrapped(handled)
        self.started = True
        self._wake_client()

    async def _take_body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if not self.started:
            self._break("the app sent a body before its 'http.response.start'")
        if self.complete:
            self._break("the app sent a body after its last one (`more_body` was false)")
        if not isinstance(body, bytes):
            if not isinstance(body, bytearray | memoryview):
                self._break(f"the app sent a body of the type {type(body).__name__}: expected bytes")
            body = bytes(body)
        if body and self.request.method != "HEAD":  # real servers drop a body to HEAD without a word
            self._keep(body)
        if not more:
            self._finish()
        elif self.buffered > PIECE:
            while self.buffered > PIECE and not self.gone:
                await self._app_wait()

    def _keep(self, body: bytes) -> None:
        if self.status in _BODILESS:
            self._break(f"the app sent a body of {len(body)} bytes with the status {self.status}, which has none")
        self._length += len(body)
        if self._expected is not None and self._length > self._expected:
            self._break(f"the app sent {self._length} bytes, but announced a content-length of {self._expected}")
        self.chunks.append(body)
        self.buffered += len(body)
        self._wake_client()

    def _finish(self) -> None:
        if self._expected is not None and self._length < self._expected:
            self._break(f"the app sent {self._length} bytes, but announced a content-length of {self._expected}")
        self.complete = True
        self._wake_client()
        self._wake_app()

    def _break(self, breach: str | ProtocolBreach) -> NoReturn:
        """The app broke the protocol: told where it did, and to the client unless that has its answer already."""
        error = self._breach = breach if isinstance(breach, ProtocolBreach) else ProtocolBreach(breach)
        if not self.complete:
            self._fail(BrokenAnswer(str(error), error))
        raise error

    def _fail(self, failure: httpx.ProtocolError) -> None:
        if self.failure is None:
            self.failure = failure
        self._wake_client()
        self._wake_app()

    def _returned(self) -> None:
        if self.complete or self.gone or self.failure is not None:
            return
        if self.started:
            self._fail(BrokenAnswer("the app returned before its answer was complete"))
        else:
            self._fail(BrokenAnswer("the app returned without sending a response"))

    def _raised(self, error: BaseException) -> None:
        if self.complete:
            self._raised_late(error)
        elif self.gone or self.failure is not None:
            return
        elif (exit_ := exit_in(error)) is not None:
            self._fail(AppExited(f"the app exited in its handler: {in_a_line(exit_)}", exit_))
        elif self.started:
            self._fail(BrokenAnswer(f"the app broke off after its start: {in_a_line(error)}", error))
        else:
            self._answer_500(error)

    def _raised_late(self, error: BaseException) -> None:
        if self.status >= 500 and self._is_cause(error):
            self._blame(error)
        elif isinstance(error, ProtocolBreach):
            self._warn(f"{self}: {error}", error)
        elif not self.stopped:
            self._warn(f"{self}: background work raised {in_a_line(error)}", error)

    def _is_cause(self, error: BaseException) -> bool:
        if self.app_error is None:
            return not self.read
        return self.app_error in (error, error.__cause__, error.__context__)

    def _answer_500(self, error: BaseException) -> None:
        body = b"" if self.request.method == "HEAD" else b"Internal Server Error"
        self.status = 500
        self.headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")]
        self.chunks = [body] if body else []
        self.started = self.complete = True
        self._blame(error)

    def _blame(self, error: BaseException) -> None:
        self.app_error = error
        if self.extensions is not None:
            self.extensions["app_error"] = error

    def _logged(self, error: BaseException) -> None:
        if self.app_error is None and not self.read and (self.status >= 500 or not self.started):
            self._blame(unwrapped(error))

    async def _app_wait(self) -> None:
        if self._app_waits is None:
            self._app_waits = self._new_event()
        await self._app_waits.wait()

    def _wake_app(self) -> None:
        if self._app_waits is not None:
            self._app_waits.set()
            self._app_waits = None

    # the client's side

    async def answer(self, stop: Callable[[], object]) -> httpx.Response:
        """The answer, as soon as it starts; `stop` cancels the app's task. Raises what `failure` holds."""
        self._stop = stop
        while not self.started and self.failure is None:
            await self._client_wait()
        if not self.started and self.failure is not None:
            await self.leave()
            raise self.failure
        known = {"http_version": b"HTTP/1.1"}
        response = httpx.Response(self.status, headers=self.headers, stream=AnswerStream(self), extensions=known)
        self.extensions = response.extensions
        if self.app_error is not None and self.status >= 500:
            self.extensions["app_error"] = self.app_error
        return response

    async def next_chunk(self) -> bytes | None:
        """What has come of the body since, None at its end; raises where the answer is broken."""
        while not self.chunks:
            if self.failure is not None:
                raise self.failure
            if self.complete:
                await self._settle()
                return None
            await self._client_wait()
        chunk = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        self.buffered = 0
        self._wake_app()
        return chunk

    async def leave(self) -> None:
        """The client closes: an answer that is not complete yet is broken off, its app told, then cancelled."""
        self._has_read()
        if self.complete or self.ended:
            return
        self._disconnect()
        if not await self._ends_within(GRACE):
            await self._cancel()

    async def end(self) -> None:
        """Wait until the app has returned or raised."""
        while not self.ended:
            await self._change()

    async def _settle(self) -> None:
        if self.status >= 500 and self.app_error is None and not self.ended:
            await self._ends_within(SETTLING)
        self._has_read()

    def _has_read(self) -> None:
        self.read = True
        self.notes.close()

    async def _client_wait(self) -> None:
        try:
            await self._change()
        except BaseException:
            # cancelled: out of time, or interrupted
            self._has_read()
            if not self.complete:
                self._disconnect()
                await self._cancel()
            raise

    async def _change(self) -> None:
        if self._client_waits is None:
            self._client_waits = self._new_event()
        await self._client_waits.wait()

    def _wake_client(self) -> None:
        if self._client_waits is not None:
            self._client_waits.set()
            self._client_waits = None

    def _disconnect(self) -> None:
        self.gone = True
        self.chunks.clear()
        self._wake_app()

    async def _cancel(self) -> None:
        self.stop()
        await self._ends_within(CANCELLING)

    async def _ends_within(self, seconds: float) -> bool:
        """Whether the app ends in this time; not to be cancelled, so that what the app cleans up is clean."""
        with anyio.move_on_after(seconds, shield=True):
            await self.end()
        return self.ended

    def stop(self) -> None:
        """Cancel the app's task; again, if it has ignored that."""
        self.stopped = True
        if not self._begun:
            self.ended = True  # asyncio drops the work of a task that is cancelled before its first step
            self._forget(self)
        elif self._stop is not None and not self.ended:
            self._stop()


class AnswerStream(httpx.AsyncByteStream):
    """The body of an answer, as the app sends it."""

    def __init__(self, call: AppCall) -> None:
        self._call = call

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._call.next_chunk()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Leave; an app that has not sent its last byte is told so."""
        await self._call.leave()
