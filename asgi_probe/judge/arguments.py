"""Arguments of matchers, and what is wrong with them."""

from __future__ import annotations

from asgi_probe.errors import ProbeError


class WrongArgument(ProbeError):  # noqa: N818 - says what the argument is
    """An argument that a matcher cannot take; `item` is which element of a list it is, or which key."""

    def __init__(self, message: str, hint: str = "", item: int | str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.item = item
