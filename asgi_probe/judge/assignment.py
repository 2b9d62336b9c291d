"""Which of some patterns goes with which of some elements."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def assign(lefts: int, rights: int, fits: Callable[[int, int], bool]) -> dict[int, int]:
    """As many pairs (left → right) as fit at once: a maximum bipartite matching, found by augmenting paths."""
    pairs: dict[int, int] = {}
    taken: dict[int, int] = {}
    for left in range(lefts):
        right = left if left < rights and left not in taken and fits(left, left) else None
        if right is None:
            _augment(left, rights, fits, pairs, taken)
        else:
            pairs[left], taken[right] = right, left
    return pairs


def _augment(
    start: int, rights: int, fits: Callable[[int, int], bool], pairs: dict[int, int], taken: dict[int, int]
) -> None:
    """Find a free element for `start`, moving others to different ones where that helps."""
    came_from: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        left = waiting.popleft()
        for right in range(rights):
            if right in came_from or not fits(left, right):
                continue
            came_from[right] = left
            if right not in taken:
                _rewire(right, came_from, pairs, taken)
                return
            waiting.append(taken[right])


def _rewire(right: int, came_from: dict[int, int], pairs: dict[int, int], taken: dict[int, int]) -> None:
    """Give each left on the path the element that led to it."""
    free: int | None = right
    while free is not None:
        left = came_from[free]
        before = pairs.get(left)
        pairs[left], taken[free] = free, left
        free = before
