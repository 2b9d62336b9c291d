from dataclasses import fields
from pathlib import Path

import pytest

from asgi_probe.config import OF_APPS, OF_SERVICES, Config, TargetConfig, WaitConfig, read_config
from asgi_probe.errors import UsageError


def written(root: Path, text: str, name: str = "pyproject.toml") -> Path:
    (root / name).write_text(text, encoding="utf-8")
    return root


def test_nothing_configured(tmp_path: Path) -> None:
    assert read_config(tmp_path) == Config(tmp_path)


def test_another_tools_pyproject_is_no_configuration(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "[tool.ruff]\n")) == Config(tmp_path)


@pytest.mark.parametrize(
    "text", ["[tool.ruff\n", "[project]\ndependencies = ['asgi-probe'\n", "tool = 3\n", "[tool]\nruff = 3\n"]
)
def test_a_pyproject_without_us_is_not_our_business(tmp_path: Path, text: str) -> None:
    assert read_config(written(tmp_path, text)) == Config(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[tool.asgi-probe]\nspecs = [\n",
        "[tool.ruff\n[tool.asgi-probe.targets.app]\napp = 'a'\n",
        "x = \n  [ tool . 'asgi-probe' ]\n",
        "[tool.asgi-probe]\nspecs = " + "[" * 100_000,
    ],
)
def test_a_broken_pyproject_with_our_table_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"^pyproject\.toml cannot be read: "):
        read_config(written(tmp_path, text))


def test_a_pyproject_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"# \xff\n[tool.asgi-probe]\n")
    with pytest.raises(UsageError, match=r"^pyproject\.toml cannot be read: .*utf-8"):
        read_config(tmp_path)


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, "[tool]\nasgi-probe = 3\n"))
    assert str(caught.value) == "pyproject.toml: [tool.asgi-probe] expected a table, found 3"


def test_keys_that_mean_nothing_to_the_kind_of_target(tmp_path: Path) -> None:
    text = """
    [targets.app]
    app = "a"
    http2 = false
    wait = {}
    timeout = "1s"
    [targets.live]
    base_url = "http://h"
    factory = true
    startup_timeout = "1s"
    """
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, text, "asgi-probe.toml"))
    assert str(caught.value).splitlines() == [
        "asgi-probe.toml: [targets.app] http2 means nothing to an app in process",
        "asgi-probe.toml: [targets.app] wait means nothing to an app in process",
        "asgi-probe.toml: [targets.live] factory means nothing to a live service",
        "asgi-probe.toml: [targets.live] startup_timeout means nothing to a live service",
    ]


def test_every_key_but_those_for_both_belongs_to_a_kind() -> None:
    both = {"name", "app", "base_url", "timeout", "max_body", "concurrency"}
    assert {each.name for each in fields(TargetConfig)} - both == {*OF_APPS, *OF_SERVICES}


def test_every_key(tmp_path: Path) -> None:
    text = """
    [tool.asgi-probe]
    specs = ["specs", "more/*.yaml"]
    target = "app"
    [tool.asgi-probe.targets.app]
    app = "shop.main:make_app"
    factory = true
    lifespan = "on"
    root_path = "/api"
    startup_timeout = "1m"
    shutdown_timeout = 2
    timeout = "500ms"
    max_body = "1MiB"
    concurrency = 4
    [tool.asgi-probe.targets.live]
    base_url = "https://shop.example"
    verify = "ca.pem"
    cert = "c.pem"
    key = "k.pem"
    proxy = "http://proxy:3128"
    http2 = true
    uds = "/run/shop.sock"
    wait = {url = "/health", within = "60s"}
    """
    config = read_config(written(tmp_path, text))
    assert config.specs == ("specs", "more/*.yaml")
    assert config.target == "app"
    assert config.targets["app"] == TargetConfig(
        "app", "shop.main:make_app", factory=True, lifespan="on", root_path="/api", startup_timeout=60.0,
        shutdown_timeout=2.0, timeout=0.5, max_body=1024 * 1024, concurrency=4,
    )  # fmt: skip
    assert config.targets["live"] == TargetConfig(
        "live", base_url="https://shop.example", verify="ca.pem", cert="c.pem", key="k.pem",
        proxy="http://proxy:3128", http2=True, uds="/run/shop.sock", wait=WaitConfig("/health", 60.0),
    )  # fmt: skip


def test_a_file_of_its_own_comes_first_and_has_its_keys_at_the_top(tmp_path: Path) -> None:
    written(tmp_path, "[tool.asgi-probe]\nspecs = ['a']\n")
    written(tmp_path, "specs = 'b'\n", "asgi-probe.toml")
    assert read_config(tmp_path).specs == ("b",)


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = """
    [tool.asgi-probe]
    spec = ["specs"]
    target = "ap"
    [tool.asgi-probe.targets.app]
    app = 1
    lifespan = "maybe"
    timeout = "soon"
    concurrency = 0
    [tool.asgi-probe.targets.far]
    base_url = "http://h"
    wait = {ur = "/"}
    [tool.asgi-probe.targets.both]
    app = "a"
    base_url = "http://h"
    [tool.asgi-probe.targets.none]
    """
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, text))
    place = "pyproject.toml: [tool.asgi-probe"
    assert str(caught.value).splitlines() == [
        f"{place}] unknown key 'spec' (did you mean 'specs'?)",
        f"{place}.targets.app] app: expected an import string such as 'shop.main:app', found 1",
        f"{place}.targets.app] lifespan: expected 'auto', 'on' or 'off', found 'maybe'",
        f"{place}.targets.app] timeout: expected a duration such as '30s', found 'soon'",
        f"{place}.targets.app] concurrency: expected a whole number from 1, found 0",
        f"{place}.targets.far] wait: expected a table such as {{url = '/health', within = '60s'}}, found {{'ur': '/'}}",
        f"{place}.targets.both] a target takes either 'app' or 'base_url'",
        f"{place}.targets.none] a target takes either 'app' or 'base_url'",
        f"{place}] target 'ap' is not among its targets (did you mean 'app'?)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("specs = 3", "asgi-probe.toml: specs: expected a list of paths, found 3"),
        ("targets = 3", "asgi-probe.toml: targets: expected tables, found 3"),
        ("targets.a = 3", "asgi-probe.toml: [targets.a] expected a table, found 3"),
        ("specs = [", "asgi-probe.toml cannot be read: "),
    ],
)
def test_wrong_shapes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, text, "asgi-probe.toml"))
    assert str(caught.value).startswith(message)


def test_what_is_said_wins_over_what_is_weaker() -> None:
    strong = TargetConfig(timeout=1.0, http2=False)
    weak = TargetConfig("live", base_url="http://h", timeout=2.0, http2=True)
    assert strong.over(weak) == TargetConfig("live", base_url="http://h", timeout=1.0, http2=False)
