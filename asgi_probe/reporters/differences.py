"""What two values do not have in common: side by side where there is room, as a diff, or by carets."""

from __future__ import annotations

from difflib import SequenceMatcher, unified_diff
from typing import TYPE_CHECKING, Any

from asgi_probe.reporters.values import lines, plain_data
from asgi_probe.reporters.words import count
from asgi_probe.terminal import Line, cells, clip, harmless, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROOM = 90
"""Columns from which two structures stand side by side; under a check a terminal of 100 has 94."""
_LONGEST_VALUE = 20_000
_MOST_DIFFED = 300
_MOST_SHOWN = 40
_AROUND = 2
"""Lines that are alike around those that are not."""
_LONG = 30
"""Characters from which a line is searched for where it differs."""
_BEFORE, _PART, _AFTER = 30, 40, 20
"""Characters shown of a long line before what differs, of that, and after."""
_GUTTER = ("      | ", "gutter")


def differences(expected: Any, actual: Any, columns: int | None = None) -> list[Line]:
    """Two texts, or two structures that take several lines each; nothing for all else, and where nothing differs."""
    if isinstance(expected, str) and isinstance(actual, str) and "\n" not in expected + actual:
        return _by_carets(expected, actual)
    if isinstance(expected, str) != isinstance(actual, str) or (_fits_a_line(expected) and _fits_a_line(actual)):
        return []
    left, right = _diffable(expected), _diffable(actual)
    if not left or not right or left == right:
        return []
    if columns is not None and columns >= _ROOM and not isinstance(expected, str):
        return _side_by_side(left, right, columns)
    return _diff(left, right, numbered=isinstance(expected, str))


def _fits_a_line(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" not in value
    data, whole = plain_data(value, _LONGEST_VALUE)
    return whole and len(lines(data)) < 2


def _diffable(value: Any) -> list[str]:
    match value:
        case str():
            found = value.split("\n")
        case dict() | list():
            data, whole = plain_data(value, _LONGEST_VALUE)
            # a line for each leaf, so that a longer one moves no other, and without what only says that another follows
            found = [line.removesuffix(",") for line in lines(data, width=0)] if whole else []
        case _:
            found = []
    return found if 1 < len(found) <= _MOST_DIFFED else []


def _diff(left: Sequence[str], right: Sequence[str], *, numbered: bool) -> list[Line]:
    """A unified diff, `numbered` where that means something; carets under what differs in a line that changed."""
    changed = list(unified_diff(left, right, lineterm="", n=_AROUND))[2:]
    told: list[Line] = [[("  = ", "gutter"), ("- expected", "expected"), ("  + actual", "actual")]]
    for at, line in enumerate(changed[:_MOST_SHOWN]):
        style = {"-": "expected", "+": "actual", "@": "quiet"}.get(line[0], "")
        shown = "…" if line[0] == "@" and not numbered else harmless(line).replace("\t", " ")
        told.append([_GUTTER, (shown, style)])
        carets = _carets(changed, at)
        if carets:
            told.append([_GUTTER, (carets, "caret")])
    if len(changed) > _MOST_SHOWN:
        told.append([_GUTTER, (f"… {len(changed) - _MOST_SHOWN:,} more lines", "quiet")])
    return told


def _carets(changed: Sequence[str], at: int) -> str:
    """What stands under a line of a diff that became, or was, another one: nothing for all others."""
    signs = "".join([changed[each][0] if 0 <= each < len(changed) else " " for each in range(at - 2, at + 3)])
    if signs[2:4] == "-+" and signs[1] != "-" and signs[4] != "+":
        own, other = changed[at], changed[at + 1]
    elif signs[1:3] == "-+" and signs[0] != "-" and signs[3] != "+":
        own, other = changed[at], changed[at - 1]
    else:
        return ""
    before, part, _ = _apart(own[1:], other[1:])
    if not part or len(part) * 2 >= len(own):
        return ""
    return " " * (1 + cells(inline(before))) + "^" * max(cells(inline(part)), 1)


def _apart(own: str, other: str) -> tuple[str, str, str]:
    """What both begin with, what is different in the first, and what both end with."""
    start = _alike(own, other)
    end = len(own) - _alike(own[: start - 1 if start else None : -1], other[: start - 1 if start else None : -1])
    return own[:start], own[start:end], own[end:]


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    alike, most = 0, min(len(one), len(other))
    while alike < most:
        middle = (alike + most + 1) // 2
        if one[alike:middle] == other[alike:middle]:
            alike = middle
        else:
            most = middle - 1
    return alike


def _by_carets(expected: str, actual: str) -> list[Line]:
    """Two long lines that are much alike, each with carets under what differs."""
    longest = max(len(expected), len(actual))
    before, part, after = _apart(expected, actual)
    much = len(before) >= _LONG or (len(before) + len(after)) * 2 >= longest
    if expected == actual or longest < _LONG or not much:
        return []
    other = _apart(actual, expected)[1]
    return [*_marked("expected", before, part, after), *_marked("actual", before, other, after)]


def _marked(label: str, before: str, part: str, after: str) -> list[Line]:
    lead = "…" * (len(before) > _BEFORE) + inline(before[-_BEFORE:])
    shown = inline(part[:_PART]) + "…" * (len(part) > _PART)
    rest = inline(after[:_AFTER]) + "…" * (len(after) > _AFTER)
    place = f"{label:<10}"
    carets = " " * (len(place) + cells(lead)) + "^" * max(cells(shown), 1)
    return [
        [("  = ", "gutter"), (place, "quiet"), (lead, ""), (shown, label), (rest, "")],
        [("    ", "gutter"), (carets, "caret")],
    ]


Pair = tuple[str | None, str | None, bool]
"""A line on the left, one on the right, and whether they are alike."""


def _side_by_side(left: Sequence[str], right: Sequence[str], columns: int) -> list[Line]:
    """Expected and actual beside each other: what differs, a little around it, and how much is left out."""
    room = (columns - cells(_GUTTER[0]) - 3) // 2
    pairs = list(_pairs(left, right))
    near = {
        other for at, (*_, alike) in enumerate(pairs) if not alike for other in range(at - _AROUND, at + _AROUND + 1)
    }
    near |= {at for at in range(len(pairs)) if at - 1 in near and at + 1 in near}
    told: list[Line] = [
        [("  = ", "gutter"), ("expected", "expected"), (" " * (room + 7 - len("expected")), ""), ("actual", "actual")]
    ]
    skipped = 0
    for at, pair in enumerate(pairs):
        if at not in near:
            skipped += 1
        elif len(told) <= _MOST_SHOWN:
            told += [[_GUTTER, (_left_out(skipped), "quiet")]] if skipped else []
            told.append(_beside(pair, room))
            skipped = 0
        else:
            skipped += 1
    return [*told, [_GUTTER, (_left_out(skipped), "quiet")]] if skipped else told


def _left_out(number: int) -> str:
    return f"… {count(number, 'line')} …"


def _pairs(left: Sequence[str], right: Sequence[str]) -> Iterator[Pair]:
    for kind, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for at in range(max(j - i, m - k)):
            yield (
                left[i + at] if i + at < j else None,
                right[k + at] if k + at < m else None,
                kind == "equal",
            )


def _beside(pair: Pair, room: int) -> Line:
    expected, actual, alike = pair
    if alike or expected is None or actual is None:
        one, other = (clip(inline(text or ""), room) for text in (expected, actual))
    else:
        one, other = _windows(expected, actual, room)
    mark = " " if alike else "<" if actual is None else ">" if expected is None else "|"
    styles = ("", "") if alike else ("expected", "actual")
    return [
        _GUTTER,
        (one, styles[0]),
        (" " * (room - cells(one)), ""),
        (f" {mark} ", "caret" if mark == "|" else "quiet"),
        (other, styles[1]),
    ]


def _windows(expected: str, actual: str, room: int) -> tuple[str, str]:
    """Both from a place where what differs is seen."""
    alike = _alike(expected, actual)
    start = alike - room // 3 if alike > room // 2 and max(len(expected), len(actual)) > room else 0
    lead = "…" * (start > 0)
    return clip(lead + inline(expected[start:]), room), clip(lead + inline(actual[start:]), room)
