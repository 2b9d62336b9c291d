"""In process: checks with four expectations each on a FastAPI app."""

import json
from functools import partial
from pathlib import Path
from time import perf_counter

from asgi_probe.config import TargetConfig
from asgi_probe.engine.backend import run_async
from asgi_probe.project.workspace import Wish, open_workspace
from asgi_probe.target.importing import import_app
from tests.benchmarks.measure import asgi_probe, in_turn, lap, python, run_told_nowhere
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import hand_written_tests, item_checks, write
from tests.benchmarks.table import Goal, Row

_APP = "tests.benchmarks.items_app:app"


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """A check against a direct call of the app, and a whole run against pytest's."""
    spec = write(folder, "items.yaml", item_checks(sizes.checks))
    return [_checks(sizes, folder, spec), _whole_processes(sizes, folder)]


def _checks(sizes: Sizes, folder: Path, spec: Path) -> Row:
    workspace = open_workspace(Wish([str(spec)], target=TargetConfig(app=_APP)))
    ours, theirs = in_turn(sizes.turns, partial(run_told_nowhere, workspace), partial(_call, sizes.checks, folder))
    each = sizes.checks
    return Row(f"in process, each of {each:,} checks", ours / each, "the app called directly", theirs / each, Goal(2))


def _call(count: int, folder: Path) -> float:
    """The seconds that the calls take by hand, one after the other, on the same kind of event loop."""
    app = import_app(_APP, root=folder, factory=False).app

    async def calls() -> float:
        began = perf_counter()
        for number in range(count):
            await _one_call(app, number)
        return perf_counter() - began

    return run_async(calls)


async def _one_call(app, number: int) -> None:
    messages = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    await app(_scope(f"/items/{number}"), receive, send)
    start, *parts = messages
    data = json.loads(b"".join(part["body"] for part in parts))
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"] == b"application/json"
    assert (data["id"], data["tags"]) == (number, ["new", "red"])
    assert data["owner"]["name"] == "Ann"


def _scope(path: str) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
        "state": {},
    }


def _whole_processes(sizes: Sizes, folder: Path) -> Row:
    write(folder, "test_items.py", hand_written_tests(sizes.checks))
    pytest = ["-m", "pytest", "-q", "-p", "anyio.pytest_plugin", "-p", "no:cacheprovider", "test_items.py"]
    run = [*asgi_probe(), "run", "items.yaml", "--app", _APP]
    sides = [partial(lap, partial(python, command, folder)) for command in (run, pytest)]
    ours, theirs = in_turn(sizes.long_turns, *sides)
    what = f"in process, {sizes.checks:,} checks, whole process"
    return Row(what, ours, "pytest, anyio, ASGITransport", theirs, Goal(5, faster=True))
