"""Variables from the command line: `--var` and `--vars-file`."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.secrets import SHORTEST
from asgi_probe.errors import SpecError, UsageError
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.source import Problems, Source, data
from asgi_probe.spec.variables import naming_fault
from asgi_probe.terminal import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_DOTENV = re.compile(r"""\s*(?:export\s+)?([^\s=#]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*?))\s*(?:\s#.*)?""")


def given_variables(pairs: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    """What the flags give; `--var` wins over files, later over earlier. All that is wrong is in one UsageError."""
    given: dict[str, Any] = {}
    problems: list[str] = []
    readers = [*(partial(_from_file, path) for path in files), *(partial(_from_flag, pair) for pair in pairs)]
    for read in readers:
        try:
            given.update(_named(read()))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return given


_OF_SECRETS = "ASGI_PROBE_SECRET_"


def given_secrets(pairs: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Variables whose values are never told: `name=text`, and `ASGI_PROBE_SECRET_NAME`, which is `name`.

    Flags win over the environment. A UsageError tells all that is wrong, without a value.
    """
    found = {
        _lowered(name.removeprefix(_OF_SECRETS)): value
        for name, value in environ.items()
        if name.startswith(_OF_SECRETS)
    }
    problems: list[str] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if equals:
            found[name] = value
        else:
            problems.append("--secret: expected name=text")
    for name, value in found.items():
        if fault := naming_fault(name):
            problems.append(f"--secret: {fault}")
        elif len(value) < SHORTEST:
            problems.append(f"the secret {name!r} is shorter than {SHORTEST} characters and cannot be masked")
    if problems:
        raise UsageError("\n".join(problems))
    return found


def _lowered(name: str) -> str:
    return name.lower() if name.isupper() else name


def _named(source: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(source)
    for name in found:
        if fault := naming_fault(name):
            raise UsageError(fault)
    return found


def _from_flag(pair: str) -> Iterable[tuple[str, Any]]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise UsageError(f"--var {pair!r}: expected name=text or name:=JSON")
    if not name.endswith(":"):
        yield name, value
        return
    try:
        yield name[:-1], read_json(value, "what stands behind ':='")
    except NotJson as error:
        raise UsageError(f"--var {clip(repr(pair), 80)}: {error}; for text use '='") from None


def _from_file(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"--vars-file {str(path)!r} cannot be read: {reason}") from None
    if path.suffix in (".yaml", ".yml"):
        return _mapping(path, _yaml(path, text))
    if path.suffix == ".json":
        return _mapping(path, _json(path, text))
    if path.suffix == ".env" or path.name.startswith(".env"):
        return list(_dotenv(path, text))
    raise UsageError(f"--vars-file {str(path)!r}: expected a file that ends in .yaml, .yml, .json or .env")


def _mapping(path: Path, found: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(found, dict):
        return found.items()
    raise UsageError(f"--vars-file {str(path)!r}: expected names with values at the top")


def _yaml(path: Path, text: str) -> Any:
    from asgi_probe.spec.yaml import compose

    problems = Problems()
    node = compose(Source(path, str(path), text), problems)
    if problems.errors:
        raise SpecError(problems.errors)
    return data(node) if node is not None else {}


def _json(path: Path, text: str) -> Any:
    try:
        return read_json(text, "it")
    except NotJson as error:
        raise UsageError(f"--vars-file {str(path)!r}: {error}") from None


def _dotenv(path: Path, text: str) -> Iterable[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _DOTENV.fullmatch(line)
        if not found:
            raise UsageError(f"{path}:{number}: expected NAME=value, found {line.strip()!r}")
        name, double, single, bare = found.groups()
        if double is not None:
            yield name, re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), double)
        else:
            yield name, single if single is not None else bare
