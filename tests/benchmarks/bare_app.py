"""An app that costs nothing, and one that answers after 20 ms."""

import asyncio

LATENCY = 0.02
"""Seconds."""

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"11")],
}
_BODY = {"type": "http.response.body", "body": b'{"ok":true}'}


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send(_START)
        await send(_BODY)


async def slow_app(scope, receive, send):
    if scope["type"] == "http":
        await asyncio.sleep(LATENCY)
        await app(scope, receive, send)
