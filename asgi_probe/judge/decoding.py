"""Texts that hold something encoded: base64, JSON Web Tokens."""

from __future__ import annotations

import re
from typing import Any

from asgi_probe.errors import ProbeError
from asgi_probe.spec.exact_json import NotJson, read_json

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII)
_TOKEN_PART = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


class Undecodable(ProbeError):  # noqa: N818 - says what the text is
    """Why a text does not decode."""


def decode_base64(text: str) -> str:
    """The UTF-8 text in base64 of either alphabet (RFC 4648); padding may be left out."""
    content = _bytes(text)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Undecodable(f"decodes to {len(content):,} bytes that are not UTF-8 text") from None


def _bytes(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    bare = "".join(text.split())
    digits = bare.rstrip("=")
    if not _BASE64.fullmatch(bare) or len(digits) % 4 == 1:
        raise Undecodable("is not base64")
    return urlsafe_b64decode((digits + "=" * (-len(digits) % 4)).replace("+", "-").replace("/", "_"))


def decode_jwt(text: str) -> dict[str, Any]:
    """`{header:, claims:}` of a compact JWT (RFC 7519), whose signature is not checked."""
    parts = text.split(".")
    if len(parts) != 3 or not all(_TOKEN_PART.fullmatch(part) for part in parts):
        raise Undecodable("is not a JWT, which has three base64url parts")
    return {"header": _object(parts[0], "header"), "claims": _object(parts[1], "claims")}


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        value = read_json(decode_base64(part))
    except (Undecodable, NotJson):
        value = None
    if not isinstance(value, dict):
        raise Undecodable(f"is not a JWT: its {name} is not a JSON object")
    return value
