"""Targets from their configuration: apps imported, base URLs checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_probe.config import TargetConfig
    from asgi_probe.target.base import Target, Warn


def build_target(config: TargetConfig, *, root: Path, warn: Warn) -> Target:
    """The target, not yet entered; a TargetError says why the app cannot be imported, a UsageError what is wrong."""
    return _app(config, root, warn) if config.app else _live(config)


def _app(config: TargetConfig, root: Path, warn: Warn) -> Target:
    from asgi_probe.target.asgi import AppTarget
    from asgi_probe.target.importing import import_app

    loaded = import_app(config.app or "", root=root, factory=bool(config.factory))
    said = {
        "name": config.name or "app",
        "lifespan": config.lifespan,
        "root_path": config.root_path,
        "startup_timeout": config.startup_timeout,
        "shutdown_timeout": config.shutdown_timeout,
        "root": root,
    }
    return AppTarget(loaded, warn=warn, **_present(said))


def _live(config: TargetConfig) -> Target:
    from asgi_probe.target.live import LiveTarget, Wait

    if config.key and not config.cert:
        raise UsageError("a private key without its certificate; name that, too: --cert FILE")
    said = {
        "name": config.name or "live",
        "verify": config.verify,
        "cert": (config.cert, config.key) if config.cert and config.key else config.cert,
        "proxy": config.proxy,
        "http2": config.http2,
        "uds": config.uds,
        "wait": Wait(config.wait.within, config.wait.url) if config.wait else None,
    }
    return LiveTarget(config.base_url or "", **_present(said))


def _present(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}
