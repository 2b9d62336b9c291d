"""What happens while we watch: told from threads and signal handlers, taken in one place."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ready:
    """From now on no change is missed."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Files that were written, made or deleted, within one moment; `folders_gone` says that folders went, too."""

    paths: frozenset[Path]
    folders_gone: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key; `enter` is the name of that one."""

    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run in the process of that id has ended."""

    process: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal came."""

    number: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Files cannot be watched, or not any longer."""

    why: str


News = Ready | Changed | Pressed | Ended | Signalled | Broken
Inbox = SimpleQueue[News]
"""A signal handler may put something into it while anybody else does."""
