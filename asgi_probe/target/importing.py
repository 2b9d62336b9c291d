"""Finding and importing the app that a reference names, with errors that say what to do."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import TargetError
from asgi_probe.target.tracebacks import app_traceback, in_a_line, ran_code

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

_USUAL = ("app", "api")
_USUAL_FACTORIES = ("create_app", "make_app", "get_app", "build_app", "app_factory")
_FRAMEWORKS = frozenset(
    (
        "starlette.applications.Starlette", "litestar.app.Litestar", "quart.app.Quart", "sanic.app.Sanic",
        "django.core.handlers.asgi.ASGIHandler", "falcon.asgi.app.App", "blacksheep.server.application.Application",
    )
)  # fmt: skip
_SINGLE = "asgiref.compatibility.guarantee_single_callable"
_ARGUMENTS = ("scope", "receive", "send")


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """An ASGI app, or the factory that makes one; `reference` is how it was named."""

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
    root = root.resolve()
    _first_on_path(root)
    module = _import_file(place, root) if _is_file(place) else _import_module(place, root)
    if not attribute:
        attribute = _found_factory(module, place) if factory else _found_app(module, place)
        reference = f"{place}:{attribute}"
    found = _attribute(module, attribute, place)
    reason = _not_factory(found) if factory else not_asgi(found)
    if reason is not None:
        raise TargetError(f"{reference!r} {reason}")
    return LoadedApp(found, factory, reference)


def not_asgi(app: object) -> str | None:
    """Why `app` cannot be called as an ASGI app, as the rest of a sentence about it; None when it can."""
    if not callable(app):
        return f"is {_described(app)}, which is not callable: expected an ASGI app"
    if inspect.isclass(app):
        return _not_asgi_class(app)
    signature = _signature(app)
    if signature is None or (_is_async(app) and _takes(signature, 3)):
        return None
    if _takes(signature, 0):
        return f"is {_described(app)} without arguments, not an ASGI app: is it a factory? add --factory"
    if _is_async(app):
        return f"takes {_counted(signature)}: expected an ASGI app's three, scope, receive and send"
    if _takes(signature, 3):
        return None
    if _takes(signature, 2):
        return "is a WSGI app, which is not supported: wrap it, for example with `a2wsgi.WSGIMiddleware`"
    if _takes(signature, 1):
        return f"is an ASGI 2 app (called twice), which is not supported: wrap it with `{_SINGLE}`"
    return f"takes {_counted(signature)}: expected an ASGI app's three, scope, receive and send"


def _not_asgi_class(app: type) -> str | None:
    if hasattr(app, "__await__"):
        return None
    if inspect.iscoroutinefunction(getattr(app, "__call__", None)) and not _is_double(app):  # noqa: B004 - its signature counts
        return (
            f"is the class {app.__name__!r}, not an app: expected an instance of it (with --factory it is made for you)"
        )
    if _is_double(app):
        return f"is the class {app.__name__!r}, an ASGI 2 app, which is not supported"
    return f"is the class {app.__name__!r}, not an ASGI app"


def _is_double(app: type) -> bool:
    call = inspect.signature(app.__call__) if inspect.isfunction(app.__call__) else None
    return call is not None and list(call.parameters)[1:] == ["receive", "send"]


def _not_factory(found: object) -> str | None:
    if not callable(found):
        return f"is {_described(found)}, which is not callable: expected a factory"
    signature = _signature(found)
    if signature is not None and not _takes(signature, 0):
        if not inspect.isclass(found) and not_asgi(found) is None:
            return "is an ASGI app, not a factory: leave --factory out"
        return f"takes {_counted(signature)}: expected a factory that can be called without any"
    return None


def _is_async(app: object) -> bool:
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004 - its kind counts


def _signature(app: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(app)
    except (TypeError, ValueError):
        return None


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _counted(signature: inspect.Signature) -> str:
    names = ", ".join(signature.parameters)
    count = len(signature.parameters)
    return f"{count} argument{'s' * (count != 1)} ({names})" if names else "no arguments"


def _described(value: object) -> str:
    if inspect.isfunction(value):
        return f"the function {value.__name__!r}"
    return "None" if value is None else f"of the type {type(value).__name__!r}"


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


def _attribute(module: ModuleType, attribute: str, place: str) -> Any:
    found: Any = module
    holder = f"the module {place!r}"
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            hint = _hint(name, dir(found)) or _offer(module, place)
            raise TargetError(f"{holder} has no attribute {name!r}{hint}") from None
        holder = repr(name)
    return found


def _offer(module: ModuleType, place: str) -> str:
    apps = _apps(module)
    return f"; it has {_listing(place, apps)}" if apps else ""


def _listing(place: str, names: Iterable[str]) -> str:
    return ", ".join(repr(f"{place}:{name}") for name in names)


def _found_app(module: ModuleType, place: str) -> str:
    """The one name in `module` that is its app: the usual ones, else the only one of the surest kind."""
    everything = vars(module)
    for name in _USUAL:
        if name in everything and not_asgi(everything[name]) is None:
            return name
    apps = _apps(module)
    for kind in (_is_fastapi, _is_of_framework, _looks_like_app):
        names = [name for name in apps if kind(everything[name])]
        if len({id(everything[name]) for name in names}) == 1:
            return names[0]
        if names:
            raise TargetError(f"{place!r} has more than one app: name one of {_listing(place, names)}")
    raise TargetError(f"found no app in {place!r}: {_why_none(module, place)}")


def _why_none(module: ModuleType, place: str) -> str:
    for name in _USUAL:
        reason = not_asgi(vars(module)[name]) if name in vars(module) else None
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
    return [name for name, value in vars(module).items() if not name.startswith("__") and _looks_like_app(value)]


def _looks_like_app(value: object) -> bool:
    if inspect.isclass(value) or inspect.ismodule(value) or not callable(value):
        return False
    if inspect.isroutine(value):
        signature = _signature(value)
        return signature is not None and tuple(signature.parameters) == _ARGUMENTS
    return _is_async(value) and not_asgi(value) is None


def _is_fastapi(value: object) -> bool:
    return any(
        f"{base.__module__}.{base.__qualname__}" == "fastapi.applications.FastAPI" for base in type(value).__mro__
    )


def _is_of_framework(value: object) -> bool:
    return any(f"{base.__module__}.{base.__qualname__}" in _FRAMEWORKS for base in type(value).__mro__)


def import_attribute(reference: str, *, root: Path) -> Any:
    """What `module:attribute` names; `root` comes first on the path. Raises `TargetError`."""
    place, _, attribute = _split(reference)
    _first_on_path(root.resolve())
    return _attribute(_import_module(place, root), attribute, place)
