"""The command line's flags, to be said again to every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer


class Flags:
    """The flags of the command line, but for `--watch` and the paths, to be said again."""

    def __init__(self, words: Sequence[str], said: frozenset[str]) -> None:
        self._words = words
        self._said = said

    @classmethod
    def of(cls, ctx: typer.Context) -> Flags:
        """Those that stand on the command line itself: the environment says the rest again by itself."""
        words: list[str] = []
        said = {name for name, value in ctx.params.items() if value}
        for param in ctx.command.params:
            source = ctx.get_parameter_source(param.name or "")
            if param.name not in ("paths", "watch") and source is not None and source.name == "COMMANDLINE":
                words += _written(param, ctx.params[param.name or ""])
        return cls(words, frozenset(said))

    @property
    def keeps_cache(self) -> bool:
        return "no_cache" not in self._said

    @property
    def sharded(self) -> bool:
        return "shard" in self._said

    def arguments(self, paths: Sequence[str], *, failed_only: bool, failed_first: bool) -> list[str]:
        """What `run` takes to run these paths."""
        words = [*self._words]
        if failed_only and "last_failed" not in self._said:
            words.append("--last-failed")
        elif failed_first and self.keeps_cache and not self._said & {"last_failed", "failed_first"}:
            words.append("--failed-first")
        return [*words, "--", *paths]


def _written(param: Any, value: Any) -> list[str]:
    """A flag as it is said on the command line."""
    name = max(param.opts, key=len)
    if param.is_flag:
        return [name] if value else [max(param.secondary_opts, key=len)]
    if param.count:
        return [name] * value
    values = value if param.multiple else [value]
    return [word for each in values for word in ([f"{name}={each}"] if name.startswith("--") else [name, str(each)])]
