"""A socket to listen at, and uvicorn on it in a thread of its own: signals go to who runs the schedule."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

_GOODBYE = 2
"""Seconds that answers on their way get at the end."""
_MOST = 200
"""Connections at the same time."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free. A UsageError says why there is none."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"cannot listen at {_shown(host)}:{port}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "another process does; say another --port"
    return (getattr(error, "strerror", None) or str(error)).lower()


def address_of(listening: socket.socket) -> str:
    """Its URL."""
    host, port = listening.getsockname()[:2]
    return f"http://{_shown(host)}:{port}/"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def serving(app: ASGIApp, listening: socket.socket) -> Iterator[Thread]:
    """Serve the app while open; the thread that does ends only when all is over."""
    from uvicorn import Config, Server

    server = Server(
        Config(
            app,
            lifespan="off",
            ws="none",
            loop="asyncio",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST,
            timeout_graceful_shutdown=_GOODBYE,
        )
    )
    thread = Thread(target=server.run, args=([listening],), daemon=True, name="asgi-probe's web server")
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(_GOODBYE + 3)
