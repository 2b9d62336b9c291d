"""Live: checks against a server that answers after 20 ms and against a fast one, more and more at a time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.bare_app import LATENCY
from tests.benchmarks.measure import in_turn, python, run_phase
from tests.benchmarks.server import serving
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import write
from tests.benchmarks.table import Goal, Row

_USUAL, _MANY, _MOST = 16, 32, 256

# gathered all at once, a thousand requests through one client fail with time-outs: a semaphore is kind to it
_PLAIN = """\
import asyncio, sys, time, httpx

url, count, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def main():
    limit = asyncio.Semaphore(most)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=most)) as client:
        async def check(number):
            async with limit:
                response = await client.get(f"/{number}")
            assert response.status_code == 200
            assert response.json() == {"ok": True}

        began = time.perf_counter()
        await asyncio.gather(*map(check, range(count)))
        print(time.perf_counter() - began)

asyncio.run(main())
"""


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """The run phase against the ideal on the slow server, against a plain client on the fast one."""
    checks = "".join(
        f"  - {{get: /{number}, expect: {{status: 200, json: {{ok: true}}}}}}\n" for number in range(sizes.checks)
    )
    write(folder, "live.yaml", "checks:\n" + checks)
    with serving("slow_app") as url:
        slow = _slow(sizes, partial(_ours, folder, url))
    with serving("app") as url:
        fast = _fast(sizes, partial(_ours, folder, url), partial(_plain, folder, url, sizes.checks))
    return slow + fast


def _slow(sizes: Sizes, ours: Callable[[int], float]) -> list[Row]:
    best = _each(sizes, ours)
    against_ideal = [
        Row(
            f"live, {LATENCY * 1e3:g} ms, -j {most}",
            seconds,
            "requests * latency / j",
            sizes.checks * LATENCY / most,
            Goal(1.15) if most == _USUAL else None,
        )
        for most, seconds in best.items()
    ]
    return [*against_ideal, _no_slower(f"live, {LATENCY * 1e3:g} ms", best)]


def _fast(sizes: Sizes, ours: Callable[[int], float], plain: Callable[[int], float]) -> list[Row]:
    against_plain = []
    best = {}
    for most in sizes.most_at_once:
        best[most], theirs = in_turn(sizes.long_turns, partial(ours, most), partial(plain, most))
        goal = Goal(4, faster=True) if most == _MANY else None
        against_plain.append(Row(f"live, fast, -j {most}", best[most], f"AsyncClient, gather, {most}", theirs, goal))
    best |= _each(sizes, ours, (_USUAL, _MOST))
    return [*against_plain, _no_slower("live, fast", best)]


def _each(sizes: Sizes, ours: Callable[[int], float], only: tuple[int, ...] = ()) -> dict[int, float]:
    """The seconds at each concurrency, in turn."""
    found = {1: ours(1)} if not only else {}  # a long one, that needs no second turn
    others = only or tuple(most for most in sizes.most_at_once if most > 1)
    return found | dict(zip(others, in_turn(sizes.long_turns, *(partial(ours, most) for most in others)), strict=True))


def _no_slower(what: str, best: dict[int, float]) -> Row:
    return Row(f"{what}, -j {_MOST}", best[_MOST], f"ours at -j {_USUAL}", best[_USUAL], Goal(1))


def _ours(folder: Path, url: str, most: int) -> float:
    return run_phase(["live.yaml", "--base-url", url, "-j", str(most)], folder)


def _plain(folder: Path, url: str, count: int, most: int) -> float:
    return float(python(["-c", _PLAIN, url, str(count), str(most)], folder))
