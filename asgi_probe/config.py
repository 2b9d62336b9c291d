"""The project's configuration: `[tool.asgi-probe]` in `pyproject.toml`, or `asgi-probe.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.errors import UsageError
from asgi_probe.spec.hooks import is_reference
from asgi_probe.spec.settings import Settings, split_command
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.units import parse_duration, parse_size
from asgi_probe.spec.variables import naming_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Lifespan = Literal["auto", "on", "off"]

OF_APPS = ("factory", "lifespan", "root_path", "overrides", "startup_timeout", "shutdown_timeout")
"""What means something to an app in process alone."""
OF_SERVICES = ("verify", "cert", "key", "proxy", "http2", "uds", "wait", "serve")
"""What means something to a live service alone."""


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """Ask `url` until it answers below 500, at most `within` seconds."""

    url: str = "/"
    within: float = 30.0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests a second; `text` is how it was written."""

    text: str
    per_second: float


@dataclass(frozen=True, slots=True)
class Table:
    """A table that counts as what it holds, and can be part of a key; it must not be changed."""

    given: dict[str, Any]

    def __hash__(self) -> int:
        return hash(tuple(self.given))


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """One target: an app or a base URL, and how to ask it; None is 'not said here'. Times are in seconds.

    Texts are as they were written, their `${…}` still open, until `resolved` has rendered them: then `headers` and
    `params` hold a list of texts for each name, `auth` and `vars` plain data, and `serve` the words of the command.
    """

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
    serve: str | tuple[str, ...] | None = None
    overrides: Table | None = None
    headers: Table | None = None
    params: Table | None = None
    auth: Table | None = None
    vars: Table | None = None
    secrets: tuple[str, ...] | None = None
    rate: Rate | None = None
    openapi: str | None = None
    place: str | None = field(default=None, compare=False)
    """Where it is configured, for messages."""
    rendered: bool | None = field(default=None, compare=False)

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
    thresholds: tuple[str, ...] = ()
    """As they are written."""


def resolved(config: TargetConfig, root: Path) -> TargetConfig:
    """The target with each `${…}` rendered, to be done for those that are asked; a UsageError lists what is wrong."""
    if config.rendered:
        return config
    kind = "app" if config.app else "live"
    settings = Settings(root, {"target": kind, "target_name": config.name or kind})
    said = {name: value for name, value in _rendered(config, settings) if value is not None}
    if settings.problems:
        place = config.place or "the target"
        raise UsageError("\n".join(f"{place} {problem}" for problem in settings.problems))
    return replace(config, rendered=True, **said)


def _rendered(config: TargetConfig, settings: Settings) -> Iterator[tuple[str, Any]]:
    if config.base_url is not None:
        yield "base_url", settings.text("base_url", config.base_url)
    if config.openapi is not None:
        yield "openapi", settings.text("openapi", config.openapi)
    if config.wait is not None:
        yield "wait", replace(config.wait, url=settings.text("wait.url", config.wait.url))
    if config.serve is not None:
        yield "serve", settings.words("serve", config.serve)
    for name, table in (("headers", config.headers), ("params", config.params)):
        if table is not None:
            yield name, Table({key: settings.texts(f"{name}.{key}", value) for key, value in table.given.items()})
    if config.auth is not None:
        yield "auth", Table({key: settings.value(f"auth.{key}", value) for key, value in config.auth.given.items()})
    if config.vars is not None:
        yield "vars", Table(settings.variables("vars", config.vars.given))


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
    secret: bool = False
    """No message shows what was found."""


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
    if not isinstance(value, dict):
        within = _duration(value)
        return None if within is None else WaitConfig(within=within)
    if value.keys() - {"url", "within"}:
        return None
    url, within = _text(value.get("url", "/")), _duration(value.get("within", 30))
    return WaitConfig(url, within) if url is not None and within is not None else None


_PER = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*/\s*([smh])", re.ASCII)


def _rate(value: Any) -> Rate | None:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[1]) == 0:
        return None
    return Rate(value, float(found[1]) / _PER[found[2]])


def _command(value: Any) -> str | tuple[str, ...] | None:
    if isinstance(value, list):
        return tuple(value) if value and all(isinstance(word, str) and word for word in value) else None
    try:
        return value if isinstance(value, str) and split_command(value) else None
    except ValueError:
        return None


def _texts(value: Any) -> Table | None:
    fits = isinstance(value, dict) and all(key and isinstance(text, str) and text for key, text in value.items())
    return Table(value) if fits else None


def _repeatable(value: Any) -> Table | None:
    """Names, each with a value or a list of values."""
    if not isinstance(value, dict):
        return None
    values = [each for found in value.values() for each in (found if isinstance(found, list) else [found])]
    return None if any(isinstance(each, dict | list) for each in values) else Table(value)


def _auth(value: Any) -> Table | None:
    match value:
        case {"basic": [_, _]} | {"digest": [_, _]} | {"bearer": str()} | {"netrc": bool()} if len(value) == 1:
            return Table(value)
        case {"call": str(name)} if len(value) == 1 and is_reference(name):
            return Table(value)
    return None


def _variables(value: Any) -> Table | None:
    return Table(value) if isinstance(value, dict) and not any(map(naming_fault, value)) else None


def _names(value: Any) -> tuple[str, ...] | None:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name.isidentifier() for name in names):
        return None
    return tuple(names)


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
    "wait": _Key("a duration, or a table such as {url = '/health', within = '60s'}", _wait),
    "serve": _Key("a command such as 'uvicorn shop.main:app --port 8000', or a list of its words", _command),
    "overrides": _Key("a table such as {'shop.deps:get_db' = 'tests.fakes:get_db'}", _texts),
    "headers": _Key("a table of names, each with a value or a list of values", _repeatable, secret=True),
    "params": _Key("a table of names, each with a value or a list of values", _repeatable, secret=True),
    "auth": _Key(
        "one of {basic = [user, password]}, {digest = [user, password]}, {bearer = token}, {netrc = true} and "
        "{call = 'module:function'}",
        _auth,
        secret=True,
    ),
    "vars": _Key("a table of variables: letters, digits and '_', and no word of the language's own", _variables),
    "secrets": _Key("a list of names of variables", _names),
    "openapi": _Key("the OpenAPI document's file, or its address such as '/v1/openapi.json'", _text),
    "rate": _Key("a rate such as '50/s', '600/m' or '1000/h'", _rate),
}


def _keys(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, dict) else ()


class _Reader:
    """Reads one file's table and collects all that is wrong with it."""

    def __init__(self, path: Path, table: str) -> None:
        self.file = path
        self.table = table
        self.problems: list[str] = []

    def config(self, root: Path, given: dict[str, Any]) -> Config:
        self._known(given, ("specs", "target", "targets", "thresholds"), self.table)
        targets = {name: self._target(name, table) for name, table in self._targets(given).items()}
        target = self._value(given, "target", _Key("the name of a target", _text), self.table)
        if target is not None and target not in targets:
            self._add(self.table, f"target {target!r} is not among its targets", did_you_mean(target, targets))
        config = Config(
            root,
            self.file,
            self._listed(given, "specs", "paths"),
            target,
            targets,
            self._listed(given, "thresholds", "texts such as 'p95(time) < 300ms'"),
        )
        if self.problems:
            raise UsageError("\n".join(self.problems))
        return config

    def _listed(self, given: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
        found = given.get(key, [])
        listed = [found] if isinstance(found, str) else found
        if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
            return tuple(listed)
        self._add(self.table, f"{key}: expected a list of {what}, found {found!r}")
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
        if "auth" in given and "authorization" in map(str.lower, _keys(given.get("headers"))):
            self._add(where, "an authorization header beside 'auth': one of them would be lost")
        read = {key: self._value(given, key, kind, where) for key, kind in _TARGET_KEYS.items()}
        return TargetConfig(name, **read, place=f"{self.file.name}: [{where}]")

    def _fits(self, given: dict[str, Any], where: str) -> None:
        idle, asked = (OF_SERVICES, "an app in process") if "app" in given else (OF_APPS, "a live service")
        served = {"shutdown_timeout"} if "serve" in given else set()
        for key in given:
            if key in idle and key not in served:
                self._add(where, f"{key} means nothing to {asked}")

    def _value(self, given: dict[str, Any], key: str, kind: _Key, where: str) -> Any:
        if key not in given:
            return None
        value = kind.read(given[key])
        if value is None:
            found = f", found {given[key]!r}" if not kind.secret else ""
            self._add(where, f"{key}: expected {kind.expected}{found}")
        return value

    def _known(self, given: dict[str, Any], keys: Any, where: str) -> None:
        for key in given:
            if key not in keys:
                self._add(where, f"unknown key {key!r}", did_you_mean(key, keys))

    def _add(self, where: str, message: str, hint: str = "") -> None:
        place = f"{self.file.name}: [{where}] " if where else f"{self.file.name}: "
        self.problems.append(place + message + (f" ({hint})" if hint else ""))
