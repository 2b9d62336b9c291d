"""The pytest plugin: what it costs a run that has nothing to do with it, and checks against hand-written tests."""

from functools import partial
from pathlib import Path

from tests.benchmarks.measure import in_turn, lap, python
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import hand_written_tests, item_checks, write
from tests.benchmarks.table import Goal, Row

_PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]

_TESTS = """\
import pytest

@pytest.mark.parametrize("n", range(100))
def test_nothing(n):
    assert n >= 0
"""


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """Whole processes: unused, and with as many checks as there are tests on the other side."""
    return [_unused(sizes, folder / "unused"), _checks(sizes, folder / "checks")]


def _unused(sizes: Sizes, folder: Path) -> Row:
    """A run of a hundred tests beside a YAML file of others; the goal is a difference below 5 ms."""
    folder.mkdir()
    (folder / "test_nothing.py").write_text(_TESTS, encoding="utf-8")
    (folder / "docker-compose.yml").write_text("services: {}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    # `-p` looks through all that is installed, which costs more than any plugin: both sides do it
    (folder / "nothing.py").touch()
    run = [*_PYTEST, "-p"]
    sides = [partial(lap, partial(python, [*run, name], folder)) for name in ("asgi_probe.pytest_plugin", "nothing")]
    in_turn(1, *sides)  # compiles modules
    ours, theirs = in_turn(sizes.turns, *sides)
    return Row("pytest with the plugin, unused", ours, "pytest, an empty plugin", theirs)


def _checks(sizes: Sizes, folder: Path) -> Row:
    write(folder, "items.yaml", item_checks(sizes.checks))
    (folder / "test_items.py").write_text(hand_written_tests(sizes.checks), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    plugins = ["-p", "anyio.pytest_plugin", "-p", "asgi_probe.pytest_plugin"]
    runs = (["--probe-app", "tests.benchmarks.items_app:app", "items.yaml"], ["test_items.py"])
    sides = [partial(lap, partial(python, [*_PYTEST, *plugins, *run], folder)) for run in runs]
    ours, theirs = in_turn(sizes.long_turns, *sides)
    what = f"pytest, {sizes.checks:,} checks as items"
    return Row(what, ours, "hand-written async tests", theirs, Goal(3, faster=True))
