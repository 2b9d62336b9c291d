"""What ASGI allows in `http.response.start`; every breach is a sentence of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from asgi_probe.target.failures import ProtocolBreach

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers = list[tuple[bytes, bytes]]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE = re.compile(rb"[\x00\r\n]")


def checked_status(status: object) -> int:
    """`status` as a number, or `ProtocolBreach`."""
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 999:
        raise ProtocolBreach(f"the app sent the status {status!r}: expected a number from 200 to 999")
    return int(status)


def checked_headers(headers: Iterable[Any]) -> Headers:
    """`headers` as pairs of bytes that can be sent, or `ProtocolBreach`."""
    try:
        return [_checked(name, value) for name, value in headers]
    except (TypeError, ValueError):
        raise ProtocolBreach(f"the app sent {headers!r} as headers: expected pairs of bytes") from None


def content_length(headers: Headers) -> int | None:
    """The content-length that `headers` announce, if they do, or `ProtocolBreach`."""
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if not lengths:
        return None
    if len(lengths) > 1 or not min(lengths).isdigit():
        raise ProtocolBreach(f"the app sent the content-length {min(lengths)!r}: expected one number")
    return int(lengths.pop())


def _checked(name: object, value: object) -> tuple[bytes, bytes]:
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise ProtocolBreach(f"the app sent the header {name!r}: {value!r}: expected bytes for its name and value")
    if not _NAME.fullmatch(name):
        raise ProtocolBreach(f"the app sent a header of the name {name!r}, which is not one")
    if _UNSAFE.search(value):
        raise ProtocolBreach(f"the app sent the header {name!r} with a line break or NUL in its value {value!r}")
    return name, value
