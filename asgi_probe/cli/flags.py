"""Flags as a target's configuration: times read, contradictions refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.config import TargetConfig, WaitConfig
from asgi_probe.errors import UsageError
from asgi_probe.spec.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from asgi_probe.terminal import Line

_OF_APPS = ("factory", "lifespan", "root_path", "startup_timeout", "shutdown_timeout")
_OF_SERVICES = ("verify", "cert", "key", "proxy", "http2", "uds", "wait")


def seconds(text: str | None, flag: str) -> float | None:
    """The seconds that a flag's text means, None for none; a UsageError if it is no duration."""
    if text is None:
        return None
    found = parse_duration(text)
    if found is None:
        raise UsageError(f"{flag} {text!r}: expected a duration such as '300ms', '5s' or '1h30m'")
    return found


def target_from(said: TargetConfig, times: Mapping[str, str | None], wait_url: str | None) -> TargetConfig:
    """What flags say of the target, times included; a UsageError if they contradict each other."""
    from dataclasses import replace

    if said.app and said.base_url:
        raise UsageError("--app and --base-url exclude each other: a run asks an app in process or a live service")
    within = seconds(times["wait"], "--wait")
    if wait_url and within is None:
        raise UsageError("--wait-url says what to ask while waiting; say how long with --wait 30s")
    return replace(
        said,
        startup_timeout=seconds(times["startup_timeout"], "--startup-timeout"),
        shutdown_timeout=seconds(times["shutdown_timeout"], "--shutdown-timeout"),
        wait=WaitConfig(wait_url or "/", within) if within is not None else None,
    )


def verification(cacert: str | None, *, insecure: bool) -> bool | str | None:
    """How TLS is verified; a UsageError if flags contradict each other."""
    if cacert and insecure:
        raise UsageError("--cacert and --insecure exclude each other: certificates are verified or they are not")
    return False if insecure else cacert


def without_effect(said: TargetConfig, targets: Iterable[TargetConfig]) -> Iterator[Line]:
    """A warning for each flag that says nothing to any of the targets."""
    kinds = {bool(target.app) for target in targets}
    if len(kinds) != 1:
        return
    idle, asked = (_OF_SERVICES, "an app in process") if kinds == {True} else (_OF_APPS, "a live service")
    for name in idle:
        value = getattr(said, name)
        if value is not None and (value or name == "verify"):
            flag = "--cacert or --insecure" if name == "verify" else f"--{name.replace('_', '-')}"
            yield [("warning: ", "warning"), (f"{flag} means nothing to {asked}", "message")]


def command_for(said: TargetConfig, target: str | None) -> str:
    """The command that asks the same target again; what the environment said of it may be said again, too."""
    from shlex import join

    words = ["asgi-probe", "run", *(["--target", target] if target else [])]
    for name, flag in _FLAGS.items():
        value = getattr(said, name)
        if value is True:
            words.append(flag)
        elif value:
            words += [flag, str(value)]
    return join([*words, *(["--insecure"] if said.verify is False else [])])


_FLAGS = {
    "app": "--app",
    "base_url": "--base-url",
    "factory": "--factory",
    "lifespan": "--lifespan",
    "root_path": "--root-path",
    "verify": "--cacert",
    "cert": "--cert",
    "key": "--key",
    "proxy": "--proxy",
    "http2": "--http2",
    "uds": "--uds",
}
"""Which flag says what of a target."""
