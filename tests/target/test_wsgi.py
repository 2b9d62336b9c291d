"""WSGI apps in process, as real apps of Flask, Django, Bottle and Falcon, and as plain callables."""

import contextvars
import functools
import logging
import sys
import threading
import time
from contextlib import asynccontextmanager

import anyio
import pytest

from asgi_probe.errors import TargetError
from asgi_probe.exchange import Answer, Ask, Failure
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.importing import LoadedApp, loaded
from asgi_probe.target.session import Exchanger

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Warnings(list):
    def __call__(self, sentence, error):
        self.append(sentence)


@asynccontextmanager
async def asking(app, **options):
    warnings = Warnings()
    async with AppTarget(loaded(app), warn=warnings, **options) as target:
        exchanger = Exchanger(target)

        async def ask(url="/", method="GET", **request):
            _, outcome = await exchanger.session().ask(Ask(method, url, **request))
            return outcome

        ask.target = target
        yield ask
        await exchanger.aclose()
    assert target.problems == []
    assert warnings == []


def flask_app(**config):
    from flask import Flask, Response, g, request

    app = Flask("shop")
    app.config.update(config)

    @app.get("/items/<int:item>")
    def item(item):
        g.item = item
        return {"item": g.item, "query": request.args.get("q"), "agent": request.headers["X-Shop"]}

    @app.post("/echo")
    def echo():
        return Response(request.get_data(), mimetype=request.mimetype)

    @app.post("/form")
    def form():
        return {"name": request.form["name"], "file": request.files["file"].read().decode()}

    @app.post("/lines")
    def lines():
        return {"lines": [line.decode() for line in request.environ["wsgi.input"]]}

    @app.get("/boom")
    def boom():
        app.logger.warning("before the boom")
        raise ValueError("boom")

    @app.get("/error-stream")
    def error_stream():
        print("to the error stream", file=request.environ["wsgi.errors"])
        return ""

    return app


async def test_flask():
    async with asking(flask_app()) as ask:
        answer = await ask("/items/3?q=é", headers=[("x-shop", "probe")])
        assert (answer.status, answer.body) == (200, b'{"agent":"probe","item":3,"query":"\\u00e9"}\n')
        assert (await ask("/items/3", "HEAD", headers=[("x-shop", "probe")])).body == b""
        assert (await ask("/nothing")).status == 404
        body = b"x" * 300_000
        assert (await ask("/echo", "POST", body=body, content_type="text/plain")).body == body
        answer = await ask("/lines", "POST", body=b"one\ntwo\n\nthree", content_type="text/plain")
        assert answer.body == b'{"lines":["one\\n","two\\n","\\n","three"]}\n'


async def test_flasks_forms():
    from asgi_probe.exchange import Part

    async with asking(flask_app()) as ask:
        parts = [Part("name", b"Tomato"), Part("file", b"a\nb" * 10, "a.txt", "text/plain")]
        answer = await ask("/form", "POST", parts=parts)
        assert (answer.status, answer.body) == (200, b'{"file":"' + b"a\\nb" * 10 + b'","name":"Tomato"}\n')


async def test_the_app_of_the_target_is_the_users_own():
    app = flask_app()
    async with asking(app) as ask:
        assert ask.target.app is app
        assert ask.target.kind == "app"


@pytest.mark.parametrize("config", [{}, {"PROPAGATE_EXCEPTIONS": True}, {"TESTING": True}, {"DEBUG": True}])
async def test_flasks_exceptions_are_known(config):
    async with asking(flask_app(**config)) as ask:
        answer = await ask("/boom")
        assert (answer.status, repr(answer.app_error)) == (500, "ValueError('boom')")
        assert answer.app_error.__traceback__ is not None
        logged = [(said.level, said.logger, said.text) for said in answer.said if said.source == "log"]
        assert logged[0] == ("WARNING", "shop", "before the boom")
        # the exception is the answer's own, so that its traceback is not told twice
        assert logged[1:] in ([], [("ERROR", "shop", "Exception on /boom [GET]")])
        assert [said for said in answer.said if said.source != "log"] == []


@pytest.mark.parametrize("capture", [True, False])
async def test_exceptions_that_flask_logs_for_nobody_are_known(capture):
    app = flask_app()
    app.logger.disabled = True
    async with asking(app, capture=capture) as ask:
        answer = await ask("/boom")
        assert (answer.status, repr(answer.app_error)) == (500, "ValueError('boom')")
        assert app.test_client().get("/boom").status_code == 500  # nobody's request
        assert (await ask("/nothing")).app_error is None
    app.logger.disabled = False


async def test_flasks_error_stream_is_what_the_app_said():
    async with asking(flask_app()) as ask:
        answer = await ask("/error-stream")
        assert [(said.source, said.text) for said in answer.said] == [("stderr", "to the error stream")]


@pytest.fixture(scope="module")
def django_wsgi():
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=None, SECRET_KEY="tests", LOGGING_CONFIG=None)
        django.setup()
    return get_wsgi_application()


async def test_django(django_wsgi, monkeypatch):
    from django.http import HttpResponse, StreamingHttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    def item(request, item):
        return HttpResponse(f"item {item} {request.GET.get('q', '')}")

    def echo(request):
        return HttpResponse(request.body)

    def boom(request):
        print("about to boom")
        raise ValueError("boom")

    def stream(request):
        return StreamingHttpResponse(f"{number}\n" for number in range(100))

    class Urls:
        urlpatterns = [
            path("items/<int:item>", item),
            path("echo", echo),
            path("boom", boom),
            path("stream", stream),
        ]

    with override_settings(ROOT_URLCONF=Urls):
        async with asking(django_wsgi) as ask:
            assert (await ask("/items/3?q=é")).body.decode() == "item 3 é"
            assert (await ask("/stream")).body == b"".join(b"%d\n" % number for number in range(100))
            answer = await ask("/boom")
            assert (answer.status, repr(answer.app_error)) == (500, "ValueError('boom')")
            assert [(said.source, said.text) for said in answer.said] == [
                ("stdout", "about to boom"),
                ("log", "Internal Server Error: /boom"),
            ]
            answer = await ask("/nothing")
            assert (answer.status, answer.app_error) == (404, None)
            monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
            answer = await ask("/boom")
            assert (answer.status, repr(answer.app_error)) == (500, "ValueError('boom')")


async def test_bottle_and_falcon():
    import bottle
    import falcon

    class Item:
        def on_get(self, request, response, item):
            response.media = {"item": item}

    one, other = bottle.Bottle(), falcon.App()
    one.route("/items/<item>")(lambda item: {"item": item})
    other.add_route("/items/{item}", Item())
    for app in (one, other):
        async with asking(app) as ask:
            answer = await ask("/items/7")
            assert (answer.status, answer.body) == (200, b'{"item": "7"}')


# plain callables


HTML = [("Content-Type", "text/html")]


def plain(environ, start_response):
    start_response("200 OK", HTML)
    return [b"one", b"", b"two"]


def lazy(environ, start_response):
    start_response("201 Created", HTML)
    yield b"lazy"


def written(environ, start_response):
    write = start_response("200", HTML)
    write(b"")
    write(b"one ")
    write(b"two ")
    return [b"three"]


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


def revoked(environ, start_response):
    start_response("200 OK", HTML)
    try:
        raise ValueError("revoked")
    except ValueError:
        start_response("503 Service Unavailable", HTML, sys.exc_info())
    return [b"sorry"]


@pytest.mark.parametrize(
    ("app", "status", "body"),
    [
        (plain, 200, b"onetwo"), (lazy, 201, b"lazy"), (written, 200, b"one two three"), (empty, 204, b""),
        (revoked, 503, b"sorry"),
    ],
)  # fmt: skip
async def test_plain_callables(app, status, body):
    async with asking(app) as ask:
        answer = await ask()
        assert (answer.status, answer.body) == (status, body)
        assert repr(answer.app_error) == ("ValueError('revoked')" if app is revoked else "None")


def raising(error, *, start=False):
    def app(environ, start_response):
        if start:
            start_response("200 OK", HTML)
        raise error

    return app


def twice(environ, start_response):
    start_response("200 OK", HTML)
    start_response("200 OK", HTML)


def silent(environ, start_response):
    return []


def nothing(environ, start_response):
    start_response("200 OK", HTML)


def no_number(environ, start_response):
    start_response("fine", HTML)
    return [b"x"]


@pytest.mark.parametrize(
    ("app", "error"),
    [
        (raising(ValueError("boom")), "ValueError('boom')"),
        (raising(ValueError("boom"), start=True), "ValueError('boom')"),
        (raising(StopIteration("boom")), "generator raised StopIteration"),
        (twice, "called start_response twice"),
        (silent, "without having called start_response"),
        (nothing, "'NoneType' object is not iterable"),
        (no_number, "invalid literal for int()"),
    ],
)
async def test_what_raises_before_the_first_byte_is_a_500(app, error):
    async with asking(app) as ask:
        answer = await ask()
        assert answer.status == 500
        assert error in repr(answer.app_error)


def breaks_off(environ, start_response):
    start_response("200 OK", HTML)
    yield b"begun"
    raise ValueError("boom")


def late_start(environ, start_response):
    start_response("200 OK", HTML)
    yield b"begun"
    try:
        raise ValueError("late")
    except ValueError:
        start_response("500 Oh", HTML, sys.exc_info())


def text(environ, start_response):
    start_response("200 OK", HTML)
    for _ in range(100):
        yield "text"


def too_long(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    for _ in range(100):
        yield b"xx"


def too_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"xx"]


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (breaks_off, "the app broke off after its start: ValueError('boom')"),
        (late_start, "the app broke off after its start: ValueError('late')"),
        (raising(SystemExit(3)), "the app exited in its handler: SystemExit(3)"),
        (text, "the app sent a body of the type str: expected bytes"),
        (too_long, "the app sent 4 bytes, but announced a content-length of 3"),
        (too_short, "the app sent 2 bytes, but announced a content-length of 3"),
    ],
)
async def test_what_breaks_its_answer(app, message):
    async with asking(app) as ask:
        for _ in range(3):
            failure = await ask()
            assert isinstance(failure, Failure)
            assert (failure.kind, failure.message) == ("protocol", message)
    await no_threads_of_wsgi()


async def no_threads_of_wsgi():
    with anyio.fail_after(5):
        while any(thread.name.startswith("WSGI") for thread in threading.enumerate()):
            await anyio.sleep(0.01)


async def test_exceptions_never_overtake_what_was_sent():
    def app(environ, start_response):
        start_response("200 OK", HTML)
        for _ in range(5):
            yield b"x"
        raise ValueError("boom")

    async with asking(app) as ask:
        for _ in range(50):
            failure = await ask()
            assert (failure.partial.status, failure.partial.body) == (200, b"xxxxx")


# time


async def test_a_blocking_app_is_timed_out_in_time():
    release = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            print("waiting")
            release.wait(10)
        return plain(environ, start_response)

    async with asking(app) as ask:
        began = time.perf_counter()
        failure = await ask("/slow", timeout=0.1)
        assert failure.message == "no answer within 0.1 s"
        assert [said.text for said in failure.said] == ["waiting"]
        assert time.perf_counter() - began < 1
        assert (await ask("/")).status == 200
        release.set()
    await no_threads_of_wsgi()


async def test_blocking_apps_run_beside_each_other():
    together = threading.Barrier(20, timeout=10)

    def app(environ, start_response):
        together.wait()
        return plain(environ, start_response)

    answers = []
    async with asking(app) as ask, anyio.create_task_group() as tasks:

        async def one():
            answers.append(await ask())

        for _ in range(20):
            tasks.start_soon(one)
    assert [answer.status for answer in answers] == [200] * 20


async def test_an_endless_stream_ends_with_its_reader():
    steps = []

    def app(environ, start_response):
        start_response("200 OK", HTML)

        class Endless:
            def __iter__(self):
                return self

            def __next__(self):
                return b"x" * 1000

            def close(self):
                steps.append("closed")

        return Endless()

    async with asking(app) as ask:
        for _ in range(3):
            failure = await ask(timeout=0.1)
            assert "its body did not end within 0.1 s" in failure.message
        with anyio.fail_after(5):
            while len(steps) < 3:
                await anyio.sleep(0.01)
    await no_threads_of_wsgi()


async def test_streams_come_piece_by_piece():
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", HTML)
        yield b"first"
        go_on.wait(10)
        yield b"second"

    async with asking(app) as ask:
        from asgi_probe.target.http import httpx

        request = httpx.Request("GET", "http://testserver/")
        response = await ask.target.transport.handle_async_request(request)
        pieces = aiter(response.stream)
        assert await anext(pieces) == b"first"
        go_on.set()
        assert await anext(pieces) == b"second"
        await response.aclose()


# its surroundings


async def test_the_environ():
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return plain(environ, start_response)

    async with asking(app, root_path="/api") as ask:
        await ask("/a%20b?x=1")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/api", "/a b", "x=1")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"], seen["wsgi.url_scheme"]) == ("testserver", "80", "http")
    assert (seen["wsgi.multithread"], seen["wsgi.multiprocess"]) == (True, False)
    assert seen["wsgi.input"].read() == b""


async def test_context_variables_reach_the_app():
    wish = contextvars.ContextVar("wish")

    def app(environ, start_response):
        start_response("200 OK", HTML)
        yield wish.get().encode()

    async with asking(app) as ask:
        wish.set("tomato")
        assert (await ask()).body == b"tomato"


async def test_concurrent_requests_keep_what_they_said_apart():
    def app(environ, start_response):
        for _ in range(3):
            print(environ["PATH_INFO"])
            time.sleep(0.01)
        logging.getLogger("wsgi-test").error(environ["PATH_INFO"])
        return plain(environ, start_response)

    said = {}
    async with asking(app) as ask, anyio.create_task_group() as tasks:

        async def one(url):
            answer = await ask(url)
            said[url] = [entry.text for entry in answer.said]

        for number in range(10):
            tasks.start_soon(one, f"/{number}")
    assert said == {f"/{number}": [f"/{number}"] * 4 for number in range(10)}


async def test_a_target_can_be_entered_again():
    target = AppTarget(loaded(plain), warn=Warnings())
    for _ in range(2):
        async with target:
            assert (await Exchanger(target).session().ask(Ask("GET", "/")))[1].body == b"onetwo"


async def test_there_is_no_lifespan():
    with pytest.raises(TargetError, match=r"is a WSGI app, which has no lifespan: leave --lifespan on out$"):
        async with asking(plain, lifespan="on"):
            pass


async def test_what_a_factory_makes():
    target = AppTarget(LoadedApp(flask_app, factory=True, reference="m:make"), warn=Warnings())
    async with target:
        assert type(target.app).__name__ == "Flask"
        assert type((await Exchanger(target).session().ask(Ask("GET", "/nothing")))[1]) is Answer


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_is_refused(anyio_backend):
    target = AppTarget(LoadedApp(plain, factory=False, reference="m:app"), warn=Warnings())
    with pytest.raises(TargetError) as caught:
        await target.__aenter__()
    assert str(caught.value) == "'m:app' is a WSGI app, which runs on asyncio only: use --backend asyncio"


def test_a2wsgi_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(TargetError) as caught:
        AppTarget(LoadedApp(plain, factory=False, reference="m:app"), warn=Warnings())
    assert str(caught.value) == "'m:app' is a WSGI app, which needs the package a2wsgi: pip install 'asgi-probe[wsgi]'"


def test_a_thread_that_never_ends_does_not_keep_the_loop():
    from asgi_probe.engine.backend import run_async

    release = threading.Event()

    def app(environ, start_response):
        release.wait(30)
        return plain(environ, start_response)

    async def main():
        async with asking(app) as ask:
            return await ask(timeout=0.05)

    began = time.perf_counter()
    failure = run_async(main, uvloop=False)
    assert failure.kind == "timeout"
    assert time.perf_counter() - began < 5
    release.set()
    with_patience = functools.partial(anyio.run, no_threads_of_wsgi)
    with_patience()
