"""Who may ask: this machine by its own names, or whoever has the token. Around the app, as ASGI."""

from __future__ import annotations

import hmac
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC = "/healthz"
"""What answers without the token, with less to say."""
_SHORTEST = 16
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def is_loopback(host: str) -> bool:
    """Whether who listens at this host or address can be reached from this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def checked_token(token: str | None, host: str) -> str | None:
    """The token, if there is one; a UsageError where one is needed, or it is no good."""
    if token is None:
        if is_loopback(host):
            return None
        raise UsageError(
            f"--host {host!r} lets other machines ask, which needs a token: say --token, or set ASGI_PROBE_TOKEN "
            "(`python -c 'import secrets; print(secrets.token_urlsafe())'` makes one)"
        )
    if len(token) < _SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError(f"the token is no good: expected at least {_SHORTEST} printable ASCII characters, no blanks")
    return token


class Guard:
    """Lets through who may ask. Without a token those who speak to this machine by one of its own names.

    That keeps away websites whose name was made to lead here. `port` tells the cookies of several servers apart.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, port: int) -> None:
        self._app = app
        self._token = None if token is None else _digest(token)
        self._cookie = f"asgi_probe_{port}"
        # what a browser keeps is no token: it opens nothing but this server
        self._pass = None if token is None else hmac.new(token.encode(), b"asgi-probe serve", sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the app's place who may not ask."""
        if scope["type"] != "http":
            return
        if self._token is None:
            if not all(map(_is_ours, _values(scope, b"host") or [""])):
                await _answer(send, 421, "this server knows itself as localhost, 127.0.0.1 and [::1] alone\n")
                return
        elif not self._knows(scope):
            if self._brings_token(scope):
                await self._let_in(scope, send)
                return
            if scope["path"] != PUBLIC:
                await _answer(send, 401, "this needs the token\n", (b"www-authenticate", b'Bearer realm="asgi-probe"'))
                return
            scope = {**scope, "state": {**scope.get("state", {}), "stranger": True}}
        await self._app(scope, receive, _guarded(send))

    def _knows(self, scope: Scope) -> bool:
        for value in _values(scope, b"authorization"):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and self._is_token(token.strip()):
                return True
        jar: SimpleCookie = SimpleCookie()
        for value in _values(scope, b"cookie"):
            try:
                jar.load(value)
            except CookieError:
                continue
        kept = jar.get(self._cookie)
        return kept is not None and hmac.compare_digest(_digest(kept.value), _digest(self._pass or ""))

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(_digest(token), self._token or b"")

    def _brings_token(self, scope: Scope) -> bool:
        asked = dict(_query(scope))
        return scope["method"] == "GET" and self._is_token(asked.get("token", ""))

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Let the browser keep what opens, and ask again without the token in the address."""
        rest = [(name, value) for name, value in _query(scope) if name != "token"]
        raw = scope.get("raw_path") or scope["path"].encode()
        # two slashes at the beginning would be another host
        place = "/" + raw.decode("latin-1").lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
        secure = "; Secure" if scope["scheme"] == "https" else ""
        cookie = f"{self._cookie}={self._pass}; Path=/; HttpOnly; SameSite=Strict{secure}"
        # a browser that comes from another site sends no such cookie where a redirect leads, but from a page of ours
        foreign = any(value == "cross-site" for value in _values(scope, b"sec-fetch-site"))
        there = (b"refresh", f"0; url={place}".encode("latin-1")) if foreign else (b"location", place.encode("latin-1"))
        await _answer(send, 200 if foreign else 303, "", (b"set-cookie", cookie.encode()), there)


def _is_ours(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    return is_loopback(name if colon and port.isdigit() else host)


def _digest(text: str) -> bytes:
    # of one length, so that to compare them tells nothing of it
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _guarded(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in said)]
        await send(message)

    return guarded


async def _answer(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = text.encode()
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    everything: Sequence[tuple[bytes, bytes]] = [*plain, *_HEADERS, *headers]
    await send({"type": "http.response.start", "status": status, "headers": everything})
    await send({"type": "http.response.body", "body": body})
