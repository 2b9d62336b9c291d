"""The pytest plugin: specs are collected, their checks are items; `probe_app` and `probe_client` for tests by hand.

It is loaded into every pytest run of an environment: nothing is imported here but pytest, until a spec is met or one
of the fixtures is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

_SUFFIXES = (".yaml", ".yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `asgi-probe run` calls `--app`, `--base-url` … has the same name here behind `--probe-`."""
    group = parser.getgroup("asgi-probe", "asgi-probe")
    group.addoption("--probe-app", metavar="APP", help="an ASGI app, in process: shop.main:app [ASGI_PROBE_APP]")
    group.addoption("--probe-factory", action="store_true", help="call what --probe-app names [ASGI_PROBE_FACTORY]")
    group.addoption(
        "--probe-base-url", metavar="URL", help="a live service: http://127.0.0.1:8000 [ASGI_PROBE_BASE_URL]"
    )
    group.addoption("--probe-target", metavar="NAME", help="a target of the configuration [ASGI_PROBE_TARGET]")
    group.addoption(
        "--probe-var",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a variable of specs: name=text, or name:=JSON; may be repeated",
    )
    group.addoption(
        "--probe-backend",
        choices=("asyncio", "trio"),
        help="the event loop of specs and of sync tests: asyncio or trio [ASGI_PROBE_BACKEND]",
    )
    parser.addini(
        "probe_app_scope", "how long probe_app lives: function, class, module, package or session", default="function"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A spec, where the file is one: below a folder of the configuration's `specs`, or named on the command line."""
    if file_path.suffix not in _SUFFIXES:
        return None
    from asgi_probe.testing.discovery import root_of_spec

    root = root_of_spec(file_path, parent.config, named=parent.session.isinitpath(file_path))
    if root is None:
        return None
    from asgi_probe.testing.items import SpecFile

    return SpecFile.from_parent(parent, path=file_path, root=root)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended: what it has to say is said by whoever started it."""
    told = getattr(node, "workeroutput", {}).get("asgi_probe")
    if told:
        from asgi_probe.testing.session import session_of

        session_of(node.config).take_over(told)


def _scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest passes it by name
    return config.getini("probe_app_scope")


@pytest.fixture(scope="session")
def probe_target() -> object:
    """Whom `probe_app` and `probe_client` ask, to be overridden.

    An app, its import string, a base URL or the name of a configured target; None is what specs ask that name nobody.
    """
    return None


@pytest.fixture(scope=_scope)
def probe_app(_probe_entered: Any) -> Any:
    """The app, its lifespan running: in the event loop of the async test that asks, else in a thread's.

    Skips the test in a live run. How long it lives says the ini option `probe_app_scope`.
    """
    return _probe_entered.app


@pytest.fixture
def probe_client(request: pytest.FixtureRequest, _probe_entered: Any) -> Any:
    """An `httpx.AsyncClient` on the target for an async test, an `httpx.Client` for any other."""
    return request.getfixturevalue(f"_probe_client_in_{_probe_entered.place_for(request)}")


@pytest.fixture(scope=_scope)
def _probe_entered(request: pytest.FixtureRequest) -> Any:
    from asgi_probe.testing.fixtures import place_of

    return request.getfixturevalue(f"_probe_entered_in_{place_of(request)}")


@pytest.fixture(scope=_scope)
def _probe_built(request: pytest.FixtureRequest, probe_target: object) -> Any:
    from asgi_probe.testing.fixtures import built

    return built(probe_target, request.config)


@pytest.fixture(scope=_scope)
def _probe_entered_in_thread(request: pytest.FixtureRequest, _probe_built: Any) -> Iterator[Any]:
    from asgi_probe.testing.fixtures import entered_in_thread

    with entered_in_thread(_probe_built, request.config) as entered:
        yield entered


@pytest.fixture(scope=_scope)
async def _probe_entered_in_anyio(_probe_built: Any) -> AsyncIterator[Any]:
    from asgi_probe.testing.fixtures import entered

    async with entered(_probe_built, "anyio") as found:
        yield found


async def _entered_in_asyncio(_probe_built: Any) -> AsyncIterator[Any]:
    from asgi_probe.testing.fixtures import entered

    async with entered(_probe_built, "asyncio") as found:
        yield found


@pytest.fixture
def _probe_client_in_thread(request: pytest.FixtureRequest, _probe_entered: Any) -> Iterator[Any]:
    from asgi_probe.testing.fixtures import sync_client

    with sync_client(_probe_entered, request) as client:
        yield client


@pytest.fixture
async def _probe_client_in_anyio(request: pytest.FixtureRequest, _probe_entered: Any) -> AsyncIterator[Any]:
    from asgi_probe.testing.fixtures import async_client

    async with async_client(_probe_entered, request) as client:
        yield client


async def _client_in_asyncio(request: pytest.FixtureRequest, _probe_entered: Any) -> AsyncIterator[Any]:
    from asgi_probe.testing.fixtures import async_client

    async with async_client(_probe_entered, request) as client:
        yield client


# what `pytest_asyncio.fixture` does, without importing it: in its strict mode it runs no other fixtures
for _function in (_entered_in_asyncio, _client_in_asyncio):
    vars(_function)["_force_asyncio_fixture"] = True

_probe_entered_in_asyncio = pytest.fixture(scope=_scope, name="_probe_entered_in_asyncio")(_entered_in_asyncio)
_probe_client_in_asyncio = pytest.fixture(name="_probe_client_in_asyncio")(_client_in_asyncio)
