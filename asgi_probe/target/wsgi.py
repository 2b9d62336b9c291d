"""WSGI apps in process: called in threads by a2wsgi, answered for as ASGI apps are."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from contextvars import ContextVar
from io import BytesIO
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import TargetError
from asgi_probe.target.said import listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from types import TracebackType

    from asgi_probe.target.call import Message, Scope

    Environ = dict[str, Any]
    Headers = list[tuple[str, str]]
    ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
    Write = Callable[[bytes], object]
    Start = Callable[..., Write]

_WORKERS = 256
"""The most threads; each is started only when all others are busy, and one whose request has timed out stays so."""


def refuse_wsgi(reference: str) -> None:
    """Raise `TargetError` where WSGI apps cannot be called because a2wsgi is not installed."""
    try:
        import a2wsgi  # noqa: F401 - whether it is there
    except ImportError:
        raise TargetError(
            f"{reference} is a WSGI app, which needs the package a2wsgi: pip install 'asgi-probe[wsgi]'"
        ) from None


class WsgiApp:
    """A WSGI app that can be called as an ASGI app, on asyncio."""

    def __init__(self, app: Any) -> None:
        from a2wsgi import WSGIMiddleware

        self._app = app
        self._middleware = WSGIMiddleware(_answer, workers=_WORKERS)  # type: ignore[arg-type]
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Call the app; when this is cancelled its thread is left behind, and told so at its next byte."""
        call = _WsgiCall(self._app, send)
        _calls.set(call)
        # a task of its own: a2wsgi, cancelled, would leave its thread waiting for ever
        task = asyncio.create_task(self._middleware(scope, receive, call.send))  # type: ignore[arg-type]
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            with suppress(_Left):
                await asyncio.shield(task)
        finally:
            call.left = True
        if call.error is not None:
            raise call.error

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # of a call that was left: nobody else asks for it

    def close(self) -> None:
        """Let the threads end that have nothing to do; for those that are busy nobody waits."""
        for task in self._running:
            task.cancel()
        self._middleware.executor.shutdown(wait=False, cancel_futures=True)


class _Left(Exception):  # noqa: N818 - no error: what ends a call that nobody waits for
    """Raised in the app's thread when its answer is no longer wanted."""


class _WsgiCall:
    """One call of the app: PEP 3333 on its side, in a thread, and what a2wsgi sends for it on the other.

    The app's exceptions do not go through a2wsgi, which would let them overtake what was sent before them.
    """

    def __init__(self, app: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        self.left = False
        """Nobody wants the rest of the answer."""
        self.error: BaseException | None = None
        self._app = app
        self._send = send
        self._start: Start
        self._head: tuple[str, Headers] | None = None
        self._write: Write | None = None

    # on the event loop

    async def send(self, message: Message) -> None:
        """Send an event on; never raises, since a2wsgi's thread would wait for ever for the next to be taken."""
        is_last = message["type"] == "http.response.body" and not message.get("more_body")
        if self.left or (is_last and self.error is not None):
            return
        try:
            await self._send(message)
        except Exception as error:  # noqa: BLE001 - what the app sent was no HTTP: raised again when it has ended
            self.error = error
            self.left = True

    # in the thread

    def pieces(self, environ: Environ, start: Start) -> Iterator[bytes]:
        """The pieces of the answer's body."""
        self._start = start
        try:
            self._prepare(environ)
            if not self.left:
                yield from self._called(environ)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - also SystemExit: it is the app's, and ends this call alone
            self.error = self.error or error
        if self.left:
            raise _Left

    def _prepare(self, environ: Environ) -> None:
        body = environ["wsgi.input"]
        has_body = "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
        # a2wsgi's own body reads lines wrongly
        environ["wsgi.input"] = BytesIO(body.read() if has_body else b"")
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = sys.stderr
        environ["wsgi.multiprocess"] = False

    def _called(self, environ: Environ) -> Iterator[bytes]:
        answer: Iterable[bytes] = self._app(environ, self._start_response)
        try:
            for piece in answer:
                if self.left:
                    return
                if piece:
                    self._begin()
                    yield piece
            self._begin()
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()

    def _start_response(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        if exc_info is not None:
            if self._write is not None:
                raise exc_info[1].with_traceback(exc_info[2])
            notes = listener.get()
            if notes is not None:
                notes.blame(exc_info[1])
        elif self._head is not None:
            raise AssertionError("the app called start_response twice, the second time without exc_info")
        self._head = (status if " " in status else f"{status} ", headers)
        return self._written

    def _written(self, data: bytes) -> None:
        if data and not self.left:
            self._begin()(data)

    def _begin(self) -> Write:
        """Send the start, which may be revoked until the first byte."""
        if self._write is None:
            if self._head is None:
                raise AssertionError("the app answered without having called start_response")
            self._write = self._start(*self._head)
        return self._write


_calls: ContextVar[_WsgiCall] = ContextVar("asgi_probe_wsgi_call")


def _answer(environ: Environ, start: Start) -> Iterator[bytes]:
    """The WSGI app that a2wsgi calls, with the context of the request."""
    return _calls.get().pieces(environ, start)
