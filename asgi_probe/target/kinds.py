"""What an object is that is given as an app: ASGI, WSGI, a factory, or none of them."""

from __future__ import annotations

import inspect
from typing import Any

_ASGI = frozenset(
    (
        "starlette.applications.Starlette", "litestar.app.Litestar", "quart.app.Quart", "sanic.app.Sanic",
        "django.core.handlers.asgi.ASGIHandler", "falcon.asgi.app.App", "blacksheep.server.application.Application",
    )
)  # fmt: skip
_WSGI = frozenset(
    (
        "flask.app.Flask", "django.core.handlers.wsgi.WSGIHandler", "bottle.Bottle", "falcon.app.App",
        "pyramid.router.Router",
    )
)  # fmt: skip
_FASTAPI = frozenset(("fastapi.applications.FastAPI",))
_ASGI_ARGUMENTS = ("scope", "receive", "send")
_WSGI_ARGUMENT = "start_response"
_SINGLE = "asgiref.compatibility.guarantee_single_callable"


def not_app(app: object) -> str | None:
    """Why `app` can be called neither as an ASGI nor as a WSGI app, as the rest of a sentence about it."""
    return None if is_wsgi(app) else not_asgi(app)


def is_asgi(app: object) -> bool:
    """Whether `app` can be called as an ASGI app."""
    return not_asgi(app) is None


def is_wsgi(app: object) -> bool:
    """Whether `app` is a WSGI app: of a class that is known for it, or a plain callable of two arguments."""
    if inspect.isclass(app) or not callable(app) or _is_of(app, _ASGI) or _is_async(app):
        return False
    if _is_of(app, _WSGI):
        return True
    signature = _signature(app)
    return signature is not None and _takes(signature, 2) and not any(_takes(signature, count) for count in (0, 1, 3))


def not_asgi(app: object) -> str | None:
    """Why `app` cannot be called as an ASGI app, as the rest of a sentence about it; None when it can."""
    if not callable(app):
        return f"is {_described(app)}, which is not callable: expected an ASGI or WSGI app"
    if inspect.isclass(app):
        return _not_asgi_class(app)
    signature = _signature(app)
    if signature is None or (_is_async(app) and _takes(signature, 3)):
        return None
    if _takes(signature, 0):
        return f"is {_described(app)} without arguments, not an ASGI app: is it a factory? add --factory"
    if not _is_async(app):
        if _takes(signature, 3):
            return None
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


def not_factory(found: object) -> str | None:
    """Why `found` cannot be called as a factory, as the rest of a sentence about it; None when it can."""
    if not callable(found):
        return f"is {_described(found)}, which is not callable: expected a factory"
    signature = _signature(found)
    if signature is not None and not _takes(signature, 0):
        if is_wsgi(found):
            return "is a WSGI app, not a factory: leave --factory out"
        if not inspect.isclass(found) and not_asgi(found) is None:
            return "is an ASGI app, not a factory: leave --factory out"
        return f"takes {_counted(signature)}: expected a factory that can be called without any"
    return None


def looks_like_asgi(value: object) -> bool:
    """Whether an object that was only found, not named, must be meant as an ASGI app."""
    return _surely(value, _looks_like_asgi)


def looks_like_wsgi(value: object) -> bool:
    """Whether an object that was only found, not named, must be meant as a WSGI app."""
    return _surely(value, _looks_like_wsgi)


def is_fastapi(value: object) -> bool:
    """Whether it is a FastAPI app."""
    return _is_of(value, _FASTAPI)


def is_asgi_framework(value: object) -> bool:
    """Whether it is the app of a framework that is known for ASGI."""
    return _is_of(value, _ASGI)


def is_wsgi_framework(value: object) -> bool:
    """Whether it is the app of a framework that is known for WSGI."""
    return _is_of(value, _WSGI) and is_wsgi(value)


def _surely(value: object, looks: Any) -> bool:
    try:
        return not inspect.isclass(value) and not inspect.ismodule(value) and callable(value) and bool(looks(value))
    except Exception:  # noqa: BLE001 - proxies such as flask's `request` raise when they are looked at out of place
        return False


def _looks_like_asgi(value: object) -> bool:
    if inspect.isroutine(value):
        signature = _signature(value)
        return signature is not None and tuple(signature.parameters) == _ASGI_ARGUMENTS
    return _is_async(value) and not_asgi(value) is None


def _looks_like_wsgi(value: object) -> bool:
    if not is_wsgi(value) or _is_of(value, _WSGI):
        return is_wsgi(value)
    signature = _signature(value)
    return signature is not None and list(signature.parameters)[1:] == [_WSGI_ARGUMENT]


def _is_of(value: object, names: frozenset[str]) -> bool:
    return any(f"{base.__module__}.{base.__qualname__}" in names for base in type(value).__mro__)


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
