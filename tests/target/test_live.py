import asyncio
import contextlib
import json
import socket
import ssl
import sys
import threading
import time
import tracemalloc

import anyio
import pytest
import trustme

from asgi_probe.errors import TargetError, UsageError
from asgi_probe.exchange import Answer, Ask, Credentials, Failure
from asgi_probe.target import wire
from asgi_probe.target.base import Defaults
from asgi_probe.target.base_url import parse_base
from asgi_probe.target.http import httpx
from asgi_probe.target.live import LiveTarget, LiveTransport, Wait
from asgi_probe.target.rate import Pace
from asgi_probe.target.session import Exchanger
from asgi_probe.target.wire import Marks
from tests.hostile import HostileServer, hostile_server

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def shared():
    with HostileServer() as server:
        yield server


@contextlib.asynccontextmanager
async def asking(base_url: str, **options):
    """A function that asks a live target, in one session."""
    async with LiveTarget(base_url, **options) as target:
        exchanger = Exchanger(target)
        session = exchanger.session()

        async def ask(url: str, method: str = "GET", **fields):
            return (await session.ask(Ask(method, url, **fields)))[1]

        ask.target = target
        yield ask
        await exchanger.aclose()


async def seen(ask, url: str = "/echo", **fields):
    answer = await ask(url, **fields)
    assert isinstance(answer, Answer), answer
    return json.loads(answer.body)


# base URLs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("localhost:8000", "has no scheme; did you mean 'http://localhost:8000'?"),
        ("127.0.0.1:8000/api", "has no scheme; did you mean 'http://127.0.0.1:8000/api'?"),
        ("[::1]:8000", "has no scheme; did you mean 'http://[::1]:8000'?"),
        ("shop.example.com", "has no scheme; did you mean 'https://shop.example.com'?"),
        ("//shop.example.com", "has no scheme; did you mean 'https://shop.example.com'?"),
        ("shop:8000", "has no scheme; did you mean 'http://shop:8000'?"),
        ("/health", "has no scheme"),
        ("", "has no scheme, expected http://host:port or https://host"),
        ("what is this?", "has no scheme, expected http://host:port or https://host"),
        ("htp://shop.example", "begins with 'htp', expected http or https; did you mean 'http://shop.example'?"),
        ("ws://shop.example", "begins with 'ws', expected http or https; did you mean 'http://shop.example'?"),
        ("http://", "has no host, expected http://host:port or https://host"),
        ("https:///path", "has no host"),
        ("http://host/?a=1", "has a query or a fragment, which no request would get; did you mean 'http://host/'?"),
        ("http://host/#a", "has a query or a fragment"),
        ("http://host:port", "is no address: Invalid port: 'port'; expected http://host:port or https://host"),
        ("http://ho\nst", "is no address: Invalid non-printable ASCII character in URL"),
    ],
)
def test_a_base_url_that_is_none(text, message):
    with pytest.raises(UsageError) as caught:
        LiveTarget(text)
    assert str(caught.value).startswith("base URL ")
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["http://h", "https://h:1/a/", "http://u:p@h", "http://[::1]:1", "HTTP://h"])
def test_a_base_url(text):
    assert parse_base(text).host


def test_the_address_shows_no_credentials():
    target = LiveTarget("http://user:secret@host:8000/api/")
    assert target.address == "http://host:8000/api"
    assert (target.name, target.kind, target.problems) == ("live", "live", [])


# what servers do


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/close", "connect", "{0} closed the connection before the first byte of an answer"),
        ("/reset", "connect", "{0} reset the connection before the first byte of an answer"),
        ("/reset-mid-body", "protocol", "{0} reset the connection in mid-answer, after 45 bytes"),
        ("/short-body", "protocol", "{0} closed the connection in mid-answer: 5 of 100 bytes of the body had come"),
        ("/cut-chunks", "protocol", "{0} closed the connection in mid-answer, before the last chunk of the body"),
        ("/broken-chunks", "protocol", "{0} broke the body's chunks: 'ZZ\\r\\n' is no chunk's length"),
        ("/overlong-chunk", "protocol", "{0} broke the body's chunks: 'wo' came where a line should end"),
        ("/half-headers", "protocol", "{0} closed the connection in the middle of the answer's headers"),
        ("/huge-header", "protocol", "the headers of {0} are too large: more than 100 KiB came without an end"),
        ("/endless-headers", "protocol", "the headers of {0} are too large: more than 100 KiB came without an end"),
        ("/not-http", "protocol", "what {0} sent is not HTTP: 'SSH-2.0-OpenSSH_9.6\\r\\n'"),
        ("/control-in-status", "protocol", "what {0} sent is not HTTP: '\\x1b[31m\\x00\\x01\\x02 garbage\\r\\n\\r\\n'"),
        ("/two-lengths", "protocol", "{0} sent two different content-lengths"),
        ("/bad-length", "protocol", "{0} sent a content-length that is no number"),
        ("/bad-header", "protocol", "{0} sent a line that is no header: 'this is no header'"),
        ("/switch", "protocol", "{0} switched protocols without being asked to"),
        ("/tls-alert", "tls", "{0} answered a plain request with TLS: is it https:// rather than http://?"),
        ("/broken-gzip", "decode", "the body is not valid gzip: it breaks within its first 27 bytes"),
        ("/not-gzip", "decode", "the body is not valid gzip: it breaks within its first 10 bytes"),
        ("/truncated-gzip", "decode", "the body is not whole gzip: it ends too early, after 46 bytes"),
    ],
)
async def test_a_server_that_breaks_off(shared, path, kind, message):
    async with asking(shared.base_url) as ask:
        failure = await ask(path)
        assert failure.kind == kind
        assert failure.message.startswith(message.format(f"127.0.0.1:{shared.port}"))
        assert (await ask("/ok")).status == 200


@pytest.mark.parametrize(
    ("path", "message", "partial"),
    [
        ("/never", "no answer within 0.3 s", False),
        ("/drip-headers", "bytes of its headers had come", False),
        ("/endless-1xx", "no answer within 0.3 s", False),
        ("/never-ends", "the answer had begun (200) but its body did not end within 0.3 s; 5 bytes had come", True),
        ("/drip", "the answer had begun (200) but its body did not end within 0.3 s; ", True),
        ("/endless", "the answer had begun (200) but its body did not end within 0.3 s; ", True),
    ],
)
async def test_a_server_that_does_not_end_is_left_in_time(shared, path, message, partial):
    async with asking(shared.base_url) as ask:
        began = time.perf_counter()
        failure = await ask(path, timeout=0.3, max_body=1000)
        assert time.perf_counter() - began < 1.3
    assert failure.kind == "timeout"
    assert message in failure.message
    assert (failure.partial is not None) == partial
    assert not partial or len(failure.partial.body) <= 1000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/early-hints", b'{"ok": true}'),
        ("/until-close", b"until the end"),
        ("/http10", b"old"),
        ("/gzip", b'{"ok": true}'),
        ("/deflate", b'{"ok": true}'),
        ("/large-header", b'{"ok": true}'),
        ("/unknown-encoding", b'{"ok": true}'),
        ("/invalid-utf8", b'{"a": "\xff\xfe"}'),
        ("/garbage-after", b"ok"),
        ("/garbage-later", b"ok"),
    ],
)
async def test_a_strange_answer_that_is_one(shared, path, body):
    async with asking(shared.base_url) as ask:
        assert (await ask(path)).body == body


async def test_an_upgrade_that_was_asked_for_is_an_answer(shared):
    async with asking(shared.base_url) as ask:
        answer = await ask("/switch", headers=[("upgrade", "echo"), ("connection", "upgrade")])
        assert (answer.status, answer.body) == (101, b"")
        assert (await ask("/ok")).status == 200


async def test_one_endless_server_does_not_starve_the_others(shared):
    async with LiveTarget(shared.base_url) as target:
        exchanger = Exchanger(target)
        done = []

        async def endless():
            done.append((await exchanger.session().ask(Ask("GET", "/endless", timeout=0.5)))[1])

        async with anyio.create_task_group() as group:
            group.start_soon(endless)
            await anyio.sleep(0.05)
            _, answer = await exchanger.session().ask(Ask("GET", "/ok", timeout=0.4))
            assert isinstance(answer, Answer)
            assert not done


async def test_a_large_answer_takes_no_more_memory_than_is_kept(shared):
    async with asking(shared.base_url) as ask:
        tracemalloc.start()
        try:
            answer = await ask("/large?bytes=30000000", max_body=1000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (answer.size, len(answer.body)) == (30_000_000, 1000)
    assert peak < 5 << 20


async def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with asking(f"http://127.0.0.1:{port}") as ask:
        failure = await ask("/")
        assert (failure.kind, failure.message) == (
            "connect",
            f"connection refused by 127.0.0.1:{port}: is the server running?",
        )
    async with asking(f"http://localhost:{port}") as ask:
        assert (await ask("/")).message.startswith(f"connection refused by localhost:{port}")


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid/", f"http://{'a' * 64}.example/", "http://127.0.0.1:99999/"]
)
async def test_addresses_that_lead_nowhere(url):
    async with asking("http://127.0.0.1:1") as ask:
        failure = await ask(url, timeout=20)
    assert failure.kind in {"connect", "protocol"}


async def test_a_connection_that_is_not_made_in_time(monkeypatch):
    async def never(*_):
        await anyio.sleep(10)

    monkeypatch.setattr("asgi_probe.target.live.dial", never)
    async with asking("http://127.0.0.1:8000") as ask:
        failure = await ask("/", timeout=0.05)
    assert (failure.kind, failure.message) == ("timeout", "no connection to 127.0.0.1:8000 within 0.05 s")


# connections


async def test_a_connection_is_used_again(server):
    async with asking(server.base_url) as ask:
        assert [(await seen(ask))["connection"] for _ in range(3)] == [1, 1, 1]
    assert server.connections == 1


async def test_each_request_at_a_time_has_a_connection_of_its_own(server):
    async with LiveTarget(server.base_url) as target:
        exchanger = Exchanger(target)
        used = []

        async def ask():
            for _ in range(3):
                _, answer = await exchanger.session().ask(Ask("GET", "/echo"))
                used.append(json.loads(answer.body)["connection"])

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask)
    assert len(used) == 60
    assert server.connections <= 20


@pytest.mark.parametrize("path", ["/close-after", "/garbage-after", "/garbage-later", "/until-close", "/http10"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_one_answer_left_behind_is_nobody_elses(server, path, method):
    async with asking(server.base_url) as ask:
        assert (await ask(path)).status == 200
        await anyio.sleep(0.25)
        answer = await ask("/echo", method)
        assert (answer.status, json.loads(answer.body)["connection"]) == (200, 2)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
async def test_a_stale_connection_is_replaced_for_what_may_be_repeated(server, method):
    async with asking(server.base_url) as ask:
        assert (await ask("/close-when-reused")).status == 200
        assert (await ask("/close-when-reused", method, body=b"body")).status == 200
    assert [(each.method, each.connection, each.body) for each in server.requests[1:]] == [
        (method, 1, b"body"),
        (method, 2, b"body"),
    ]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PURGE"])
async def test_what_may_not_be_repeated_is_not(server, method):
    async with asking(server.base_url) as ask:
        assert (await ask("/close-when-reused")).status == 200
        failure = await ask("/close-when-reused", method)
    assert failure.kind == "connect"
    assert failure.message.endswith("closed the connection before the first byte of an answer")
    assert [each.method for each in server.requests] == ["GET", method]


async def test_what_was_never_sent_is_sent_again(server, monkeypatch):
    async with asking(server.base_url) as ask:
        await ask("/ok")
        first = wire.SocketWire.send
        failed = []

        async def send(self, data):
            if not failed:
                failed.append(data)
                raise BrokenPipeError
            await first(self, data)

        monkeypatch.setattr(wire.SocketWire, "send", send)
        monkeypatch.setattr(wire.SocketWire, "receive", receive_after(wire.SocketWire.receive, failed))
        assert (await ask("/echo", "POST", body=b"once")).status == 200
    assert [each.method for each in server.requests] == ["GET", "POST"]


def receive_after(receive, failed):
    async def receive_or_break(self):
        if len(failed) == 1:
            failed.append(b"")
            raise ConnectionResetError
        return await receive(self)

    return receive_or_break


async def test_a_fresh_connection_is_not_tried_twice(server):
    async with asking(server.base_url) as ask:
        assert (await ask("/close")).kind == "connect"
    assert len(server.requests) == 1


async def test_an_answer_that_breaks_off_is_not_asked_again(server):
    async with asking(server.base_url) as ask:
        await ask("/ok")
        assert (await ask("/short-body")).kind == "protocol"
    assert len(server.requests) == 2


async def test_an_answer_before_the_request_was_read_is_read():
    """A server that answers 413 and hangs up without reading the body."""

    def serve(listener):
        connected, _ = listener.accept()
        with connected:
            connected.recv(100)
            connected.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            time.sleep(0.2)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        async with asking(f"http://127.0.0.1:{listener.getsockname()[1]}") as ask:
            answer = await ask("/", "POST", body=bytes(30_000_000))
        thread.join()
    assert isinstance(answer, Answer), answer
    assert answer.status == 413


async def test_under_a_plain_client_of_httpx(server):
    transport = LiveTransport()
    async with httpx.AsyncClient(transport=transport, base_url=server.base_url) as client:
        assert (await client.get("/ok")).json() == {"ok": True}
        assert (await client.post("/echo", content=chunks())).json()["headers"][-1] == ["Transfer-Encoding", "chunked"]
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:1/")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/short-body")
        async with client.stream("GET", "/endless") as response:
            assert response.status_code == 200
        marks = Marks()
        await client.get("/ok", extensions={"marks": marks})
        assert 0 < marks.began < marks.ended
        assert (marks.received, marks.sent > 0) == (83, True)


async def chunks():
    for _ in range(3):
        yield b"x" * 200_000


async def test_a_body_that_cannot_be_replayed_is_not_sent_twice(server):
    async with httpx.AsyncClient(transport=LiveTransport(), base_url=server.base_url) as client:
        await client.get("/close-when-reused")
        with pytest.raises(httpx.TransportError):
            await client.put("/close-when-reused", content=chunks())


# dialling


@pytest.fixture
def addresses(server, monkeypatch):
    """The addresses that a name has, to be filled; 10.255.255.1 never answers, but for 127.0.0.1 all refuse."""
    found = []

    async def resolve(host, port):
        return [(socket.AF_INET, (address, port)) for address in found]

    async def connect_or_hang(address):
        if address[1][0] == "10.255.255.1":
            await anyio.sleep(30)
        return await connect(address)

    connect = wire._connect
    monkeypatch.setattr(wire, "_resolve", resolve)
    monkeypatch.setattr(wire, "_connect", connect_or_hang)
    return found


@pytest.mark.parametrize(
    "among", [["127.0.0.2", "127.0.0.1"], ["10.255.255.1", "127.0.0.1"], ["127.0.0.1", "10.255.255.1"]]
)
async def test_the_first_address_that_answers_wins(server, addresses, among):
    addresses += among
    began = time.perf_counter()
    connected = await wire.dial("host", server.port)
    assert time.perf_counter() - began < 3
    assert connected._socket.getpeername() == ("127.0.0.1", server.port)
    connected.close()


async def test_no_address_answers(server, addresses):
    addresses += ["127.0.0.2", "127.0.0.3"]
    with pytest.raises(ConnectionRefusedError):
        await wire.dial("host", server.port)


async def test_dialling_can_be_cancelled(server, addresses):
    addresses += ["10.255.255.1", "10.255.255.1"]
    with anyio.move_on_after(0.05) as scope:
        await wire.dial("host", server.port)
    assert scope.cancelled_caught


# waiting for the service


async def test_wait_until_the_service_answers():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    statuses = [503, 500, 404]
    served = []

    def serve():
        time.sleep(0.2)
        with socket.create_server(("127.0.0.1", port)) as listener:
            while len(served) < 3:
                connected, _ = listener.accept()
                with connected:
                    connected.recv(1000)
                    status = statuses[len(served)]
                    served.append(status)
                    connected.sendall(f"HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())

    thread = threading.Thread(target=serve)
    thread.start()
    async with LiveTarget(f"http://127.0.0.1:{port}", wait=Wait(10, "/health")):
        assert served == [503, 500, 404]
    thread.join()


@pytest.mark.parametrize(
    ("path", "last"),
    [("/status?code=503", "status 503"), ("/reset", "reset the connection before the first byte of an answer")],
)
async def test_wait_gives_up_and_says_what_it_saw(shared, path, last):
    began = time.perf_counter()
    with pytest.raises(TargetError) as caught:
        async with LiveTarget(shared.base_url, wait=Wait(0.4, path)):
            pass
    assert 0.3 < time.perf_counter() - began < 3
    assert f"{shared.base_url} was not ready within 0.4 s: {path!r} was asked " in str(caught.value)
    assert str(caught.value).endswith(last)


async def test_wait_does_not_hang_on_a_server_that_never_answers(shared):
    began = time.perf_counter()
    with pytest.raises(TargetError, match=r"was asked 1 time, last seen: no answer within 0\."):
        async with LiveTarget(shared.base_url, wait=Wait(0.3, "/never")):
            pass
    assert time.perf_counter() - began < 3


async def test_without_wait_nothing_is_asked(server):
    async with LiveTarget(server.base_url):
        pass
    assert server.connections == 0


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.folder = folder
    return authority


def server_context(authority, *names, client_certificates=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    if client_certificates:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextlib.contextmanager
def tls_server(authority, *names, client_certificates=False):
    context = server_context(authority, *(names or ("127.0.0.1",)), client_certificates=client_certificates)
    with HostileServer(lambda plain: context.wrap_socket(plain, server_side=True)) as server:
        yield server


def test_a_context_is_made_only_for_https(monkeypatch):
    monkeypatch.setattr("asgi_probe.target.tls.Trust.context", lambda *_: pytest.fail("made"))
    LiveTarget("http://127.0.0.1:1")


async def test_https(authority):
    with tls_server(authority) as server:
        async with asking(server.base_url, verify=str(authority.folder / "ca.pem")) as ask:
            assert [(await seen(ask))["connection"] for _ in range(3)] == [1, 1, 1]
            assert (await ask("/large?bytes=3000000")).size == 3_000_000
            await ask("/ok", "POST", body=bytes(3_000_000))
            assert len(server.requests[-1].body) == 3_000_000
            assert (await ask("/short-body")).kind == "protocol"
            assert (await ask("/close")).kind == "connect"
            assert (await ask("/until-close")).body == b"until the end"
            assert (await ask("/close-after")).status == 200
            await anyio.sleep(0.1)
            assert (await ask("/ok", "POST")).status == 200
            assert (await ask("/garbage-later")).status == 200
            await anyio.sleep(0.25)
            assert (await ask("/ok", "POST")).status == 200
            failure = await ask("/endless", timeout=0.3)
            assert (failure.kind, failure.partial.status) == ("timeout", 200)


async def test_whom_to_trust(authority, monkeypatch):
    with tls_server(authority) as server:
        for option in (False, str(authority.folder / "ca.pem")):
            async with asking(server.base_url, verify=option) as ask:
                assert (await ask("/ok")).status == 200
        async with asking(server.base_url) as ask:
            failure = await ask("/ok")
        assert failure.kind == "tls"
        assert f"the certificate of 127.0.0.1:{server.port} is not to be trusted: " in failure.message
        for name, path in (("SSL_CERT_FILE", authority.folder / "ca.pem"),):
            monkeypatch.setenv(name, str(path))
            async with asking(server.base_url) as ask:
                assert (await ask("/ok")).status == 200
            monkeypatch.delenv(name)
        monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder))
        async with asking(server.base_url) as ask:
            assert (await ask("/ok")).kind == "tls"  # no hashed names in there


async def test_a_certificate_for_somebody_else(authority):
    with tls_server(authority, "other.example") as server:
        async with asking(server.base_url, verify=str(authority.folder / "ca.pem")) as ask:
            failure = await ask("/ok")
    assert failure.kind == "tls"
    assert "IP address mismatch" in failure.message or "iP address mismatch" in failure.message


async def test_a_client_certificate(authority):
    ours = authority.issue_cert("me@example.com")
    pem = authority.folder / "me.pem"
    ours.private_key_and_cert_chain_pem.write_to_path(str(pem))
    key, chain = authority.folder / "me.key", authority.folder / "me.crt"
    ours.private_key_pem.write_to_path(str(key))
    ours.cert_chain_pems[0].write_to_path(str(chain))
    ca = str(authority.folder / "ca.pem")
    with tls_server(authority, client_certificates=True) as server:
        for cert in (str(pem), (str(chain), str(key)), (str(chain), str(key), "unused")):
            async with asking(server.base_url, verify=ca, cert=cert) as ask:
                assert (await ask("/ok")).status == 200
        async with asking(server.base_url, verify=ca) as ask:
            failure = await ask("/ok")
        assert failure.kind in {"tls", "connect"}
        async with asking("http://127.0.0.1:1", verify=ca, cert=str(pem)) as ask:
            assert (await ask(f"{server.base_url}/ok")).kind in {"tls", "connect"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verify": "missing.pem"}, "verify: the CA file 'missing.pem' cannot be read: No such file or directory"),
        ({"verify": __file__}, "holds no CA certificate, expected a PEM file"),
        ({"cert": "missing.pem"}, "cert: there is no file 'missing.pem', expected a client certificate in PEM"),
        ({"cert": (__file__, "missing.key")}, "cert: there is no file 'missing.key'"),
        ({"cert": __file__}, "cannot be used as client certificate and key"),
    ],
)
@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_files_that_are_missing_or_wrong_are_wrong_usage(base_url, options, message):
    with pytest.raises(UsageError) as caught:
        LiveTarget(base_url, **options)
    assert message in str(caught.value)


def test_an_authority_of_the_environment_that_is_not_there(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    LiveTarget("http://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE: the CA file 'missing\.pem' cannot be read"):
        LiveTarget("https://127.0.0.1:1")


async def test_trouble_with_the_environment_that_shows_late_is_a_failure(server, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    async with asking(server.base_url) as ask:
        failure = await ask(f"https://127.0.0.1:{server.port}/")
    assert "SSL_CERT_FILE: the CA file 'missing.pem' cannot be read" in failure.message


async def test_tls_to_a_plain_port_and_plain_to_a_tls_port(authority, shared):
    async with asking(shared.base_url.replace("http:", "https:"), verify=False) as ask:
        failure = await ask("/ok")
    assert failure.kind == "tls"
    with tls_server(authority) as server:
        async with asking(server.base_url.replace("https:", "http:")) as ask:
            failure = await ask("/ok")
    assert failure.kind in {"tls", "connect"}


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
async def test_handshakes_that_fail(said):
    def serve(listener):
        connected, _ = listener.accept()
        with connected:
            connected.recv(10_000)
            if said:
                connected.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        async with asking(f"https://127.0.0.1:{port}", verify=False) as ask:
            failure = await ask("/")
        thread.join()
    words = (
        "does not speak TLS: is it http:// rather than https://?" if said else "closed the connection during the TLS"
    )
    assert failure.kind == "tls"
    assert words in failure.message


async def test_a_handshake_that_never_ends_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asking(f"https://127.0.0.1:{listener.getsockname()[1]}", verify=False) as ask:
            failure = await ask("/", timeout=0.2)
    assert failure.kind == "timeout"


# proxies


class Proxy:
    """A small real proxy: HTTP with CONNECT, or SOCKS 5 (by `socks`); wants `login` if it is given."""

    def __init__(self, *, socks=False, login: tuple[str, str] | None = None, wrap=None, refuse: bytes | None = None):
        self.seen: list[str] = []
        self._socks, self._login, self._wrap, self._refuse = socks, login, wrap, refuse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                self._open.append(connected)
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected):
        with contextlib.suppress(OSError, IndexError, ValueError):
            if self._wrap:
                connected = self._wrap(connected)
                self._open.append(connected)
            if self._refuse is not None:
                connected.recv(1000)
                connected.sendall(self._refuse)
                connected.close()
            elif self._socks:
                self._serve_socks(connected)
            else:
                self._serve_http(connected)

    def _serve_http(self, connected):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connected.recv(65536)):
                return
            head += data
        line, *headers = head.decode().partition("\r\n\r\n")[0].split("\r\n")
        self.seen.append(line)
        if self._login:
            import base64

            token = base64.b64encode(":".join(self._login).encode()).decode()
            if f"Proxy-Authorization: Basic {token}" not in headers:
                connected.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                return
        method, target, _ = line.split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            self._relay(connected, self._dial(host, int(port)), b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            _, _, rest = target.partition("://")
            place, _, path = rest.partition("/")
            host, _, port = place.rpartition(":")
            behind = self._dial(host, int(port))
            behind.sendall(head.replace(target.encode(), b"/" + path.encode(), 1))
            self._relay(connected, behind, b"")

    def _serve_socks(self, connected):
        methods = connected.recv(1000)[2:]
        wanted = b"\x02" if self._login else b"\x00"
        if wanted not in methods:
            connected.sendall(b"\x05\xff")
            return
        connected.sendall(b"\x05" + wanted)
        if self._login:
            data = connected.recv(1000)
            user = data[2 : 2 + data[1]]
            password = data[3 + data[1] :]
            good = (user.decode(), password.decode()) == self._login
            connected.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        data = connected.recv(1000)
        host = socket.inet_ntoa(data[4:8]) if data[3] == 1 else data[5 : 5 + data[4]].decode()
        port = int.from_bytes(data[-2:])
        self.seen.append(f"SOCKS {host}:{port}")
        try:
            behind = self._dial(host, port)
        except OSError:
            connected.sendall(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")
            return
        self._relay(connected, behind, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    def _dial(self, host, port):
        behind = socket.create_connection((host, port))
        self._open.append(behind)
        return behind

    def _relay(self, one, other, greeting):
        one.sendall(greeting)
        threading.Thread(target=self._pump, args=(other, one), daemon=True).start()
        self._pump(one, other)

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


async def test_a_proxy_passes_plain_requests_on(server):
    with Proxy() as proxy:
        async with asking(server.base_url, proxy=f"http://{proxy.place}") as ask:
            assert (await seen(ask, "/echo?a=1"))["target"] == "/echo?a=1"
            assert (await ask("/close")).kind == "connect"
        assert proxy.seen[0] == f"GET {server.base_url}/echo?a=1 HTTP/1.1"


async def test_a_proxy_connects_through_for_https(authority):
    with tls_server(authority) as server, Proxy() as proxy:
        async with asking(server.base_url, proxy=proxy.place, verify=str(authority.folder / "ca.pem")) as ask:
            assert [(await seen(ask))["connection"] for _ in range(2)] == [1, 1]
            failure = await ask("/short-body")
            assert "5 of 100 bytes" in failure.message
            assert (await ask("/close")).kind == "connect"
        assert proxy.seen[0] == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"


async def test_a_proxy_that_speaks_tls_itself(authority, server):
    context = server_context(authority, "127.0.0.1")
    ca = str(authority.folder / "ca.pem")
    with Proxy(wrap=lambda plain: context.wrap_socket(plain, server_side=True)) as proxy:
        async with asking(server.base_url, proxy=f"https://{proxy.place}", verify=ca) as ask:
            assert (await ask("/ok")).status == 200
        with tls_server(authority) as behind:
            async with asking(behind.base_url, proxy=f"https://{proxy.place}", verify=ca) as ask:
                assert (await ask("/ok")).status == 200
        async with asking(server.base_url, proxy=f"https://{proxy.place}") as ask:
            failure = await ask("/ok")
        assert failure.kind == "tls"
        assert proxy.place in failure.message


async def test_a_socks_proxy(server, authority):
    with Proxy(socks=True) as proxy:
        async with asking(server.base_url, proxy=f"socks5://{proxy.place}") as ask:
            assert (await ask("/ok")).status == 200
            assert (await ask("http://127.0.0.1:1/")).message == (
                f"the proxy {proxy.place} did not let the request through: the host refused the connection"
            )
        with tls_server(authority) as behind:
            ca = str(authority.folder / "ca.pem")
            async with asking(behind.base_url, proxy=f"socks5h://{proxy.place}", verify=ca) as ask:
                assert (await ask("/ok")).status == 200
        assert f"SOCKS 127.0.0.1:{server.port}" in proxy.seen


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_credentials_for_a_proxy(authority, scheme):
    with tls_server(authority) as server, Proxy(socks=scheme == "socks5", login=("us er", "p:w")) as proxy:
        for url, expected in ((f"{scheme}://us%20er:p%3Aw@{proxy.place}", None), (f"{scheme}://u:x@{proxy.place}", "")):
            async with asking(server.base_url, proxy=url, verify=False) as ask:
                outcome = await ask("/ok")
            if expected is None:
                assert outcome.status == 200
            else:
                assert outcome.kind == "connect"
                reason = "it did not accept the user and password" if scheme == "socks5" else "it answered 407 Proxy"
                assert f"the proxy {proxy.place} did not let the request through: {reason}" in outcome.message
        async with asking(server.base_url, proxy=f"{scheme}://{proxy.place}", verify=False) as ask:
            assert (await ask("/ok")).kind == "connect"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("said", [b"", b"what?\r\n\r\n", b"\x05"])
async def test_a_proxy_that_is_none(scheme, said):
    with Proxy(refuse=said) as proxy:
        async with asking("https://127.0.0.1:1", proxy=f"{scheme}://{proxy.place}", verify=False) as ask:
            failure = await ask("/")
    assert failure.kind == "connect"
    assert f"the proxy {proxy.place} did not let the request through: it " in failure.message


async def test_no_proxy_there():
    async with asking("http://127.0.0.1:2", proxy="http://127.0.0.1:1") as ask:
        failure = await ask("/")
    assert (failure.kind, failure.message) == (
        "connect", "the proxy cannot be used (of --proxy, else of HTTP_PROXY and its kin; "
         "NO_PROXY names hosts to ask without it): "
         "connection refused by 127.0.0.1:1: is the server running?",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ({"HTTP_PROXY": "http://{0}"}, True),
        ({"http_proxy": "{0}"}, True),
        ({"ALL_PROXY": "http://{0}"}, True),
        ({"HTTPS_PROXY": "http://{0}"}, False),
        ({"HTTP_PROXY": "http://{0}", "NO_PROXY": "127.0.0.1"}, False),
        ({"HTTP_PROXY": "http://{0}", "no_proxy": "*"}, False),
        ({"HTTP_PROXY": "http://{0}", "NO_PROXY": "127.0.0.1:{1}"}, False),
        ({"HTTP_PROXY": "http://{0}", "NO_PROXY": "other.example"}, True),
    ],
)
async def test_proxies_of_the_environment(server, monkeypatch, environment, used):
    with Proxy() as proxy:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(proxy.place, server.port))
        async with asking(server.base_url) as ask:
            assert (await ask("/ok")).status == 200
        assert bool(proxy.seen) == used


async def test_a_proxy_that_was_asked_for_beats_the_environment(server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with Proxy() as proxy:
        async with asking(server.base_url, proxy=f"http://{proxy.place}") as ask:
            await ask("/ok")
        assert proxy.seen


@pytest.mark.parametrize("proxy", ["ftp://host:1", "http://", "http://host:port", "://", "socks4://host"])
def test_an_address_that_is_no_proxys(proxy):
    with pytest.raises(UsageError, match="is no proxy's address, expected http://host:port"):
        LiveTarget("http://127.0.0.1:1", proxy=proxy)


@pytest.mark.parametrize(
    ("missing", "options", "message"),
    [
        ("socksio", {"proxy": "socks5://host:1"}, r"pip install 'asgi-probe\[socks\]'"),
        ("h2", {"http2": True}, r"pip install 'asgi-probe\[http2\]'"),
    ],
)
def test_packages_that_are_missing_are_named(monkeypatch, missing, options, message):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=message):
        LiveTarget("http://127.0.0.1:1", **options)


def test_a_unix_socket_and_a_proxy_exclude_each_other():
    with pytest.raises(UsageError, match="exclude each other"):
        LiveTarget("http://host", uds="/run/x.sock", proxy="http://host:1")


# Unix sockets


async def echo_app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while (event := await receive()).get("more_body"):
        body += event["body"]
    body += event["body"]
    answer = json.dumps([scope["http_version"], scope["method"], scope["path"], len(body)]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
    await send({"type": "http.response.body", "body": answer})


@contextlib.contextmanager
def uvicorn_at(path):
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(echo_app, uds=str(path), lifespan="off", log_level="error", loop="asyncio"))
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(5)


async def test_a_unix_socket(tmp_path, server):
    path = tmp_path / "s.sock"
    async with asking("http://shop.example", uds=str(path)) as ask:
        assert (await ask("/")).message == f"there is no socket at {path}: is the server running?"
    with uvicorn_at(path):
        async with asking("http://shop.example", uds=str(path)) as ask:
            for _ in range(2):
                assert json.loads((await ask("/a", "POST", body=b"xyz")).body) == ["1.1", "POST", "/a", 3]
            assert (await ask(f"{server.base_url}/ok")).status == 200


async def test_a_unix_socket_whose_queue_is_full_is_tried_again(tmp_path, monkeypatch):
    class Busy(socket.socket):
        refusals = 2

        def connect(self, address):
            if self.refusals:
                self.refusals -= 1
                raise BlockingIOError
            super().connect(address)

    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        monkeypatch.setattr(wire.socket, "socket", Busy)
        connected = await wire.dial_unix(path)
        assert connected._socket.refusals == 0
        connected.close()


# HTTP/2


@contextlib.contextmanager
def hypercorn(authority):
    """HTTP/2 over TLS, in a thread with a loop of its own."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    cert = authority.issue_cert("127.0.0.1")
    pem = authority.folder / "server.pem"
    cert.private_key_and_cert_chain_pem.write_to_path(str(pem))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile = config.keyfile = str(pem)
    config.graceful_timeout = 0.1
    config.errorlog = None
    stop = threading.Event()

    async def run():
        async def trigger():
            while not stop.is_set():
                await asyncio.sleep(0.02)

        await serve(echo_app, config, shutdown_trigger=trigger)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.01)
    yield f"https://127.0.0.1:{port}"
    stop.set()
    thread.join(5)


async def test_http2(authority):
    with hypercorn(authority) as base_url:
        ca = str(authority.folder / "ca.pem")
        async with asking(base_url, http2=True, verify=ca) as ask:
            for _ in range(3):
                answer = await ask("/a", "POST", body=b"x" * 100_000)
                assert isinstance(answer, Answer), answer
                assert json.loads(answer.body) == ["2", "POST", "/a", 100_000]
                assert answer.http_version == "HTTP/2"
                assert ("x-a", "1") in answer.headers
                assert 0 < answer.time < 10
        async with asking(base_url, verify=ca) as ask:
            assert (await ask("/a")).http_version == "HTTP/1.1"


async def test_http2_that_is_asked_for_and_not_there(server, authority):
    async with asking(server.base_url, http2=True) as ask:
        assert (await ask("/ok")).http_version == "HTTP/1.1"
    with tls_server(authority) as secure:
        async with asking(secure.base_url, http2=True, verify=False) as ask:
            assert (await ask("/ok")).http_version == "HTTP/1.1"


def http2_server(authority, *answers: bytes):
    """A server that agrees on HTTP/2 and then says what it is told to, whatever it is asked."""
    context = server_context(authority, "127.0.0.1")
    context.set_alpn_protocols(["h2"])

    def serve(listener):
        with contextlib.suppress(OSError):
            connected = context.wrap_socket(listener.accept()[0], server_side=True)
            with connected:
                connected.recv(10_000)
                for answer in answers:
                    connected.sendall(answer)
                    time.sleep(0.05)

    return serve


SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
HEADERS_200 = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"
DATA = b"\x00\x00\x03\x00\x00\x00\x00\x00\x01abc"
RESET = b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02"


@pytest.mark.parametrize(
    ("answers", "kind", "partial"),
    [
        ((), "connect", None),
        ((b"HTTP/1.1 200 OK\r\n\r\n",), "protocol", None),
        ((SETTINGS, RESET), "protocol", None),
        ((SETTINGS, HEADERS_200 + DATA), "protocol", b"abc"),
        ((SETTINGS, HEADERS_200 + DATA, RESET), "protocol", b"abc"),
    ],
)
async def test_http2_that_breaks_off(authority, answers, kind, partial):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=http2_server(authority, *answers), args=(listener,))
        thread.start()
        async with asking(f"https://127.0.0.1:{listener.getsockname()[1]}", http2=True, verify=False) as ask:
            failure = await ask("/", "POST", timeout=5)
        thread.join()
    assert isinstance(failure, Failure)
    assert failure.kind == kind, failure.message
    assert (failure.partial and failure.partial.body) == partial


def test_the_context_manager_gives_the_address():
    with (
        hostile_server() as base_url,
        socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2]))) as line,
    ):
        line.sendall(b"GET /ok HTTP/1.1\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "base", ["user:sekret@h:1", "http://user:sekret@", "ftp://user:sekret@h", "http://user:sekret@h/?q"]
)
def test_a_wrong_base_url_does_not_tell_its_password(base):
    with pytest.raises(UsageError) as caught:
        LiveTarget(base)
    assert "sekret" not in str(caught.value)


def test_what_curl_must_be_told_of_a_target():
    target = LiveTarget("http://h", verify=False, proxy="http://u:sekret@p:1", http2=True)
    assert target.by_hand == ("--insecure", "--proxy", "http://***@p:1", "--http2")
    assert LiveTarget("http://h", uds="/run/x").by_hand == ("--unix-socket", "/run/x")
    assert LiveTarget("http://h").by_hand == ()


async def test_whoever_waits_asks_as_all_others_do(server):
    defaults = Defaults(headers=(("x-key", "k"),), params=(("a", "1"),), credentials=Credentials("bearer", "t"))
    async with LiveTarget(server.base_url, wait=Wait(5, "/echo"), defaults=defaults):
        pass
    (request,) = server.requests
    assert (request.header("x-key"), request.header("authorization")) == ("k", "Bearer t")
    assert request.target == "/echo?a=1"


async def test_whoever_waits_keeps_to_the_rate_and_to_the_time():
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"within 0\.5 s: '/' was asked 2 times, last seen: connection refused"):
        async with LiveTarget("http://127.0.0.1:1", wait=Wait(0.5), defaults=Defaults(pace=Pace(0.01))):
            pytest.fail("nobody is there")
    assert 0.5 <= time.monotonic() - began < 3
