"""The specs that are measured."""

from pathlib import Path

_CHECK = """\
  - name: item {number}
    get: /items/{number}
    expect:
      status: 200
      headers:
        content-type: application/json
      json: {{id: {number}, tags: [new, red]}}
      jsonpath:
        $.owner.name: Ann
"""

_TESTS = """\
import pytest
from httpx import ASGITransport, AsyncClient

from tests.benchmarks.items_app import app


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("number", range({count}))
async def test_item(number):
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as ac:
        response = await ac.get(f"/items/{{number}}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    data = response.json()
    assert (data["id"], data["tags"]) == (number, ["new", "red"])
    assert data["owner"]["name"] == "Ann"
"""


def item_checks(count: int, first: int = 0) -> str:
    """A spec of checks with four expectations each, ten lines or so a check."""
    return "checks:\n" + "".join(_CHECK.format(number=number) for number in range(first, first + count))


def hand_written_tests(count: int) -> str:
    """The same checks as async tests, written as FastAPI's documentation shows them."""
    return _TESTS.format(count=count)


def write(folder: Path, name: str, text: str) -> Path:
    """A spec file in a folder that is a project's root."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asgi-probe.toml").touch()
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
