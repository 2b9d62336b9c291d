"""Find spec files and read them; what is wrong with one does not hide what is wrong with the others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.errors import UsageError
from asgi_probe.spec.files import FileError, inside
from asgi_probe.spec.source import Location, Problems, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asgi_probe.spec.model import Spec
    from asgi_probe.spec.source import Scalar

MOST_BYTES = 10 * 1024 * 1024
"""How large a spec may be."""

_ENDINGS = (".yaml", ".yml")
_ROOT_MARKS = ("pyproject.toml", "asgi-probe.toml")
_GLOB = re.compile(r"[*?\[]")
_LINE = re.compile(r"(?P<path>.+?):(?P<line>[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Found:
    """A spec file and what of it is wanted: the checks at `lines` and those named in `checks`; of neither, all.

    `path` is absolute, `name` how the file is shown.
    """

    path: Path
    name: str
    lines: tuple[int, ...] = ()
    checks: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.lines and not self.checks


@dataclass(frozen=True, slots=True)
class Loaded:
    """The specs that could be read, and the problems of all files."""

    specs: list[Spec]
    problems: Problems
    library: Library


class Library:
    """Spec files, each read once whoever asks for it; what is wrong with them goes to `problems`."""

    def __init__(self, root: Path, problems: Problems) -> None:
        self.root = root
        self._problems = problems
        self._specs: dict[Path, Spec | None] = {}

    def spec(self, path: Path) -> Spec | None:
        """The spec in that file; None, with the problems reported, where there is none."""
        key = path.resolve()
        if key not in self._specs:
            self._specs[key] = self._read(path)
        return self._specs[key]

    def beside(self, name: str, at: Scalar) -> Spec | None:
        """The spec in the file that a spec names, relative to its own folder; problems are told at `at`."""
        try:
            path = inside(name, folder=at.source.path.parent, root=self.root)
        except FileError as error:
            self._problems.add(at, str(error))
            return None
        return self.spec(path)

    def _read(self, path: Path) -> Spec | None:
        own = Problems()
        spec = _load(path, spec_name(path, self.root), own)
        for problem in sorted(own.diagnostics, key=lambda problem: (problem.location.line, problem.location.column)):
            self._problems.add(problem.location, problem.message, problem.hint, warning=problem.warning)
        return spec


def find_root(cwd: Path) -> Path:
    """The nearest folder with `pyproject.toml` or `asgi-probe.toml`, from `cwd` up; else `cwd` itself."""
    for folder in (cwd, *cwd.parents):
        if any((folder / mark).is_file() for mark in _ROOT_MARKS):
            return folder
    return cwd


def find_specs(arguments: Sequence[str], *, cwd: Path, root: Path) -> list[Found]:
    """The files that the arguments name, each once, in the arguments' order; a UsageError tells all that name none.

    An argument is a file, a folder (all `*.yaml` and `*.yml` below it, hidden folders left out), a glob, `file.yaml:12`
    for the check at that line, or `file.yaml::check name`.
    """
    found: dict[Path, Found] = {}
    faults: list[str] = []
    for argument in arguments:
        try:
            matches = list(_matches(argument, _Place(cwd, root)))
        except _NoMatch as fault:
            faults.append(str(fault))
            continue
        for match in matches:
            key = match.path.resolve()
            found[key] = _united(found[key], match) if key in found else match
    if faults:
        raise UsageError("\n".join(faults))
    return list(found.values())


def spec_name(path: Path, root: Path) -> str:
    """The name by which a file is shown: relative to the root, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()


def load(files: Sequence[Path], *, root: Path) -> Loaded:
    """Read every file; problems with files, YAML, keys and shapes are in `problems`, in the order of the files."""
    problems = Problems()
    library = Library(root, problems)
    specs = [spec for path in files if (spec := library.spec(path)) is not None]
    return Loaded(specs, problems, library)


def read_source(path: Path, name: str, problems: Problems) -> Source | None:
    """The file's text; None, with the problem reported, if it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        problems.add(Location(Source(path, name, ""), 1, 1), f"the file cannot be read: {reason.lower()}")
        return None
    if len(content) > MOST_BYTES:
        problems.add(Location(Source(path, name, ""), 1, 1), "the file is larger than 10 MiB", "split it into several")
        return None
    return _decoded(path, name, content, problems)


@dataclass(frozen=True, slots=True)
class _Place:
    cwd: Path
    root: Path

    def found(self, path: Path, lines: tuple[int, ...] = (), checks: tuple[str, ...] = ()) -> Found:
        return Found(path, spec_name(path, self.root), lines, checks)


class _NoMatch(Exception):  # noqa: N818 - it becomes a line of one UsageError
    """An argument that names no spec; the message says why."""


def _load(path: Path, name: str, problems: Problems) -> Spec | None:
    from asgi_probe.spec.model import read_spec
    from asgi_probe.spec.yaml import compose

    source = read_source(path, name, problems)
    node = compose(source, problems) if source else None
    return read_spec(source, node, problems) if source and node else None


def _decoded(path: Path, name: str, content: bytes, problems: Problems) -> Source | None:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in content and not wide:
        problems.add(Location(Source(path, name, ""), 1, 1), "the file is binary", "a spec is text in UTF-8")
        return None
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        _report_encoding(path, name, error, problems)
        return None
    return Source(path, name, text)


def _report_encoding(path: Path, name: str, error: UnicodeDecodeError, problems: Problems) -> None:
    if error.encoding != "utf-8":
        problems.add(Location(Source(path, name, ""), 1, 1), "the file is no valid UTF-16", "save it as UTF-8")
        return
    shown = Source(path, name, error.object.decode("utf-8", "replace").removeprefix("\ufeff"))
    before = error.object[: error.start].decode("utf-8", "replace").removeprefix("\ufeff")
    lines = f"{before}x".splitlines()
    at = Location(shown, len(lines), len(lines[-1]))
    problems.add(at, f"the byte 0x{error.object[error.start]:02x} is not UTF-8", "save the file as UTF-8")


def _united(one: Found, other: Found) -> Found:
    if one.whole or other.whole:
        return Found(one.path, one.name)
    return Found(
        one.path,
        one.name,
        tuple(dict.fromkeys((*one.lines, *other.lines))),
        tuple(dict.fromkeys((*one.checks, *other.checks))),
    )


def _matches(argument: str, place: _Place) -> Iterator[Found]:
    """The files of one argument. What exists under that very name is meant, whatever characters it has."""
    if not argument:
        raise _NoMatch("an empty argument names no spec")
    if _exists(place.cwd / argument):
        yield from _files(argument, place)
        return
    path, separator, check = argument.partition("::")
    if separator:
        yield from _selected(argument, path, place, checks=(check,))
        return
    line = _LINE.fullmatch(argument)
    if line:
        yield from _selected(argument, line["path"], place, lines=(int(line["line"]),))
        return
    if _GLOB.search(argument):
        yield from _globbed(argument, place)
        return
    raise _NoMatch(_not_there(argument, place.cwd))


def _selected(
    argument: str, path: str, place: _Place, *, lines: tuple[int, ...] = (), checks: tuple[str, ...] = ()
) -> Iterator[Found]:
    whole = _absolute(path, place.cwd)
    if not _exists(whole):
        raise _NoMatch(_not_there(path, place.cwd))
    if whole.is_dir():
        raise _NoMatch(f"{argument!r}: {path!r} is a folder, expected a file before the ':'")
    if checks == ("",):
        raise _NoMatch(f"{argument!r}: expected the name of a check after '::'")
    yield place.found(whole, lines, checks)


def _files(argument: str, place: _Place) -> Iterator[Found]:
    path = _absolute(argument, place.cwd)
    if not path.is_dir():
        yield place.found(path)
        return
    below = list(_below(path))
    if not below:
        raise _NoMatch(f"no specs (*.yaml, *.yml) in the folder {argument!r}")
    yield from map(place.found, below)


def _globbed(pattern: str, place: _Place) -> Iterator[Found]:
    from glob import glob

    paths = [_absolute(match, place.cwd) for match in sorted(glob(pattern, root_dir=place.cwd, recursive=True))]  # noqa: PTH207 - it takes absolute patterns
    files = [file for path in paths for file in _wanted(path)]
    if not files:
        raise _NoMatch(f"no spec matches {pattern!r}")
    yield from map(place.found, files)


def _wanted(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return _below(path)
    return [path] if path.suffix in _ENDINGS else []


def _below(folder: Path) -> Iterator[Path]:
    """All specs below a folder, sorted, each folder's own files before its folders'."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_ENDINGS) and not name.startswith("."):
                yield Path(parent, name)


def _absolute(argument: str, cwd: Path) -> Path:
    return Path(os.path.normpath(cwd / argument))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _not_there(argument: str, cwd: Path) -> str:
    """That there is no such file or folder, and what its neighbours are called."""
    path = Path(argument)
    missing = next((part for part in (path, *path.parents) if _exists(cwd / part.parent)), path)
    try:
        neighbours = os.listdir(cwd / missing.parent)  # noqa: PTH208 - names are all that is wanted
    except (OSError, ValueError):
        neighbours = []
    close = get_close_matches(missing.name, neighbours, n=1, cutoff=0.6)
    meant = (missing.parent / close[0] / path.relative_to(missing)).as_posix() if close else ""
    hint = f" (did you mean {meant!r}?)" if close and _exists(cwd / meant) else ""
    return f"there is no file or folder {argument!r}{hint}"
