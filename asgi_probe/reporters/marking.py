"""A JSON body with what differs marked in it: the lines around the paths of mismatches, and what each should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asgi_probe.reporters.values import one_line
from asgi_probe.reporters.words import count
from asgi_probe.terminal import Line, cells, clip, harmless, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asgi_probe.engine.results import Mismatch

_JUDGED = frozenset({"json", "jsonpath", "schema"})
"""The expectations whose paths lead into a JSON body."""
_WIDTH = 88
_AROUND = 2
_FIRST = 3
_SHORT = 20
_MOST_LINES = 40
_LONGEST_NOTE = 60
_LONGEST_LINE = 2_000
_SHORTEST_NOTE = 8

Placed = tuple[str, str]
"""A line of JSON, and the path of the value that begins there; none where one only ends."""


def marks_of(found: Sequence[Mismatch]) -> dict[str, str]:
    """By path what should be there, of the mismatches that are about places in a JSON body."""
    marks: dict[str, str] = {}
    for each in found:
        if each.path and each.path.startswith("$") and _JUDGED & set(each.where.split(".")):
            marks.setdefault(each.path, each.message.partition(", got ")[0].partition("; ")[0])
    return marks


def marked(data: Any, marks: Mapping[str, str], columns: int | None) -> list[Line]:
    """The lines of a JSON value around the marks; nothing where it takes a single line, or no mark has a place."""
    placed = list(_placed(data, "$", "", _WIDTH))
    notes = _notes(placed, marks)
    if len(placed) < 2 or not notes:
        return []
    near = _near(notes, len(placed))
    told: list[Line] = []
    skipped = 0
    for at, (text, _) in enumerate(placed):
        if at not in near or len(told) >= _MOST_LINES:
            skipped += 1
            continue
        told += [_left_out(skipped)] if skipped else []
        skipped = 0
        told.append(_line(text, notes.get(at), columns))
    return [*told, _left_out(skipped)] if skipped else told


def _near(notes: Mapping[int, str], number: int) -> set[int]:
    """Which of so many lines are shown: of a short body all."""
    if number <= _SHORT:
        return {*range(number)}
    near = {other for at in notes for other in range(at - _AROUND, at + _AROUND + 1)} | {*range(_FIRST), number - 1}
    # what says that a line is left out would take as much room
    return near | {at for at in range(number) if at - 1 in near and at + 1 in near}


def _left_out(number: int) -> Line:
    return [(f"… {count(number, 'line')} …", "quiet")]


def _notes(placed: Sequence[Placed], marks: Mapping[str, str]) -> dict[int, str]:
    """What is said beside which line: that of the value itself, or of the innermost around it that has one."""
    lines = {path: at for at, (_, path) in enumerate(placed) if path}
    notes: dict[int, str] = {}
    for path, what in marks.items():
        around = next((each for each in _outwards(path) if each in lines), None)
        if around is not None:
            at = lines[around]
            # what stands around the value is seen only in a short body
            note = what if path == around and len(placed) <= _SHORT else f"{path} {what}"
            notes[at] = f"{notes[at]}; {note}" if at in notes else note
    return notes


def _outwards(path: str) -> Iterator[str]:
    """The path, and those of what is around it, innermost first."""
    yield path
    for end in range(len(path) - 1, 0, -1):
        if path[end] in ".[":
            yield path[:end]


def _line(text: str, note: str | None, columns: int | None) -> Line:
    shown = harmless(text[:_LONGEST_LINE]) + "…" * (len(text) > _LONGEST_LINE)
    if note is None:
        return [(shown, "")]
    told = inline(note)
    # two columns stand before each line of a body, five between it and its note
    room = _LONGEST_NOTE * 2 if columns is None else columns - cells(shown) - 7
    if room < _SHORTEST_NOTE:
        return [(shown, "actual"), ("  ←", "caret")]
    return [(shown, "actual"), ("  ← ", "caret"), (clip(told, min(room, _LONGEST_NOTE * 2)), "expected")]


def _placed(data: Any, path: str, lead: str, width: int) -> Iterator[Placed]:
    """As `values.lines` lays them out, with the path of what begins on each."""
    line = one_line(data)
    if len(line) <= width or not isinstance(data, dict | list) or not data:
        yield lead + line, path
        return
    yield lead + ("{" if isinstance(data, dict) else "["), path
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for number, (key, item) in enumerate(items, 1):
        name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(key, str) else ""
        below = list(_placed(item, path + _step(key), name, width - 2 - len(name)))
        below[-1] = (below[-1][0] + "," * (number < len(data)), below[-1][1])
        yield from (("  " + text, place) for text, place in below)
    yield "}" if isinstance(data, dict) else "]", ""


def _step(key: str | int) -> str:
    """As mismatches write paths."""
    if isinstance(key, int):
        return f"[{key}]"
    if key.isidentifier():
        return f".{key}"
    escaped = json.dumps(key, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{escaped}']"
