"""A file's `defaults`, merged under a step's own keys."""

from __future__ import annotations

from collections.abc import Callable

from asgi_probe.spec.shapes import BODIES
from asgi_probe.spec.source import Entry, Mapping, is_null

_BY_KEY = frozenset({"headers", "params", "cookies"})
_EXPECT_BY_KEY = frozenset({"headers", "cookies", "jsonpath", "html", "xml", "bytes"})

Entries = dict[str, Entry]
_Merge = Callable[[Entries, Entries], Entries]


def with_defaults(defaults: Entries, own: Entries) -> Entries:
    """The step's keys over the defaults': some merge key by key, all else is replaced, null takes away."""
    if not defaults:
        return own
    inherited = dict(defaults)
    if any(body in own for body in BODIES):
        for body in BODIES:
            inherited.pop(body, None)
    merged = dict(inherited)
    for name, entry in own.items():
        below = defaults.get(name)
        if below is not None and is_null(entry.value):
            merged.pop(name, None)
        elif name == "expect":
            merged[name] = _over(below, entry, _expectations)
        elif name in _BY_KEY:
            merged[name] = _over(below, entry, _headers if name == "headers" else _key_by_key)
        else:
            merged[name] = entry
    return merged


def _over(below: Entry | None, entry: Entry, merge: _Merge) -> Entry:
    if below is None or not isinstance(below.value, Mapping) or not isinstance(entry.value, Mapping):
        return entry
    return Entry(entry.key, _mapping(entry.value, merge(below.value.entries, entry.value.entries)))


def _mapping(at: Mapping, entries: Entries) -> Mapping:
    return Mapping(at.source, at.line, at.column, entries)


def _key_by_key(below: Entries, own: Entries) -> Entries:
    """Own keys win; a null takes the inherited key away and stays where there is none."""
    merged = dict(below)
    for name, entry in own.items():
        if name in below and is_null(entry.value):
            del merged[name]
        else:
            merged[name] = entry
    return merged


def _headers(below: Entries, own: Entries) -> Entries:
    """Header names meet whatever their case; a null stays, for it takes the target's header away as well."""
    overridden = {name.lower() for name in own}
    return {name: entry for name, entry in below.items() if name.lower() not in overridden} | own


def _expectations(below: Entries, own: Entries) -> Entries:
    merged = _key_by_key(below, own)
    if "error" in own:
        # whoever expects that there is no answer expects none of the inherited about it
        return {name: entry for name, entry in own.items() if not (name in below and is_null(entry.value))}
    for name in _EXPECT_BY_KEY & below.keys() & own.keys():
        if not is_null(own[name].value):
            merged[name] = _over(below[name], own[name], _expected_headers if name == "headers" else _key_by_key)
    return merged


def _expected_headers(below: Entries, own: Entries) -> Entries:
    inherited = {name.lower() for name in below}
    taken_away = {name.lower() for name, entry in own.items() if is_null(entry.value)} & inherited
    return {name: entry for name, entry in _headers(below, own).items() if name.lower() not in taken_away}
