"""Flows: what hooks, rows and secrets cost, against the same checks without them."""

from functools import partial
from pathlib import Path

from asgi_probe.config import TargetConfig
from asgi_probe.project.workspace import Wish, Workspace, open_workspace
from tests.benchmarks.measure import asgi_probe, in_turn, lap, peak, run_told_nowhere
from tests.benchmarks.memory import APP
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.specs import write
from tests.benchmarks.table import Goal, Row

_CHECK = "  - {{name: item {number}, get: '/?item={number}', expect: {{status: {status}, json: {{ok: true}}}}{more}}}\n"
_HOOK = ", verify: 'tests.benchmarks.hooks:look'"
_SECRETS = "secrets: [a, b, c]\nvars: {a: hunter2222, b: 'p@ss wörd', c: correct horse battery}\n"


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """All of them, in process."""
    return [_hooks(sizes, folder), *_each(sizes, folder), _passing(sizes, folder), _failing(sizes, folder)]


def _hooks(sizes: Sizes, folder: Path) -> Row:
    ours = _workspace(write(folder, "hooks.yaml", _checks(sizes.checks, more=_HOOK)))
    theirs = _workspace(write(folder, "plain.yaml", _checks(sizes.checks)))
    found = in_turn(sizes.turns, partial(run_told_nowhere, ours), partial(run_told_nowhere, theirs))
    return Row("a step with a hook", found[0] / sizes.checks, "without", found[1] / sizes.checks)


def _each(sizes: Sizes, folder: Path) -> list[Row]:
    """Read, planned and run; and the peak of the whole process."""
    numbers = ", ".join(f"{{number: {number}}}" for number in range(sizes.rows))
    spec = f"checks:\n{_CHECK.format(number='${number}', status=200, more=f', each: [{numbers}]')}"
    specs = [
        write(folder, "each.yaml", spec.replace("name: item ${number}", "name: item")),
        write(folder, "written.yaml", _checks(sizes.rows)),
    ]
    ours, theirs = in_turn(sizes.long_turns, *(partial(lap, partial(_read_and_run, spec)) for spec in specs))
    most, usual = (peak([*asgi_probe(), "run", spec.name, "--app", APP], folder) for spec in specs)
    what = f"each of {sizes.rows:,} rows"
    return [
        Row(what, ours / sizes.rows, "each of as many checks", theirs / sizes.rows, Goal(1.3)),
        Row(f"peak with {sizes.rows:,} rows", most, "as many checks", usual, Goal(1.3), "bytes"),
    ]


def _read_and_run(spec: Path) -> None:
    run_told_nowhere(_workspace(spec))


def _passing(sizes: Sizes, folder: Path) -> Row:
    ours, theirs = _with_secrets_and_without(sizes, folder, 200, exit_code=0)
    return Row("a passing check, with three secrets", ours, "without", theirs, Goal(1.05))


def _failing(sizes: Sizes, folder: Path) -> Row:
    ours, theirs = _with_secrets_and_without(sizes, folder, 500, exit_code=1)
    return Row("a failing check, with three secrets", ours, "without", theirs, Goal(1.1))


def _with_secrets_and_without(sizes: Sizes, folder: Path, status: int, exit_code: int) -> list[float]:
    checks = _checks(sizes.checks, status)
    specs = [write(folder, "secrets.yaml", _SECRETS + checks), write(folder, "none.yaml", checks)]
    sides = [partial(run_told_nowhere, _workspace(spec), exit_code) for spec in specs]
    return [seconds / sizes.checks for seconds in in_turn(sizes.turns, *sides)]


def _checks(count: int, status: int = 200, more: str = "") -> str:
    return "checks:\n" + "".join(_CHECK.format(number=number, status=status, more=more) for number in range(count))


def _workspace(spec: Path) -> Workspace:
    return open_workspace(Wish([str(spec)], target=TargetConfig(app=APP)))
