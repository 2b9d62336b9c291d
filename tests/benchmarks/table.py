"""The table: what was measured, both sides' own figures, their ratio, and whether the goal is met."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Goal:
    """At most this many times the other side's figure; with `faster`, at least this many times faster than it.

    With `seconds` it is at most so many of them, whatever the other side takes.
    """

    bound: float
    faster: bool = False
    seconds: bool = False

    def __str__(self) -> str:
        if self.seconds:
            return f"≤ {self.bound:g} s"
        return f"≥ {self.bound:g} faster" if self.faster else f"≤ {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """One comparison; without a goal it is there to be seen."""

    what: str
    ours: float
    other: str
    theirs: float
    goal: Goal | None = None
    unit: Literal["seconds", "bytes"] = "seconds"

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours if self.goal and self.goal.faster else self.ours / self.theirs

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        held = self.ours if self.goal.seconds else self.ratio
        met = held >= self.goal.bound if self.goal.faster else held <= self.goal.bound
        return "met" if met else "MISSED"

    def cells(self) -> tuple[str, ...]:
        figure = _seconds if self.unit == "seconds" else _bytes
        goal = str(self.goal) if self.goal else ""
        return self.what, figure(self.ours), self.other, figure(self.theirs), f"{self.ratio:.2f}", goal, self.verdict


_HEAD = ("what", "ours", "the other side", "theirs", "ratio", "goal", "")
_WIDTHS = (46, 8, 28, 8, 6, 10, 6)
_RIGHT = frozenset({"ours", "theirs", "ratio"})


def head() -> str:
    """The table's first two lines; every row is a line below them."""
    return f"{_line(_HEAD)}\n{_line(tuple('─' * width for width in _WIDTHS))}"


def line(row: Row) -> str:
    """A row, under `head`."""
    return _line(row.cells())


def _line(cells: tuple[str, ...]) -> str:
    padded = (
        cell.rjust(width) if name in _RIGHT else cell.ljust(width)
        for name, cell, width in zip(_HEAD, cells, _WIDTHS, strict=True)
    )
    return "  ".join(padded).rstrip()


def _seconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def _bytes(count: float) -> str:
    return f"{count / 2**20:.1f} MB"
