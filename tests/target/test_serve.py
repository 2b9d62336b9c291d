import socket
import sys
import time
from pathlib import Path

import anyio
import pytest

from asgi_probe.errors import TargetError
from asgi_probe.exchange import Answer, Ask
from asgi_probe.target.children import RUNNING, kill_all
from asgi_probe.target.live import LiveTarget, Wait
from asgi_probe.target.serve import Serve
from asgi_probe.target.session import Exchanger
from tests.hostile import HostileServer

pytestmark = pytest.mark.anyio

SERVER = """
import http.server, os, pathlib, signal, subprocess, sys, threading, time
port, mode = int(sys.argv[1]), sys.argv[2]
here = pathlib.Path.cwd()
(here / "pid").write_text(str(os.getpid()))
print("starting on", port, flush=True)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "family":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (here / "child").write_text(str(child.pid))
if mode == "orderly":
    def bye(*_):
        (here / "bye").touch()
        sys.exit(0)
    signal.signal(signal.SIGTERM, bye)
if mode == "loud":
    for number in range(100_000):
        print("line", number, "\\033[31m")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if mode == "unready" else 200)
        self.end_headers()
        self.wfile.write(b"ok")
        if self.path == "/die":
            print("dying", flush=True)
            os._exit(3)
    def log_message(self, *_): pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def served(root: Path, mode: str, port: int | None = None, *, within: float = 20.0, shutdown: float = 5.0):
    (root / "server.py").write_text(SERVER)
    port = port or free_port()
    serve = Serve(("python", "server.py", str(port), mode), root, shutdown)
    return LiveTarget(f"http://127.0.0.1:{port}", serve=serve, wait=Wait(within) if within != 20.0 else None)


def alive(root: Path, name: str = "pid") -> bool:
    """Whether the process runs; one that nobody has taken leave of yet does not."""
    try:
        return Path(f"/proc/{(root / name).read_text()}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def ask(target, url="/"):
    return (await Exchanger(target).session().ask(Ask("GET", url)))[1]


async def test_it_is_started_asked_and_stopped(tmp_path):
    async with served(tmp_path, "orderly") as target:
        assert alive(tmp_path)
        assert isinstance(await ask(target), Answer)
    assert not alive(tmp_path)
    assert (tmp_path / "bye").exists()
    assert target.problems == []
    assert not RUNNING


async def test_what_it_started_goes_with_it(tmp_path):
    async with served(tmp_path, "family"):
        assert alive(tmp_path, "child")
    with anyio.fail_after(5):
        while alive(tmp_path, "child"):
            await anyio.sleep(0.01)


@pytest.mark.parametrize("hurried", [False, True])
async def test_one_that_does_not_stop_is_killed(tmp_path, hurried):
    began = 0.0
    async with served(tmp_path, "stubborn", shutdown=30 if hurried else 0.3) as target:
        if hurried:
            target.hurry(0.3)
        began = time.monotonic()
    assert 0.3 <= time.monotonic() - began < 5
    assert not alive(tmp_path)


async def test_one_that_talks_much_is_never_kept_waiting(tmp_path):
    async with served(tmp_path, "loud") as target:
        assert isinstance(await ask(target), Answer)


async def test_one_that_is_never_ready(tmp_path):
    with pytest.raises(TargetError) as caught:
        async with served(tmp_path, "unready", within=1.0):
            pytest.fail("it was not ready")
    assert "was not ready within 1 s: '/' was asked" in str(caught.value)
    assert "last seen: status 503; the server (python server.py" in str(caught.value)
    assert caught.value.traceback.startswith("starting on ")
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    ("code", "how", "tail"),
    [
        (
            "print('oh \\033[31m no'); raise SystemExit(7)",
            "ended with exit code 7 before it was ready",
            "oh \\x1b[31m no",
        ),
        ("raise SystemExit(0)", "ended with exit code 0 before it was ready, without a word", None),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL before it was ready, without a word", None),
        ("print('x' * 9999, end=''); raise SystemExit(1)", "exit code 1 before it was ready", "x" * 500),
        ("print('\\n'.join(map(str, range(99)))); 1/0", "exit code 1", "division by zero"),
    ],
)
async def test_its_end_is_told_at_once(tmp_path, code, how, tail):
    serve = Serve((sys.executable, "-c", code), tmp_path)
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        async with LiveTarget(f"http://127.0.0.1:{free_port()}", serve=serve):
            pytest.fail("it has ended")
    assert time.monotonic() - began < 10
    assert how in str(caught.value)
    if tail is None:
        assert caught.value.traceback is None
    else:
        assert tail in caught.value.traceback
        assert len(caught.value.traceback.splitlines()) <= 20


async def test_its_end_in_the_middle_of_the_run_is_a_problem(tmp_path):
    async with served(tmp_path, "plain") as target:
        await ask(target, "/die")
        with anyio.fail_after(5):
            while alive(tmp_path):
                await anyio.sleep(0.01)
    (problem,) = target.problems
    assert str(problem).endswith("plain) ended with exit code 3 during the run")
    assert problem.traceback.endswith("dying")


async def test_somebody_else_is_there_already(tmp_path):
    with HostileServer() as server:
        with pytest.raises(TargetError, match="answers already, before the server was started: stop what runs there"):
            async with served(tmp_path, "plain", server.port):
                pytest.fail("it was not started")
    assert not (tmp_path / "pid").exists()


async def test_a_port_that_is_taken_by_what_does_not_answer(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(TargetError, match="ended with exit code 1 before it was ready") as caught:
            async with served(tmp_path, "plain", taken.getsockname()[1]):
                pytest.fail("it has ended")
    assert "Address already in use" in caught.value.traceback


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("no-such-command", "x"), r"\(no-such-command x\) cannot be started: there is no command 'no-such-command'"),
        (("./folder",), "cannot be started: permission denied"),
        (("a\0b",), "cannot be started: embedded null byte"),
    ],
)
async def test_a_command_that_cannot_be_started(tmp_path, command, message):
    (tmp_path / "folder").mkdir()
    with pytest.raises(TargetError, match=message):
        async with LiveTarget(f"http://127.0.0.1:{free_port()}", serve=Serve(command, tmp_path)):
            pytest.fail("it was not started")


async def test_python_is_ours_and_cancelling_the_start_stops_it(tmp_path):
    target = served(tmp_path, "unready")
    with anyio.move_on_after(1.0) as scope:
        async with target:
            pytest.fail("it was not ready")
    assert scope.cancelled_caught
    assert (tmp_path / "pid").exists()
    assert not alive(tmp_path)


async def test_who_leaves_at_once_leaves_nobody_behind(tmp_path):
    async with served(tmp_path, "stubborn") as target:
        kill_all()
        with anyio.fail_after(5):
            while alive(tmp_path):
                await anyio.sleep(0.01)
    assert "was ended by SIGKILL during the run" in str(target.problems[0])


def test_a_process_that_is_gone_is_no_trouble():
    import subprocess

    gone = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    gone.wait()
    RUNNING.add(gone.pid)
    try:
        kill_all()
    finally:
        RUNNING.discard(gone.pid)
