"""The command line's flags, to be said again to every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_probe.cli.flags import said_again

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
        """Those that stand on the command line itself."""
        said = frozenset(name for name, value in ctx.params.items() if value)
        return cls(said_again(ctx, ("paths", "watch")), said)

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
