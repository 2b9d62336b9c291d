import errno
import inspect
import socket
import ssl

import httpcore
import pytest

from asgi_probe.exchange import FAILURE_KINDS
from asgi_probe.target.explain import (
    EXPECTED,
    KINDS,
    NoConnection,
    NoHandshake,
    NoProxy,
    SpeaksTLS,
    explain,
    kind_of,
)
from asgi_probe.target.failures import AppExited, BrokenAnswer
from asgi_probe.target.http import httpx
from asgi_probe.target.lines import _translated
from asgi_probe.target.wire import Marks

PLACE = "shop.example:8000"


def exceptions_of(module):
    classes = (getattr(module, name) for name in module.__all__)
    return [each for each in classes if inspect.isclass(each) and issubclass(each, Exception)]


EXPECTED_KINDS = {
    "CloseError": "protocol",
    "ConnectError": "connect",
    "ConnectTimeout": "timeout",
    "ConnectionNotAvailable": "protocol",
    "CookieConflict": "protocol",
    "DecodingError": "decode",
    "HTTPError": "protocol",
    "HTTPStatusError": "protocol",
    "InvalidURL": "protocol",
    "LocalProtocolError": "protocol",
    "NetworkError": "protocol",
    "PoolTimeout": "timeout",
    "ProtocolError": "protocol",
    "ProxyError": "connect",
    "ReadError": "protocol",
    "ReadTimeout": "timeout",
    "RemoteProtocolError": "protocol",
    "RequestError": "protocol",
    "RequestNotRead": "protocol",
    "ResponseNotRead": "protocol",
    "StreamClosed": "protocol",
    "StreamConsumed": "protocol",
    "StreamError": "protocol",
    "TimeoutException": "timeout",
    "TooManyRedirects": "redirect",
    "TransportError": "protocol",
    "UnsupportedProtocol": "protocol",
    "WriteError": "protocol",
    "WriteTimeout": "timeout",
}


@pytest.mark.parametrize("each", exceptions_of(httpx), ids=lambda each: each.__name__)
def test_every_exception_of_httpx_has_a_kind(each):
    error = each.__new__(each)
    assert isinstance(error, EXPECTED)
    assert any(base in KINDS for base in each.__mro__)
    assert kind_of(error) == EXPECTED_KINDS[each.__name__]


@pytest.mark.parametrize("each", exceptions_of(httpcore), ids=lambda each: each.__name__)
def test_every_exception_of_httpcore_has_a_kind(each):
    error = _translated(each("reason"))
    assert isinstance(error, httpx.TransportError)
    assert kind_of(error) == EXPECTED_KINDS[each.__name__]


def test_exceptions_of_ours_are_among_the_expected():
    for error in (NoConnection(PLACE), NoProxy(PLACE), NoHandshake(PLACE), SpeaksTLS(""), BrokenAnswer("")):
        assert isinstance(error, EXPECTED)
    assert not isinstance(KeyError(), EXPECTED)


def caused(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def os_error(code: int) -> OSError:
    return OSError(code, "The Reason")


def certificate_error(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (caused(NoConnection(PLACE), os_error(errno.ECONNREFUSED)), "connect",
         "connection refused by shop.example:8000: is the server running?"),
        (caused(NoConnection(PLACE), socket.gaierror(socket.EAI_NONAME, "Name or service not known")), "connect",
         "no such host: 'shop.example' has no address"),
        (caused(NoConnection(PLACE), socket.gaierror(socket.EAI_AGAIN, "Temporary failure")), "connect",
         "the name 'shop.example' could not be looked up: temporary failure"),
        (caused(NoConnection(PLACE), UnicodeError("label too long")), "connect",
         "no such host: 'shop.example' is no name that could be looked up"),
        (caused(NoConnection("/run/no.sock"), os_error(errno.ENOENT)), "connect",
         "there is no socket at /run/no.sock: is the server running?"),
        (caused(NoConnection(PLACE), os_error(errno.ENETUNREACH)), "connect",
         "shop.example:8000 is unreachable: the Reason"),
        (caused(NoConnection(PLACE), os_error(errno.ETIMEDOUT)), "connect",
         "no connection to shop.example:8000: the Reason"),
        (NoConnection(PLACE), "connect", "no connection to shop.example:8000"),
        (NoProxy(PLACE, "it answered 407 Proxy Authentication Required"), "connect",
         "the proxy shop.example:8000 did not let the request through: it answered 407 Proxy Authentication Required"),
        (caused(NoProxy(PLACE), os_error(errno.ECONNREFUSED)), "connect",
         "the proxy cannot be used (of --proxy, else of HTTP_PROXY and its kin; "
         "NO_PROXY names hosts to ask without it): "
         "connection refused by shop.example:8000: is the server running?"),
        (caused(NoHandshake(PLACE), certificate_error("self-signed certificate")), "tls",
         f"the certificate of {PLACE} is not to be trusted: self-signed certificate; "
         "name its authority with --cacert (in the configuration `verify`)"),
        (caused(NoHandshake(PLACE), tls_error("WRONG_VERSION_NUMBER")), "tls",
         "shop.example:8000 does not speak TLS: is it http:// rather than https://?"),
        (caused(NoHandshake(PLACE), tls_error("TLSV1_ALERT_PROTOCOL_VERSION")), "tls",
         "the TLS handshake with shop.example:8000 failed: tlsv1 alert protocol version"),
        (caused(NoHandshake(PLACE), EOFError()), "tls",
         "shop.example:8000 closed the connection during the TLS handshake"),
        (caused(NoHandshake(PLACE), os_error(errno.ECONNRESET)), "tls",
         "shop.example:8000 closed the connection during the TLS handshake"),
        (SpeaksTLS(""), "tls", "shop.example:8000 answered a plain request with TLS: is it https:// rather than http://?"),
        (caused(httpx.ReadError("x"), tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED")), "tls",
         "shop.example:8000 broke off TLS: tlsv13 alert certificate required"),
        (httpx.LocalProtocolError("Too little data for declared Content-Length."), "protocol",
         "the request cannot be sent: too little data for declared Content-Length"),
        (httpx.ReadTimeout("slow"), "timeout", "no answer of shop.example:8000: slow"),
        (httpx.DecodingError("Bad data"), "decode", "no answer of shop.example:8000: bad data"),
        (httpx.ConnectError("All attempts failed"), "connect", "no answer of shop.example:8000: all attempts failed"),
        (httpx.RemoteProtocolError("something else."), "protocol",
         "shop.example:8000 broke the protocol: something else"),
        (httpx.RemoteProtocolError("received server _SWITCH_UPGRADE event without a pending proposal"), "protocol",
         "shop.example:8000 switched protocols without being asked to"),
    ],
)  # fmt: skip
def test_sentences(error, kind, message):
    failure = explain(error, PLACE, Marks(received=1))
    assert (failure.kind, failure.message) == (kind, message)
    assert failure.kind in FAILURE_KINDS


@pytest.mark.parametrize(
    ("error", "received", "kind", "message"),
    [
        (httpx.RemoteProtocolError("disconnected"), 0, "connect",
         "shop.example:8000 closed the connection before the first byte of an answer"),
        (caused(httpx.ReadError(""), ConnectionResetError(104, "x")), 0, "connect",
         "shop.example:8000 reset the connection before the first byte of an answer"),
        (caused(httpx.ReadError(""), ConnectionResetError(104, "x")), 1, "protocol",
         "shop.example:8000 reset the connection in mid-answer, after 1 byte"),
        (caused(httpx.ReadError(""), ConnectionResetError(104, "x")), 1234, "protocol",
         "shop.example:8000 reset the connection in mid-answer, after 1,234 bytes"),
        (httpx.RemoteProtocolError("disconnected"), 5, "protocol",
         "shop.example:8000 closed the connection in the middle of the answer's headers"),
    ],
)  # fmt: skip
def test_how_much_had_come_decides(error, received, kind, message):
    failure = explain(error, PLACE, Marks(received=received))
    assert (failure.kind, failure.message) == (kind, message)


@pytest.mark.parametrize("broken", [BrokenAnswer, AppExited])
def test_an_app_that_breaks_off_gives_its_exception(broken):
    cause = ZeroDivisionError("x")
    failure = explain(broken("the app broke off", cause), PLACE, Marks())
    assert (failure.kind, failure.message, failure.app_error) == ("protocol", "the app broke off", cause)


def test_what_came_is_quoted_but_not_at_length():
    failure = explain(httpx.RemoteProtocolError(f"illegal status line: {b'x' * 500!r}"), PLACE, Marks(received=500))
    assert failure.message.startswith("what shop.example:8000 sent is not HTTP: 'xxx")
    assert len(failure.message) < 150
