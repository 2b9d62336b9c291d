"""Requests and answers as reports show them: cut, decoded, credentials masked."""

from __future__ import annotations

import re
from base64 import b64encode
from shlex import quote
from typing import TYPE_CHECKING, Protocol, TypeVar

from asgi_probe.engine.results import Body, RequestRecord, ResponseRecord, SaidRecord
from asgi_probe.engine.secrets import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asgi_probe.exchange import Answer, Said, Sent

    class Masking(Protocol):
        """Gives the same data without secrets."""

        def __call__(self, told: T, /) -> T: ...


T = TypeVar("T")
LONGEST_BODY = 64 * 1024
"""Bytes of a body that a report keeps."""

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
"""Headers whose values no report shows."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_CONTROL_OR_LINE = re.compile("[\x00-\x1f\x7f]")

Headers = tuple[tuple[str, str], ...]


def request_record(sent: Sent, mask: Masking, *, show_credentials: bool = False) -> RequestRecord:
    """The request as it was sent, secrets masked."""
    body = body_record(mask(sent.body), len(sent.body))
    return RequestRecord(
        sent.method, mask(sent.url), masked(sent.headers, mask, show_credentials=show_credentials), body
    )


def response_record(answer: Answer, mask: Masking, *, show_credentials: bool = False) -> ResponseRecord:
    """The answer as it came, as far as it was kept, secrets masked."""
    body = body_record(mask(answer.body), answer.size, whole=answer.size == len(answer.body))
    headers = masked(answer.headers, mask, show_credentials=show_credentials)
    return ResponseRecord(answer.status, headers, body, answer.http_version)


def said_records(said: Iterable[Said], mask: Masking) -> tuple[SaidRecord, ...]:
    """What the app said, secrets masked."""
    return tuple([SaidRecord(one.source, mask(one.text), one.level, one.logger, _moment(one.time)) for one in said])


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def masked(headers: Iterable[tuple[str, str]], mask: Masking, *, show_credentials: bool = False) -> Headers:
    """The headers, secrets masked, and, unless they are to be shown, the values of those that carry credentials."""
    hidden = frozenset[str]() if show_credentials else CREDENTIALS
    return tuple([(name, MASK if name.lower() in hidden else mask(value)) for name, value in headers])


def body_record(body: bytes, size: int, *, whole: bool = True) -> Body | None:
    """A body as text where it is UTF-8, else as base64; at most 64 KiB of it. `whole` says that `body` is all of it."""
    if not size:
        return None
    kept = body[:LONGEST_BODY]
    truncated = not whole or len(body) > LONGEST_BODY
    try:
        text = (_whole_characters(kept) if truncated else kept).decode()
    except UnicodeDecodeError:
        return Body(b64encode(kept).decode("ascii"), size, truncated, "base64")
    return Body(text, size, truncated)


def _whole_characters(cut: bytes) -> bytes:
    """The bytes without a UTF-8 character that the cut has broken at the end."""
    for back in range(1, min(4, len(cut)) + 1):
        if cut[-back] & 0xC0 != 0x80:
            width = 1 if cut[-back] < 0xC0 else 2 if cut[-back] < 0xE0 else 3 if cut[-back] < 0xF0 else 4
            return cut[:-back] if width > back else cut
    return cut


_UNSAID = frozenset(
    {"host", "content-length", "accept", "accept-encoding", "user-agent", "connection", "transfer-encoding"}
)


def curl_line(request: RequestRecord, options: Sequence[str] = ()) -> str:
    """A line for the shell that sends the request again, with these options; masked credentials stay masked."""
    words = ["curl", "-i", *map(quote, options)]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        words += ["-X", quote(request.method)]
    words.append(quote(request.url))
    for name, value in request.headers:
        if name.lower() not in _UNSAID:
            words += ["-H", quote(f"{name}: {value}")]
    if request.body is not None and request.body.encoding is None and not request.body.truncated:
        words += ["--data-raw", _quoted(request.body.text)]
    elif request.body is not None:
        words += ["--data-binary", "@body"]
    return " ".join(words)


def _quoted(body: str) -> str:
    """A body for the shell; carriage returns and their like as escapes, since nobody copies them."""
    if not _CONTROL.search(body):
        return quote(body)
    escaped = body.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _CONTROL_OR_LINE.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped) + "'"
