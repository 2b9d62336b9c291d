"""Lines: one connection each, used by one exchange at a time; HTTP/1.1 over h11, HTTP/2 over httpcore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import h11

from asgi_probe.target.explain import SpeaksTLS
from asgi_probe.target.http import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from asgi_probe.target.wire import Marks, Wire

_LARGEST_HEAD = 100 * 1024
_SEND_AT_ONCE = 256 * 1024
_SWITCHING_PROTOCOLS = 101
_TLS_ALERT = b"\x15\x03"
_HTTP = b"HTTP/"
_EXCERPT = 60
Extra = list[tuple[bytes, bytes]]


class Line(Protocol):
    """A connection to one origin."""

    @property
    def stale(self) -> bool:
        """Whether it must not be used again: closed, or something came that nobody asked for."""
        ...

    async def ask(self, request: httpx.Request, marks: Marks, rest: Callable[[Line], None]) -> httpx.Response:
        """Send a request; `rest` gets the line back once the answer has been read whole and it can be used again."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


_SERVER_ERROR = 500


class Http1Line:
    """HTTP/1.1 over a wire; `forward` are the headers for a proxy that passes requests on, None without one."""

    __slots__ = ("_broken", "_crashed", "_forward", "_http", "_wire")

    def __init__(self, wire: Wire, forward: Extra | None = None) -> None:
        self._wire = wire
        self._forward = forward
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._broken = False
        self._crashed = False

    @property
    def stale(self) -> bool:
        """Whether it must not be used again."""
        return self._wire.stale

    async def ask(self, request: httpx.Request, marks: Marks, rest: Callable[[Line], None]) -> httpx.Response:
        """Send a request, give its answer as soon as its headers have come."""
        self._wire.marks = marks
        try:
            await self._send(request)
            answer = await self._head()
            # a server may hang up after its app has crashed, without a word in the answer: uvicorn does
            self._crashed = answer.status_code >= _SERVER_ERROR
        except h11.LocalProtocolError as error:
            self._wire.close()
            raise httpx.LocalProtocolError(str(error)) from error
        except BaseException:
            self._wire.close()
            raise
        return httpx.Response(
            answer.status_code,
            headers=list(answer.headers),
            stream=_Http1Body(self, rest),
            extensions={"http_version": b"HTTP/" + answer.http_version, "reason_phrase": answer.reason},
        )

    async def _send(self, request: httpx.Request) -> None:
        http = self._http
        target, headers = request.url.raw_path, request.headers.raw
        if self._forward is not None:
            target = b"%b://%b%b" % (request.url.raw_scheme, request.url.netloc, target)
            headers = [*self._forward, *headers]
        pending = http.send(h11.Request(method=request.method, target=target, headers=headers)) or b""
        async for data in request.stream:  # type: ignore[union-attr]  # an AsyncClient sends nothing else
            pending += http.send(h11.Data(data=data)) or b""
            if len(pending) > _SEND_AT_ONCE:
                await self._write(pending)
                pending = b""
        await self._write(pending + (http.send(h11.EndOfMessage()) or b""))

    async def _write(self, data: bytes) -> None:
        if self._broken or not data:
            return
        try:
            await self._wire.send(data)
        except OSError:
            # a server may answer and hang up before it has read everything: what it said is worth reading
            self._broken = True

    async def _head(self) -> h11.Response | h11.InformationalResponse:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == _SWITCHING_PROTOCOLS:
                return event

    async def _event(self) -> Any:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._receive()
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("disconnected")
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return event

    async def _receive(self) -> bytes:
        first = not self._wire.marks.received
        try:
            data = await self._wire.receive()
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        if first and data:
            _must_be_http(data)
        return data

    async def more(self) -> bytes | None:
        """More of the body; None at its end, and closed if that is not clean."""
        try:
            event = await self._event()
        except BaseException:
            self._wire.close()
            raise
        if type(event) is h11.Data:
            return bytes(event.data)
        return None

    def begin_anew(self) -> bool:
        """Whether the line is ready for the next request; it is closed if not."""
        if self._is_clean():
            self._http.start_next_cycle()
            return True
        self._wire.close()
        return False

    def _is_clean(self) -> bool:
        http = self._http
        done = http.our_state is h11.DONE and http.their_state is h11.DONE
        return done and not self._broken and not self._crashed and not http.trailing_data[0]

    async def close(self) -> None:
        """Close the connection."""
        self._wire.close()


def _must_be_http(data: bytes) -> None:
    # h11 would wait for the end of a line that may never come
    if data.startswith(_TLS_ALERT):
        raise SpeaksTLS("an alert of TLS came")
    if data[: len(_HTTP)] != _HTTP[: len(data)]:
        raise httpx.RemoteProtocolError(f"illegal status line: {data[:_EXCERPT]!r}")


class _Http1Body(httpx.AsyncByteStream):
    """The body of an answer; closing it before its end closes the line."""

    __slots__ = ("_line", "_over", "_rest")

    def __init__(self, line: Http1Line, rest: Callable[[Line], None]) -> None:
        self._line = line
        self._rest = rest
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        # no generator: one that is left before its end would wait for the garbage collector
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        data = await self._line.more()
        if data is None:
            self._over = True
            if self._line.begin_anew():
                self._rest(self._line)
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            await self._line.close()


class Http2Line:
    """HTTP/2 over a wire."""

    def __init__(self, wire: Wire, url: httpx.URL) -> None:
        import httpcore

        self._wire = wire
        origin = httpcore.Origin(url.raw_scheme, url.raw_host, url.port or 443)
        self._http = httpcore.AsyncHTTP2Connection(origin=origin, stream=_core_stream(wire))

    @property
    def stale(self) -> bool:
        """Whether it must not be used again."""
        return not self._http.is_available() or self._wire.stale

    async def ask(self, request: httpx.Request, marks: Marks, rest: Callable[[Line], None]) -> httpx.Response:
        """Send a request, give its answer as soon as its headers have come."""
        import httpcore

        self._wire.marks = marks
        url = request.url
        core = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
        )
        try:
            answer = await self._http.handle_async_request(core)
        except Exception as error:
            self._wire.close()
            raise _translated(error) from error
        except BaseException:
            self._wire.close()
            raise
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Http2Body(self, answer, rest),
            extensions={"http_version": b"HTTP/2"},
        )

    async def close(self) -> None:
        """Close the connection."""
        self._wire.close()


class _Http2Body(httpx.AsyncByteStream):
    """The body of an answer over HTTP/2; closing it before its end closes the line."""

    def __init__(self, line: Http2Line, answer: Any, rest: Callable[[Line], None]) -> None:
        self._line = line
        self._answer = answer
        self._chunks = aiter(answer.stream)
        self._rest = rest
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            data: bytes = await anext(self._chunks)
        except StopAsyncIteration:
            if not self._over:
                self._over = True
                await self._answer.aclose()
                self._rest(self._line)
            raise
        except Exception as error:
            raise _translated(error) from error
        return data

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            await self._line.close()
            await self._chunks.aclose()


def _core_stream(wire: Wire) -> Any:
    import httpcore

    class Stream(httpcore.AsyncNetworkStream):
        """A wire as httpcore wants it."""

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - ours is outside
            return await wire.receive()

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - likewise
            await wire.send(buffer)

        async def aclose(self) -> None:
            wire.close()

        def get_extra_info(self, info: str) -> Any:
            return wire.stale if info == "is_readable" else None

    return Stream()


def _translated(error: Exception) -> Exception:
    """The exception of httpx's that says the same as one of httpcore's, h2's or the socket's."""
    if isinstance(error, OSError):
        return httpx.ReadError(str(error))
    same = getattr(httpx, type(error).__name__, None) if type(error).__module__ == "httpcore" else None
    return (same or httpx.RemoteProtocolError)(str(error))
