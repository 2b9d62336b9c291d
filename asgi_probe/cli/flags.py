"""What flags say together: the strongest wins, contradictions are refused, what has no effect is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from asgi_probe.config import TargetConfig, WaitConfig
from asgi_probe.errors import UsageError
from asgi_probe.spec.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    import typer

    from asgi_probe.terminal import Line


def one_of(ctx: typer.Context, **flags: Any) -> dict[str, Any]:
    """The values of flags that exclude each other, None for those that do not count.

    The command line wins over the environment; a UsageError if one of them says two things, or nothing.
    """
    for source in ("COMMANDLINE", "ENVIRONMENT"):
        said = {name: value for name, value in flags.items() if value is not False and _source(ctx, name) == source}
        named = [f"--{name.replace('_', '-')}" for name in said]
        if len(said) > 1:
            raise UsageError(f"{' and '.join(named)} exclude each other: say one of them")
        if "" in said.values():
            raise UsageError(f"{named[0]} is empty")
        if said:
            return {**dict.fromkeys(flags), **said}
    return dict.fromkeys(flags)


def _source(ctx: typer.Context, name: str) -> str:
    found = ctx.get_parameter_source(name)
    return found.name if found else ""


def typed(ctx: typer.Context, name: str) -> bool:
    """Whether a flag stands on the command line itself."""
    return _source(ctx, name) == "COMMANDLINE"


def said_again(ctx: typer.Context, leave_out: Container[str]) -> list[str]:
    """The flags on the command line itself, as they are said; the environment says the rest again by itself."""
    words: list[str] = []
    for param in ctx.command.params:
        name = param.name or ""
        if name not in leave_out and typed(ctx, name):
            words += _written(param, ctx.params[name])
    return words


def _written(param: Any, value: Any) -> list[str]:
    name = max(param.opts, key=len)
    if param.is_flag:
        return [name] if value else [max(param.secondary_opts, key=len)]
    if param.count:
        return [name] * value
    values = value if param.multiple else [value]
    return [word for each in values for word in ([f"{name}={each}"] if name.startswith("--") else [name, str(each)])]


def distinct(reports: Sequence[str]) -> tuple[str, ...]:
    """The reports; a UsageError if two would write the same file."""
    from os.path import realpath

    taken: dict[str, str] = {}
    for report in reports:
        name = report.partition("=")[2]
        place = name if name == "-" else realpath(name)
        if place in taken:
            same = "both go to standard output" if place == "-" else "write the same file"
            raise UsageError(f"--report {taken[place]!r} and --report {report!r} {same}: name another file")
        taken[place] = report
    return tuple(reports)


def spare(read: Iterable[str | Path], reports: Iterable[str], what: str = "what this run reads") -> None:
    """Nothing; a UsageError if a report would take the place of a file that is read."""
    from os.path import realpath

    places = {realpath(path) for path in read}
    for report in reports:
        if realpath(report.partition("=")[2]) in places:
            raise UsageError(f"--report {report!r} would overwrite {what}: name another file")


def names_of(text: str | None) -> tuple[str, ...]:
    """The names between the commas, none for None; a UsageError if one is empty, or comes twice."""
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if "" in names or len(set(names)) < len(names):
        raise UsageError(f"--targets {text!r}: expected different names of targets with commas between, such as 'a,b'")
    return names


def verbosity(verbose: int, *, quiet: bool) -> int:
    """How much to tell: 0 is the usual; a UsageError if flags contradict each other."""
    if verbose and quiet:
        raise UsageError("--verbose and --quiet exclude each other: say one of them")
    return -1 if quiet else verbose


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

    within = seconds(times["wait"], "--wait")
    if wait_url and within is None:
        raise UsageError("--wait-url says what to ask while waiting; say how long with --wait 30s")
    return replace(
        said,
        startup_timeout=seconds(times["startup_timeout"], "--startup-timeout"),
        shutdown_timeout=seconds(times["shutdown_timeout"], "--shutdown-timeout"),
        wait=WaitConfig(wait_url or "/", within) if within is not None else None,
    )


def idle_loop(backend: str, *, uvloop: bool | None) -> Iterator[Line]:
    """A warning if uvloop is wanted where there is none."""
    if uvloop and backend != "asyncio":
        yield _warning(f"--uvloop means nothing to {backend}")


def _warning(message: str) -> Line:
    return [("warning: ", "warning"), (message, "message")]


def command_for(
    said: TargetConfig, target: str | None, others: Mapping[str, Sequence[object]], secret: AbstractSet[str]
) -> str:
    """The command that runs the same again, without credentials and what `secret` variables hold.

    `others` are flags with what was given to each. What the environment said may be said again, too.
    """
    from shlex import join

    words = ["asgi-probe", "run", *(["--target", target] if target else [])]
    for name, flag in _FLAGS.items():
        value = getattr(said, name)
        if value is True:
            words.append(flag)
        elif value:
            words += [flag, _ANY_CREDENTIALS.sub(r"\1***@", value) if name in _URLS else str(value)]
    words += ["--insecure"] if said.verify is False else []
    for flag, values in others.items():
        for value in values:
            words += [flag, _told(flag, str(value), secret)]
    return join(words)


def _told(flag: str, value: str, secret: AbstractSet[str]) -> str:
    name, equals, _ = value.partition("=")
    name = name.removesuffix(":")
    hides = flag == "--secret" or (flag == "--var" and (name in secret or _SOUNDS_SECRET.search(name)))
    return f"{name}{equals}***" if hides else value


_SOUNDS_SECRET = re.compile("pass|pwd|secret|token|key|auth|cred", re.IGNORECASE)
"""Nobody has called it one, but it would stand in a log."""
_URLS = ("base_url", "proxy")
_ANY_CREDENTIALS = re.compile(r"^([^/?#]*//)?[^/?#]*@")
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
