import asyncio
import contextlib
import importlib.util
import signal
import sys
import threading

import pytest

from asgi_probe.engine.backend import run_async
from asgi_probe.errors import UsageError

BACKENDS = [("asyncio", False), ("trio", None)]
if importlib.util.find_spec("uvloop"):
    BACKENDS.insert(1, ("asyncio", True))
every_backend = pytest.mark.parametrize(("backend", "uvloop"), BACKENDS)
LOOPS = [uvloop for backend, uvloop in BACKENDS if backend == "asyncio"]
every_loop = pytest.mark.parametrize("uvloop", LOOPS)


@pytest.fixture
def handled_sigint():
    """SIGINT as in a run: a handler of our own, so that no KeyboardInterrupt can be Ctrl-C."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


@every_backend
def test_gives_what_main_returns(backend, uvloop):
    import anyio

    async def main():
        await anyio.sleep(0)
        return anyio.get_current_task().name and 42

    assert run_async(main, backend, uvloop=uvloop) == 42


@every_backend
@pytest.mark.parametrize("error", [ValueError("a"), SystemExit(3), KeyboardInterrupt()])
def test_raises_what_main_raises(backend, uvloop, error):
    async def main():
        raise error

    with pytest.raises(type(error)) as caught:
        run_async(main, backend, uvloop=uvloop)
    assert caught.value is error
    assert caught.value.__context__ is None


@every_backend
def test_unwraps_groups_of_one(backend, uvloop):
    cause = KeyError()

    async def main():
        inner = ValueError("inside")
        inner.__cause__ = cause
        raise ExceptionGroup("one", [ExceptionGroup("one", [inner])])

    with pytest.raises(ValueError, match="inside") as caught:
        run_async(main, backend, uvloop=uvloop)
    assert caught.value.__cause__ is cause


@every_backend
def test_keeps_groups_of_more(backend, uvloop):
    async def main():
        raise ExceptionGroup("two", [ValueError(), KeyError()])

    with pytest.raises(ExceptionGroup, match="two"):
        run_async(main, backend, uvloop=uvloop)


@every_loop
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.usefixtures("handled_sigint")
def test_survives_exits_in_other_tasks(uvloop, error):
    async def leaves():
        raise error

    async def main():
        for _ in range(3):
            task = asyncio.create_task(leaves())
            with pytest.raises(error):
                await task
        return "still here"

    assert run_async(main, uvloop=uvloop) == "still here"


@every_loop
def test_what_is_handled_around_the_run_is_nobodys_cause(uvloop):
    from asgi_probe.target.asgi import AppTarget
    from asgi_probe.target.http import httpx
    from asgi_probe.target.importing import LoadedApp

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 503})
        await send({"type": "http.response.body"})

    async def main():
        target = AppTarget(LoadedApp(app, factory=False, reference="app"), lifespan="off", warn=lambda *_: None)
        async with target, httpx.AsyncClient(transport=target.transport, base_url=target.base) as client:
            return (await client.get("/")).extensions

    try:
        {}["around"]
    except KeyError:
        assert "app_error" not in run_async(main, uvloop=uvloop)


@every_backend
@pytest.mark.usefixtures("handled_sigint")
def test_survives_exits_in_frameworks_tasks(backend, uvloop):
    """Starlette's BaseHTTPMiddleware calls the handler in a child task: asyncio lets its SystemExit out of the loop."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from asgi_probe.target.asgi import AppTarget
    from asgi_probe.target.failures import AppExited
    from asgi_probe.target.http import httpx
    from asgi_probe.target.importing import LoadedApp

    async def dispatch(request, call_next):
        return await call_next(request)

    async def leaves(request):
        raise {"/exit": SystemExit, "/interrupt": KeyboardInterrupt}[request.url.path](1)

    async def fine(request):
        return PlainTextResponse("fine")

    routes = [Route("/exit", leaves), Route("/interrupt", leaves), Route("/fine", fine)]
    app = Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])

    async def main():
        target = AppTarget(LoadedApp(app, factory=False, reference="app"), warn=lambda *told: pytest.fail(str(told)))
        async with target, httpx.AsyncClient(transport=target.transport, base_url=target.base) as client:
            with pytest.raises(AppExited) as exited:
                await client.get("/exit")
            assert (await client.get("/fine")).text == "fine"
            with pytest.raises(AppExited) as interrupted:
                await client.get("/interrupt")
            assert (await client.get("/fine")).text == "fine"
            return exited.value.app_error, interrupted.value.app_error

    exited, interrupted = run_async(main, backend, uvloop=uvloop)
    assert isinstance(exited, SystemExit)
    assert isinstance(interrupted, KeyboardInterrupt)


@every_loop
def test_ctrl_c_with_pythons_own_handler_cancels_main(uvloop):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ends = []

    async def main():
        try:
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            await asyncio.sleep(30)
        finally:
            ends.append("clean")

    try:
        with pytest.raises(KeyboardInterrupt):
            run_async(main, uvloop=uvloop)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ends == ["clean"]


@every_backend
def test_leaves_signal_handlers_alone(backend, uvloop):
    def handler(*_):
        return None

    before = signal.signal(signal.SIGINT, handler)

    async def main():
        return signal.getsignal(signal.SIGINT)

    try:
        assert run_async(main, backend, uvloop=uvloop) is handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


@every_loop
def test_tasks_and_generators_are_closed_with_the_loop(uvloop):
    ends = []

    async def lingers():
        try:
            await asyncio.sleep(30)
        finally:
            ends.append("task")

    async def generates():
        try:
            yield
        finally:
            ends.append("generator")

    async def main():
        main.task = asyncio.create_task(lingers())
        main.generator = generates()
        await anext(main.generator)

    run_async(main, uvloop=uvloop)
    assert sorted(ends) == ["generator", "task"]


@every_loop
@pytest.mark.usefixtures("handled_sigint")
def test_a_task_that_exits_while_the_loop_closes_is_survived(uvloop):
    async def leaves():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise SystemExit(9) from None

    async def main():
        main.task = asyncio.create_task(leaves())
        await asyncio.sleep(0)
        return "done"

    assert run_async(main, uvloop=uvloop) == "done"
    assert isinstance(main.task.exception(), SystemExit)


@every_loop
def test_a_task_that_ignores_its_cancellation_is_left_behind(uvloop, monkeypatch, capsys):
    import gc

    monkeypatch.setattr("asgi_probe.engine.backend._CLOSING", 0.05)

    async def stubborn():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.5)

    async def main():
        main.task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        return "done"

    assert run_async(main, uvloop=uvloop) == "done"
    del main.task
    gc.collect()
    assert capsys.readouterr().err == ""


@every_loop
def test_away_from_the_main_thread(uvloop):
    found = []

    async def main():
        return type(asyncio.get_running_loop()).__module__

    thread = threading.Thread(target=lambda: found.append(run_async(main, uvloop=uvloop)))
    thread.start()
    thread.join()
    assert found[0].startswith("uvloop") is bool(uvloop)


def test_uvloop_is_used_where_it_is_installed(monkeypatch):
    async def main():
        return type(asyncio.get_running_loop()).__module__

    assert run_async(main).startswith("uvloop") is (True in LOOPS)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_async(main).startswith("asyncio")
    with pytest.raises(UsageError, match="pip install"):
        run_async(main, uvloop=True)


def test_trio_that_is_not_installed_is_named(monkeypatch):
    async def main():
        return 1

    monkeypatch.setitem(sys.modules, "trio", None)
    with pytest.raises(UsageError, match=r"pip install 'asgi-probe\[trio\]'"):
        run_async(main, "trio")
