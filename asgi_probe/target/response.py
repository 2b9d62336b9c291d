"""Answers as `httpx.Response`, for the user's own code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from asgi_probe.target.http import httpx

if TYPE_CHECKING:
    from asgi_probe.exchange import Answer


def as_response(answer: Answer, request: httpx.Request) -> httpx.Response:
    """The answer as httpx would give it, read to its end: at most as much of its body as was kept."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    extensions = {"http_version": answer.http_version.encode()}
    response = httpx.Response(answer.status, content=answer.body, request=request, extensions=extensions)
    # only now, since httpx would decode once more what is decoded already
    response.headers = httpx.Headers(headers)
    response.elapsed = timedelta(seconds=answer.time)
    return response
