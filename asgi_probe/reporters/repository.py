"""Where a project stands in its repository: CI systems want paths from there."""

from __future__ import annotations

import os
from pathlib import Path
from posixpath import normpath

_CHECKOUTS = ("CI_PROJECT_DIR", "GITHUB_WORKSPACE")
"""Where GitLab and GitHub say that the repository is checked out."""
_MARKS = ("pyproject.toml", "asgi-probe.toml")


class Repository:
    """The repository around a folder, as CI tells of it; elsewhere the project itself."""

    def __init__(self, cwd: Path | None = None) -> None:
        cwd = (Path.cwd() if cwd is None else cwd).resolve()
        self._project = next((folder for folder in (cwd, *cwd.parents) if _is_project(folder)), cwd)
        told = (Path(value).resolve() for name in _CHECKOUTS if (value := os.environ.get(name)))
        self._root = next((root for root in told if self._project.is_relative_to(root)), self._project)

    def path(self, file: str) -> str:
        """The path from the repository's root of a file that events name from the project's."""
        whole = Path(normpath(f"{self._project.as_posix()}/{file}" if not file.startswith("/") else file))
        return whole.relative_to(self._root).as_posix() if whole.is_relative_to(self._root) else normpath(file)


def _is_project(folder: Path) -> bool:
    return any((folder / mark).is_file() for mark in _MARKS)
