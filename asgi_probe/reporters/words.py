"""Times, counts and outcomes as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asgi_probe.terminal import Line

GLYPHS = {
    Outcome.PASSED: ("✓", "passed"),
    Outcome.FLAKY: ("↻", "flaky"),
    Outcome.FAILED: ("✗", "failed"),
    Outcome.ERROR: ("!", "error"),
    Outcome.SKIPPED: ("○", "skipped"),
    Outcome.XFAILED: ("x", "skipped"),
    Outcome.XPASSED: ("X", "failed"),
    Outcome.INTERRUPTED: ("■", "interrupted"),
}
"""Each outcome's glyph, and the style of what is said of it."""

WORST_FIRST = (
    Outcome.ERROR, Outcome.FAILED, Outcome.XPASSED, Outcome.INTERRUPTED, Outcome.FLAKY, Outcome.PASSED,
    Outcome.XFAILED, Outcome.SKIPPED,
)  # fmt: skip
_IN_ORDER = (
    Outcome.PASSED, Outcome.FLAKY, Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED, Outcome.XFAILED, Outcome.SKIPPED,
    Outcome.INTERRUPTED,
)  # fmt: skip


def duration(seconds: float) -> str:
    """`0.4 ms`, `12 ms`, `1.24 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 0.00095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def count(number: int, noun: str) -> str:
    """`1 check`, `1,200 checks`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def outcome_word(outcome: Outcome, number: int) -> str:
    """What so many of an outcome are called: `failed`, `error`, `errors`."""
    return "errors" if outcome is Outcome.ERROR and number != 1 else outcome.value


def tally(outcomes: Mapping[str, int]) -> Line:
    """`12 passed, 1 failed, 2 skipped`; `nothing ran` where there is nothing to count."""
    spans: Line = []
    for outcome in _IN_ORDER:
        number = outcomes.get(outcome, 0)
        if number:
            spans += [(", ", ""), (f"{number:,} {outcome_word(outcome, number)}", GLYPHS[outcome][1])]
    return spans[1:] or [("nothing ran", "warning")]
