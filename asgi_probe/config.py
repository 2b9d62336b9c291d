"""The project's configuration: `[tool.asgi-probe]` in `pyproject.toml`, or `asgi-probe.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.errors import UsageError
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.units import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Lifespan = Literal["auto", "on", "off"]

OF_APPS = ("factory", "lifespan", "root_path", "startup_timeout", "shutdown_timeout")
"""What means something to an app in process alone."""
OF_SERVICES = ("verify", "cert", "key", "proxy", "http2", "uds", "wait")
"""What means something to a live service alone."""


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """Ask `url` until it answers below 500, at most `within` seconds."""

    url: str = "/"
    within: float = 30.0


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """One target: an app or a base URL, and how to ask it; None is 'not said here'. Times are in seconds."""

    name: str | None = None
    app: str | None = None
    base_url: str | None = None
    factory: bool | None = None
    lifespan: Lifespan | None = None
    root_path: str | None = None
    startup_timeout: float | None = None
    shutdown_timeout: float | None = None
    timeout: float | None = None
    max_body: int | None = None
    concurrency: int | None = None
    verify: bool | str | None = None
    cert: str | None = None
    key: str | None = None
    proxy: str | None = None
    http2: bool | None = None
    uds: str | None = None
    wait: WaitConfig | None = None

    def over(self, weaker: TargetConfig) -> TargetConfig:
        """What is said here, else what `weaker` says."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        below = {each.name: getattr(weaker, each.name) for each in fields(self)}
        return TargetConfig(**{name: below[name] if value is None else value for name, value in said.items()})


@dataclass(frozen=True, slots=True)
class Config:
    """A project's configuration; `file` is where it was read, if anywhere."""

    root: Path
    file: Path | None = None
    specs: tuple[str, ...] = ()
    target: str | None = None
    targets: dict[str, TargetConfig] = field(default_factory=dict)


def read_config(root: Path) -> Config:
    """Read the configuration of the project at `root`; a UsageError lists everything that is wrong with it."""
    for name, table in (("asgi-probe.toml", ()), ("pyproject.toml", ("tool", "asgi-probe"))):
        path = root / name
        if path.is_file():
            given = _table(path, table)
            if given is not None:
                return _Reader(path, ".".join(table)).config(root, given)
    return Config(root)


def _table(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    found: Any = _toml(path, names)
    for name in names:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    if not isinstance(found, dict):
        raise UsageError(f"{path.name}: [{'.'.join(names)}] expected a table, found {found!r}")
    return found


_OURS = re.compile(rb"""^\s*\[\s*tool\s*\.\s*["']?asgi-probe\b""", re.MULTILINE)


def _toml(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    import tomllib

    text = b""
    try:
        text = path.read_bytes()
        return tomllib.loads(text.decode())
    except (OSError, ValueError, RecursionError) as error:
        # without a table of ours it is another tool's business, and that tool says it better
        if names and text and not _OURS.search(text):
            return {}
        raise UsageError(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}") from None


@dataclass(frozen=True, slots=True)
class _Key:
    expected: str
    read: Callable[[Any], Any]
    """None for what does not fit."""


def _duration(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return parse_duration(str(value))


def _size(value: Any) -> int | None:
    return parse_size(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _many(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _wait(value: Any) -> WaitConfig | None:
    if not isinstance(value, dict) or value.keys() - {"url", "within"}:
        return None
    url, within = _text(value.get("url", "/")), _duration(value.get("within", 30))
    return WaitConfig(url, within) if url is not None and within is not None else None


_TEXT = _Key("a text", _text)
_SECONDS = _Key("a duration such as '30s'", _duration)
_SWITCH = _Key("true or false", _flag)
_TARGET_KEYS = {
    "app": _Key("an import string such as 'shop.main:app'", _text),
    "base_url": _Key("a URL such as 'https://staging.example.com'", _text),
    "factory": _SWITCH,
    "lifespan": _Key("'auto', 'on' or 'off'", lambda value: value if value in ("auto", "on", "off") else None),
    "root_path": _TEXT,
    "startup_timeout": _SECONDS,
    "shutdown_timeout": _SECONDS,
    "timeout": _SECONDS,
    "max_body": _Key("a size such as '10MiB'", _size),
    "concurrency": _Key("a whole number from 1", _many),
    "verify": _Key("true, false or a CA file", lambda value: value if isinstance(value, bool) else _text(value)),
    "cert": _Key("a file", _text),
    "key": _Key("a file", _text),
    "proxy": _Key("a URL such as 'http://localhost:3128'", _text),
    "http2": _SWITCH,
    "uds": _Key("the path of a socket", _text),
    "wait": _Key("a table such as {url = '/health', within = '60s'}", _wait),
}


class _Reader:
    """Reads one file's table and collects all that is wrong with it."""

    def __init__(self, path: Path, table: str) -> None:
        self.file = path
        self.table = table
        self.problems: list[str] = []

    def config(self, root: Path, given: dict[str, Any]) -> Config:
        self._known(given, ("specs", "target", "targets"), self.table)
        targets = {name: self._target(name, table) for name, table in self._targets(given).items()}
        target = self._value(given, "target", _Key("the name of a target", _text), self.table)
        if target is not None and target not in targets:
            self._add(self.table, f"target {target!r} is not among its targets", did_you_mean(target, targets))
        config = Config(root, self.file, self._specs(given), target, targets)
        if self.problems:
            raise UsageError("\n".join(self.problems))
        return config

    def _specs(self, given: dict[str, Any]) -> tuple[str, ...]:
        found = given.get("specs", [])
        listed = [found] if isinstance(found, str) else found
        if isinstance(listed, list) and all(isinstance(path, str) for path in listed):
            return tuple(listed)
        self._add(self.table, f"specs: expected a list of paths, found {found!r}")
        return ()

    def _targets(self, given: dict[str, Any]) -> dict[str, Any]:
        found = given.get("targets", {})
        if isinstance(found, dict):
            return found
        self._add(self.table, f"targets: expected tables, found {found!r}")
        return {}

    def _target(self, name: str, given: Any) -> TargetConfig:
        where = ".".join(filter(None, (self.table, "targets", name)))
        if not isinstance(given, dict):
            self._add(where, f"expected a table, found {given!r}")
            return TargetConfig(name)
        self._known(given, _TARGET_KEYS, where)
        if ("app" in given) == ("base_url" in given):
            self._add(where, "a target takes either 'app' or 'base_url'")
        else:
            self._fits(given, where)
        read = {key: self._value(given, key, kind, where) for key, kind in _TARGET_KEYS.items()}
        return TargetConfig(name, **read)

    def _fits(self, given: dict[str, Any], where: str) -> None:
        idle, asked = (OF_SERVICES, "an app in process") if "app" in given else (OF_APPS, "a live service")
        for key in given:
            if key in idle:
                self._add(where, f"{key} means nothing to {asked}")

    def _value(self, given: dict[str, Any], key: str, kind: _Key, where: str) -> Any:
        if key not in given:
            return None
        value = kind.read(given[key])
        if value is None:
            self._add(where, f"{key}: expected {kind.expected}, found {given[key]!r}")
        return value

    def _known(self, given: dict[str, Any], keys: Any, where: str) -> None:
        for key in given:
            if key not in keys:
                self._add(where, f"unknown key {key!r}", did_you_mean(key, keys))

    def _add(self, where: str, message: str, hint: str = "") -> None:
        place = f"{self.file.name}: [{where}] " if where else f"{self.file.name}: "
        self.problems.append(place + message + (f" ({hint})" if hint else ""))
