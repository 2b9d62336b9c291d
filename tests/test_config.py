from dataclasses import fields
from pathlib import Path

import pytest

from asgi_probe.config import (
    OF_APPS,
    OF_SERVICES,
    Config,
    Rate,
    Table,
    TargetConfig,
    WaitConfig,
    read_config,
    resolved,
)
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
    both = {
        "name", "app", "base_url", "timeout", "max_body", "concurrency", "headers", "params", "auth", "vars", "secrets",
        "rate", "openapi", "place", "rendered",
    }  # fmt: skip
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
    overrides = {"shop.deps:get_db" = "tests.fakes:get_db"}
    headers = {authorization = "Bearer ${env.T}", accept = ["a", "b"]}
    params = {page = 1}
    vars = {tenant = "acme", n = {deep = [1, true]}}
    secrets = ["tenant"]
    rate = "600/m"
    openapi = "docs/openapi.yaml"
    [tool.asgi-probe.targets.live]
    base_url = "https://shop.example"
    verify = "ca.pem"
    cert = "c.pem"
    key = "k.pem"
    proxy = "http://proxy:3128"
    http2 = true
    uds = "/run/shop.sock"
    wait = {url = "/health", within = "60s"}
    serve = "uvicorn shop:app"
    auth = {basic = ["me", "secret"]}
    """
    config = read_config(written(tmp_path, text))
    assert config.specs == ("specs", "more/*.yaml")
    assert config.target == "app"
    assert config.targets["app"] == TargetConfig(
        "app", "shop.main:make_app", factory=True, lifespan="on", root_path="/api", startup_timeout=60.0,
        shutdown_timeout=2.0, timeout=0.5, max_body=1024 * 1024, concurrency=4,
        overrides=Table({"shop.deps:get_db": "tests.fakes:get_db"}),
        headers=Table({"authorization": "Bearer ${env.T}", "accept": ["a", "b"]}), params=Table({"page": 1}),
        vars=Table({"tenant": "acme", "n": {"deep": [1, True]}}), secrets=("tenant",), rate=Rate("600/m", 10.0),
        openapi="docs/openapi.yaml",
    )  # fmt: skip
    assert config.targets["live"] == TargetConfig(
        "live", base_url="https://shop.example", verify="ca.pem", cert="c.pem", key="k.pem",
        proxy="http://proxy:3128", http2=True, uds="/run/shop.sock", wait=WaitConfig("/health", 60.0),
        serve="uvicorn shop:app", auth=Table({"basic": ["me", "secret"]}),
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
        f"{place}.targets.far] wait: expected a duration, or a table such as {{url = '/health', within = '60s'}}, "
        "found {'ur': '/'}",
        f"{place}.targets.both] a target takes either 'app' or 'base_url'",
        f"{place}.targets.none] a target takes either 'app' or 'base_url'",
        f"{place}] target 'ap' is not among its targets (did you mean 'app'?)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("specs = 3", "asgi-probe.toml: specs: expected a list of paths, found 3"),
        (
            "thresholds = 3",
            "asgi-probe.toml: thresholds: expected a list of texts such as 'p95(time) < 300ms', found 3",
        ),
        (
            "thresholds = [3]",
            "asgi-probe.toml: thresholds: expected a list of texts such as 'p95(time) < 300ms', found [3]",
        ),
        ("threshold = 'x'", "asgi-probe.toml: unknown key 'threshold' (did you mean 'thresholds'?)"),
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


def target_of(root: Path, text: str, kind: str = 'base_url = "http://h"') -> TargetConfig:
    config = read_config(written(root, f"[targets.t]\n{kind}\n{text}", "asgi-probe.toml"))
    return config.targets["t"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('wait = "60s"', {"wait": WaitConfig("/", 60.0)}),
        ("wait = 5", {"wait": WaitConfig("/", 5.0)}),
        ("wait = {}", {"wait": WaitConfig("/", 30.0)}),
        ('serve = ["python", "-m", "shop"]', {"serve": ("python", "-m", "shop")}),
        ('serve = "a"\nshutdown_timeout = "3s"', {"serve": "a", "shutdown_timeout": 3.0}),
        ('rate = "50/s"', {"rate": Rate("50/s", 50.0)}),
        ('openapi = "/v1/openapi.json"', {"openapi": "/v1/openapi.json"}),
        ('rate = "0.5 / s"', {"rate": Rate("0.5 / s", 0.5)}),
        ('rate = "3600/h"', {"rate": Rate("3600/h", 1.0)}),
        ('secrets = "token"', {"secrets": ("token",)}),
        ('auth = {call = "shop.auth:make"}', {"auth": Table({"call": "shop.auth:make"})}),
        ("auth = {netrc = true}", {"auth": Table({"netrc": True})}),
    ],
)
def test_ways_to_write_it(tmp_path: Path, text: str, expected: dict[str, object]) -> None:
    assert target_of(tmp_path, text) == TargetConfig("t", base_url="http://h", **expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('wait = "soon"', "wait: expected a duration, or a table"),
        ("wait = true", "wait: expected a duration, or a table"),
        ('serve = "a \'b"', "serve: expected a command such as 'uvicorn shop.main:app --port 8000'"),
        ('serve = " "', "serve: expected a command"),
        ('serve = "a\\u0000b"', "serve: expected a command"),
        ("serve = []", "serve: expected a command"),
        ("serve = [1]", "serve: expected a command"),
        ("serve = 1", "serve: expected a command"),
        ('rate = "50"', "rate: expected a rate such as '50/s', '600/m' or '1000/h', found '50'"),
        (
            "openapi = true",
            "openapi: expected the OpenAPI document's file, or its address such as '/v1/openapi.json', found True",
        ),
        ('rate = "0/s"', "rate: expected a rate"),
        ("rate = 50", "rate: expected a rate"),
        ('rate = "50/d"', "rate: expected a rate"),
        ('headers = {a = {b = "c"}}', "headers: expected a table of names, each with a value or a list of values"),
        ("headers = {a = [[1]]}", "headers: expected a table of names"),
        ("params = 3", "params: expected a table of names"),
        ('auth = {basic = ["me"]}', "auth: expected one of {basic = [user, password]}"),
        ('auth = {bearer = "hush", netrc = true}', "auth: expected one of"),
        ('auth = {call = "no function"}', "auth: expected one of"),
        ('auth = "hush"', "auth: expected one of"),
        ("vars = {env = 1}", "vars: expected a table of variables"),
        ('vars = {"a-b" = 1}', "vars: expected a table of variables"),
        ("vars = 1", "vars: expected a table of variables"),
        ("secrets = [1]", "secrets: expected a list of names of variables, found [1]"),
        ('secrets = ["a-b"]', "secrets: expected a list of names of variables"),
        ('overrides = {a = "b"}', "overrides means nothing to a live service"),
        ('open_api = "/openapi.json"', "unknown key 'open_api' (did you mean 'openapi'?)"),
        (
            'auth = {bearer = "t"}\nheaders = {Authorization = "x"}',
            "an authorization header beside 'auth': one of them would be lost",
        ),
    ],
)
def test_what_a_target_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        target_of(tmp_path, text)
    assert str(caught.value).startswith(f"asgi-probe.toml: [targets.t] {message}")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("overrides", ["{a = 1}", '{a = ""}', "3"])
def test_overrides_are_names(tmp_path: Path, overrides: str) -> None:
    with pytest.raises(UsageError, match="overrides: expected a table such as"):
        target_of(tmp_path, f"overrides = {overrides}", 'app = "a:b"')


def test_serve_is_not_for_apps(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="serve means nothing to an app in process"):
        target_of(tmp_path, 'serve = "a"', 'app = "a:b"')


def test_targets_are_keys_that_differ_by_what_they_hold(tmp_path: Path) -> None:
    first = target_of(tmp_path, "vars = {a = [1]}")
    same, other = target_of(tmp_path, "vars = {a = [1]}"), target_of(tmp_path, "vars = {a = [2]}")
    assert {first: 1, other: 2}[same] == 1
    assert TargetConfig(timeout=1.0).over(first).vars == first.vars
    assert TargetConfig(timeout=1.0).over(first).place == "asgi-probe.toml: [targets.t]"


def test_nothing_is_rendered_before_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    headers = {accept = ["a", 1, true], x = "${env.SHOP_X | default('y')}"}
    params = {page = 1, ratio = 0.5, none = "${env.SHOP_X | default(none)}", day = 2024-01-31}
    auth = {basic = ["${env.SHOP_TOKEN}", 1]}
    vars = {host = "${env.SHOP_HOST}", url = "http://${host}", kind = "${target} ${target_name}", l = [1, {a = "$${"}]}
    wait = {url = "/${env.SHOP_HOST}"}
    serve = "run '${env.SHOP_TOKEN}' --name='a b' ${env.SHOP_HOST} ${env.SHOP_X | default('two words')}"
    """
    for name in ("SHOP_TOKEN", "SHOP_HOST", "SHOP_X"):
        monkeypatch.delenv(name, raising=False)
    raw = target_of(tmp_path, text, 'base_url = "http://${env.SHOP_HOST}"')
    with pytest.raises(UsageError) as caught:
        resolved(raw, tmp_path)
    hint = "is not set (set it, or give a default: ${env.SHOP_TOKEN | default('…')})"
    lines = str(caught.value).splitlines()
    assert f"asgi-probe.toml: [targets.t] auth.basic: the environment variable 'SHOP_TOKEN' {hint}" in lines
    assert {line.split("] ")[1].split(":")[0] for line in lines} == {
        "base_url", "wait.url", "serve", "auth.basic", "vars.host",
    }  # fmt: skip
    monkeypatch.setenv("SHOP_TOKEN", "to ken${x}")
    monkeypatch.setenv("SHOP_HOST", "shop")
    found = resolved(raw, tmp_path)
    assert found.base_url == "http://shop"
    assert found.wait == WaitConfig("/shop", 30.0)
    assert found.serve == ("run", "to ken${x}", "--name=a b", "shop", "two words")
    assert found.headers == Table({"accept": ["a", "1", "true"], "x": ["y"]})
    assert found.params == Table({"page": ["1"], "ratio": ["0.5"], "none": [], "day": ["2024-01-31"]})
    assert found.auth == Table({"basic": ["to ken${x}", 1]})
    assert found.vars == Table(
        {"host": "shop", "url": "http://shop", "kind": "live t", "l": [1, {"a": "${"}]},
    )
    assert resolved(found, tmp_path) is found


def test_what_a_target_says_not_needs_no_rendering(tmp_path: Path) -> None:
    assert resolved(TargetConfig(app="a:b"), tmp_path) == TargetConfig(app="a:b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('headers = {a = "${tenant}"}', "headers.a: unknown variable 'tenant' (known here: target, target_name)"),
        ('headers = {a = "${"}', "headers.a: '${' is never closed"),
        ('headers = {a = "${fromjson(1)}"}', "headers.a: "),
        ('headers = {a = "${[[1], 2]}"}', "headers.a: gives a list or a mapping inside of a value"),
        ("params = {a = nan}", "params.a: nan is no number that could be sent"),
        ('vars = {a = "${b}", b = "${a}"}', "vars.a: the variables use each other"),
        ('vars = {a = "${target.x}"}', "vars.a: 'target' is 'live' and has no 'x'"),
        ('auth = {bearer = "${target.x}"}', "auth.bearer: 'target' is 'live' and has no 'x'"),
    ],
)
def test_what_cannot_be_rendered(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(target_of(tmp_path, text), tmp_path)
    assert str(caught.value).startswith(f"asgi-probe.toml: [targets.t] {message}")
