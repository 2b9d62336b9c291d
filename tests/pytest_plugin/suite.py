"""A small project with specs and tests, and real pytest runs in processes of their own."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
_TIME = re.compile(r"\d+(\.\d+)? (ms|s)\b")

CONFIGURED = """
[tool.asgi-probe]
specs = ["specs"]
target = "app"

[tool.asgi-probe.targets.app]
app = "app:app"
"""
STRICT = """
[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = ["--strict-markers", "--strict-config"]
filterwarnings = ["error"]
"""


class Suite:
    """A folder with `app.py`, a `pyproject.toml`, and what a test writes into it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path
        shutil.copy(REPOSITORY / "tests" / "cli" / "shop.py", self.root / "app.py")
        self.write("pyproject.toml", CONFIGURED + STRICT)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")

    def run(self, *args: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        """Run pytest with our plugin and these alone."""
        named = ("asgi_probe.pytest_plugin", *plugins)
        return self.pytester.runpytest_subprocess(*(word for name in named for word in ("-p", name)), *args)

    @property
    def log(self) -> list[str]:
        """What the app noted."""
        path = self.root / "log.txt"
        return path.read_text().splitlines() if path.exists() else []


def prepared(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    for name in ("ASGI_PROBE_APP", "ASGI_PROBE_BASE_URL", "ASGI_PROBE_TARGET", "PYTEST_ADDOPTS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return Suite(pytester)


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


def timeless(text: str) -> str:
    """Without times, and the blanks that align them."""
    return re.sub(r" +", " ", _TIME.sub("T", text))
