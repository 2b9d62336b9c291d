"""A server on a real socket that does, by the path it is asked for, everything that a server should not do.

`with hostile_server() as base_url:` for the address alone, `with HostileServer() as server:` to see as well what was
asked. Every path of `PATHS` is one behaviour; `/ok` is the only decent one, and `/echo` shows the request as JSON.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

HOSTILE_TEXT = "\x1b[31mred\x1b[0m \x1b]0;title\x07 [bold]markup[/bold] ::error::injected \u202egnp.exe \x00 \x9b31m"
PROMPTLY = 0.1
"""How long a dripping server waits between two bytes, in seconds."""


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass
class Line:
    """One connection, as the behaviours use it."""

    socket: socket.socket
    asked: Asked
    stop: threading.Event
    keep: bool = False
    peer: str = ""
    base_url: str = ""
    state: dict[str, int] = field(default_factory=dict)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, body: bytes = b"", *headers: str, status: str = "200 OK") -> None:
        head = "".join(f"{line}\r\n" for line in (*headers, f"content-length: {len(body)}"))
        self.send(f"HTTP/1.1 {status}\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body)
        self.keep = True

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait(self, seconds: float) -> bool:
        """Whether to go on after a pause."""
        return not self.stop.wait(seconds)


PATHS: dict[str, Callable[[Line], None]] = {}


def path(name: str) -> Callable[[Callable[[Line], None]], Callable[[Line], None]]:
    def register(behaviour: Callable[[Line], None]) -> Callable[[Line], None]:
        PATHS[name] = behaviour
        return behaviour

    return register


def raw(name: str, data: bytes) -> None:
    """A path that sends these bytes and closes."""
    PATHS[name] = lambda line: line.send(data)


def fixed(name: str, body: bytes, *headers: str, status: str = "200 OK") -> None:
    """A path that answers decently framed, with this body."""
    PATHS[name] = lambda line: line.answer(body, *headers, status=status)


JSON = "content-type: application/json"
TEXT = "content-type: text/plain; charset=utf-8"
OK = b'{"ok": true}'

fixed("/ok", OK, JSON)
fixed("/hostile-text", HOSTILE_TEXT.encode(), TEXT, "x-evil: \x1b[31m[bold]red[/bold] \u202egnp")
fixed("/hostile-json", json.dumps({"message": HOSTILE_TEXT}, ensure_ascii=False).encode(), JSON)
fixed("/nan", b'{"a": NaN, "b": -Infinity}', JSON)
fixed("/deep-json", b"[" * 100_000 + b"]" * 100_000, JSON)
fixed("/not-json", b'{"a": 1,}', JSON)
fixed("/invalid-utf8", b'{"a": "\xff\xfe"}', JSON)
fixed("/wrong-charset", "grün".encode(), "content-type: text/plain; charset=klingon")
fixed("/broken-gzip", b"\x1f\x8b\x08\x00this is not gzip at all", "content-encoding: gzip", TEXT)
fixed("/not-gzip", b"plain text", "content-encoding: gzip", TEXT)
fixed("/truncated-gzip", gzip.compress(b"0123456789" * 1000)[:-20], "content-encoding: gzip", TEXT)
fixed("/gzip", gzip.compress(OK), "content-encoding: gzip", JSON)
fixed("/deflate", zlib.compress(OK), "content-encoding: deflate", JSON)
fixed("/unknown-encoding", OK, "content-encoding: rot13", JSON)
fixed("/large-header", OK, JSON, f"x-large: {'x' * 60_000}")
fixed("/empty", b"", status="204 No Content")
raw("/huge-header", b"HTTP/1.1 200 OK\r\nx-huge: " + b"x" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n")
raw("/not-http", b"SSH-2.0-OpenSSH_9.6\r\n")
raw("/control-in-status", b"\x1b[31m\x00\x01\x02 garbage\r\n\r\n")
raw("/tls-alert", b"\x15\x03\x03\x00\x02\x02\x46")
raw("/half-headers", b"HTTP/1.1 200 OK\r\ncontent-len")
raw("/short-body", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
raw("/broken-chunks", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\nworld\r\n")
raw("/cut-chunks", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
raw("/overlong-chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n")
raw("/two-lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nhello")
raw("/bad-length", b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nhello")
raw("/bad-header", b"HTTP/1.1 200 OK\r\nthis is no header\r\n\r\n")
raw("/until-close", b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nuntil the end")
raw("/http10", b"HTTP/1.0 200 OK\r\n\r\nold")


@path("/close")
def _close(line: Line) -> None:
    """Close without a word."""


@path("/reset")
def _reset(line: Line) -> None:
    line.reset()


@path("/reset-mid-body")
def _reset_mid_body(line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
    if line.wait(0.05):
        line.reset()


@path("/drip")
def _drip(line: Line) -> None:
    """A byte every 100 ms, without end."""
    line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while line.wait(PROMPTLY):
        line.send(b".")


@path("/drip-headers")
def _drip_headers(line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nx-drip: ")
    while line.wait(PROMPTLY):
        line.send(b".")


@path("/never")
def _never(line: Line) -> None:
    """Never answer."""
    line.stop.wait()


@path("/never-ends")
def _never_ends(line: Line) -> None:
    """Begin, and then nothing."""
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
    line.stop.wait()


@path("/endless")
def _endless(line: Line) -> None:
    """A body without end, as fast as it goes."""
    line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    block = b"x" * 65536
    while not line.stop.is_set():
        line.send(block)


@path("/endless-headers")
def _endless_headers(line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\n")
    while not line.stop.is_set():
        line.send(b"x-more: and more\r\n" * 1000)


@path("/endless-1xx")
def _endless_1xx(line: Line) -> None:
    while not line.stop.is_set():
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@path("/early-hints")
def _early_hints(line: Line) -> None:
    line.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
    line.answer(OK, JSON)


@path("/switch")
def _switch(line: Line) -> None:
    line.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nraw bytes")


@path("/bomb")
def _bomb(line: Line) -> None:
    """One gigabyte of zeros in one megabyte of gzip."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(1024)) + squeezer.flush()
    line.answer(body, "content-encoding: gzip", TEXT)


@path("/large")
def _large(line: Line) -> None:
    """As many bytes as `?bytes=` says."""
    count = int(line.asked.query.get("bytes", "20000000"))
    line.send(f"HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n".encode())
    while count > 0:
        line.send(b"x" * min(count, 65536))
        count -= 65536
    line.keep = True


@path("/garbage-after")
def _garbage_after(line: Line) -> None:
    """A decent answer with something else in the same breath, and the connection stays open."""
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\ncontent-length: 4\r\n\r\nevil")
    line.keep = True


@path("/garbage-later")
def _garbage_later(line: Line) -> None:
    """The same, but a little later, while the connection is idle."""
    line.answer(b"ok")
    if line.wait(0.1):
        line.send(b"HTTP/1.1 500 Smuggled\r\ncontent-length: 4\r\n\r\nevil")


@path("/close-after")
def _close_after(line: Line) -> None:
    """A decent answer, and then close without having said so."""
    line.answer(OK, JSON)
    line.keep = False


@path("/close-when-reused")
def _close_when_reused(line: Line) -> None:
    """Answer the first request of a connection; close without a word at the second, after it has been read."""
    line.state["times"] = line.state.get("times", 0) + 1
    if line.state["times"] == 1:
        line.answer(OK, JSON)


@path("/status")
def _status(line: Line) -> None:
    code = line.asked.query.get("code", "200")
    line.answer(b"" if code in {"204", "304"} else OK, JSON, status=f"{code} Whatever")


@path("/redirect")
def _redirect(line: Line) -> None:
    """To `?to=`, with the status `?code=`, setting the cookie `?cookie=`."""
    query = line.asked.query
    headers = [f"location: {query['to']}"] if "to" in query else []
    if "cookie" in query:
        headers.append(f"set-cookie: {query['cookie']}")
    line.answer(b"moved", *headers, status=f"{query.get('code', '302')} Found")


@path("/loop")
def _loop(line: Line) -> None:
    line.answer(b"", "location: /loop", status="302 Found")


@path("/cookie")
def _cookie(line: Line) -> None:
    line.answer(OK, JSON, *(f"set-cookie: {unquote(value)}" for value in line.asked.query.get("set", "").split("|")))


@path("/echo")
def _echo(line: Line) -> None:
    asked = line.asked
    seen = {
        "method": asked.method,
        "target": asked.target,
        "headers": asked.headers,
        "body": asked.body.decode("latin-1"),
        "connection": asked.connection,
    }
    line.answer(json.dumps(seen).encode(), JSON)


class HostileServer:
    """The server, in threads of its own; `requests` are those that arrived, oldest first."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        self._wrap = wrap
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self._listener = socket.create_server((host, 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"{'https' if wrap else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # a shutdown wakes the accept that a mere close would leave asleep
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._lines.append(connected)
            self._start(self._serve, connected, self.connections)

    def _serve(self, connected: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.enter_context(connected)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._wrap is not None:
                connected = stack.enter_context(self._wrap(connected))
            reader = stack.enter_context(connected.makefile("rb"))
            state: dict[str, int] = {}
            while (asked := _read_request(reader, number)) is not None:
                self.requests.append(asked)
                line = Line(connected, asked, self._stop, base_url=self.base_url, state=state)
                PATHS.get(asked.path, _not_found)(line)
                if not line.keep:
                    return


def _not_found(line: Line) -> None:
    line.answer(b'{"detail": "no such behaviour"}', JSON, status="404 Not Found")


def _read_request(reader, number: int) -> Asked | None:
    if reader.peek(1)[:1] == b"\x16":  # a hello in TLS, which may have no line's end: real servers hang up, too
        return None
    first = reader.readline()
    if not first.strip():
        return None
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers = []
    while (text := reader.readline().decode().strip()) != "":
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    length = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
    return Asked(method, target, headers, reader.read(length), number)


@contextlib.contextmanager
def hostile_server() -> Iterator[str]:
    """The base URL of a hostile server that runs meanwhile."""
    with HostileServer() as server:
        yield server.base_url
