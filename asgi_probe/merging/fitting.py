"""Whether streams fit together: all shards of one run, each once, and the later runs of the same checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from asgi_probe.merging.streams import Stream

_SHARD = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,8})")
_OWN_NAMES = ("app", "live")
"""Names of targets that nobody has configured: then the address says who it is."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Streams that make one run, in the order in which they count: first the parts, then the later runs."""

    parts: tuple[Stream, ...]
    later: tuple[Stream, ...] = ()

    @property
    def all(self) -> tuple[Stream, ...]:
        return (*self.parts, *self.later)

    def after(self, stream: Stream) -> Iterator[Stream]:
        """The later runs of what a stream tells."""
        at = self.all.index(stream)
        if stream in self.parts and stream.started.shard is None:
            yield from self.all[at + 1 :]
            return
        for other in self.later:
            if self.all.index(other) > at and other.started.shard in (None, stream.started.shard):
                yield other


def fitted(streams: Sequence[Stream], reruns: Sequence[Stream]) -> Whole:
    """The streams in their order; a UsageError says which of them are missing, contradict each other or come twice."""
    _refuse_copies([*streams, *reruns])
    _refuse_contradictions([*streams, *reruns])
    shards = [stream for stream in streams if stream.started.shard is not None]
    if shards:
        _refuse_others(streams, shards)
        streams = _all_shards(shards)
    else:
        streams = sorted(streams, key=lambda stream: stream.began)
    return Whole(tuple(streams), tuple(sorted(reruns, key=lambda stream: stream.began)))


def _refuse_copies(streams: Sequence[Stream]) -> None:
    known: dict[object, Stream] = {}
    for stream in streams:
        mark = (repr(stream.started), len(stream.checks), stream.lasted)
        if mark in known:
            raise UsageError(f"{known[mark].name!r} and {stream.name!r} tell the same run: name one of them")
        known[mark] = stream


def _refuse_contradictions(streams: Sequence[Stream]) -> None:
    first = streams[0]
    addresses: dict[str, tuple[object, Stream]] = {}
    for stream in streams:
        if stream.started.version != first.started.version:
            raise _contradiction("version", lambda each: each.started.version, first, stream)
        for target in stream.started.targets or (stream.started.target,):
            whose = target.address if target.name in _OWN_NAMES or target.kind == "app" else None
            known, other = addresses.setdefault(target.name, ((target.kind, whose), stream))
            if known != (target.kind, whose):
                raise UsageError(
                    f"the target {target.name!r} is another one in {other.name!r} than in {stream.name!r}: "
                    f"{_address(other, target.name)} and {target.address}"
                )


def _address(stream: Stream, name: str) -> str:
    targets = stream.started.targets or (stream.started.target,)
    return next(target.address for target in targets if target.name == name)


def _contradiction(what: str, of: Callable[[Stream], object], one: Stream, other: Stream) -> UsageError:
    return UsageError(
        f"{one.name!r} and {other.name!r} are no parts of one run: the {what} is {of(one)} and {of(other)}"
    )


def _refuse_others(streams: Sequence[Stream], shards: Sequence[Stream]) -> None:
    others = [stream for stream in streams if stream.started.shard is None]
    if others:
        raise UsageError(
            f"{_listed(others)} {'are no shards' if others[1:] else 'is no shard'}, "
            f"and {_listed(shards)} {'are some' if shards[1:] else 'is one'}; "
            "name a later run of the same checks with --rerun FILE"
        )


def _all_shards(shards: Sequence[Stream]) -> list[Stream]:
    """Every shard once, in order."""
    found: dict[int, Stream] = {}
    total = _number_of(shards[0])[1]
    for shard in shards:
        number, of = _number_of(shard)
        if of != total:
            raise _contradiction("number of shards", lambda each: _number_of(each)[1], shards[0], shard)
        if shard.started.seed != shards[0].started.seed:
            raise _contradiction("seed", lambda each: each.started.seed, shards[0], shard)
        if number in found:
            raise UsageError(
                f"shard {shard.started.shard} is given twice, {found[number].name!r} and {shard.name!r}: "
                "name one of them, or a later run of it with --rerun FILE"
            )
        found[number] = shard
    missing = [str(number) for number in range(1, min(total, 10_000) + 1) if number not in found]
    if missing:
        shown = ", ".join(missing[:10]) + (" …" if len(missing) > 10 else "")
        raise UsageError(
            f"{'a shard is' if len(missing) == 1 else 'shards are'} missing: {shown} of {total}; "
            f"found {_listed([found[number] for number in sorted(found)])}"
        )
    return [found[number] for number in sorted(found)]


def _number_of(stream: Stream) -> tuple[int, int]:
    found = _SHARD.fullmatch(str(stream.started.shard))
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"{stream.name!r}: expected a shard such as '2/5', found {stream.started.shard!r}")
    return int(found[1]), int(found[2])


def _listed(streams: Sequence[Stream]) -> str:
    more = f" and {len(streams) - 5:,} more" if len(streams) > 5 else ""
    return ", ".join(repr(stream.name) for stream in streams[:5]) + more
