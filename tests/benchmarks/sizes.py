"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """`checks` of a run; `turns` each side gets, and `long_turns` where one takes seconds.

    `requests` are for memory, `rows` are those of `each`, `told` the checks of a
    recorded run.
    """

    checks: int
    turns: int
    long_turns: int
    files: int
    requests: tuple[int, int]
    rows: int
    told: int
    most_at_once: tuple[int, ...] = (1, 16, 32, 256)


FULL = Sizes(checks=1000, turns=15, long_turns=3, files=100, requests=(1_000, 100_000), rows=10_000, told=5_000)
QUICK = Sizes(checks=8, turns=1, long_turns=1, files=2, requests=(100, 200), rows=20, told=8)
