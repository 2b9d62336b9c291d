"""The functions and filters that expressions have besides Jinja2's own filters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from asgi_probe.spec.exact_json import NotJson, read_json
from asgi_probe.spec.regexes import Regex
from asgi_probe.spec.written import as_text, display, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LONGEST_TEXT = 1_000_000


class FunctionError(ValueError):
    """A function or filter that got what it cannot take; the message says what."""


def uuid() -> str:
    """A random UUID (version 4)."""
    from uuid import uuid4

    return str(uuid4())


def now(shift: str = "") -> str:
    """The moment in UTC as ISO 8601 with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return _moment(shift, "now").isoformat(timespec="milliseconds").replace("+00:00", "Z")


def today(shift: str = "") -> str:
    """The date in UTC: `2026-01-31`."""
    return _moment(shift, "today").date().isoformat()


def timestamp() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


def random_int(lowest: int, highest: int) -> int:
    """A whole number, both ends included."""
    from secrets import randbelow

    if not isinstance(lowest, int) or not isinstance(highest, int) or lowest > highest:
        raise FunctionError("random_int(a, b) wants two whole numbers, the smaller first")
    return lowest + randbelow(highest - lowest + 1)


def random_string(length: int) -> str:
    """That many ASCII letters and digits."""
    from secrets import choice

    if not isinstance(length, int) or not 0 <= length <= _LONGEST_TEXT:
        raise FunctionError(f"random_string(n) wants a length from 0 to {_LONGEST_TEXT:,}")
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(choice(letters) for _ in range(length))


def _moment(shift: str, function: str) -> datetime:
    from datetime import UTC, datetime, timedelta

    moment = datetime.now(UTC)
    if shift == "":
        return moment
    seconds = _shift(shift)
    if seconds is None:
        raise FunctionError(f"{function}() wants a shift such as '+1h' or '-1d', got {shift!r}")
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        raise FunctionError(f"{function}({shift!r}) is beyond the calendar") from None


def _shift(shift: Any) -> float | None:
    from asgi_probe.spec.units import parse_duration

    if not isinstance(shift, str) or shift[0] not in "+-":
        return None
    seconds = parse_duration(shift[1:])
    return seconds if seconds is None or shift[0] == "+" else -seconds


def b64encode(value: Any) -> str:
    """Base64 of the text in UTF-8."""
    from base64 import b64encode

    return b64encode(_bytes(value, "b64encode")).decode()


def b64decode(value: Any) -> str:
    """The text in UTF-8 that base64 (also its URL-safe form, padded or not) stands for."""
    from base64 import b64decode

    try:
        raw = _bytes(value, "b64decode").translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        return b64decode(raw + b"=" * (-len(raw) % 4), validate=True).decode()
    except FunctionError:
        raise
    except ValueError:
        raise FunctionError("b64decode got no base64 of UTF-8 text") from None


def sha256(value: Any) -> str:
    """The SHA-256 of the text in UTF-8, as hex."""
    from hashlib import sha256

    return sha256(_bytes(value, "sha256")).hexdigest()


def hmac_sha256(value: Any, key: Any) -> str:
    """The HMAC with SHA-256 of the text in UTF-8, as hex."""
    from hmac import digest

    return digest(_bytes(key, "hmac_sha256"), _bytes(value, "hmac_sha256"), "sha256").hex()


def urlencode(value: Any) -> str:
    """Percent-encoding of a text, `/` too; of a mapping its query string, a list repeating the key."""
    from urllib.parse import quote
    from urllib.parse import urlencode as query

    if isinstance(value, dict):
        pairs = (
            (key, item) for key, found in value.items() for item in (found if isinstance(found, list) else [found])
        )
        return query([(key, as_text(item)) for key, item in pairs])
    return quote(_bytes(value, "urlencode"), safe="")


def tojson(value: Any) -> str:
    """The value as plain JSON."""
    return write_json(value)


def fromjson(value: Any) -> Any:
    """What the JSON text stands for, numbers exact; NaN and Infinity are not JSON."""
    if not isinstance(value, str):
        raise FunctionError(f"fromjson wants text, got {display(value)}")
    try:
        return read_json(value)
    except NotJson as error:
        raise FunctionError(f"fromjson: {error}") from None


def jsonpath(value: Any, path: str) -> Any:
    """The value of a singular query, of any other the list of its nodes (RFC 9535)."""
    query = compile_jsonpath(path)
    found = query.find(value).values()
    if not query.singular_query():
        return found
    if not found:
        raise FunctionError(f"jsonpath({path!r}) finds nothing")
    return found[0]


def compile_jsonpath(path: Any) -> Any:
    """The compiled query; a FunctionError says what is wrong with it."""
    import jsonpath_rfc9535

    try:
        return jsonpath_rfc9535.compile(path)
    except (jsonpath_rfc9535.JSONPathError, TypeError, RecursionError) as error:
        raise FunctionError(f"{display(path)} is no JSONPath: {str(error).splitlines()[0]}") from None


def regex(value: Any, pattern: str) -> Any:
    """The first group of the first match, the whole match where there is no group."""
    if not isinstance(value, str):
        raise FunctionError(f"regex wants text, got {display(value)}")
    try:
        found = compile_regex(pattern).search(value)
    except TimeoutError:
        raise FunctionError(f"regex({pattern!r}) ran longer than a second") from None
    if not found:
        raise FunctionError(f"regex({pattern!r}) does not match {display(value)}")
    return found[1] if found.re.groups else found[0]


def compile_regex(pattern: Any) -> Regex:
    """The compiled pattern; a FunctionError says what is wrong with it."""
    try:
        return Regex.compile(pattern)
    except (ValueError, TypeError) as error:
        raise FunctionError(f"{display(pattern)} is no regular expression: {error}") from None


def _bytes(value: Any, name: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, (dict, list)):
        raise FunctionError(f"{name} wants text, got {display(value)} (use tojson first)")
    try:
        return as_text(value).encode()
    except UnicodeEncodeError:
        raise FunctionError(f"{name} got a lone surrogate, which UTF-8 cannot hold") from None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "uuid": uuid,
    "now": now,
    "today": today,
    "timestamp": timestamp,
    "random_int": random_int,
    "random_string": random_string,
}
"""By name; `read(file)` is made per spec, since it depends on the folder."""

FUNCTION_NAMES = frozenset({*FUNCTIONS, "read"})

FILTERS: dict[str, Callable[..., Any]] = {
    "b64encode": b64encode,
    "b64decode": b64decode,
    "sha256": sha256,
    "hmac_sha256": hmac_sha256,
    "urlencode": urlencode,
    "tojson": tojson,
    "fromjson": fromjson,
    "jsonpath": jsonpath,
    "regex": regex,
}
