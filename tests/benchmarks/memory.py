"""Memory: the peak of a run must not grow with its requests."""

from pathlib import Path

from tests.benchmarks.measure import asgi_probe, peak
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import write
from tests.benchmarks.table import Goal, Row

APP = "tests.benchmarks.bare_app:app"
_FILES, _CHECKS = 20, 5


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """The peak with many requests against that with few."""
    few, many = (_peak(folder / str(requests), requests) for requests in sizes.requests)
    what, other = (f"peak at {requests:,} requests" for requests in reversed(sizes.requests))
    return [Row(what, many, other, few, Goal(1.2), "bytes")]


def _peak(folder: Path, requests: int) -> float:
    for number in range(_FILES):
        write(folder, f"spec{number}.yaml", _spec(requests // _FILES // _CHECKS))
    return peak([*asgi_probe(), "run", *(f"spec{number}.yaml" for number in range(_FILES)), "--app", APP], folder)


def _spec(steps: int) -> str:
    """Few checks, whose steps are all one: by YAML's aliases the plan of any number of them is about as large."""
    checks = "".join(f"  - {{name: check {number}, steps: *steps}}\n" for number in range(_CHECKS))
    step = "&step {get: /, expect: {status: 200, json: {ok: true}}}"
    return f"x-steps: &steps [{', '.join([step] + ['*step'] * (steps - 1))}]\nchecks:\n{checks}"
