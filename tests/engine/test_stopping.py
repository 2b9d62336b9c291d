import anyio
import pytest

from asgi_probe.engine import stopping
from asgi_probe.engine.backend import run_async
from asgi_probe.engine.stopping import Stop
from asgi_probe.errors import ExitCode


@pytest.mark.anyio
async def test_what_is_running_is_cancelled_at_once(anyio_backend: str) -> None:
    stop = Stop()
    stop.attach()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_request_soon, stop)
        with stop.running() as scope:
            await anyio.sleep(60)
    assert scope.cancelled_caught
    assert stop.reason == "fail-fast"


@pytest.mark.anyio
async def test_what_must_still_run_gets_a_grace(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE", 0.05)
    stop = Stop()
    stop.attach()
    done = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_request_soon, stop)
        with stop.closing() as scope:
            await anyio.sleep(0.02)
            done.append("in time")
            await anyio.sleep(60)
            done.append("too late")
    assert done == ["in time"]
    assert scope.cancelled_caught


@pytest.mark.anyio
async def test_after_a_stop_nothing_new_runs_and_closing_is_bounded(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "GRACE", 0.05)
    stop = Stop()
    stop.request("interrupted", ExitCode.INTERRUPTED)
    stop.attach()
    with stop.running() as scope:
        await anyio.sleep(60)
    assert scope.cancelled_caught
    with stop.closing() as closing:
        await anyio.sleep(60)
    assert closing.cancelled_caught


@pytest.mark.anyio
async def test_released_work_is_left_alone(anyio_backend: str) -> None:
    stop = Stop()
    stop.attach()
    with stop.running() as scope:
        stop.release(scope)
        stop.request("fail-fast")
        await anyio.sleep(0.01)
    assert not scope.cancelled_caught


@pytest.mark.anyio
async def test_a_timeout_is_no_stop(anyio_backend: str) -> None:
    stop = Stop()
    stop.attach()
    with stop.running(0.01) as scope:
        await anyio.sleep(60)
    assert scope.cancelled_caught
    assert stop.reason is None


def test_a_signal_outranks_fail_fast() -> None:
    stop = Stop()
    stop.request("fail-fast")
    stop.request("interrupted", ExitCode.TERMINATED)
    stop.request("fail-fast")
    assert (stop.reason, stop.exit_code) == ("interrupted", ExitCode.TERMINATED)


async def _request_soon(stop: Stop) -> None:
    await anyio.sleep(0.01)
    stop.request("fail-fast")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_signal_after_the_loop_has_ended_is_no_crash(backend: str) -> None:
    stop = Stop()

    async def main() -> None:
        stop.attach()

    run_async(main, backend, uvloop=False)
    stop.request("interrupted", ExitCode.INTERRUPTED)
    assert stop.reason == "interrupted"
