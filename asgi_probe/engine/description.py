"""How a target describes itself: its OpenAPI document, got once, when the first expectation asks for it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.exchange import Ask, Failure
from asgi_probe.judge.document import Document, WrongDocument
from asgi_probe.judge.schema import parse_data
from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.files import FileError, read_text
from asgi_probe.spec.written import printable, quoted
from asgi_probe.target.request import without_credentials
from asgi_probe.target.tracebacks import in_a_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.exchange import Answer
    from asgi_probe.target.base import Target
    from asgi_probe.target.session import Exchanger

_USUAL = "/openapi.json"
_LONGEST = 30.0
"""Seconds that the document may take: apps make it when they are asked for it first."""
_LARGEST = 32 * 1024 * 1024
_MOST_HOPS = 5


class _NoDocument(Exception):  # noqa: N818 - says what there is not
    """There is no document: what was asked, and what came."""


class Description:
    """The OpenAPI document of a target, or the reason why there is none; either is found out once."""

    def __init__(self, target: Target, exchanger: Exchanger) -> None:
        self._target = target
        self._exchanger = exchanger
        self._found: Document | str | None = None
        self._asking = anyio.Lock()

    async def document(self) -> Document | str:
        """The document; a text says why it could not be had."""
        if self._found is None:
            async with self._asking:
                self._found = self._found or await self._loaded()
        return self._found

    async def _loaded(self) -> Document | str:
        try:
            data, address = await self._data()
        except _NoDocument as error:
            hint = "" if self._target.openapi else "; the target's key 'openapi' says where it is"
            return f"no OpenAPI document to judge by: {error}{hint}"
        base = str(without_credentials(self._target.base))
        try:
            return Document(data, base, address)
        except WrongDocument as error:
            return f"the target's OpenAPI document cannot be judged by: {error}"

    async def _data(self) -> tuple[Any, str | None]:
        """The document's data, and the address that it was found at, if it was."""
        match self._target.openapi:
            case Path() as path:
                return _of_file(path), None
            case str() as address:
                return await self._of_address(address)
        made = _made_by(getattr(self._target, "app", None)) if self._target.kind == "app" else None
        return (made, None) if made is not None else await self._of_address(_USUAL)

    async def _of_address(self, address: str) -> tuple[Any, str]:
        """What the target answers, asked with its headers and credentials but outside of all checks."""
        ask = Ask("GET", address, max_hops=_MOST_HOPS, timeout=_LONGEST, max_body=_LARGEST)
        sent, came = await self._exchanger.session().ask(ask)
        asked = f"GET {sent.url}"
        if isinstance(came, Failure):
            raise _NoDocument(f"{asked} failed: {came.message}")
        if not 200 <= came.status < 300:
            raise _NoDocument(f"{asked} answered {came.status}")
        return _read(_text_of(came, asked), f"what {asked} answered"), came.url


def _of_file(path: Path) -> Any:
    """What the file holds; the configuration may name one outside of the project."""
    path = path.absolute()
    try:
        return _read(read_text(str(path), folder=path.parent, root=Path(path.anchor)), f"the file {str(path)!r}")
    except FileError as error:
        raise _NoDocument(str(error)) from None


def _text_of(answer: Answer, asked: str) -> str:
    if answer.size > len(answer.body):
        raise _NoDocument(f"{asked} answered {answer.size:,} bytes, more than {_LARGEST:,}")
    try:
        return answer.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _NoDocument(f"what {asked} answered is not UTF-8 at byte {error.start:,}") from None


def _read(text: str, what: str) -> Any:
    """JSON where it looks like that, else YAML."""
    start = text[:100].lstrip()
    if start.startswith("<"):
        raise _NoDocument(f"{what} is neither JSON nor YAML but begins {quoted(start, 40)}")
    try:
        return read_json(text, what) if start[:1] in ("", "{", "[", '"') else parse_data(what, text)
    except (NotJson, ValueError) as error:
        raise _NoDocument(str(error)) from None


def _made_by(app: Any) -> Any:
    """What an app's framework makes of its routes: FastAPI's `openapi()`, Litestar's `openapi_schema`."""
    names = {base.__module__.partition(".")[0] for base in type(app).__mro__}
    if "fastapi" in names:
        return _plain(app.openapi, "app.openapi()")
    if "litestar" in names and getattr(app, "openapi_config", None) is not None:
        make = lambda: app.openapi_schema.to_schema()  # noqa: E731, PLW0108 - the property itself may raise
        return _plain(make, "app.openapi_schema.to_schema()")
    return None


def _plain(make: Callable[[], Any], what: str) -> Any:
    """A copy of what is made, as it would be sent: no later change of the app's reaches it.

    What the framework warns of meanwhile is between it and the app.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            made = make()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
        raise _NoDocument(f"{what} raised {in_a_line(error)}") from None
    try:
        return read_json(json.dumps(made), what)
    except (TypeError, ValueError, RecursionError, NotJson) as error:
        raise _NoDocument(f"what {what} gave is no JSON: {printable(str(error))[:200]}") from None
