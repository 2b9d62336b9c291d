"""Sockets: connecting, sending, receiving, TLS; each exchange's own account of what went over the wire and when."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import anyio

if TYPE_CHECKING:
    from ssl import SSLContext

CHUNK = 64 * 1024
_STAGGER = 0.25
"""How long one address may keep the next one waiting (RFC 8305)."""
_BUSY_PAUSE = 0.01


@dataclass(slots=True)
class Marks:
    """What one exchange sent and received: bytes, and the moments (`perf_counter`) of the first and the last of them.

    A transport fills the marks that a request carries as its extension `marks`; zero is "not yet".
    """

    began: float = 0.0
    ended: float = 0.0
    sent: int = 0
    received: int = 0


class Wire(Protocol):
    """A connected stream of bytes that is used by one exchange at a time and keeps that exchange's marks."""

    marks: Marks

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    async def receive(self) -> bytes:
        """The next bytes, at most 64 KiB or one record of TLS; empty when the other side has closed."""
        ...

    @property
    def stale(self) -> bool:
        """Whether anything has come, or the other side has closed, while nobody was asking."""
        ...

    def close(self) -> None:
        """Close at once, without waiting for the other side."""
        ...


class SocketWire:
    """A plain socket, TCP or Unix."""

    __slots__ = ("_socket", "marks")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.marks = Marks()

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        marks = self.marks
        marks.began = marks.began or perf_counter()
        rest = memoryview(data)
        while rest:
            try:
                count = self._socket.send(rest)
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            else:
                marks.sent += count
                rest = rest[count:]

    async def receive(self) -> bytes:
        """The next bytes, at most 64 KiB; empty when the other side has closed."""
        while True:
            # always through the loop, so that a server that is faster than we are cannot keep it from others
            await anyio.wait_readable(self._socket)
            try:
                data = self._socket.recv(CHUNK)
            except BlockingIOError:
                continue
            marks = self.marks
            marks.ended = perf_counter()
            marks.received += len(data)
            return data

    @property
    def stale(self) -> bool:
        """Whether anything has come, or the other side has closed, while nobody was asking."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close at once."""
        self._socket.close()


class TLSWire:
    """TLS over another wire."""

    __slots__ = ("_incoming", "_outgoing", "_tls", "_under", "marks")

    def __init__(self, under: Wire, context: SSLContext, host: str) -> None:
        import ssl

        self._under = under
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.marks = Marks()

    @property
    def protocol(self) -> str | None:
        """The protocol that both sides agreed on (ALPN)."""
        return self._tls.selected_alpn_protocol()

    async def handshake(self) -> None:
        """Shake hands; raises `ssl.SSLError`, or `EOFError` when the other side closes."""
        import ssl

        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise EOFError from None
            except ssl.SSLError:
                await self._flush_last_words()
                raise
            else:
                return await self._flush()

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        marks = self.marks
        marks.began = marks.began or perf_counter()
        marks.sent += len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest[:CHUNK]) :]
            await self._flush()

    async def receive(self) -> bytes:
        """The next bytes, at most one record; empty when the other side has closed."""
        import ssl

        while True:
            try:
                data = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                data = b""
                break
            else:
                break
        marks = self.marks
        marks.ended = perf_counter()
        marks.received += len(data)
        return data

    @property
    def stale(self) -> bool:
        """Whether anything has come, or the other side has closed, while nobody was asking."""
        return self._tls.pending() > 0 or self._incoming.pending > 0 or self._under.stale

    def close(self) -> None:
        """Close at once."""
        self._under.close()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._under.send(self._outgoing.read())

    async def _flush_last_words(self) -> None:
        # the alert that tells the server why we hang up; it may be gone already
        with suppress(OSError):
            await self._flush()

    async def _feed(self) -> bool:
        data = await self._under.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)


async def dial(host: str, port: int) -> SocketWire:
    """A wire to `host`, whichever of its addresses answers first; raises `OSError`."""
    addresses = await _resolve(host, port)
    if len(addresses) == 1:
        return await _connect(addresses[0])
    return await _race(addresses)


async def dial_unix(path: str) -> SocketWire:
    """A wire to the Unix socket at `path`; raises `OSError`."""
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unix.setblocking(False)  # noqa: FBT003 - its only way
        while True:
            try:
                unix.connect(path)
            except BlockingIOError:  # its queue is full
                await anyio.sleep(_BUSY_PAUSE)
            else:
                return SocketWire(unix)
    except BaseException:
        unix.close()
        raise


_Address = tuple[socket.AddressFamily, tuple[Any, ...]]


async def _resolve(host: str, port: int) -> list[_Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[assignment]  # wider ints
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]


async def _connect(address: _Address) -> SocketWire:
    family, where = address
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        tcp.setblocking(False)  # noqa: FBT003 - its only way
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            tcp.connect(where)
        except BlockingIOError:
            await anyio.wait_writable(tcp)
        _raise_if(tcp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except BaseException:
        tcp.close()
        raise
    return SocketWire(tcp)


def _raise_if(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))


async def _race(addresses: list[_Address]) -> SocketWire:
    """Try one address after the other, each a little later or as soon as the one before has failed (RFC 8305)."""
    wires: list[SocketWire] = []
    errors: list[OSError] = []

    async def attempt(address: _Address, over: anyio.Event) -> None:
        try:
            wires.append(await _connect(address))
            group.cancel_scope.cancel()
        except OSError as error:
            errors.append(error)
        over.set()

    try:
        async with anyio.create_task_group() as group:
            for address in addresses:
                over = anyio.Event()
                group.start_soon(attempt, address, over)
                with anyio.move_on_after(_STAGGER):
                    await over.wait()
    except BaseException:
        for wire in wires:
            wire.close()
        raise
    for wire in wires[1:]:
        wire.close()
    if not wires:
        raise errors[-1]
    return wires[0]
