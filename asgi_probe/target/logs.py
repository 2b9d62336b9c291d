"""What an app logs of its exceptions: Django, Quart and their like answer 500 and tell nobody else why."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

listener: ContextVar[Callable[[BaseException], None] | None] = ContextVar("asgi_probe_listener", default=None)
"""Who wants to hear of exceptions that are logged in this context."""


@contextmanager
def listening() -> Iterator[None]:
    """Inside, `listener` is told of every exception that is logged as an error.

    The record factory is asked, not a handler: loggers that do not propagate pass by every handler of ours.
    """
    make = logging.getLogRecordFactory()

    def tell_and_make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        tell = listener.get()
        if tell is not None and record.levelno >= logging.ERROR and record.exc_info:
            error = record.exc_info[1]
            if error is not None:
                tell(error)
        return record

    logging.setLogRecordFactory(tell_and_make)
    try:
        yield
    finally:
        if logging.getLogRecordFactory() is tell_and_make:
            logging.setLogRecordFactory(make)
