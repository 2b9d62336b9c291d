import asyncio
import contextlib
import contextvars
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
import trio

from asgi_probe.errors import TargetError
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.call import AppCall
from asgi_probe.target.failures import AppExited, BrokenAnswer, ProtocolBreach
from asgi_probe.target.http import httpx
from asgi_probe.target.importing import LoadedApp

pytestmark = pytest.mark.anyio

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"ok"}


def start(status=200, **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def body(content=b"", *, more=False):
    return {"type": "http.response.body", "body": content, "more_body": more}


class Warnings(list):
    def __call__(self, sentence, error):
        self.append((sentence, error))


@asynccontextmanager
async def asking(app, warnings=None, **options):
    options = {"lifespan": "off"} | options
    warn = Warnings() if warnings is None else warnings
    async with AppTarget(LoadedApp(app, factory=False, reference="app"), warn=warn, **options) as target:
        async with httpx.AsyncClient(transport=target.transport, base_url=target.base) as client:
            yield client
    if warnings is None:
        assert warn == []


def sending(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


async def ended(holds):
    with anyio.fail_after(3):
        while not holds():
            await anyio.sleep(0.005)


# the scope


async def scope_of(url, app_options=None, **request):
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)
        await send(START)
        await send(END)

    async with asking(app, **(app_options or {})) as client:
        await client.request(request.pop("method", "GET"), url, **request)
    return seen


async def test_scope_is_what_a_server_gives():
    scope = await scope_of("/a%20b/%C3%A9?q=1%202&r", method="PATCH", headers={"X-Thing": "1"})
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert scope["http_version"] == "1.1"
    assert (scope["method"], scope["scheme"]) == ("PATCH", "http")
    assert scope["path"] == "/a b/é"
    assert scope["raw_path"] == b"/a%20b/%C3%A9"
    assert scope["query_string"] == b"q=1%202&r"
    assert scope["root_path"] == ""
    assert scope["server"] == ("testserver", 80)
    assert scope["client"] == ("127.0.0.1", 50000)
    assert scope["extensions"] == {}
    assert scope["state"] == {}
    assert (b"x-thing", b"1") in scope["headers"]
    assert (b"host", b"testserver") in scope["headers"]


async def test_root_path_is_part_of_the_path_as_in_uvicorn():
    scope = await scope_of("/items%2F1?x", {"root_path": "/api/"})
    assert scope["root_path"] == "/api"
    assert scope["path"] == "/api/items/1"
    assert scope["raw_path"] == b"/api/items%2F1"


async def test_root_path_reaches_starlettes_routes():
    from fastapi import FastAPI, Request

    app = FastAPI()

    @app.get("/items")
    async def items(request: Request):
        return str(request.url_for("items"))

    async with asking(app, root_path="/api") as client:
        assert (await client.get("/items")).json() == "http://testserver/api/items"


async def test_ports_of_other_origins():
    assert (await scope_of("https://other/"))["server"] == ("other", 443)
    assert (await scope_of("http://other:8000/"))["server"] == ("other", 8000)


async def test_each_request_has_a_shallow_copy_of_the_state():
    shared = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            scope["state"]["shared"] = shared
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert "mine" not in scope["state"]
        scope["state"]["mine"] = 1
        scope["state"]["shared"].append(1)
        await send(START)
        await send(END)

    async with asking(app, lifespan="on") as client:
        assert [(await client.get("/")).status_code for _ in range(2)] == [200, 200]
    assert shared == [1, 1]


async def test_each_request_has_a_copy_of_the_context():
    name = contextvars.ContextVar("name", default="none")
    seen = []

    async def app(scope, receive, send):
        seen.append(name.get())
        name.set("the app's")
        await send(START)
        await send(END)

    async with asking(app) as client:
        name.set("mine")
        await client.get("/")
        await client.get("/")
    assert seen == ["mine", "mine"]
    assert name.get() == "mine"


async def test_each_request_is_a_task_of_its_own():
    tasks = []

    async def app(scope, receive, send):
        tasks.append(anyio.get_current_task().id)
        await send(START)
        await send(END)

    async with asking(app) as client:
        await client.get("/")
    assert tasks != [anyio.get_current_task().id]
    assert len(tasks) == 1


# the request's body


async def echo(scope, receive, send):
    sizes, whole, more = [], b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        sizes.append(len(message["body"]))
        whole += message["body"]
        more = message["more_body"]
    await send(start(x_sizes=",".join(map(str, sizes))))
    await send(body(whole))


@pytest.mark.parametrize(
    ("content", "sizes"),
    [
        (b"", "0"),
        (b"abc", "3"),
        (b"x" * 65_536, "65536"),
        (b"x" * 65_537, "65536,1"),
        (b"x" * 200_000, "65536,65536,65536,3392"),
    ],
)
async def test_bodies_come_in_bounded_pieces(content, sizes):
    async with asking(echo) as client:
        answer = await client.post("/", content=content)
    assert answer.content == content
    assert answer.headers["x-sizes"] == sizes


async def parts(*pieces) -> AsyncIterator[bytes]:
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


async def test_streamed_bodies_are_streamed():
    async with asking(echo) as client:
        answer = await client.post("/", content=parts(b"ab", b"", b"y" * 70_000, b"c"))
    assert answer.content == b"ab" + b"y" * 70_000 + b"c"
    assert answer.headers["x-sizes"] == "2,0,65536,4464,1,0"


async def test_a_body_that_breaks_off_is_the_requests_own_error():
    seen = []

    async def broken():
        yield b"a"
        raise OSError("no such file")

    async def app(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"])
        seen.append(message["type"])

    async with asking(app) as client:
        with pytest.raises(httpx.LocalProtocolError, match="the request's body broke off: OSError"):
            await client.post("/", content=broken())
    assert seen == [b"a", "http.disconnect"]


async def test_sync_streams_are_refused():
    async with asking(echo) as client:
        request = httpx.Request("POST", "http://testserver/", content=iter([b"a"]))
        with pytest.raises(TypeError, match="expected an async stream"):
            await client._transport.handle_async_request(request)


async def test_receive_blocks_after_the_body_until_the_answer_is_complete():
    events = []

    async def app(scope, receive, send):
        async def listen():
            events.append((await receive())["type"])

        await receive()
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await anyio.sleep(0.02)
            events.append("before")
            await send(START)
            await send(END)
        events.append((await receive())["type"])

    async with asking(app) as client:
        assert (await client.get("/")).text == "ok"
        await ended(lambda: len(events) == 3)
    assert events == ["before", "http.disconnect", "http.disconnect"]


async def test_disconnect_comes_before_an_unread_body_once_the_answer_is_complete():
    seen = []

    async def app(scope, receive, send):
        await send(START)
        await send(END)
        seen.append((await receive())["type"])

    async with asking(app) as client:
        await client.post("/", content=b"unread")
        await ended(lambda: seen)
    assert seen == ["http.disconnect"]


# streaming


async def test_the_answer_returns_at_its_start():
    more = anyio.Event()

    async def app(scope, receive, send):
        await send(START)
        await more.wait()
        await send(END)

    async with asking(app) as client, client.stream("GET", "/") as answer:
        assert answer.status_code == 200
        more.set()
        assert await answer.aread() == b"ok"


async def test_an_endless_body_is_bounded_and_ends_with_its_reader():
    sent = 0
    ends = []

    async def app(scope, receive, send):
        nonlocal sent
        await receive()
        await send(START)
        async with anyio.create_task_group() as group:

            async def listen():
                ends.append((await receive())["type"])
                group.cancel_scope.cancel()

            group.start_soon(listen)
            while True:
                await send(body(b"x" * 10_000, more=True))
                sent += 10_000

    async with asking(app) as client:
        answer = await client._transport.handle_async_request(httpx.Request("GET", "http://testserver/"))
        await anyio.sleep(0.05)
        assert sent <= 70_000
        read = 0
        async for chunk in answer.stream:
            read += len(chunk)
            if read > 300_000:
                break
        await answer.aclose()
        assert ends == ["http.disconnect"]
        assert sent - read < 200_000


async def test_an_app_that_ignores_the_disconnect_is_cancelled():
    ends = []

    async def app(scope, receive, send):
        try:
            await send(START)
            while True:
                await send(body(b"x" * 100_000, more=True))
        except BaseException as error:
            ends.append(type(error).__name__)
            raise

    async with asking(app) as client:
        async with client.stream("GET", "/"):
            pass
        assert len(ends) == 1


async def test_an_early_close_gives_the_app_time_to_finish():
    ends = []

    async def app(scope, receive, send):
        await receive()
        await send(START)
        await send(body(b"first", more=True))
        ends.append((await receive())["type"])
        await anyio.sleep(0.05)
        await send(body(b"nobody reads this"))
        ends.append("clean")

    async with asking(app) as client:
        async with client.stream("GET", "/"):
            pass
        assert ends == ["http.disconnect", "clean"]


async def test_chunks_that_wait_together_are_read_together():
    async with asking(sending(START, body(b"a", more=True), body(b"b", more=True), body(b"c"))) as client:
        async with client.stream("GET", "/") as answer:
            assert [chunk async for chunk in answer.aiter_raw()] == [b"abc"]


async def test_a_large_body_is_whole():
    pieces = [bytes([number]) * 50_000 for number in range(60)]

    async def app(scope, receive, send):
        await send(start(content_length=str(60 * 50_000)))
        for piece in pieces:
            await send(body(piece, more=True))
        await send(body())

    async with asking(app) as client:
        assert (await client.get("/")).content == b"".join(pieces)


@pytest.mark.parametrize("content", [bytearray(b"abc"), memoryview(b"abc")])
async def test_bytes_like_bodies_are_taken(content):
    async with asking(sending(START, {"type": "http.response.body", "body": content})) as client:
        assert (await client.get("/")).content == b"abc"


async def test_a_body_event_may_be_empty_and_headers_left_out():
    messages = {"type": "http.response.start", "status": 200}, {"type": "http.response.body"}
    async with asking(sending(*messages)) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.content, dict(answer.headers)) == (200, b"", {})
    assert answer.http_version == "HTTP/1.1"


# errors


async def boom(scope, receive, send):
    raise ValueError("boom")


async def test_an_exception_before_the_start_is_a_500():
    async with asking(boom) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-length"] == "21"
    assert repr(answer.extensions["app_error"]) == "ValueError('boom')"


async def test_a_500_to_head_has_no_body():
    async with asking(boom) as client:
        answer = await client.head("/")
    assert (answer.status_code, answer.content) == (500, b"")


async def test_a_group_of_one_exception_is_that_exception():
    async def app(scope, receive, send):
        async with anyio.create_task_group() as group:
            group.start_soon(boom, scope, receive, send)

    async with asking(app) as client:
        assert repr((await client.get("/")).extensions["app_error"]) == "ValueError('boom')"


async def test_an_exception_behind_a_500_of_the_app_itself_is_its_cause():
    async def app(scope, receive, send):
        await send(start(500))
        await send(body(b"sorry"))
        await anyio.sleep(0.02)
        raise ValueError("boom")

    async with asking(app) as client:
        answer = await client.get("/")
    assert answer.text == "sorry"
    assert repr(answer.extensions["app_error"]) == "ValueError('boom')"


async def test_what_is_handled_when_a_500_starts_is_its_cause():
    async def app(scope, receive, send):
        try:
            raise KeyError("lost")
        except KeyError:
            await send(start(503))
            await send(body())

    async with asking(app) as client:
        assert repr((await client.get("/")).extensions["app_error"]) == "KeyError('lost')"


async def test_what_is_handled_behind_a_404_is_nobodys_business():
    async def app(scope, receive, send):
        try:
            raise KeyError("lost")
        except KeyError:
            await send(start(404))
            await send(body())

    async with asking(app) as client:
        assert "app_error" not in (await client.get("/")).extensions


async def test_what_is_logged_behind_a_500_is_its_cause():
    import logging

    logger = logging.getLogger("tests.quiet")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())

    async def app(scope, receive, send):
        try:
            raise KeyError("lost")
        except KeyError:
            logger.exception("it is lost")
        await send(start(int(scope["path"][1:])))
        await send(body())

    async with asking(app) as client:
        assert repr((await client.get("/500")).extensions["app_error"]) == "KeyError('lost')"
        assert "app_error" not in (await client.get("/200")).extensions
    assert logging.getLogRecordFactory() is logging.LogRecord


async def test_a_500_without_an_exception_does_not_wait_long():
    done = anyio.Event()

    async def app(scope, receive, send):
        await send(start(500))
        await send(body())
        await done.wait()

    async with asking(app) as client:
        with anyio.fail_after(2):
            answer = await client.get("/")
        assert "app_error" not in answer.extensions
        done.set()


async def test_an_exception_after_the_last_byte_is_a_warning():
    warnings = Warnings()

    async def app(scope, receive, send):
        await send(START)
        await send(END)
        raise ValueError("late")

    async with asking(app, warnings) as client:
        assert (await client.get("/x?y=1")).status_code == 200
    [(sentence, error)] = warnings
    assert sentence == "GET /x?y=1: background work raised ValueError('late')"
    assert repr(error) == "ValueError('late')"


async def test_another_exception_after_an_explained_500_is_a_warning():
    warnings = Warnings()

    async def app(scope, receive, send):
        try:
            raise KeyError("lost")
        except KeyError:
            await send(start(500))
            await send(body())
        raise ValueError("late")

    async with asking(app, warnings) as client:
        assert repr((await client.get("/")).extensions["app_error"]) == "KeyError('lost')"
    assert [sentence for sentence, _ in warnings] == ["GET /: background work raised ValueError('late')"]


async def test_background_work_does_not_delay_the_answer_and_is_awaited():
    steps = []
    go = anyio.Event()

    async def app(scope, receive, send):
        await send(START)
        await send(END)
        await go.wait()
        await anyio.sleep(0.02)
        steps.append("background")

    async with asking(app) as client:
        await client.get("/")
        steps.append("answered")
        go.set()
    assert steps == ["answered", "background"]


async def test_background_work_without_end_is_cancelled_and_told():
    warnings = Warnings()
    ends = []

    async def app(scope, receive, send):
        await send(START)
        await send(END)
        try:
            await anyio.sleep_forever()
        finally:
            ends.append(1)

    with anyio.fail_after(3):
        async with asking(app, warnings, shutdown_timeout=0.05) as client:
            await client.get("/a")
    assert ends == [1]
    assert warnings == [("GET /a: background work did not end within 0.05 s and was cancelled", None)]


# breaches of the protocol

BREACHES = [
    ((START, START), "the app sent a second 'http.response.start'"),
    ((END,), "the app sent a body before its 'http.response.start'"),
    (({"type": "http.response.trailers"},), "the app sent an event of the type 'http.response.trailers'"),
    (({},), "the app sent an event of the type None: expected 'http.response.start' or 'http.response.body'"),
    ((start(content_length="3"), body(b"ab")), "the app sent 2 bytes, but announced a content-length of 3"),
    ((start(content_length="3"), body(b"abcd")), "the app sent 4 bytes, but announced a content-length of 3"),
    ((start(content_length="3"), body(b"ab", more=True), body(b"cd")), "the app sent 4 bytes, but announced"),
    ((start(content_length="x"), body()), "the app sent the content-length b'x': expected one number"),
    ((start(204), body(b"a")), "the app sent a body of 1 bytes with the status 204, which has none"),
    ((start(304), body(b"a")), "the app sent a body of 1 bytes with the status 304, which has none"),
    ((START, {"type": "http.response.body", "body": "text"}), "the app sent a body of the type str: expected bytes"),
    ((start("200"),), "the app sent the status '200': expected a number from 200 to 999"),
    ((start(True),), "the app sent the status True"),
    ((start(100),), "the app sent the status 100"),
    ((START | {"headers": [("a", b"b")]},), "the app sent the header 'a': b'b': expected bytes for its name and value"),
    ((START | {"headers": [(b"a", "b")]},), "the app sent the header b'a': 'b': expected bytes"),
    ((START | {"headers": [(b"a b", b"")]},), "the app sent a header of the name b'a b', which is not one"),
    ((START | {"headers": [(b"a", b"b\r\nc: d")]},), "the app sent the header b'a' with a line break or NUL"),
    ((START | {"headers": {b"a": b"b"}},), "the app sent {b'a': b'b'} as headers: expected pairs of bytes"),
    ((START | {"headers": None},), "the app sent None as headers"),
    ((START | {"headers": [(b"content-length", b"1"), (b"Content-Length", b"2")]},), "expected one number"),
    ((), "the app returned without sending a response"),
    ((START,), "the app returned before its answer was complete"),
    ((START, body(b"a", more=True)), "the app returned before its answer was complete"),
]


@pytest.mark.parametrize(("messages", "sentence"), BREACHES)
async def test_breaches_are_broken_answers(messages, sentence):
    async with asking(sending(*messages)) as client:
        with pytest.raises(BrokenAnswer) as caught:
            await client.get("/")
    assert sentence in str(caught.value)
    if "returned" in sentence:
        assert caught.value.app_error is None
    else:
        assert isinstance(caught.value.app_error, ProtocolBreach)


async def test_a_breach_cannot_be_undone_by_the_app():
    async def app(scope, receive, send):
        try:
            await send(START | {"headers": [("a", "b")]})
        except RuntimeError:
            with pytest.raises(ProtocolBreach):
                await send(start(500))
            with pytest.raises(ProtocolBreach):
                await send(body(b"sorry"))

    async with asking(app) as client:
        with pytest.raises(BrokenAnswer, match="the app sent the header 'a'"):
            await client.get("/")


@pytest.mark.parametrize(
    ("late", "sentence"),
    [
        (body(b"more"), "GET /: the app sent a body after its last one (`more_body` was false)"),
        (START, "GET /: the app sent a second start, after its answer was complete"),
    ],
)
async def test_a_breach_after_the_end_is_a_warning(late, sentence):
    warnings = Warnings()
    async with asking(sending(START, END, late), warnings) as client:
        assert (await client.get("/")).text == "ok"
    assert [told for told, _ in warnings] == [sentence]


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_body_may_announce_one(status):
    async with asking(sending(start(status, content_length="5"), body())) as client:
        assert (await client.get("/")).status_code == status


async def test_the_body_of_head_is_dropped():
    async with asking(sending(start(content_length="7"), body(b"dropped"))) as client:
        answer = await client.head("/")
    assert (answer.content, answer.headers["content-length"]) == (b"", "7")


async def test_breaking_off_after_the_start_is_a_broken_answer():
    async def app(scope, receive, send):
        await send(START)
        await send(body(b"half", more=True))
        raise ValueError("boom")

    async with asking(app) as client, client.stream("GET", "/") as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"half"
        with pytest.raises(BrokenAnswer, match=r"the app broke off after its start: ValueError\('boom'\)") as caught:
            await anext(chunks)
    assert repr(caught.value.app_error) == "ValueError('boom')"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("messages", [(), (START, body(b"a", more=True))])
async def test_exits_in_a_handler_are_errors_of_that_request_alone(error, messages):
    async def app(scope, receive, send):
        if scope["path"] == "/fine":
            await send(START)
            return await send(END)
        for message in messages:
            await send(message)
        raise error

    async with asking(app) as client:
        with pytest.raises(AppExited, match="the app exited in its handler") as caught:
            await client.get("/")
        assert caught.value.app_error is error
        assert (await client.get("/fine")).text == "ok"


async def test_an_exit_in_a_group_is_an_exit():
    async def app(scope, receive, send):
        raise BaseExceptionGroup("two", [ValueError(), BaseExceptionGroup("one", [SystemExit(1)])])

    async with asking(app) as client:
        with pytest.raises(AppExited, match=r"SystemExit\(1\)"):
            await client.get("/")


async def test_an_exit_after_the_last_byte_is_a_warning():
    warnings = Warnings()

    async def app(scope, receive, send):
        await send(START)
        await send(END)
        raise SystemExit(1)

    async with asking(app, warnings) as client:
        assert (await client.get("/")).text == "ok"
    assert [sentence for sentence, _ in warnings] == ["GET /: background work raised SystemExit(1)"]


# cancellation


async def test_a_request_out_of_time_disconnects_and_cancels_the_app():
    seen = []

    async def app(scope, receive, send):
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await receive()
                seen.append((await receive())["type"])

    async with asking(app) as client:
        with anyio.move_on_after(0.05) as scope:
            await client.get("/")
        assert scope.cancelled_caught
        assert seen == ["http.disconnect"] or seen == []
        await ended(lambda: not client._transport.running)


async def test_a_request_out_of_time_in_its_body_cancels_the_app():
    ends = []

    async def app(scope, receive, send):
        await send(START)
        try:
            await anyio.sleep_forever()
        finally:
            ends.append(1)

    async with asking(app) as client:
        with anyio.move_on_after(0.05) as scope:
            await client.get("/")
        assert scope.cancelled_caught
        assert ends == [1]


async def test_what_a_cancelled_app_raises_is_no_warning():
    async def app(scope, receive, send):
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    async with asking(app) as client:
        with anyio.move_on_after(0.02):
            await client.get("/")


async def test_an_app_that_ignores_cancellation_for_a_while_does_not_hold_its_client():
    released = anyio.Event()

    async def app(scope, receive, send):
        with anyio.CancelScope(shield=True):
            await released.wait()

    async with asking(app) as client:
        with anyio.fail_after(3):
            with anyio.move_on_after(0.02):
                await client.get("/")
        released.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_app_that_swallows_cancellation_is_left_behind():
    warnings = Warnings()
    stopped = False

    async def app(scope, receive, send):
        while not stopped:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    with anyio.fail_after(5):
        async with asking(app, warnings, shutdown_timeout=0.05) as client:
            with anyio.move_on_after(0.02):
                await client.get("/")
    stopped = True
    await asyncio.sleep(0.1)
    assert warnings[-1] == ("GET /: background work ignored its cancellation and was left behind", None)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_an_app_that_swallows_cancellation_on_trio_is_closed():
    warnings = Warnings()
    ignored = 0

    async def app(scope, receive, send):
        nonlocal ignored
        while True:
            try:
                await trio.sleep(0.05)
            except trio.Cancelled:
                ignored += 1

    with anyio.fail_after(5):
        async with asking(app, warnings, shutdown_timeout=0.05) as client:
            with anyio.move_on_after(0.02):
                await client.get("/")
    assert ignored >= 1_000


async def test_a_request_cancelled_before_it_begins_is_over_at_once():
    async with asking(sending(START, END)) as client:
        with anyio.fail_after(0.2), anyio.CancelScope() as scope:
            scope.cancel()
            await client._transport.handle_async_request(httpx.Request("GET", "http://testserver/"))
        assert scope.cancelled_caught
        assert client._transport.running == set()


async def test_a_call_stopped_before_its_first_step_never_reaches_the_app():
    forgotten = []
    request = httpx.Request("GET", "http://testserver/")
    call = AppCall(request, anyio.Event, Warnings(), forgotten.append)
    call.stop()
    await call.run(boom, {})
    await call.end()
    assert forgotten == [call]
    assert call.failure is None
    assert call.app_error is None


async def test_an_app_that_goes_on_after_its_breach_is_told_and_ends():
    seen = []

    async def app(scope, receive, send):
        await receive()
        with contextlib.suppress(RuntimeError):
            await send(END)
        seen.append((await receive())["type"])

    async with asking(app) as client:
        with pytest.raises(BrokenAnswer, match="a body before"):
            await client.get("/")
        assert seen == ["http.disconnect"]


async def test_an_app_that_asks_for_events_for_ever_can_be_cancelled():
    async def app(scope, receive, send):
        while True:
            await receive()

    with anyio.fail_after(3):
        async with asking(app) as client:
            with anyio.move_on_after(0.02) as scope:
                await client.get("/")
    assert scope.cancelled_caught


async def test_an_app_that_sends_for_ever_can_be_cancelled():
    async def app(scope, receive, send):
        await send(START)
        while True:
            await send(body(b"", more=True))
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(3):
        async with asking(app) as client, client.stream("GET", "/"):
            pass


# the target


async def test_a_factory_is_called_inside_the_loop():
    async def factory():
        await anyio.lowlevel.checkpoint()
        return sending(START, END)

    for make in (factory, lambda: sending(START, END)):
        target = AppTarget(LoadedApp(make, factory=True, reference="m:make"), warn=Warnings())
        with pytest.raises(RuntimeError, match="the factory is called when the target is entered"):
            _ = target.app
        async with target, httpx.AsyncClient(transport=target.transport) as client:
            assert target.app is not make
            assert (await client.get("http://testserver/")).text == "ok"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: 1 / 0, "the factory 'm:make' raised ZeroDivisionError"),
        (lambda: exit(2), "the factory 'm:make' raised SystemExit(2)"),
        (lambda: None, "what the factory 'm:make' made is None, which is not callable: expected an ASGI or WSGI app"),
        (lambda: anyio.sleep(9), "the factory 'm:make' did not return within 0.05 s; raise it with --startup-timeout"),
    ],
)
async def test_factories_that_fail(make, sentence):
    target = AppTarget(LoadedApp(make, factory=True, reference="m:make"), startup_timeout=0.05, warn=Warnings())
    with pytest.raises(TargetError) as caught:
        await target.__aenter__()
    assert sentence in str(caught.value)
    if "ZeroDivision" in sentence:
        assert "1 / 0" in caught.value.traceback


async def test_the_transport_is_usable_only_inside():
    target = AppTarget(LoadedApp(echo, factory=False, reference="m:app"), lifespan="off", warn=Warnings())
    assert (target.name, target.kind, target.address, str(target.base)) == ("app", "app", "m:app", "http://testserver")
    assert target.app is echo
    for _ in range(2):
        with pytest.raises(RuntimeError, match="has not been entered"):
            _ = target.transport
        async with target:
            assert target.transport is not None


async def test_nothing_is_kept_of_a_request_that_is_over():
    async with asking(sending(START, END)) as client:
        answer = await client.get("/")
        watched = weakref.ref(answer.request)
        assert client._transport.running == set()
        del answer
        gc.collect()
        assert watched() is None
