"""Multipart bodies, as browsers write them (RFC 7578 and the HTML standard)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asgi_probe.exchange import Part

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def encode(parts: Iterable[Part], boundary: str) -> bytes:
    """The body that holds these parts, one after the other."""
    mark = b"--" + boundary.encode()
    pieces = [piece for part in parts for piece in (mark, b"\r\n", _head(part), part.content, b"\r\n")]
    return b"".join((*pieces, mark, b"--\r\n"))


def _head(part: Part) -> bytes:
    lines = f'Content-Disposition: form-data; name="{part.name.translate(_ESCAPES)}"'
    if part.filename is not None:
        lines += f'; filename="{part.filename.translate(_ESCAPES)}"'
    if content_type := part.content_type or _guess(part.filename):
        lines += f"\r\nContent-Type: {content_type}"
    return f"{lines}\r\n\r\n".encode()


def _guess(filename: str | None) -> str | None:
    if filename is None:
        return None
    import mimetypes

    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
