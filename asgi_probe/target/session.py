"""The exchange: one request, its redirects, its answer to the last byte, within its timeout; never an exception."""

from __future__ import annotations

from contextlib import aclosing
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar, cast

import anyio
from anyio.lowlevel import checkpoint

from asgi_probe.errors import UsageError
from asgi_probe.exchange import Answer, Failure, Hop, Sent
from asgi_probe.target.auth import FLOWING, AuthError, Flow
from asgi_probe.target.client import Client
from asgi_probe.target.cookies import Jar
from asgi_probe.target.decode import DecodingError, decoder_for
from asgi_probe.target.explain import EXPECTED, NoConnection, NoHandshake, NoProxy, explain
from asgi_probe.target.request import Composer, Unsendable, place_of
from asgi_probe.target.response import as_response
from asgi_probe.target.wire import Marks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from asgi_probe.exchange import Ask, FailureKind
    from asgi_probe.target import request
    from asgi_probe.target.base import Target
    from asgi_probe.target.decode import Decoder
    from asgi_probe.target.http import httpx
    from asgi_probe.target.live import LiveTransport
    from asgi_probe.target.rate import Pace
    from asgi_probe.target.said import Notes
    from asgi_probe.target.user_client import UserClient

Outcome = TypeVar("Outcome", Answer, Failure)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STEPS_AT_A_TIME = 16
"""How many steps of decompression may keep all others waiting."""


class Exchanger:
    """One for a run: how requests reach the target, with the target's own defaults, and others, without."""

    def __init__(self, target: Target) -> None:
        self.composer = Composer(target.base, target.defaults)
        self.pace = target.defaults.pace
        self.target = target
        self._client = Client(target.transport)
        self._elsewhere: LiveTransport | None = None
        self._elsewhere_client: Client | None = None

    def session(self, jar: Jar | None = None) -> Session:
        """A session of its own, which starts with the cookies of `jar`."""
        return Session(self, jar)

    def client(self, hop: request.Hop) -> Client:
        """What sends this request: on the target's transport, or over the network to anybody else."""
        if hop.address.own:
            return self._client
        if self._elsewhere_client is None:
            self._elsewhere_client = Client(self.elsewhere())
        return self._elsewhere_client

    def elsewhere(self) -> LiveTransport:
        """The transport to anybody else."""
        if self._elsewhere is None:
            from asgi_probe.target.live import elsewhere

            self._elsewhere = elsewhere(self.target)
        return self._elsewhere

    def over_network(self, hop: request.Hop) -> bool:
        """Whether this request is not for an app in process."""
        return not hop.address.own or self.target.kind == "live"

    async def aclose(self) -> None:
        """Close the connections to others than the target."""
        if self._elsewhere is not None:
            await self._elsewhere.aclose()


class Session:
    """One for a check: its cookies, and its requests one after the other."""

    def __init__(self, exchanger: Exchanger, jar: Jar | None = None) -> None:
        self.jar = jar.copy() if jar else Jar()
        self.exchanger = exchanger
        self.request: httpx.Request | None = None
        """The last that was sent."""
        self._client: UserClient | None = None

    @property
    def client(self) -> UserClient:
        """A client for the user's own code, with the cookies of this session."""
        if self._client is None or self._client.is_closed:
            from asgi_probe.target.user_client import UserClient

            self._client = UserClient(self.exchanger, self.jar)
        return self._client

    async def aclose(self) -> None:
        """Close what the user's own code was given."""
        if self._client is not None:
            await self._client.aclose()

    async def ask(self, ask: Ask) -> tuple[Sent, Answer | Failure]:
        """Send a request and read its whole answer; only cancellation is ever raised."""
        try:
            first = self.exchanger.composer.first(ask, self.jar)
        except (Unsendable, UnicodeError) as error:
            return _unsent(ask), Failure("protocol", f"the request cannot be sent: {error}")
        exchange = _Exchange(self.exchanger, self.jar, ask, first)
        with anyio.move_on_after(ask.timeout) as scope:
            exchange.scope = scope
            outcome = await exchange.run(first)
        took = exchange.took
        self.request = exchange.request
        if scope.cancelled_caught or took > ask.timeout:
            return exchange.sent, exchange.timed_out(None if scope.cancelled_caught else took)
        return exchange.sent, outcome


def _unsent(ask: Ask) -> Sent:
    return Sent(ask.method, ask.url, list(ask.headers), ask.body or b"")


class _Exchange:
    """One exchange as it goes: which answer is being read, how much of it has come."""

    def __init__(self, exchanger: Exchanger, jar: Jar, ask: Ask, first: request.Hop) -> None:
        self._exchanger = exchanger
        self._jar = jar
        self._ask = ask
        self._hop = first
        self._hops: list[Hop] = []
        self._set_cookies: list[str] = []
        self.scope: anyio.CancelScope
        self._started = perf_counter()
        self._began = 0.0
        self._ended = 0.0
        self.request: httpx.Request | None = None
        self._marks = Marks()
        self._notes: list[Notes] = []
        """What the app says, in process; its transport adds to them."""
        self._response: httpx.Response | None = None
        self._headers: list[tuple[str, str]] = []
        self._body: bytes | bytearray = b""
        self._size = 0
        self.sent = Sent(first.method, first.address.shown, first.headers, first.body or b"")

    @property
    def took(self) -> float:
        """Seconds since the start, without what was spent waiting for a turn."""
        return perf_counter() - self._started

    async def run(self, hop: request.Hop) -> Answer | Failure:
        """Send the request and those that it is redirected to, within `scope`."""
        try:
            while True:
                response = await self._send(hop)
                if response.status_code not in _REDIRECTS or not self._ask.max_hops:
                    return self._told(self._answer(response))
                hop = self._follow(response.status_code)
        except _Stopped as stop:
            return self._failed(stop.failure)
        except UsageError as error:  # the environment's proxy or authorities, needed only now
            return self._failed(Failure("connect", str(error)))
        except DecodingError as error:
            return self._failed(Failure("decode", str(error)))
        except EXPECTED as error:
            failure = explain(error, place_of(self._hop.address.url), self._marks)
            failure.refused = self._hop.address.own and isinstance(error, NoConnection | NoHandshake | NoProxy)
            return self._failed(failure)

    async def _send(self, hop: request.Hop) -> httpx.Response:
        """Send one request, and what its authentication sends besides, and read the last answer."""
        self._hop = hop
        if hop.credentials is None or hop.credentials.scheme not in FLOWING:
            return await self._exchange(hop, hop.request())
        try:
            return await self._authenticated(hop, Flow(hop.credentials))
        except AuthError as error:
            raise _Stopped(str(error), "protocol", error.error) from error

    async def _authenticated(self, hop: request.Hop, flow: Flow) -> httpx.Response:
        async with aclosing(flow):
            asked: httpx.Request | None = await flow.first(hop.request())
            while asked is not None:
                self._readdress(hop, asked)
                response = await self._exchange(hop, asked)
                asked = await flow.next(as_response(self._answer(response), asked))
        return response

    def _readdress(self, hop: request.Hop, asked: httpx.Request) -> None:
        """Take over what the authentication made of the request, or which other it sends first."""
        if asked.url != hop.address.url:
            try:
                hop.address = self._exchanger.composer.located(asked.url)
            except Unsendable as error:
                raise AuthError(f"the request cannot be sent: {error}") from error
            asked.url = hop.address.url
        if not self._hops:
            headers = [(name.decode("latin-1").lower(), _text(value)) for name, value in asked.headers.raw]
            self.sent = Sent(asked.method, hop.address.shown, headers, asked.content)

    async def _exchange(self, hop: request.Hop, request: httpx.Request) -> httpx.Response:
        self._response, self._headers, self._body, self._size = None, [], b"", 0
        self.request = request
        if self._exchanger.pace is not None and hop.address.own:
            await self._turn(self._exchanger.pace)
        marks = self._marks = request.extensions["marks"] = Marks()
        request.extensions["notes"] = self._notes
        began = perf_counter()
        response = await self._exchanger.client(hop).exchange(request)
        try:
            self._begin(response, hop)
            await self._read(response)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await response.aclose()
            raise
        self._began = self._began or marks.began or began
        self._ended = marks.ended or perf_counter()
        await response.aclose()
        return response

    async def _turn(self, pace: Pace) -> None:
        """Wait until this request may be sent; the time that takes is nobody's."""
        waiting, deadline = perf_counter(), self.scope.deadline
        self.scope.deadline = inf
        try:
            await pace.turn()
        finally:
            waited = perf_counter() - waiting
            self.scope.deadline = deadline + waited
            self._started += waited
            if self._began:
                self._began += waited

    def _begin(self, response: httpx.Response, hop: request.Hop) -> None:
        self._response = response
        self._headers = [(name.decode("latin-1").lower(), _text(value)) for name, value in response.headers.raw]
        set_cookies = [value for name, value in self._headers if name == "set-cookie"]
        if set_cookies:
            self._set_cookies += set_cookies
            self._jar.collect(hop.address.url, set_cookies)

    async def _read(self, response: httpx.Response) -> None:
        encodings = [value for name, value in self._headers if name == "content-encoding"]
        decoder: Decoder | None = None
        async with aclosing(_pieces(response)) as pieces:
            async for data in pieces:
                if not encodings:
                    self._keep(data)
                    continue
                if decoder is None and (decoder := decoder_for(encodings)) is None:
                    encodings = []
                    self._keep(data)
                    continue
                for step, piece in enumerate(decoder.feed(data)):
                    self._keep(piece)
                    if step % _STEPS_AT_A_TIME == _STEPS_AT_A_TIME - 1:
                        await checkpoint()
        if decoder is not None:
            decoder.finish()

    def _keep(self, data: bytes) -> None:
        room = self._ask.max_body - len(self._body)
        self._size += len(data)
        if not self._body:
            self._body = data[:room] if len(data) > room else data
        elif room > 0:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data[:room]

    def _follow(self, status: int) -> request.Hop:
        """The request that the answer redirects to."""
        url = self._hop.address.shown
        locations = [value for name, value in self._headers if name == "location"]
        if not locations:
            raise _Stopped(f"{url!r} answered {status} without a location to go to")
        if len(self._hops) >= self._ask.max_hops:
            most = f"{self._ask.max_hops} redirect{'s' * (self._ask.max_hops != 1)}"
            raise _Stopped(f"more than {most}: {url!r} wants to go on to {locations[0]!r}")
        self._hops.append(Hop(status, url))
        try:
            return self._exchanger.composer.next(self._hop, status, locations[0], self._jar)
        except (Unsendable, UnicodeError) as error:
            raise _Stopped(f"{url!r} redirects to {error}") from error

    def _answer(self, response: httpx.Response) -> Answer:
        return Answer(
            status=response.status_code,
            headers=self._headers,
            body=bytes(self._body),
            size=self._size,
            url=self._hop.address.shown,
            http_version=response.extensions.get("http_version", b"HTTP/1.1").decode(),
            time=max(self._ended - self._began, 0.0),
            hops=tuple(self._hops),
            set_cookies=tuple(self._set_cookies),
            app_error=response.extensions.get("app_error"),
            method=self._hop.method,
        )

    def _failed(self, failure: Failure) -> Failure:
        failure.time = perf_counter() - (self._began or self._marks.began or self._started)
        if self._response is not None:
            failure.partial = self._answer(self._response)
            failure.partial.time = failure.time
        return self._told(failure)

    def _told(self, outcome: Outcome) -> Outcome:
        """The outcome with what the app said, all hops."""
        outcome.said = tuple(said for notes in self._notes for said in notes.said(outcome.app_error))
        return outcome

    def _why_late(self) -> str:
        if self._exchanger.over_network(self._hop):
            return "which is too late"
        return "when the app no longer blocked the event loop"

    def timed_out(self, took: float | None) -> Failure:
        """The failure to be in time; `took` is how long it took where an answer came all the same."""
        limit = f"{self._ask.timeout:g} s"
        if self._response is not None and took is None:
            came = f"{self._size:,} byte{'s' * (self._size != 1)}"
            status = self._response.status_code
            message = f"the answer had begun ({status}) but its body did not end within {limit}; {came} had come"
        elif took is not None:
            message = f"no answer within {limit}; it came after {took:.3g} s, {self._why_late()}"
        elif self._marks.received:
            came = f"{self._marks.received:,} byte{'s' * (self._marks.received != 1)}"
            message = f"no answer within {limit}: only {came} of its headers had come"
        elif self._exchanger.over_network(self._hop) and not self._marks.began:
            message = f"no connection to {place_of(self._hop.address.url)} within {limit}"
        else:
            message = f"no answer within {limit}"
        return self._failed(Failure("timeout", message))


class _Stopped(Exception):  # noqa: N818 - no error of ours: the answer leads nowhere
    """An exchange that cannot go on after this answer."""

    def __init__(self, message: str, kind: FailureKind = "redirect", error: BaseException | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind, message, error)


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes, still encoded; httpx wraps our stream in an asynchronous generator."""
    return cast("AsyncGenerator[bytes, None]", aiter(cast("httpx.AsyncByteStream", response.stream)))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
