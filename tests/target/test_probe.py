import gzip
import json
from datetime import timedelta

import anyio
import pytest

from asgi_probe import __version__
from asgi_probe.exchange import Answer, Ask, Credentials
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.base import Defaults
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.live import LiveTarget
from asgi_probe.target.probe import Probe, ProbeTarget, probe_for
from asgi_probe.target.session import Exchanger
from asgi_probe.target.user_client import open_client

pytestmark = pytest.mark.anyio


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    path, query = scope["path"], scope["query_string"].decode()
    if path == "/slow":
        await anyio.sleep(5)
    status, extra, answer = 200, [], b""
    if path == "/hop":
        status, extra = 302, [(b"location", query.encode())]
    elif path == "/cookie":
        extra = [(b"set-cookie", query.encode())]
    elif path == "/gzip":
        extra, answer = [(b"content-encoding", b"gzip"), (b"x-name", "grün".encode())], gzip.compress(b'{"a": 1}')
    else:
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        answer = json.dumps({"query": query, "headers": headers, "body": body.decode()}).encode()
    await send({"type": "http.response.start", "status": status, "headers": extra})
    if path == "/stuck":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await anyio.sleep(5)
    if path == "/stream":
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * 70_000, "more_body": True})
        answer = b""
    await send({"type": "http.response.body", "body": answer})


def in_process(**defaults):
    target = AppTarget(LoadedApp(app, factory=False, reference="shop:app"), lifespan="off", warn=lambda *_: None)
    target.defaults = Defaults(**defaults)
    return target


async def asked(session, url="/x", **fields):
    _, answer = await session.ask(Ask("POST" if "body" in fields else "GET", url, **fields))
    assert isinstance(answer, Answer), answer
    return answer


async def test_what_a_hook_gets():
    async with in_process() as target:
        session = Exchanger(target).session()
        answer = await asked(session, "/x?a=1", body=b"hi")
        scope = {"id": 1}
        probe = probe_for(session, scope, answer, target)
        scope["more"] = 2
        assert dict(probe.vars) == {"id": 1, "more": 2}
        with pytest.raises(TypeError):
            probe.vars["id"] = 3
        assert probe.app is app
        assert probe.target == ProbeTarget("app", "app", "shop:app", "http://testserver")
        response = probe.response
        assert response is probe.response
        assert response.json()["body"] == "hi"
        assert (response.status_code, response.http_version, response.history) == (200, "HTTP/1.1", [])
        assert response.elapsed == timedelta(seconds=answer.time)
        assert response.elapsed.total_seconds() > 0
        assert (response.request.method, str(response.request.url)) == ("POST", "http://testserver/x?a=1")
        assert response.request.content == b"hi"
        assert response.raise_for_status() is response
        await session.aclose()


async def test_the_response_is_that_of_the_last_hop_and_decoded_once():
    async with in_process() as target:
        session = Exchanger(target).session()
        answer = await asked(session, "/hop?/gzip", max_hops=1)
        response = probe_for(session, {}, answer, target).response
        assert response.json() == {"a": 1}
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["x-name"] == "grün"
        assert response.url == "http://testserver/gzip"
        assert b"".join([piece async for piece in response.aiter_bytes()]) == response.content
        answer = await asked(session, "/cookie?a=1")
        assert probe_for(session, {}, answer, target).response.cookies["a"] == "1"


async def test_without_an_answer():
    async with in_process() as target:
        session = Exchanger(target).session()
        assert probe_for(session, {}, None, target).response is None
        answer = Answer(204, [], b"", 0, "http://testserver/")
        assert str(probe_for(session, {}, answer, target).response.request.url) == "http://testserver/"


async def test_there_is_no_app_in_a_live_run(server):
    async with LiveTarget(server.base_url.replace("//", "//u:p@") + "/", name="near") as target:
        probe = probe_for(Exchanger(target).session(), {}, None, target)
        message = r"^there is no app in a live run; `when: \{target: app\}` skips the check there$"
        with pytest.raises(AttributeError, match=message):
            probe.app  # noqa: B018
        assert probe.target == ProbeTarget("near", "live", server.base_url, server.base_url)
        response = await probe.client.get("echo?a=1")
        assert response.json()["target"] == "/echo?a=1"
        assert response.request.headers["authorization"].startswith("Basic ")


def test_a_probe_for_a_unit_test():
    response = httpx.Response(200, json=[1])
    probe = Probe(vars={"id": 1}, response=response, app="app")
    assert (probe.vars["id"], probe.response, probe.app, probe.target.kind) == (1, response, "app", "app")
    with pytest.raises(AttributeError, match="this probe was made without a client"):
        probe.client  # noqa: B018
    assert Probe().response is None


async def test_a_client_of_ones_own_in_a_unit_test():
    async with httpx.AsyncClient() as client:
        assert Probe(client=client).client is client


async def test_cookies_are_shared_in_both_directions():
    async with in_process() as target:
        exchanger = Exchanger(target)
        session = exchanger.session()
        await asked(session, "/cookie?a=1")
        client = probe_for(session, {}, None, target).client
        assert client.cookies["a"] == "1"
        seen = (await client.get("/x", headers={"cookie": "a=own; b=2"})).json()
        assert [value for name, value in seen["headers"] if name == "cookie"] == ["a=own; b=2"]
        assert (await client.get("/cookie?c=3")).cookies["c"] == "3"
        seen = (await client.get("/hop?/x", follow_redirects=True)).json()
        assert ["cookie", "a=1; c=3"] in seen["headers"]
        client.cookies.set("d", "4")
        seen = json.loads((await asked(session)).body)
        assert ["cookie", "a=1; c=3; d=4"] in [[name, "; ".join(sorted(v.split("; ")))] for name, v in seen["headers"]]
        fresh = exchanger.session()
        assert not any(name == "cookie" for name, _ in json.loads((await asked(fresh)).body)["headers"])


async def test_the_client_is_made_once_and_closing_it_closes_nothing_else():
    async with in_process() as target:
        session = Exchanger(target).session()
        probe = probe_for(session, {}, None, target)
        client = probe.client
        assert client is probe.client
        async with client:
            assert (await client.get("/x")).status_code == 200
        assert client.is_closed
        assert (await probe.client.get("/x")).status_code == 200
        await session.aclose()
        assert (await asked(session)).status == 200
        await session.aclose()


async def test_defaults_go_to_the_target_and_nobody_else(server, other):
    defaults = Defaults(
        headers=(("x-key", "k"), ("user-agent", "mine")),
        params=(("tenant", "acme"), ("page", "1")),
        credentials=Credentials("bearer", "t"),
    )
    async with LiveTarget(server.base_url, defaults=defaults) as target, open_client(target) as client:
        seen = (await client.get("/echo", params={"page": "2"}, headers={"accept": "text/html"})).json()
        assert seen["target"] == "/echo?page=2&tenant=acme"
        headers = dict(seen["headers"])
        assert {name: headers[name] for name in ("x-key", "user-agent", "accept", "authorization")} == {
            "x-key": "k", "user-agent": "mine", "accept": "text/html", "authorization": "Bearer t",
        }  # fmt: skip
        assert (await client.get(f"{server.base_url}/echo")).json()["target"] == "/echo?tenant=acme&page=1"
        there = f"{other.base_url}/echo"
        for url in (there, f"/redirect?to={there}&cookie=a%3D1"):
            seen = (await client.get(url, follow_redirects=True)).json()
            assert seen["target"] == "/echo"
            headers = {name.lower(): value for name, value in seen["headers"]}
            assert headers.keys() == {"host", "accept", "accept-encoding", "user-agent"}
            assert headers["user-agent"] == f"asgi-probe/{__version__}"
        assert (await client.get(f"{other.base_url}/redirect?to=/echo")).status_code == 302


async def test_bodies_are_streamed_both_ways():
    async def body():
        for piece in (b"a", b"b"):
            yield piece

    async with in_process() as target, open_client(target) as client:
        assert (await client.post("/x", content=body())).json()["body"] == "ab"
        assert (await client.post("/x", json={"a": 1})).json()["body"] == '{"a":1}'
        assert "x.txt" in (await client.post("/x", files={"f": ("x.txt", b"1")})).json()["body"]
        async with client.stream("GET", "/stream") as response:
            assert sum([len(piece) async for piece in response.aiter_raw()]) == 210_000
        async with client.stream("GET", "/stream") as response:
            assert response.status_code == 200  # and is left in the middle
        assert (await client.get("/gzip")).json() == {"a": 1}


@pytest.mark.parametrize(
    ("path", "message"), [("/slow", "no answer within 0.2 s"), ("/stuck", "nothing of the body within 0.2 s")]
)
async def test_timeouts_hold_in_process(path, message):
    async with in_process() as target, open_client(target) as client:
        with anyio.fail_after(3), pytest.raises(httpx.ReadTimeout, match=message):
            await client.get(path, timeout=0.2)
        assert (await client.get("/x", timeout=None)).status_code == 200


async def test_timeouts_hold_live(server):
    async with LiveTarget(server.base_url) as target, open_client(target) as client:
        for path in ("/never", "/never-ends"):
            with anyio.fail_after(3), pytest.raises(httpx.ReadTimeout):
                await client.get(path, timeout=0.2)


async def test_nobody_takes_the_connection():
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # its queue is full
            async with LiveTarget(f"http://127.0.0.1:{port}") as target, open_client(target) as client:
                with anyio.fail_after(3), pytest.raises(httpx.TimeoutException):
                    await client.get("/", timeout=0.1)
    async with LiveTarget(f"http://127.0.0.1:{port}") as target, open_client(target) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
