import json

import anyio
import pytest

from asgi_probe.exchange import Answer, Ask, Credentials, Failure
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.auth import Deferred, as_auth
from asgi_probe.target.base import Defaults
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.live import LiveTarget
from asgi_probe.target.session import Exchanger
from asgi_probe.target.user_client import open_client

pytestmark = pytest.mark.anyio


async def shop(scope, receive, send):
    """A shop that gives a token at /token and wants it everywhere else."""
    body = (await receive())["body"]
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    authorized = headers.get("authorization") in ("Bearer t1", "Bearer t2") or scope["path"] in ("/token", "/open")
    shown = {"path": scope["path"], "query": scope["query_string"].decode(), "headers": headers, "body": body.decode()}
    answer = b"t1" if scope["path"] == "/token" else json.dumps(shown).encode()
    extra = [(b"location", b"/open")] if scope["path"] == "/hop" else []
    status = (302 if extra else 200) if authorized else 401
    await send({"type": "http.response.start", "status": status, "headers": extra})
    await send({"type": "http.response.body", "body": answer})


class Login(httpx.Auth):
    """Fetches a token first, and keeps it."""

    requires_request_body = True
    requires_response_body = True

    def __init__(self):
        self.token = ""
        self.logins = 0

    def auth_flow(self, request):
        assert request.content is not None
        if not self.token:
            self.logins += 1
            answer = yield httpx.Request("POST", request.url.join("/token"), data={"user": "me"})
            assert answer.http_version == "HTTP/1.1"
            self.token = answer.text
        request.headers["authorization"] = f"Bearer {self.token}"
        yield request


def shop_target(**defaults):
    target = AppTarget(LoadedApp(shop, factory=False, reference="app"), lifespan="off", warn=lambda *_: None)
    target.defaults = Defaults(**defaults)
    return target


async def ask(target, url="/x", auth=None, **fields):
    exchanger = Exchanger(target)
    credentials = None if auth is None else Credentials("call", auth=auth)
    sent, outcome = await exchanger.session().ask(Ask("GET", url, credentials=credentials, **fields))
    await exchanger.aclose()
    return sent, outcome


async def test_a_flow_of_several_requests():
    auth = Login()
    async with shop_target() as target:
        for _ in range(2):
            sent, answer = await ask(target, "/x?a=1", auth, body=b"hi")
            assert (answer.status, json.loads(answer.body)["body"]) == (200, "hi")
            assert (sent.method, sent.url, sent.body) == ("GET", "http://testserver/x?a=1", b"hi")
            assert ("authorization", "Bearer t1") in sent.headers
            assert answer.url == sent.url
    assert auth.logins == 1


async def test_the_targets_own_auth_and_redirects():
    async with shop_target(credentials=Credentials("call", auth=Login())) as target:
        _, answer = await ask(target, "/hop", max_hops=1)
        assert [hop.url for hop in answer.hops] == ["http://testserver/hop"]
        assert json.loads(answer.body)["headers"]["authorization"] == "Bearer t1"
        _, without = await ask(target, without=frozenset({"authorization"}))
        assert without.status == 401


class Async(httpx.Auth):
    async def async_auth_flow(self, request):
        await anyio.sleep(0)
        request.headers["authorization"] = "Bearer t2"
        response = yield request
        await response.aread()
        assert response.json()["path"] == "/x"


def sign(request):
    request.url = request.url.copy_merge_params({"signature": "s"})
    request.headers["authorization"] = "Bearer t2"
    return request


@pytest.mark.parametrize("auth", [Async(), sign])
async def test_what_counts_as_an_auth(auth):
    async with shop_target() as target:
        sent, answer = await ask(target, auth=auth)
        assert answer.status == 200
        assert ("authorization", "Bearer t2") in sent.headers
        assert answer.url == sent.url
        query = "" if isinstance(auth, Async) else "signature=s"
        assert json.loads(answer.body)["query"] == sent.url.partition("?")[2] == query


def test_a_pair_is_basic():
    auth = as_auth(("me", "secret"))
    assert isinstance(auth, httpx.BasicAuth)


async def test_an_async_function_is_called_once_in_the_loop():
    calls = 0

    async def make():
        nonlocal calls
        calls += 1
        await anyio.sleep(0.01)
        if calls == 1:
            raise OSError("no login yet")
        return Login()

    credentials = Credentials("call", auth=Deferred(make))
    async with shop_target(credentials=credentials) as target:
        _, failure = await ask(target)
        assert failure.message == "the auth of its function raised OSError('no login yet')"
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask, target)
        assert (await ask(target))[1].status == 200
    assert calls == 2


class Raises(httpx.Auth):
    def __init__(self, after=0, error=None):
        self.after = after
        self.error = error or ValueError("mine")

    def auth_flow(self, request):
        for _ in range(self.after):
            yield request
        raise self.error


class Unclean(httpx.Auth):
    async def async_auth_flow(self, request):
        try:
            yield request
            yield 3
        finally:
            raise ValueError("on the way out")


class Breaks(httpx.Auth):
    def auth_flow(self, request):
        def body():
            yield b"sync"

        yield httpx.Request("POST", request.url, content=body())


@pytest.mark.parametrize(
    ("auth", "message", "raised"),
    [
        (Raises(), "the auth of 'Raises' raised ValueError('mine')", ValueError),
        (Raises(1), "the auth of 'Raises' raised ValueError('mine')", ValueError),
        (Raises(1, SystemExit(3)), "the auth of 'Raises' raised SystemExit(3)", SystemExit),
        (Unclean(), "the auth of 'Unclean' raised ValueError('on the way out')", ValueError),
        (Breaks(), "the request of the auth cannot be read: ", AssertionError),
        (lambda request: None, "<lambda>' gave None, expected an httpx.Request", None),
        (3, "the auth of its function raised TypeError('3 is no auth, expected an httpx.Auth", TypeError),
        (
            lambda request: httpx.Request("GET", "/relative"),
            "the request cannot be sent: '/relative' is no address to ask",
            None,
        ),
        (
            lambda request: httpx.Request("GET", request.url, headers={"authorization": "Bearer t\n"}),
            "the request cannot be sent: header 'authorization' holds a line break",
            None,
        ),
    ],
)
async def test_an_auth_that_fails(auth, message, raised):
    async with shop_target() as target:
        _, failure = await ask(target, auth=auth)
        assert isinstance(failure, Failure)
        assert failure.kind == "protocol"
        assert message in failure.message
        assert type(failure.app_error) is (raised or type(None))


async def test_an_auth_without_end_is_out_of_time():
    class Endless(httpx.Auth):
        def auth_flow(self, request):
            while True:
                yield request

    async with shop_target() as target:
        _, failure = await ask(target, auth=Endless(), timeout=0.2)
        assert failure.kind == "timeout"


async def test_it_stays_at_home_but_may_ask_another_for_its_token(server, other):
    seen = []

    class Elsewhere(httpx.Auth):
        def auth_flow(self, request):
            token = yield httpx.Request("GET", f"{other.base_url}/ok")
            seen.append((str(request.url), token.status_code))
            request.headers["authorization"] = "Bearer secret"
            yield request

    async with LiveTarget(server.base_url) as target:
        sent, answer = await ask(target, f"/redirect?to={other.base_url}/echo", Elsewhere(), max_hops=1)
    assert isinstance(answer, Answer), answer
    assert len(seen) == 1
    assert seen[0][1] == 200
    assert sent.url.startswith(server.base_url)
    assert server.requests[-1].header("authorization") == "Bearer secret"
    assert [request.header("authorization") for request in other.requests] == [None, None]


# the client of the user's own code


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (Credentials("bearer", "t1"), 200),
        (Credentials("call", auth=Login()), 200),
        (Credentials("call", auth=sign), 200),
        (Credentials("call", auth=Async()), 200),
        (Credentials("basic", "a", "b"), 401),
        (None, 401),
    ],
)
async def test_the_clients_credentials(credentials, expected):
    async with shop_target(credentials=credentials) as target, open_client(target) as client:
        assert (await client.get("/x")).status_code == expected
        assert (await client.get("/x", headers={"authorization": "Bearer t2"})).status_code == 200
        assert (await client.get("/x", auth=None)).status_code == 401
        assert (await client.get("/x", auth=("a", "b"))).status_code == 401
