"""A step that did not pass, as people read it: what was expected, what was asked and what came."""

from __future__ import annotations

from base64 import b64decode
from http import HTTPStatus
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from asgi_probe.reporters.differences import differences
from asgi_probe.reporters.folding import folded
from asgi_probe.reporters.marking import marked, marks_of
from asgi_probe.reporters.values import lines, one_line, parsed, plain_data
from asgi_probe.terminal import Line, excerpt, harmless, inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from asgi_probe.engine.events import StepFinished
    from asgi_probe.engine.results import Body, Mismatch, RequestRecord, ResponseRecord

_MOST_MISMATCHES = 10
_MOST_LISTED = 100
_MOST_LINES = 20
_MOST_CHARACTERS = 2_000
_LONGEST_VALUE = 20_000
_LONGEST_TEXT = 300
_MOST_HEADERS = 30
_LONGEST_HEADER = 300
_LONGEST_TRACEBACK = 200
_MOST_STUMBLES = 5
_MOST_SAID = 50
_LONGEST_SAID = 4_000
_INDENT = ("  ", "")
_GUTTER = ("  | ", "gutter")
"""Before lines that others wrote: CI systems take some for commands, blanks before them or not."""


def failed_step(
    step: StepFinished, check: str, *, whole: bool = True, columns: int | None = None, traces: bool = True
) -> list[Line]:
    """All there is to know of a step that did not pass; its name only where it is not the check's.

    `columns` is how wide a line may be. Without `whole` only why it did not pass, not what was sent and came; without
    `traces` no traceback.
    """
    told = [*_which(step, check), *stumbles(step), *_reason(step, columns)]
    told += mismatches(step.mismatches, columns)
    if not whole:
        return told
    told += exchange(step.request, step.response, marks_of(step.mismatches), columns)
    if step.traceback and traces:
        told += [[], *titled(step.traceback_of), *traceback(step.traceback)]
    told += said(step)
    if step.curl:
        told += [[], [("try it by hand", "title")], *([_INDENT, *line] for line in block(step.curl, ""))]
    return told


def _which(step: StepFinished, check: str) -> list[Line]:
    asked = f", asked {step.attempts:,} times" if step.attempts > 1 else ""
    if step.step == check and step.phase == "steps" and not asked:
        return []
    where = "in step: " if step.phase == "steps" else f"in {step.phase}: "
    return [[(where, "quiet"), (inline(step.step), ""), (asked, "quiet")]]


def stumbles(step: StepFinished) -> list[Line]:
    """Why earlier attempts did not pass, where that was not the reason of the last, or of one before."""
    last = {step.reason, *map(str, step.mismatches)}
    told: list[Line] = []
    for number, why in enumerate(step.stumbles, 1):
        if why not in last and len(told) < _MOST_STUMBLES:
            last.add(why)
            told.append([(f"attempt {number:,}: ", "quiet"), (inline(why), "")])
    return told


def _reason(step: StepFinished, columns: int | None) -> list[Line]:
    if not step.reason:
        return []
    place: Line = [(f"{inline(step.file)}:{step.line}:{step.column}", "place"), (": ", "")] if step.file else []
    first, *rest = harmless(step.reason).split("\n")
    told = folded([*place, ("error: ", "error"), (first, "message")], columns)
    told += [[_GUTTER, (line, "message")] for line in rest]
    return told + excerpt(step.line, step.source_line, [(step.column, step.width)], columns)


def mismatches(found: Sequence[Mismatch], columns: int | None = None) -> list[Line]:
    """Every mismatch under its place in the spec; those of one line share its excerpt, and many are only listed."""
    told: list[Line] = []
    for _, group in groupby(found[:_MOST_MISMATCHES], key=lambda mismatch: (mismatch.file, mismatch.line)):
        told += _at_one_line(list(group), columns)
    for mismatch in found[_MOST_MISMATCHES:_MOST_LISTED]:
        told += folded(_headline(mismatch), columns)
    if len(found) > _MOST_LISTED:
        told.append([(f"… and {len(found) - _MOST_LISTED:,} more mismatches", "quiet")])
    return told


def _at_one_line(group: list[Mismatch], columns: int | None) -> list[Line]:
    first = group[0]
    told = [line for mismatch in group for line in folded(_headline(mismatch), columns)]
    marks = [(mismatch.column, mismatch.width) for mismatch in group]
    told += excerpt(first.line, first.source_line, marks, columns)
    for mismatch in group:
        values = _values(mismatch, columns)
        if values and len(group) > 1:
            told.append([("  = ", "gutter"), (inline(mismatch.subject), "")])
        told += values
    return told


def _headline(mismatch: Mismatch) -> Line:
    return [
        (f"{inline(mismatch.file)}:{mismatch.line}:{mismatch.column}", "place"),
        (": ", ""),
        (inline(mismatch.subject), "hint"),
        (": ", ""),
        (inline(mismatch.message), "message"),
    ]


def _values(mismatch: Mismatch, columns: int | None) -> list[Line]:
    """Expected and actual where the message could not say them, as a diff where that says more; and the reason."""
    expected, actual = mismatch.expected, mismatch.actual
    told = differences(expected, actual, columns)
    if not told:
        if not _said(expected, mismatch.message):
            told += _value("expected", expected)
        if not _said(actual, mismatch.message):
            told += _value("actual", actual)
    if mismatch.because:
        told += _labelled("because", block(mismatch.because, ""))
    return told


def _said(value: Any, message: str) -> bool:
    match value:
        case None | bool() | int() | float():
            return True
        case str():
            return value in message or repr(value)[1:-1] in message
        case _:
            return one_line(plain_data(value, len(message))[0]) in message


def _value(name: str, value: Any) -> list[Line]:
    if isinstance(value, str) and "\n" in value:
        return _labelled(name, block(value, name))
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        data, rest = one_line(value[:_LONGEST_TEXT]), len(value) - _LONGEST_TEXT
        return [
            [
                ("  = ", "gutter"),
                (f"{name:<10}", "quiet"),
                (harmless(data), name),
                *_cut(f"{rest:,} more characters", ""),
            ]
        ]
    data, whole = plain_data(value, _LONGEST_VALUE)
    return _labelled(name, _shortened(lines(data), name, None if whole else "much more"))


def _labelled(label: str, told: list[Line]) -> list[Line]:
    """A label with its value beside it, or below it where the value has several lines."""
    if len(told) == 1:
        return [[("  = ", "gutter"), (f"{label:<10}", "quiet"), *told[0]]]
    return [[("  = ", "gutter"), (label, "quiet")], *([("      | ", "gutter"), *line] for line in told)]


def exchange(
    request: RequestRecord | None,
    response: ResponseRecord | None,
    marks: Mapping[str, str] | None = None,
    columns: int | None = None,
) -> list[Line]:
    """The request as it was sent, its lines begin with `>`, and the answer as it came, with `<`.

    `marks` say what should be where in the answer, if its body is JSON.
    """
    told: list[Line] = []
    if request:
        told += [[], [("> ", "gutter"), (inline(f"{request.method} {request.url}"), "title")]]
        told += _message(">", request.headers, request.body)
    if response:
        told += [[], [("< ", "gutter"), (inline(status(response)), "title")]]
        told += _message("<", response.headers, response.body, marks or {}, columns)
    elif request:
        told += [[("< ", "gutter"), ("no answer", "quiet")]]
    return told


def status(response: ResponseRecord) -> str:
    """`HTTP/1.1 404 Not Found`."""
    try:
        phrase = f" {HTTPStatus(response.status).phrase}"
    except ValueError:
        phrase = ""
    return f"{response.http_version} {response.status}{phrase}"


def _message(
    mark: str,
    headers: Sequence[tuple[str, str]],
    body: Body | None,
    marks: Mapping[str, str] = MappingProxyType({}),
    columns: int | None = None,
) -> list[Line]:
    told: list[Line] = []
    for name, value in headers[:_MOST_HEADERS]:
        cut = f"… {len(value) - _LONGEST_HEADER:,} more characters" if len(value) > _LONGEST_HEADER else ""
        told.append([(inline(name), "hint"), (": ", ""), (inline(value[:_LONGEST_HEADER]), ""), (cut, "quiet")])
    if len(headers) > _MOST_HEADERS:
        told.append([(f"… and {len(headers) - _MOST_HEADERS:,} more headers", "quiet")])
    if body:
        told += [[], *_body(headers, body, marks, columns)]
    return [[(f"{mark} " if line else mark, "gutter"), *line] for line in told]


def _body(headers: Iterable[tuple[str, str]], body: Body, marks: Mapping[str, str], columns: int | None) -> list[Line]:
    in_all = f"{body.size:,} bytes in all"
    if body.encoding:
        return [
            [(f"{b64decode(body.text[:64]).hex(' ')}{' …' * (body.size > 48)}", ""), (f"  {in_all}, binary", "quiet")]
        ]
    if not body.truncated and _could_be_json(headers, body.text):
        try:
            data, whole = plain_data(parsed(body.text), _LONGEST_VALUE)
        except ValueError:
            pass
        else:
            return (marked(data, marks, columns) if marks and whole else []) or _shortened(
                lines(data), "", None if whole else in_all, in_all
            )
    return _shortened(_lines_of(body.text), "", in_all if body.truncated else None, in_all)


def _could_be_json(headers: Iterable[tuple[str, str]], text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") or any("json" in value for name, value in headers if name == "content-type")


def _lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def block(text: str, style: str) -> list[Line]:
    """A text, harmless and shortened."""
    return _shortened(_lines_of(text), style)


def _shortened(text: Sequence[str], style: str, beyond: str | None = None, in_all: str = "") -> list[Line]:
    """The first lines of a text; what is left out is said, where `beyond` says what was lost before."""
    told: list[Line] = []
    left = _MOST_CHARACTERS
    for number, line in enumerate(text[:_MOST_LINES]):
        told.append([(harmless(line[:left]).replace("\t", "    "), style)])
        if len(line) > left:
            rest = len(line) - left + sum(len(other) + 1 for other in text[number + 1 :])
            return [*told, _cut(beyond or f"{rest:,} more characters", in_all)]
        left -= len(line)
    if len(text) > _MOST_LINES:
        return [*told, _cut(beyond or f"{len(text) - _MOST_LINES:,} more lines", in_all)]
    return [*told, _cut(beyond, in_all)] if beyond else told


def _cut(what: str, in_all: str) -> Line:
    return [(f"… {what}{f', {in_all}' * (bool(in_all) and in_all != what)}", "quiet")]


def said(step: StepFinished) -> list[Line]:
    """What the app said during the step, beside a gutter."""
    if not step.said:
        return []
    told: list[Line] = [[], [("what the app said", "title")]]
    for one in step.said[:_MOST_SAID]:
        lead = " ".join(filter(None, [one.level, one.logger])) if one.source == "log" else one.source
        first, *rest = harmless(one.text[:_LONGEST_SAID]).rstrip("\n").split("\n")
        told.append([_GUTTER, (f"{inline(lead)}: ", "hint"), (first, "")])
        told += [[_GUTTER, ("  " + line, "")] for line in rest]
    if len(step.said) > _MOST_SAID:
        told.append([_GUTTER, (f"… and {len(step.said) - _MOST_SAID:,} more", "quiet")])
    return told


def titled(whose: str) -> list[Line]:
    """What stands above a traceback."""
    return [[(f"the {whose}'s traceback", "title")]]


def traceback(text: str) -> list[Line]:
    """A traceback, harmless and beside a gutter; of an endless one the end."""
    told = harmless(text).rstrip("\n").split("\n")
    cut = len(told) - _LONGEST_TRACEBACK
    shown: list[Line] = [[_GUTTER, (line, "")] for line in told[-_LONGEST_TRACEBACK:]]
    return [[_GUTTER, (f"… {cut:,} lines before", "quiet")], *shown] if cut > 0 else shown
