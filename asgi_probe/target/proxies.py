"""Proxies: which one leads to an address, and the way through it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from asgi_probe.errors import UsageError
from asgi_probe.target.explain import NoProxy
from asgi_probe.target.http import httpx
from asgi_probe.target.request import masked, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.target.wire import Wire

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the credentials for it."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""

    @property
    def socks(self) -> bool:
        """Whether it speaks SOCKS 5, not HTTP."""
        return self.scheme.startswith("socks")

    @property
    def place(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What a request to an HTTP proxy must say of us."""
        if self.user is None:
            return []
        token = b64encode(f"{self.user}:{self.password}".encode())
        return [(b"Proxy-Authorization", b"Basic " + token)]


def parse_proxy(text: str) -> Proxy:
    """The proxy at an address such as `http://user:password@host:3128`; raises `UsageError`."""
    full = text if "://" in text else f"http://{text}"
    try:
        url = httpx.URL(full)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.scheme not in _SCHEMES or not url.host:
        raise UsageError(
            f"proxy: {masked(text)!r} is no proxy's address, expected http://host:port, https://… or socks5://…"
        )
    if url.scheme.startswith("socks"):
        _require_socksio()
    user, separator, password = url.userinfo.decode().partition(":")
    return Proxy(
        url.scheme, url.host, url.port or _PORTS[url.scheme],
        unquote(user) if user or separator else None, unquote(password),
    )  # fmt: skip


def proxy_for(url: httpx.URL) -> Proxy | None:
    """The proxy that the environment (`HTTP_PROXY`, `NO_PROXY` and so on) names for an address."""
    from urllib.request import getproxies, proxy_bypass

    named = getproxies()
    found = named.get(url.scheme) or named.get("all")
    if not found or proxy_bypass(url.host) or proxy_bypass(place_of(url)):
        return None
    return parse_proxy(found)


def _require_socksio() -> None:
    try:
        import socksio  # noqa: F401 - only whether it is there
    except ImportError:
        raise UsageError("a SOCKS proxy needs the package socksio: pip install 'asgi-probe[socks]'") from None


async def tunnel(wire: Wire, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect `wire` through to host and port; raises `NoProxy`."""
    if proxy.socks:
        await _socks(wire, proxy, host, port)
    else:
        await _connect(wire, proxy, host, port)


async def _connect(wire: Wire, proxy: Proxy, host: str, port: int) -> None:
    import h11

    connection = h11.Connection(h11.CLIENT)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = h11.Request(method="CONNECT", target=place, headers=[(b"Host", place.encode()), *proxy.headers])
    await wire.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    try:
        while (event := connection.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
            if event is h11.NEED_DATA:
                connection.receive_data(await wire.receive())
    except h11.RemoteProtocolError as error:
        raise NoProxy(proxy.place, "it does not speak HTTP, or closed the connection") from error
    if not isinstance(event, h11.Response) or event.status_code // 100 != 2:
        said = f"{event.status_code} {event.reason.decode('latin-1')}" if isinstance(event, h11.Response) else "nothing"
        raise NoProxy(proxy.place, f"it answered {said.strip()}")


_REFUSALS: Sequence[str] = (
    "no reason", "it failed", "its rules do not allow it", "the network is unreachable", "the host is unreachable",
    "the host refused the connection", "the time to live ran out", "it does not know the command",
    "it does not know this kind of address",
)  # fmt: skip
"""What the codes of a SOCKS 5 reply mean (RFC 1928, section 6)."""


async def _socks(wire: Wire, proxy: Proxy, host: str, port: int) -> None:
    from socksio import ProtocolError, socks5

    connection = socks5.SOCKS5Connection()
    method = socks5.SOCKS5AuthMethod

    async def said(message: object) -> object:
        connection.send(message)
        await wire.send(connection.data_to_send())
        return connection.receive_data(await wire.receive())

    try:
        wanted = method.NO_AUTH_REQUIRED if proxy.user is None else method.USERNAME_PASSWORD
        reply = await said(socks5.SOCKS5AuthMethodsRequest([wanted]))
        if getattr(reply, "method", None) != wanted:
            raise NoProxy(proxy.place, "it wants " + ("a user and password" if proxy.user is None else "another login"))
        if proxy.user is not None:
            login = socks5.SOCKS5UsernamePasswordRequest(proxy.user.encode(), proxy.password.encode())
            if not getattr(await said(login), "success", False):
                raise NoProxy(proxy.place, "it did not accept the user and password")
        command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port))
        code = getattr(await said(command), "reply_code", None)
    except (ProtocolError, IndexError, ValueError) as error:
        raise NoProxy(proxy.place, "it does not speak SOCKS 5, or closed the connection") from error
    if code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        number = int.from_bytes(getattr(code, "value", b"\0"))
        raise NoProxy(proxy.place, _REFUSALS[number] if number < len(_REFUSALS) else f"its code is {number}")
