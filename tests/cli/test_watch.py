"""`run --watch`: what runs again when files change, keys, and every way out."""

import os
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import contextmanager

import pytest
import typer

from asgi_probe.cli.app import app as commands
from asgi_probe.cli.watching.affected import Subject
from asgi_probe.cli.watching.child import Child
from asgi_probe.cli.watching.files import FileWatch
from asgi_probe.cli.watching.flags import Flags
from asgi_probe.cli.watching.inbox import Broken, Changed, Ended, Inbox
from asgi_probe.cli.watching.noise import Noise
from asgi_probe.errors import UsageError
from tests.cli.project import PATIENCE, REPOSITORY
from tests.cli.watched import WAITING, Watched

CONFIGURATION = """
[tool.asgi-probe]
specs = ["specs"]
target = "app"
[tool.asgi-probe.targets.app]
app = "app:app"
"""


@pytest.fixture
def shop(project):
    project.write("pyproject.toml", CONFIGURATION)
    project.write("specs/a.yaml", "checks: [{name: fine, get: /ok}]")
    project.write("specs/b.yaml", "checks: [{name: broken, get: /status/500}]")
    return project


@contextmanager
def watched(project, *args):
    found = Watched(project, *args)
    try:
        yield found
    finally:
        found.close()


def test_what_is_affected_runs_again_and_keys_are_heard(shop):
    with watched(shop) as watch:
        watch.shows("2 checks in 2 files", "1 passed, 1 failed", WAITING, "q quit")
        assert not watch.mode()[3] & termios.ICANON
        shop.write("specs/a.yaml", "checks: [{name: fine, get: /ok}, {name: more, get: /ok}]")
        watch.shows("specs/a.yaml changed: running 1 of 2 files", "2 passed", WAITING, "since specs/a.yaml · Enter all")
        shop.write("app.py", (shop.root / "app.py").read_text() + "\n")
        watch.shows("app.py changed: running everything", "2 passed, 1 failed", WAITING)
        watch.press("f")
        watch.shows("running what failed last", "1 of 3 checks failed last", "1 failed", WAITING)
        shop.write("specs/b.yaml", "checks: [{nme: broken, get: /status/500}]")
        watch.shows("unknown key 'nme'", "did you mean 'name'?", WAITING)
        shop.write("specs/c.yaml", "checks: [{name: new, get: /ok}]")
        watch.shows("specs/c.yaml changed: running 2 of 3 files", "unknown key 'nme'", WAITING)
        (shop.root / "specs/b.yaml").unlink()
        watch.shows("specs/b.yaml changed: running 1 of 2 files", "1 passed", WAITING)
        watch.press("\x1b[Ah")
        watch.press("\n")
        watch.shows("running everything", "3 passed", WAITING)
        watch.press("?")
        watch.shows("run what failed last")
        watch.press("q")
        assert watch.ended() == 0
        assert watch.mode() == watch.mode_before
        assert "Traceback" not in watch.text


def test_a_change_interrupts_the_run_that_is_under_way(shop):
    shop.write("specs/b.yaml", "checks: [{name: hangs, get: /hang/one, timeout: 60s}]\nteardown: [{get: /noted/down}]")
    with watched(shop, "--report", "ndjson=out/events.json", "-q") as watch:
        shop.wait_for("hangs one")
        shop.write("specs/a.yaml", "checks: [{name: fine, get: /status/418}]")
        watch.shows("interrupted", "specs/a.yaml changed: running everything")
        # what did not come to its end is still owed
        watch.shows("418")
        assert {"left one", "down", "shutdown"} <= set(shop.log)
        shop.write("specs/b.yaml", "checks: [{name: hangs no more, get: /ok}]")
        watch.shows("specs/b.yaml changed: running everything", "1 passed, 1 failed", WAITING)
        watch.press("q")
        assert watch.ended() == 1


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda watch: watch.press("\x03"), 130),
        (lambda watch: watch.press("q"), 130),
        (lambda watch: watch.signal(signal.SIGTERM), 143),
        (lambda watch: watch.signal(signal.SIGHUP), 129),
    ],
    ids=["ctrl-c", "q", "SIGTERM", "SIGHUP"],
)
def test_ways_out_during_a_run(shop, leave, code):
    shop.write("specs/a.yaml", "checks: [{name: hangs, get: /hang/one, timeout: 60s}]\nteardown: [{get: /noted/down}]")
    with watched(shop, "specs/a.yaml") as watch:
        shop.wait_for("hangs one")
        leave(watch)
        assert watch.ended() == code
        assert shop.log[-2:] == ["down", "shutdown"]
        assert watch.mode() == watch.mode_before
        watch.shows("1 interrupted")


def test_a_second_ctrl_c_leaves_at_once(shop):
    shop.write("specs/a.yaml", "checks: [{get: /hang/one, timeout: 60s}]\nteardown: [{get: /hang/two, timeout: 60s}]")
    with watched(shop, "specs/a.yaml") as watch:
        shop.wait_for("hangs one")
        watch.press("\x03")
        shop.wait_for("hangs two")
        watch.press("\x03")
        assert watch.ended() == 130
        assert "shutdown" not in shop.log


def test_after_the_shell_had_the_terminal_keys_are_heard_again(shop):
    with watched(shop, "specs/a.yaml") as watch:
        watch.shows("1 passed", WAITING)
        watch.signal(signal.SIGSTOP)
        termios.tcsetattr(watch.terminal, termios.TCSANOW, watch.mode_before)
        watch.signal(signal.SIGCONT)
        until = time.monotonic() + PATIENCE
        while watch.mode()[3] & termios.ICANON:
            assert time.monotonic() < until
            time.sleep(0.05)
        watch.press("q")
        assert watch.ended() == 0


def test_a_server_of_the_configuration_is_started_for_each_run(shop):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    live = f"""
        [tool.asgi-probe]
        specs = ["specs/a.yaml"]
        target = "live"
        [tool.asgi-probe.targets.live]
        base_url = "http://127.0.0.1:{port}"
        serve = "{sys.executable} -m uvicorn app:app --port {port}"
        """
    shop.write("pyproject.toml", live)
    with watched(shop) as watch:
        watch.shows("1 passed", WAITING)
        shop.write(
            "app.py",
            (shop.root / "app.py")
            .read_text()
            .replace("async def ok(request):", "async def ok(request):\n    note('new')"),
        )
        watch.shows("app.py changed: running everything", "1 passed", WAITING)
        watch.press("q")
        assert watch.ended() == 0
    assert shop.log == ["startup", "shutdown", "startup", "new", "new", "shutdown"]


@pytest.mark.parametrize("safe", [[], ["-P"]], ids=["python -m", "as the script does"])
def test_without_a_terminal_there_are_no_keys(shop, safe):
    # that takes no module of the working directory for one of Python's own, and neither do its runs
    shop.write("secrets.py", "raise RuntimeError" if safe else "from uuid import uuid4\ntoken_hex = uuid4")
    process = subprocess.Popen(
        [sys.executable, *safe, "-m", "asgi_probe", "run", "--watch", "--no-cache"],
        cwd=shop.root,
        env=shop.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if WAITING in line:
                    break
            assert "no keys, as standard input is no terminal" in lines[-1]
            assert any("1 passed, 1 failed" in line for line in lines)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        finally:
            process.kill()


@pytest.fixture
def child(shop, monkeypatch):
    """A run that blocks its app's event loop, and the inbox that will be told of its end."""
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    shop.write("specs/a.yaml", "checks: [{name: begins, get: /noted/begun}, {name: blocks, get: /block/20}]")
    inbox = Inbox()
    child = Child(["-j", "1", "-q", "specs/a.yaml"], inbox)
    shop.wait_for("begun")
    return child, inbox


def test_a_run_that_takes_too_long_to_end_leaves_at_once(child):
    child, inbox = child
    child.end()
    assert not child.is_overdue
    child.hurry()
    assert inbox.get(timeout=PATIENCE) == Ended(child.id, 143)


def test_a_run_that_does_not_even_leave_is_killed(child):
    child, inbox = child
    os.kill(child.id, signal.SIGSTOP)
    child.end()
    child.hurry()
    child.hurry()
    assert inbox.get(timeout=PATIENCE) == Ended(child.id, -signal.SIGKILL)
    assert not child.is_overdue


def test_the_package_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError, match=r"pip install 'asgi-probe\[watch\]'"):
        FileWatch([tmp_path], Noise(tmp_path), Inbox())


def test_the_flags_are_said_again(monkeypatch):
    monkeypatch.setenv("ASGI_PROBE_TARGET", "staging")
    args = ["--watch", "-vv", "-k", "-x", "--no-http2", "-j", "3", "--shuffle", "--report", "ndjson=a b", "-t=x", "p"]
    command = typer.main.get_command(commands).get_command(None, "run")
    context = command.make_context("run", [*args, "--report", "ndjson=c", "--vars-file", "v.json"])
    flags = Flags.of(context)
    written = ["--no-http2", "--tag==x", "-k", "-x", "--shuffle=random", "--vars-file=v.json", "--concurrency=3"]
    written += ["--verbose", "--verbose", "--report=ndjson=a b", "--report=ndjson=c"]
    assert flags.arguments(["q"], failed_only=False, failed_first=True) == [*written, "--failed-first", "--", "q"]
    assert flags.arguments([], failed_only=True, failed_first=True) == [*written, "--last-failed", "--"]
    again = command.make_context("run", flags.arguments(["p"], failed_only=False, failed_first=False))
    assert again.params == context.params | {"watch": False}


PROJECT = {
    "pyproject.toml": CONFIGURATION + '[tool.other]\nreadme = "README.md"\n',
    "README.md": "",
    "app.py": "import models\napp = None",
    "models.py": "",
    "specs/login.yaml": "checks: [{post: /login}]",
    "specs/first.yaml": "needs: login.yaml\nchecks: [{use: lib/steps.yml#go}]",
    "specs/second.yaml": "needs: first.yaml\nchecks: [{get: /, verify: 'specs.probes:looks'}]",
    "specs/rows.yaml": "checks: [{each: {file: ../data/my rows.csv}, get: /}]",
    "specs/schema.yaml": "checks: [{get: /, expect: {schema: {file: order.json}}}]",
    "specs/order.json": '{"$ref": "item part.json"}',
    "specs/item part.json": "{}",
    "specs/body.yaml": 'checks: [{post: /, body: {file: "${name}.bin"}}]',
    "specs/read.yaml": "checks: [{post: /, text: \"${read('letter.txt')}\", verify: 'models:looks'}]",
    "specs/broken.yaml": "needs: [login.yaml",
    "specs/letter.txt": "",
    "specs/probes.py": "import json",
    "lib/alone.py": "",
    "specs/lib/steps.yml": "procedures: {go: [{get: /}]}",
    "data/my rows.csv": "a\n1\n",
    "extra.env": "a=1",
    "given.json": "{}",
}
LOGIN = {"login.yaml", "first.yaml", "second.yaml", "broken.yaml"}


@pytest.fixture
def affected(tmp_path):
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    given = (tmp_path / "given.json",)
    subject = Subject(tmp_path, tmp_path, (), given, None, Noise(tmp_path))

    def affected(*names, gone=False):
        changed = Changed(frozenset(tmp_path / name for name in names), gone)
        extent = subject.affected(changed)
        return "everything" if extent.everything else {path.name for path in extent.files}

    return affected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("specs/login.yaml", LOGIN),
        ("specs/first.yaml", {"first.yaml", "second.yaml"}),
        ("specs/second.yaml", {"second.yaml"}),
        ("specs/lib/steps.yml", {"first.yaml", "second.yaml", "steps.yml"}),
        ("data/my rows.csv", {"rows.yaml", "body.yaml"}),
        ("specs/item part.json", {"schema.yaml", "body.yaml"}),
        ("specs/letter.txt", {"read.yaml", "body.yaml"}),
        ("specs/anything.bin", {"body.yaml"}),
        ("specs/probes.py", {"second.yaml"}),
        ("specs/deleted.yaml", {"body.yaml"}),
        ("README.md", {"body.yaml"}),
        ("models.py", "everything"),
        ("app.py", "everything"),
        ("lib/alone.py", "everything"),
        ("pyproject.toml", "everything"),
        (".env", "everything"),
        (".env.local", "everything"),
        ("extra.env", "everything"),
        ("given.json", "everything"),
    ],
)
def test_what_a_change_affects(affected, changed, expected):
    assert affected(changed) == expected


def test_changes_together(affected):
    assert affected("specs/second.yaml", "specs/probes.py", "specs/schema.yaml") == {"second.yaml", "schema.yaml"}
    assert affected("specs/second.yaml", "app.py") == "everything"
    assert affected(gone=True) == "everything"


@pytest.mark.parametrize(
    "importing",
    [
        "import specs.probes",
        "from specs.probes import looks",
        "from specs import (\n    other,\n    probes,\n)",
        "from . import probes",
        "from .probes import looks",
        "import_module('specs.probes')",
        "HOOK = 'specs.probes:looks'",
        "probes = (",
    ],
)
def test_a_module_that_another_one_may_import_affects_everything(affected, tmp_path, importing):
    (tmp_path / "other.py").write_text(importing)
    assert affected("specs/probes.py") == "everything"


@pytest.mark.parametrize("other", ["probes = 1", "import mine.probes", "'some probes'"])
def test_one_that_only_shares_a_name_does_not(affected, tmp_path, other):
    (tmp_path / "other.py").write_text(other)
    assert affected("specs/probes.py") == {"second.yaml"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.asgi-probe]\nspecs = 1"),
        ("pyproject.toml", CONFIGURATION.replace("app:app", "specs.main:app")),
        ("pyproject.toml", CONFIGURATION + 'overrides = {"app:get" = "specs.probes:fake"}'),
        ("pyproject.toml", CONFIGURATION.replace('["specs"]', '["nowhere"]')),
        ("specs/login.yaml", "target: {app: 'specs.main:app'}\nchecks: [{get: /}]"),
    ],
)
def test_what_is_not_sure_is_everything(affected, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert affected("specs/probes.py") == "everything"


def test_a_file_that_the_configuration_names_affects_everything(affected, tmp_path):
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION + 'openapi = "data/openapi.json"')
    assert affected("data/openapi.json") == "everything"


@pytest.mark.parametrize(
    ("name", "noise"),
    [
        ("specs/a.yaml", False),
        (".env", False),
        (".git/HEAD", True),
        (".asgi_probe_cache/last.json", True),
        ("shop/__pycache__/main.cpython-311.pyc", True),
        ("node_modules/x/index.json", True),
        ("of its own/lib/x.py", True),
        ("specs/.a.yaml.swp", True),
        ("specs/a.yaml~", True),
        ("specs/#a.yaml#", True),
        ("specs/4913", True),
        ("shop.db-journal", True),
        ("out/report.json", True),
        ("out/other.json", False),
    ],
)
def test_noise(tmp_path, monkeypatch, name, noise):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of its own").mkdir()
    (tmp_path / "of its own" / "pyvenv.cfg").touch()
    assert Noise(tmp_path, ["out/report.json", "-"]).is_noise(tmp_path / name) is noise


def test_folders_that_come_and_go_are_told(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "goes").mkdir()
    (tmp_path / "outside" / "a.yaml").touch()
    inbox = Inbox()
    with FileWatch([root], Noise(root), inbox):
        inbox.get(timeout=PATIENCE)
        (tmp_path / "outside").rename(root / "came")
        assert inbox.get(timeout=PATIENCE) == Changed(frozenset({root / "came" / "a.yaml"}))
        (root / "goes").rmdir()
        assert inbox.get(timeout=PATIENCE) == Changed(frozenset(), folders_gone=True)


def test_a_data_file_that_is_written_anew_with_what_it_held_has_not_changed(tmp_path):
    def write(name, text):
        (tmp_path / ".new").write_text(text)
        (tmp_path / ".new").rename(tmp_path / name)

    def changed_until(name):
        found = set()
        while name not in found:
            found |= {path.name for path in inbox.get(timeout=PATIENCE).paths}
        return found

    inbox = Inbox()
    with FileWatch([tmp_path], Noise(tmp_path), inbox):
        inbox.get(timeout=PATIENCE)
        write("rows.csv", "1")
        assert changed_until("rows.csv") == {"rows.csv"}
        for _ in range(2):
            write("rows.csv", "1")
            write("a.yaml", "1")
            assert changed_until("a.yaml") == {"a.yaml"}
        write("rows.csv", "2")
        assert changed_until("rows.csv") == {"rows.csv"}
        (tmp_path / "rows.csv").unlink()
        assert changed_until("rows.csv") == {"rows.csv"}


class Full:
    """A stand-in for what fails in the middle of watching."""

    def folders(self, folder):
        raise OSError("OS file watch limit reached.")


def test_that_files_cannot_be_watched_is_told(tmp_path):
    inbox = Inbox()
    with FileWatch([tmp_path], Full(), inbox):
        assert inbox.get(timeout=PATIENCE) == Broken("OS file watch limit reached.")
