"""What the configuration says of a target, seen from where it is asked."""

import os
import socket
import time
from pathlib import Path

import pytest

from asgi_probe.config import Table, TargetConfig
from asgi_probe.errors import TargetError, UsageError
from asgi_probe.exchange import Credentials
from asgi_probe.project.targets import build_target
from asgi_probe.target.auth import Deferred
from asgi_probe.target.http import httpx
from tests.cli.project import Project, interrupted

APP = """
import asyncio, json, sys, time
import httpx

seen = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        open("log.txt", "a").write("slow\\n")
        await asyncio.sleep(30)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    shown = {"headers": headers, "query": scope["query_string"].decode()}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(shown).encode()})

class Token(httpx.Auth):
    def auth_flow(self, request):
        request.headers["authorization"] = "Bearer made"
        yield request

def auth():
    return Token()

async def later():
    return Token()

def broken():
    raise OSError("no login")

nothing = 3
"""

SERVER = """
import os, sys
import uvicorn

with open("pid", "w") as file:
    file.write(str(os.getpid()))
uvicorn.run("echo:app", port=int(sys.argv[1]))
"""

ECHO = """
checks:
  - get: /echo
    expect:
      json:
        headers: {x-key: secret, authorization: Bearer made}
        query: tenant=acme&tenant=b
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("echo.py", APP)
    project.write("specs/echo.yaml", ECHO)
    return project


def configured(shop: Project, *lines: str) -> None:
    shop.write("asgi-probe.toml", "\n".join(['target = "t"', *lines, "[targets.other]", 'base_url = "${env.NOT_SET}"']))


DEFAULTS = ('headers = {x-key = "${env.SHOP_KEY}"}', 'params = {tenant = ["acme", "b"]}')


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("function", ["auth", "later", "Token"])
def test_defaults_in_process(shop: Project, backend: str, function: str) -> None:
    configured(shop, "[targets.t]", 'app = "echo:app"', *DEFAULTS, f'auth = {{call = "echo:{function}"}}')
    ran = shop.run("--backend", backend, SHOP_KEY="secret")
    assert ran.exit == 0, ran.said


def test_a_variable_of_the_target_that_is_used_must_be_set(shop: Project) -> None:
    configured(shop, "[targets.t]", 'app = "echo:app"', *DEFAULTS)
    ran = shop.run()
    assert ran.exit == 2
    said = "asgi-probe.toml: [targets.t] headers.x-key: the environment variable 'SHOP_KEY' is not set"
    assert said in ran.err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serving(shop: Project, *lines: str) -> None:
    shop.write("server.py", SERVER)
    serve = 'serve = "python server.py ${env.SHOP_PORT}"'
    configured(shop, "[targets.t]", 'base_url = "http://127.0.0.1:${env.SHOP_PORT}"', serve, *lines)


def gone(shop: Project) -> bool:
    pid = int((shop.root / "pid").read_text())
    until = time.monotonic() + 10
    while time.monotonic() < until:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_server_is_started_and_stopped(shop: Project, backend: str) -> None:
    port = free_port()
    serving(shop, *DEFAULTS, 'auth = {call = "echo:auth"}', 'rate = "100/s"', 'wait = "20s"')
    ran = shop.run("--backend", backend, SHOP_KEY="secret", SHOP_PORT=str(port))
    assert ran.exit == 0, ran.said
    assert gone(shop)


@pytest.mark.parametrize("signals", [1, 2])
def test_a_server_does_not_outlive_an_interrupted_run(shop: Project, signals: int) -> None:
    port = free_port()
    serving(shop)
    shop.write("specs/echo.yaml", "checks: [{get: /slow, timeout: 30s}]\n")
    if signals == 2:
        shop.write("specs/echo.yaml", "checks: [{steps: [{get: /slow, timeout: 30s}], finally: [{get: /slow}]}]\n")
    process = shop.start(SHOP_PORT=str(port))
    shop.wait_for("slow")
    if signals == 2:
        process.send_signal(2)
        until = time.monotonic() + 10
        while shop.log.count("slow") < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert interrupted(process).exit == 130
    assert gone(shop)


def test_a_server_that_ends_is_told_with_its_last_words(shop: Project) -> None:
    port = free_port()
    configured(shop, "[targets.t]", f'base_url = "http://127.0.0.1:{port}"', "serve = ['python', '-c', '1/0']")
    ran = shop.run()
    assert ran.exit == 3
    assert "the server (python -c 1/0) ended with exit code 1 before it was ready" in ran.said
    assert "ZeroDivisionError" in ran.said


def test_the_rate_holds_over_all_workers(shop: Project) -> None:
    configured(shop, "[targets.t]", 'app = "echo:app"', 'rate = "20/s"')
    shop.write("specs/echo.yaml", "checks:\n" + "".join(f"  - get: /echo?{number}\n" for number in range(9)))
    assert shop.run("--concurrency", "8").exit == 0
    assert 0.4 <= shop.end["duration"] < 5


# how the credentials are made


def built(shop: Project, **said: object) -> object:
    config = TargetConfig("t", base_url="http://h", place="asgi-probe.toml: [targets.t]", **said)
    return build_target(config, root=shop.root, warn=lambda *_: None).defaults


@pytest.mark.parametrize(
    ("auth", "credentials"),
    [
        ({"basic": ["me", 1]}, Credentials("basic", "me", "1")),
        ({"digest": ["me", "${env.HOME}"]}, Credentials("digest", "me", os.environ.get("HOME", ""))),
        ({"bearer": "t"}, Credentials("bearer", "t")),
        ({"netrc": True}, Credentials("netrc")),
        ({"netrc": False}, None),
    ],
)
def test_credentials(shop: Project, auth: dict[str, object], credentials: Credentials) -> None:
    assert built(shop, auth=Table(auth)).credentials == credentials


@pytest.fixture
def names(shop: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of its own for each test."""
    name = f"auths_{shop.root.parent.name}".replace("-", "_")
    shop.write(f"{name}.py", APP)
    monkeypatch.syspath_prepend(shop.root)
    return name


def test_credentials_of_a_function(shop: Project, names: str) -> None:
    assert isinstance(built(shop, auth=Table({"call": f"{names}:auth"})).credentials.auth, httpx.Auth)
    assert isinstance(built(shop, auth=Table({"call": f"{names}:later"})).credentials.auth, Deferred)


@pytest.mark.parametrize(
    ("name", "message", "kind"),
    [
        ("broken", r"auth.call: '.*:broken' raised OSError\('no login'\)", TargetError),
        ("dict", r"has no attribute 'dict'", TargetError),
        ("nothing", r"is 3, expected a function that gives an httpx.Auth", UsageError),
    ],
)
def test_a_function_that_gives_no_credentials(
    shop: Project, names: str, name: str, message: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=message):
        built(shop, auth=Table({"call": f"{names}:{name}"}))


def test_headers_that_cannot_be_sent(shop: Project) -> None:
    with pytest.raises(UsageError, match=r"\[targets.t\] headers cannot be sent: header 'x' holds a line break"):
        built(shop, headers=Table({"x": "a\nb"}))
