"""What the last run came to, kept in the project's `.asgi_probe_cache`: what failed, and how long checks took.

Nothing depends on it: a cache that is missing, broken or of another version is an empty one, and one that cannot be
written is left alone. Runs at the same time each add what they know, under a lock.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted
from asgi_probe.engine.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from asgi_probe.engine.events import Event

FOLDER = ".asgi_probe_cache"
VERSION = 1
MOST_IDS = 20_000
"""Checks that are remembered of each target, those that ran last."""
_MOST_TARGETS = 50
_MOST_BYTES = 100_000_000
_LONGEST = 1e9
_PATIENCE = 2.0
"""Seconds to wait for another run that is writing."""

_BESIDE = {
    ".gitignore": "# made by asgi-probe\n*\n",
    "CACHEDIR.TAG": (
        "Signature: 8a477f597d28d172789f06886806bc55\n"
        "# This file is a cache directory tag made by asgi-probe, see https://bford.info/cachedir/\n"
    ),
    "README.md": (
        "# asgi-probe's cache\n\n"
        "What failed last, and how long checks took, for `--last-failed`, `--failed-first` and `--shard`.\n"
        "It is safe to delete, and does not belong into version control.\n"
    ),
}


@dataclass(slots=True)
class Remembered:
    """What is known of one target: the ids that failed last, and seconds by id; what ran last stands last."""

    failed: dict[str, None] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cache:
    """What is known by the name of a target; the one that was asked last stands last."""

    targets: dict[str, Remembered] = field(default_factory=dict)

    def of(self, target: str | None) -> Remembered:
        """What is known of a target; without a name, of all of them together."""
        if target is not None:
            return self.targets.get(target, Remembered())
        together = Remembered()
        for each in self.targets.values():
            together.failed |= each.failed
            together.durations |= each.durations
        return together


def read_cache(root: Path) -> Cache:
    """The cache of the project at `root`; an empty one where it cannot be read."""
    path = root / FOLDER / "last.json"
    try:
        if path.stat().st_size > _MOST_BYTES:
            return Cache()
        return _cache(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return Cache()


def _cache(found: Any) -> Cache:
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("targets"), dict):
        return Cache()
    return Cache({name: _remembered(known) for name, known in found["targets"].items() if isinstance(known, dict)})


def _remembered(known: dict[str, Any]) -> Remembered:
    failed, durations = known.get("failed"), known.get("durations")
    return Remembered(
        {each: None for each in failed if isinstance(each, str)} if isinstance(failed, list) else {},
        {each: float(value) for each, value in durations.items() if _seconds(value)}
        if isinstance(durations, dict)
        else {},
    )


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST


class CacheWriter:
    """Notes how checks end, and adds it to the cache at the end of the run.

    `copies` says of which check a repeated one is a copy: what it comes to is that check's. Without `times` durations
    are left as they are: a shard must not change what the others are balanced by.
    """

    def __init__(self, root: Path, copies: Mapping[str, str], *, times: bool) -> None:
        self._root = root
        self._copies = copies
        self._times = times
        self._target = ""
        self._ran: dict[str, Remembered] = {}
        self._ended: dict[str, set[str]] = {}

    def handle(self, event: Event) -> None:
        """Take in how a check ended."""
        if isinstance(event, CheckStarted):
            self._target = event.target
        if not isinstance(event, CheckFinished) or event.outcome is Outcome.INTERRUPTED:
            return
        target = event.target or self._target
        mine = self._ran.setdefault(target, Remembered())
        check = self._copies.get(event.id, event.id)
        if not event.outcome.green:
            mine.failed[check] = None
        self._ended.setdefault(target, set()).add(check)
        if self._times and check == event.id and event.outcome not in (Outcome.ERROR, Outcome.SKIPPED):
            mine.durations[check] = round(event.duration, 6)

    def close(self) -> None:
        """Write what is known now; that it cannot be written is no matter."""
        if self._ran:
            with suppress(OSError, ValueError):
                self._write(self._root / FOLDER)

    def _write(self, folder: Path) -> None:
        _make(folder)
        with _locked(folder / "lock") as mine:
            if mine:
                _replace(folder / "last.json", _encoded(self._merged(read_cache(self._root))))

    def _merged(self, cache: Cache) -> Cache:
        targets = dict(cache.targets)
        for name, ran in self._ran.items():
            known = targets.pop(name, Remembered())
            ended = self._ended[name]
            targets[name] = Remembered(
                {each: None for each in known.failed if each not in ended} | ran.failed,
                {each: seconds for each, seconds in known.durations.items() if each not in ran.durations}
                | ran.durations,
            )
        return Cache(targets)


def _encoded(cache: Cache) -> bytes:
    targets = [*cache.targets.items()][-_MOST_TARGETS:]
    data = {
        "version": VERSION,
        "targets": {
            name: {
                "failed": [*known.failed][-MOST_IDS:],
                "durations": dict([*known.durations.items()][-MOST_IDS:]),
            }
            for name, known in targets
        },
    }
    return json.dumps(data, indent=1, allow_nan=False).encode("ascii") + b"\n"


def _make(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in _BESIDE.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")


def _replace(path: Path, content: bytes) -> None:
    """Write the file whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether the lock is ours now; where the system or the file system has none, it is."""
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with path.open("ab") as file:
        until = monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() >= until:
                    yield False
                    return
                sleep(0.01)
            except OSError:
                break
            else:
                break
        yield True
