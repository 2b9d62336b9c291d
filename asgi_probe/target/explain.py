"""The one place where exceptions of httpx, httpcore, sockets and TLS become failures with words for people."""

from __future__ import annotations

import errno
import re
import socket
from typing import TYPE_CHECKING

from asgi_probe.exchange import Failure
from asgi_probe.target.failures import AppExited, BrokenAnswer
from asgi_probe.target.http import httpx

if TYPE_CHECKING:
    from asgi_probe.exchange import FailureKind
    from asgi_probe.target.wire import Marks

KINDS: dict[type[Exception], FailureKind] = {
    httpx.TimeoutException: "timeout",
    httpx.ProxyError: "connect",
    httpx.ConnectError: "connect",
    httpx.TooManyRedirects: "redirect",
    httpx.DecodingError: "decode",
    httpx.HTTPError: "protocol",
    httpx.StreamError: "protocol",
    httpx.InvalidURL: "protocol",
    httpx.CookieConflict: "protocol",
    OSError: "connect",
}
"""The kind of each exception by its nearest class, where nothing more is known of it."""

EXPECTED: tuple[type[Exception], ...] = (*KINDS, EOFError)
"""What a transport may raise for a reason that lies with the target; anything else is a bug of ours."""


class NoConnection(httpx.ConnectError):
    """Nobody could be reached at `place`; the cause is an `OSError`."""

    def __init__(self, place: str) -> None:
        super().__init__(f"no connection to {place}")
        self.place = place


class NoProxy(httpx.ProxyError):
    """The proxy at `place` could not be reached, or would not let us through, for `reason`."""

    def __init__(self, place: str, reason: str = "") -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


class NoHandshake(httpx.ConnectError):
    """TLS could not be agreed upon with `place`; the cause is an `ssl.SSLError`, an `OSError` or an `EOFError`."""

    def __init__(self, place: str) -> None:
        super().__init__(f"no TLS with {place}")
        self.place = place


class SpeaksTLS(httpx.ConnectError):
    """A plain request was answered in TLS."""


def explain(error: Exception, place: str, marks: Marks) -> Failure:
    """Why `error` came instead of an answer of `place`, given what had been sent and received by then."""
    match error:
        case BrokenAnswer() | AppExited():
            return Failure("protocol", str(error), error.app_error)
        case NoConnection():
            return Failure("connect", _no_connection(error.__cause__, error.place))
        case NoProxy():
            return Failure("connect", _no_proxy(error))
        case NoHandshake():
            return Failure("tls", _no_handshake(error.__cause__, error.place))
        case SpeaksTLS():
            return Failure("tls", f"{place} answered a plain request with TLS: is it https:// rather than http://?")
        case httpx.LocalProtocolError() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return Failure("protocol", f"the request cannot be sent: {_lower(str(error))}")
        case _ if _is_tls(error.__cause__):
            return Failure("tls", f"{place} broke off TLS: {_tls_reason(error.__cause__)}")
    kind = kind_of(error)
    if kind != "protocol":
        return Failure(kind, f"no answer of {place}: {_reason(error)}")
    return _broken(error, place, marks)


def kind_of(error: Exception) -> FailureKind:
    """The kind of failure that an exception is by its class alone."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), "protocol")


def _broken(error: Exception, place: str, marks: Marks) -> Failure:
    reset = _find_os_error(error)
    verb = "reset" if isinstance(reset, ConnectionResetError | BrokenPipeError) else "closed"
    if not marks.received and _is_end(error):
        return Failure("connect", f"{place} {verb} the connection before the first byte of an answer")
    if reset is not None:
        count = f"{marks.received:,} byte{'s' * (marks.received != 1)}"
        return Failure("protocol", f"{place} {verb} the connection in mid-answer, after {count}")
    return Failure("protocol", _framing(str(error), place))


def _is_end(error: Exception) -> bool:
    return isinstance(error, httpx.NetworkError | EOFError) or "disconnected" in str(error)


def _find_os_error(error: BaseException | None) -> OSError | None:
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return error


_FRAMING = (
    (r"illegal status line: (?:bytearray\()?(b.*?)\)?$", "what {place} sent is not HTTP: {0}"),
    (r"peer closed connection without sending complete message body \(received (\d+) bytes, expected (\d+)\)",
     "{place} closed the connection in mid-answer: {0} of {1} bytes of the body had come"),
    (r"peer closed connection without sending complete message body \(incomplete chunked read\)",
     "{place} closed the connection in mid-answer, before the last chunk of the body"),
    (r"peer unexpectedly closed connection", "{place} closed the connection in the middle of the answer's headers"),
    (r"disconnected", "{place} closed the connection in the middle of the answer's headers"),
    (r"receive buffer too long", "the headers of {place} are too large: more than 100 KiB came without an end"),
    (r"illegal chunk header: (?:bytearray\()?(b.*?)\)?$", "{place} broke the body's chunks: {0} is no chunk's length"),
    (r"malformed chunk footer: (?:bytearray\()?(b.*?)\)?(?: \(.*)?$",
     "{place} broke the body's chunks: {0} came where a line should end"),
    (r"illegal header line: (?:bytearray\()?(b.*?)\)?$", "{place} sent a line that is no header: {0}"),
    (r"_SWITCH_", "{place} switched protocols without being asked to"),
    (r"conflicting content-length", "{place} sent two different content-lengths"),
    (r"bad content-length", "{place} sent a content-length that is no number"),
)  # fmt: skip
"""h11's words, and ours for them."""
_LONGEST_EXCERPT = 80


def _framing(message: str, place: str) -> str:
    for pattern, words in _FRAMING:
        if found := re.search(pattern, message, re.IGNORECASE | re.DOTALL):
            return words.format(*map(_excerpt, found.groups()), place=place)
    return f"{place} broke the protocol: {_excerpt(_lower(message))}"


def _excerpt(text: str) -> str:
    text = text.removeprefix("b") if text[:2] in {"b'", 'b"'} else text
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}…"


def _no_connection(error: BaseException | None, place: str) -> str:
    match error:
        case socket.gaierror(errno=socket.EAI_NONAME):
            return f"no such host: {_host(place)!r} has no address"
        case socket.gaierror():
            return f"the name {_host(place)!r} could not be looked up: {_lower(error.strerror or str(error))}"
        case UnicodeError():
            return f"no such host: {_host(place)!r} is no name that could be looked up"
        case ConnectionRefusedError():
            return f"connection refused by {place}: is the server running?"
        case FileNotFoundError():
            return f"there is no socket at {place}: is the server running?"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.EADDRNOTAVAIL):
            return f"{place} is unreachable: {_reason(error)}"
        case None:
            return f"no connection to {place}"
    return f"no connection to {place}: {_reason(error)}"


_PROXY = " (of --proxy, else of HTTP_PROXY and its kin; NO_PROXY names hosts to ask without it)"


def _no_proxy(error: NoProxy) -> str:
    if not error.reason:
        return f"the proxy cannot be used{_PROXY}: {_no_connection(error.__cause__, error.place)}"
    return f"the proxy {error.place} did not let the request through: {error.reason}"


_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})


def _no_handshake(error: BaseException | None, place: str) -> str:
    if not _is_tls(error):
        return f"{place} closed the connection during the TLS handshake"
    verify_message = getattr(error, "verify_message", None)
    if verify_message:
        why = f"the certificate of {place} is not to be trusted: {_lower(verify_message)}"
        return f"{why}; name its authority with --cacert (in the configuration `verify`)"
    if getattr(error, "reason", None) in _NOT_TLS:
        return f"{place} does not speak TLS: is it http:// rather than https://?"
    return f"the TLS handshake with {place} failed: {_tls_reason(error)}"


def _is_tls(error: BaseException | None) -> bool:
    # by its module, so that nobody imports ssl who asks no https
    return error is not None and any(base.__module__ == "ssl" for base in type(error).__mro__)


def _tls_reason(error: BaseException | None) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).lower().replace("_", " ")


def _reason(error: BaseException) -> str:
    cause = _find_os_error(error)
    text = (cause.strerror if cause is not None else None) or str(error) or type(error).__name__
    return _excerpt(_lower(text))


def _host(place: str) -> str:
    return place.rpartition(":")[0] or place


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
