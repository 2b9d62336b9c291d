"""A check's cookies, kept by the rules of browsers; a cookie never goes to another port than the one it came from."""

from __future__ import annotations

import re
from copy import copy
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from http.client import HTTPResponse
    from urllib.request import Request

    from asgi_probe.target.http import httpx

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Jar:
    """The cookies of one check: domain, path, secure and expiry as http.cookiejar judges them, ports kept apart."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: CookieJar | None = None  # most checks never see a cookie

    def copy(self) -> Jar:
        """A jar of its own with the same cookies."""
        other = Jar()
        other.add(self)
        return other

    def add(self, other: Jar) -> None:
        """Take all cookies of another jar; they win over those of the same name, domain and path."""
        for cookie in other:
            self.store.set_cookie(copy(cookie))

    def collect(self, url: httpx.URL, set_cookies: Sequence[str]) -> None:
        """Take what an answer from `url` sets with these `set-cookie` values."""
        answer = cast("HTTPResponse", _Answer(set_cookies))
        self.store.extract_cookies(answer, cast("Request", _Request(url)))

    def header(self, url: httpx.URL) -> str:
        """The value of the `cookie` header for `url`; empty when no cookie goes there."""
        if self._cookies is None:
            return ""
        request = _Request(url)
        self._cookies.add_cookie_header(cast("Request", request))
        return request.cookie

    def __iter__(self) -> Iterator[Cookie]:
        return iter(self._cookies or ())

    @property
    def store(self) -> CookieJar:
        """What keeps the cookies."""
        if self._cookies is None:
            self._cookies = CookieJar(_Policy())
        return self._cookies


class _Policy(DefaultCookiePolicy):
    """Browsers' rules, and the port of the answer becomes the cookie's."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        cookie.port = str(cast("_Request", request).port)
        if _CONTROL.search(f"{cookie.name}{cookie.value}"):
            return False  # it could not be sent back
        return super().set_ok(cookie, request)


class _Request:
    """As much of `urllib.request.Request` as http.cookiejar asks for; the real one costs ten times as much."""

    __slots__ = ("_url", "cookie", "host", "origin_req_host", "port", "type", "unverifiable")

    def __init__(self, url: httpx.URL) -> None:
        self._url = str(url)
        self.type = url.scheme
        self.port = url.port or _DEFAULT_PORTS[url.scheme]
        self.host = f"host:{self.port}"  # it takes only the port from here, and would stumble over an IPv6 address
        self.origin_req_host = url.host
        self.unverifiable = False
        self.cookie = ""

    def get_full_url(self) -> str:
        return self._url

    def has_header(self, name: str) -> bool:  # noqa: ARG002 - it asks whether there is a cookie header already
        return False

    def get_header(self, name: str, default: str | None = None) -> str | None:  # noqa: ARG002 - likewise
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        if name == "Cookie":
            self.cookie = value


class _Answer:
    """As much of a response as http.cookiejar asks for."""

    __slots__ = ("_set_cookies",)

    def __init__(self, set_cookies: Sequence[str]) -> None:
        self._set_cookies = list(set_cookies)

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._set_cookies if name == "Set-Cookie" else default
