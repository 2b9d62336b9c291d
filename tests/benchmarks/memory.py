"""Memory: the peak of a run must not grow with its requests."""

import sys
from pathlib import Path

from tests.benchmarks.measure import asgi_probe, python
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import write
from tests.benchmarks.table import Goal, Row

_FILES, _CHECKS = 20, 5

# A process begins with the peak of the one that it was forked from: the one in between is small.
_PEAK = """\
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """The peak with many requests against that with few."""
    few, many = (_peak(folder / str(requests), requests) for requests in sizes.requests)
    what, other = (f"peak at {requests:,} requests" for requests in reversed(sizes.requests))
    return [Row(what, many, other, few, Goal(1.2), "bytes")]


def _peak(folder: Path, requests: int) -> float:
    for number in range(_FILES):
        write(folder, f"spec{number}.yaml", _spec(requests // _FILES // _CHECKS))
    run = [*asgi_probe(), "run", *(f"spec{number}.yaml" for number in range(_FILES))]
    last = python(["-c", _PEAK, *run, "--app", "tests.benchmarks.bare_app:app"], folder).splitlines()[-1]
    return int(last) * (1 if sys.platform == "darwin" else 1024)


def _spec(steps: int) -> str:
    """Few checks, whose steps are all one: by YAML's aliases the plan of any number of them is about as large."""
    checks = "".join(f"  - {{name: check {number}, steps: *steps}}\n" for number in range(_CHECKS))
    step = "&step {get: /, expect: {status: 200, json: {ok: true}}}"
    return f"x-steps: &steps [{', '.join([step] + ['*step'] * (steps - 1))}]\nchecks:\n{checks}"
