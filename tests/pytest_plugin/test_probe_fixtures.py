"""`probe_app` and `probe_client` in tests by hand: anyio, trio, pytest-asyncio and sync."""

import pytest

from tests.pytest_plugin.suite import STRICT, Suite, needs

ANYIO = ("anyio.pytest_plugin",)

ASYNC_TESTS = """
import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_app_and_client(probe_app, probe_client):
    import app

    assert probe_app is app.app
    assert isinstance(probe_client, httpx.AsyncClient)
    response = await probe_client.get("/echo?a=1")
    assert response.json()["state"] == ["shared"]
    assert response.url == "http://testserver/echo?a=1"


async def test_cookies_are_a_tests_own(probe_client):
    assert "cookie" not in (await probe_client.get("/echo")).json()["headers"]
    await probe_client.get("/login/1")
    assert (await probe_client.get("/echo")).json()["headers"]["cookie"] == "sid=1"
    assert probe_client.cookies["sid"] == "1"


async def test_timeout(probe_client):
    with pytest.raises(httpx.ReadTimeout):
        await probe_client.get("/sleep/5", timeout=0.05)


async def test_stream(probe_client):
    async with probe_client.stream("POST", "/echo", content=pieces()) as response:
        assert b'"body": "onetwo"' in b"".join([piece async for piece in response.aiter_bytes()])


async def pieces():
    yield b"one"
    yield b"two"
"""

SYNC_TESTS = """
import httpx
import pytest


def test_app_and_client(probe_app, probe_client):
    import app

    assert probe_app is app.app
    assert isinstance(probe_client, httpx.Client)
    response = probe_client.get("/echo?a=1")
    assert response.json()["state"] == ["shared"]
    assert response.json()["headers"]["user-agent"].startswith("asgi-probe/")
    assert response.url == "http://testserver/echo?a=1"
    assert response.request.headers["host"] == "testserver"


def test_cookies_are_a_tests_own(probe_client):
    assert "cookie" not in probe_client.get("/echo").json()["headers"]
    probe_client.get("/login/1")
    assert probe_client.get("/echo").json()["headers"]["cookie"] == "sid=1"
    assert probe_client.cookies["sid"] == "1"


def test_timeout(probe_client):
    with pytest.raises(httpx.ReadTimeout):
        probe_client.get("/sleep/5", timeout=0.05)


def test_bodies(probe_client):
    assert probe_client.post("/echo", json={"a": 1}).json()["body"] == '{"a":1}'
    with probe_client.stream("POST", "/echo", content=iter([b"one", b"two"])) as response:
        assert b'"body": "onetwo"' in b"".join(response.iter_bytes())
    assert "boundary=" in probe_client.post("/echo", files={"f": b"x"}).json()["headers"]["content-type"]
    assert probe_client.get("/echo", auth=("u", "p")).json()["headers"]["authorization"].startswith("Basic ")
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async(suite: Suite, backend: str) -> None:
    suite.write("conftest.py", f"import pytest\n@pytest.fixture\ndef anyio_backend(): return {backend!r}")
    suite.write("tests/test_async.py", ASYNC_TESTS)
    suite.run(plugins=ANYIO).assert_outcomes(passed=4)
    assert suite.log.count("startup") == suite.log.count("shutdown") == 4


@needs("pytest_asyncio")
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio(suite: Suite, mode: str) -> None:
    pytestmark = "pytestmark = pytest.mark.asyncio" if mode == "strict" else ""
    suite.write("tests/test_async.py", ASYNC_TESTS.replace("pytestmark = pytest.mark.anyio", pytestmark))
    suite.write("tests/test_sync.py", SYNC_TESTS)
    loop = ("-o", "asyncio_default_fixture_loop_scope=function", f"--asyncio-mode={mode}")
    suite.run(*loop, plugins=("pytest_asyncio.plugin", "anyio.pytest_plugin")).assert_outcomes(passed=8)
    assert suite.log.count("startup") == suite.log.count("shutdown") == 8


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sync(suite: Suite, backend: str) -> None:
    suite.write("tests/test_sync.py", SYNC_TESTS)
    suite.run(f"--probe-backend={backend}").assert_outcomes(passed=4)
    assert suite.log.count("startup") == suite.log.count("shutdown") == 4


def test_beside_specs(suite: Suite) -> None:
    suite.write("tests/test_sync.py", SYNC_TESTS)
    suite.write("tests/test_async.py", ASYNC_TESTS)
    suite.write("conftest.py", "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'")
    suite.write("specs/a.yaml", "checks: [{get: /}]")
    suite.run("specs", "tests", plugins=ANYIO).assert_outcomes(passed=9)


def test_one_app_for_the_session(suite: Suite) -> None:
    suite.write("tests/test_sync.py", SYNC_TESTS)
    suite.run("-o", "probe_app_scope=session").assert_outcomes(passed=4)
    assert suite.log == ["startup", "shutdown"]


def test_one_app_for_the_session_in_anyios_loop(suite: Suite) -> None:
    suite.write("conftest.py", "import pytest\n@pytest.fixture(scope='session')\ndef anyio_backend(): return 'asyncio'")
    suite.write("tests/test_async.py", ASYNC_TESTS)
    suite.run("-o", "probe_app_scope=session", plugins=ANYIO).assert_outcomes(passed=4)
    assert suite.log == ["startup", "shutdown"]


def test_an_app_lives_in_one_loop(suite: Suite) -> None:
    suite.write("conftest.py", "import pytest\n@pytest.fixture(scope='session')\ndef anyio_backend(): return 'asyncio'")
    suite.write(
        "tests/test_both.py",
        """
        import pytest

        @pytest.mark.anyio
        async def test_async(probe_client): pass

        def test_sync(probe_client): pass
        """,
    )
    ran = suite.run("-o", "probe_app_scope=session", plugins=ANYIO)
    ran.assert_outcomes(passed=1, errors=1)
    assert "probe_app was started by an async test of anyio, and this is a sync test" in ran.stdout.str()


@needs("pytest_asyncio")
@pytest.mark.parametrize(("fixtures", "outcome"), [("fixture-scope", "errors"), ("session", "failed")])
def test_a_test_in_another_loop_than_its_app(suite: Suite, fixtures: str, outcome: str) -> None:
    test = "import pytest\n@pytest.mark.asyncio\nasync def test_it(probe_client):\n    await probe_client.get('/')\n"
    suite.write("tests/test_it.py", test)
    options = ("-o", "probe_app_scope=session", "-o", f"asyncio_default_fixture_loop_scope={fixtures}")
    ran = suite.run(*options, plugins=("pytest_asyncio.plugin",))
    assert ran.parseoutcomes() == {outcome: 1}
    assert "probe_app lives in another event loop than this test" in ran.stdout.str()


def test_an_async_test_that_nobody_runs(suite: Suite) -> None:
    suite.write("tests/test_it.py", "async def test_it(probe_client):\n    pass\n")
    ran = suite.run()
    ran.assert_outcomes(errors=1)
    assert "nobody runs the async test 'test_it': mark it with @pytest.mark.anyio" in ran.stdout.str()


@pytest.mark.parametrize("marked", ["@pytest.mark.anyio\nasync ", ""])
def test_the_apps_traceback_is_in_the_report_of_a_failure(suite: Suite, marked: str) -> None:
    wait = "await " if marked else ""
    suite.write(
        "tests/test_it.py",
        f"""\
import pytest

@pytest.fixture
def anyio_backend(): return "asyncio"

{marked}def test_status(probe_client):
    response = {wait}probe_client.get("/raise")
    assert response.status_code == 200

{marked}def test_exit(probe_client):
    {wait}probe_client.get("/exit")

{marked}def test_passes(probe_client):
    assert ({wait}probe_client.get("/raise")).status_code == 500
""",
    )
    ran = suite.run(plugins=ANYIO)
    ran.assert_outcomes(passed=1, failed=2)
    ran.stdout.fnmatch_lines(
        [
            "*- the app's traceback: GET http://testserver/raise -*",
            '  File "app.py", line *, in _raise',
            "app.DroppedError: the order was dropped",
            "*- the app's traceback: AppExited -*",
            "SystemExit: 3",
        ]
    )
    assert ran.stdout.str().count("app.DroppedError") == 1


@pytest.mark.parametrize(
    ("given", "app"),
    [
        ("'app:without_lifespan'", "without_lifespan"),
        ("app.without_lifespan", "without_lifespan"),
        ("'other'", "without_lifespan"),
        ("None", "app"),
    ],
)
def test_a_target_of_ones_own(suite: Suite, given: str, app: str) -> None:
    suite.write(
        "asgi-probe.toml", "target = 'app'\ntargets.app.app = 'app:app'\ntargets.other.app = 'app:without_lifespan'"
    )
    suite.write(
        "conftest.py", f"import pytest, app\n@pytest.fixture(scope='session')\ndef probe_target(): return {given}"
    )
    suite.write("tests/test_it.py", f"import app\ndef test_it(probe_app):\n    assert probe_app is app.{app}\n")
    suite.run().assert_outcomes(passed=1)


def test_a_live_run_has_a_client_and_no_app(suite: Suite) -> None:
    suite.write(
        "tests/test_it.py",
        """
        import httpx
        import pytest

        def test_app(probe_app): raise AssertionError

        def test_client(probe_client):
            assert probe_client.base_url == "http://127.0.0.1:9"
            with pytest.raises(httpx.ConnectError):
                probe_client.get("/")
        """,
    )
    ran = suite.run("--probe-base-url", "http://127.0.0.1:9", "-rs")
    ran.assert_outcomes(passed=1, skipped=1)
    assert "there is no app in a live run" in ran.stdout.str()


def test_no_app(suite: Suite) -> None:
    suite.write("pyproject.toml", STRICT)
    suite.write("tests/test_it.py", "def test_it(probe_app): pass")
    ran = suite.run()
    ran.assert_outcomes(errors=1)
    assert "error: no app: say which with --probe-app module:attribute" in ran.stdout.str()


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("raises_at_start", "ERROR at setup of test_it"),
        ("fails_to_stop", "ERROR at teardown of test_it"),
    ],
)
@pytest.mark.parametrize("marked", ["@pytest.mark.anyio\nasync ", ""])
def test_an_app_that_does_not_start_or_stop(suite: Suite, app: str, told: str, marked: str) -> None:
    suite.write(
        "tests/test_it.py",
        "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        f"{marked}def test_it(probe_app): pass\n",
    )
    ran = suite.run("--probe-app", f"app:{app}", plugins=ANYIO)
    assert ran.parseoutcomes()["errors"] == 1
    assert told in ran.stdout.str()
    assert "app.DroppedError: " in ran.stdout.str()
