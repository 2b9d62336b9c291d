"""The `httpx.AsyncClient` for the user's own code: on the same target, with its defaults and a check's cookies."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio

from asgi_probe import __version__
from asgi_probe.target.auth import TargetAuth
from asgi_probe.target.cookies import Jar
from asgi_probe.target.http import httpx
from asgi_probe.target.request import cookie_header, without_credentials
from asgi_probe.target.session import Exchanger
from asgi_probe.target.wire import Marks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asgi_probe.target.base import Target
    from asgi_probe.target.request import Composer

_USER_AGENT = f"asgi-probe/{__version__}"


class _SharedCookies(httpx.Cookies):
    """The cookies of a session, as httpx shows them."""

    def __init__(self, jar: Jar) -> None:
        self.jar = jar.store

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take none: the transport has, by the session's rules."""


class UserClient(httpx.AsyncClient):
    """A plain `AsyncClient`, httpx's defaults included, that asks the target as the session does."""

    def __init__(self, exchanger: Exchanger, jar: Jar, *, owns: bool = False) -> None:
        """Closing it closes the connections of `exchanger` to others, too, if it `owns` that."""
        composer = exchanger.composer
        super().__init__(
            transport=_UserTransport(exchanger, jar, owns=owns),
            base_url=without_credentials(exchanger.target.base),
            auth=TargetAuth(composer),
            trust_env=False,
        )
        self._cookies = _SharedCookies(jar)
        for name in ("accept", "connection", "user-agent"):  # which the target may have its own of
            del self.headers[name]


def open_client(target: Target) -> UserClient:
    """A client outside of a check, on a target that has been entered; its cookies are its own."""
    return UserClient(Exchanger(target), Jar(), owns=True)


class _UserTransport(httpx.AsyncBaseTransport):
    """Sends requests to the target or elsewhere, as the session would; httpx's timeouts hold in process too."""

    def __init__(self, exchanger: Exchanger, jar: Jar, *, owns: bool) -> None:
        self._exchanger = exchanger
        self._jar = jar
        self._owns = owns

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with all that it lacks; raises httpx's exceptions."""
        exchanger = self._exchanger
        own = exchanger.composer.owns(request.url)
        sent = _dressed(request, exchanger.composer, self._jar)
        marks = sent.extensions["marks"] = Marks()
        transport: httpx.AsyncBaseTransport = exchanger.target.transport if own else exchanger.elsewhere()
        limits = _Limits(request, marks, networked=not own or exchanger.target.kind == "live")
        if own and exchanger.pace is not None:
            await exchanger.pace.turn()
        async with limits.start():
            response = await transport.handle_async_request(sent)
        self._jar.collect(sent.url, response.headers.get_list("set-cookie"))
        response.stream = _TimedStream(cast("httpx.AsyncByteStream", response.stream), limits)
        return response

    async def aclose(self) -> None:
        """Leave the target's transport open, which is not ours."""
        if self._owns:
            await self._exchanger.aclose()


def _dressed(request: httpx.Request, composer: Composer, jar: Jar) -> httpx.Request:
    """The request with default headers, parameters and cookies.

    It is another object, so that httpx takes none of them along when it is redirected to another origin.
    """
    url = composer.with_params(without_credentials(request.url))
    named = dict(_pairs_in(request.headers.get("cookie", "")))
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"cookie"]
    names = {name.lower().decode("latin-1") for name, _ in headers}
    added = [pair for pair in composer.headers_for(url) if pair[0] not in names]
    added += cookie_header(jar.header(url), named)
    headers += [(name.encode(), value.encode()) for name, value in added]
    extensions: dict[str, Any] = dict(request.extensions)
    dressed = httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)
    if isinstance(request.stream, httpx.ByteStream):
        dressed.read()  # makes `content` there for whoever asks
    return dressed


def _pairs_in(cookies: str) -> list[tuple[str, str]]:
    pieces = [piece.strip().partition("=") for piece in cookies.split(";")]
    return [(name, value) for name, _, value in pieces if name]


class _Limits:
    """httpx's timeouts, watched from outside of the transport."""

    def __init__(self, request: httpx.Request, marks: Marks, *, networked: bool) -> None:
        given = request.extensions.get("timeout", {})
        self._request = request
        self._marks = marks
        self._read: float | None = given.get("read")
        self._connect: float | None = given.get("connect") if networked else 0.0

    @asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        """Within the time for a connection and for the answer's start."""
        limit = None if self._read is None or self._connect is None else self._read + self._connect
        try:
            with anyio.fail_after(limit):
                yield
        except TimeoutError:
            if self._connect and not self._marks.began:
                raise httpx.ConnectTimeout(f"no connection within {limit:g} s", request=self._request) from None
            raise httpx.ReadTimeout(f"no answer within {limit:g} s", request=self._request) from None

    @asynccontextmanager
    async def piece(self) -> AsyncIterator[None]:
        """Within the time for one piece of the body."""
        try:
            with anyio.fail_after(self._read):
                yield
        except TimeoutError:
            message = f"nothing of the body within {self._read:g} s"
            raise httpx.ReadTimeout(message, request=self._request) from None


class _TimedStream(httpx.AsyncByteStream):
    """A body whose pieces come in time, or it fails."""

    def __init__(self, stream: httpx.AsyncByteStream, limits: _Limits) -> None:
        self._stream = stream
        self._limits = limits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while True:
            async with self._limits.piece():
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        """Close the answer."""
        await self._stream.aclose()
