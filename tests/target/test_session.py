import base64
import gzip
import json
import time

import anyio
import pytest

from asgi_probe import __version__
from asgi_probe.errors import UsageError
from asgi_probe.exchange import Answer, Ask, Credentials, Failure, Hop, Part
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.base import Defaults
from asgi_probe.target.client import Client
from asgi_probe.target.decode import offered
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.live import LiveTarget
from asgi_probe.target.request import Composer
from asgi_probe.target.session import Exchanger

pytestmark = pytest.mark.anyio


class Run:
    """A session on a live target, for one test."""

    def __init__(self, base_url: str, **options):
        self.target = LiveTarget(base_url, defaults=Defaults(**options))

    async def __aenter__(self):
        await self.target.__aenter__()
        self.exchanger = Exchanger(self.target)
        self.session = self.exchanger.session()
        return self

    async def __aexit__(self, *error):
        await self.exchanger.aclose()
        await self.target.__aexit__(*error)

    async def __call__(self, url: str, method: str = "GET", **fields):
        sent, outcome = await self.session.ask(Ask(method, url, **fields))
        self.sent = sent
        return outcome

    async def echo(self, url: str = "/echo", method: str = "GET", **fields):
        """What the server saw."""
        answer = await self(url, method, **fields)
        assert isinstance(answer, Answer), answer
        seen = json.loads(answer.body)
        seen["headers"] = [(name.lower(), value) for name, value in seen["headers"]]
        return seen


def header(seen, name):
    return [value for key, value in seen["headers"] if key == name]


async def test_a_plain_request_has_these_headers_and_no_others(server):
    async with Run(server.base_url) as run:
        seen = await run.echo()
    assert seen["headers"] == [
        ("host", f"127.0.0.1:{server.port}"),
        ("accept", "*/*"),
        ("accept-encoding", offered()),
        ("user-agent", f"asgi-probe/{__version__}"),
    ]
    assert run.sent.headers == seen["headers"]
    assert (run.sent.method, run.sent.url, run.sent.body) == ("GET", f"{server.base_url}/echo", b"")


async def test_an_answer_is_told_whole(server):
    async with Run(server.base_url) as run:
        answer = await run("/ok")
    assert answer == Answer(
        status=200,
        headers=[("content-type", "application/json"), ("content-length", "12")],
        body=b'{"ok": true}',
        size=12,
        url=f"{server.base_url}/ok",
        time=answer.time,
    )
    assert 0 < answer.time < 5


@pytest.mark.parametrize("name", ["accept", "accept-encoding", "user-agent"])
async def test_default_headers_can_be_taken_away_and_replaced(server, name):
    async with Run(server.base_url) as run:
        assert header(await run.echo(without=frozenset({name})), name) == []
        assert header(await run.echo(headers=[(name.title(), "mine")]), name) == ["mine"]


async def test_headers_repeat_and_keep_their_bytes(server):
    async with Run(server.base_url) as run:
        seen = await run.echo(
            headers=[("x-a", "1"), ("x-a", "2"), ("x-b", "grün"), ("x-c", "  trimmed\t"), ("x-d", "")]
        )
    assert header(seen, "x-a") == ["1", "2"]
    assert header(seen, "x-b") == ["grün"]
    assert header(seen, "x-c") == ["trimmed"]
    assert header(seen, "x-d") == [""]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"headers": [("x", "a\r\nevil: 1")]}, "header 'x' holds a line break: 'a\\r\\nevil: 1'"),
        ({"headers": [("x", "a\0")]}, "header 'x' holds a control character: 'a\\x00'"),
        ({"headers": [("x y", "a")]}, "'x y' is no name of a header"),
        ({"headers": [("", "a")]}, "'' is no name of a header"),
        ({"cookies": {"a": "1\r\nx: y"}}, "header 'cookie' holds a line break: 'a=1\\r\\nx: y'"),
        ({"credentials": Credentials("bearer", "a\nb")}, "header 'authorization' holds a line break"),
        ({"content_type": "text/plain\r\nx: y", "body": b""}, "header 'content-type' holds a line break"),
        ({"method": "GET /"}, "'GET /' is no method, expected a word such as GET"),
        ({"url": "ftp://host/"}, "'ftp://host/' is no address to ask, expected a path, http://… or https://…"),
        ({"url": "http:///path"}, "'http:///path' is no address to ask"),
        ({"url": "/a\nb"}, "'/a\\nb' is no address: invalid non-printable ASCII character in URL"),
        ({"url": "http://host:port/"}, "'http://host:port/' is no address: invalid port"),
        ({"url": "/\udcff"}, "surrogates not allowed"),
        ({"headers": [("x", "\udcff")]}, "header 'x' holds half a character: '\\udcff'"),
        ({"parts": [Part("\udcff", b"")]}, "surrogates not allowed"),
        ({"params": [("a", "\udcff")]}, "surrogates not allowed"),
        ({"parts": [Part("a", b"", content_type="a\nb")]}, "the type of the part 'a' holds a control character"),
        ({"headers": [("content-length", "5")], "method": "POST", "body": b"123"}, "content-length"),
    ],
)
async def test_what_cannot_be_sent_is_a_failure(server, fields, message):
    async with Run(server.base_url) as run:
        failure = await run(**{"url": "/ok"} | fields)
        assert isinstance(failure, Failure)
        assert failure.kind == "protocol"
        assert failure.message.lower().startswith("the request cannot be sent: ")
        assert message.lower() in failure.message.lower()
        assert (await run("/ok")).status == 200


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("", "/echo", "/echo"),
        ("", "echo", "/echo"),
        ("/", "/echo", "/echo"),
        ("/echo", "", "/echo"),
        ("/echo", "?a=1", "/echo?a=1"),
        ("/echo", "#top", "/echo"),
        ("", "/echo#top", "/echo"),
        ("", "/echo?a=b%2Fc+d%20e&f", "/echo?a=b%2Fc+d%20e&f"),
        ("", "/echo?a=grün", "/echo?a=gr%C3%BCn"),
        ("", "/echo?q=a b", "/echo?q=a%20b"),
    ],
)
async def test_urls_are_joined(server, base, url, target):
    async with Run(server.base_url + base) as run:
        assert (await run.echo(url))["target"] == target


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("/api", "/items", "/api/items"),
        ("/api/", "/items", "/api/items"),
        ("/api", "items", "/api/items"),
        ("/api/", "items", "/api/items"),
        ("", "//double", "//double"),
        ("", "/a%2Fb/%C3%BC", "/a%2Fb/%C3%BC"),
        ("", "/grün", "/gr%C3%BCn"),
        ("", "/a:b@c", "/a:b@c"),
        ("/api", "{0}/items", "/items"),
    ],
)
async def test_paths_are_joined(server, base, url, target):
    async with Run(server.base_url + base) as run:
        await run(url.format(server.base_url))
    assert server.requests[-1].target == target


@pytest.mark.parametrize(
    ("url", "params", "query"),
    [
        ("/echo", [("a", "1"), ("a", "2")], "a=1&a=2"),
        ("/echo?a=1&b=2&a=3", [("a", "9")], "b=2&a=9"),
        ("/echo?x=%2F+%20", [("a", "1")], "x=%2F+%20&a=1"),
        ("/echo?%61=1&b", [("a", "2")], "b&a=2"),
        ("/echo", [("q", "a b+c&d=e%2F/ü")], "q=a%20b%2Bc%26d%3De%252F%2F%C3%BC"),
        ("/echo", [("a b", "")], "a%20b="),
        ("/echo?keep=1", [], "keep=1"),
    ],
)
async def test_params_join_the_query(server, url, params, query):
    async with Run(server.base_url) as run:
        assert (await run.echo(url, params=params))["target"] == f"/echo?{query}"


@pytest.mark.parametrize(
    ("method", "fields", "headers", "body"),
    [
        ("GET", {}, {}, ""),
        ("DELETE", {}, {}, ""),
        ("POST", {}, {"content-length": "0"}, ""),
        ("PUT", {"body": b"abc"}, {"content-length": "3"}, "abc"),
        ("GET", {"body": b"abc"}, {"content-length": "3"}, "abc"),
        ("POST", {"body": b"{}", "content_type": "application/json"},
         {"content-length": "2", "content-type": "application/json"}, "{}"),
        ("POST", {"body": b"{}", "content_type": "application/json", "headers": [("Content-Type", "x/y")]},
         {"content-length": "2", "content-type": "x/y"}, "{}"),
        ("POST", {"body": b"{}", "content_type": "application/json", "without": frozenset({"content-type"})},
         {"content-length": "2"}, "{}"),
    ],
)  # fmt: skip
async def test_bodies(server, method, fields, headers, body):
    async with Run(server.base_url) as run:
        seen = await run.echo(method=method, **fields)
    described = {name: value for name, value in seen["headers"] if name.startswith("content-")}
    assert (seen["method"], described, seen["body"]) == (method, headers, body)
    assert run.sent.body.decode() == body


async def test_multipart_bodies(server):
    async with Run(server.base_url) as run:
        seen = await run.echo(method="POST", parts=[Part("a", b"1"), Part("f", b"\xff", filename="f.bin")])
    content_type = header(seen, "content-type")[0]
    assert content_type.startswith("multipart/form-data; boundary=")
    boundary = content_type.partition("=")[2]
    assert seen["body"].startswith(f"--{boundary}\r\n")
    assert seen["body"].endswith(f"--{boundary}--\r\n")
    assert 'name="f"; filename="f.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\xff\r\n' in seen["body"]


async def test_a_large_body_arrives(server):
    body = b"0123456789" * 1_000_000
    async with Run(server.base_url) as run:
        await run("/ok", "POST", body=body)
    assert server.requests[-1].body == body


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"credentials": Credentials("basic", "grün", "p:w")}, [basic("grün", "p:w")]),
        ({"credentials": Credentials("bearer", "token")}, ["Bearer token"]),
        ({"credentials": Credentials("digest", "a", "b")}, []),
        ({"headers": [("Authorization", "mine")]}, ["mine"]),
        ({"without": frozenset({"authorization"}), "credentials": Credentials("bearer", "token")}, []),
    ],
)
async def test_credentials(server, fields, expected):
    async with Run(server.base_url) as run:
        assert header(await run.echo(**fields), "authorization") == expected
        assert [value for name, value in run.sent.headers if name.lower() == "authorization"] == expected


async def test_credentials_in_an_address_are_used_and_not_shown(server):
    async with Run(server.base_url) as run:
        url = server.base_url.replace("//", "//us%40er:p%3Aw@") + "/echo"
        assert header(await run.echo(url), "authorization") == [basic("us@er", "p:w")]
        assert run.sent.url == f"{server.base_url}/echo"


NETRC = "machine 127.0.0.1 login me password secret\n"


async def test_netrc(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fields = {"credentials": Credentials("netrc")}
    async with Run(server.base_url) as run:
        failure = await run("/echo", **fields)
        assert f"there is no netrc file at {str(tmp_path / 'netrc')!r}" in failure.message
        (tmp_path / "netrc").write_text("what is this")
        failure = await run("/echo", **fields)
        assert "cannot be read" in failure.message
        (tmp_path / "netrc").write_text("machine elsewhere login me password secret\n")
        assert header(await run.echo(**fields), "authorization") == []
        (tmp_path / "netrc").write_text(NETRC)
        assert header(await run.echo(**fields), "authorization") == [basic("me", "secret")]


async def test_what_is_the_targets_own_goes_to_the_target_alone(server, other):
    options = {
        "headers": [("X-Tenant", "acme"), ("accept", "text/html"), ("authorization", "secret")],
        "params": [("key", "k"), ("page", "1")],
        "credentials": None,
    }
    async with Run(server.base_url, **options) as run:
        for url in ("/echo?page=2", f"{server.base_url}/echo"):
            seen = await run.echo(url, params=[("page", "3")])
            assert header(seen, "x-tenant") == ["acme"]
            assert header(seen, "accept") == ["text/html"]
            assert header(seen, "authorization") == ["secret"]
            assert seen["target"] == "/echo?key=k&page=3"
        assert header(await run.echo(headers=[("x-tenant", "other")]), "x-tenant") == ["other"]
        assert header(await run.echo(without=frozenset({"x-tenant"})), "x-tenant") == []
        assert header(await run.echo(credentials=Credentials("bearer", "t")), "authorization") == ["Bearer t"]
        seen = await run.echo(f"{other.base_url}/echo")
    assert seen["target"] == "/echo"
    assert [name for name, _ in seen["headers"]] == ["host", "accept", "accept-encoding", "user-agent"]
    assert header(seen, "accept") == ["*/*"]


async def test_traces_are_told_to_the_target_alone(server, other):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    async with Run(server.base_url) as run:
        assert header(await run.echo(traceparent=trace), "traceparent") == [trace]
        assert ("traceparent", trace) in run.sent.headers
        assert header(await run.echo(traceparent=trace, headers=[("TraceParent", "x")]), "traceparent") == ["x"]
        assert header(await run.echo(traceparent=trace, without=frozenset({"traceparent"})), "traceparent") == []
        assert header(await run.echo(f"{other.base_url}/echo", traceparent=trace), "traceparent") == []
        assert header(await run.echo(), "traceparent") == []
    async with Run(server.base_url, headers=(("Traceparent", "own"),)) as run:
        assert header(await run.echo(traceparent=trace), "traceparent") == ["own"]


async def test_traces_follow_redirects_that_stay_with_the_target(server, other):
    async with Run(server.base_url) as run:
        for place, told in ((server, ["t"]), (other, [])):
            seen = await run.echo(f"/redirect?to={place.base_url}/echo", max_hops=3, traceparent="t")
            assert header(seen, "traceparent") == told


async def test_what_the_target_adds_can_be_taken_away(server):
    defaults = {"params": (("a", "1"), ("b", "2")), "credentials": Credentials("bearer", "t")}
    async with Run(server.base_url, **defaults) as run:
        seen = await run.echo(without=frozenset({"authorization"}), without_params=frozenset({"a"}))
        assert seen["target"] == "/echo?b=2"
        assert header(seen, "authorization") == []
        seen = await run.echo(params=[("c", "3")], without_params=frozenset({"a", "b"}))
        assert seen["target"] == "/echo?c=3"


async def test_the_targets_credentials_are_its_own(server, other):
    async with Run(server.base_url, credentials=Credentials("bearer", "t")) as run:
        assert header(await run.echo(), "authorization") == ["Bearer t"]
        assert header(await run.echo(f"{other.base_url}/echo"), "authorization") == []
    async with Run(server.base_url.replace("//", "//u:p@")) as run:
        assert header(await run.echo(), "authorization") == [basic("u", "p")]
        assert header(await run.echo(f"{other.base_url}/echo"), "authorization") == []
        assert run.target.address == server.base_url


async def test_headers_of_the_target_that_cannot_be_sent_are_wrong_usage(server):
    with pytest.raises(UsageError, match="the target's headers cannot be sent: header 'x' holds a line break"):
        Exchanger(LiveTarget(server.base_url, defaults=Defaults(headers=(("x", "a\nb"),))))


async def test_cookies_are_kept_within_a_session(server, other):
    async with Run(server.base_url) as run:
        answer = await run("/cookie?set=sid%3D1%3B%20Path%3D/|other%3D2%3B%20Path%3D/elsewhere")
        assert answer.set_cookies == ("sid=1; Path=/", "other=2; Path=/elsewhere")
        assert header(await run.echo(), "cookie") == ["sid=1"]
        assert header(await run.echo(cookies={"a": "b"}), "cookie") == ["sid=1; a=b"]
        assert header(await run.echo(cookies={"sid": "mine"}), "cookie") == ["sid=mine"]
        assert header(await run.echo(headers=[("cookie", "all=mine")], cookies={"a": "b"}), "cookie") == ["all=mine"]
        assert header(await run.echo(), "cookie") == ["sid=1"]
        assert header(await run.echo(f"{other.base_url}/echo"), "cookie") == []
        fresh, started = run.exchanger.session(), run.exchanger.session(run.session.jar)
        for session, expected in ((fresh, []), (started, ["sid=1"])):
            _, answer = await session.ask(Ask("GET", "/echo"))
            assert [value for name, value in json.loads(answer.body)["headers"] if name == "cookie"] == expected


# redirects


@pytest.mark.parametrize(
    ("code", "method", "after", "keeps"),
    [
        (301, "POST", "GET", False), (302, "POST", "GET", False), (303, "POST", "GET", False),
        (303, "PUT", "GET", False), (301, "PUT", "PUT", True), (302, "DELETE", "DELETE", True),
        (307, "POST", "POST", True), (308, "POST", "POST", True), (302, "GET", "GET", True),
        (303, "HEAD", "HEAD", True),
    ],
)  # fmt: skip
async def test_methods_and_bodies_after_a_redirect(server, code, method, after, keeps):
    fields = {"body": b"body", "content_type": "text/x", "headers": [("content-language", "de"), ("x-a", "1")]}
    async with Run(server.base_url) as run:
        answer = await run(f"/redirect?code={code}&to=/echo", method, max_hops=1, **fields)
    arrived = server.requests[-1]
    assert (answer.status, answer.url) == (200, f"{server.base_url}/echo")
    assert (arrived.method, arrived.body, arrived.header("content-type")) == (
        (after, b"body", "text/x") if keeps else (after, b"", None)
    )
    assert arrived.header("content-language") == ("de" if keeps else None)
    assert arrived.header("x-a") == "1"
    assert answer.hops == (Hop(code, f"{server.base_url}/redirect?code={code}&to=/echo"),)
    assert run.sent.method == method


async def test_redirects_are_not_followed_unasked(server):
    async with Run(server.base_url) as run:
        for to in ("/echo", "http://[broken", "foo:bar"):
            answer = await run(f"/redirect?to={to}")
            assert (answer.status, answer.hops, answer.body) == (302, (), b"moved")
        assert (await run("/redirect")).status == 302


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/redirect", "answered 302 without a location to go to"),
        ("/redirect?to=http://host:port/", "redirects to 'http://host:port/', which is no address"),
        ("/redirect?to=ftp://host/", "redirects to 'ftp://host/', which is neither http nor https"),
        ("/redirect?to=javascript:alert(1)", "redirects to 'javascript:alert(1)', which is neither http nor https"),
        ("/loop", "more than 2 redirects: '{0}/loop' wants to go on to '/loop'"),
    ],
)
async def test_redirects_that_lead_nowhere(server, url, message):
    async with Run(server.base_url) as run:
        failure = await run(url, max_hops=2)
    assert failure.kind == "redirect"
    assert message.format(server.base_url) in failure.message
    assert failure.partial.status == 302


async def test_one_redirect_too_many_says_so_in_the_singular(server):
    async with Run(server.base_url) as run:
        assert (await run("/loop", max_hops=1)).message.startswith("more than 1 redirect: ")


async def test_a_redirect_to_nobody_fails_with_where(server):
    async with Run(server.base_url) as run:
        failure = await run("/redirect?to=http://127.0.0.1:1/", max_hops=2)
    assert (failure.kind, failure.message) == (
        "connect",
        "connection refused by 127.0.0.1:1: is the server running?",
    )


async def test_secrets_never_cross_to_another_origin(server, other):
    to = f"{other.base_url}/redirect?to={server.base_url}/echo"
    async with Run(server.base_url, headers=[("x-own", "1"), ("authorization", "target")]) as run:
        await run("/cookie?set=jar%3D1%3B%20Path%3D/")
        fields = {
            "headers": [("Authorization", "step"), ("Proxy-Authorization", "p"), ("x-free", "1")],
            "cookies": {"ask": "2"},
            "max_hops": 5,
        }
        seen = await run.echo(f"/redirect?to={to}", **fields)
    (crossed,) = other.requests
    names = {name.lower() for name, _ in crossed.headers}
    assert names == {"host", "accept", "accept-encoding", "user-agent", "x-free"}
    assert crossed.header("host") == f"127.0.0.1:{other.port}"
    assert header(seen, "authorization") == ["step"]
    assert header(seen, "cookie") == ["jar=1; ask=2"]


@pytest.mark.parametrize(
    "fields",
    [
        {"credentials": Credentials("basic", "u", "p")},
        {"credentials": Credentials("bearer", "t")},
        {"headers": [("authorization", "x")]},
        {"headers": [("COOKIE", "a=b")]},
        {"headers": [("host", "fake.example")]},
    ],
)
async def test_secrets_stay_however_they_were_given(server, other, fields):
    async with Run(server.base_url) as run:
        await run(f"/redirect?to={other.base_url}/echo", max_hops=1, **fields)
    crossed = other.requests[-1]
    assert (crossed.header("authorization"), crossed.header("cookie")) == (None, None)
    assert crossed.header("host") == f"127.0.0.1:{other.port}"


async def test_credentials_of_another_host_stay_there(server, other):
    url = other.base_url.replace("//", "//u:p@")
    async with Run(server.base_url, credentials=Credentials("bearer", "own")) as run:
        seen = await run.echo(f"{url}/redirect?to={server.base_url}/echo", max_hops=1)
    assert other.requests[-1].header("authorization") == basic("u", "p")
    assert header(seen, "authorization") == ["Bearer own"]


async def test_the_cookies_of_hops_are_collected(server):
    async with Run(server.base_url) as run:
        answer = await run("/redirect?cookie=a%3D1&to=/cookie?set=b%253D2", max_hops=3)
        assert answer.set_cookies == ("a=1", "b=2")
        assert server.requests[-1].header("cookie") == "a=1"
        assert header(await run.echo(), "cookie") == ["a=1; b=2"]


# digest


def digest_app(challenge: bytes):
    async def app(scope, receive, send):
        headers = dict(scope["headers"])
        seen = headers.get(b"authorization", b"")
        status = 200 if seen.startswith(b"Digest ") else 401
        extra = [] if status == 200 else [(b"www-authenticate", challenge), (b"set-cookie", b"n=1")]
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": seen})

    return app


class InProcess(Run):
    def __init__(self, app, **options):
        async def with_lifespan(scope, receive, send):
            assert scope["type"] == "http"
            await app(scope, receive, send)

        loaded = LoadedApp(app=with_lifespan, factory=False, reference="app")
        self.target = AppTarget(loaded, lifespan="off", warn=lambda *_: None)
        self.target.defaults = Defaults(**options)


async def test_digest():
    challenge = b'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    async with InProcess(digest_app(challenge)) as run:
        answer = await run("/x", credentials=Credentials("digest", "me", "secret"))
        assert answer.status == 200
        assert answer.body.startswith(b'Digest username="me", realm="r", nonce="n", uri="/x"')
        assert ("authorization", answer.body.decode()) in [(n.lower(), v) for n, v in run.sent.headers]
        assert (await run("/x", credentials=Credentials("basic", "me", "secret"))).status == 401


@pytest.mark.parametrize("challenge", [b"Basic realm=x", b"", b"Bearer"])
async def test_digest_without_a_challenge_is_the_answer_as_it_came(challenge):
    async with InProcess(digest_app(challenge)) as run:
        assert (await run("/x", credentials=Credentials("digest", "me", "secret"))).status == 401


@pytest.mark.parametrize(
    "challenge",
    [b"Digest nonsense", b'Digest realm="r"', b'Digest realm="r", nonce="n", algorithm=ROT13',
     b'Digest realm="r", nonce="n", qop="auth-int"', b'Digest realm="r", nonce="n", qop="what"'],
)  # fmt: skip
async def test_a_digest_challenge_without_sense(challenge):
    async with InProcess(digest_app(challenge)) as run:
        failure = await run("/x", credentials=Credentials("digest", "me", "secret"))
    assert failure.kind == "protocol"
    assert failure.message.startswith("the digest challenge makes no sense: 'Digest ")
    assert failure.partial.status == 401


# in process


async def simply(send, body=b"", status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def test_an_app_in_process_is_asked():
    async def app(scope, receive, send):
        body = (await receive())["body"]
        await simply(send, json.dumps([scope["method"], scope["path"], body.decode()]).encode())

    async with InProcess(app) as run:
        answer = await run("/a%20b", "POST", body=b"xyz")
        assert json.loads(answer.body) == ["POST", "/a b", "xyz"]
        assert answer.url == "http://testserver/a%20b"
        assert 0 < answer.time < 5


async def test_an_app_that_raises_gives_its_exception():
    async def app(scope, receive, send):
        raise ZeroDivisionError("x")

    async with InProcess(app) as run:
        answer = await run("/")
    assert answer.status == 500
    assert isinstance(answer.app_error, ZeroDivisionError)


async def test_an_app_that_breaks_off_is_a_failure_with_what_had_come():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ZeroDivisionError("x")

    async with InProcess(app) as run:
        failure = await run("/")
    assert failure.kind == "protocol"
    assert isinstance(failure.app_error, ZeroDivisionError)
    assert (failure.partial.status, failure.partial.headers) == (200, [("x-a", "1")])


async def test_an_app_that_blocks_the_loop_is_too_late():
    async def app(scope, receive, send):
        time.sleep(0.2)
        await simply(send)

    async with InProcess(app) as run:
        failure = await run("/", timeout=0.05)
    assert failure.kind == "timeout"
    assert failure.message.startswith("no answer within 0.05 s")


async def test_a_late_answer_counts_as_none_though_nobody_was_cancelled(monkeypatch):
    async def app(scope, receive, send):
        await simply(send)

    async def slow(self, hop):
        time.sleep(0.02)
        return Failure("connect", "x")

    monkeypatch.setattr("asgi_probe.target.session._Exchange.run", slow)
    async with InProcess(app) as run:
        failure = await run("/", timeout=0.01)
    assert failure.kind == "timeout"
    assert "no answer within 0.01 s; it came after 0.0" in failure.message


async def test_an_app_that_sleeps_is_cut_off():
    async def app(scope, receive, send):
        await anyio.sleep(10)

    async with InProcess(app) as run:
        began = time.perf_counter()
        failure = await run("/", timeout=0.05)
        assert time.perf_counter() - began < 3
    assert (failure.kind, failure.message, failure.partial) == ("timeout", "no answer within 0.05 s", None)


async def test_cancellation_from_outside_passes():
    async def app(scope, receive, send):
        await anyio.sleep(10)

    async with InProcess(app) as run:
        with anyio.move_on_after(0.05) as scope:
            await run("/", timeout=5)
        assert scope.cancelled_caught


async def test_a_redirect_from_an_app_goes_over_the_network(server):
    async def app(scope, receive, send):
        await simply(send, status=302, headers=[(b"location", f"{server.base_url}/echo".encode())])

    async with InProcess(app, headers=[("x-own", "1")]) as run:
        seen = await run.echo("/", max_hops=1, credentials=Credentials("bearer", "t"))
        assert header(seen, "authorization") == header(seen, "x-own") == []
        assert (await run(f"{server.base_url}/ok")).status == 200
        failure = await run("http://127.0.0.1:1/")
        assert (failure.kind, failure.message) == (
            "connect", "connection refused by 127.0.0.1:1: is the server running?",
        )  # fmt: skip


async def test_a_bug_of_the_transport_is_not_hidden():
    class Buggy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise KeyError("ours")

    async with InProcess(None) as run:
        run.exchanger._client = Client(Buggy())
        with pytest.raises(KeyError):
            await run("/")


# bodies of answers


async def test_only_so_much_is_kept_and_all_is_counted(server):
    async with Run(server.base_url) as run:
        answer = await run("/large?bytes=3000000", max_body=100_000)
        assert (len(answer.body), answer.size) == (100_000, 3_000_000)
        answer = await run("/large?bytes=200000", max_body=0)
        assert (answer.body, answer.size) == (b"", 200_000)
        answer = await run("/large?bytes=200000")
        assert (answer.body, answer.size) == (b"x" * 200_000, 200_000)


async def test_the_limit_counts_what_is_decompressed():
    async def app(scope, receive, send):
        await simply(send, gzip.compress(bytes(1_000_000)), headers=[(b"content-encoding", b"gzip")])

    async with InProcess(app) as run:
        answer = await run("/", max_body=1000)
    assert (len(answer.body), answer.size) == (1000, 1_000_000)


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [(b"gzip", b"plain", "decode"), (b"gzip, gzip, gzip, gzip, gzip, gzip", b"x", "decode"), (b"br", b"x", "decode")],
)
async def test_bodies_that_do_not_decode(monkeypatch, encoding, body, kind):
    monkeypatch.setattr("asgi_probe.target.decode._module", lambda *_: None)

    async def app(scope, receive, send):
        await simply(send, body, headers=[(b"content-encoding", encoding)])

    async with InProcess(app) as run:
        failure = await run("/")
    assert failure.kind == kind
    assert failure.partial.status == 200


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_no_body_is_never_broken_compression(method):
    async def app(scope, receive, send):
        await simply(send, status=204, headers=[(b"content-encoding", b"gzip")])

    async with InProcess(app) as run:
        assert (await run("/", method)).status == 204


async def test_header_values_that_are_not_utf8_are_latin1():
    async def app(scope, receive, send):
        await simply(send, headers=[(b"X-A", "grün".encode("latin-1")), (b"x-b", "grün".encode())])

    async with InProcess(app) as run:
        assert (await run("/")).headers == [("x-a", "grün"), ("x-b", "grün")]


@pytest.mark.parametrize(
    "base", ["http://testserver", "http://h:8000/api", "https://h/a%20b/", "http://[::1]:81/é", "http://u:p@h/x?y"]
)
@pytest.mark.parametrize("text", ["/", "/items/7", "/a//b", "/items?a=b&c=d-e", "/~x_y-z", "//h/x", "/?a"])
def test_a_plain_path_is_the_address_that_parsing_gives(base: str, text: str) -> None:
    composer = Composer(httpx.URL(base))
    spared = composer._beneath(text)
    parsed = composer._located(composer._parsed(text))
    assert spared is not None
    assert spared == parsed
    assert spared.url.raw_path == parsed.url.raw_path
    assert str(spared.url) == str(parsed.url) == spared.shown


@pytest.mark.parametrize(
    "text", ["items", "", "/a/../b", "/a.b", "/a%20b", "/a b", "/é", "/a?b#c", "/a#b", "http://x/", "/a?", "/a\n"]
)
def test_what_is_not_plain_is_parsed(text: str) -> None:
    assert Composer(httpx.URL("http://testserver"))._beneath(text) is None


async def test_how_long_it_took_to_fail():
    async def app(scope, receive, send):
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await anyio.sleep(60)

    async with InProcess(app) as run:
        silent, begun = await run("/", timeout=0.05), await run("/begun", timeout=0.05)
    assert silent.partial is None
    assert 0.03 < silent.time < 5
    assert 0.03 < begun.time < 5
    assert begun.partial.time == begun.time


async def test_how_long_it_took_to_find_nobody():
    async with Run("http://127.0.0.1:9") as run:
        failure = await run("/")
    assert failure.kind == "connect"
    assert 0 < failure.time < 5
