import functools
import sys
from pathlib import Path

import pytest

from asgi_probe.errors import TargetError
from asgi_probe.target.importing import LoadedApp, import_app, import_attribute
from asgi_probe.target.importing import loaded as given
from asgi_probe.target.kinds import is_wsgi, not_app, not_asgi

ASGI = "async def {}(scope, receive, send): ...\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to write modules into; what they leave in sys.path and sys.modules goes away again."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) is None or str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def packaged(root, *folders):
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "__init__.py").touch()


def load(reference, root, *, factory=False):
    return import_app(reference, root=root, factory=factory)


def refusal(reference, root, *, factory=False):
    with pytest.raises(TargetError) as caught:
        load(reference, root, factory=factory)
    return caught.value


def test_module_and_attribute(project):
    root = project(shop_a=ASGI.format("application"))
    loaded = load("shop_a:application", root)
    assert loaded == LoadedApp(sys.modules["shop_a"].application, factory=False, reference="shop_a:application")
    assert sys.path[0] == str(root)


def test_dotted_on_both_sides(project):
    root = project(
        pkg_b__sub="class holder:\n class inner:\n  @staticmethod\n  async def app(scope, receive, send): ...\n"
    )
    packaged(root, "pkg_b")
    loaded = load("pkg_b.sub:holder.inner.app", root)
    assert loaded.app.__name__ == "app"
    assert "'holder' has no attribute 'iner'; did you mean 'inner'?" in str(refusal("pkg_b.sub:holder.iner.app", root))


def test_the_root_is_first_on_the_path_once(project):
    root = project(one_c=ASGI.format("app"), two_c=ASGI.format("app"))
    load("one_c:app", root)
    load("two_c:app", root)
    assert sys.path.count(str(root)) == 1


@pytest.mark.parametrize("reference", ["shop_d/main_d.py", "shop_d/main_d.py:app", "./shop_d/main_d.py"])
def test_a_file_in_a_package_is_imported_as_its_module(project, reference):
    root = project(shop_d__main_d="from . import deps_d\n" + ASGI.format("app"), shop_d__deps_d="")
    packaged(root, "shop_d")
    loaded = load(reference, root)
    assert loaded.app.__module__ == "shop_d.main_d"
    assert loaded.reference.endswith("main_d.py:app")


def test_a_file_beside_its_modules_finds_them(project):
    root = project(src__main_e="import deps_e\n" + ASGI.format("app"), src__deps_e="")
    assert load("src/main_e.py", root).app.__module__ == "main_e"


def test_the_init_file_of_a_package(project):
    root = project(shop_f____init__="")
    packaged(root, "shop_f")
    (root / "shop_f" / "__init__.py").write_text(ASGI.format("app"))
    assert load("shop_f/__init__.py", root).app.__module__ == "shop_f"


def test_an_absolute_file(project):
    root = project(abs_g=ASGI.format("app"))
    assert load(str(root / "abs_g.py"), Path("/")).app.__module__ == "abs_g"


def test_a_file_that_is_not_there(project):
    root = project(main_h="")
    error = refusal("main_hh.py:app", root)
    assert str(error) == f"there is no file 'main_hh.py' in {str(root)!r}; did you mean 'main_h.py'?"
    assert error.traceback is None
    assert "there is no file 'no/such.py'" in str(refusal("no/such.py", root))


def test_a_file_whose_name_is_taken(project):
    root = project(json=ASGI.format("app"))
    import json

    assert (
        str(refusal("json.py", root))
        == f"the module name 'json' of 'json.py' is taken by {json.__file__}: rename the file"
    )


@pytest.mark.parametrize("reference", ["", ":app", "  "])
def test_a_reference_without_module(project, reference):
    assert "names no module: expected 'module:attribute', for example 'main:app'" in str(refusal(reference, project()))


# the bare module


FASTAPI = "from fastapi import FastAPI, APIRouter\nrouter = APIRouter()\n"
STARLETTE = "from starlette.applications import Starlette\n"
FOUND = [
    (ASGI.format("other") + ASGI.format("api") + ASGI.format("app"), "app"),
    (ASGI.format("other") + ASGI.format("api"), "api"),
    (FASTAPI + "shop = FastAPI()\n" + STARLETTE + "other = Starlette()", "shop"),
    (FASTAPI + "shop = FastAPI()\nsame = shop", "shop"),
    (FASTAPI + "class Mine(FastAPI): ...\nshop = Mine()", "shop"),
    (STARLETTE + "site = Starlette()\nfrom starlette.routing import Router\nrouter = Router()", "site"),
    (ASGI.format("serve"), "serve"),
    ("app = 5\n" + ASGI.format("serve"), "serve"),
    ("class Thing:\n async def __call__(self, scope, receive, send): ...\nthing = Thing()", "thing"),
    ("async def work(a, b, c): ...\n" + ASGI.format("serve"), "serve"),
]


@pytest.mark.parametrize(("text", "name"), FOUND)
def test_a_bare_module_is_searched(project, text, name):
    root = project(bare_i=text)
    assert load("bare_i", root).reference == f"bare_i:{name}"


NOT_FOUND = [
    ("app = 5", "found no app in 'bare_j': 'app' is of the type 'int', which is not callable"),
    (
        FASTAPI + "one = FastAPI()\ntwo = FastAPI()",
        "'bare_j' has more than one app: name one of 'bare_j:one', 'bare_j:two'",
    ),
    (ASGI.format("one") + ASGI.format("two"), "'bare_j' has more than one app: name one of 'bare_j:one', 'bare_j:two'"),
    ("x = 1\ny = 2", "found no app in 'bare_j': name it as 'bare_j:attribute'; the module has x, y"),
    ("", "found no app in 'bare_j': name it as 'bare_j:attribute'; the module has nothing"),
    ("def create_app(): ...", "found no app in 'bare_j': is 'bare_j:create_app' a factory? add --factory"),
]


@pytest.mark.parametrize(("text", "message"), NOT_FOUND)
def test_a_bare_module_without_its_app(project, text, message):
    assert str(refusal("bare_j", project(bare_j=text))).startswith(message)


def test_a_bare_module_without_its_factory(project):
    root = project(bare_k="def make_app(): ...", bare_l="")
    assert load("bare_k", root, factory=True).reference == "bare_k:make_app"
    assert str(refusal("bare_l", root, factory=True)).startswith(
        "found no factory in 'bare_l': looked for create_app, "
    )


# what goes wrong in an import


def test_a_missing_module(project):
    root = project(shopping="")
    error = refusal("shoping:app", root)
    assert str(error) == f"there is no module 'shoping' in {str(root)!r} or installed; did you mean 'shopping'?"
    assert error.traceback is None


def test_a_missing_module_of_a_package(project):
    root = project(pkg_m__main="")
    packaged(root, "pkg_m")
    assert "no module 'pkg_m.mian' in" in str(refusal("pkg_m.mian:app", root))
    assert "did you mean 'pkg_m.main'?" in str(refusal("pkg_m.mian:app", root))
    assert "no module 'pkg_mm.main', because there is no 'pkg_mm'" in str(refusal("pkg_mm.main:app", root))


def test_a_missing_import_inside(project):
    root = project(main_n="import deps_n", deps_n="import nothing_n.at_all")
    error = refusal("main_n:app", root)
    assert str(error).startswith(
        "'main_n' could not be imported: an import in it failed, there is no module 'nothing_n'"
    )
    assert 'File "main_n.py", line 1' in error.traceback
    assert 'File "deps_n.py", line 1' in error.traceback
    assert "frozen importlib" not in error.traceback
    assert "asgi_probe" not in error.traceback


def test_a_missing_part_of_the_modules_own_package(project):
    root = project(pkg_o__main="import pkg_o.nothing")
    packaged(root, "pkg_o")
    assert "an import in it failed, there is no module 'pkg_o.nothing'" in str(refusal("pkg_o.main:app", root))


def test_a_module_that_imports_itself_under_a_wrong_name(project):
    """Its own name is missing, but from inside: what failed is the import in it."""
    root = project(self_p="raise ModuleNotFoundError('x', name='self_p')")
    error = refusal("self_p:app", root)
    assert "an import in it failed" in str(error)
    assert "self_p.py" in error.traceback


def test_exceptions_at_import(project):
    root = project(main_q="def connect():\n    raise OSError('no database')\nconnect()")
    error = refusal("main_q:app", root)
    assert str(error) == "'main_q' could not be imported: it raised OSError('no database')"
    assert error.traceback.splitlines() == [
        "Traceback (most recent call last):",
        '  File "main_q.py", line 3, in <module>',
        "    connect()",
        '  File "main_q.py", line 2, in connect',
        "    raise OSError('no database')",
        "OSError: no database",
    ]


def test_syntax_errors(project):
    root = project(main_r="a = (1,\nb = 2")
    error = refusal("main_r:app", root)
    assert str(error) == f"'main_r' could not be imported: '(' was never closed ({root / 'main_r.py'}, line 1)"
    assert "a = (1," in error.traceback


def test_exits_at_import(project):
    root = project(main_s="import sys\nsys.exit(2)")
    error = refusal("main_s:app", root)
    assert str(error).startswith(
        "'main_s' exited while it was imported (SystemExit(2)): what only a script does belongs"
    )
    assert "sys.exit(2)" in error.traceback


def test_ctrl_c_at_import_is_not_held(project):
    root = project(main_t="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("main_t:app", root)


@pytest.mark.parametrize("name", ["..", "a..b", ".a"])
def test_impossible_module_names(project, name):
    assert name in str(refusal(f"{name}:app", project()))


def test_a_missing_attribute(project):
    root = project(main_u=ASGI.format("application"), main_v=ASGI.format("x"))
    assert (
        str(refusal("main_u:aplication", root))
        == "the module 'main_u' has no attribute 'aplication'; did you mean 'application'?"
    )
    assert str(refusal("main_v:app", root)) == "the module 'main_v' has no attribute 'app'; it has 'main_v:x'"
    assert str(refusal("json:zzz", root)) == "the module 'json' has no attribute 'zzz'"


def test_factories(project):
    root = project(main_w="def make(): ...\nasync def amake(): ...\nclass Klass: ...\nx = 5\n" + ASGI.format("app"))
    for name in ("make", "amake", "Klass"):
        assert load(f"main_w:{name}", root, factory=True).factory is True
    assert (
        str(refusal("main_w:app", root, factory=True))
        == "'main_w:app' is an ASGI app, not a factory: leave --factory out"
    )
    assert "which is not callable: expected a factory" in str(refusal("main_w:x", root, factory=True))
    for name in ("make", "amake"):
        assert str(refusal(f"main_w:{name}", root)) == (
            f"'main_w:{name}' is the function {name!r} without arguments, not an ASGI app: "
            "is it a factory? add --factory"
        )


def test_factories_that_want_arguments(project):
    root = project(main_x="def make(settings): ...")
    assert str(refusal("main_x:make", root, factory=True)) == (
        "'main_x:make' takes 1 argument (settings): expected a factory that can be called without any"
    )


# what is ASGI


async def function(scope, receive, send): ...


def plain(scope, receive, send):
    return function(scope, receive, send)


class Instance:
    async def __call__(self, scope, receive, send): ...


class PlainInstance:
    def __call__(self, *args): ...


class Awaited:
    def __init__(self, scope, receive, send): ...
    def __await__(self): ...


class Double:
    def __init__(self, scope): ...
    async def __call__(self, receive, send): ...


async def wanting(scope): ...


def four(a, b, c, d): ...


def wsgi(environ, start_response): ...


def double(scope): ...


def defaults(a=1, b=2, c=3): ...


async def nothing(): ...


@pytest.mark.parametrize(
    "app", [function, plain, Instance(), Awaited, functools.partial(function), Instance().__call__]
)
def test_apps(app):
    assert not_asgi(app) is None


def test_apps_without_a_signature_are_believed():
    class Odd:
        __signature__ = "odd"

        def __call__(self): ...

    assert not_asgi(Odd()) is None


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (None, "is None, which is not callable: expected an ASGI or WSGI app"),
        (5, "is of the type 'int', which is not callable"),
        (Instance, "is the class 'Instance', not an app: expected an instance of it"),
        (PlainInstance, "is the class 'PlainInstance', not an ASGI app"),
        (Double, "is the class 'Double', an ASGI 2 app, which is not supported"),
        (double, "is an ASGI 2 app (called twice), which is not supported"),
        (wsgi, "takes 2 arguments (environ, start_response): expected an ASGI app's three, scope, receive and send"),
        (wanting, "takes 1 argument (scope): expected an ASGI app's three, scope, receive and send"),
        (four, "takes 4 arguments (a, b, c, d): expected"),
        (defaults, "is the function 'defaults' without arguments, not an ASGI app: is it a factory?"),
        (nothing, "is it a factory? add --factory"),
        (PlainInstance(), "is of the type 'PlainInstance' without arguments"),
    ],
)
def test_what_is_no_app(app, reason):
    assert reason in not_asgi(app)


# what is WSGI


def wsgi_named_otherwise(env, respond): ...


class WsgiInstance:
    def __call__(self, environ, start_response): ...


def known_wsgi():
    import bottle
    import falcon
    from django.core.handlers.wsgi import WSGIHandler
    from flask import Flask

    return [Flask("x"), WSGIHandler.__new__(WSGIHandler), bottle.Bottle(), falcon.App()]


@pytest.mark.parametrize(
    "app",
    [wsgi, wsgi_named_otherwise, WsgiInstance(), functools.partial(wsgi), WsgiInstance().__call__, *known_wsgi()],
    ids=lambda app: type(app).__name__,
)
def test_wsgi_apps(app):
    assert is_wsgi(app)
    assert not_app(app) is None


def known_asgi():
    import falcon.asgi
    from a2wsgi import WSGIMiddleware
    from django.core.handlers.asgi import ASGIHandler
    from fastapi import FastAPI
    from litestar import Litestar
    from quart import Quart

    apps = [
        falcon.asgi.App(),
        WSGIMiddleware(wsgi),
        ASGIHandler.__new__(ASGIHandler),
        FastAPI(),
        Litestar(),
        Quart("x"),
    ]
    return [*apps, FastAPI().router]


async def unusual(scope, receive, send=None): ...


@pytest.mark.parametrize(
    "app",
    [function, plain, Instance(), Awaited, functools.partial(function), unusual, WsgiInstance, *known_asgi()],
    ids=lambda app: type(app).__name__,
)
def test_asgi_apps_are_not_taken_for_wsgi(app):
    assert not is_wsgi(app)


@pytest.mark.parametrize("app", [wanting, four, double, defaults, nothing, PlainInstance(), None, 5])
def test_other_things_are_not_taken_for_wsgi(app):
    assert not is_wsgi(app)
    assert not_app(app) == not_asgi(app) is not None


FLASK = "from flask import Flask, current_app, g, request, session\n"
WSGI = "def {}(environ, start_response): ...\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FLASK + "server = Flask(__name__)", "server"),
        (FLASK + "other = Flask('a')\napp = Flask('b')", "app"),
        (WSGI.format("application") + "def route(request, item): ...", "application"),
        ("class A:\n def __call__(self, env, start_response): ...\nmine = A()\ndef two(a, b): ...", "mine"),
        (FLASK + "app = Flask('a')\n" + ASGI.format("application"), "application"),
        (FLASK + "from a2wsgi import WSGIMiddleware\napp = Flask('a')\nasgi = WSGIMiddleware(app)", "asgi"),
        (FLASK + "from starlette.applications import Starlette\nweb = Flask('a')\nstar = Starlette()", "star"),
    ],
)
def test_wsgi_apps_are_found_after_asgi_apps(project, text, found):
    root = project(wsgi_a=text)
    assert load("wsgi_a", root).reference == f"wsgi_a:{found}"
    assert load("wsgi_a.py", root).reference == f"wsgi_a.py:{found}"


def test_more_than_one_wsgi_app(project):
    root = project(wsgi_b=FLASK + "one = Flask('a')\ntwo = Flask('b')")
    assert str(refusal("wsgi_b", root)) == "'wsgi_b' has more than one app: name one of 'wsgi_b:one', 'wsgi_b:two'"


def test_any_callable_of_two_arguments_is_wsgi_when_it_is_named(project):
    root = project(wsgi_c="def two(a, b): ...")
    assert load("wsgi_c:two", root).app is sys.modules["wsgi_c"].two
    assert str(refusal("wsgi_c", root)) == (
        "found no app in 'wsgi_c': name it as 'wsgi_c:attribute'; the module has two"
    )


def test_a_wsgi_app_is_no_factory(project):
    root = project(wsgi_d=WSGI.format("app") + FLASK + "def create_app(config=None): return Flask('a')")
    assert str(refusal("wsgi_d:app", root, factory=True)) == (
        "'wsgi_d:app' is a WSGI app, not a factory: leave --factory out"
    )
    assert load("wsgi_d", root, factory=True).reference == "wsgi_d:create_app"


# attributes


def test_attributes(project):
    root = project(hooks_a="class Checks:\n @staticmethod\n def row(): ...\nnumber = 5\n")
    module = import_attribute("hooks_a:Checks", root=root).__module__
    assert module == "hooks_a"
    assert import_attribute("hooks_a:Checks.row", root=root) is sys.modules["hooks_a"].Checks.row
    assert import_attribute("hooks_a.py:number", root=root) == 5


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hooks_b", "'hooks_b' names nothing in a module: expected 'module:attribute'"),
        (":row", "':row' names nothing in a module: expected 'module:attribute'"),
        ("hooks_b:rwo", "the module 'hooks_b' has no attribute 'rwo'; did you mean 'row'?"),
        ("hooks_b:nothing", "the module 'hooks_b' has no attribute 'nothing'"),
        (
            "hooks_bb:row",
            "there is no module 'hooks_bb' in '{root}' or installed; did you mean 'hooks_b' or 'hooks_c'?",
        ),
        ("hooks_c:row", "'hooks_c' could not be imported: it raised ValueError('broken')"),
    ],
)
def test_attributes_that_are_not_there(project, reference, message):
    root = project(hooks_b="def row(): ...\n" + ASGI.format("app"), hooks_c="raise ValueError('broken')")
    with pytest.raises(TargetError) as caught:
        import_attribute(reference, root=root)
    assert str(caught.value) == message.format(root=root)
    assert bool(caught.value.traceback) == ("raised" in message)


# apps that are there already


def test_apps_given_from_python():
    from flask import Flask

    flask = Flask("x")
    assert given(function) == LoadedApp(function, factory=False, reference=f"{__name__}.function")
    assert given(flask) == LoadedApp(flask, factory=False, reference="flask.app.Flask")
    assert given(Awaited).reference == f"{__name__}.Awaited"
    assert given(function, reference="shop").reference == "shop"


def test_what_is_given_must_be_an_app():
    with pytest.raises(TargetError, match=r"^the app is None, which is not callable: expected an ASGI or WSGI app$"):
        given(None)
    with pytest.raises(TargetError, match=r"^'shop' takes 4 arguments"):
        given(four, reference="shop")
