"""Watching files, in a thread of its own."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from asgi_probe.cli.watching.inbox import Broken, Changed, Ready
from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from watchfiles.main import FileChange

    from asgi_probe.cli.watching.inbox import Inbox
    from asgi_probe.cli.watching.noise import Noise

_QUIET = 100
"""Milliseconds without a change that end a burst: editors write twice, git writes hundreds of files."""
_SAVED_IS_CHANGED = (".py", ".yaml", ".yml", ".toml")
"""What counts as changed whenever it is written: people save such a file to have it run again."""
_LONGEST_BURST = 2_000


class FileWatch:
    """While open, tells what changes below the folders; at first, that it has begun."""

    def __init__(self, folders: Sequence[Path], noise: Noise, inbox: Inbox) -> None:
        try:
            import watchfiles
        except ImportError:
            raise UsageError("--watch needs the package watchfiles: pip install 'asgi-probe[watch]'") from None
        self._watchfiles = watchfiles
        self._roots = folders
        self._noise = noise
        self._inbox = inbox
        self._folders: set[Path] = set()
        """All that are there, to know of what is deleted whether it was one."""
        self._contents: dict[Path, bytes] = {}
        """What was last seen in files that changed, in short."""
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True, name="asgi-probe's watch on files")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        try:
            self._folders.update(each for root in self._roots for each in self._noise.folders(root))
            began = False
            for changes in self._watchfiles.watch(
                *self._roots,
                watch_filter=lambda _, path: not self._noise.is_noise(Path(path)),
                debounce=_LONGEST_BURST,
                step=_QUIET,
                stop_event=self._stop,
                rust_timeout=_QUIET,
                yield_on_timeout=True,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                if not began:
                    self._inbox.put(Ready())
                    began = True
                if changes:
                    self._tell(changes)
        except Exception as error:  # noqa: BLE001 - it comes from a library of another language, and ends the watch
            self._inbox.put(Broken(" ".join(str(error).split())))

    def _tell(self, changes: Iterable[FileChange]) -> None:
        paths: set[Path] = set()
        gone = False
        for change, name in changes:
            path = Path(name)
            if path in self._folders and not path.is_dir():
                self._folders.discard(path)
                gone = True
            elif not path.is_dir():
                paths.add(path)
            elif path not in self._folders and change is self._watchfiles.Change.added:
                # of a folder that was moved here nobody tells what is in it
                self._folders.update(self._noise.folders(path))
                paths.update(self._noise.files(path, ""))
        changed = frozenset(path for path in paths if self._differs(path))
        if changed or gone:
            self._inbox.put(Changed(changed, gone))

    def _differs(self, path: Path) -> bool:
        """Whether a file holds something else than at its last change: a run may write anew what its specs read."""
        if path.suffix in _SAVED_IS_CHANGED:
            return True
        before = self._contents.get(path)
        self._contents[path] = _in_short(path)
        return self._contents[path] != before


def _in_short(path: Path) -> bytes:
    """A digest of what a file holds; nothing of one that is not there."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError:
        return b""
