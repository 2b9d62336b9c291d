"""The event stream read back: a line of `--report ndjson=FILE` as the event that it tells of."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import (
    CheckFinished,
    CheckStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    TargetInfo,
    Warned,
)
from asgi_probe.engine.results import (
    Body,
    Mismatch,
    Outcome,
    RequestRecord,
    ResponseRecord,
    SaidRecord,
    SlowCheck,
    ThresholdVerdict,
    Times,
)
from asgi_probe.terminal import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgi_probe.engine.events import Event

Data = dict[str, Any]


class NotAnEventError(ValueError):
    """A line that tells no event; the message says what is wrong with it."""


def read_event(line: str | bytes) -> Event | None:
    """The event of a line; None for one that this version does not know. Raises NotAnEventError."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise NotAnEventError("no JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("event"), str):
        raise NotAnEventError("no event: expected an object with the key 'event'")
    read = _READERS.get(data["event"])
    if read is None:
        return None
    try:
        return read(data)
    except KeyError as error:
        raise NotAnEventError(f"{data['event']} lacks {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise NotAnEventError(f"{data['event']} is not as expected: {error}") from None


def _plain(kind: type, data: Data, **made: Any) -> Any:
    """An instance with what is made, and all else as it stands there; what is missing is as by default."""
    given = {}
    for name, (what, fits) in _fields_of(kind).items():
        if name in data and name not in made:
            given[name] = value = data[name]
            if not fits(value):
                raise TypeError(f"{name}: expected {what}, found {clip(repr(value), 100)}")
    return kind(**given, **made)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_Fits = tuple[str, "Callable[[Any], bool]"]
_ANYTHING: _Fits = ("anything", lambda _: True)
_FITS: dict[str, _Fits] = {
    "str": ("a text", lambda value: isinstance(value, str)),
    "str | None": ("a text or null", lambda value: value is None or isinstance(value, str)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", _is_whole),
    "int | None": ("a whole number or null", lambda value: value is None or _is_whole(value)),
    "float": ("a number", _is_number),
    "float | None": ("a number or null", lambda value: value is None or _is_number(value)),
    "dict[str, int]": (
        "numbers by name",
        lambda value: isinstance(value, dict) and all(map(_is_whole, value.values())),
    ),
    "dict[str, Any] | None": ("values by name, or null", lambda value: value is None or isinstance(value, dict)),
}
"""What fits a field, by how its type is written; all else is looked at where it is made."""


@cache
def _fields_of(kind: type) -> dict[str, _Fits]:
    return {each.name: _FITS.get(str(each.type), _ANYTHING) for each in fields(kind) if each.name != "event"}


def _texts(values: Any) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"expected texts, found {clip(repr(values), 100)}")
    return tuple(values)


def _run_started(data: Data) -> RunStarted:
    about = data.get("descriptions") or {}
    specs = _texts(data["specs"])
    made: RunStarted = _plain(
        RunStarted,
        data,
        target=_plain(TargetInfo, data["target"]),
        targets=tuple([_plain(TargetInfo, target) for target in data.get("targets") or ()]),
        specs=specs,
        descriptions=tuple([about.get(file) for file in specs]),
    )
    return made


def _check_started(data: Data) -> CheckStarted:
    made: CheckStarted = _plain(CheckStarted, data, tags=_texts(data["tags"]))
    return made


def _check_finished(data: Data) -> CheckFinished:
    made: CheckFinished = _plain(
        CheckFinished,
        data,
        outcome=Outcome(data["outcome"]),
        mismatches=tuple([_plain(Mismatch, mismatch) for mismatch in data["mismatches"]]),
    )
    return made


def _step_finished(data: Data) -> StepFinished:
    made: StepFinished = _plain(
        StepFinished,
        data,
        outcome=Outcome(data["outcome"]),
        request=_message(RequestRecord, data["request"]),
        response=_message(ResponseRecord, data["response"]),
        mismatches=tuple([_plain(Mismatch, mismatch) for mismatch in data["mismatches"]]),
        said=tuple([_plain(SaidRecord, said) for said in data.get("said") or ()]),
        times=tuple(data.get("times") or ()),
        stumbles=_texts(data.get("stumbles") or ()),
    )
    return made


def _message(kind: type, data: Data | None) -> Any:
    if data is None:
        return None
    body = None
    if data["body"] is not None:
        body = _plain(Body, {"size": 0} | data, text=data["body"])
        _texts([body.text])
    return _plain(kind, data, headers=tuple([(name, value) for name, value in map(_texts, data["headers"])]), body=body)


def _run_finished(data: Data) -> RunFinished:
    times = data.get("times")
    made: RunFinished = _plain(
        RunFinished,
        data,
        slowest=tuple([_plain(SlowCheck, check) for check in data.get("slowest") or ()]),
        times=_plain(Times, times, histogram=tuple([(bound, count) for bound, count in times["histogram"]]))
        if times
        else None,
        thresholds=tuple([_plain(ThresholdVerdict, verdict) for verdict in data.get("thresholds") or ()]),
    )
    return made


def _warned(data: Data) -> Warned:
    made: Warned = _plain(Warned, data)
    return made


_READERS: dict[str, Callable[[Data], Event]] = {
    "run_started": _run_started,
    "check_started": _check_started,
    "step_finished": _step_finished,
    "check_finished": _check_finished,
    "run_finished": _run_finished,
    "warning": _warned,
}
