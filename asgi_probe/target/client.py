"""The `httpx.AsyncClient` that sends everything: cookies, redirects and credentials are the session's business."""

from __future__ import annotations

import logging
from typing import Any

from asgi_probe.target.http import httpx
from asgi_probe.target.said import listener

UNTIMED: dict[str, Any] = {}
"""For a request's `timeout` extension: the session watches the clock, whatever the transport."""
_NO_AUTH = httpx.Auth()


class _NoCookies(httpx.Cookies):
    """Cookies that stay empty: extracting them costs more than all else httpx does, and each check has its own jar."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take none."""


class Client(httpx.AsyncClient):
    """An `AsyncClient` on a transport that is shared by all checks, and keeps nothing from one request to the next."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._cookies = _NoCookies()

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send the request as it is; the answer's body is still to be read, and the answer to be closed."""
        return await self.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)

    def _build_redirect_request(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        # httpx prepares the next request even where it will not follow, and fails on a location that is no URL
        del response
        return request


def _is_the_apps(record: logging.LogRecord) -> bool:
    del record
    return listener.get() is not None


# an app that turns its logging up wants to see its own requests, not those of its probe
logging.getLogger("httpx").addFilter(_is_the_apps)
