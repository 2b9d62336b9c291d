"""An answer's body as text and as JSON, decoded once."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import ProbeError
from asgi_probe.judge.values import quoted, with_room

if TYPE_CHECKING:
    from asgi_probe.exchange import Answer, FailureKind
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.spec.source import Node

DEEPEST = 1000
"""How deep JSON may nest."""


class Unjudgeable(ProbeError):  # noqa: N818 - says what the answer is
    """An answer that cannot be judged: why, as a kind of failure where it is one, and at which node of the spec.

    `mismatches` are those that the other expectations found.
    """

    def __init__(self, kind: FailureKind | None, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.node = node
        self.mismatches: tuple[Mismatch, ...] = ()


class NotJson(ProbeError):  # noqa: N818 - says what the text is
    """Text that is not JSON: the reason, and where it stops being JSON."""


def body_of(answer: Answer) -> bytes:
    """The whole body; Unjudgeable where only its beginning was kept."""
    if answer.size > len(answer.body):
        message = f"the body has {answer.size:,} bytes, of which {len(answer.body):,} were kept; raise max_body"
        raise Unjudgeable("too_large", message)
    return answer.body


def text_of(answer: Answer) -> str:
    """The body as text: by its byte order mark, by the content type's charset, else UTF-8, strictly."""
    if "text" not in answer.decoded:
        body = body_of(answer)
        mark, charset = _marked(body) or (b"", _charset(answer) or "utf-8")
        answer.decoded["text"] = _decode(body[len(mark) :], charset)
    text: str = answer.decoded["text"]
    return text


def json_of(answer: Answer) -> Any:
    """The body as JSON, whatever its content type says; NotJson where it is none."""
    known = answer.decoded.get("json", answer)
    if known is answer:
        known = answer.decoded["json"] = _read_body(answer)
    if isinstance(known, NotJson):
        raise known
    return known


def _read_body(answer: Answer) -> Any:
    body = body_of(answer)
    mark, charset = _marked(body) or (b"", json.detect_encoding(body) if b"\0" in body[:4] else "utf-8")
    text = _decode(body[len(mark) :], charset)
    try:
        return read_json(text, "the body")
    except NotJson as error:
        return error


_MARKS = (
    (BOM_UTF8, "utf-8"),
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)


def _marked(body: bytes) -> tuple[bytes, str] | None:
    if body[:1] not in (b"\xef", b"\xff", b"\xfe", b"\x00"):
        return None
    return next(((mark, charset) for mark, charset in _MARKS if body.startswith(mark)), None)


_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", re.IGNORECASE)


def _charset(answer: Answer) -> str | None:
    for name, value in answer.headers:
        if name.lower() == "content-type" and (found := _CHARSET.search(value)):
            return found[1] or found[2]
    return None


def _decode(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        bad = body[error.start : error.start + 4].hex(" ")
        raise Unjudgeable("decode", f"the body is not {charset}: byte {error.start:,} begins {bad!r}") from None
    except (LookupError, ValueError):
        raise Unjudgeable("decode", f"the body's charset {charset!r} is unknown") from None


def read_json(text: str, what: str = "the text") -> Any:
    """Strict JSON (RFC 8259), numbers exact: an int, a float if that is exactly what was written, else a Decimal."""
    try:
        value = with_room(lambda: _loads(text))
    except json.JSONDecodeError as error:
        raise _not_json(text, error.pos, what) from None
    except RecursionError:
        raise _too_deep(what) from None
    except _Constant:
        raise _not_json(text, _constant_at(text), what) from None
    if len(text) > DEEPEST and text.count("[") + text.count("{") > DEEPEST and _deeper(value):
        raise _too_deep(what)
    return value


class _Constant(Exception):  # noqa: N818 - no error of anyone's but a way out of the decoder
    """NaN or an infinity was met."""


def _constant(name: str) -> Any:
    raise _Constant(name)


def _real(text: str) -> Any:
    number = float(text)
    if repr(number) == text:
        return number
    from decimal import Decimal, InvalidOperation

    try:
        written = Decimal(text)
    except InvalidOperation:
        raise _Constant(text) from None
    return number if Decimal(repr(number)) == written else written


def _whole(text: str) -> Any:
    """An int; a Decimal for one so long that Python refuses to make an int of it."""
    if len(text) <= 4000:
        return int(text)
    from decimal import Decimal

    return Decimal(text)


_LONG_NUMBER = re.compile(r"[0-9][0-9.]{15}|[0-9][eE][+-]?[0-9]{3}")
_QUICK = json.JSONDecoder(parse_constant=_constant)
_EXACT = json.JSONDecoder(parse_float=_real, parse_constant=_constant, parse_int=_whole)


def _loads(text: str) -> Any:
    """Decoded; fifteen digits and small exponents always survive a float, so only longer numbers need care."""
    return (_EXACT if _LONG_NUMBER.search(text) else _QUICK).decode(text)


_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity|-?[0-9.]+[eE][+-]?[0-9]{17,})', re.DOTALL)


def _constant_at(text: str) -> int:
    return next(found.start() for found in _CONSTANT.finditer(text) if found[1])


def _deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for holder in level
            if type(holder) in (dict, list)
            for child in (holder.values() if type(holder) is dict else holder)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True


def _too_deep(what: str) -> NotJson:
    return NotJson(f"{what} nests deeper than {DEEPEST:,} levels")


def _not_json(text: str, at: int, what: str) -> NotJson:
    if not text.strip():
        return NotJson(f"{what} is empty, not JSON")
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    place = f"line {line:,}, column {column:,}"
    if at >= len(text.rstrip()):
        return NotJson(f"{what} is not JSON: it ends too early, at {place}: after {quoted(text.rstrip()[-20:])}")
    return NotJson(f"{what} is not JSON from {place} on: {quoted(text[at : at + 300], 40)}")
