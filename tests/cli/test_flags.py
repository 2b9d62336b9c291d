"""Every flag has an effect; what wins when several say something."""

import json
import socket
import threading
import time

import pytest

from tests.hostile import HostileServer

OK = "checks: [{name: fine, get: /ok}]\n"


def target_of(project):
    (started,) = project.events("run_started")
    return started["target"]


# whom to ask


@pytest.mark.parametrize("named", ["app:app", "app.py", "app", "./app.py"])
def test_app(project, named):
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", app=named)
    assert ran.exit == 0, ran.said
    assert target_of(project)["kind"] == "app"
    assert project.log == ["startup", "shutdown"]


@pytest.mark.parametrize(("factory", "word"), [("make_app", "made"), ("make_app_later", "made later")])
def test_factory(project, factory, word):
    project.write("a.yaml", OK)
    assert project.probe("--factory", "a.yaml", app=f"app:{factory}").exit == 0
    assert project.log == [word, "startup", "shutdown"]


def test_a_factory_without_its_flag_is_told(project):
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", app="app:make_app")
    assert ran.exit == 3
    assert "--factory" in ran.err


@pytest.mark.parametrize(
    ("app", "mode", "code", "log"),
    [
        ("app", "auto", 0, ["startup", "shutdown"]),
        ("app", "on", 0, ["startup", "shutdown"]),
        ("app", "off", 0, []),
        ("without_lifespan", "auto", 0, []),
        ("without_lifespan", "on", 3, []),
        ("fails_to_start", "off", 0, []),
    ],
)
def test_lifespan(project, app, mode, code, log):
    project.write("a.yaml", OK)
    ran = project.probe("--lifespan", mode, "a.yaml", app=f"app:{app}")
    assert ran.exit == code, ran.said
    assert project.log == log


def test_root_path(project):
    project.write("a.yaml", "checks: [{get: /echo, expect: {json: {root_path: /api, path: /api/echo}}}]")
    assert project.probe("--root-path", "/api", "a.yaml").exit == 0
    assert project.probe("a.yaml").exit == 1


def test_base_url(project):
    project.write("a.yaml", "checks: [{get: /ok, expect: {json: {ok: true}}}]")
    with HostileServer() as server:
        assert project.run("--base-url", server.base_url, "a.yaml").exit == 0
    assert target_of(project) == {"name": "live", "kind": "live", "address": server.base_url}


def test_target(project):
    project.write(
        "pyproject.toml",
        """
        [tool.asgi-probe]
        target = "plain"
        [tool.asgi-probe.targets.plain]
        app = "app:app"
        [tool.asgi-probe.targets.rooted]
        app = "app:app"
        root_path = "/api"
        """,
    )
    project.write("a.yaml", "checks: [{get: /echo, expect: {json: {root_path: /api}}}]")
    assert project.run("a.yaml").exit == 1
    assert project.run("--target", "rooted", "a.yaml").exit == 0
    assert target_of(project)["name"] == "rooted"
    ran = project.run("--target", "roted", "a.yaml")
    assert (ran.exit, "did you mean 'rooted'" in ran.err) == (2, True)


LIVE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("flags", "environment", "told"),
    [
        (["--app", "app:app", "--base-url", LIVE], {}, "--app and --base-url exclude each other: say one of them"),
        (["--app", "app:app", "--target", "t"], {}, "--app and --target exclude each other"),
        (["--base-url", LIVE, "--target", "t"], {}, "--base-url and --target exclude each other"),
        ([], {"ASGI_PROBE_APP": "app:app", "ASGI_PROBE_BASE_URL": LIVE}, "--app and --base-url exclude each other"),
        ([], {"ASGI_PROBE_APP": "app:app", "ASGI_PROBE_TARGET": "t"}, "--app and --target exclude each other"),
        (["--app", ""], {}, "--app is empty"),
        (["--target", ""], {"ASGI_PROBE_APP": "app:app"}, "--target is empty"),
        (["--app", "app:app", "-q", "-v"], {}, "--verbose and --quiet exclude each other"),
    ],
)
def test_flags_that_exclude_each_other(project, flags, environment, told):
    project.write("a.yaml", OK)
    ran = project.run(*flags, "a.yaml", **environment)
    assert (ran.exit, told in ran.err) == (2, True), ran.said
    assert project.log == []


@pytest.mark.parametrize(
    ("flags", "environment", "kind"),
    [
        (["--base-url"], {"ASGI_PROBE_APP": "app:app"}, "live"),
        (["--base-url"], {"ASGI_PROBE_APP": "app:app", "ASGI_PROBE_TARGET": "nowhere"}, "live"),
        (["--app", "app:app"], {"ASGI_PROBE_BASE_URL": LIVE}, "app"),
        (["--target", "t"], {"ASGI_PROBE_BASE_URL": LIVE, "ASGI_PROBE_APP": "x"}, "app"),
    ],
)
def test_the_command_line_wins_over_the_environment(project, flags, environment, kind):
    project.write("pyproject.toml", '[tool.asgi-probe.targets.t]\napp = "app:app"\n')
    project.write("a.yaml", OK)
    with HostileServer() as server:
        ran = project.run(*[*flags, server.base_url][:2], "a.yaml", **environment)
    assert ran.exit == 0, ran.said
    assert target_of(project)["kind"] == kind
    assert "run --" not in ran.out


def test_what_runs_again_is_what_won(project):
    project.write("a.yaml", "checks: [{name: bad, get: /ok, expect: 404}]")
    ran = project.run("--app", "app:app", "a.yaml", ASGI_PROBE_BASE_URL=LIVE, ASGI_PROBE_TARGET="t")
    assert "  asgi-probe run --app app:app a.yaml::bad" in ran.out.splitlines()


def test_credentials_are_never_told(project):
    project.write("a.yaml", "checks: [{name: bad, get: /ok, expect: 404}]")
    with HostileServer() as server:
        live = server.base_url.replace("//", "//bob:s3cret@")
        proxy = server.base_url.replace("http://", "ann:hidden@")
        ran = project.run("--base-url", live, "--proxy", proxy, "a.yaml")
        port = server.base_url.rpartition(":")[2]
    assert ran.exit == 1
    again = f"  asgi-probe run --base-url 'http://***@127.0.0.1:{port}' --proxy '***@127.0.0.1:{port}' a.yaml::bad"
    assert again in ran.out.splitlines()
    assert not any(word in ran.said for word in ("bob", "s3cret", "ann:", "hidden"))


def test_wait_until_the_service_is_up(project):
    project.write("a.yaml", "checks: [{get: /ok}]")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    answers = [b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"] * 2
    answers += [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"] * 2
    asked = []

    def serve():
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", port)) as listener:
            for answer in answers:
                connected, _ = listener.accept()
                with connected:
                    asked.append(connected.recv(65536).split(b" ")[1].decode())
                    connected.sendall(answer)

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    ran = project.run("--base-url", f"http://127.0.0.1:{port}", "--wait", "20s", "--wait-url", "/ready", "a.yaml")
    assert ran.exit == 0, ran.said
    assert asked == ["/ready", "/ready", "/ready", "/ok"]


def test_wait_is_bounded(project):
    project.write("a.yaml", OK)
    ran = project.run("--base-url", "http://127.0.0.1:1", "--wait", "300ms", "a.yaml")
    assert ran.exit == 3
    assert "0.3 s" in ran.said
    assert project.end["exit_code"] == 3


def test_wait_url_wants_wait(project):
    project.write("a.yaml", OK)
    ran = project.run("--base-url", "http://127.0.0.1:1", "--wait-url", "/up", "a.yaml")
    assert (ran.exit, "--wait 30s" in ran.err) == (2, True)


def test_proxy(project):
    project.write("a.yaml", OK)
    with HostileServer() as proxy:
        # the proxy plays the service: it is asked with the whole URL, and knows no such path
        project.run("--proxy", proxy.base_url, "--base-url", "http://shop.invalid", "a.yaml")
    assert [asked.target for asked in proxy.requests] == ["http://shop.invalid/ok"]


def test_uds(project, tmp_path):
    project.write("a.yaml", OK)
    path = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    asked = []

    def serve():
        connected, _ = listener.accept()
        with connected:
            asked.append(connected.recv(65536))
            connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    threading.Thread(target=serve, daemon=True).start()
    ran = project.run("--uds", str(path), "--base-url", "http://shop", "a.yaml")
    listener.close()
    assert ran.exit == 0, ran.said
    assert b"host: shop\r\n" in asked[0].lower()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    import trustme

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    client = authority.issue_cert("client@shop.example")
    client.private_key_pem.write_to_path(str(folder / "key.pem"))
    client.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    return authority, folder


def tls(authority, *, client_certificate=False):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if client_certificate:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return HostileServer(wrap=lambda line: context.wrap_socket(line, server_side=True))


def test_tls_is_verified(project, authority):
    ca, folder = authority
    project.write("a.yaml", OK)
    with tls(ca) as server:
        refused = project.run("--base-url", server.base_url, "a.yaml")
        (finished,) = project.events("check_finished")
        trusted = project.run("--base-url", server.base_url, "--cacert", str(folder / "ca.pem"), "a.yaml")
        insecure = project.run("--base-url", server.base_url, "--insecure", "a.yaml")
    assert (finished["outcome"], "certificate" in finished["reason"]) == ("error", True)
    assert (refused.exit > 0, trusted.exit, insecure.exit) == (True, 0, 0)


def test_client_certificate(project, authority):
    ca, folder = authority
    project.write("a.yaml", OK)
    trust = ("--cacert", str(folder / "ca.pem"), "a.yaml")
    with tls(ca, client_certificate=True) as server:
        without = project.run("--base-url", server.base_url, *trust)
        apart = project.run(
            "--base-url", server.base_url, "--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem"), *trust
        )
        together = project.run("--base-url", server.base_url, "--cert", str(folder / "both.pem"), *trust)
    assert (without.exit > 0, apart.exit, together.exit) == (True, 0, 0)


def test_http2(project):
    pytest.importorskip("h2")
    project.write("a.yaml", "checks: [{get: /ok, expect: {http_version: HTTP/1.1}}]")
    with HostileServer() as server:
        # without TLS nobody can agree on HTTP/2: the flag is taken, and HTTP/1.1 is spoken
        assert project.run("--http2", "--base-url", server.base_url, "a.yaml").exit == 0
        assert project.run("--no-http2", "--base-url", server.base_url, "a.yaml").exit == 0


@pytest.mark.parametrize("flag", ["--startup-timeout", "--shutdown-timeout", "--timeout", "--wait"])
def test_a_duration_that_is_none(project, flag):
    project.write("a.yaml", OK)
    ran = project.probe(flag, "soon", "a.yaml")
    assert ran.exit == 2
    assert f"{flag} 'soon': expected a duration" in ran.err


# how to run


def test_concurrency(project):
    project.write("a.yaml", "checks:\n" + "  - get: /meet/3\n" * 6)
    assert project.probe("-j", "3", "a.yaml").exit == 0
    assert project.log[1:-1] == ["most 3"] * 6
    assert project.events("run_started")[0]["concurrency"] == 3


def test_one_at_a_time(project):
    project.write("a.yaml", "checks:\n" + "  - get: /meet/1\n" * 3)
    assert project.probe("--concurrency", "1", "a.yaml").exit == 0
    assert project.log[1:-1] == ["most 1"] * 3


def test_timeout_is_for_those_that_name_none(project):
    project.write(
        "a.yaml",
        """
        checks:
          - {name: usual, get: /sleep/5}
          - {name: patient, get: /sleep/0.3, timeout: 10s}
        """,
    )
    ran = project.probe("--timeout", "100ms", "a.yaml")
    assert ran.exit == 1
    assert project.outcomes() == {"usual": "error", "patient": "passed"}
    assert "0.1 s" in project.events("check_finished")[0]["reason"]


def test_backend_and_loop(project):
    project.write("which.py", _WHICH)
    for flags, loop in [
        ([], "uvloop"),
        (["--uvloop"], "uvloop"),
        (["--no-uvloop"], "asyncio"),
        (["--backend", "trio"], "trio"),
    ]:
        project.write("a.yaml", f"checks: [{{get: /, expect: {{text: '{loop}'}}}}]")
        assert project.probe(*flags, "a.yaml", app="which:app").exit == 0, flags


@pytest.mark.parametrize(("flags", "warned"), [(["--uvloop"], True), (["--no-uvloop"], False), ([], False)])
def test_uvloop_means_nothing_to_trio(project, flags, warned):
    project.write("a.yaml", OK)
    ran = project.probe("--backend", "trio", *flags, "a.yaml")
    assert ran.exit == 0
    assert ("warning: --uvloop means nothing to trio" in ran.out) is warned


_WHICH = """
import sniffio, sys

async def app(scope, receive, send):
    assert scope["type"] == "http"
    kind = sniffio.current_async_library()
    if kind == "asyncio":
        import asyncio
        kind = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": kind.encode()})
"""

FAILING = "checks:\n" + "".join(
    f"  - {{name: '{n}', get: /status/{500 if n % 2 else 200}, expect: 200}}\n" for n in range(10)
)


@pytest.mark.parametrize(
    ("flags", "bad"),
    [
        (["-x"], 1),
        (["--fail-fast"], 1),
        (["--max-failures", "2"], 2),
        (["-x", "--max-failures", "2"], 1),
        (["--max-failures", "2", "-x"], 1),
        ([], 5),
    ],
)
def test_stopping_after_failures(project, flags, bad):
    project.write("a.yaml", FAILING)
    ran = project.probe("-j", "1", *flags, "a.yaml")
    assert ran.exit == 1
    assert project.end["outcomes"]["failed"] == bad
    assert project.end["stopped"] == ("fail-fast" if flags else None)
    assert len(project.outcomes()) == (2 * bad)


# how to tell


def test_quiet_and_verbose(project):
    project.write("a.yaml", "checks: [{name: fine, get: /ok}, {name: bad, get: /ok, expect: 404}]")
    quiet, usual, verbose = (project.probe(*flags, "a.yaml").out for flags in (["-q"], [], ["-v"]))
    assert "✓ fine" not in quiet
    assert "✗ bad" in quiet
    assert "1 passed, 1 failed" in quiet
    assert "✓ fine" in usual
    assert "GET http://testserver/ok" in verbose.partition("bad")[0]
    assert len(quiet) < len(usual) < len(verbose)


@pytest.mark.parametrize(
    ("flags", "environment", "coloured"),
    [
        (["--color", "always"], {"NO_COLOR": ""}, True),
        (["--color", "never"], {"NO_COLOR": ""}, False),
        ([], {"NO_COLOR": ""}, False),  # no terminal
        ([], {"NO_COLOR": "1", "ASGI_PROBE_COLOR": "never"}, False),
    ],
)
def test_color(project, flags, environment, coloured):
    project.write("a.yaml", OK)
    assert ("\x1b[" in project.probe(*flags, "a.yaml", **environment).out) is coloured


@pytest.mark.parametrize(
    ("reports", "same"),
    [
        (["ndjson=r", "ndjson=r"], "write the same file"),
        (["ndjson=r", "ndjson=./r"], "write the same file"),
        (["ndjson=-", "json=-"], "both go to standard output"),
        (["ndjson=r", "ndjson=link"], "write the same file"),
    ],
)
def test_two_reports_to_one_file(project, reports, same):
    project.write("a.yaml", OK)
    (project.root / "link").symlink_to("r")
    ran = project.command(
        "run", "--app", "app:app", *(word for each in reports for word in ("--report", each)), "a.yaml"
    )
    assert ran.exit == 2
    assert f"--report {reports[0]!r} and --report {reports[1]!r} {same}: name another file" in ran.err
    assert not (project.root / "r").exists()


@pytest.mark.parametrize(
    ("report", "place"),
    [
        ("junit=a.yaml", "a.yaml"),
        ("ndjson=needed.yaml", "needed.yaml"),
        ("json=./link", "a.yaml"),
        ("html=asgi-probe.toml", "asgi-probe.toml"),
        ("tap=vars.json", "vars.json"),
    ],
)
def test_no_report_takes_the_place_of_what_the_run_reads(project, report, place):
    project.write("needed.yaml", OK)
    project.write("a.yaml", "needs: needed.yaml\n" + OK)
    project.write("asgi-probe.toml", "")
    project.write("vars.json", "{}")
    (project.root / "link").symlink_to("a.yaml")
    before = (project.root / place).read_bytes()
    ran = project.command("run", "--app", "app:app", "--vars-file", "vars.json", "--report", report, "a.yaml")
    assert ran.exit == 2
    assert f"--report {report!r} would overwrite what this run reads: name another file" in ran.err
    assert (project.root / place).read_bytes() == before


def test_two_reports(project):
    project.write("a.yaml", OK)
    assert project.probe("--report", "ndjson=other.ndjson", "a.yaml").exit == 0
    other = (project.root / "other.ndjson").read_text()
    assert [json.loads(line)["event"] for line in other.splitlines()] == [event["event"] for event in project.events()]


# the environment


def test_several_values_in_the_environment(project):
    """Reports are separated by blanks, files by what separates paths: colons."""
    project.write(
        "a.yaml",
        "vars: {a: x, b: x}\nchecks: [{get: '/echo?a=${a}&b=${b}', expect: {json: {query: {a: '1', b: '2'}}}}]",
    )
    project.write("with blanks/one.env", "a=1\n")
    project.write("two.env", "b=2\n")
    ran = project.command(
        "run",
        "--app",
        "app:app",
        "a.yaml",
        ASGI_PROBE_VARS_FILE="with blanks/one.env:two.env",
        ASGI_PROBE_REPORT="ndjson=events.ndjson ndjson=b:c.ndjson",
    )
    assert ran.exit == 0, ran.said
    assert (project.root / "b:c.ndjson").read_text().count("\n") == len(project.events())


def test_environment_variables(project):
    project.write("a.yaml", "checks: [{get: /echo, tags: [one], expect: {json: {root_path: /env}}}, {get: /ok}]")
    project.write("v.env", "unused=1\n")
    ran = project.command(
        "run",
        "a.yaml",
        ASGI_PROBE_APP="app:make_app",
        ASGI_PROBE_FACTORY="1",
        ASGI_PROBE_ROOT_PATH="/env",
        ASGI_PROBE_TAG="one",
        ASGI_PROBE_CONCURRENCY="3",
        ASGI_PROBE_REPORT="ndjson=events.ndjson",
        ASGI_PROBE_VARS_FILE="v.env",
        ASGI_PROBE_BACKEND="trio",
    )
    assert ran.exit == 0, ran.said
    (started,) = project.events("run_started")
    assert (started["checks"], started["concurrency"]) == (1, 3)
    assert project.log[0] == "made"
    assert "nothing uses the variable 'unused'" in ran.out


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ASGI_PROBE_LIFESPAN", "sometimes", "--lifespan"),
        ("ASGI_PROBE_MAX_FAILURES", "0", "--max-failures"),
        ("ASGI_PROBE_STARTUP_TIMEOUT", "x", "--startup-timeout"),
        ("ASGI_PROBE_SHUTDOWN_TIMEOUT", "x", "--shutdown-timeout"),
        ("ASGI_PROBE_TIMEOUT", "x", "--timeout"),
        ("ASGI_PROBE_WAIT", "x", "--wait"),
        ("ASGI_PROBE_COLOR", "blue", "--color"),
        ("ASGI_PROBE_UVLOOP", "perhaps", "--uvloop"),
    ],
)
def test_nonsense_in_the_environment_is_told(project, variable, value, told):
    project.write("a.yaml", OK)
    ran = project.probe("a.yaml", **{variable: value})
    assert ran.exit == 2
    assert told in ran.err
    assert project.log == []


CONFIGURED = """
[tool.asgi-probe]
specs = ["a.yaml"]
target = "weakest"
[tool.asgi-probe.targets.weakest]
app = "app:app"
root_path = "/weakest"
[tool.asgi-probe.targets.spec]
app = "app:app"
root_path = "/spec"
[tool.asgi-probe.targets.env]
app = "app:app"
root_path = "/env"
[tool.asgi-probe.targets.flag]
app = "app:app"
root_path = "/flag"
"""


@pytest.mark.parametrize(
    ("flags", "environment", "spec", "asked"),
    [
        (["--target", "flag"], {"ASGI_PROBE_TARGET": "env"}, "target: spec\n", "/flag"),
        ([], {"ASGI_PROBE_TARGET": "env"}, "target: spec\n", "/env"),
        ([], {}, "target: spec\n", "/spec"),
        ([], {}, "", "/weakest"),
        (["--root-path", "/mine"], {"ASGI_PROBE_ROOT_PATH": "/env"}, "target: spec\n", "/mine"),
        ([], {"ASGI_PROBE_ROOT_PATH": "/env"}, "target: spec\n", "/env"),
        ([], {"ASGI_PROBE_APP": "app:app"}, "target: spec\n", ""),
        (["--app", "app:app"], {"ASGI_PROBE_TARGET": "env"}, "target: spec\n", ""),
        ([], {}, "target: {app: 'app:app'}\n", ""),
    ],
)
def test_who_wins(project, flags, environment, spec, asked):
    project.write("pyproject.toml", CONFIGURED)
    project.write("a.yaml", f"{spec}checks: [{{get: /echo, expect: {{json: {{root_path: '{asked}'}}}}}}]")
    ran = project.run(*flags, **environment)
    assert ran.exit == 0, ran.said


def test_a_targets_timeout_is_stronger_than_ours_and_weaker_than_the_spec(project):
    project.write("pyproject.toml", CONFIGURED.replace('"/weakest"', '"/weakest"\ntimeout = "50ms"\nconcurrency = 2'))
    project.write("a.yaml", "checks: [{name: a, get: /sleep/2}, {name: b, get: /sleep/0.2, timeout: 5s}]")
    assert project.run().exit == 1
    assert project.outcomes() == {"a": "error", "b": "passed"}
    assert project.events("run_started")[0]["concurrency"] == 2
    assert project.run("--timeout", "5s", "-j", "4").exit == 0
    assert project.events("run_started")[0]["concurrency"] == 4


def test_two_targets_in_one_run(project):
    project.write("pyproject.toml", CONFIGURED.replace('["a.yaml"]', '["a.yaml", "b.yaml"]'))
    project.write("a.yaml", "checks: [{get: /echo, expect: {json: {root_path: /weakest}}}]")
    project.write("b.yaml", "target: spec\nchecks: [{get: /echo, expect: {json: {root_path: /spec}}}]")
    assert project.run().exit == 0
    assert [target["name"] for target in project.events("run_started")[0]["targets"]] == ["weakest", "spec"]
    assert [event["target"] for event in project.events("check_started")] == ["weakest", "spec"]


def test_flags_that_mean_nothing_to_an_app_are_told(project):
    project.write("a.yaml", OK)
    ran = project.probe("--cacert", "x", "--proxy", "http://p", "--http2", "--uds", "s", "--wait", "1s", "a.yaml")
    assert ran.exit == 0
    for flag in ("--cacert or --insecure", "--proxy", "--http2", "--uds", "--wait"):
        assert f"warning: {flag} means nothing to an app in process" in ran.out


def test_flags_that_mean_nothing_to_a_live_service_are_told(project):
    project.write("a.yaml", OK)
    flags = ["--factory", "--lifespan", "on", "--root-path", "/x", "--startup-timeout", "1s"]
    with HostileServer() as server:
        ran = project.run("--base-url", server.base_url, *flags, "a.yaml")
        quiet = project.run("--base-url", server.base_url, "--no-factory", "a.yaml")
    assert ran.exit == 0
    for flag in ("--factory", "--lifespan", "--root-path", "--startup-timeout"):
        assert f"warning: {flag} means nothing to a live service" in ran.out
    assert "warning" not in quiet.out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--cacert", "x.pem", "--insecure"], "--cacert and --insecure exclude each other: say one of them"),
        (["--cacert", ""], "--cacert is empty"),
        (["--key", "x.pem"], "a private key without its certificate"),
        (["--cacert", "x.pem"], "'x.pem' cannot be read"),
        (["--cert", "x.pem"], "x.pem"),
    ],
)
def test_tls_flags_that_cannot_be(project, flags, told):
    project.write("a.yaml", OK)
    ran = project.run("--base-url", "https://127.0.0.1:9", *flags, "a.yaml")
    assert ran.exit == 2, ran.said
    assert told in ran.err


def test_how_to_verify_wins_over_the_environment(project, authority):
    ca, folder = authority
    project.write("a.yaml", OK)
    pem = str(folder / "ca.pem")
    with tls(ca) as server:
        live = ("--base-url", server.base_url, "a.yaml")
        trusted = project.run(*live, "--cacert", pem, ASGI_PROBE_INSECURE="1")
        insecure = project.run(*live, "--insecure", ASGI_PROBE_CACERT="nowhere.pem")
        neither = project.run(*live, ASGI_PROBE_CACERT=pem, ASGI_PROBE_INSECURE="0")
        both = project.run(*live, ASGI_PROBE_CACERT=pem, ASGI_PROBE_INSECURE="1")
    assert (trusted.exit, insecure.exit, neither.exit, both.exit) == (0, 0, 0, 2)
