"""`Set-Cookie` values, read leniently as browsers do (RFC 6265, section 5.2)."""

from __future__ import annotations

from typing import Any

ATTRIBUTES = ("value", "path", "domain", "secure", "httponly", "samesite", "max_age", "expires")
"""What a cookie can be asked for."""
_WITH_TEXT = {"path": "path", "domain": "domain", "samesite": "samesite", "max-age": "max_age", "expires": "expires"}
_FLAGS = ("secure", "httponly")


def read_cookies(lines: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The cookies by name, the last one of a name counts; `secure` and `httponly` are there always, as booleans."""
    cookies: dict[str, dict[str, Any]] = {}
    for line in lines:
        name, cookie = _read(line)
        if name:
            cookies.pop(name, None)
            cookies[name] = cookie
    return cookies


def _read(line: str) -> tuple[str, dict[str, Any]]:
    pair, *attributes = line.split(";")
    name, equals, value = pair.partition("=")
    cookie: dict[str, Any] = {"value": _bare(value), "secure": False, "httponly": False}
    for attribute in attributes:
        _add(cookie, attribute)
    return name.strip() if equals else "", cookie


def _bare(value: str) -> str:
    """A value without blanks around it, and without its quotes."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _add(cookie: dict[str, Any], attribute: str) -> None:
    name, _, value = attribute.partition("=")
    key = name.strip().lower()
    if key in _FLAGS:
        cookie[key] = True
    elif key in _WITH_TEXT:
        text = value.strip()
        cookie[_WITH_TEXT[key]] = _seconds(text) if key == "max-age" else text


def _seconds(text: str) -> int | str:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else text
