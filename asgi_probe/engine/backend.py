"""The event loop that a run lives in: asyncio, uvloop where it is installed, or trio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Backend = Literal["asyncio", "trio"]

_CLOSING = 1.0
"""Seconds that tasks which nobody waited for get to end when the loop closes."""

left_behind: list[asyncio.Task[Any]] = []
"""Tasks that did not end, kept: to collect one throws into it, and what ignores that too would run for ever."""


def run_async(main: Callable[[], Awaitable[T]], backend: Backend = "asyncio", *, uvloop: bool | None = None) -> T:
    """Run `main` to its end and give what it returns, or raise what it raises.

    `SystemExit` and `KeyboardInterrupt` raised in any other task do not end the run. Where SIGINT still has Python's
    own handler a `KeyboardInterrupt` may be Ctrl-C, and cancels `main`. `uvloop` counts for asyncio only, None means
    where it is installed. An exception group with a single exception is raised as that exception.
    """
    try:
        return _run_trio(main) if backend == "trio" else _run_asyncio(main, uvloop=uvloop)
    except BaseExceptionGroup as group:
        single = only(group)
        if single is group:
            raise
        raise single from single.__cause__


def only(error: BaseException) -> BaseException:
    """The exception itself, or the single one in a group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _run_trio(main: Callable[[], Awaitable[T]]) -> T:
    try:
        import trio
    except ImportError:
        raise UsageError("the trio backend needs the package trio: pip install 'asgi-probe[trio]'") from None
    return trio.run(_awaiting, main)


async def _awaiting(main: Callable[[], Awaitable[T]]) -> T:
    return await main()


def _run_asyncio(main: Callable[[], Awaitable[T]], *, uvloop: bool | None) -> T:
    import asyncio

    loop = _new_loop(uvloop=uvloop)
    asyncio.set_event_loop(loop)
    try:
        return _until_done(loop, loop.create_task(_awaiting(main)))
    finally:
        try:
            _close(loop)
        finally:
            asyncio.set_event_loop(None)


def _new_loop(*, uvloop: bool | None) -> asyncio.AbstractEventLoop:
    import asyncio

    if uvloop is False:
        return asyncio.new_event_loop()
    try:
        import uvloop as fast
    except ImportError:
        if uvloop:
            raise UsageError("--uvloop needs the package uvloop: pip install 'asgi-probe[uvloop]'") from None
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = fast.new_event_loop()
    return loop


def _until_done(loop: asyncio.AbstractEventLoop, task: asyncio.Task[T]) -> T:
    interrupted = False
    while not task.done():
        try:
            loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as escaped:
            # asyncio lets these out of the loop whatever task they were raised in; the loop itself is unharmed
            interrupted = isinstance(escaped, KeyboardInterrupt) and _may_be_ctrl_c() and not task.done()
        except BaseException:  # noqa: BLE001 - the task's own: `result` raises it, outside of this handler
            break
        if interrupted:
            task.cancel()
    if interrupted and task.cancelled():
        raise KeyboardInterrupt
    return task.result()


def _may_be_ctrl_c() -> bool:
    import signal

    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close `loop`; tasks that do not end when they are cancelled are left behind rather than waited for."""
    try:
        _cancel_all(loop)
        _surviving(loop, loop.shutdown_asyncgens())
        _surviving(loop, loop.shutdown_default_executor())
    finally:
        loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    import asyncio

    tasks = asyncio.all_tasks(loop)
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    _surviving(loop, asyncio.wait(tasks, timeout=_CLOSING))
    left_behind.extend(task for task in tasks if not task.done())


def _surviving(loop: asyncio.AbstractEventLoop, ending: Any) -> None:
    task = loop.create_task(ending)
    while not task.done():
        try:
            loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt):
            continue
