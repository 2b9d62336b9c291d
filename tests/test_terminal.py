from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_probe.stand_ins import encodable
from asgi_probe.terminal import (
    STYLES,
    Log,
    Outlet,
    Terminal,
    cells,
    clip,
    disarmed,
    excerpt,
    harmless,
    inline,
    open_screen,
    plain,
)


class Stream(io.StringIO):
    def __init__(self, tty=False, encoding="utf-8"):
        super().__init__()
        self._tty = tty
        self._encoding = encoding

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self._tty


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 漢字\tand\nlines", "plain äöü 漢字\tand\nlines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\r\x00\x7f", "\\x0d\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\u200b\ufeff\u2066", "\\u200b\\ufeff\\u2066"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_could_steer_or_deceive_is_escaped(text, shown):
    assert harmless(text) == shown


def test_inline_is_harmless_on_one_line():
    assert inline("a\n\tb\x1b") == "a\\n b\\x1b"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("", 0)])
def test_cells(text, width):
    assert cells(text) == width


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("漢字漢字", 5, "漢字…"),
        ("漢字漢字", 6, "漢字…"),
        ("abc", 1, "…"),
    ],
)
def test_clip_never_exceeds_the_width(text, width, cut):
    assert clip(text, width) == cut
    assert cells(cut) <= width


def drawn(*args):
    return [plain(line) for line in excerpt(*args)]


def test_excerpt_puts_a_caret_under_each_mark():
    assert drawn(7, "json: {a: 1, bcd: 2}", [(14, 3), (8, 1)]) == [
        "    7 | json: {a: 1, bcd: 2}",
        "      |        ^     ^^^",
    ]


def test_excerpt_counts_columns_as_the_terminal_does():
    assert drawn(12, "漢\t\x1b: x", [(5, 1)]) == ["   12 | 漢 \\x1b: x", "      |         ^"]


def test_excerpt_of_nothing_is_nothing():
    assert drawn(1, "  ", [(1, 1)]) == []


def test_excerpt_marks_the_end_of_a_line():
    assert drawn(1, "ab:", [(4, 1)]) == ["    1 | ab:", "      |    ^"]


def test_excerpt_draws_marks_at_one_place_once():
    assert drawn(1, "abcdef", [(2, 3), (2, 3), (3, 1)]) == ["    1 | abcdef", "      |  ^^^"]


def test_excerpt_shows_the_part_of_a_long_line_that_counts():
    source, carets = drawn(1, "x" * 500 + "KEY" + "y" * 500, [(501, 3), (900, 2)])
    assert source.startswith("    1 | …xxx")
    assert source.endswith("y…")
    assert len(source) < 180
    assert source[carets.index("^") : carets.rindex("^") + 1] == "KEY"


def test_excerpt_of_a_mark_wider_than_the_line():
    source, carets = drawn(1, "k: " + "v" * 400, [(4, 400)])
    assert source.endswith("…")
    assert len(carets) == len(source) - 1


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "✓ ✗ … → é 漢"),
        ("ascii", "+ x ... -> \\xe9 \\u6f22"),
        ("latin-1", "+ x ... -> é \\u6f22"),
        ("cp1252", "+ x … -> é \\u6f22"),
    ],
)
def test_glyphs_have_stand_ins_where_the_encoding_lacks_them(encoding, written):
    assert encodable("✓ ✗ … → é 漢", encoding) == written
    encodable("✓", encoding).encode(encoding)


def test_lone_surrogates_and_astral_characters_are_written_as_escapes():
    assert encodable("a\udc80b", "utf-8") == "a\\udc80b"
    assert encodable("😀", "ascii") == "\\U0001f600"


def test_the_stand_in_handler_is_for_encoding_only():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "asgi_probe.stand_in")


LINES = [[("✓ ", "passed"), ("GET /", ""), ("", "quiet")], [], [("[red]x[/red]", "failed")]]


def test_a_log_has_no_control_characters():
    stream = Stream()
    Log(Outlet(stream), color=False).write(LINES)
    assert stream.getvalue() == "✓ GET /\n\n[red]x[/red]\n"


def test_a_log_may_have_colour():
    stream = Stream()
    Log(Outlet(stream), color=True).write(LINES)
    assert stream.getvalue() == "\x1b[32m✓ \x1b[0mGET /\n\n\x1b[1;31m[red]x[/red]\x1b[0m\n"


@pytest.mark.parametrize("color", [True, False])
def test_a_terminal_shows_text_as_it_is(color):
    stream = Stream(tty=True)
    screen = Terminal(Outlet(stream), color=color, width=20)
    screen.write([*LINES, [("long " * 10, "")]])
    text = stream.getvalue()
    assert ("\x1b[32m✓ \x1b[0m" in text) is color
    assert "[red]x[/red]" in text
    assert "long " * 10 in text
    assert color or "\x1b" not in text
    assert screen.columns == 20


def test_a_terminal_without_an_ellipsis_reserves_room_for_its_stand_in():
    assert Terminal(Outlet(Stream(tty=True, encoding="ascii")), color=False, width=80).columns == 78


def test_every_style_is_one_that_rich_and_a_log_know():
    stream, log = Stream(), Stream()
    line = [(f"[{name}]", name) for name in STYLES]
    Terminal(Outlet(stream), color=True, width=500).write([line])
    Log(Outlet(log), color=True).write([line])
    assert stream.getvalue() == log.getvalue()


@pytest.mark.parametrize(
    ("tty", "color", "environ", "kind", "colored"),
    [
        (True, "auto", {}, Terminal, True),
        (True, "auto", {"NO_COLOR": "1"}, Terminal, False),
        (True, "auto", {"NO_COLOR": ""}, Terminal, True),
        (True, "always", {"NO_COLOR": "1"}, Terminal, True),
        (True, "never", {"FORCE_COLOR": "1"}, Terminal, False),
        (True, "auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, Terminal, False),
        (True, "auto", {"TERM": "dumb"}, Log, False),
        (True, "auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, Log, True),
        (True, "auto", {"TERM": "xterm", "CI": "true"}, Log, True),
        (True, "auto", {"CI": "false"}, Terminal, True),
        (False, "auto", {}, Log, False),
        (False, "auto", {"FORCE_COLOR": "1"}, Log, True),
        (False, "auto", {"FORCE_COLOR": "0"}, Log, False),
        (False, "always", {}, Log, True),
        (False, "never", {"FORCE_COLOR": "1"}, Log, False),
    ],
)
def test_which_screen_is_opened(tty, color, environ, kind, colored):
    stream = Stream(tty=tty)
    screen = open_screen(stream, color=color, environ=environ)
    screen.write([[("x", "passed")]])
    assert isinstance(screen, kind)
    assert ("\x1b[32m" in stream.getvalue()) is colored


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ([("::error::x", "")], "\\x3a:error::x"),
        ([("  \u00a0", ""), (":", "title"), (":stop-commands::x", "")], "  \u00a0\\x3a:stop-commands::x"),
        ([("a ##[error]x", "")], "a #\\x23[error]x"),
        ([("a #", ""), ("#", "title"), ("[group]", "")], "a #\\x23[group]"),
        ([("###[x] ##VSO[task.setvariable]y", "")], "##\\x23[x] #\\x23VSO[task.setvariable]y"),
        ([("a\n::error::x", "")], "a\n\\x3a:error::x"),
        ([("specs/a.yaml::one ## two ::three [#", "")], "specs/a.yaml::one ## two ::three [#"),
    ],
)
@pytest.mark.parametrize("environ", [{"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}])
@pytest.mark.parametrize("tty", [False, True])
def test_no_line_is_a_command_to_ci(written, shown, environ, tty):
    stream = Stream(tty=tty)
    open_screen(stream, color="never", environ=environ).write([written])
    assert stream.getvalue() == shown + "\n"


def test_colours_stay_where_commands_are_disarmed():
    assert disarmed([("  ::a", "title"), (" ##[b]", "failed")]) == [("  \\x3a:a", "title"), (" #\\x23[b]", "failed")]


def test_lines_are_left_alone_where_nobody_obeys_them():
    stream = Stream()
    open_screen(stream, environ={"CI": "true"}).write([[("::error::##[x]", "")]])
    assert stream.getvalue() == "::error::##[x]\n"


def test_no_style_is_one_that_vanishes_on_white():
    # bold yellow is bright yellow on many terminals; white and black are one of two backgrounds
    assert not [style for style in STYLES.values() if "bold yellow" in style or "white" in style or "black" in style]


def test_a_log_cuts_nothing_and_has_no_live_line():
    stream = Stream()
    screen = open_screen(stream, environ={})
    screen.live(lambda: [("never", "")])
    screen.close()
    assert screen.columns is None
    assert stream.getvalue() == ""
    assert screen.problem is None


def test_no_stream_at_all_is_a_quiet_screen():
    screen = open_screen(None, environ={})
    screen.write([[("x", "")]])
    screen.close()
    assert screen.problem is None
    with pytest.raises(OSError, match="no stream"):
        Outlet(None).fileno()


def test_an_outlet_is_its_stream_to_those_who_ask(tmp_path):
    with (tmp_path / "out").open("w", encoding="latin-1") as stream:
        outlet = Outlet(stream)
        assert (outlet.fileno(), outlet.encoding, outlet.isatty()) == (stream.fileno(), "latin-1", False)


def test_a_closed_stream_is_told_once_and_swallowed():
    stream = Stream()
    stream.close()
    screen = Log(Outlet(stream), color=False)
    screen.write([[("x", "")]])
    screen.write([[("y", "")]])
    assert "closed file" in screen.problem


def test_a_stream_that_is_closed_is_no_terminal():
    stream = io.StringIO()
    stream.close()
    assert isinstance(open_screen(stream, environ={}), Log)


def test_a_full_disk_is_a_problem_and_raises_nothing():
    with Path("/dev/full").open("w") as full:
        screen = open_screen(full, environ={})
        screen.write([[("x", "")]])
        screen.write([[("x" * 100_000, "")]])
        screen.close()
    assert screen.problem == "the output cannot be written: No space left on device"


@pytest.mark.parametrize("tty", [True, False])
def test_a_reader_who_goes_away_ends_it_quietly(tty):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        screen = (Terminal if tty else Log)(Outlet(pipe), color=False)
        for _ in range(3):
            screen.write([[("x" * 10_000, "")]])
        screen.live(lambda: [("x", "")])
        screen.close()
    assert screen.problem is None


def test_a_closed_pipe_leaves_the_exit_code_alone():
    program = (
        "import sys; from asgi_probe.terminal import open_screen\n"
        "screen = open_screen(sys.stdout, environ={})\n"
        "for _ in range(1000): screen.write([[('x' * 1000, '')]])\n"
        "sys.exit(7)"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.close()
    assert run.stderr.read() == b""
    run.stderr.close()
    assert run.wait() == 7


def test_terminal_text_costs_no_import_of_rich():
    program = (
        "import sys, io; from asgi_probe.terminal import open_screen\n"
        "open_screen(io.StringIO(), color='always').write([[('x', 'failed')]])\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


LIVE = """
import sys, time
from asgi_probe.terminal import open_screen
screen = open_screen(sys.stdout, environ={"TERM": "xterm"})
told = []
screen.live(lambda: told.append(1) or [("working on [red]it[/red] " * 20, "title")])
while len(told) < 3:
    time.sleep(0.01)
print("the program speaks")
print("and errs", file=sys.stderr)
screen.write([[("a line above", "passed")]])
screen.close()
screen.write([[("the end", "")]])
print(type(sys.stdout).__name__, screen.columns)
"""


def in_a_terminal(program):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    run = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    written = b""
    try:
        while more := os.read(ours, 65536):
            written += more
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert run.wait() == 0
    return written.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_the_live_line_of_a_real_terminal():
    text = in_a_terminal(LIVE)
    before, _, after = text.partition("a line above")
    assert "working on [red]it[/red]" in before
    assert "the program speaks\r\n" in before
    assert "and errs\r\n" in before
    assert "working on " * 4 not in text
    assert "\x1b[?25h" in before.partition("working")[0], "the cursor stays visible, whoever is killed"
    assert after.rpartition("\x1b[2K")[2] == "the end\r\nTextIOWrapper 60\r\n", "nothing of the live line is left"


def test_an_excerpt_fits_the_screen_and_its_caret_stays_under_its_place():
    text = "    json: {" + ", ".join(f"key{n}: value{n}" for n in range(30)) + "}"
    column = text.index("value20") + 1
    source, caret = excerpt(7, text, [(column, 7)], columns=60)
    shown, marked = plain(source), plain(caret)
    assert len(shown) <= 60
    assert shown[marked.index("^") :].startswith("value20")
    assert shown.startswith("    7 | …")
    assert shown.endswith("…")


@pytest.mark.parametrize("screen", [Log, Terminal])
def test_a_command_is_written_as_it_is(screen):
    stream = Stream()
    shown = screen(Outlet(stream), color=True)
    line = "::error file=a.yaml,line=1,title=[bold]x[/bold]::" + "long " * 100
    shown.command(line)
    shown.close()
    assert stream.getvalue() == line + "\n"
