"""Start-up: what a process costs before and around its work."""

from functools import partial
from pathlib import Path

from tests.benchmarks.measure import asgi_probe, in_turn, lap, python
from tests.benchmarks.server import serving
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import write
from tests.benchmarks.table import Goal, Row

_SHORTEST = """\
import asyncio, sys, httpx

async def main():
    async with httpx.AsyncClient() as client:
        response = await client.get(sys.argv[1])
        assert response.status_code == 200
        assert response.json() == {"ok": True}

asyncio.run(main())
"""


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """Whole processes: the version against an empty program, one live check against a script."""
    return [_version(sizes, folder), _one_live_check(sizes, folder)]


def _version(sizes: Sizes, folder: Path) -> Row:
    ours, theirs = _processes(sizes, folder, [*asgi_probe(), "--version"], ["-c", "pass"])
    return Row("asgi-probe --version", ours, "python -c pass", theirs, Goal(5))


def _one_live_check(sizes: Sizes, folder: Path) -> Row:
    write(folder, "one.yaml", "checks: [{get: /, expect: {status: 200, json: {ok: true}}}]")
    with serving("app") as url:
        run = [*asgi_probe(), "run", "one.yaml", "--base-url", url]
        ours, theirs = _processes(sizes, folder, run, ["-c", _SHORTEST, url])
    return Row("one live check, whole process", ours, "httpx.AsyncClient script", theirs, Goal(1))


def _processes(sizes: Sizes, folder: Path, *commands: list[str]) -> list[float]:
    sides = [partial(lap, partial(python, command, folder)) for command in commands]
    in_turn(1, *sides)  # compiles modules, and waits for the server
    return in_turn(sizes.turns, *sides)
