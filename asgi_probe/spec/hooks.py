"""Functions of the user's that a spec names: `module:function`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asgi_probe.spec.source import Scalar

F = TypeVar("F", bound=Callable[..., Any])

_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MARK = "__asgi_probe_blocking__"


@dataclass(slots=True, eq=False)
class Hook:
    """A function by its name; `function` is there once it has been imported, before the run.

    `given` are the names of what it gets besides the probe, None where nothing is known of how it is called.
    """

    reference: str
    node: Scalar
    function: Callable[..., Any] | None = None
    given: tuple[str, ...] | None = None

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Call it; what comes back may have to be awaited."""
        if self.function is None:
            message = f"{self.reference!r} has not been imported"
            raise RuntimeError(message)
        return self.function(*args, **given)


def is_reference(text: str) -> bool:
    """Whether a text is of the form `module:function`, dots allowed on both sides."""
    return _REFERENCE.fullmatch(text) is not None


def blocking(function: F) -> F:
    """Mark a plain function that waits for I/O: it is called in a thread, so that the event loop goes on meanwhile."""
    setattr(function, _MARK, True)
    return function


def is_blocking(function: object) -> bool:
    """Whether it was marked so."""
    return getattr(function, _MARK, False) is True
