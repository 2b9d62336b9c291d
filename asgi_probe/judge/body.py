"""An answer's body as text and as JSON, decoded once."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import ProbeError
from asgi_probe.spec.exact_json import NotJson, read_json

if TYPE_CHECKING:
    from asgi_probe.exchange import Answer, FailureKind
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.spec.source import Node


class Unjudgeable(ProbeError):  # noqa: N818 - says what the answer is
    """An answer that cannot be judged: why, as a kind of failure where it is one, and at which node of the spec.

    `mismatches` are those that the other expectations found. `cause` is what the user's own code raised.
    """

    def __init__(
        self,
        kind: FailureKind | None,
        message: str,
        node: Node | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.node = node
        self.cause = cause
        self.mismatches: tuple[Mismatch, ...] = ()


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
        mark, charset = marked(body) or (b"", charset_of(answer) or "utf-8")
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
    mark, charset = marked(body) or (b"", json.detect_encoding(body) if b"\0" in body[:4] else "utf-8")
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


def marked(body: bytes) -> tuple[bytes, str] | None:
    """The byte order mark that a body begins with, and the charset it means."""
    if body[:1] not in (b"\xef", b"\xff", b"\xfe", b"\x00"):
        return None
    return next(((mark, charset) for mark, charset in _MARKS if body.startswith(mark)), None)


_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", re.IGNORECASE)


def charset_of(answer: Answer) -> str | None:
    """The charset that the content type names."""
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


_BEGINNING = 300


def beginning(body: bytes) -> str:
    """How a body that cannot be read begins, with `…` where it goes on: what is secret is found at a cut by that."""
    return body[:_BEGINNING].decode(errors="replace") + "…" * (len(body) > _BEGINNING)
