"""What is to do next: files are opened, their checks run, and closed after the last."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from asgi_probe.engine.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.plan import CheckPlan, FilePlan
    from asgi_probe.target.session import Session


@dataclass(slots=True, eq=False)
class OpenFile:
    """A file while its checks run: what its setup saved, whose cookies they start with, how many are still out."""

    plan: FilePlan
    session: Session
    ready: bool = False
    """Its setup is through: its checks may run."""
    saved: dict[str, Any] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets)
    trouble: str | None = None
    """Why no check of the file can run: its setup did not pass."""
    next: int = 0
    left: int = 0

    @property
    def drained(self) -> bool:
        return self.next == len(self.plan.checks)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing for a worker: open the file (no check), or run one of its checks."""

    file: OpenFile
    check: CheckPlan | None


class Agenda:
    """Hands out jobs in file order; a file that is still opening holds back its own checks only."""

    def __init__(self, files: Sequence[FilePlan], session: Callable[[], Session]) -> None:
        self._waiting = deque(files)
        self._session = session
        self._active: list[OpenFile] = []
        self._changed = anyio.Event()

    def take(self) -> Job | None:
        """The next job, or None: then either files are still opening, or there is nothing left."""
        for file in self._active:
            if file.ready and not file.drained:
                file.next += 1
                return Job(file, file.plan.checks[file.next - 1])
        if not self._waiting:
            return None
        plan = self._waiting.popleft()
        file = OpenFile(plan, self._session(), left=len(plan.checks))
        self._active.append(file)
        return Job(file, None)

    def opening(self) -> bool:
        """Whether more jobs will come, once a file's setup is through."""
        return any(not file.ready for file in self._active)

    async def changed(self) -> None:
        """Wait until a file has opened."""
        await self._changed.wait()

    def opened(self, file: OpenFile) -> None:
        """A file's setup is through: its checks may run."""
        file.ready = True
        self._changed.set()
        self._changed = anyio.Event()

    def closed(self, file: OpenFile) -> None:
        """A file's last check is through: it is forgotten."""
        self._active.remove(file)

    def unclosed(self) -> list[OpenFile]:
        """The files that were opened and whose checks did not all run."""
        return list(self._active)
