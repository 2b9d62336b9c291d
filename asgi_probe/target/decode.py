"""Taking compression off a body as it comes, in constant memory: a bomb never gets more than one buffer."""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PIECE = 64 * 1024
"""The most that one step of decompression gives."""
_MOST_LAYERS = 5


class DecodingError(Exception):
    """A body that is not what its `content-encoding` says; the message is for the report."""


class Decoder(Protocol):
    """One encoding taken off: `feed` it what comes, `finish` at the end; both raise `DecodingError`."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` decompresses to, in pieces of at most 64 KiB, empty ones too: each is a step of the work."""
        ...

    def finish(self) -> None:
        """Make sure that the end has come."""
        ...


def offered() -> str:
    """The value of `accept-encoding`: what can be decoded here."""
    names = ["gzip", "deflate"]
    names += ["br"] if _brotli_module() else []
    names += ["zstd"] if _module(*_ZSTD) else []
    return ", ".join(names)


def decoder_for(values: Iterable[str]) -> Decoder | None:
    """What undoes these `content-encoding` values; None if nothing is to be done or one of them is unknown."""
    names = [name.strip().lower() for value in values for name in value.split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names or not all(name in _DECODERS for name in names):
        return None
    if len(names) > _MOST_LAYERS:
        raise DecodingError(f"the body is encoded {len(names)} times over, expected at most {_MOST_LAYERS}")
    layers = [_DECODERS[name]() for name in reversed(names)]
    return layers[0] if len(layers) == 1 else _Layers(layers)


class _Layers:
    """Several encodings, the one that was put on last taken off first."""

    def __init__(self, layers: list[Decoder]) -> None:
        self._layers = layers

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._through(data, 0)

    def _through(self, data: bytes, depth: int) -> Iterator[bytes]:
        if depth == len(self._layers):
            yield data
            return
        for piece in self._layers[depth].feed(data):
            if piece:
                yield from self._through(piece, depth + 1)
            else:
                yield b""

    def finish(self) -> None:
        for layer in self._layers:
            layer.finish()


class _Member(Protocol):
    """One compressed stream, from its header to its end."""

    @property
    def eof(self) -> bool: ...

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """A piece of at most 64 KiB, what is left of `data`, and whether to go on with that."""
        ...


class _Encoding:
    """One encoding: members one after the other where it allows them, with zeros after the last as padding."""

    def __init__(
        self, name: str, begin: Callable[[bytes], _Member | None], error: type[Exception], *, repeats: bool
    ) -> None:
        self._name = name
        self._begin = begin
        self._error = error
        self._repeats = repeats
        self._member: _Member | None = None
        self._waiting = b""
        self._fed = 0
        self._whole = True  # an empty body is fine: HEAD, 204 and 304 have none

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` decompresses to, in pieces of at most 64 KiB."""
        self._fed += len(data)
        data = self._waiting + data
        more = bool(data)
        while more:
            if self._member is None or self._member.eof:
                data = self._next_member(data)
                if self._member is None or self._member.eof:
                    return
            try:
                piece, data, more = self._member.step(data)
            except self._error as error:
                within = f"it breaks within its first {_bytes(self._fed)}"
                raise DecodingError(f"the body is not valid {self._name}: {within} ({_reason(error)})") from error
            self._whole = self._member.eof
            yield piece

    def _next_member(self, data: bytes) -> bytes:
        if self._member is not None:
            data = data.lstrip(b"\0") if self._repeats else b""
        if data:
            self._whole = False
            self._member = self._begin(data)
            self._waiting = data if self._member is None else b""
        return data

    def finish(self) -> None:
        """Make sure that the end has come."""
        if not self._whole:
            raise DecodingError(f"the body is not whole {self._name}: it ends too early, after {_bytes(self._fed)}")


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2]


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count:,} bytes"


class _Zlib:
    __slots__ = ("_inflater",)

    def __init__(self, window: int) -> None:
        self._inflater = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        piece = self._inflater.decompress(data, PIECE)
        rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        # a full piece: zlib may hold back more of it
        return piece, rest, bool(rest) or (len(piece) == PIECE and not self._inflater.eof)


def _begin_gzip(_: bytes) -> _Member:
    return _Zlib(zlib.MAX_WBITS | 16)


def _begin_deflate(data: bytes) -> _Member | None:
    # zlib's format, or the raw stream that some servers send under the same name: the first two bytes tell
    if len(data) < _ZLIB_HEADER:
        return None
    has_header = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:_ZLIB_HEADER]) % 31 == 0
    return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


class _Brotli:
    __slots__ = ("_decompressor",)

    def __init__(self, module: Any) -> None:
        self._decompressor = module.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.is_finished())

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        piece = self._decompressor.process(data, output_buffer_limit=PIECE)
        # it says that it accepts more while it still holds back output
        return piece, b"", bool(piece) and not self.eof


class _Zstd:
    __slots__ = ("_decompressor",)

    def __init__(self, module: Any) -> None:
        self._decompressor = module.ZstdDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        piece = self._decompressor.decompress(data, PIECE)
        if self.eof:
            return piece, self._decompressor.unused_data, bool(self._decompressor.unused_data)
        return piece, b"", not self._decompressor.needs_input


def _gzip() -> Decoder:
    return _Encoding("gzip", _begin_gzip, zlib.error, repeats=True)


def _deflate() -> Decoder:
    return _Encoding("deflate", _begin_deflate, zlib.error, repeats=False)


def _brotli() -> Decoder:
    module = _brotli_module()
    if module is None:
        raise DecodingError("the body is compressed with br, which is not installed: pip install 'brotli>=1.2'")
    return _Encoding("br", lambda _: _Brotli(module), module.error, repeats=False)


def _zstd() -> Decoder:
    module = _module(*_ZSTD)
    if module is None:
        raise DecodingError("the body is compressed with zstd, which is not installed: pip install backports.zstd")
    return _Encoding("zstd", lambda _: _Zstd(module), module.ZstdError, repeats=True)


def _brotli_module() -> Any:
    # before 1.2 it gives all at once, however much that is
    module = _module("brotli")
    return module if hasattr(getattr(module, "Decompressor", None), "can_accept_more_data") else None


def _module(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


_ZLIB_HEADER = 2
_ZSTD = ("compression.zstd", "backports.zstd")
_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd,
}  # fmt: skip
