"""The names that `$is` knows, and what each of them means."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.values import ABSENT, exact, identity, is_number
from asgi_probe.spec.exact_json import NotJson, read_json

if TYPE_CHECKING:
    from collections.abc import Callable


def is_integer(value: Any) -> bool:
    """A number without a fraction: `1.0` is one."""
    match value:
        case bool():
            return False
        case int():
            return True
        case float():
            return value.is_integer()
        case Decimal():
            return value == value.to_integral_value()
        case _:
            return False


_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"


def _fits(pattern: str, text: str) -> bool:
    """Whether all of the text matches; `re` compiles a pattern when it is first used, and keeps it."""
    return re.fullmatch(pattern, text, re.ASCII) is not None


def is_date(text: str) -> bool:
    """RFC 3339 full-date: `2024-02-29`, a day that exists."""
    from asgi_probe.judge.moments import moment

    return _fits(_DATE, text) and moment(text) is not None


def is_time(text: str) -> bool:
    """RFC 3339 full-time, whose offset may be left out: `12:30:00`, `12:30:00.5Z`."""
    return _fits(_TIME, text)


def is_datetime(text: str) -> bool:
    """RFC 3339 date-time, whose offset may be left out."""
    return text[10:11] in ("T", "t", " ") and is_date(text[:10]) and is_time(text[11:])


_UUID = r"(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"


def is_uuid(text: str) -> bool:
    """RFC 9562 in its usual form, of any version."""
    return _fits(_UUID, text)


_LABEL = r"(?i:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"


def is_hostname(text: str) -> bool:
    """RFC 1123: labels of at most 63 letters, digits and inner hyphens, 253 characters in all."""
    return len(text) <= 253 and all(_fits(_LABEL, label) for label in text.split("."))


_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*")'


def is_email(text: str) -> bool:
    """RFC 5321 mailbox, with RFC 6531's characters: local part up to 64 octets, a host name or `[address]`."""
    local, at, domain = text.rpartition("@")
    if not at or not _fits(_LOCAL, local) or len(local.encode(errors="replace")) > 64 or len(text) > 254:
        return False
    if domain.startswith("["):
        return domain.endswith("]") and _is_address_literal(domain[1:-1])
    return is_hostname(_ascii_labels(domain))


def _is_address_literal(text: str) -> bool:
    return is_ipv6(text[5:]) if text[:5].lower() == "ipv6:" else is_ipv4(text)


def _ascii_labels(domain: str) -> str:
    """The domain with its non-ASCII letters replaced: RFC 6531 allows them, and only the shape is judged."""
    return "".join(char if char.isascii() else "x" if char.isalnum() else "_" for char in domain)


_PCHAR = r"(?:[a-z0-9\-._~!$&'()*+,;=:@]|%[0-9a-f]{2})"
_URI = (
    rf"(?i:[a-z][a-z0-9+.\-]*:(?://(?:(?:[a-z0-9\-._~!$&'()*+,;=:]|%[0-9a-f]{{2}})*@)?"
    rf"(?:\[(?P<address>[^\]]*)\]|(?:[a-z0-9\-._~!$&'()*+,;=]|%[0-9a-f]{{2}})*)(?::\d*)?(?:/{_PCHAR}*)*"
    rf"|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:\#(?:{_PCHAR}|[/?])*)?)"
)
_FUTURE_ADDRESS = r"(?i:v[0-9a-f]+\.[a-z0-9\-._~!$&'()*+,;=:]+)"


def is_uri(text: str) -> bool:
    """RFC 3986 URI: with a scheme, relative references are none."""
    found = re.fullmatch(_URI, text, re.ASCII)
    if not found:
        return False
    address = found["address"]
    return address is None or is_ipv6(address) or _fits(_FUTURE_ADDRESS, address)


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def is_ipv4(text: str) -> bool:
    """RFC 2673 dotted quad, without leading zeros."""
    return _fits(_IPV4, text)


def is_ipv6(text: str) -> bool:
    """RFC 4291 address, without a zone."""
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_BASE64URL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?"


def is_base64(text: str) -> bool:
    """RFC 4648, padded, in either alphabet."""
    return _fits(_BASE64, text) or _fits(_BASE64URL, text)


def is_json(text: str) -> bool:
    """RFC 8259 text."""
    try:
        read_json(text)
    except NotJson:
        return False
    return True


def is_jwt(text: str) -> bool:
    """RFC 7519 in compact form: its header and claims decode; the signature is not checked."""
    from asgi_probe.judge.decoding import Undecodable, decode_jwt

    try:
        decode_jwt(text)
    except Undecodable:
        return False
    return True


def is_sorted(value: Any) -> bool:
    """A list in ascending order, of numbers or of texts."""
    if type(value) is not list:
        return False
    if all(type(item) is str for item in value):
        return _ascends(value)
    return len(value) < 2 or (all(is_number(item) for item in value) and _ascends([exact(item) for item in value]))


def _ascends(values: list[Any]) -> bool:
    return all(left <= right for left, right in pairwise(values))


def is_unique(value: Any) -> bool:
    """A list without two equal elements."""
    return type(value) is list and len({identity(item) for item in value}) == len(value)


def _of_text(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and check(value)


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "null": (lambda value: value is None, "null"),
    "boolean": (lambda value: type(value) is bool, "a boolean"),
    "integer": (is_integer, "an integer"),
    "number": (is_number, "a number"),
    "string": (lambda value: type(value) is str, "a string"),
    "array": (lambda value: type(value) is list, "an array"),
    "object": (lambda value: type(value) is dict, "an object"),
    "uuid": (_of_text(is_uuid), "a UUID"),
    "date": (_of_text(is_date), "a date such as '2024-12-31'"),
    "datetime": (_of_text(is_datetime), "a date-time such as '2024-12-31T23:59:59Z'"),
    "time": (_of_text(is_time), "a time such as '23:59:59'"),
    "email": (_of_text(is_email), "an email address"),
    "uri": (_of_text(is_uri), "a URI"),
    "hostname": (_of_text(is_hostname), "a host name"),
    "ipv4": (_of_text(is_ipv4), "an IPv4 address"),
    "ipv6": (_of_text(is_ipv6), "an IPv6 address"),
    "base64": (_of_text(is_base64), "base64 text"),
    "json": (_of_text(is_json), "JSON text"),
    "jwt": (_of_text(is_jwt), "a JWT"),
    "empty": (lambda value: type(value) in (str, list, dict) and not value, "an empty text, list or object"),
    "present": (lambda value: value is not ABSENT, "anything that is there"),
    "absent": (lambda value: value is ABSENT, "nothing there"),
    "sorted": (is_sorted, "a list in ascending order"),
    "unique": (is_unique, "a list without equal elements"),
}
"""Name, check, and what stands after `expected`."""
READ_FROM_TEXT = frozenset({"boolean", "integer", "number"})
"""Where text always comes, these read it as JSON first."""
ONLY_LISTS = frozenset({"array", "sorted", "unique"})
"""What only a list can be."""
