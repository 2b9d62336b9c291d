"""What options and environment ask for, as the command line would say it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from asgi_probe.config import TargetConfig
from asgi_probe.errors import UsageError
from asgi_probe.project.variables import given_secrets
from asgi_probe.project.workspace import Wish

if TYPE_CHECKING:
    import pytest

    from asgi_probe.engine.backend import Backend

_EXCLUSIVE = ("app", "base_url", "target")
_SWITCHED_ON = ("1", "true", "yes", "on")
_BACKENDS = ("asyncio", "trio")


def wish_of(config: pytest.Config) -> Wish:
    """What is asked for; a UsageError where it contradicts itself."""
    said = _whom(config)
    factory = config.getoption("probe_factory") or os.environ.get("ASGI_PROBE_FACTORY", "").lower() in _SWITCHED_ON
    return Wish(
        var=config.getoption("probe_var"),
        target=TargetConfig(app=said.get("app"), base_url=said.get("base_url"), factory=factory or None),
        target_name=said.get("target"),
        needs_target=False,
        secrets=given_secrets((), os.environ),
    )


def backend_of(config: pytest.Config) -> Backend:
    """The event loop for specs and sync tests."""
    found = config.getoption("probe_backend") or os.environ.get("ASGI_PROBE_BACKEND") or "asyncio"
    if found not in _BACKENDS:
        raise UsageError(f"ASGI_PROBE_BACKEND is {found!r}, expected asyncio or trio")
    return cast("Backend", found)


def _whom(config: pytest.Config) -> dict[str, str]:
    """The option that counts of those that exclude each other: the command line's, else the environment's."""
    options = {name: config.getoption(f"probe_{name}") for name in _EXCLUSIVE}
    environment = {name: os.environ.get(f"ASGI_PROBE_{name.upper()}") for name in _EXCLUSIVE}
    for said, label in ((options, _as_option), (environment, _as_variable)):
        named = {name: value for name, value in said.items() if value is not None}
        if len(named) > 1:
            raise UsageError(f"{' and '.join(map(label, named))} exclude each other: say one of them")
        for name, value in named.items():
            if not value:
                raise UsageError(f"{label(name)} is empty")
        if named:
            return named
    return {}


def _as_option(name: str) -> str:
    return f"--probe-{name.replace('_', '-')}"


def _as_variable(name: str) -> str:
    return f"ASGI_PROBE_{name.upper()}"
