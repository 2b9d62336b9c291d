"""Secrets never appear: whoever gives them, in whatever form, wherever something is written."""

import base64
import json
from urllib.parse import quote

import pytest

SECRET = 'p@ss "wörd"/+?'
FORMS = (
    SECRET,
    quote(SECRET, safe=""),
    json.dumps(SECRET)[1:-1],
    base64.b64encode(SECRET.encode()).decode().rstrip("="),
    base64.b64encode(f"ada:{SECRET}".encode()).decode()[8:-4],
)
APP = """
import json
import logging
import warnings


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError(f"the shutdown knows {SEEN}")
    body = (await receive())["body"].decode()
    SEEN.append(json.loads(body)["password"])
    print("printed", SEEN)
    logging.getLogger("shop").warning("logged %s", SEEN)
    if scope["path"] == "/raise":
        raise ValueError(f"the password {SEEN[0]} is wrong")
    headers = [(b"x-echo", SEEN[0].encode()), (b"set-cookie", b"a=b")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
    raise RuntimeError(f"late {SEEN[0]}")


SEEN = []
"""
SPEC = """
%s
checks:
  - name: echoed
    post: /echo?key=${password | urlencode}
    headers: {x-key: "${password | b64encode}"}
    auth: {basic: [ada, "${password}"]}
    json: {password: "${password}"}
    expect: {json: {password: "not ${password}"}, text: "${password}!"}
  - name: raised
    post: /raise
    json: {password: "${password}"}
"""


def assert_nothing_is_told(*texts: str) -> None:
    for text in texts:
        assert text
        for form in FORMS:
            assert form not in text, form


@pytest.mark.parametrize(
    ("top", "args", "environment"),
    [
        ("", ["--secret", f"password={SECRET}"], {}),
        ("", [], {"ASGI_PROBE_SECRET_PASSWORD": SECRET}),
        ("secrets: [password]", ["--var", f"password={SECRET}"], {}),
        (f"secrets: password\nvars: {{password: {json.dumps(SECRET)}}}", [], {}),
    ],
    ids=["flag", "environment", "named", "vars"],
)
def test_a_secret_is_told_nowhere(project, top, args, environment):
    project.write("shop.py", APP)
    (project.root / "a.yaml").write_text(SPEC % top, encoding="utf-8")
    ran = project.run("--app", "shop:app", "-v", "--show-logs", *args, "a.yaml", **environment)
    assert ran.exit == 1
    report = (project.root / "events.ndjson").read_text(encoding="utf-8")
    told = ran.said.replace(json.dumps(SECRET), "") if "vars" in top else ran.said
    assert_nothing_is_told(told, report)
    assert "the password *** is wrong" in ran.out
    assert "logged ['***" in ran.out
    assert "the shutdown knows" in ran.said


def test_a_targets_secret_is_told_nowhere(project):
    project.write("shop.py", APP)
    project.write("a.yaml", SPEC % "")
    (project.root / "pyproject.toml").write_text(
        '[tool.asgi-probe]\ntarget = "app"\n[tool.asgi-probe.targets.app]\napp = "shop:app"\n'
        f'secrets = ["password"]\nvars = {{password = {json.dumps(SECRET)}}}\n',
        encoding="utf-8",
    )
    ran = project.run("-v", "a.yaml")
    assert ran.exit == 1
    assert_nothing_is_told(ran.said, (project.root / "events.ndjson").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("args", "environment", "told"),
    [
        (["--secret", "a=123"], {}, "the secret 'a' is shorter than 4 characters and cannot be masked"),
        (["--secret", "hunter22"], {}, "--secret: expected name=text"),
        (["--secret", "a-b=hunter22"], {}, "--secret: 'a-b' cannot name a variable"),
        ([], {"ASGI_PROBE_SECRET_ENV": "hunter22"}, "--secret: 'env' cannot name a variable"),
    ],
)
def test_what_is_no_secret(project, args, environment, told):
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.probe("a.yaml", *args, **environment)
    assert ran.exit == 2
    assert told in ran.err
    assert "hunter22" not in ran.said


@pytest.mark.parametrize("command", ["lint", "list"])
def test_no_command_tells_a_secret(project, command):
    project.write("a.yaml", "checks: [{name: 'with ${key}', get: /ok}, {skip: 'for ${key}', get: /ok}]")
    for args, environment in ((["--secret", "key=hunter22"], {}), ([], {"ASGI_PROBE_SECRET_KEY": "hunter22"})):
        ran = project.command(command, "a.yaml", *args, **environment)
        assert ran.exit == 0, ran.said
        assert "hunter22" not in ran.said
        assert ("with ***" in ran.out) == (command == "list")


def test_diagnostics_tell_no_secret(project):
    project.write("a.yaml", "secrets: password\nchecks: [{get: /ok, timeout: '${password}', repeat: '${password}'}]")
    ran = project.probe("a.yaml", "--secret", "password=hunter22")
    assert ran.exit == 2
    assert "hunter22" not in ran.said
    assert "***" in ran.said


def test_credentials_are_shown_when_that_is_asked_for(project):
    project.write(
        "a.yaml",
        """
        checks:
          - get: /ok
            headers: {authorization: Key abcdef, x-api-key: hunter22}
            expect: 404
        """,
    )
    hidden = project.probe("a.yaml")
    shown = project.probe("a.yaml", "--show-credentials", "--secret", "key=hunter22")
    assert "abcdef" not in hidden.out
    assert "authorization: Key abcdef" in shown.out
    assert "x-api-key: ***" in shown.out
    assert "hunter22" not in hidden.said + shown.said


def test_what_one_file_calls_secret_is_masked_in_all(project):
    project.write("shop.py", APP)
    project.write("a.yaml", "secrets: [pin]\nvars: {pin: '${env.SHOP_PIN}'}\nchecks: [{get: '/a?q=${pin}'}]")
    project.write("b.yaml", "checks: [{get: '/b?q=${env.SHOP_PIN}', json: {password: sesame-street}}]")
    ran = project.run("--app", "shop:app", "-v", "a.yaml", "b.yaml", SHOP_PIN="sesame-street")
    assert ran.exit == 1
    assert "/b?q=***" in ran.out
    assert "sesame-street" not in ran.said.replace("{password: sesame-street}", "")
    assert "sesame-street" not in (project.root / "events.ndjson").read_text(encoding="utf-8")
