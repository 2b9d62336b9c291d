"""`openapi: true` through the engine: the document is got once, when it is first needed, or the reason is told."""

from __future__ import annotations

import json
import warnings

import anyio
import pytest
from fastapi import FastAPI, Header, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from tests.engine.projects import Ran

pytestmark = pytest.mark.anyio


class Item(BaseModel):
    id: int
    name: str | None = None


def shop(**more):
    app = FastAPI(**more)
    app.asked = []

    @app.middleware("http")
    async def note(request, call_next):
        app.asked.append(f"{request.method} {request.url.path}")
        return await call_next(request)

    @app.get("/items/{number}", response_model=Item)
    async def item(number: int):
        return {"id": number}

    @app.get("/bad", response_model=Item)
    async def bad():
        return Response('{"id": "x", "name": 5}', media_type="application/json")

    @app.get("/away", status_code=307)
    async def away():
        return RedirectResponse("/items/5")

    @app.post("/created", status_code=303)
    async def created():
        return RedirectResponse("/items/5", 303)

    @app.delete("/items/{number}", status_code=204)
    async def gone(number: int):
        return None

    @app.get("/tagged", responses={200: {"headers": {"x-tag": {"schema": {"type": "integer"}, "required": True}}}})
    async def tagged(response: Response, tag: str | None = Header(None)):
        if tag:
            response.headers["x-tag"] = tag
        return {}

    return app


class Service:
    """An app of no framework, which serves a document in its own time."""

    def __init__(self, document, *, delay=0.0, status=200, content_type=b"application/json"):
        self.document = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.delay = delay
        self.status = status
        self.content_type = content_type
        self.asked = []

    async def __call__(self, scope, receive, send):
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers.get("x-key")))
        status, body = 200, b"5"
        if scope["path"] in ("/openapi.json", "/docs/shop.yaml"):
            await anyio.sleep(self.delay)
            status, body = self.status, self.document
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", self.content_type)]})
        await send({"type": "http.response.body", "body": body})

    @property
    def paths(self):
        return [path for path, _ in self.asked]


NUMBER = {
    "openapi": "3.0.3",
    "paths": {
        "/n": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "integer"}}}}}}},
        "/t": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "string"}}}}}}},
    },
}


async def ran(tmp_path, text, app, *, openapi=None, **more):
    run = Ran(tmp_path, text, app=app, **more)
    run.run._groups[0].target.openapi = openapi
    return await run.ended()


async def test_a_fastapi_app_is_asked_itself(tmp_path):
    text = """
    defaults: {expect: {openapi: true}}
    checks:
      - {name: good, get: /items/4}
      - {name: invalid, get: /items/x, expect: 422}
      - {name: gone, delete: /items/4, expect: 204}
      - {name: followed, get: /away, follow_redirects: true}
      - {name: not followed, get: /away}
      - {name: another method, post: /created, follow_redirects: true}
      - {name: tag, get: /tagged, headers: {tag: "5"}}
      - {name: off, get: /openapi.json, expect: {openapi: false}}
      - {name: none, get: /docs, expect: {openapi: null}}
      - {name: bad, get: /bad}
      - {name: lacks, get: /docs}
      - {name: no tag, get: /tagged}
      - {name: wrong tag, get: /tagged, headers: {tag: x}}
      - {name: elsewhere, get: "http://testserver:1/items/4"}
    """
    app = shop()
    done = await ran(tmp_path, text, app)
    assert app.asked.count("GET /openapi.json") == 1
    wrong = {
        "bad": [
            ("$.id", "expected an integer, got 'x' (a string)"),
            ("$.name", "satisfies none of 2 alternatives, got 5"),
        ],
        "lacks": [(None, "GET /docs is no operation of the OpenAPI document")],
        "no tag": [(None, "the header 'x-tag' is missing, which 200 of GET /tagged requires")],
        "wrong tag": [(None, "the header 'x-tag': expected an integer, got 'x' (a string)")],
    }
    told = {name: [(m.path, m.message) for m in done.check(name).mismatches] for name in wrong}
    assert told == wrong
    assert {m.where for name in wrong for m in done.check(name).mismatches} == {"openapi"}
    assert {m.line for name in wrong for m in done.check(name).mismatches} == {2}
    assert done.outcomes.pop("elsewhere") == "error"
    passed = ["good", "invalid", "gone", "followed", "not followed", "another method", "tag", "off", "none"]
    outcomes = {name: outcome for name, outcome in done.outcomes.items() if name != "elsewhere"}
    assert outcomes == dict.fromkeys(passed, "passed") | dict.fromkeys(wrong, "failed")


@pytest.mark.parametrize("more", [{"openapi_url": None}, {"servers": [{"url": "/v1"}]}])
async def test_however_the_app_serves_its_document(tmp_path, more):
    done = await ran(tmp_path, "checks: [{name: c, get: /items/4, expect: {openapi: true}}]", shop(**more))
    assert done.outcomes == {"c": "passed"}


async def test_others_are_asked_once_however_many_wait(tmp_path):
    text = "defaults: {expect: {openapi: true, time: 5s}}\nchecks:\n" + "".join(
        f"  - {{name: c{number}, get: /n, timeout: 100ms}}\n" for number in range(30)
    )
    app = Service(NUMBER, delay=0.3)
    done = await ran(tmp_path, text, app)
    assert set(done.outcomes.values()) == {"passed"}
    assert app.paths.count("/openapi.json") == 1
    requests = {step.request.url for number in range(30) for step in done.steps(f"c{number}") if step.request}
    assert "http://testserver/openapi.json" not in requests
    assert done.finished.requests == 30


async def test_nobody_is_asked_where_nobody_wants_to_know(tmp_path):
    text = """
    checks:
      - {get: /n}
      - {get: /n, expect: {openapi: false}}
      - {get: /n, expect: {openapi: "${wanted}"}}
      - {get: "http://127.0.0.1:1/", expect: {error: any, openapi: true}}
    """
    app = Service(NUMBER)
    done = await ran(tmp_path, text, app, given={"wanted": False})
    assert set(done.outcomes.values()) == {"passed"}
    assert app.paths == ["/n"] * 3


async def test_with_a_call_and_a_poll(tmp_path, monkeypatch):
    (tmp_path / "deep_thought.py").write_text("async def small(value): return value < 6\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = """
    checks:
      - {name: both, get: /t, expect: {openapi: true, json: {$call: "deep_thought:small"}}}
      - {name: poll, get: /n, poll: {until: {openapi: true}, within: 2s}, expect: {openapi: true}}
      - {name: never, get: /t, poll: {until: {openapi: true}, within: 50ms, every: 10ms}}
    """
    done = await ran(tmp_path, text, Service(NUMBER))
    assert done.outcomes == {"both": "failed", "poll": "passed", "never": "failed"}
    assert [m.message for m in done.check("both").mismatches] == ["expected a string, got 5 (an integer)"]
    assert done.check("never").mismatches[0].where == "until.openapi"


ONE = "checks: [{name: c, get: /n, expect: {status: 201, openapi: true}}]"


@pytest.mark.parametrize(
    ("app", "openapi", "reason"),
    [
        (
            Service(NUMBER, status=404),
            None,
            "no OpenAPI document to judge by: GET http://testserver/openapi.json answered "
            "404; the target's key 'openapi' says where it is",
        ),
        (
            Service(NUMBER, status=404),
            "/docs/shop.yaml",
            "no OpenAPI document to judge by: GET http://testserver/docs/shop.yaml answered 404",
        ),
        (
            Service(b"<!doctype html>"),
            None,
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json "
            "answered is neither JSON nor YAML but begins '<!doctype html>'; "
            "the target's key 'openapi' says where it is",
        ),
        (
            Service(b'{"a": '),
            "/openapi.json",
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json "
            "answered is not JSON: it ends too early, at line 1, column 7: after '{\"a\":'",
        ),
        (
            Service(b""),
            "/openapi.json",
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json answered is empty, not JSON",
        ),
        (
            Service(b"a: [\n"),
            "/openapi.json",
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json answered is not YAML, at line ",
        ),
        (
            Service(b"\xff"),
            "/openapi.json",
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json answered is not UTF-8 at byte 0",
        ),
        (
            Service(b"[" * 100_000),
            "/openapi.json",
            "no OpenAPI document to judge by: what GET http://testserver/openapi.json answered ",
        ),
        (
            Service({"swagger": "2.0"}),
            None,
            "the target's OpenAPI document cannot be judged by: expected an OpenAPI "
            "document of version 3, found Swagger '2.0'; convert it to OpenAPI 3",
        ),
        (
            Service(b"hello"),
            None,
            "the target's OpenAPI document cannot be judged by: expected an OpenAPI document, found a string: 'hello'",
        ),
        (Service(NUMBER), "http://127.0.0.1:1/x", "no OpenAPI document to judge by: GET http://127.0.0.1:1/x failed: "),
    ],
)
async def test_where_there_is_no_document_each_step_says_why(tmp_path, app, openapi, reason):
    done = await ran(tmp_path, ONE.replace("]", ", {name: d, get: /n, expect: {openapi: true}}]"), app, openapi=openapi)
    assert done.outcomes == {"c": "error", "d": "error"}
    assert done.check("c").reason.startswith(reason)
    assert [m.where for m in done.check("c").mismatches] == ["status"]
    assert done.check("d").reason == done.check("c").reason
    assert len([path for path in app.paths if path != "/n"]) <= 1
    app.asked.clear()


async def test_a_document_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("asgi_probe.engine.description._LARGEST", 10)
    done = await ran(tmp_path, ONE, Service(NUMBER))
    assert "answered 244 bytes, more than 10" in done.check("c").reason


async def test_an_app_whose_document_raises(tmp_path):
    app = shop()

    def openapi():
        raise ValueError("two operations of one name")

    app.openapi = openapi
    done = await ran(tmp_path, ONE.replace("/n", "/items/4"), app)
    assert "app.openapi() raised ValueError('two operations of one name')" in done.check("c").reason
    app.openapi = lambda: warnings.warn("of no interest", stacklevel=1) or {"openapi": object()}
    done = await ran(tmp_path, ONE.replace("/n", "/items/4"), app)
    assert "what app.openapi() gave is no JSON: " in done.check("c").reason


async def test_a_litestar_app(tmp_path):
    from litestar import Litestar, get

    @get("/n")
    async def number() -> int:
        return 5

    @get("/t")
    async def text() -> str:
        return "x"

    spec = """
    checks:
      - {name: n, get: /n, expect: {openapi: true}}
      - {name: u, get: /u, expect: {status: 404, openapi: true}}
    """
    done = await ran(tmp_path, spec, Litestar([number, text]))
    assert done.outcomes == {"n": "passed", "u": "failed"}
    done = await ran(tmp_path, spec, Litestar([number, text], openapi_config=None))
    assert "GET http://testserver/openapi.json answered 404" in done.check("n").reason


async def test_a_file(tmp_path):
    path = tmp_path / "docs.yaml"
    path.write_text(
        "openapi: 3.1.0\npaths:\n  /n:\n    get:\n      responses:\n        200:\n          content:\n"
        "            application/json: {schema: {type: integer}}\n"
    )
    app = Service(b"")
    text = "checks: [{name: c, get: /n, expect: {openapi: true}}]"
    assert (await ran(tmp_path, text, app, openapi=path)).outcomes == {"c": "passed"}
    assert app.paths == ["/n"]
    path.unlink()
    done = await ran(tmp_path, text, app, openapi=path)
    assert "no OpenAPI document to judge by: there is no file" in done.check("c").reason
