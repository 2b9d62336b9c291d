import gzip
import itertools
import tracemalloc
import zlib
from functools import partial

import pytest

from asgi_probe.target import decode
from asgi_probe.target.decode import PIECE, DecodingError, decoder_for

TEXT = b"the quick brown fox " * 50
gzipped = partial(gzip.compress, mtime=0)  # the names of the tests hold what it gives: no time may stand in it


def raw_deflate(data: bytes) -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeezer.compress(data) + squeezer.flush()


def decoded(values: list[str], data: bytes, size: int = 1 << 20) -> bytes:
    decoder = decoder_for(values)
    assert decoder is not None
    pieces = [piece for at in range(0, len(data), size) for piece in decoder.feed(data[at : at + size])]
    decoder.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("values", "data"),
    [
        (["gzip"], gzipped(TEXT)),
        (["x-gzip"], gzipped(TEXT)),
        ([" GZIP "], gzipped(TEXT)),
        (["identity, gzip"], gzipped(TEXT)),
        (["gzip"], gzipped(TEXT[:100]) + gzipped(TEXT[100:])),
        (["gzip"], gzipped(TEXT) + bytes(10)),
        (["gzip"], gzipped(TEXT[:100]) + bytes(3) + gzipped(TEXT[100:])),
        (["deflate"], zlib.compress(TEXT)),
        (["deflate"], raw_deflate(TEXT)),
        (["deflate"], zlib.compress(TEXT) + b"what follows is nobody's"),
        (["deflate, gzip"], gzipped(zlib.compress(TEXT))),
        (["deflate", "gzip"], gzipped(zlib.compress(TEXT))),
        (["gzip, gzip, gzip"], gzipped(gzipped(gzipped(TEXT)))),
    ],
)
def test_what_was_compressed_comes_back(values, data, size):
    assert decoded(values, data, size) == TEXT


@pytest.mark.parametrize("values", [[], [""], ["identity"], ["rot13"], ["gzip, rot13"], ["rot13", "gzip"]])
def test_what_is_not_known_is_left_as_it_is(values):
    assert decoder_for(values) is None


@pytest.mark.parametrize("values", [["gzip"], ["deflate"], ["gzip, deflate"]])
def test_an_empty_body_is_fine(values):
    assert decoded(values, b"") == b""


@pytest.mark.parametrize(
    ("values", "data", "message"),
    [
        (["gzip"], b"plain", "the body is not valid gzip: it breaks within its first 5 bytes (incorrect header check)"),
        (["deflate"], b"\xff\xff\xff", "the body is not valid deflate: it breaks within its first 3 bytes"),
        (["gzip"], gzipped(TEXT)[:-4], "the body is not whole gzip: it ends too early, after"),
        (["gzip"], b"\x1f", "the body is not whole gzip: it ends too early, after 1 byte"),
        (["deflate"], b"\x78", "the body is not whole deflate: it ends too early, after 1 byte"),
        (["deflate"], zlib.compress(TEXT)[:-1], "the body is not whole deflate"),
        (["gzip"], gzipped(TEXT) + b"rest", "the body is not valid gzip"),
        (["deflate, gzip"], gzipped(zlib.compress(TEXT)[:-1]), "the body is not whole deflate"),
        (["gzip"], gzipped(TEXT)[:-8] + bytes(8), "(incorrect data check)"),
    ],
)
def test_what_does_not_decode_says_so(values, data, message):
    with pytest.raises(DecodingError) as caught:
        decoded(values, data)
    assert message in str(caught.value)


def test_too_many_layers_are_refused():
    with pytest.raises(DecodingError, match="encoded 6 times over, expected at most 5"):
        decoder_for(["gzip, gzip, gzip", "gzip, gzip, gzip"])


def test_pieces_are_bounded():
    decoder = decoder_for(["gzip"])
    sizes = [len(piece) for piece in decoder.feed(gzipped(bytes(5 * PIECE + 1)))]
    decoder.finish()
    assert max(sizes) == PIECE
    assert sum(sizes) == 5 * PIECE + 1


def test_all_is_given_when_the_last_piece_is_exactly_full():
    for length in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE):
        for data, name in ((gzipped(bytes(length)), "gzip"), (zlib.compress(bytes(length)), "deflate")):
            assert len(decoded([name], data)) == length


def test_a_bomb_within_a_bomb_takes_one_step_at_a_time():
    bomb = gzipped(gzipped(bytes(100 << 20)))
    decoder = decoder_for(["gzip, gzip"])
    tracemalloc.start()
    try:
        counted = sum(len(piece) for piece in itertools.islice(decoder.feed(bomb), 500))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counted > 10 << 20
    assert peak < 4 << 20


def test_steps_that_give_nothing_are_steps_too():
    hollow = gzipped(gzipped(b"") * 10_000)
    decoder = decoder_for(["gzip, gzip"])
    assert sum(1 for _ in decoder.feed(hollow)) >= 10_000
    decoder.finish()


def test_without_their_packages_br_and_zstd_say_what_to_install(monkeypatch):
    monkeypatch.setattr(decode, "_module", lambda *names: None)
    assert decode.offered() == "gzip, deflate"
    with pytest.raises(DecodingError, match=r"br, which is not installed: pip install 'brotli>=1\.2'"):
        decoder_for(["br"])
    with pytest.raises(DecodingError, match=r"zstd, which is not installed: pip install backports\.zstd"):
        decoder_for(["zstd"])


def test_a_package_that_is_not_there_is_none():
    assert decode._module("no_such_package", "nor_this") is None
    assert decode._module("no_such_package", "zlib") is zlib


def brotli_module():
    module = decode._brotli_module()
    return module if module is not None else pytest.skip("brotli>=1.2 is not installed")


def test_brotli():
    data = brotli_module().compress(TEXT)
    assert "br" in decode.offered()
    for size in (1, 1 << 20):
        assert decoded(["br"], data, size) == TEXT
    with pytest.raises(DecodingError, match="not whole br"):
        decoded(["br"], data[:-1])
    with pytest.raises(DecodingError, match="not valid br"):
        decoded(["br"], b"plain text, not brotli at all")


def test_a_bomb_of_brotli_is_bounded():
    data = brotli_module().compress(bytes(20 << 20))
    sizes = [len(piece) for piece in decoder_for(["br"]).feed(data)]
    assert sum(sizes) == 20 << 20
    assert max(sizes) <= 2 * PIECE


def test_zstd():
    module = decode._module(*decode._ZSTD) or pytest.skip("no zstd here")
    data = module.compress(TEXT)
    assert "zstd" in decode.offered()
    for size in (1, 1 << 20):
        assert decoded(["zstd"], data, size) == TEXT
        assert decoded(["zstd"], data + data, size) == TEXT + TEXT
    with pytest.raises(DecodingError, match="not whole zstd"):
        decoded(["zstd"], data[:-1])
    with pytest.raises(DecodingError, match="not valid zstd"):
        decoded(["zstd"], b"plain text, not zstd at all")
    sizes = [len(piece) for piece in decoder_for(["zstd"]).feed(module.compress(bytes(20 << 20)))]
    assert sum(sizes) == 20 << 20
    assert max(sizes) <= PIECE
