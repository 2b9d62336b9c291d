"""Loading: specs read strictly, with the place of every value, against YAML alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from asgi_probe.engine.compiler import compile_file
from asgi_probe.engine.plan import Asked
from asgi_probe.spec.loader import load
from tests.benchmarks.measure import in_turn, lap
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import item_checks, write
from tests.benchmarks.table import Goal, Row


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """All checks in one file and in many, read, and as a plan too."""
    found = []
    for files in (1, sizes.files):
        paths = _written(folder / str(files), files, sizes.checks // files)
        named = f"{sizes.checks:,} checks in {files} file{'s' * (files > 1)}"
        read, plan, theirs = in_turn(
            sizes.turns, _timed(_read, paths, folder), _timed(_plan, paths, folder), _timed(_yaml, paths)
        )
        found += [
            Row(f"loading {named}", read, "yaml.load, CSafeLoader", theirs, Goal(2)),
            Row(f"loading and planning {named}", plan, "yaml.load, CSafeLoader", theirs),
        ]
    return found


def _written(folder: Path, files: int, each: int) -> list[Path]:
    return [write(folder, f"spec{number}.yaml", item_checks(each, number * each)) for number in range(files)]


def _timed(work: Callable[..., object], *args: object) -> Callable[[], float]:
    return partial(lap, partial(work, *args))


def _read(paths: list[Path], root: Path) -> None:
    loaded = load(paths, root=root)
    assert len(loaded.specs) == len(paths)


def _plan(paths: list[Path], root: Path) -> None:
    loaded = load(paths, root=root)
    asked = Asked("app", "app")
    for spec in loaded.specs:
        compile_file(spec, asked, {}, root, loaded.problems)
    assert not loaded.problems.errors


def _yaml(paths: list[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            assert yaml.load(file, yaml.CSafeLoader)["checks"]
