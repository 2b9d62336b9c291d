"""From what a step asks to what is sent: URLs, headers, bodies, and where each of them may go."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import quote, unquote, unquote_plus

from asgi_probe import __version__
from asgi_probe.errors import UsageError
from asgi_probe.exchange import Credentials
from asgi_probe.target import decode
from asgi_probe.target.base import Defaults
from asgi_probe.target.client import UNTIMED
from asgi_probe.target.http import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from asgi_probe.exchange import Ask
    from asgi_probe.target.cookies import Jar

Pairs = list[tuple[str, str]]
Origin = tuple[str, str, int]
"""Scheme, host and port."""

_HOME_ONLY = frozenset({"authorization", "cookie", "proxy-authorization", "host"})
"""Headers that never go to another origin."""
_OF_BODY = ("content-", "transfer-encoding")
_SEE_OTHER = 303
_POST_BECOMES_GET = frozenset({301, 302})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_ADDRESSES_KEPT = 4096
_PORTS = {"http": 80, "https": 443}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLAIN = re.compile(r"(/[A-Za-z0-9_~/-]*)(?:\?([A-Za-z0-9_~=&-]+))?")
"""A path and a query in which nothing is escaped and no segment is a dot."""
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


_NO_DEFAULTS = Defaults()


class Unsendable(Exception):  # noqa: N818 - named for what it says of a request
    """A request that cannot be sent as it was rendered; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes; `own` says that it is the target itself, `inside` are credentials written into it."""

    url: httpx.URL
    shown: str
    host: str
    origin: Origin
    own: bool
    inside: Credentials | None


@dataclass(frozen=True, slots=True)
class Route:
    """What stays the same over all hops of an exchange: the step's wishes, and for which origin they are meant."""

    ask: Ask
    origin: Origin
    credentials: Credentials | None
    content_type: str | None


@dataclass(slots=True)
class Hop:
    """One request of an exchange, ready to be sent."""

    method: str
    address: Address
    headers: Pairs
    body: bytes | None
    route: Route
    credentials: Credentials | None

    def request(self) -> httpx.Request:
        """The request for a transport, with the headers as they are here and no others."""
        raw = [(name.encode(), value.encode()) for name, value in self.headers]
        stream = httpx.ByteStream(self.body or b"")
        request = httpx.Request(
            self.method, self.address.url, headers=raw, stream=stream, extensions={"timeout": UNTIMED}
        )
        request.read()  # makes `content` there for whoever asks
        return request


def origin_of(url: httpx.URL) -> Origin:
    """The origin of an address."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0)


def place_of(url: httpx.URL) -> str:
    """Host and port of an address, as people write them."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port or _PORTS.get(url.scheme, 0)}"


def credentials_in(url: httpx.URL) -> Credentials | None:
    """The user and password that are written into an address."""
    if not url.userinfo:
        return None
    user, _, password = url.userinfo.decode().partition(":")
    return Credentials("basic", unquote(user), unquote(password))


def masked(address: str) -> str:
    """An address as it was given, even a wrong one, its user and password masked."""
    return re.sub(r"(^|//)[^/@]*@", r"\1***@", address)


def without_credentials(url: httpx.URL) -> httpx.URL:
    """The same address, fit to be shown."""
    return url.copy_with(username=None, password=None) if url.userinfo else url


def _reference(url: httpx.URL) -> Any:
    """What httpx has parsed of a URL, if it is what we know how to change: a named tuple."""
    parsed = getattr(url, "_uri_reference", None)
    known = {"scheme", "userinfo", "host", "port", "path", "query", "fragment"}
    return parsed if set(getattr(parsed, "_fields", ())) == known else None


_TRACEPARENT = "traceparent"


class Composer:
    """Composes the requests of a run: knows the target's address and what every request there is given.

    Raises `UsageError` for headers of the target that no request could have.
    """

    def __init__(self, base: httpx.URL, defaults: Defaults = _NO_DEFAULTS) -> None:
        bare = without_credentials(base)
        self._origin = origin_of(bare)
        self._netloc = bare.netloc.decode()
        self._home = _reference(bare)
        self._path = bare.raw_path.partition(b"?")[0].decode("ascii").rstrip("/")
        self._prefix = str(bare.copy_with(query=None, fragment=None)).rstrip("/")
        self._credentials = defaults.credentials or credentials_in(base)
        self._params = list(defaults.params)
        self._elsewhere = [
            ("accept", "*/*"), ("accept-encoding", decode.offered()), ("user-agent", f"asgi-probe/{__version__}"),
        ]  # fmt: skip
        try:
            given = checked((name.lower(), value) for name, value in defaults.headers)
        except Unsendable as error:
            raise UsageError(f"the target's headers cannot be sent: {error}") from None
        names = {name for name, _ in given}
        self._traced = _TRACEPARENT in names
        self._own = [pair for pair in self._elsewhere if pair[0] not in names] + given
        self._addresses: dict[str, Address] = {}

    def address(self, ask: Ask) -> Address:
        """Where a step's request goes."""
        address = self._addresses.get(ask.url)
        if address is None:
            if len(self._addresses) >= _ADDRESSES_KEPT:
                self._addresses.clear()
            address = self._addresses[ask.url] = self._beneath(ask.url) or self._located(self._parsed(ask.url))
        params = ask.params
        if address.own and self._params:
            params = _merged(self._params, {name for name, _ in params} | ask.without_params) + params
        if not params:
            return address
        url = _with_params(address.url, params)
        return replace(address, url=url, shown=str(url))

    def _beneath(self, text: str) -> Address | None:
        """The address of a plain path of the target, without parsing it all anew; None where it is not plain.

        Parsing is the dearest part of a request in process. It is spared where httpx keeps a URL as it does today.
        """
        found = _PLAIN.fullmatch(text)
        if found is None or self._home is None:
            return None
        url = httpx.URL.__new__(httpx.URL)
        url._uri_reference = self._home._replace(path=self._path + found[1], query=found[2])  # noqa: SLF001 - see above
        return Address(url, self._prefix + text, self._netloc, self._origin, own=True, inside=None)

    def _parsed(self, text: str) -> httpx.URL:
        try:
            url = httpx.URL(text if _ABSOLUTE.match(text) else self._join(text))
        except (httpx.InvalidURL, ValueError) as error:
            # what it quotes may be a part of a secret, and those are masked as a whole
            reason = re.split(": ['\"]", str(error), maxsplit=1)[0]
            raise Unsendable(f"{text!r} is no address: {reason[:1].lower()}{reason[1:]}") from error
        if url.scheme not in _PORTS or not url.host:
            raise Unsendable(f"{text!r} is no address to ask, expected a path, http://… or https://…")
        return url.copy_with(fragment=None) if url.fragment else url

    def _join(self, path: str) -> str:
        if not path or path[0] in "/?#":
            return self._prefix + path
        return f"{self._prefix}/{path}"

    def owns(self, url: httpx.URL) -> bool:
        """Whether an address is the target's own."""
        return origin_of(url) == self._origin

    def credentials_for(self, url: httpx.URL) -> Credentials | None:
        """The target's credentials for a request that has none of its own; for others there are none."""
        return self._credentials if self.owns(url) else None

    def headers_for(self, url: httpx.URL) -> Pairs:
        """The headers that every request to `url` has, but for `host`."""
        return self._own if self.owns(url) else self._elsewhere

    def with_params(self, url: httpx.URL) -> httpx.URL:
        """The URL with the target's parameters, if it is the target's and has none of those names."""
        if not self._params or not self.owns(url):
            return url
        names = {_name_in(piece) for piece in url.query.decode().split("&")}
        return _with_params(url, _merged(self._params, names))

    def located(self, url: httpx.URL) -> Address:
        """The address of a URL that somebody else has made; raises `Unsendable`."""
        if url.scheme not in _PORTS or not url.host:
            raise Unsendable(f"{str(url)!r} is no address to ask, expected http://… or https://…")
        return self._located(url)

    def _located(self, url: httpx.URL) -> Address:
        inside = credentials_in(url)
        url = without_credentials(url)
        origin = origin_of(url)
        return Address(url, str(url), url.netloc.decode(), origin, origin == self._origin, inside)

    def first(self, ask: Ask, jar: Jar) -> Hop:
        """The request that a step asks for; raises `Unsendable`."""
        if not _is_token(ask.method):
            raise Unsendable(f"{ask.method!r} is no method, expected a word such as GET")
        address = self.address(ask)
        body, content_type = _body(ask)
        route = Route(ask, address.origin, ask.credentials or address.inside, content_type)
        return self._hop(route, ask.method, address, body, jar)

    def next(self, hop: Hop, status: int, location: str, jar: Jar) -> Hop:
        """The request that follows a redirect from `hop`; raises `Unsendable`."""
        try:
            url = hop.address.url.join(location).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError) as error:
            raise Unsendable(f"{location!r}, which is no address") from error
        if url.scheme not in _PORTS or not url.host:
            raise Unsendable(f"{location!r}, which is neither http nor https")
        method = _method_after(status, hop.method)
        body = hop.body if method == hop.method else None
        return self._hop(hop.route, method, self._located(url), body, jar)

    def _hop(self, route: Route, method: str, address: Address, body: bytes | None, jar: Jar) -> Hop:
        ask = route.ask
        home = address.origin == route.origin
        given = ask.headers
        if given and (not home or body is None):
            given = _fit(given, home=home, with_body=body is not None)
        taken = {name.lower() for name, _ in given} | ask.without
        credentials = None
        if "authorization" not in taken:
            credentials = (route.credentials if home else None) or (self._credentials if address.own else None)
        added = checked(given + _describing(body, route.content_type, method, taken))
        if credentials:
            added += authorization(credentials, address.url.host)
            taken.add("authorization")
        if "cookie" not in taken:
            added += cookie_header(jar.header(address.url), ask.cookies if home else {})
        if ask.traceparent and address.own and not self._traced and _TRACEPARENT not in taken:
            added.append((_TRACEPARENT, ask.traceparent))
        headers = [] if "host" in taken else [("host", address.host)]
        defaults = self._own if address.own else self._elsewhere
        headers += [pair for pair in defaults if pair[0] not in taken] if taken else defaults
        return Hop(method, address, headers + added, body, route, credentials)


def _fit(headers: Pairs, *, home: bool, with_body: bool) -> Pairs:
    """The step's own headers that may go along: secrets only home, what describes a body only with one."""
    return [
        (name, value)
        for name, value in headers
        if (home or name.lower() not in _HOME_ONLY) and (with_body or not name.lower().startswith(_OF_BODY))
    ]


def _method_after(status: int, method: str) -> str:
    if status == _SEE_OTHER and method != "HEAD":
        return "GET"
    return "GET" if status in _POST_BECOMES_GET and method == "POST" else method


def _body(ask: Ask) -> tuple[bytes, str | None]:
    if ask.parts is None:
        return ask.body or b"", ask.content_type
    from asgi_probe.target import multipart

    boundary = os.urandom(16).hex()
    for part in ask.parts:
        if part.content_type and _UNSENDABLE.search(part.content_type):
            raise Unsendable(f"the type of the part {part.name!r} holds a control character: {part.content_type!r}")
    return multipart.encode(ask.parts, boundary), f"multipart/form-data; boundary={boundary}"


def _describing(body: bytes | None, content_type: str | None, method: str, taken: AbstractSet[str]) -> Pairs:
    """The headers that describe the body, unless the step has its own."""
    if body is None or not (body or content_type or method in _WITH_BODY):
        return []
    headers = [("content-type", content_type)] if content_type and "content-type" not in taken else []
    if "content-length" not in taken and "transfer-encoding" not in taken:
        headers.append(("content-length", str(len(body))))
    return headers


def authorization(credentials: Credentials, host: str) -> Pairs:
    """The header that goes with the first request to `host`, if there is one; raises `Unsendable`."""
    match credentials.scheme:
        case "bearer":
            return checked([("authorization", f"Bearer {credentials.user}")])
        case "basic":
            return [("authorization", _basic(credentials.user, credentials.password))]
        case "netrc":
            found = _netrc(host)
            return [("authorization", _basic(*found))] if found else []
        case "digest" | "call":
            return []  # the server asks first, or the user's own code adds what it wants
        case scheme:
            assert_never(scheme)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _netrc(host: str) -> tuple[str, str] | None:
    from netrc import NetrcParseError, netrc

    path = os.environ.get("NETRC")
    try:
        found = netrc(path).authenticators(host)
    except FileNotFoundError:
        raise Unsendable(f"there is no netrc file at {path or '~/.netrc'!r} to take the password from") from None
    except (OSError, NetrcParseError, UnicodeError) as error:
        raise Unsendable(f"the netrc file {path or '~/.netrc'!r} cannot be read: {error}") from error
    return (found[0], found[2] or "") if found else None


def cookie_header(from_jar: str, added: dict[str, str]) -> Pairs:
    """The `cookie` header, if there is anything to send; `added` wins over the jar's. Raises `Unsendable`."""
    if added:
        kept = [pair for pair in from_jar.split("; ") if pair and pair.partition("=")[0] not in added]
        from_jar = "; ".join(kept + [f"{name}={value}" for name, value in added.items()])
    return checked([("cookie", from_jar)]) if from_jar else []


def checked(headers: Iterable[tuple[str, str]]) -> Pairs:
    """The headers as they can be sent, blanks around values taken off; raises `Unsendable`."""
    headers = list(headers)
    for index, (name, value) in enumerate(headers):
        if not _is_token(name):
            raise Unsendable(f"{name!r} is no name of a header")
        if _UNSENDABLE.search(value):
            raise Unsendable(f"header {name!r} holds {_culprit(value)}: {value!r}")
        if value != value.strip(" \t"):
            headers[index] = (name, value.strip(" \t"))
    return headers


@lru_cache(maxsize=1024)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


def _culprit(value: str) -> str:
    if "\n" in value or "\r" in value:
        return "a line break"
    return (
        "half a character" if any("\ud800" <= character <= "\udfff" for character in value) else "a control character"
    )


def _with_params(url: httpx.URL, params: Pairs) -> httpx.URL:
    """`url` with `params` in place of its own of the same name; the rest of the query stays byte for byte."""
    replaced = {name for name, _ in params}
    pieces = [piece for piece in url.query.decode().split("&") if piece and _name_in(piece) not in replaced]
    pieces += [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params]
    return url.copy_with(query="&".join(pieces).encode())


def _name_in(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def _merged(defaults: Pairs, names: AbstractSet[str]) -> Pairs:
    return [pair for pair in defaults if pair[0] not in names]
