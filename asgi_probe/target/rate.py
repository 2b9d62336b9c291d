"""How many requests a second a target is sent: evenly spaced, whoever sends them."""

from __future__ import annotations

from time import monotonic

import anyio


class Pace:
    """Gives turns at most `rate` times a second, one by one, in the order in which they were asked for."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._next = 0.0
        self._queue = anyio.Lock()

    async def turn(self) -> None:
        """Wait for a turn; who is cancelled meanwhile leaves it to the next."""
        async with self._queue:
            while (left := self._next - monotonic()) > 0:  # noqa: ASYNC110 - a clock tells nobody; a timer may be early
                await anyio.sleep(left)
            self._next = monotonic() + 1 / self.rate
