"""How much of a plan runs, and in what order: pure functions on its files.

Two machines that are given the same come to the same, whatever their Python: what looks random is a hash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from heapq import heapreplace
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from asgi_probe.engine.plan import CheckPlan, FilePlan


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of a run that one of several machines takes; `number` counts from 1."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def only(files: Sequence[FilePlan], wanted: Callable[[FilePlan, CheckPlan], bool]) -> list[FilePlan]:
    """The files that have a check which is wanted, and of their checks those."""
    narrowed = [(file, tuple(check for check in file.checks if wanted(file, check))) for file in files]
    return [replace(file, checks=checks) for file, checks in narrowed if checks]


def first(files: Sequence[FilePlan], wanted: Callable[[FilePlan, CheckPlan], bool]) -> list[FilePlan]:
    """All files, those with a wanted check first, and in each the wanted checks first; else the order stays."""
    ordered = [_first(file, wanted) for file in files]
    # the wanted ones come first now: to look at one is enough
    return sorted(ordered, key=lambda file: not wanted(file, file.checks[0]))


def _first(file: FilePlan, wanted: Callable[[FilePlan, CheckPlan], bool]) -> FilePlan:
    return replace(file, checks=tuple(sorted(file.checks, key=lambda check: not wanted(file, check))))


def shuffled(files: Sequence[FilePlan], seed: int) -> list[FilePlan]:
    """The files in another order, and the checks in them; a file's setup and teardown stay around its checks.

    What is left out changes nothing in the order of the rest.
    """
    mixed = [
        replace(file, checks=tuple(sorted(file.checks, key=lambda check: _drawn(seed, check.id)))) for file in files
    ]
    return sorted(mixed, key=lambda file: _drawn(seed, file.name))


def _drawn(seed: int, name: str) -> bytes:
    return _hash(f"{seed}:{name}")


def _hash(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogatepass")).digest()


def repeated(files: Sequence[FilePlan], times: int) -> tuple[list[FilePlan], dict[str, str]]:
    """Every check so many times, its copies behind it with ids of their own, and of which check each is a copy."""
    copies: dict[str, str] = {}
    if times == 1:
        return [*files], copies
    return [replace(file, checks=tuple(_repeated(file, times, copies))) for file in files], copies


def _repeated(file: FilePlan, times: int, copies: dict[str, str]) -> Iterator[CheckPlan]:
    taken = {check.id for check in file.checks}
    for check in file.checks:
        yield check
        number = 2
        for _ in range(times - 1):
            while f"{check.id} #{number}" in taken:
                number += 1
            copy = replace(check, id=f"{check.id} #{number}", name=f"{check.name} #{number}")
            taken.add(copy.id)
            copies[copy.id] = check.id
            yield copy


def sharded(files: Sequence[FilePlan], shard: Shard, durations: Mapping[str, Mapping[str, float]]) -> list[FilePlan]:
    """What of the files the shard runs; all shards together run every check once, on all of its targets.

    `durations` are seconds by a target's name and a check's id. Where one is known the shards are balanced, and what is
    not known counts as the median; else a hash decides, so that a check which is new moves no other. A file with more
    than checks is never split.
    """
    weights = _weights(files, durations)
    if weights is not None:
        mine = _balanced(weights, shard)
        return only(files, lambda file, check: unit_of(file, check) in mine)
    return only(files, lambda file, check: _place(unit_of(file, check), shard.total) == shard.number)


def fingerprint(files: Sequence[FilePlan], durations: Mapping[str, Mapping[str, float]]) -> str | None:
    """A word that is the same wherever `sharded` parts the files alike; None where no duration is known."""
    weights = _weights(files, durations)
    return None if weights is None else _hash(repr(sorted(weights.items()))).hex()[:8]


def unit_of(file: FilePlan, check: CheckPlan) -> str:
    """What a check cannot be parted from: the whole file where something stands around its checks, else itself."""
    return file.name if any(getattr(file, around, None) for around in _AROUND) else check.id


_AROUND = ("setup", "teardown", "fixtures", "needs")


def _weights(files: Sequence[FilePlan], durations: Mapping[str, Mapping[str, float]]) -> dict[str, float] | None:
    """The seconds that each unit takes, on all of its targets; None where nothing is known of any."""
    known = sorted(
        durations[file.asked.name][check.id]
        for file in files
        for check in file.checks
        if check.id in durations.get(file.asked.name, ())
    )
    if not known:
        return None
    usual = known[len(known) // 2]
    parts: dict[str, list[float]] = {}
    for file in files:
        mine = durations.get(file.asked.name, {})
        for check in (*file.checks, *filter(None, (file.setup, file.teardown))):
            parts.setdefault(unit_of(file, check), []).append(mine.get(check.id, usual))
    return {unit: fsum(seconds) for unit, seconds in parts.items()}


def _place(unit: str, shards: int) -> int:
    return int.from_bytes(_hash(unit)) % shards + 1


def _balanced(weights: Mapping[str, float], shard: Shard) -> set[str]:
    """The longest unit first, each to the shard with the least to do."""
    loads = [(0.0, number) for number in range(1, shard.total + 1)]
    mine = set()
    for unit in sorted(weights, key=lambda unit: (-weights[unit], unit)):
        load, number = loads[0]
        heapreplace(loads, (load + weights[unit], number))
        if number == shard.number:
            mine.add(unit)
    return mine
