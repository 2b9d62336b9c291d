"""Finding and importing the app that a reference names, with errors that say what to do."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import TargetError
from asgi_probe.target import kinds
from asgi_probe.target.tracebacks import app_traceback, in_a_line, ran_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

_USUAL = ("app", "api")
_USUAL_FACTORIES = ("create_app", "make_app", "get_app", "build_app", "app_factory")
_SEARCH = (
    (kinds.is_asgi, (kinds.is_fastapi, kinds.is_asgi_framework, kinds.looks_like_asgi)),
    (kinds.is_wsgi, (kinds.is_wsgi_framework, kinds.looks_like_wsgi)),
)


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """An ASGI or WSGI app, or the factory that makes one; `reference` is how it was named."""

    app: Any
    factory: bool
    reference: str


def import_app(reference: str, *, root: Path, factory: bool) -> LoadedApp:
    """Import the app or factory that `reference` names; `root` comes first on the path from now on.

    `module:attribute` (dotted on both sides), `path/to/file.py`, `path/to/file.py:attribute`, or a bare module or
    file, which is searched for its app. Raises `TargetError` with the user's own frames as its traceback.
    """
    place, _, attribute = _split(reference)
    if not place:
        raise TargetError(f"{reference!r} names no module: expected 'module:attribute', for example 'main:app'")
    module = _imported(place, root)
    if not attribute:
        attribute = _found_factory(module, place) if factory else _found_app(module, place)
        reference = f"{place}:{attribute}"
    found = _attribute(module, attribute, place, hint=lambda: _offer(module, place))
    reason = kinds.not_factory(found) if factory else kinds.not_app(found)
    if reason is not None:
        raise TargetError(f"{reference!r} {reason}")
    return LoadedApp(found, factory, reference)


def import_attribute(reference: str, *, root: Path) -> Any:
    """What `module:attribute` names, or `path/to/file.py:attribute`; `root` comes first on the path from now on.

    Raises `TargetError`, with the user's own frames as its traceback where the module fails.
    """
    place, _, attribute = _split(reference)
    if not place or not attribute:
        raise TargetError(f"{reference!r} names nothing in a module: expected 'module:attribute'")
    return _attribute(_imported(place, root), attribute, place)


def loaded(app: object, *, reference: str | None = None) -> LoadedApp:
    """An app that is there already, by the name of its type where no `reference` is given; raises `TargetError`."""
    name = reference or f"{type(app).__module__}.{type(app).__qualname__}"
    if inspect.isroutine(app) or inspect.isclass(app):
        name = reference or f"{app.__module__}.{app.__qualname__}"
    reason = kinds.not_app(app)
    if reason is not None:
        raise TargetError(f"the app {reason}" if reference is None else f"{reference!r} {reason}")
    return LoadedApp(app, factory=False, reference=name)


def _imported(place: str, root: Path) -> ModuleType:
    root = root.resolve()
    _first_on_path(root)
    return _import_file(place, root) if _is_file(place) else _import_module(place, root)


def _split(reference: str) -> tuple[str, str, str]:
    place, colon, attribute = reference.strip().rpartition(":")
    if not colon or "/" in attribute or "\\" in attribute:  # C:\shop\main.py
        return reference.strip(), "", ""
    return place, colon, attribute


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _first_on_path(folder: Path) -> None:
    name = str(folder)
    if sys.path[:1] != [name]:
        sys.path.insert(0, name)
    importlib.invalidate_caches()


def _import_file(place: str, root: Path) -> ModuleType:
    path = root / place
    if not path.is_file():
        raise TargetError(
            f"there is no file {place!r} in {str(root)!r}{_hint(path.name, _names_in(path.parent, '*.py'))}"
        )
    path = path.resolve()
    names = [path.stem] if path.name != "__init__.py" else []
    folder = path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if folder != root:
        _first_on_path(folder)
    module = _import_module(".".join(names), root)
    loaded = getattr(module, "__file__", None)
    if loaded is None or Path(loaded).resolve() != path:
        taken = f"is taken by {loaded or 'a built-in module'}: rename the file"
        raise TargetError(f"the module name {module.__name__!r} of {place!r} {taken}")
    return module


def _import_module(name: str, root: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if _is_missing(error, name):
            raise TargetError(_missing(name, error.name or name, root)) from None
        raise TargetError(
            f"{name!r} could not be imported: {_inside(error)}", app_traceback(error, root=root)
        ) from error
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise TargetError(
            f"{name!r} could not be imported: {error.msg} ({where})", app_traceback(error, root=root)
        ) from error
    except SystemExit as error:
        raise TargetError(
            f"{name!r} exited while it was imported ({error!r}): what only a script does belongs under "
            '`if __name__ == "__main__":`',
            app_traceback(error, root=root),
        ) from error
    except Exception as error:
        raise TargetError(
            f"{name!r} could not be imported: it raised {in_a_line(error)}", app_traceback(error, root=root)
        ) from error


def _is_missing(error: ModuleNotFoundError, name: str) -> bool:
    """Whether what is missing is the module itself, not something that it imports."""
    missing = error.name
    wanted = missing is not None and f"{name}.".startswith(f"{missing}.")
    return wanted and not ran_code(error)


def _inside(error: ModuleNotFoundError) -> str:
    return f"an import in it failed, there is no module {error.name!r} (is it installed in {sys.prefix!r}?)"


def _missing(name: str, missing: str, root: Path) -> str:
    parent, _, last = missing.rpartition(".")
    package = sys.modules.get(parent)
    folders = [Path(entry) for entry in getattr(package, "__path__", ())] if parent else [root]
    known = [found for folder in folders for found in _modules_in(folder)]
    hint = _hint(last, known, prefix=f"{parent}." if parent else "")
    what = f"no module {name!r}" if missing == name else f"no module {name!r}, because there is no {missing!r}"
    return f"there is {what} in {str(root)!r} or installed{hint}"


def _modules_in(folder: Path) -> list[str]:
    import pkgutil

    return [found.name for found in pkgutil.iter_modules([str(folder)])]


def _names_in(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern)) if folder.is_dir() else []


def _hint(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(prefix + found) for found in close)}?" if close else ""


def _attribute(module: ModuleType, attribute: str, place: str, hint: Callable[[], str] = str) -> Any:
    found: Any = module
    holder = f"the module {place!r}"
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise TargetError(f"{holder} has no attribute {name!r}{_hint(name, dir(found)) or hint()}") from None
        holder = repr(name)
    return found


def _offer(module: ModuleType, place: str) -> str:
    apps = _apps(module)
    return f"; it has {_listing(place, apps)}" if apps else ""


def _listing(place: str, names: Iterable[str]) -> str:
    return ", ".join(repr(f"{place}:{name}") for name in names)


def _found_app(module: ModuleType, place: str) -> str:
    """The one name in `module` that is its app: the usual ones, else the only one of the surest kind; ASGI first."""
    everything = vars(module)
    for is_usual, surest in _SEARCH:
        for name in _USUAL:
            if name in everything and is_usual(everything[name]):
                return name
        for kind in surest:
            names = [name for name in _apps(module) if kind(everything[name])]
            if len({id(everything[name]) for name in names}) == 1:
                return names[0]
            if names:
                raise TargetError(f"{place!r} has more than one app: name one of {_listing(place, names)}")
    raise TargetError(f"found no app in {place!r}: {_why_none(module, place)}")


def _why_none(module: ModuleType, place: str) -> str:
    for name in _USUAL:
        reason = kinds.not_app(vars(module)[name]) if name in vars(module) else None
        if reason is not None:
            return f"{name!r} {reason}"
    factories = [name for name in _USUAL_FACTORIES if callable(getattr(module, name, None))]
    if factories:
        return f"is {_listing(place, factories)} a factory? add --factory"
    public = ", ".join(name for name in vars(module) if not name.startswith("_")) or "nothing"
    return f"name it as '{place}:attribute'; the module has {public[:500]}"


def _found_factory(module: ModuleType, place: str) -> str:
    names = [name for name in _USUAL_FACTORIES if callable(getattr(module, name, None))]
    if not names:
        raise TargetError(
            f"found no factory in {place!r}: looked for {', '.join(_USUAL_FACTORIES)}; name it as '{place}:attribute'"
        )
    return names[0]


def _apps(module: ModuleType) -> list[str]:
    """The names of what can be an app, in the order of the module."""
    found = [(name, value) for name, value in vars(module).items() if not name.startswith("__")]
    return [name for name, value in found if kinds.looks_like_asgi(value) or kinds.looks_like_wsgi(value)]
