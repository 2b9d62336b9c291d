"""What is to do next: files are opened when those that they need are through, their checks run, and they are closed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asgi_probe.engine.plan import CheckPlan, FilePlan
    from asgi_probe.engine.stage import OpenFile


@dataclass(frozen=True, slots=True)
class Job:
    """One thing for a worker: open the file (no check), or run one of its checks."""

    file: OpenFile
    check: CheckPlan | None


@dataclass(slots=True, eq=False)
class _Entry:
    """A file on the agenda: what of it is still to run, is out, and who waits for it."""

    plan: FilePlan
    needs: list[_Entry]
    pending: deque[CheckPlan]
    left: int
    opened: OpenFile | None = None
    ready: bool = False
    """Its setup is through: its checks may run."""
    closed: bool = False
    in_line: int = 0
    """How many of its checks wait for a lock."""
    needed_by: int = 0
    """How many files that need it are not closed yet."""

    @property
    def may_open(self) -> bool:
        return self.opened is None and all(file.ready and file.left == 0 for file in self.needs)

    @property
    def may_close(self) -> bool:
        return self.opened is not None and not self.closed and self.left == 0 and self.needed_by == 0


class Agenda:
    """Hands out jobs in file order; a file that is still opening holds back its own checks and who needs it only."""

    def __init__(self, files: Sequence[FilePlan], open_file: Callable[[FilePlan], OpenFile]) -> None:
        self._open_file = open_file
        self._entries: dict[str, _Entry] = {}
        for plan in files:
            needs = [self._entries[name] for name in plan.needs]
            for needed in needs:
                needed.needed_by += 1
            self._entries[plan.name] = _Entry(plan, needs, deque(plan.checks), len(plan.checks))
        self._waiting = list(self._entries.values())
        self._active: list[_Entry] = []
        self._held: set[str] = set()
        self._lines: dict[str, deque[tuple[_Entry, CheckPlan]]] = {}
        self._changed = anyio.Event()

    def take(self) -> Job | None:
        """The next job, or None: then there is nothing to do at the moment, or for good."""
        for entry in self._active:
            if entry.ready and entry.opened and (check := self._free(entry)) is not None:
                self._held.update(check.locks)
                return Job(entry.opened, check)
        for entry in self._waiting:
            if entry.may_open:
                self._waiting.remove(entry)
                self._active.append(entry)
                entry.opened = self._open_file(entry.plan)
                return Job(entry.opened, None)
        return None

    def _free(self, entry: _Entry) -> CheckPlan | None:
        """The next check whose locks nobody holds; those before it wait in line for a lock."""
        while entry.pending:
            check = entry.pending.popleft()
            held = next((lock for lock in check.locks if lock in self._held), None)
            if held is None:
                return check
            self._lines.setdefault(held, deque()).append((entry, check))
            entry.in_line += 1
            # it may have been let through by a lock that the next in line can have
            for lock in check.locks:
                if lock not in self._held:
                    self._let_through(lock)
        return None

    def _let_through(self, lock: str) -> None:
        """The first in line for a lock is the next of its file."""
        line = self._lines.get(lock)
        if line:
            entry, check = line.popleft()
            entry.in_line -= 1
            entry.pending.appendleft(check)

    def more(self) -> bool:
        """Whether more jobs will come."""
        return bool(self._waiting) or any(not entry.ready or entry.pending or entry.in_line for entry in self._active)

    async def changed(self) -> None:
        """Wait until there may be something to do."""
        await self._changed.wait()

    def ready(self, file: OpenFile) -> None:
        """A file's setup is through: its checks may run."""
        self._entries[file.plan.name].ready = True
        self._tell()

    def left(self, file: OpenFile) -> int:
        """How many of its checks are not through."""
        return self._entries[file.plan.name].left

    def done(self, file: OpenFile, check: CheckPlan) -> list[OpenFile]:
        """A check is through; gives the files to close now."""
        entry = self._entries[file.plan.name]
        entry.left -= 1
        if check.locks or entry.left == 0:
            self._held.difference_update(check.locks)
            for lock in check.locks:
                self._let_through(lock)
            self._tell()
        return self.to_close() if entry.left == 0 else []

    def to_close(self) -> list[OpenFile]:
        """The files whose checks are through and that nobody waits for, each once."""
        found = []
        for entry in self._active:
            if entry.may_close and entry.opened:
                entry.closed = True
                found.append(entry.opened)
        return found

    def closed(self, file: OpenFile) -> list[OpenFile]:
        """A file is closed and forgotten; gives those that waited for that to be closed themselves."""
        entry = self._entries[file.plan.name]
        self._active.remove(entry)
        for needed in entry.needs:
            needed.needed_by -= 1
        return self.to_close()

    def give_up(self) -> list[OpenFile]:
        """The run has stopped: nothing more is handed out; gives the files to close now."""
        for entry in self._waiting:
            for needed in entry.needs:
                needed.needed_by -= 1
        self._waiting.clear()
        for entry in self._active:
            entry.left = 0
            entry.pending.clear()
            entry.in_line = 0
        return self.to_close()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
