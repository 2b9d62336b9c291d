"""The frameworks that people use, as real apps: where their exceptions come from must be known for each."""

import sys
from contextlib import asynccontextmanager

import anyio
import pytest

from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.failures import AppExited
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


class Warnings(list):
    def __call__(self, sentence, error):
        self.append(sentence)


@asynccontextmanager
async def asking(app, warnings=None, **options):
    warn = Warnings() if warnings is None else warnings
    target = AppTarget(LoadedApp(app, factory=False, reference="app"), warn=warn, **options)
    async with target, httpx.AsyncClient(transport=target.transport, base_url=target.base) as client:
        yield client
    assert target.problems == []
    if warnings is None:
        assert warn == []


def error_of(answer):
    return repr(answer.extensions.get("app_error"))


def fastapi_app(steps):
    from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
    from fastapi.responses import StreamingResponse

    @asynccontextmanager
    async def lifespan(app):
        steps.append("up")
        yield {"name": "shop"}
        steps.append("down")

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{item}")
    async def item(item: int, request: Request):
        return {"item": item, "name": request.state.name}

    @app.post("/items")
    async def create(item: dict):
        return item

    @app.get("/boom")
    async def boom():
        raise ValueError("boom")

    @app.get("/sync-boom")
    def sync_boom():
        raise ValueError("sync boom")

    @app.get("/unavailable")
    async def unavailable():
        raise HTTPException(503)

    @app.get("/background")
    async def background(tasks: BackgroundTasks):
        tasks.add_task(steps.append, "background")
        return {}

    @app.get("/background-boom")
    async def background_boom(tasks: BackgroundTasks):
        tasks.add_task(exec, "raise ValueError('late')")
        return {}

    @app.get("/events")
    async def events():
        async def endless():
            try:
                while True:
                    yield b"data: tick\n\n"
                    await anyio.sleep(0.001)
            finally:
                steps.append("stream closed")

        return StreamingResponse(endless(), media_type="text/event-stream")

    @app.get("/exit")
    async def exit_():
        sys.exit(7)

    @app.get("/sync-exit")
    def sync_exit():
        sys.exit(8)

    return app


async def test_fastapi():
    steps = []
    async with asking(fastapi_app(steps), lifespan="on") as client:
        assert steps == ["up"]
        assert (await client.get("/items/3")).json() == {"item": 3, "name": "shop"}
        assert (await client.post("/items", json={"a": 1})).json() == {"a": 1}
        assert (await client.get("/items/x")).status_code == 422
        answer = await client.get("/background")
        assert answer.status_code == 200
    assert steps == ["up", "background", "down"]


async def test_fastapis_exceptions_are_known():
    async with asking(fastapi_app([])) as client:
        answer = await client.get("/boom")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert error_of(answer) == "ValueError('boom')"
        assert error_of(await client.get("/sync-boom")) == "ValueError('sync boom')"
        assert "HTTPException(status_code=503" in error_of(await client.get("/unavailable"))


async def test_fastapis_background_exceptions_are_warnings():
    warnings = Warnings()
    async with asking(fastapi_app([]), warnings) as client:
        assert (await client.get("/background-boom")).status_code == 200
    assert warnings == ["GET /background-boom: background work raised ValueError('late')"]


async def test_fastapis_streams_end_with_their_reader():
    steps = []
    async with asking(fastapi_app(steps)) as client:
        answer = await client._transport.handle_async_request(httpx.Request("GET", "http://testserver/events"))
        assert (await anext(aiter(answer.stream))).startswith(b"data: tick")
        await answer.aclose()
        with anyio.fail_after(2):
            while "stream closed" not in steps:
                await anyio.sleep(0.005)


@pytest.mark.parametrize(("path", "code"), [("/exit", 7), ("/sync-exit", 8)])
async def test_exits_in_fastapi_handlers(path, code):
    async with asking(fastapi_app([])) as client:
        with pytest.raises(AppExited) as caught:
            await client.get(path)
        assert caught.value.app_error.code == code
        assert (await client.get("/items/1")).status_code == 200


def middleware_app():
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    class Timing(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            answer = await call_next(request)
            answer.headers.append("x-timing", "1")
            return answer

    async def fine(request):
        return PlainTextResponse("fine")

    async def boom(request):
        raise ValueError("boom")

    async def slow(request):
        await anyio.sleep_forever()

    routes = [Route("/fine", fine), Route("/boom", boom), Route("/slow", slow)]
    return Starlette(routes=routes, middleware=[Middleware(Timing), Middleware(Timing)])


async def test_starlette_with_middleware():
    async with asking(middleware_app(), lifespan="on") as client:
        answer = await client.get("/fine")
        assert (answer.text, answer.headers["x-timing"]) == ("fine", "1, 1")
        answer = await client.get("/boom")
        assert (answer.status_code, error_of(answer)) == (500, "ValueError('boom')")
        with anyio.move_on_after(0.05) as scope:
            await client.get("/slow")
        assert scope.cancelled_caught
        assert client._transport.running == set()
        assert (await client.get("/fine")).text == "fine"


async def test_starlettes_debug_pages():
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def boom(request):
        raise ValueError("boom")

    async with asking(Starlette(debug=True, routes=[Route("/", boom)])) as client:
        answer = await client.get("/")
        assert answer.status_code == 500
        assert "ValueError: boom" in answer.text
        assert error_of(answer) == "ValueError('boom')"


@on_asyncio
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_litestar(debug):
    from litestar import Litestar, get

    steps = []

    @asynccontextmanager
    async def lifespan(app):
        steps.append("up")
        yield
        steps.append("down")

    @get("/items/{item:int}")
    async def item(item: int) -> dict[str, int]:
        return {"item": item}

    @get("/boom")
    async def boom() -> None:
        raise ValueError("boom")

    app = Litestar([item, boom], lifespan=[lifespan], debug=debug)
    async with asking(app, lifespan="on") as client:
        assert (await client.get("/items/3")).json() == {"item": 3}
        answer = await client.get("/boom")
        assert (answer.status_code, error_of(answer)) == (500, "ValueError('boom')")
        assert (await client.get("/nothing")).status_code == 404
    assert steps == ["up", "down"]


@on_asyncio
async def test_quart():
    from quart import Quart, request

    steps = []
    app = Quart(__name__)

    @app.before_serving
    async def up():
        steps.append("up")

    @app.after_serving
    async def down():
        steps.append("down")

    @app.post("/echo")
    async def echo():
        return await request.get_data()

    @app.get("/boom")
    async def boom():
        raise ValueError("boom")

    async with asking(app, lifespan="on") as client:
        assert (await client.post("/echo", content=b"x" * 100_000)).content == b"x" * 100_000
        answer = await client.get("/boom")
        assert (answer.status_code, error_of(answer)) == (500, "ValueError('boom')")
        assert (await client.get("/nothing")).status_code == 404
    assert steps == ["up", "down"]


@pytest.fixture(scope="module")
def django_app():
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    def item(request, item):
        return HttpResponse(f"item {item} {request.GET.get('q', '')}")

    async def echo(request):
        return HttpResponse(request.body)

    def boom(request):
        raise ValueError("boom")

    async def async_boom(request):
        raise ValueError("async boom")

    class Urls:
        urlpatterns = [
            path("items/<int:item>", item),
            path("echo", echo),
            path("boom", boom),
            path("async-boom", async_boom),
        ]

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=None, SECRET_KEY="tests", LOGGING_CONFIG=None)
        django.setup()
    with override_settings(ROOT_URLCONF=Urls):
        yield get_asgi_application()


@on_asyncio
async def test_django(django_app):
    async with asking(django_app) as client:
        assert (await client.get("/items/3?q=é")).text == "item 3 é"
        assert (await client.post("/echo", content=b"abc")).content == b"abc"
        for path, error in [("/boom", "ValueError('boom')"), ("/async-boom", "ValueError('async boom')")]:
            answer = await client.get(path)
            assert (answer.status_code, error_of(answer)) == (500, error)
        answer = await client.get("/nothing")
        assert (answer.status_code, error_of(answer)) == (404, "None")
