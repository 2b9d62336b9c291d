"""The seam between the engine and whom it asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from asgi_probe.errors import TargetError
    from asgi_probe.exchange import Credentials
    from asgi_probe.target.http import httpx
    from asgi_probe.target.rate import Pace

if TYPE_CHECKING:
    Warn = Callable[[str, BaseException | None], None]
    """Told of what changes no outcome: a sentence, and the exception behind it."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every request to a target gets, unless it has its own of that name; requests to others never do.

    `pace` is what all of them keep to.
    """

    headers: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    credentials: Credentials | None = None
    pace: Pace | None = None


class Target(Protocol):
    """An app or a live service: entered before the first request, left after the last, in the same task.

    Entering raises `TargetError` when the app does not start or the service is not there. Leaving never raises for
    what the target did wrong: that is in `problems` (a shutdown that failed or hung, a lifespan that died), each a
    sentence and, as `TargetError.traceback`, the app's own frames.
    """

    name: str
    address: str
    by_hand: tuple[str, ...]
    """The options of curl that ask it as we do."""
    problems: list[TargetError]
    defaults: Defaults
    openapi: str | Path | None
    """Where its OpenAPI document is, if that was said: a file, or an address that may be relative to the target."""

    @property
    def kind(self) -> Literal["app", "live"]: ...

    @property
    def base(self) -> httpx.URL:
        """What relative URLs are joined to."""
        ...

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """What sends requests; usable while the target is entered."""
        ...

    def hurry(self, seconds: float) -> None:
        """Take no more than so many seconds for leaving, whatever was configured."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
