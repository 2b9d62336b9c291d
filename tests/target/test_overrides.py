"""FastAPI's dependency overrides, set for a run and put back after it."""

import sys
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.middleware.cors import CORSMiddleware

from asgi_probe.errors import TargetError
from asgi_probe.exchange import Ask
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.importing import LoadedApp
from asgi_probe.target.session import Exchanger

pytestmark = pytest.mark.anyio

NAME = __name__


class Warnings(list):
    def __call__(self, sentence, error):
        self.append(sentence)


async def get_db():
    yield "the real one"


async def get_user():
    return "nobody"


class Settings:
    def __init__(self):
        self.name = "real"


steps = []


async def fake_db():
    steps.append("opened")
    yield "a fake"
    steps.append("closed")


class FakeSettings:
    name = "fake"


def unused_dependency(): ...


def nested(user: str = Depends(get_user)):
    return user


not_callable = {"a": 1}


class Unhashable:
    __hash__ = None

    def __call__(self): ...


unhashable = Unhashable()


def shop(lifespan=None):
    app = FastAPI(lifespan=lifespan)
    router = APIRouter(prefix="/users", dependencies=[Depends(nested)])

    @app.get("/db")
    async def db(db: str = Depends(get_db)):
        return db

    @app.get("/settings")
    async def settings(settings: Annotated[Settings, Depends()]):
        return settings.name

    @router.get("/me")
    async def me(user: str = Depends(nested)):
        return user

    app.include_router(router, prefix="/v1")
    return app


@asynccontextmanager
async def asking(app, overrides, *, factory=False, **options):
    loaded = LoadedApp(app, factory=factory, reference="m:app")
    warnings = Warnings()
    async with AppTarget(loaded, overrides=overrides, warn=warnings, **options) as target:

        async def ask(url):
            return (await Exchanger(target).session().ask(Ask("GET", url)))[1].body.decode().strip('"')

        ask.warnings = warnings
        ask.target = target
        yield ask


async def test_overrides():
    app = shop()
    mine = app.dependency_overrides
    mine[get_user] = lambda: "mine"
    overrides = {
        f"{NAME}:get_db": f"{NAME}:fake_db",
        f"{NAME}:Settings": f"{NAME}:FakeSettings",
    }
    steps.clear()
    async with asking(app, overrides) as ask:
        assert await ask("/db") == "a fake"
        assert steps == ["opened", "closed"]
        assert await ask("/settings") == "fake"
        assert await ask("/v1/users/me") == "mine"
        assert ask.warnings == []
    assert app.dependency_overrides is mine
    assert list(mine) == [get_user]


async def test_an_override_of_an_override_is_put_back():
    app = shop()
    app.dependency_overrides[get_user] = before = lambda: "before"
    async with asking(app, {get_user: lambda: "during"}) as ask:
        assert await ask("/v1/users/me") == "during"
        app.dependency_overrides[get_db] = fake_db
    assert app.dependency_overrides == {get_user: before}


async def test_they_hold_in_the_lifespan_and_are_put_back_when_it_fails():
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        seen.append(dict(app.dependency_overrides))
        raise ValueError("no start")
        yield

    app = shop(lifespan)
    with pytest.raises(TargetError, match="no start"):
        async with asking(app, {get_db: fake_db}):
            pass
    assert seen == [{get_db: fake_db}]
    assert app.dependency_overrides == {}


async def test_what_a_factory_makes_is_overridden():
    async with asking(shop, {f"{NAME}:get_db": f"{NAME}:fake_db"}, factory=True) as ask:
        assert await ask("/db") == "a fake"


async def test_a_mounted_app_keeps_its_own():
    outer, inner = FastAPI(), shop()
    outer.mount("/inner", inner)
    async with asking(outer, {get_db: fake_db}) as ask:
        assert await ask("/inner/db") == "the real one"
        assert ask.warnings == ["overrides: no route of 'm:app' depends on 'get_db'"]


async def test_a_dependency_of_no_route_is_a_warning():
    app = shop()

    @app.websocket("/ws")
    async def ws(socket: WebSocket, db: str = Depends(get_db)): ...

    overrides = {
        f"{NAME}:unused_dependency": f"{NAME}:fake_db",
        f"{NAME}:get_user": f"{NAME}:fake_db",
        f"{NAME}:nested": f"{NAME}:fake_db",
        f"{NAME}:get_db": f"{NAME}:fake_db",
    }
    async with asking(app, overrides) as ask:
        assert ask.warnings == [f"overrides: no route of 'm:app' depends on '{NAME}:unused_dependency'"]


async def test_routes_that_the_start_up_adds_count():
    @asynccontextmanager
    async def lifespan(app):
        app.get("/late")(unused_dependency)
        app.get("/later", dependencies=[Depends(unused_dependency)])(get_user)
        yield

    async with asking(shop(lifespan), {unused_dependency: get_user}) as ask:
        assert ask.warnings == []


async def not_fastapi(scope, receive, send): ...


def flask_like(environ, start_response): ...


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (not_fastapi, "function"),
        (flask_like, "function"),
        (CORSMiddleware(FastAPI()), "CORSMiddleware"),
    ],
)
def test_other_apps_take_no_overrides(app, kind):
    with pytest.raises(TargetError) as caught:
        AppTarget(LoadedApp(app, factory=False, reference="m:app"), overrides={get_db: fake_db}, warn=Warnings())
    assert str(caught.value) == (
        f"'m:app' takes no overrides: it is of the type '{kind}', expected a FastAPI app "
        "(where middleware is wrapped around it, name the app inside)"
    )


async def test_another_app_of_a_factory_takes_none_either():
    with pytest.raises(TargetError, match=r"^what the factory 'm:app' made takes no overrides"):
        async with asking(lambda: not_fastapi, {get_db: fake_db}, factory=True):
            pass


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {f"{NAME}:get_dd": get_db},
            f"overrides: the module '{NAME}' has no attribute 'get_dd'; did you mean 'get_db'?",
        ),
        ({get_db: "nowhere_at_all:x"}, "overrides: there is no module 'nowhere_at_all' in "),
        ({f"{NAME}:not_callable": get_db}, f"overrides: '{NAME}:not_callable' is of the type 'dict': expected a dep"),
        ({get_db: f"{NAME}:not_callable"}, f"overrides: '{NAME}:not_callable' is of the type 'dict': expected what"),
        ({f"{NAME}:unhashable": get_db}, f"overrides: '{NAME}:unhashable' is of the type 'Unhashable'"),
        ({get_db: NAME}, f"overrides: '{NAME}' names nothing in a module: expected 'module:attribute'"),
        (
            {f"{NAME}:get_dd": f"{NAME}:fake_bd"},
            f"overrides: the module '{NAME}' has no attribute 'get_dd'; did you mean 'get_db'?; "
            f"the module '{NAME}' has no attribute 'fake_bd'; did you mean 'fake_db'?",
        ),
    ],
)
def test_what_cannot_be_imported_is_told_before_the_run(overrides, message, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(TargetError) as caught:
        AppTarget(LoadedApp(shop(), factory=False, reference="m:app"), overrides=overrides, root=tmp_path, warn=print)
    assert str(caught.value).startswith(message)


async def test_names_are_imported_from_the_root(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "fakes_of_the_root.py").write_text("async def db():\n    yield 'from the root'\n")
    async with asking(shop(), {get_db: "fakes_of_the_root:db"}, root=tmp_path) as ask:
        assert await ask("/db") == "from the root"
    del sys.modules["fakes_of_the_root"]
