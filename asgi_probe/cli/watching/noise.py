"""What is not watched: what no test depends on, and what the runs write themselves."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
_TEMPORARY = re.compile(r"~$|^#.*#$|\.(?:sw[a-p]x?|tmp|temp|bak|orig|pyc|pyo)$|^4913$|___jb_(?:tmp|old)___$")
_KEPT_BY_RUNS = re.compile(r"\.(?:db|sqlite3?|log)(?:-(?:wal|shm|journal))?$")


class Noise:
    """Tells noise from news below `root`; `reports` are the places that the runs write to."""

    def __init__(self, root: Path, reports: Iterable[str] = ()) -> None:
        self._root = root
        self._reports = frozenset(os.path.realpath(report) for report in reports)
        self._environments: dict[Path, bool] = {}

    def is_noise(self, path: Path) -> bool:
        """Whether a change of this file or folder means nothing: it is hidden, temporary, made by tools or by us."""
        name = path.name
        hidden = name.startswith(".") and not name.startswith(".env")
        if hidden or _TEMPORARY.search(name) or _KEPT_BY_RUNS.search(name) or name in _FOLDERS:
            return True
        return os.path.realpath(path) in self._reports or any(map(self._is_noisy, self._folders_above(path)))

    def files(self, folder: Path, *endings: str) -> Iterator[Path]:
        """All files below a folder that end so, but for noise."""
        for parent, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if not self._is_noisy(Path(parent, name))]
            for name in names:
                path = Path(parent, name)
                if name.endswith(endings) and not self.is_noise(path):
                    yield path

    def folders(self, folder: Path) -> Iterator[Path]:
        """The folder and all below it, but for noise."""
        for parent, folders, _ in os.walk(folder):
            folders[:] = [name for name in folders if not self._is_noisy(Path(parent, name))]
            yield Path(parent)

    def _folders_above(self, path: Path) -> Iterator[Path]:
        for folder in path.parents:
            if folder == self._root or (folder not in self._root.parents and not folder.is_relative_to(self._root)):
                return
            yield folder

    def _is_noisy(self, folder: Path) -> bool:
        if folder.name.startswith(".") or folder.name in _FOLDERS:
            return True
        if folder not in self._environments:
            self._environments[folder] = (folder / "pyvenv.cfg").exists()
        return self._environments[folder]
