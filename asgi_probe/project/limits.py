"""What a run is held to: the command line's thresholds over the configuration's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.engine.thresholds import over, read_thresholds, unknown
from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_probe.config import Config
    from asgi_probe.engine.plan import FilePlan
    from asgi_probe.engine.thresholds import Threshold

_FLAG = "--threshold"


@dataclass(frozen=True, slots=True)
class Limited:
    """The thresholds by where they are said."""

    configured: tuple[Threshold, ...]
    given: tuple[Threshold, ...]
    place: str

    @property
    def all(self) -> tuple[Threshold, ...]:
        """Those that count: a given one replaces what is configured of the same measure and filter."""
        return over(self.given, self.configured)

    def refuse_unknown(self, config: Config, known: Sequence[FilePlan], *, whole: bool) -> None:
        """Raise a UsageError for those about tags that no check of these files has, or about unknown targets.

        Unless the files are the `whole` of what is configured, the configuration may speak of tags of others.
        """
        tags = {tag for file in known for check in file.checks for tag in check.tags}
        targets = {*config.targets, *(file.asked.name for file in known)}
        problems = [
            *unknown(self.configured, self.place, tags=tags if whole else None, targets=targets),
            *unknown(self.given, _FLAG, tags=tags, targets=targets),
        ]
        if problems:
            raise UsageError("\n".join(problems))


def limited(config: Config, given: Sequence[str]) -> Limited:
    """The configuration's and the given ones; a UsageError says all that is wrong with any."""
    place = _place(config)
    read: list[tuple[Threshold, ...]] = []
    problems: list[str] = []
    for texts, said in ((config.thresholds, place), (given, _FLAG)):
        try:
            read.append(read_thresholds(texts, said))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    configured, flags = read
    return Limited(configured, flags, place)


def _place(config: Config) -> str:
    """Where the configuration's stand, for messages."""
    name = config.file.name if config.file else "the configuration"
    return f"{name}: [tool.asgi-probe] thresholds" if name == "pyproject.toml" else f"{name}: thresholds"
