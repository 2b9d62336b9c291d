"""The target in process: an app, its lifespan, and a transport that calls it."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import anyio

from asgi_probe.errors import TargetError
from asgi_probe.target.base import Defaults
from asgi_probe.target.call import AppCall
from asgi_probe.target.http import httpx
from asgi_probe.target.kinds import is_wsgi, not_app
from asgi_probe.target.lifespan import Lifespan, LifespanMode
from asgi_probe.target.listening import listening
from asgi_probe.target.overrides import import_overrides, overridden, refuse_overrides, unused
from asgi_probe.target.tasks import TrioTasks, running_tasks
from asgi_probe.target.tracebacks import app_traceback, in_a_line
from asgi_probe.target.wsgi import WsgiApp, refuse_wsgi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from asgi_probe.target.base import Warn
    from asgi_probe.target.call import App, Scope
    from asgi_probe.target.importing import LoadedApp
    from asgi_probe.target.overrides import Named
    from asgi_probe.target.tasks import Tasks


CLIENT = ("127.0.0.1", 50_000)
_PORTS = {"http": 80, "https": 443}
_CANCELLING = 1.0


class AppTransport(httpx.AsyncBaseTransport):
    """Sends requests to an app, each in a task of its own that outlives its answer; closing it does nothing.

    Raises `BrokenAnswer` and `AppExited` (see `asgi_probe.target.failures`); what the app raises before its answer's
    start is a 500 whose `extensions["app_error"]` is the exception, at the latest when the body has been read. A list
    that is the request's `extensions["notes"]` gets the notes of what the app says, complete when the answer has ended.
    """

    def __init__(
        self,
        app: App,
        tasks: Tasks,
        warn: Warn,
        *,
        state: Mapping[str, Any],
        root_path: str = "",
        capture: bool = True,
        root: Path | None = None,
    ) -> None:
        self.running: set[AppCall] = set()
        self._app = app
        self._tasks = tasks
        self._warn = warn
        self._state = state
        self._root_path = root_path
        self._raw_root = root_path.encode("ascii", "ignore")
        self._capture = capture
        self._root = root

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the app; returns as soon as its answer starts."""
        call = AppCall(
            request, self._tasks.event, self._warn, self.running.discard, capture=self._capture, root=self._root
        )
        self.running.add(call)
        request.extensions.get("notes", []).append(call.notes)
        return await call.answer(self._tasks.start(call.run(self._app, self._scope(request))))

    def _scope(self, request: httpx.Request) -> Scope:
        url = request.url
        path, _, query = url.raw_path.partition(b"?")
        text = path.decode("ascii")
        scheme = url.scheme
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": scheme,
            "path": self._root_path + (unquote(text) if "%" in text else text),
            "raw_path": self._raw_root + path,
            "query_string": query,
            "root_path": self._root_path,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": CLIENT,
            "server": (url.host, url.port or _PORTS.get(scheme, 80)),
            "state": dict(self._state),
            "extensions": {},
        }

    async def finish(self, timeout: float) -> None:
        """Wait for background work; what does not end in time is cancelled, and told. Not to be cancelled itself."""
        await _all_end([call for call in self.running if not call.stopped], timeout)
        for call in list(self.running):
            if not call.stopped:
                self._warn(f"{call}: background work did not end within {timeout:g} s and was cancelled", None)
            call.stop()
        await _all_end(list(self.running), _CANCELLING)
        for call in self.running:
            self._warn(f"{call}: background work ignored its cancellation and was left behind", None)


async def _all_end(calls: list[AppCall], timeout: float) -> None:
    with anyio.move_on_after(timeout, shield=True):
        for call in calls:
            await call.end()


class AppTarget:
    """An app in process; see `asgi_probe.target.base.Target`."""

    kind: Literal["app"] = "app"
    by_hand: tuple[str, ...] = ()
    defaults = Defaults()
    openapi: str | Path | None = None

    def __init__(
        self,
        loaded: LoadedApp,
        *,
        name: str = "app",
        lifespan: LifespanMode = "auto",
        root_path: str = "",
        startup_timeout: float = 30.0,
        shutdown_timeout: float = 10.0,
        root: Path | None = None,
        capture: bool = True,
        overrides: Mapping[Named, Named] | None = None,
        warn: Warn,
    ) -> None:
        """With `capture` each answer carries what the app said meanwhile, which is not shown as it comes.

        `overrides` are FastAPI's dependency overrides, imported now; `TargetError` says what is wrong with them.
        """
        self.name = name
        self.address = loaded.reference
        self.problems: list[TargetError] = []
        self._loaded = loaded
        self._mode = lifespan
        self._root_path = root_path.rstrip("/")
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._root = root
        self._capture = capture
        self._warn = warn
        self._base = httpx.URL("http://testserver")
        self._app: Any = None
        self._overrides = import_overrides(overrides or {}, root=root)
        if not loaded.factory:
            self._take(loaded.app)
        self._lifespan: Lifespan
        self._transport: AppTransport | None = None
        self._exits = ExitStack()

    @property
    def base(self) -> httpx.URL:
        """`http://testserver`, the origin of an app in process."""
        return self._base

    @property
    def app(self) -> Any:
        """The app; a factory's is there when the target has been entered."""
        if self._app is None:
            raise RuntimeError("the factory is called when the target is entered")
        return self._app

    @property
    def transport(self) -> AppTransport:
        """What calls the app, while the target is entered."""
        if self._transport is None:
            raise RuntimeError("the target has not been entered, or has been left")
        return self._transport

    def hurry(self, seconds: float) -> None:
        """Give background work and shutdown together no more than so many seconds."""
        self._shutdown_timeout = min(self._shutdown_timeout, seconds / 2)
        self._lifespan.hurry(seconds / 2)

    async def __aenter__(self) -> Self:
        with ExitStack() as exits:
            await self._open(exits)
            self._exits = exits.pop_all()
        return self

    async def _open(self, exits: ExitStack) -> None:
        tasks = running_tasks()
        if self._loaded.factory:
            self._take(await self._made())
        app, mode = self._app, self._mode
        if is_wsgi(app):
            app, mode = self._threaded(tasks), "off"
            exits.callback(app.close)
        if self._overrides:
            exits.enter_context(overridden(self._app, self._overrides))
        lifespan = self._lifespan = Lifespan(
            app,
            mode,
            startup_timeout=self._startup_timeout,
            shutdown_timeout=self._shutdown_timeout,
            root=self._root,
            warn=self._warn,
        )
        lifespan.problems = self.problems
        await lifespan.start(tasks)
        for name in unused(self._app, self._overrides) if self._overrides else ():
            self._warn(f"overrides: no route of {self.address!r} depends on {name!r}", None)
        self._transport = AppTransport(
            app,
            tasks,
            self._warn,
            state=lifespan.state,
            root_path=self._root_path,
            capture=self._capture,
            root=self._root,
        )
        exits.enter_context(listening(capture=self._capture))

    def _take(self, app: Any) -> None:
        """Take the app for what it is; raises `TargetError` where it is none, or not one for these overrides."""
        made = f"what the factory {self.address!r} made" if self._loaded.factory else repr(self.address)
        if (reason := not_app(app)) is not None:
            raise TargetError(f"{made} {reason}")
        if self._overrides:
            refuse_overrides(app, made)
        if is_wsgi(app):
            refuse_wsgi(made)
        self._app = app

    def _threaded(self, tasks: Tasks) -> WsgiApp:
        if isinstance(tasks, TrioTasks):
            raise TargetError(f"{self.address!r} is a WSGI app, which runs on asyncio only: use --backend asyncio")
        if self._mode == "on":
            raise TargetError(f"{self.address!r} is a WSGI app, which has no lifespan: leave --lifespan on out")
        return WsgiApp(self._app)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exits:
            await self.transport.finish(self._shutdown_timeout)
            await self._lifespan.stop()
        self._transport = None

    async def _made(self) -> Any:
        try:
            with anyio.fail_after(self._startup_timeout) as limit:
                made = self._loaded.app()
                return await made if inspect.isawaitable(made) and not callable(made) else made
        except (Exception, SystemExit) as error:
            if limit.cancelled_caught:
                raise TargetError(
                    f"the factory {self.address!r} did not return within {self._startup_timeout:g} s; "
                    "raise it with --startup-timeout"
                ) from None
            trace = app_traceback(error, root=self._root)
            raise TargetError(f"the factory {self.address!r} raised {in_a_line(error)}", trace) from error
