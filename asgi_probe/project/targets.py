"""Targets from their configuration: apps imported, base URLs checked, defaults made ready to be sent."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from asgi_probe.config import OF_APPS, OF_SERVICES, resolved
from asgi_probe.errors import TargetError, UsageError
from asgi_probe.exchange import Credentials
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from asgi_probe.config import Table, TargetConfig
    from asgi_probe.target.base import Defaults, Target, Warn
    from asgi_probe.target.importing import LoadedApp
    from asgi_probe.terminal import Line


def build_target(
    config: TargetConfig, *, root: Path, warn: Warn, app: LoadedApp | None = None, capture: bool = True
) -> Target:
    """The target, not yet entered; a TargetError says why the app cannot be imported, a UsageError what is wrong.

    `app` is the app where nothing is to be imported; without `capture` what it prints goes where it always goes.
    """
    config = resolved(config, root)
    defaults = _defaults(config, root)
    openapi = _openapi(config, root)
    if not config.app:
        target: Target = _live(config, root, defaults)
    else:
        from asgi_probe.target.importing import import_app

        loaded = app or import_app(config.app, root=root, factory=bool(config.factory))
        target = _app(loaded, config, root, warn, capture=capture)
        target.defaults = defaults
    target.openapi = openapi
    return target


_ADDRESS = re.compile(r"/|https?://")


def _openapi(config: TargetConfig, root: Path) -> str | Path | None:
    """Where the OpenAPI document is: what begins as an address does is one, all else is a file of the project."""
    if config.openapi is None or _ADDRESS.match(config.openapi):
        return config.openapi
    path = root / config.openapi
    if "\0" in config.openapi or not path.is_file():
        hint = "an address begins with '/', 'http://' or 'https://'"
        raise UsageError(f"{config.place} openapi: there is no file {config.openapi!r} in {root} ({hint})")
    return path


def _app(loaded: LoadedApp, config: TargetConfig, root: Path, warn: Warn, *, capture: bool) -> Target:
    from asgi_probe.target.asgi import AppTarget

    said = {
        "name": config.name or "app",
        "lifespan": config.lifespan,
        "root_path": config.root_path,
        "startup_timeout": config.startup_timeout,
        "shutdown_timeout": config.shutdown_timeout,
        "overrides": config.overrides.given if config.overrides else None,
        "root": root,
        "capture": capture,
    }
    return AppTarget(loaded, warn=warn, **_present(said))


def _live(config: TargetConfig, root: Path, defaults: Defaults) -> Target:
    from asgi_probe.target.live import LiveTarget, Wait
    from asgi_probe.target.serve import Serve

    if config.key and not config.cert:
        raise UsageError("a private key without its certificate; name that, too: --cert FILE")
    stop = _present({"shutdown": config.shutdown_timeout})
    said = {
        "name": config.name or "live",
        "verify": config.verify,
        "cert": (config.cert, config.key) if config.cert and config.key else config.cert,
        "proxy": config.proxy,
        "http2": config.http2,
        "uds": config.uds,
        "wait": Wait(config.wait.within, config.wait.url) if config.wait else None,
        "serve": Serve(tuple(config.serve), root, **stop) if config.serve else None,
    }
    return LiveTarget(config.base_url or "", defaults=defaults, **_present(said))


def _defaults(config: TargetConfig, root: Path) -> Defaults:
    from asgi_probe.target.base import Defaults
    from asgi_probe.target.rate import Pace
    from asgi_probe.target.request import Unsendable, checked

    headers = _pairs(config.headers)
    try:
        checked(headers)
    except Unsendable as error:
        raise UsageError(f"{config.place} headers cannot be sent: {error}") from None
    pace = Pace(config.rate.per_second) if config.rate else None
    return Defaults(headers, _pairs(config.params), _credentials(config, root), pace)


def _pairs(table: Table | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, texts in table.given.items() for text in texts) if table else ()


def _credentials(config: TargetConfig, root: Path) -> Credentials | None:
    match config.auth.given if config.auth else {}:
        case {"basic": [user, password]}:
            return Credentials("basic", as_text(user), as_text(password))
        case {"digest": [user, password]}:
            return Credentials("digest", as_text(user), as_text(password))
        case {"bearer": token}:
            return Credentials("bearer", as_text(token))
        case {"netrc": True}:
            return Credentials("netrc")
        case {"call": reference}:
            return Credentials("call", auth=_called(reference, root))
    return None


def _called(reference: str, root: Path) -> Any:
    """What the user's function gives for an auth: called now, or in the loop if it is async."""
    from asgi_probe.target.auth import Deferred, as_auth
    from asgi_probe.target.importing import import_attribute
    from asgi_probe.target.tracebacks import app_traceback, in_a_line

    function = import_attribute(reference, root=root)
    if not callable(function):
        raise UsageError(f"auth.call: {reference!r} is {function!r}, expected a function that gives an httpx.Auth")
    if inspect.iscoroutinefunction(function):
        return Deferred(function)
    try:
        return as_auth(function())
    except (Exception, SystemExit) as error:
        message = f"auth.call: {reference!r} raised {in_a_line(error)}"
        raise TargetError(message, app_traceback(error, root=root)) from error


def _present(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def without_effect(said: TargetConfig, targets: Iterable[TargetConfig]) -> Iterator[Line]:
    """A warning for each flag that says nothing to any of the targets."""
    targets = list(targets)
    kinds = {bool(target.app) for target in targets}
    if len(kinds) != 1:
        return
    idle, asked = (OF_SERVICES, "an app in process") if kinds == {True} else (OF_APPS, "a live service")
    serves = any(target.serve for target in targets)
    for name in idle:
        if name == "shutdown_timeout" and serves:
            continue
        value = getattr(said, name)
        if value is not None and (value or name == "verify"):
            flag = "--cacert or --insecure" if name == "verify" else f"--{name.replace('_', '-')}"
            yield [("warning: ", "warning"), (f"{flag} means nothing to {asked}", "message")]
