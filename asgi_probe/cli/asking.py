"""The one request that the command line describes, as the spec that says the same."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.cli.expecting import Expected
from asgi_probe.cli.typed import CommandLine
from asgi_probe.engine.records import CREDENTIALS
from asgi_probe.engine.secrets import MASK, SHORTEST
from asgi_probe.errors import UsageError
from asgi_probe.reporters.single import PRINTED
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.model import read_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.cli.typed import Word
    from asgi_probe.spec.model import Spec
    from asgi_probe.spec.source import Node, Problems

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)")
_MOST_BYTES = 100 * 1024 * 1024
"""How large a body from a file may be."""


def whom(url: str, named: dict[str, Any], *, typed: bool) -> dict[str, Any]:
    """The app or base URL to ask: the URL's own origin, unless somebody was named on the command line.

    A URL without its `http://` is taken for one, so that this is told.
    """
    address = _ADDRESS.match(url)
    if typed or (address is None and url.startswith(("/", "?"))):
        return {"app": named["app"], "base_url": named["base_url"]}
    return {"base_url": address[0] if address else url}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed of a request and of what must come back."""

    command: str
    method: str
    url: str
    expect: Sequence[str] = ()
    headers: Sequence[str] = ()
    params: Sequence[str] = ()
    form: Sequence[str] = ()
    json: str | None = None
    body: str | None = None
    printed: str | None = None
    auth: str | None = None
    bearer: str | None = None
    follow: bool = False
    retry: int = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is never told, of credentials wherever they were typed."""
        inside = _ADDRESS.match(self.url)
        user, at, _ = inside[2].rpartition("@") if inside else ("", "", "")
        found = [self.bearer or "", (self.auth or "").partition(":")[2], user.partition(":")[2] if at else ""]
        for header in self.headers:
            name, _, value = header.partition(":")
            if name.strip().lower() in CREDENTIALS:
                found += [value.strip(), *value.split()[1:]]
        return tuple([secret for secret in found if len(secret) >= SHORTEST])

    def spec(self, problems: Problems) -> Spec | None:
        """The spec of that one check; what is wrong with it is told at its place in the command line."""
        if "${" in self.method:
            raise UsageError(f"{self.method!r} is no HTTP method, expected a word such as PURGE")
        line = CommandLine(Path.cwd())
        url = _without_credentials(self.url)
        place = line.word(f"asgi-probe {self.command}", url)
        method = line.mapping({"method": place.scalar(self.method), "url": place.scalar(url)})
        entries: dict[str, Node] = {"request": method}
        headers = _pairs(line, "--header", self.headers, ":")
        if self.json is not None and not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = place.scalar("application/json")
        fields = {
            "headers": headers,
            "params": _pairs(line, "--param", self.params, "="),
            "form": _pairs(line, "--form", self.form, "="),
        }
        entries |= {key: line.mapping(pairs) for key, pairs in fields.items() if pairs}
        entries |= self._settings(line, place) | self._body(line, place)
        expected = Expected(line, problems)
        for text in self.expect:
            expected.add(line.word("--expect", text))
        entries["expect"] = expected.entries()
        if self.printed is not None:
            source = line.word("--print", self.printed)
            entries["save"] = line.mapping({PRINTED: source.scalar("text" if self.printed == "body" else self.printed)})
        return read_spec(line.source, line.mapping({"checks": line.sequence([line.mapping(entries)])}), problems)

    def _settings(self, line: CommandLine, place: Word) -> dict[str, Node]:
        found: dict[str, Node] = {}
        if self.auth is not None:
            user, colon, password = self.auth.partition(":")
            if not colon:
                raise UsageError("--auth expects USER:PASSWORD, found no ':'")
            at = line.word("--auth", self.auth, f"{user}:{MASK}")
            found["auth"] = line.mapping({"basic": line.sequence([at.scalar(user), at.scalar(password)])})
        if self.bearer is not None:
            found["auth"] = line.mapping({"bearer": line.word("--bearer", self.bearer, MASK).scalar(self.bearer)})
        if self.follow:
            found["follow_redirects"] = place.scalar(True)  # noqa: FBT003 - what the key says
        if self.retry:
            found["retry"] = place.scalar(self.retry)
        return found

    def _body(self, line: CommandLine, place: Word) -> dict[str, Node]:
        bodies = {"--json": self.json, "--body": self.body, "--form": self.form or None}
        said = [flag for flag, given in bodies.items() if given is not None]
        if len(said) > 1:
            raise UsageError(f"{' and '.join(said)} exclude each other: a request has one body")
        if self.json is not None:
            content = _content("--json", self.json)
            _refuse_no_json(content)
            return {"body": _bytes(line, place, content)}
        if self.body is not None:
            return {"body": _bytes(line, place, _content("--body", self.body))}
        return {}


def _bytes(line: CommandLine, place: Word, content: bytes) -> Node:
    from base64 import b64encode

    return line.mapping({"base64": place.scalar(b64encode(content).decode("ascii"))})


def _without_credentials(url: str) -> str:
    return _ADDRESS.sub(lambda found: found[1] + found[2].rpartition("@")[2], url, count=1)


def _told(text: str, sign: str) -> str | None:
    """What may be told of a header; None for all of it."""
    name, found, _ = text.partition(sign)
    secret = sign == ":" and found and name.strip().lower() in CREDENTIALS
    return f"{name}: {MASK}" if secret else None


def _pairs(line: CommandLine, flag: str, given: Sequence[str], sign: str) -> dict[str, Node]:
    """The values by their names; a name that repeats has a list, a header without a value is taken away."""
    found: dict[str, list[Node]] = {}
    for text in given:
        name, separator, value = text.partition(sign)
        if not separator or not name.strip():
            raise UsageError(
                f"{flag} expects {'NAME: VALUE' if sign == ':' else 'NAME=VALUE'}, found no {sign!r} behind a name"
            )
        word = line.word(flag, text, _told(text, sign))
        if sign == ":":
            found.setdefault(name.strip(), []).append(word.scalar(value.strip() or None))
        else:
            found.setdefault(name, []).append(word.scalar(value))
    return {name: line.listed(values) for name, values in found.items()}


def _content(flag: str, given: str) -> bytes:
    """What a body is: as it was typed, from `@file`, or for `-` from standard input."""
    try:
        if given == "-":
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        elif given.startswith("@"):
            with Path(given[1:]).open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        else:
            return given.encode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        raise UsageError(f"{flag} {given!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{flag} {given!r} is larger than 100 MiB")
    return content


def _refuse_no_json(content: bytes) -> None:
    try:
        read_json(content.decode("utf-8-sig"), "--json")
    except UnicodeDecodeError:
        raise UsageError("--json is not UTF-8") from None
    except NotJson as error:
        raise UsageError(str(error)) from None
