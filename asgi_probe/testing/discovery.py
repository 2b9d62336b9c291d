"""Which YAML files are specs; nothing else is imported for those that are not."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = ("pyproject.toml", "asgi-probe.toml")
_GLOB = re.compile(r"[*?\[]")
_CHECKS = re.compile(rb"""^["']?checks["']?\s*:""", re.MULTILINE)
_OTHERS = (".tavern.yaml", ".tavern.yml")
_SNIFFED = 1024 * 1024

_known = pytest.StashKey["Known"]()


class Known:
    """The projects that were met in a run, each looked at once; their specs are below `places`."""

    def __init__(self) -> None:
        self._roots: dict[Path, Path | None] = {}
        self._places: dict[Path, tuple[Path, ...] | None] = {}

    def root(self, folder: Path) -> Path | None:
        """The project that a folder is in: the nearest above with a `pyproject.toml` or an `asgi-probe.toml`."""
        if folder not in self._roots:
            here = any((folder / mark).is_file() for mark in _MARKS)
            above = folder.parent
            self._roots[folder] = folder if here else None if above == folder else self.root(above)
        return self._roots[folder]

    def places(self, root: Path) -> tuple[Path, ...] | None:
        """The files and folders that the project's configuration names; None where it has no configuration."""
        if root not in self._places:
            entries = _entries(root)
            self._places[root] = None if entries is None else tuple(_places(root, entries))
        return self._places[root]


def root_of_spec(path: Path, config: pytest.Config, *, named: bool) -> Path | None:
    """The root of the project whose spec the file is; None for all other files.

    A file that is `named` on the command line is a spec in a configured project, and where it has `checks`.
    """
    known = config.stash.setdefault(_known, Known())
    root = known.root(path.parent)
    places = known.places(root) if root is not None else None
    if places is not None and any(_covers(place, path) for place in places):
        return root
    if not named or path.name.endswith(_OTHERS) or not (places is not None or _has_checks(path)):
        return None
    return root or config.rootpath


def _covers(place: Path, path: Path) -> bool:
    if place == path:
        return True
    return path.is_relative_to(place) and not any(part.startswith(".") for part in path.relative_to(place).parts)


def _entries(root: Path) -> list[str] | None:
    """What the configuration has as `specs`, whatever else is wrong with it: that is told when a spec is compiled."""
    table = _toml(root / "asgi-probe.toml")
    if table is None:
        table = _toml(root / "pyproject.toml").get("tool", {}).get("asgi-probe")
    if not isinstance(table, dict):
        return None
    entries = table.get("specs") or ["specs"]
    listed = [entries] if isinstance(entries, str) else entries
    return [entry for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else ["specs"]


def _toml(path: Path) -> Any:
    """A configuration's tables; None where there is no such file, none where it does not speak of us."""
    try:
        text = path.read_bytes()
    except OSError:
        return None if path.name == "asgi-probe.toml" else {}
    if path.name == "pyproject.toml" and b"asgi-probe" not in text:
        return {}
    import tomllib

    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError):
        return {}


def _places(root: Path, entries: list[str]) -> Iterator[Path]:
    for entry in entries:
        yield _normal(root / entry)
        if _GLOB.search(entry):
            from glob import iglob

            yield from (_normal(root / match) for match in iglob(entry, root_dir=root, recursive=True))  # noqa: PTH207 - it takes absolute patterns


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _has_checks(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(_CHECKS.search(file.read(_SNIFFED)))
    except OSError:
        return False
