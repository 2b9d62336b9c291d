"""Authentication that takes more than a header: digest, and what the user's own code does."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.target.http import httpx
from asgi_probe.target.request import Unsendable, authorization, checked
from asgi_probe.target.tasks import apart, is_cancellation
from asgi_probe.target.tracebacks import in_a_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from asgi_probe.exchange import Credentials
    from asgi_probe.target.request import Composer

FLOWING = frozenset({"digest", "call"})
"""The schemes that may send more than one request."""
_CLOSING = 1.0
"""Seconds that an auth gets to clean up, also when its request was cancelled."""


class AuthError(Exception):
    """An authentication that cannot go on; `error` is what the user's own code raised, if it did."""

    def __init__(self, message: str, error: BaseException | None = None) -> None:
        super().__init__(message)
        self.error = error


class Deferred:
    """The auth that an async function gives: called once, in the loop, by the first request that needs it."""

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self._function = function
        self._turn = anyio.Lock()
        self._made: tuple[Any] | None = None

    async def auth(self) -> Any:
        """What the function gave; raises what it raises, and is called again then."""
        async with self._turn:
            if self._made is None:
                self._made = (await self._function(),)
        return self._made[0]


async def auth_of(credentials: Credentials) -> httpx.Auth:
    """The `httpx.Auth` behind credentials of a scheme in `FLOWING`; a TypeError for what is none."""
    if credentials.scheme == "digest":
        return httpx.DigestAuth(credentials.user, credentials.password)
    given = credentials.auth
    return as_auth(await given.auth() if isinstance(given, Deferred) else given)


def as_auth(given: Any) -> httpx.Auth:
    """What httpx takes for an auth, as one; a TypeError for anything else."""
    match given:
        case httpx.Auth():
            return given
        case (str() | bytes() as user, str() | bytes() as password):
            return httpx.BasicAuth(user, password)
        case _ if callable(given):
            return _FunctionAuth(given)
    raise TypeError(
        f"{given!r} is no auth, expected an httpx.Auth, a pair of user and password or a function of the request"
    )


class _FunctionAuth(httpx.Auth):
    """A function that takes the request and gives it back, as httpx allows."""

    def __init__(self, function: Callable[[httpx.Request], httpx.Request]) -> None:
        self.function = function

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield self.function(request)


class Flow:
    """The requests of one exchange as its auth makes them, ready to be sent; raises `AuthError`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._name = "its function"
        self._requests = _nothing()

    async def first(self, request: httpx.Request) -> httpx.Request:
        """The first request to send."""
        try:
            found = await self._done(self._begin(request))
        except BaseException as error:
            if is_cancellation(error):
                raise
            raise AuthError(f"the auth of {self._name} raised {in_a_line(error)}", error) from error
        return await self._sendable(found)

    async def next(self, response: httpx.Response) -> httpx.Request | None:
        """The request that follows this answer; None when the answer is the last."""
        try:
            found = await self._done(self._requests.asend(response))
        except StopAsyncIteration:
            return None
        except BaseException as error:
            if is_cancellation(error):
                raise
            if self._credentials.scheme == "digest":  # httpx raises KeyError and more where a challenge makes no sense
                challenge = response.headers.get("www-authenticate", "")
                raise AuthError(f"the digest challenge makes no sense: {challenge!r}") from error
            raise AuthError(f"the auth of {self._name} raised {in_a_line(error)}", error) from error
        return await self._sendable(found)

    async def aclose(self) -> None:
        """Let the auth clean up."""
        try:
            with anyio.move_on_after(_CLOSING, shield=True):
                await self._done(self._requests.aclose())
        except BaseException as error:
            if is_cancellation(error):
                raise
            raise AuthError(f"the auth of {self._name} raised {in_a_line(error)}", error) from error

    async def _begin(self, request: httpx.Request) -> Any:
        auth = await auth_of(self._credentials)
        self._name = _name_of(auth)
        self._requests = auth.async_auth_flow(request)
        return await anext(self._requests)

    async def _done(self, part: Awaitable[Any]) -> Any:
        """What a part of it gives; what the user's own code does to its task is not done to ours."""
        if self._credentials.scheme != "call":
            return await part
        ended = await apart(_awaiting(part), inf)
        if ended.raised is not None:
            raise ended.raised
        return ended.value

    async def _sendable(self, found: Any) -> httpx.Request:
        if not isinstance(found, httpx.Request):
            raise AuthError(f"the auth of {self._name} gave {in_a_line(found)}, expected an httpx.Request")
        try:
            checked((name.decode("latin-1"), value.decode("latin-1")) for name, value in found.headers.raw)
            await found.aread()
        except Unsendable as error:
            raise AuthError(f"the request cannot be sent: {error}") from error
        except Exception as error:
            raise AuthError(f"the request of the auth cannot be read: {in_a_line(error)}", error) from error
        return found


async def _awaiting(part: Awaitable[Any]) -> Any:
    return await part


async def _nothing() -> AsyncGenerator[httpx.Request, httpx.Response]:
    """The requests of an auth that could not be made."""
    return
    yield


def _name_of(auth: httpx.Auth) -> str:
    named = auth.function if isinstance(auth, _FunctionAuth) else type(auth)
    return repr(getattr(named, "__qualname__", type(named).__qualname__))


class TargetAuth(httpx.Auth):
    """A target's own credentials as httpx wants them; requests to others, and what is authorized already, stay."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with its credentials, and what a digest or the user's own code sends after it."""
        credentials = None if "authorization" in request.headers else self._composer.credentials_for(request.url)
        if credentials is None or credentials.scheme not in FLOWING:
            request.headers.update(authorization(credentials, request.url.host) if credentials else ())
            yield request
            return
        requests = (await auth_of(credentials)).async_auth_flow(request)
        try:
            found = await anext(requests)
            while True:
                response = yield found
                try:
                    found = await requests.asend(response)
                except StopAsyncIteration:
                    return
        finally:
            await requests.aclose()
