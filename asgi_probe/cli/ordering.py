"""What of the selection runs, and in what order: what failed last, a shard, copies, a shuffle."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asgi_probe.cli.cache import Cache, read_cache
from asgi_probe.engine import order
from asgi_probe.engine.order import Shard
from asgi_probe.engine.plan import Plan
from asgi_probe.engine.planning import with_needs
from asgi_probe.errors import UsageError
from asgi_probe.terminal import clip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asgi_probe.engine.plan import CheckPlan, FilePlan
    from asgi_probe.project.workspace import Workspace
    from asgi_probe.terminal import Line

_MOST_CHECKS = 1_000_000
_MOST_SHARDS = 10_000
_DRAWN = 1_000_000
"""A seed that is drawn is below this: short enough to be typed again."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the flags say of it; without `cache` nothing is read from it, nor written."""

    last_failed: bool = False
    failed_first: bool = False
    seed: int | None = None
    shard: Shard | None = None
    repeat: int = 1
    cache: bool = True


def order_from(
    *,
    last_failed: bool,
    failed_first: bool,
    shuffle: str | None,
    shard: str | None,
    repeat: int | None,
    no_cache: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Order:
    """What the flags say together; a UsageError says what makes no sense."""
    if no_cache and (last_failed or failed_first):
        raise UsageError(
            f"--no-cache leaves nothing to know what failed last: leave it out, or "
            f"--{'last-failed' if last_failed else 'failed-first'}"
        )
    return Order(
        last_failed,
        failed_first,
        None if shuffle is None else seed_of(shuffle),
        None if shard is None else shard_of(shard, environ),
        repeat or 1,
        not no_cache,
    )


def seed_of(text: str) -> int:
    """The seed that is said, or for `random` one that is drawn."""
    if text == "random":
        from random import SystemRandom

        return SystemRandom().randrange(_DRAWN)
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UsageError(
            f"--shuffle={clip(repr(text), 100)}: expected a whole number of at most 18 digits, or 'random' to draw one"
        )
    return int(text)


def shard_of(text: str, environ: Mapping[str, str]) -> Shard:
    """`2/5` is the second of five; `auto` asks CI's variables, `auto/5` those that do not say of how many."""
    said = f"--shard {clip(repr(text), 100)}"
    number, slash, total = text.partition("/")
    if number == "auto":
        return _of_ci(said, _count(total, said) if slash else None, environ)
    return _shard(_count(number, said), _count(total, said), said)


def _count(text: str, said: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError(f"{said}: expected K/N such as '2/5', the second of five, or 'auto' to ask CI's own variables")
    return int(text)


def _shard(number: int, total: int, said: str) -> Shard:
    if not 1 <= total <= _MOST_SHARDS:
        raise UsageError(f"{said}: expected 1 to {_MOST_SHARDS:,} shards, found {total}")
    if not 1 <= number <= total:
        raise UsageError(f"{said}: expected the number of a shard from 1 to {total}, found {number}")
    return Shard(number, total)


def _of_ci(said: str, total: int | None, environ: Mapping[str, str]) -> Shard:
    """GitLab counts its jobs from 1 and knows how many there are, Kubernetes from 0 and does not."""
    index, nodes = environ.get("CI_NODE_INDEX"), environ.get("CI_NODE_TOTAL")
    if index or nodes:
        known = _number(nodes, "CI_NODE_TOTAL", said)
        if total not in (None, known):
            raise UsageError(f"{said}: CI_NODE_TOTAL says that there are {known}; leave the number out")
        # a job that is not parallel has no index
        return _shard(1 if known == 1 and not index else _number(index, "CI_NODE_INDEX", said), known, said)
    index = environ.get("JOB_COMPLETION_INDEX")
    if not index:
        raise UsageError(
            f"{said}: neither CI_NODE_INDEX and CI_NODE_TOTAL nor JOB_COMPLETION_INDEX are set; "
            "say which one it is, as in --shard 2/5"
        )
    if total is None:
        raise UsageError(f"{said}: JOB_COMPLETION_INDEX does not say of how many; say it, as in --shard auto/5")
    return _shard(_number(index, "JOB_COMPLETION_INDEX", said) + 1, total, said)


def _number(text: str | None, variable: str, said: str) -> int:
    if not text:
        raise UsageError(f"{said}: {variable} is not set, say which one it is, as in --shard 2/5")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError(f"{said}: {variable} is {clip(repr(text), 100)}, expected a whole number")
    return int(text)


def ordered(workspace: Workspace, wanted: Order) -> Workspace:
    """The workspace with what is to run of its plan, in order; what there is to say of that is in its `notes`."""
    reads = wanted.cache and (wanted.last_failed or wanted.failed_first or wanted.shard)
    known = _Known(workspace, read_cache(workspace.config.root) if reads else Cache())
    files, notes = [*workspace.selected], []
    if wanted.shard:
        files, note = _sharded(files, wanted.shard, known)
        notes.append(note)
    if wanted.last_failed and files:
        files, note = _last_failed(files, workspace.selected, known)
        notes.append(note)
    files, copies = order.repeated(files, _bounded(wanted.repeat, _checks(files)))
    if wanted.seed is not None:
        files = order.shuffled(files, wanted.seed)
    if wanted.failed_first:
        files = order.first(files, lambda file, check: known.failed(file, check, copies))
    places = {name: place for place, name in enumerate(workspace.side_by_side)}
    files = sorted(with_needs(files, workspace.known).files, key=lambda file: places.get(file.asked.name, 0))
    return replace(
        workspace, plan=Plan(tuple(files)), copies=copies, notes=tuple(_line(note) for note in notes if note)
    )


def _sharded(files: list[FilePlan], shard: Shard, known: _Known) -> tuple[list[FilePlan], str]:
    durations = known.durations()
    mine = order.sharded(files, shard, durations)
    if not mine:
        return mine, f"shard {shard} holds none of the {_so_many(_checks(files))}: nothing to run"
    mark = order.fingerprint(files, durations)
    if mark is None:
        return mine, ""
    return mine, f"shard {shard} is balanced by the durations of the last run: {mark}, which must be so on all shards"


def _last_failed(files: list[FilePlan], selected: Sequence[FilePlan], known: _Known) -> tuple[list[FilePlan], str]:
    """What of the files failed last; all, if nothing of the whole selection did."""
    if not order.only(selected, known.failed):
        return files, f"--last-failed: nothing of this failed last, so all of it runs: {_so_many(_checks(files))}"
    narrowed = order.only(files, known.failed)
    return narrowed, f"--last-failed: {_checks(narrowed):,} of {_so_many(_checks(files))} failed last"


class _Known:
    """What the cache knows of a workspace's targets."""

    def __init__(self, workspace: Workspace, cache: Cache) -> None:
        self._of = {
            file.asked.name: cache.of(file.asked.name if _is_known(workspace, file) else None)
            for file in workspace.plan.files
        }

    def failed(self, file: FilePlan, check: CheckPlan, copies: Mapping[str, str] | None = None) -> bool:
        """Whether it failed last, or what stands around all checks of its file."""
        failed = self._of[file.asked.name].failed
        around = (each.id for each in (file.setup, file.teardown) if each)
        return (copies or {}).get(check.id, check.id) in failed or any(each in failed for each in around)

    def durations(self) -> dict[str, dict[str, float]]:
        return {name: remembered.durations for name, remembered in self._of.items()}


def _is_known(workspace: Workspace, file: FilePlan) -> bool:
    """Whether it is known whom the file asks: `list` need not know."""
    target = workspace.target_of(file)
    return bool(target.app or target.base_url)


def _bounded(times: int, checks: int) -> int:
    if times > 1 and times * checks > _MOST_CHECKS:
        raise UsageError(f"--repeat {times}: {_so_many(times * checks)} are more than {_MOST_CHECKS:,}")
    return times


def _checks(files: Sequence[FilePlan]) -> int:
    return sum(len(file.checks) for file in files)


def _so_many(checks: int) -> str:
    return f"{checks:,} check{'s' * (checks != 1)}"


def _line(note: str) -> Line:
    return [(note, "hint")]
