"""`asgi-probe serve` as it is used: a process, and HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cli.project import PATIENCE, REPOSITORY, Ran, ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.project import Project

TOKEN = "correct-horse-battery"


class Server:
    """A server that runs, and what it answers."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process = process
        self.client = httpx.Client(base_url=address, trust_env=False)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def runs(self) -> list[dict[str, Any]]:
        return self.get("/api/runs").json()["runs"]

    def until(self, holds: Any, what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < end, f"{what}: never came, only {self.get('/api/runs').text}"
            time.sleep(0.02)
        return found

    def until_runs(self, number: int) -> list[dict[str, Any]]:
        return self.until(lambda: (runs := self.runs()) and len(runs) >= number and runs, f"{number} runs")

    def stop(self, number: int = signal.SIGINT) -> Ran:
        self.process.send_signal(number)
        return ended(self.process)


def begin(project: Project, *args: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "serve", "--port", "0", *args],
        cwd=project.root,
        env=project.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


@contextmanager
def serving(project: Project, *args: str, **environment: str) -> Iterator[Server]:
    process = begin(project, *args, **environment)
    try:
        told = re.match(rb"(http://\S+/) tells", process.stdout.readline())
        process.stdout.readline()
        assert told, ended(process).said
        server = Server(process, told[1].decode())
        with server.client:
            yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=PATIENCE)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()


def test_runs_go_on_and_are_told(project):
    project.write("a.yaml", "checks: [{name: one, get: /noted/asked}, {name: two, get: /status/500, tags: [bad]}]")
    with serving(project, "--app", "app:app", "--interval", "1s", "a.yaml", "--tag", "not bad", "-k", "one") as server:
        assert server.get("/healthz").status_code in (200, 503)
        first, *_ = reversed(server.until_runs(2))
        assert (first["id"], first["outcome"], first["outcomes"]) == (1, "passed", {"passed": 1})
        assert server.get("/healthz").status_code == 200
        assert [each["name"] for each in server.get("/api/runs/1").json()["checks"]] == ["one"]
        assert server.get("/api/checks").json()["checks"][0]["share"] == 1.0
        assert "All is well" in server.get("/").text
        assert 'asgi_probe_success{target="app"} 1.0' in server.get("/metrics").text
        ran = server.stop()
    assert ran.exit == 0, ran.said
    assert ran.err == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  passed  1 passed  \S+ m?s", ran.out.splitlines()[0])
    # each in a process of its own, left in order
    assert project.log[:6] == ["startup", "asked", "shutdown"] * 2


def test_specs_are_read_anew(project):
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    with serving(project, "--app", "app:app", "--interval", "1s", "a.yaml") as server:
        server.until_runs(1)
        project.write("a.yaml", "checks: [{name: two, get: /status/500}]")
        server.until(lambda: server.runs()[0]["outcome"] == "failed", "the new spec")
        answer = server.get("/healthz")
        assert (answer.status_code, answer.json()["healthy"]) == (503, False)
        project.write("a.yaml", "checks: [{name: two, gets: /ok}]")
        broken = server.until(lambda: (run := server.runs()[0])["exit_code"] == 2 and run, "the broken spec")
        assert (broken["outcome"], broken["outcomes"]) == ("error", {})
        assert "unknown key 'gets'" in broken["problem"]
        assert "unknown key" in server.get("/").text
        project.write("a.yaml", "checks: [{name: two, get: /ok}]")
        server.until(lambda: server.get("/healthz").status_code == 200, "the mended spec")


def test_a_target_that_is_away_comes_back(project):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    with serving(project, "--base-url", f"http://127.0.0.1:{port}", "--interval", "1s", "a.yaml") as server:
        (run, *_) = server.until_runs(1)
        assert (run["outcome"], run["exit_code"], run["outcomes"]) == ("error", 3, {"error": 1})
        assert run["problem"] == f"no request reached http://127.0.0.1:{port}"
        server.until_runs(2)
        assert server.get("/healthz").status_code == 503
        away = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "critical"],
            cwd=project.root,
        )
        try:
            server.until(lambda: server.get("/healthz").status_code == 200, "the target")
        finally:
            away.terminate()
            away.wait(PATIENCE)
        first, second, *_ = server.stop().out.splitlines()
    assert f"  error   1 error; no request reached http://127.0.0.1:{port}  " in first
    assert f"  error   1 error; still, for 2 runs: no request reached http://127.0.0.1:{port}  " in second


def test_runs_never_overlap(project):
    project.write(
        "a.yaml",
        "checks: [{name: one, steps: [{get: /noted/begun}, {get: /sleep/1.3}, {get: /noted/ended}]}]",
    )
    with serving(project, "--app", "app:app", "--interval", "1s", "a.yaml") as server:
        runs = server.until_runs(2)
        server.stop()
    log = [word for word in project.log if word in ("begun", "ended")]
    assert log[:4] == ["begun", "ended"] * 2
    second, first = (moment(run["started_at"]) for run in runs[:2])
    # what was due meanwhile is left out: the next is one of the first's own beat
    assert (second - first) % 1 < 0.5
    assert second - first > 1.5


def moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_a_run_that_hangs_shows_and_is_ended(project):
    project.write("a.yaml", "checks: [{name: well, get: /ok}, {name: hangs, get: /hang/one, timeout: 60s}]")
    with serving(project, "--app", "app:app", "--interval", "1s", "--run-timeout", "5s", "-j", "1", "a.yaml") as server:
        running = server.until(lambda: server.get("/api/runs").json()["running"], "a run")
        assert running["checks"] == 2
        run, *_ = server.until_runs(1)
        assert (run["hung"], run["outcome"], run["outcomes"]) == (True, "error", {"passed": 1, "error": 1})
        hung = {each["name"]: each for each in server.get(f"/api/runs/{run['id']}").json()["checks"]}["hangs"]
        assert hung["reason"] == "it was still running when the run was ended after 5.00 s"
        waiting = "1 check was waiting: a.yaml::hangs (in 'GET /hang/one')"
        assert run["problem"] == f"the run hung: it was ended after 5.00 s, when {waiting}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(project, number):
    project.write(
        "a.yaml",
        "checks: [{name: hangs, get: /hang/one, timeout: 60s}]\nteardown: [{get: /noted/teardown}]",
    )
    with serving(project, "--app", "app:app", "--history", "h.sqlite", "a.yaml") as server:
        project.wait_for("hangs one")
        began = time.monotonic()
        ran = server.stop(number)
        # what hangs would do so for 60 s
        assert time.monotonic() - began < 50
    assert (ran.exit, ran.err) == (0, ""), ran.said
    assert project.log == ["startup", "hangs one", "left one", "teardown", "shutdown"]
    assert ran.out == "", "it is no run that failed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_leaves_at_once(project, number, code):
    project.write(
        "a.yaml", "checks: [{name: hangs, get: /hang/one, timeout: 60s}]\nteardown: [{get: /hang/two, timeout: 60s}]"
    )
    with serving(project, "--app", "app:app", "a.yaml") as server:
        project.wait_for("hangs one")
        server.process.send_signal(number)
        project.wait_for("hangs two")
        assert server.stop(number).exit == code
    assert "shutdown" not in project.log


def test_a_signal_before_anything_is_served(project):
    project.write("slow.py", "import app, time\napp.note('importing')\ntime.sleep(60)\napp = app.app\n")
    project.write("a.yaml", "checks: [{get: /ok}]")
    process = begin(project, "--app", "slow:app", "a.yaml")
    project.wait_for("importing")
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert (ran.exit, ran.said) == (0, "")


def test_the_history_survives(project):
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    asked = ("--app", "app:app", "--interval", "1s", "--history", "kept/runs.sqlite", "--keep", "3", "a.yaml")
    with serving(project, *asked) as server:
        before = server.until(lambda: (runs := server.runs()) and runs[0]["id"] >= 4 and runs, "four runs")
        assert len(before) == 3
        refused = project.command("serve", "--port", "0", *asked)
        assert refused.exit == 2
        assert "the history 'kept/runs.sqlite' is in use by another process" in refused.err
        server.stop()
    project.write("a.yaml", "checks: [{name: one, get: /status/500}]")
    with serving(project, *asked) as server:
        newest = server.until(lambda: (runs := server.runs())[0]["outcome"] == "failed" and runs, "a new run")
        assert newest[0]["id"] > before[0]["id"]
        assert newest[-1]["outcome"] == "passed"


def test_an_app_that_does_not_start_is_a_run_that_failed(project):
    project.write("a.yaml", "checks: [{name: one, get: /ok}]")
    with serving(project, "--app", "app:fails_to_start", "a.yaml") as server:
        run, *_ = server.until_runs(1)
        assert (run["outcome"], run["exit_code"], run["outcomes"]) == ("error", 3, {})
        assert "the database is away" in server.get("/healthz").json()["reason"]


# what is wrong from the start


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("--app", "nope:app", "a.yaml"), 3, "there is no module 'nope'"),
        (("--app", "app:app", "b.yaml"), 2, "there is no file or folder 'b.yaml'"),
        (("--app", "app:app", "broken.yaml"), 2, "unknown key 'gets'"),
        (("--target", "nobody", "a.yaml"), 2, "no target 'nobody' is configured"),
        (("a.yaml",), 2, "no target: say whom to ask"),
        (("--app", "app:app", "a.yaml", "-t", "none"), 4, "no check matches"),
        (("--app", "app:app", "a.yaml", "--interval", "soon"), 2, "--interval 'soon': expected a duration"),
        (("--app", "app:app", "a.yaml", "--interval", "0s"), 2, "--interval: expected at least 1s"),
        (("--app", "app:app", "a.yaml", "--run-timeout", "10ms"), 2, "--run-timeout: expected at least 1s"),
        (("--app", "app:app", "a.yaml", "--host", "0.0.0.0"), 2, "needs a token"),
        (("--app", "app:app", "a.yaml", "--token", "short"), 2, "the token is no good"),
        (("--app", "app:app", "a.yaml", "--host", "192.0.2.1", "--token", TOKEN), 2, "cannot listen at 192.0.2.1:0"),
        (("--app", "app:app", "a.yaml", "--host", "no.invalid", "--token", TOKEN), 2, "cannot listen at no.invalid:0"),
        (("--app", "app:app", "a.yaml", "--history", "a.yaml"), 2, "the history 'a.yaml' is no SQLite database"),
        (("--app", "app:app", "a.yaml", "--keep", "0"), 2, "range"),
        (("--app", "app:app", "a.yaml", "--port", "65536"), 2, "range"),
        (("--app", "app:app", "--base-url", "http://127.0.0.1:1", "a.yaml"), 2, "exclude each other"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_served(project, args, code, told):
    project.write("a.yaml", "checks: [{get: /noted/asked}]")
    project.write("broken.yaml", "checks: [{gets: /ok}]")
    ran = project.command("serve", "--port", "0", *args)
    assert ran.exit == code, ran.said
    assert told in ran.err
    assert (ran.out, project.log) == ("", [word for word in project.log if word != "asked"])
    assert "Traceback" not in ran.err
    assert TOKEN not in ran.said


def test_a_port_that_is_taken(project):
    project.write("a.yaml", "checks: [{get: /noted/asked}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = project.command("serve", "--app", "app:app", "--port", str(port), "a.yaml")
    assert ran.exit == 2
    assert f"cannot listen at 127.0.0.1:{port}: another process does; say another --port" in ran.err
    assert project.log == []


@pytest.mark.parametrize("package", ["uvicorn", "prometheus_client"])
def test_a_missing_package(project, package):
    project.write(f"{package}.py", "raise ImportError")
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.command("serve", "--app", "app:app", "a.yaml", PYTHONPATH=os.pathsep.join([".", str(REPOSITORY)]))
    assert ran.exit == 2
    name = package.replace("_", "-")
    assert f"`serve` needs the package {name}: pip install 'asgi-probe[serve]'" in ran.err


# tokens


def test_the_token_is_seen_nowhere(project):
    project.write(
        "a.yaml",
        "checks: [{name: one, get: /ok, headers: {x-token: \"${env.ASGI_PROBE_TOKEN | default('none')}\"}},"
        " {name: two, get: /ok}]",
    )
    with serving(
        project, "--app", "app:app", "--interval", "1s", "--host", "0.0.0.0", "a.yaml", ASGI_PROBE_TOKEN=TOKEN
    ) as server:
        server.client.base_url = str(server.client.base_url).replace("0.0.0.0", "127.0.0.1")
        assert server.get("/api/runs").status_code == 401
        assert server.get("/healthz").json()["reason"] is None
        assert server.get("/?token=wrong-wrong-wrong").status_code == 401
        browser = httpx.Client(base_url=server.client.base_url, follow_redirects=True, trust_env=False)
        with browser:
            page = browser.get(f"/?token={TOKEN}")
            assert (page.status_code, str(page.url).endswith("/")) == (200, True)
            assert browser.get("/metrics").status_code == 200
        server.client.headers["authorization"] = f"Bearer {TOKEN}"
        server.until_runs(1)
        said = "".join(server.get(path).text for path in ("/", "/metrics", "/api/runs", "/api/runs/1", "/openapi.json"))
        assert TOKEN not in said
        ran = server.stop()
    assert TOKEN not in ran.said


def test_a_token_is_no_variable_of_the_app(project):
    project.write("peek.py", "import os\nfrom app import app, note\nnote(str(os.environ.get('ASGI_PROBE_TOKEN')))\n")
    project.write("a.yaml", "checks: [{get: /ok}]")
    with serving(project, "--app", "peek:app", "a.yaml", ASGI_PROBE_TOKEN=TOKEN) as server:
        server.client.headers["authorization"] = f"Bearer {TOKEN}"
        server.until_runs(1)
    assert project.log[0] == "None"


# what is passed on


def test_flags_and_the_environment_reach_the_runs(project):
    project.write("more.json", json.dumps({"b": "from a file"}))
    project.write(
        "a.yaml",
        """
        checks:
          - name: told
            get: /echo
            headers: {a: "${a}", b: "${b}", c: "${c}", s: "${s}"}
            expect:
              json: {headers: {a: "-x=1 y", b: from a file, c: from the environment, s: hush-hush}, root_path: /v1}
        """,
    )
    with serving(
        project,
        "--app",
        "make_app",
        "--var",
        "a=-x=1 y",
        "--vars-file",
        "more.json",
        "--secret",
        "s=hush-hush",
        "--shuffle",
        "--repeat",
        "2",
        "--no-uvloop",
        "--factory",
        "-x",
        "a.yaml",
        "--app=app:make_app",
        ASGI_PROBE_ROOT_PATH="/v1",
        ASGI_PROBE_SECRET_C="from the environment",
        ASGI_PROBE_BASE_URL="http://127.0.0.1:9",
        ASGI_PROBE_REPORT="ndjson=other.ndjson",
    ) as server:
        run, *_ = server.until_runs(1)
        assert (run["outcome"], run["outcomes"]) == ("passed", {"passed": 2}), server.get("/api/runs/1").text
    assert not (project.root / "other.ndjson").exists()
    assert not (project.root / ".asgi_probe_cache").exists()
