"""Base URLs, and what is wrong with them."""

from __future__ import annotations

import re

from asgi_probe.errors import UsageError
from asgi_probe.target.http import httpx
from asgi_probe.target.request import masked, without_credentials

_HOST_AND_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d+)?(?:/.*)?")


def parse_base(text: str) -> httpx.URL:
    """A base URL; raises `UsageError` that says what is missing in it."""
    expected = "expected http://host:port or https://host"
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        url, text = httpx.URL(), text.strip()
        reason = f": {error}" if not _HOST_AND_PORT.fullmatch(text) else ""
        if reason:
            raise UsageError(f"base URL {masked(text)!r} is no address{reason}; {expected}") from None
    if url.scheme not in {"http", "https"}:
        raise UsageError(f"base URL {masked(text)!r} {_wrong_scheme(masked(text))}")
    if not url.host:
        raise UsageError(f"base URL {masked(text)!r} has no host, {expected}")
    if url.query or url.fragment:
        bare = masked(str(url.copy_with(query=None, fragment=None)))
        raise UsageError(
            f"base URL {masked(text)!r} has a query or a fragment, which no request would get; did you mean {bare!r}?"
        )
    return url


def shown(text: str) -> str:
    """A base URL as reports show it: without credentials, also one that is wrong."""
    try:
        return str(without_credentials(parse_base(text))).rstrip("/")
    except UsageError:
        return masked(text)


def _wrong_scheme(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if separator:
        return f"begins with {scheme!r}, expected http or https; did you mean {'http://' + rest!r}?"
    rest = text.lstrip("/:").removeprefix("***@")
    if not _HOST_AND_PORT.fullmatch(rest):
        return "has no scheme, expected http://host:port or https://host"
    local = re.match(r"localhost|127\.|\[::1\]|0\.0\.0\.0", rest) or re.search(r":\d+(/|$)", rest)
    return f"has no scheme; did you mean '{'http' if local else 'https'}://{rest}'?"
