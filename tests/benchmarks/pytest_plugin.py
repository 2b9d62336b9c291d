"""What the pytest plugin costs a run that has nothing to do with it: whole processes, with it and without."""

from functools import partial
from pathlib import Path

from tests.benchmarks.measure import in_turn, lap, python
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

_TESTS = """\
import pytest

@pytest.mark.parametrize("n", range(100))
def test_nothing(n):
    assert n >= 0
"""


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """A run of a hundred tests beside a YAML file of others; the goal is a difference below 5 ms."""
    (folder / "test_nothing.py").write_text(_TESTS, encoding="utf-8")
    (folder / "docker-compose.yml").write_text("services: {}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    # `-p` looks through all that is installed, which costs more than any plugin: both sides do it
    (folder / "nothing.py").touch()
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p"]
    sides = [partial(lap, partial(python, [*run, name], folder)) for name in ("asgi_probe.pytest_plugin", "nothing")]
    in_turn(1, *sides)  # compiles modules
    ours, theirs = in_turn(sizes.turns, *sides)
    return [Row("pytest with the plugin, unused", ours, "pytest, an empty plugin", theirs)]
