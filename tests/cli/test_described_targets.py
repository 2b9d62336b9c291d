"""`openapi: true` from the command line, against live services and configured targets."""

import pytest

from tests.cli.project import Project
from tests.cli.test_configured_targets import SERVER, free_port

APP = """
from typing import Annotated
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

app = FastAPI(openapi_url="/v1/api.json", docs_url=None)

@app.middleware("http")
async def key(request: Request, call_next):
    open("log.txt", "a").write(request.url.path + "\\n")
    if request.headers.get("x-key") != "secret":
        return JSONResponse({"detail": "who are you?"}, 401)
    return await call_next(request)

@app.get("/items/{number}")
async def item(number: int) -> dict[str, int]:
    return {"id": number}

@app.get("/bad")
async def bad() -> dict[str, int]:
    return Response('{"a": "b"}', media_type="application/json")
"""

SPEC = """
defaults: {expect: {openapi: true}}
checks:
  - {name: good, get: /items/4}
  - {name: wrong, get: /bad}
"""

DOCUMENT = """
openapi: 3.0.3
paths:
  /items/{id}: {get: {responses: {200: {content: {application/json: {}}}}}}
  /bad: {get: {responses: {default: {content: {text/html: {}}}}}}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("echo.py", APP)
    project.write("server.py", SERVER)
    project.write("specs/shop.yaml", SPEC)
    return project


def configured(shop: Project, *lines: str) -> None:
    shop.write("asgi-probe.toml", "\n".join(['target = "t"', "[targets.t]", 'headers = {x-key = "secret"}', *lines]))


def live(shop: Project, *lines: str) -> int:
    port = free_port()
    serve = f'serve = "python server.py {port}"'
    configured(
        shop, f'base_url = "http://127.0.0.1:{port}"', serve, 'wait = {url = "/items/1", within = "30s"}', *lines
    )
    return port


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_live_service_is_asked_with_its_headers(shop: Project, backend: str) -> None:
    live(shop, 'openapi = "/${env.API}/api.json"')
    ran = shop.run("--backend", backend, API="v1")
    assert shop.outcomes() == {"good": "passed", "wrong": "failed"}, ran.said
    (mismatch,) = shop.events("check_finished")[-1]["mismatches"] or shop.events("check_finished")[0]["mismatches"]
    assert (mismatch["where"], mismatch["path"]) == ("openapi", "$.a")
    assert (mismatch["line"], mismatch["column"]) == (2, 30)
    assert shop.log.count("/v1/api.json") == 1


def test_a_live_service_without_one(shop: Project) -> None:
    port = live(shop)
    ran = shop.run()
    assert ran.exit == 1
    assert shop.outcomes() == {"good": "error", "wrong": "error"}
    assert f"GET http://127.0.0.1:{port}/openapi.json answered 404; the target's key 'openapi' says where" in ran.said


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_file_of_the_project_in_process(shop: Project, backend: str) -> None:
    configured(shop, 'app = "echo:app"', 'openapi = "docs/api.yaml"', 'root_path = "/shop"')
    shop.write("docs/api.yaml", DOCUMENT)
    ran = shop.run("--backend", backend)
    assert shop.outcomes() == {"good": "passed", "wrong": "failed"}, ran.said
    assert "the media type 'application/json' is not declared for default of GET /bad, which has text/html" in ran.said


@pytest.mark.parametrize("name", ["docs/api.yaml", "docs", "api\\u0000"])
def test_a_file_that_is_not_there_is_told_before_anything_is_sent(shop: Project, name: str) -> None:
    configured(shop, 'app = "echo:app"', f'openapi = "{name}"')
    (shop.root / "docs").mkdir()
    ran = shop.run()
    assert ran.exit == 2
    assert "asgi-probe.toml: [targets.t] openapi: there is no file" in ran.err
    assert shop.log == []
