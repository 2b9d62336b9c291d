"""One request on the command line: what is sent, what is judged, what is printed where, and the exit code."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.project import interrupted
from tests.hostile import HostileServer

IN_PROCESS = ("--app", "app:app")


@pytest.fixture
def server():
    with HostileServer() as server:
        yield server


def get(project, *args, **environment):
    return project.command("get", *args, *IN_PROCESS, **environment)


def echoed(project, *args, **environment):
    """What the app was sent."""
    ran = project.command(*args, *IN_PROCESS, "--print", "json", **environment)
    assert ran.exit == 0, ran.said
    return json.loads(ran.out)


def test_all_is_well_in_a_line(project):
    ran = get(project, "/ok")
    assert ran.exit == 0
    assert ran.out.startswith("✓ GET http://testserver/ok 200 OK  ")
    assert ran.out.endswith(" ms\n")
    assert ran.out.count("\n") == 1
    assert ran.err == ""


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["/status/399"], 0),
        (["/status/400"], 1),
        (["/status/404", "-e", "status=404"], 0),
        (["/status/404", "-e", "status=4xx", "-e", "status!=403"], 2),
        (["/ok", "-e", "status=200", "-e", "$.ok=true", "-e", "header.content-type~=json", "-e", "time<5s"], 0),
        (["/ok", "--expect", "$.ok=1"], 1),
        (["/ok", "-e", "$.ok:={$is: boolean}", "-e", "text:={$length: {$gt: 3}}", "-e", "size>=3"], 0),
        (["/login/a", "-e", "cookie.sid=a", "-e", "cookie.sid!=b"], 2),
        (["/login/a", "-e", "cookie.sid=a", "-e", "$.id=7"], 0),
        (["/ok", "-e", "stauts=200"], 2),
        (["/sleep/5", "--timeout", "50ms"], 1),
        (["/sleep/5", "--timeout", "50ms", "-e", "error=timeout"], 0),
        (["/sleep/5", "--timeout", "soon"], 2),
        (["/flaky/3"], 1),
        (["/raise"], 1),
        (["/ok", "--retry", "-1"], 2),
        (["/ok", "-v", "-q"], 2),
        ([""], 2),
    ],
)
def test_exit_codes(project, args, code):
    ran = get(project, *args)
    assert ran.exit == code, ran.said
    assert "bug" not in ran.said


@pytest.mark.parametrize("name", ["get", "head", "post", "put", "patch", "delete", "options"])
def test_each_method(project, name):
    expected = ["-e", f"$.method={name.upper()}"] if name != "head" else []
    ran = project.command(name, "/echo", *IN_PROCESS, *expected)
    assert ran.exit == 0, ran.said
    assert ran.out.startswith(f"✓ {name.upper()} http://testserver/echo 200 OK")


@pytest.mark.parametrize(("method", "code"), [("PURGE", 0), ("purge", 0), ("P U", 2), ("", 2), ("${m}", 2)])
def test_any_method(project, method, code):
    ran = project.command("request", method, "/echo", *IN_PROCESS, "-e", "$.method=PURGE")
    assert ran.exit == code, ran.said


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_is_sent(project, backend):
    (project.root / "body.json").write_text('{"n": 1.10}')
    sent = echoed(
        project, "post", "/echo?a=1", "--json", "@body.json", "-H", "X-A: ${env.HOME}", "--header", "user-agent:",
        "--param", "b=${x}", "--param", "b=2", "--param", "c=", "--backend", backend,
    )  # fmt: skip
    assert (sent["method"], sent["body"]) == ("POST", '{"n": 1.10}')
    assert sent["query"] == {"a": "1", "b": "${x}"}
    assert sent["headers"]["x-a"] == "${env.HOME}"
    assert sent["headers"]["content-type"] == "application/json"
    assert "user-agent" not in sent["headers"]


def test_bodies(project):
    assert echoed(project, "put", "/echo", "--body", "${x} @y")["body"] == "${x} @y"
    form = echoed(project, "post", "/echo", "--form", "a=1", "--form", "a=${b}", "--form", "c=")
    assert form["body"] == "a=1&a=%24%7Bb%7D&c="
    typed = echoed(project, "post", "/echo", "--json", "[1]", "-H", "Content-Type: application/x+json")
    assert typed["headers"]["content-type"] == "application/x+json"


def test_a_body_from_standard_input(project):
    ran = subprocess.run(
        [sys.executable, "-m", "asgi_probe", "post", "/echo", *IN_PROCESS, "--json", "-", "--print", "$.body"],
        cwd=project.root, env=project.environment(), input=b'{"a": 1}', capture_output=True, check=True,
    )  # fmt: skip
    assert ran.stdout == b'{"a": 1}\n'


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--json", "{a}"], "--json is not JSON from line 1, column 2"),
        (["--json", "@nope"], "--json '@nope' cannot be read: No such file or directory"),
        (["--json", "@image"], "--json is not UTF-8"),
        (["--body", "@."], "--body '@.' cannot be read"),
        (["--json", "1", "--body", "1"], "--json and --body exclude each other"),
        (["--body", "1", "--form", "a=1"], "--body and --form exclude each other"),
        (["--form", "a"], "--form expects NAME=VALUE, found no '='"),
        (["--param", "=a"], "--param expects NAME=VALUE"),
        (["-H", "authorization s3cret-s3cret"], "--header expects NAME: VALUE, found no ':'"),
        (["--auth", "s3cret-s3cret"], "--auth expects USER:PASSWORD"),
        (["--auth", "a:b", "--bearer", "c"], "--auth and --bearer exclude each other"),
        (["--print", "bdoy"], "command line:2:9: error: 'bdoy' is no source"),
        (["-H", "authorization: x", "--bearer", "abcd"], "an authorization header beside 'auth'"),
        (["--report", "nope=x"], "unknown report format 'nope'"),
        (["--wait", "1s"], ""),
    ],
)
def test_wrong_usage(project, args, told):
    (project.root / "image").write_bytes(b"\xff\xd8")
    ran = project.command("post", "/echo", *IN_PROCESS, *args)
    assert ran.exit == (2 if told else 0), ran.said
    assert told in ran.said
    assert "s3cret" not in ran.said
    assert project.log == [] or not told


def test_whoever_is_not_named(project):
    ran = project.command("get", "/ok")
    assert (ran.exit, "no target: say whom to ask" in ran.err) == (2, True)
    ran = project.command("get", "localhost:8000/ok")
    assert (ran.exit, "did you mean 'http://localhost:8000/ok'?" in ran.err) == (2, True)
    ran = project.command("get", "ftp://localhost/ok")
    assert (ran.exit, "begins with 'ftp'" in ran.err) == (2, True)


def test_the_configured_target(project):
    project.write("pyproject.toml", '[tool.asgi-probe]\ntarget = "t"\n[tool.asgi-probe.targets.t]\napp = "app:app"')
    assert project.command("get", "/ok", "-e", "$.ok=true").exit == 0
    assert project.command("get", "/ok", "--target", "x").exit == 2
    assert project.command("get", "/ok", ASGI_PROBE_APP="app:nope").exit == 3


def test_a_url_outranks_all_but_flags(project, server):
    url = f"{server.base_url}/ok"
    assert project.command("get", url, ASGI_PROBE_APP="app:app").exit == 0
    assert project.command("get", url, *IN_PROCESS).exit == 0
    assert [asked.path for asked in server.requests] == ["/ok", "/ok"]
    assert project.command("get", "/ok", ASGI_PROBE_BASE_URL=server.base_url).exit == 0


def test_live(project, server):
    ran = project.command("get", f"{server.base_url}/redirect?to=/echo", "--follow", "-e", "status=200", "-v")
    assert ran.exit == 0, ran.said
    assert "\n> GET " in ran.out
    assert "\n< HTTP/1.1 200 OK" in ran.out
    ran = project.command("get", server.base_url, "-e", "status=404")
    assert ran.exit == 0, ran.said


def test_nobody_listens(project):
    ran = project.command("get", "http://127.0.0.1:1/x?y#z")
    assert ran.exit == 3
    assert "command line:1:17: error: connection refused by 127.0.0.1:1" in ran.out
    assert "run again" not in ran.out
    ran = project.command("get", "http://127.0.0.1:1/x", "-e", "error=connect")
    assert ran.exit == 0
    assert ran.out.startswith("✓ GET http://127.0.0.1:1/x no answer, as expected")


def test_a_failure_is_told_as_by_run(project):
    typed = ("/ok", "-e", "status=404", "-e", "$.ok=no", "-e", "$.a:={$gt: 3}")
    ran = get(project, *typed)
    assert ran.exit == 1
    for part in (
        "command line:2:17: status: expected 404, got 200\n          2 | --expect status=404\n"
        "            |                 ^^^\n",
        "command line:3:16: jsonpath $.ok: expected 'no', got true (a boolean)\n          3 | --expect '$.ok=no'\n"
        "            |                ^^\n",
        "command line:4:16: jsonpath $.a: is missing; there are: ok\n",
        "      > GET http://testserver/ok\n",
        '      < {"ok": true}\n',
        "\n1 failed in ",
    ):
        assert part in ran.out
    assert get(project, *typed, "-q").out.count("expected 404") == 1


def test_quiet_and_retry(project):
    assert get(project, "/ok", "-q").said == ""
    ran = get(project, "/flaky/2", "--retry", "2")
    assert ran.exit == 0
    assert ran.out.startswith("↻ GET http://testserver/flaky/2 200 OK")
    assert "passed at attempt 2; at first status:" in ran.out


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("body", '{"ok": true}\n'),
        ("text", '{"ok": true}\n'),
        ("$.ok", "true\n"),
        ("$", '{"ok": true}\n'),
        ("header.Content-Type", "application/json\n"),
        ("status", "200\n"),
    ],
)
def test_print(project, source, printed):
    ran = get(project, "/ok", "--print", source)
    assert (ran.exit, ran.out) == (0, printed)
    assert ran.err.startswith("✓ GET")


def test_print_has_standard_output_to_itself(project):
    ran = get(project, "/print", "--print", "status")
    assert (ran.exit, ran.out) == (0, "200\n")


def test_nothing_is_printed_where_not_all_is_well(project):
    ran = get(project, "/ok", "--print", "body", "-e", "status=201")
    assert (ran.exit, ran.out) == (1, "")
    assert "expected 201, got 200" in ran.err
    ran = get(project, "/ok", "--print", "$.id")
    assert (ran.exit, ran.out) == (1, "")
    assert "command line:2:10: save.printed: nothing to save as 'printed': $.id is missing" in ran.err


def test_a_reader_that_goes_away(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "get", "/sleep/0.5", *IN_PROCESS, "--print", "body"],
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    told = process.communicate()[1]
    assert (process.returncode, b"bug" in told) == (0, False)


def test_a_full_disk(project):
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "asgi_probe", "get", "/ok", *IN_PROCESS, "--print", "body"],
            cwd=project.root, env=project.environment(), stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
        told = process.communicate()[1]
    assert (process.returncode, b"error: the output cannot be written: No space left on device" in told) == (1, True)


def test_closed_standard_output(project):
    ran = subprocess.run(
        f'"{sys.executable}" -m asgi_probe get /ok --app app:app --print body >&-',
        shell=True, cwd=project.root, env=project.environment(), stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


SECRET = "s3cret-s3cret"


@pytest.mark.parametrize(
    ("args", "environment"),
    [
        (["/echo", "--bearer", SECRET], {}),
        (["/echo"], {"ASGI_PROBE_BEARER": SECRET}),
        (["/echo", "--auth", f"user:{SECRET}"], {}),
        (["/echo"], {"ASGI_PROBE_AUTH": f"user:{SECRET}"}),
        (["/echo", "-H", f"Authorization: Bearer {SECRET}"], {}),
        (["/echo", "-H", f"x-api-key: {SECRET}"], {}),
    ],
)
def test_credentials_are_sent_and_never_told(project, args, environment):
    ran = get(project, *args, "-v", "-e", "$.headers.nope=1", "--report", "ndjson=events.ndjson", **environment)
    assert ran.exit == 1
    assert "***" in ran.out
    for told in (ran.said, (project.root / "events.ndjson").read_text()):
        assert SECRET not in told
        assert "czNjcmV0" not in told
    name = "x-api-key" if "x-api-key" in str(args) else "authorization"
    assert (
        get(
            project,
            *args,
            "-e",
            "header.content-type:=application/json",
            "-e",
            f"$.headers['{name}']:={{$is: present}}",
            **environment,
        ).exit
        == 0
    )


def test_credentials_in_a_url(project, server):
    address = server.base_url.replace("//", f"//user:{SECRET}@")
    ran = project.command("get", f"{address}/echo", "-v", "-e", "status=201")
    assert ran.exit == 1
    assert SECRET not in ran.said
    assert server.requests[0].header("authorization").startswith("Basic ")


def test_a_short_password_garbles_nothing(project):
    ran = get(project, "/echo", "--auth", "u:a", "-e", "$.method=GET")
    assert ran.exit == 0
    assert "***" not in ran.said


def test_interrupted(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "get", "/hang/here", *IN_PROCESS],
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    project.wait_for("hangs here")
    ran = interrupted(process, signal.SIGINT)
    assert ran.exit == 130
    assert "interrupted" in ran.out
    assert "left here" in project.log


def test_an_app_that_does_not_start_or_stop(project):
    assert project.command("get", "/ok", "--app", "app:fails_to_start").exit == 3
    ran = project.command("get", "/ok", "--app", "app:fails_to_stop")
    assert ran.exit == 1
    assert "shutdown failed" in ran.said


def test_warnings_are_told(project):
    ran = get(project, "/after")
    assert ran.exit == 0
    assert "the mail was not sent" in ran.said
    ran = get(project, "/ok", "--http2")
    assert (ran.exit, "warning: --http2 means nothing to an app in process" in ran.said) == (0, True)


def test_uds(project, tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "asgi_probe", "get", "http://shop/ok", "--uds", str(path)],
            cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        connected, _ = listener.accept()
        with connected:
            assert connected.recv(65536).startswith(b"GET /ok HTTP/1.1\r\n")
            connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        assert process.wait(30) == 0
        process.communicate()


def test_hostile_answers_steer_no_terminal(project, server):
    ran = project.command("get", f"{server.base_url}/echo?\x1b[31m", "-v")
    assert "\x1b" not in ran.said


def test_start_up_imports_no_framework(project, server):
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "asgi_probe", "get", f"{server.base_url}/ok"],
        cwd=project.root, env=project.environment(), capture_output=True, check=True, text=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}
    assert "asgi_probe.target.live" in imported
    assert imported.isdisjoint({"fastapi", "starlette", "pydantic", "jinja2", "rich", "trio", "lxml", "sqlalchemy"})


def test_help(project):
    listed = project.command("--help").out
    for name in ("get", "head", "post", "put", "patch", "delete", "options", "request"):
        assert f" {name} " in listed
    told = project.command("patch", "-h").out
    assert "Send one PATCH request" in told
    assert "asgi-probe patch /health" in told
    assert "METHOD" not in told.replace("FORMAT", "")
    assert "METHOD" in project.command("request", "--help").out
