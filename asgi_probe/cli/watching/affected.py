"""What must run again because files have changed: by what specs mention, and everything where that is not sure.

A spec that names a file (in `needs`, `use`, `file`, `schema`, `read()`) mentions its name somewhere in its text; so
does what it names, such as a schema that refers to another. That holds for specs that cannot be read, too.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.config import read_config
from asgi_probe.errors import ProbeError
from asgi_probe.spec.loader import MOST_BYTES, Found, find_specs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asgi_probe.cli.watching.inbox import Changed
    from asgi_probe.cli.watching.noise import Noise
    from asgi_probe.config import Config

_CONFIGURATION = ("pyproject.toml", "asgi-probe.toml")
_CODE = (".py", ".pyi", ".so", ".pyd")
_MENTIONED = (".yaml", ".yml", ".json")
"""What may mention other files in its turn."""
_NAME = re.compile(r"[^\s\"'\[\]{},#|()=]+\.(?:yaml|yml|json)\b")
_FILE_BY_VARIABLE = re.compile(r"\bfile[\"']?\s*:[^\n]*\$\{|\bread\((?!\s*(?:\"[^\"]*\"|'[^']*')\s*\))|\|\s*read\b")
_INLINE_APP = re.compile(r"\bapp[\"']?\s*:\s*[\"']?([\w.:/\\-]+)")


@dataclass(frozen=True, slots=True)
class Extent:
    """What is to run: everything, or these spec files."""

    everything: bool = False
    files: frozenset[Path] = frozenset()

    def __or__(self, other: Extent) -> Extent:
        return Extent(self.everything or other.everything, self.files | other.files)

    def __bool__(self) -> bool:
        return self.everything or bool(self.files)


EVERYTHING = Extent(everything=True)
NOTHING = Extent()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched: the project at `root`, the `paths` that were asked for, and what flags say of variables and app.

    The configuration is read anew at every change.
    """

    root: Path
    cwd: Path
    paths: tuple[str, ...]
    vars_files: tuple[Path, ...]
    app: str | None
    noise: Noise

    def config(self) -> Config | None:
        """The configuration; None while it cannot be read."""
        try:
            return read_config(self.root)
        except ProbeError:
            return None

    def found(self, config: Config) -> dict[Path, Found]:
        """The specs that are there now, by their real paths; none where there is a path that names nothing."""
        arguments = self.paths or [str(self.root / path) for path in config.specs] or ["specs"]
        try:
            return {each.path.resolve(): each for each in find_specs(arguments, cwd=self.cwd, root=self.root)}
        except ProbeError:
            return {}

    def affected(self, changed: Changed) -> Extent:
        """What must run again; new specs are among it, deleted ones are not."""
        config = self.config()
        if config is None or changed.folders_gone or any(self._concerns_all(path, config) for path in changed.paths):
            return EVERYTHING
        found = self.found(config)
        if not found:
            return EVERYTHING
        texts = Texts(found, self.root)
        code = {path for path in changed.paths if path.suffix in _CODE}
        extent = texts.affected_by(changed.paths - code)
        for path in code:
            if not extent.everything:
                extent |= self._affected_by_code(path, texts, config)
        return extent

    def _concerns_all(self, path: Path, config: Config) -> bool:
        if path.name in _CONFIGURATION or path.name.startswith(".env") or path.suffix == ".env":
            return True
        given = {os.path.realpath(self.cwd / file) for file in self.vars_files}
        if os.path.realpath(path) in given:
            return True
        return path.suffix not in _CODE and any(path.name in str(target) for target in config.targets.values())

    def _affected_by_code(self, path: Path, texts: Texts, config: Config) -> Extent:
        """The specs that call a module's functions, if it is nobody else's; everything that the app may import."""
        named = texts.that_call(path)
        alone = named and not self._is_of_apps(path, config, texts) and not self._is_imported(path)
        return named if alone else EVERYTHING

    def _is_of_apps(self, path: Path, config: Config, texts: Texts) -> bool:
        """Whether it may belong to an app that is asked, or is named by the configuration."""
        apps = [target.app for target in config.targets.values() if target.app]
        apps += [*([self.app] if self.app else []), *texts.apps]
        words = {word for app in apps for word in re.findall(r"\w+", app)}
        configured = _calls(path)
        return bool(set(_dotted(path, self.root)) & words) or any(
            configured.search(str(target)) for target in config.targets.values()
        )

    def _is_imported(self, path: Path) -> bool:
        """Whether another module below the root may import it."""
        others = (each for each in self.noise.files(self.root, ".py") if each.resolve() != path.resolve())
        return any(may_import(_text(other), _dotted(path, self.root)) for other in others)


class Texts:
    """The texts of all specs and of what they name, to see who depends on whom."""

    def __init__(self, found: dict[Path, Found], root: Path) -> None:
        self._found = found
        self._root = root
        self._texts: dict[Path, str] = {}
        self._neighbours: dict[Path, list[Path]] = {}
        left = [*found]
        while left:
            path = left.pop()
            if path not in self._texts:
                self._texts[path] = _text(path)
                left += self._named_in(path)

    @property
    def apps(self) -> list[str]:
        """The apps that specs ask of themselves."""
        return [app for text in self._texts.values() for app in _INLINE_APP.findall(text)]

    def affected_by(self, changed: Iterable[Path]) -> Extent:
        """The specs among these files, and those that depend on one of them."""
        paths = {path.resolve() for path in changed}
        names = {path.name for path in paths} | {path.name for path in changed}
        names |= {self._found[path].path.name for path in paths if path in self._found}
        reached = {path for path in paths if path in self._texts}
        if any(path not in self._found for path in paths):
            reached |= {path for path, text in self._texts.items() if _FILE_BY_VARIABLE.search(text)}
            names |= {path.name for path in reached}
        return self._with_dependants(reached, names)

    def that_call(self, module: Path) -> Extent:
        """The specs that call functions of a module, and those that depend on one of them."""
        calls = _calls(module)
        reached = {path for path, text in self._texts.items() if calls.search(text)}
        return self._with_dependants(reached, {path.name for path in reached})

    def _with_dependants(self, reached: set[Path], names: set[str]) -> Extent:
        while names:
            new = {
                path
                for path, text in self._texts.items()
                if path not in reached and any(name in text for name in names)
            }
            reached |= new
            names = {path.name for path in new}
        return Extent(files=frozenset(path for path in reached if path in self._found))

    def _named_in(self, path: Path) -> Iterator[Path]:
        """The files that a text may mean: those that it names by their ways, and neighbours of such names."""
        text = self._texts[path]
        ways = (path.parent / name for name in set(_NAME.findall(text)))
        neighbours = (each for each in self._beside(path.parent) if each.name in text)
        for way in (*ways, *neighbours):
            real = Path(os.path.realpath(way))
            if real.is_relative_to(self._root.resolve()) and real.is_file():
                yield real

    def _beside(self, folder: Path) -> list[Path]:
        """What in a folder may be named by specs and is not looked at anyway."""
        if folder not in self._neighbours:
            self._neighbours[folder] = [each for each in _listed(folder) if each not in self._found]
        return self._neighbours[folder]


def arguments_of(extent: Extent, found: dict[Path, Found]) -> Sequence[str]:
    """What `run` takes to run these files, as far as they were asked for, in the order of `found`."""
    wanted = [each for path, each in found.items() if path in extent.files]
    return [argument for each in wanted for argument in _arguments(each)]


def _arguments(found: Found) -> Iterator[str]:
    if found.whole:
        yield str(found.path)
    for line in found.lines:
        yield f"{found.path}:{line}"
    for check in found.checks:
        yield f"{found.path}::{check}"


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from (Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(_MENTIONED))
    except OSError:
        return


def _calls(module: Path) -> re.Pattern[str]:
    """What a text says that calls a function of that module, by whatever way it is imported."""
    return re.compile(rf"\b{re.escape(_module(module))}:[^\W\d]")


def _module(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def _dotted(path: Path, root: Path) -> tuple[str, ...]:
    """The names by which a module may be imported, one inside the other."""
    module = path.parent if path.stem == "__init__" else path.with_suffix("")
    return Path(os.path.relpath(module, root)).parts


def may_import(text: str, parts: Sequence[str]) -> bool:
    """Whether a module's text imports the module of that way, in full or a part of it, or names it in a text."""
    if parts[-1] not in text:
        return False
    names = {".".join(parts[at:]) for at in range(len(parts))}
    try:
        return any(_names(node, names, parts[-1]) for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return True


def _names(node: ast.AST, names: set[str], last: str) -> bool:
    match node:
        case ast.Import():
            imported = {alias.name for alias in node.names}
        case ast.ImportFrom(level=0):
            imported = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        case ast.ImportFrom():
            return last in (node.module or "").split(".") or any(alias.name == last for alias in node.names)
        case ast.Constant(value=str() as text):
            imported = {text.partition(":")[0]}
        case _:
            return False
    return any(name == each or name.startswith(f"{each}.") for name in imported for each in names)


def _text(path: Path | None) -> str:
    """A file's text; nothing where there is none."""
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except (OSError, ValueError):
        return ""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8", "replace")
