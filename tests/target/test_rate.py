import time
from itertools import pairwise

import anyio
import pytest

from asgi_probe.exchange import Answer, Ask, Failure
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.base import Defaults
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.live import LiveTarget
from asgi_probe.target.rate import Pace
from asgi_probe.target.session import Exchanger
from asgi_probe.target.user_client import open_client

pytestmark = pytest.mark.anyio


async def test_turns_are_evenly_spaced_without_a_burst():
    pace, times = Pace(50), []

    async def take():
        await pace.turn()
        times.append(time.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(take)
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) > 0.015
    await anyio.sleep(0.1)  # what was not used is not saved up
    began = time.monotonic()
    for _ in range(3):
        await pace.turn()
    assert time.monotonic() - began >= 0.039


async def test_turns_come_in_order_and_who_is_cancelled_leaves_the_turn_to_others():
    pace, order = Pace(10), []

    async def take(number, scope):
        with scope:
            await pace.turn()
            order.append(number)

    scopes = [anyio.CancelScope() for _ in range(20)]
    began = time.monotonic()
    async with anyio.create_task_group() as group:
        for number, scope in enumerate(scopes):
            group.start_soon(take, number, scope)
            await anyio.sleep(0)
        await anyio.sleep(0.01)
        for scope in scopes[1:-2]:
            scope.cancel()
    assert order == [0, 18, 19]
    assert 0.19 < time.monotonic() - began < 1


def told(app, **defaults):
    target = AppTarget(LoadedApp(app, factory=False, reference="app"), lifespan="off", warn=lambda *_: None)
    target.defaults = Defaults(**defaults)
    return target


async def slow_app(scope, receive, send):
    if scope["path"] == "/slow":
        await anyio.sleep(0.3)
    status, extra = (302, [(b"location", b"/end")]) if scope["path"] == "/hop" else (200, [])
    await send({"type": "http.response.start", "status": status, "headers": extra})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_waiting_counts_neither_for_the_timeout_nor_for_the_time():
    async with told(slow_app, pace=Pace(4)) as target:
        exchanger = Exchanger(target)
        _, first = await exchanger.session().ask(Ask("GET", "/hop", timeout=0.15, max_hops=1))
        assert isinstance(first, Answer), first
        assert first.hops
        assert first.time < 0.15
        began = time.monotonic()
        _, second = await exchanger.session().ask(Ask("GET", "/slow", timeout=0.15))
        assert isinstance(second, Failure)
        assert second.kind == "timeout"
        assert 0.1 < second.time < 0.24
        assert time.monotonic() - began > 0.3


async def test_all_sessions_hops_and_clients_share_the_pace():
    async with told(slow_app, pace=Pace(20)) as target:
        exchanger = Exchanger(target)
        began = time.monotonic()
        async with anyio.create_task_group() as group, open_client(target) as client:
            for _ in range(2):
                group.start_soon(exchanger.session().ask, Ask("GET", "/hop", max_hops=1))
            assert (await client.get("/hop", follow_redirects=True)).text == "ok"
        assert time.monotonic() - began >= 0.24


async def test_others_than_the_target_are_asked_at_once(server):
    async with LiveTarget("http://127.0.0.1:1", defaults=Defaults(pace=Pace(0.01))) as target:
        exchanger = Exchanger(target)
        with anyio.fail_after(5):
            for _ in range(2):
                _, answer = await exchanger.session().ask(Ask("GET", f"{server.base_url}/ok"))
                assert isinstance(answer, Answer)
            async with open_client(target) as client:
                assert (await client.get(f"{server.base_url}/ok")).status_code == 200
        await exchanger.aclose()
