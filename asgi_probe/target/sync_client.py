"""The `httpx.Client` for code that is not async: its requests run in an event loop of another thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import anyio.to_thread

from asgi_probe.target.http import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from asgi_probe.target.user_client import UserClient

T = TypeVar("T")


class Call(Protocol):
    """Runs a coroutine function in the event loop, and gives what it gives or raises what it raises."""

    def __call__(self, work: Callable[..., Awaitable[T]], *args: Any) -> T: ...


class SyncClient(httpx.Client):
    """A plain `Client`, httpx's defaults included, that asks as a `UserClient` does and shares its cookies."""

    def __init__(self, client: UserClient, call: Call) -> None:
        super().__init__(transport=_SyncTransport(client, call), base_url=client.base_url, trust_env=False)
        self._cookies = client.cookies
        for name in ("accept", "connection", "user-agent"):  # which the target may have its own of
            del self.headers[name]


class _SyncTransport(httpx.BaseTransport):
    """Sends requests through an async client; bodies are streamed both ways."""

    def __init__(self, client: UserClient, call: Call) -> None:
        self._client = client
        self._call = call

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; raises httpx's exceptions."""
        sent = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            stream=_lifted(request.stream),
            extensions=request.extensions,
        )
        if isinstance(sent.stream, httpx.ByteStream):
            sent.read()  # makes `content` there for whoever asks
        response = self._call(self._send, sent)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Lowered(cast("httpx.AsyncByteStream", response.stream), self._call),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the async client."""
        self._call(self._client.aclose)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, stream=True, follow_redirects=False)


def _lifted(stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.AsyncByteStream:
    return stream if isinstance(stream, httpx.AsyncByteStream) else _Lifted(stream)


class _Lifted(httpx.AsyncByteStream):
    """A sync body, read in a worker thread."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self._stream)
        while (piece := await anyio.to_thread.run_sync(next, pieces, None)) is not None:
            yield piece


class _Lowered(httpx.SyncByteStream):
    """An async body, read from outside of its event loop."""

    def __init__(self, stream: httpx.AsyncByteStream, call: Call) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        pieces = aiter(self._stream)

        async def piece() -> bytes | None:
            return await anext(pieces, None)

        while (found := self._call(piece)) is not None:
            yield found

    def close(self) -> None:
        """Close the answer."""
        self._call(self._stream.aclose)
