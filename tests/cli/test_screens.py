"""What the console makes of terminals, pipes, CI and hostile text, through the real command line."""

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.project import PATIENCE

APP = """
import json

EVIL = "::error::oops\\n##[error]x\\n\\x1b[31mred\\x1b]0;title\\x07 [bold]b[/bold] ##vso[task.x]y"


async def app(scope, receive, send):
    if scope["path"] == "/raise":
        json.loads("{")
    await send({"type": "http.response.start", "status": 500, "headers": [(b"x-evil", b"::error::x")]})
    await send({"type": "http.response.body", "body": EVIL.encode()})
"""
HOSTILE = r"""
name: "::error::the\nfile, [red]x[/red]"
checks:
  - {name: "::error::a\nname, with [bold]commas[/bold] \e[31m", get: "/x?y=::error::", expect: {text: "::error::no\nx"}}
  - {name: "##[error]skipped", skip: "::error::why\nbecause", get: /}
  - {name: "漢字漢字漢字漢字漢字漢字漢字漢字", description: "::error::d", get: /raise}
  - {name: expected, xfail: "##vso[x]", get: /raise}
"""
MANY = "checks:\n" + "".join(f"  - {{name: row {row}, get: /row, expect: 418}}\n" for row in range(25))


@pytest.fixture
def hostile(project):
    project.write("app.py", APP)
    project.write("a.yaml", HOSTILE)
    return project


def in_a_terminal(project, columns, *args, **environment):
    """What `asgi-probe run …` shows on a terminal of that width, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in project.environment().items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "run", *args],
        cwd=project.root,
        env=kept | {"TERM": "xterm-256color"} | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65_536):
            shown += data
    except OSError as error:
        # what Linux says when nobody holds the other end any more
        if error.errno != errno.EIO:
            raise
    os.close(ours)
    return shown.decode(), process.wait(PATIENCE)


@pytest.mark.parametrize("columns", [20, 80, 120])
def test_a_terminal_of_any_width(hostile, columns):
    shown, code = in_a_terminal(hostile, columns, "--app", "app:app", "a.yaml")
    assert code == 1
    assert "Traceback (most recent call last)" in shown
    assert "\x1b]0;" not in shown
    assert "漢字" in shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "2 failed, 1 xfailed, 1 skipped in " in text
    assert len(text.splitlines()) < 90


def test_a_dumb_terminal_is_a_log(hostile):
    shown, code = in_a_terminal(hostile, 80, "--app", "app:app", "a.yaml", TERM="dumb")
    assert code == 1
    assert "\x1b" not in shown
    assert "2 failed" in shown


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "TF_BUILD"])
@pytest.mark.parametrize("flags", [(), ("-v",), ("--color", "always"), ("--vars-file", "::error::x")])
def test_nothing_is_a_command_to_ci(hostile, variable, flags):
    ran = hostile.command("run", "--app", "app:app", "a.yaml", *flags, **{variable: "true"})
    # our own annotations are commands, and look like nobody else's
    text = re.sub(r"(?m)\x1b\[[0-9;]*m|^::error file=a\.yaml,line=.*\n", "", ran.said)
    assert "::error::" in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert not re.search(r"##\[|##vso\[", text)


def test_ascii_is_enough(hostile):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    ran = hostile.command("run", "--app", "app:app", "a.yaml", **ascii_only)
    assert ran.exit == 1
    assert ran.said.isascii()
    assert "x a.yaml" in ran.out
    assert "\\u6f22" in ran.out


def test_a_reader_who_leaves_ends_it_quietly(project):
    project.write("a.yaml", MANY)
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_probe", "run", "--app", "app:app", "-v", "a.yaml"],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE) == 1


@pytest.mark.parametrize("status", [200, 418])
def test_a_full_disk_is_told(project, status):
    project.write("a.yaml", f"checks: [{{get: /ok, expect: {status}}}]\n")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "asgi_probe", "run", "--app", "app:app", "a.yaml"],
            cwd=project.root,
            env=project.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == b"error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("flags", "environment", "frames", "lines"),
    [
        ((), {}, "short", 2),
        (("--tb", "short"), {"ASGI_PROBE_TB": "none"}, "short", 2),
        (("--tb", "long"), {}, "long", 2),
        ((), {"ASGI_PROBE_TB": "long"}, "long", 2),
        (("--tb", "none"), {}, "none", 0),
    ],
)
@pytest.mark.parametrize("command", [("run", "a.yaml"), ("get", "/raise")])
def test_how_much_of_a_traceback_is_told(hostile, command, flags, environment, frames, lines):
    hostile.write("a.yaml", "checks: [{get: /raise}]\n")
    ran = hostile.command(*command, "--app", "app:app", *flags, **environment)
    assert ran.exit == 1
    assert ran.said.count("Traceback (most recent call last)") == (frames != "none")
    assert ("frames in json" in ran.said) is (frames == "short")
    assert ("json/decoder.py" in ran.said) is (frames == "long")
    assert ran.said.count("JSONDecodeError") == (frames != "none")


def test_no_other_way_to_tell_tracebacks(project):
    ran = project.command("run", "--tb", "auto")
    assert ran.exit == 2
    assert "'auto'" in ran.err


def test_many_that_failed_are_run_again_by_a_flag(project):
    project.write("a.yaml", MANY)
    assert (
        "\n  asgi-probe run --app app:app --last-failed\n" in project.command("run", "--app", "app:app", "a.yaml").out
    )
    listed = project.command("run", "--app", "app:app", "--no-cache", "a.yaml").out
    assert listed.count("\n  asgi-probe run --app app:app 'a.yaml::row ") == 20
    assert "\n  … and 5 more\n" in listed
