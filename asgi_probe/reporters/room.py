"""How much of a page of bounded size each check may take."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

Data = dict[str, Any]

LARGEST = 20_000_000
"""Bytes that the page of a run of some thousand checks does not exceed."""
_AROUND = 500_000
"""Bytes for what is no check: style, script, the run itself."""
_KEPT = 8_000_000
"""Bytes that checks which passed leave to those that did not."""
_LEAST = 1_700
"""Bytes that every check may take, however full the page is."""
_SHORTER = ((8_192, 40), (2_048, 40), (512, 40), (128, 40), (48, 10), (48, 3), (48, 1))
"""How many letters of a text, and how many items of a list, ever fewer."""
_LONG = ("steps", "mismatches", "reason", "traceback")
"""What of a check may be long, but for what it is called."""


class Room:
    """What is left of the page's size, for so many checks that are still to come."""

    def __init__(self, checks: int) -> None:
        self._left = LARGEST - _AROUND
        self._to_come = checks

    def fitted(self, check: Data, write: Callable[[Data], bytes]) -> bytes:
        """The check as `write` writes it, its long texts cut shorter where it would take more than its share.

        The check then has the key `shortened`.
        """
        written = write(check)
        allowed = self._share(green=Outcome(check["outcome"]).green)
        if len(written) > allowed:
            written = _within(allowed, check, write)
        self._left -= len(written)
        self._to_come -= 1
        return written

    def _share(self, *, green: bool) -> float:
        to_come = max(self._to_come, 1)
        room = self._left - to_come * _LEAST - (_KEPT if green else 0)
        fair = 4 * room / to_come
        return max(_LEAST, fair if green else max(fair, room / 16))


def _within(allowed: float, check: Data, write: Callable[[Data], bytes]) -> bytes:
    """The longest of some ever shorter versions that takes no more than this; the shortest if none does."""

    def written(size: tuple[int, int]) -> bytes:
        return write(_short(check, *size))

    fits = bisect_left(_SHORTER, x=True, key=lambda size: len(written(size)) <= allowed)
    return written(_SHORTER[min(fits, len(_SHORTER) - 1)])


def _short(check: Data, letters: int, items: int) -> Data:
    telling = check | {"steps": _telling(check["steps"], items)}
    return telling | {name: _shortened(telling[name], letters, items) for name in _LONG} | {"shortened": True}


def _telling(steps: list[Data], items: int) -> list[Data]:
    """So many of the steps, in their order; those that passed are left out before those that did not."""
    foremost = sorted(range(len(steps)), key=lambda at: steps[at]["outcome"] == "passed")[:items]
    return [steps[at] for at in sorted(foremost)]


def _shortened(value: Any, letters: int, items: int) -> Any:
    match value:
        case str():
            return value if len(value) <= letters else value[:letters]
        case dict():
            short = {name: _shortened(item, letters, items) for name, item in value.items()}
            return short | _body(value, letters) if isinstance(value.get("body"), str) else short
        case list() | tuple():
            return [_shortened(item, letters, items) for item in value[:items]]
        case _:
            return value


def _body(message: Data, most: int) -> Data:
    """A body that says whether it is whole; of base64 what still is some."""
    body = message["body"]
    if len(body) <= most:
        return {}
    return {"body": body[: most // 4 * 4], "truncated": True}
