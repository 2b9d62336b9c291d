"""The live target: a base URL, asked over connections that are never shared by two requests at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Literal, Self

import anyio

from asgi_probe.errors import TargetError, UsageError
from asgi_probe.target.base import Defaults
from asgi_probe.target.base_url import parse_base
from asgi_probe.target.explain import NoConnection, NoHandshake, NoProxy
from asgi_probe.target.http import httpx
from asgi_probe.target.lines import Http1Line, Http2Line
from asgi_probe.target.proxies import Proxy, parse_proxy, proxy_for, tunnel
from asgi_probe.target.request import masked, origin_of, place_of, without_credentials
from asgi_probe.target.tls import Certificate, Trust
from asgi_probe.target.wire import Marks, TLSWire, Wire, dial, dial_unix

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext
    from types import TracebackType

    from asgi_probe.exchange import Answer, Failure
    from asgi_probe.target.base import Target
    from asgi_probe.target.lines import Line
    from asgi_probe.target.request import Origin
    from asgi_probe.target.serve import Serve, Server
    from asgi_probe.target.session import Exchanger

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_LONGEST_TRY = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_LAST_MOMENT = 0.1
_USUAL_WAIT = 30.0
_LONGEST_LOOK = 2.0
_SHORT_GOODBYE = 3.0


@dataclass(slots=True)
class _Lines:
    """The way to one origin, and the connections to it that wait for work, the last used on top."""

    proxy: Proxy | None
    idle: list[Line] = field(default_factory=list)


class LiveTransport(httpx.AsyncBaseTransport):
    """Sends requests over the network, each on a connection of its own that goes back to a stack afterwards.

    The cost of a request does not grow with the number of connections. A connection on which anything came while
    it was idle, or that was closed, is never used again. A request on a reused connection that ends before a byte
    of an answer has come is sent once more on a fresh one, if it is idempotent or nothing of it had been sent.
    Raises httpx's exceptions; `UsageError` on construction for files, proxies and packages that are not there.
    """

    def __init__(
        self,
        *,
        verify: bool | str = True,
        cert: Certificate | None = None,
        proxy: str | None = None,
        http2: bool = False,
        uds: str | None = None,
    ) -> None:
        if http2 and not find_spec("h2"):
            raise UsageError("HTTP/2 needs the package h2: pip install 'asgi-probe[http2]'")
        if uds is not None and proxy is not None:
            raise UsageError(
                f"a Unix socket ({uds!r}) and a proxy ({proxy!r}) exclude each other, expected one of them"
            )
        self._trust = Trust(verify, cert)
        self._proxy = parse_proxy(proxy) if proxy else None
        self._protocols = ["h2", "http/1.1"] if http2 else ["http/1.1"]
        self._uds = uds
        self._lines: dict[Origin, _Lines] = {}
        self._context: SSLContext | None = None
        if self._trust.names_files:
            self._tls()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extension `marks` (`Marks`), if it has one, is filled."""
        marks: Marks = request.extensions.get("marks") or Marks()
        lines = self._to(request.url)
        while (line := await _fit(lines.idle)) is not None:
            try:
                return await line.ask(request, marks, lines.idle.append)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if not _may_repeat(request, marks):
                    raise
                marks.began, marks.sent = 0.0, 0
                break
        fresh = await self._open(request.url, lines.proxy)
        return await fresh.ask(request, marks, lines.idle.append)

    async def aclose(self) -> None:
        """Close all connections that wait for work."""
        for lines in self._lines.values():
            while lines.idle:
                await lines.idle.pop().close()

    def prepare(self, url: httpx.URL) -> None:
        """Find out what would go wrong on the way to `url` before the first byte; raises `UsageError`."""
        self._to(url)
        if url.scheme == "https":
            self._tls()

    def _to(self, url: httpx.URL) -> _Lines:
        origin = origin_of(url)
        lines = self._lines.get(origin)
        if lines is None:
            proxy = None if self._uds is not None else self._proxy or proxy_for(url)
            lines = self._lines[origin] = _Lines(proxy)
        return lines

    def _tls(self) -> SSLContext:
        if self._context is None:
            self._context = self._trust.context(self._protocols)
        return self._context

    async def _open(self, url: httpx.URL, proxy: Proxy | None) -> Line:
        wire: Wire = await (self._dial(url) if proxy is None else self._dial_proxy(proxy))
        try:
            return await self._set_up(wire, url, proxy)
        except BaseException:
            wire.close()
            raise

    async def _set_up(self, wire: Wire, url: httpx.URL, proxy: Proxy | None) -> Line:
        host, port = url.raw_host.decode("ascii"), origin_of(url)[2]
        if proxy is not None and (proxy.socks or url.scheme == "https"):
            try:
                await tunnel(wire, proxy, host, port)
            except OSError as error:
                raise NoProxy(proxy.place, "it closed the connection") from error
        if url.scheme == "https":
            wire = await _wrap(wire, self._tls(), host, place_of(url))
            return Http2Line(wire, url) if wire.protocol == "h2" else Http1Line(wire)
        return Http1Line(wire, proxy.headers if proxy is not None and not proxy.socks else None)

    async def _dial(self, url: httpx.URL) -> Wire:
        place = place_of(url) if self._uds is None else self._uds
        try:
            if self._uds is not None:
                return await dial_unix(self._uds)
            return await dial(url.raw_host.decode("ascii"), origin_of(url)[2])
        except (OSError, UnicodeError) as error:
            raise NoConnection(place) from error

    async def _dial_proxy(self, proxy: Proxy) -> Wire:
        try:
            wire = await dial(proxy.host, proxy.port)
        except (OSError, UnicodeError) as error:
            raise NoProxy(proxy.place) from error
        if proxy.scheme != "https":
            return wire
        # a proxy has no say in what is spoken behind it: no ALPN, and no certificate of ours
        return await _wrap(wire, Trust(self._trust.verify).context(["http/1.1"]), proxy.host, proxy.place)


async def _fit(idle: list[Line]) -> Line | None:
    """The last used of the idle lines that can be used again; those that cannot are closed."""
    while idle:
        line = idle.pop()
        if not line.stale:
            return line
        await line.close()
    return None


def _may_repeat(request: httpx.Request, marks: Marks) -> bool:
    replayable = isinstance(request.stream, httpx.ByteStream)
    return not marks.received and replayable and (request.method in _IDEMPOTENT or not marks.sent)


async def _wrap(wire: Wire, context: SSLContext, host: str, place: str) -> TLSWire:
    import ssl

    tls = TLSWire(wire, context, host)
    try:
        await tls.handshake()
    except (ssl.SSLError, EOFError, OSError) as error:
        wire.close()
        raise NoHandshake(place) from error
    except BaseException:
        wire.close()
        raise
    return tls


def elsewhere(target: Target) -> LiveTransport:
    """A transport for everybody but `target`: its trust and its proxy, but not its certificate."""
    return target.elsewhere() if isinstance(target, LiveTarget) else LiveTransport()


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait at most `within` seconds until `url` answers below 500."""

    within: float
    url: str = "/"


_NO_DEFAULTS = Defaults()


class LiveTarget:
    """A service at a base URL. Credentials in that go with each request to it and are not shown in `address`."""

    kind: Literal["app", "live"] = "live"
    openapi: str | Path | None = None

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "live",
        verify: bool | str = True,
        cert: Certificate | None = None,
        proxy: str | None = None,
        http2: bool = False,
        uds: str | None = None,
        wait: Wait | None = None,
        serve: Serve | None = None,
        defaults: Defaults = _NO_DEFAULTS,
    ) -> None:
        self.name = name
        self.problems: list[TargetError] = []
        self._base = parse_base(base_url)
        self.address = str(without_credentials(self._base)).rstrip("/")
        self._verify, self._proxy = verify, proxy
        self._transport = LiveTransport(verify=verify, cert=cert, proxy=proxy, http2=http2, uds=uds)
        self._transport.prepare(self._base)
        self._serve = serve
        self._server: Server | None = None
        self._exchanger: Exchanger | None = None
        self._wait = wait or (Wait(_USUAL_WAIT) if serve else None)
        self.defaults = defaults
        self.by_hand = _curl_options(verify, cert, proxy, uds, http2=http2)

    @property
    def base(self) -> httpx.URL:
        """What relative URLs are joined to; with the credentials, if there are any."""
        return self._base

    @property
    def transport(self) -> LiveTransport:
        """What sends requests."""
        return self._transport

    def elsewhere(self) -> LiveTransport:
        """A transport for other services: without the client certificate, and not to the Unix socket."""
        return LiveTransport(verify=self._verify, proxy=self._proxy)

    def hurry(self, seconds: float) -> None:
        """Give a server that was started for the run no more than so many seconds to stop."""
        if self._server is not None:
            self._server.hurry(seconds)

    async def __aenter__(self) -> Self:
        """Start the service and wait for it, if that was asked for; raises `TargetError`."""
        try:
            if self._serve is not None:
                await self._start(self._serve)
            elif self._wait is not None:
                await self._wait_until_ready(self._wait)
        except BaseException:
            self.hurry(_SHORT_GOODBYE)
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections, and stop the service if it was started here."""
        if self._server is not None and self._server.ended:
            self.problems.append(self._server.error("during the run"))
        await self._leave()

    async def _leave(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()
            if self._server is not None:
                await self._server.stop()

    async def _start(self, serve: Serve) -> None:
        from asgi_probe.target.serve import Server

        wait = self._wait or Wait(_USUAL_WAIT)
        if await self._not_ready(wait.url, _LONGEST_LOOK) is None:
            raise TargetError(
                f"{self.address} answers already, before the server was started: "
                "stop what runs there, or take 'serve' out of the configuration"
            )
        server = self._server = Server(serve)
        last: str | None = None
        async with anyio.create_task_group() as racing:

            async def watch() -> None:
                await server.end()
                racing.cancel_scope.cancel()

            racing.start_soon(watch)
            last = await self._wait_for(wait)
            racing.cancel_scope.cancel()
        if server.ended:
            raise server.error("before it was ready")
        if last is not None:
            raise server.told(last)

    async def _wait_until_ready(self, wait: Wait) -> None:
        last = await self._wait_for(wait)
        if last is not None:
            raise TargetError(last)

    async def _wait_for(self, wait: Wait) -> str | None:
        """Ask until the service is ready; if it does not become so, what was seen instead."""
        end = monotonic() + wait.within
        tries, pause = 0, _FIRST_PAUSE
        last: str | None = "nothing yet"
        while True:
            left = end - monotonic()
            tries += 1
            with anyio.move_on_after(max(left, 0.0) + _LAST_MOMENT):  # its turn may be long in coming
                last = await self._not_ready(wait.url, max(min(_LONGEST_TRY, left), _LAST_MOMENT / 2))
            if last is None:
                return None
            left = end - monotonic()
            if left <= 0:
                asked = f"asked {tries} time{'s' * (tries != 1)}, last seen: {last}"
                return f"{self.address} was not ready within {wait.within:g} s: {wait.url!r} was {asked}"
            await anyio.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def _not_ready(self, url: str, timeout: float) -> str | None:
        """Ask once; what was seen that is not ready, None if the service is."""
        from asgi_probe.exchange import Ask
        from asgi_probe.target.session import Exchanger

        exchanger = self._exchanger = self._exchanger or Exchanger(self)
        _, outcome = await exchanger.session().ask(Ask("GET", url, timeout=timeout))
        return _still_waiting_for(outcome)


def _curl_options(
    verify: bool | str, cert: Certificate | None, proxy: str | None, uds: str | None, *, http2: bool
) -> tuple[str, ...]:
    """What curl must be told of a target; credentials stay masked."""
    options: list[str] = []
    if verify is not True:
        options += ["--cacert", verify] if isinstance(verify, str) else ["--insecure"]
    if cert is not None:
        files = (cert,) if isinstance(cert, str) else cert[:2]
        options += [word for pair in zip(("--cert", "--key"), files, strict=False) for word in pair]
    if proxy is not None:
        options += ["--proxy", masked(proxy)]
    if uds is not None:
        options += ["--unix-socket", uds]
    return (*options, "--http2") if http2 else tuple(options)


def _still_waiting_for(outcome: Answer | Failure) -> str | None:
    """What is not ready yet; None if the service is."""
    from asgi_probe.exchange import Failure

    if isinstance(outcome, Failure):
        return outcome.message
    return None if outcome.status < 500 else f"status {outcome.status}"
