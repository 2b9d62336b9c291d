"""Text for people: harmless, styled, on a terminal or in a log."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from asgi_probe.stand_ins import encodable, escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import IO, Any, TextIO

    from rich.live import Live
    from rich.style import Style
    from rich.text import Text

Span = tuple[str, str]
"""Text and the name of its style; the empty name is plain text."""
Line = list[Span]
Color = Literal["auto", "always", "never"]

STYLES = {
    "": "",
    "title": "bold",
    "place": "bold",
    "message": "bold",
    "error": "bold red",
    "warning": "yellow",
    "hint": "cyan",
    "gutter": "dim",
    "source": "",
    "caret": "bold red",
    "quiet": "dim",
    "passed": "green",
    "flaky": "yellow",
    "failed": "bold red",
    "skipped": "cyan",
    "interrupted": "yellow",
    "expected": "green",
    "actual": "red",
}
"""What each style's name looks like, in the words of `rich`."""

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_SGR = {name: f"\x1b[{';'.join(_CODES[word] for word in style.split())}m" for name, style in STYLES.items() if style}
_RESET = "\x1b[0m"

# C0 but tab and newline, DEL, C1, and what reorders or hides text: bidi marks, zero width, line separators, tags
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """`text` with every character that could steer a terminal or deceive a reader written as its escape."""
    return _HARMFUL.sub(lambda found: escaped(ord(found[0])), text)


def inline(text: str) -> str:
    """`text` made harmless, on one line."""
    return harmless(text).replace("\n", "\\n").replace("\t", " ")


def survived(value: object, write: Callable[[object], str] = str) -> str:
    """What an object of the user's says of itself; what is wrong with it where that raises."""
    try:
        return write(value)
    except BaseException as error:  # noqa: BLE001 - it may raise anything, and nothing here waits
        return f"<{type(value).__name__} whose {write.__name__}() raised {type(error).__name__}>"


def plain(line: Line) -> str:
    """The text of a line without its styles."""
    return "".join(text for text, _ in line)


def cells(text: str) -> int:
    """How many terminal columns a text takes: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def clip(text: str, width: int) -> str:
    """`text` in at most `width` columns; where it is cut, it ends with `…`."""
    if cells(text) <= width:
        return text
    end = min(len(text), width)
    while end and cells(text[:end]) >= width:
        end -= 1
    return text[:end] + "…"


_WIDEST = 160
# columns of an excerpt beside the text: the line's number, and the marks of what was cut
_GUTTER = 10


def excerpt(number: int, text: str, marks: Iterable[tuple[int, int]], columns: int | None = None) -> list[Line]:
    """A line of a source and under it a caret for each mark, a column (from 1) and a width; nothing for an empty line.

    The gutter holds the line's number. Of a line that is long, or longer than the screen has `columns`, only the part
    around the first mark is shown, on the narrowest of screens nothing.
    """
    if not text.strip() or (columns is not None and columns < _GUTTER * 2):
        return []
    places = sorted({(column - 1, width) for column, width in marks})
    widest = _WIDEST if columns is None else min(_WIDEST, max(columns - _GUTTER, 30))
    start, cut = _window(text, places[0][0], widest)
    end = start + widest
    carets = ""
    for column, width in places:
        lead = cells(cut + _shown(text[start:column]))
        if lead >= len(carets) and column <= end:
            carets = carets.ljust(lead) + "^" * max(1, cells(_shown(text[column : min(column + width, end)])))
    return [
        [(f"{number:>5} | ", "gutter"), (cut + _shown(text[start:end]) + "…" * (len(text) > end), "source")],
        [("      | ", "gutter"), (carets, "caret")],
    ]


def _shown(text: str) -> str:
    return harmless(text).replace("\t", " ")


def _window(text: str, column: int, widest: int) -> tuple[int, str]:
    """Where to begin showing a long line so that the column is seen, and the mark that says something was cut."""
    if len(text) <= widest or column < widest * 3 // 4:
        return 0, ""
    return column - widest * 3 // 8, "…"


class Screen(Protocol):
    """Where people read: whole lines, and on a terminal a last line that moves."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be written any more; a reader who went away is no problem."""

    @property
    def columns(self) -> int | None:
        """How wide a line may be; None where none is ever cut."""

    def write(self, lines: Iterable[Line]) -> None:
        """Show lines, above the live one."""

    def command(self, text: str) -> None:
        """Write a line to the CI system that reads along, exactly as it is; not while there is a live line."""

    def live(self, line: Callable[[], Line]) -> None:
        """From now on show what `line` gives, ten times a second and from another thread; a log shows nothing."""

    def close(self) -> None:
        """Take the live line away."""


def open_screen(stream: TextIO | None, *, color: Color = "auto", environ: Mapping[str, str] | None = None) -> Screen:
    """A screen on the stream: a terminal's has a live line, all else is a log.

    `--color` outranks `NO_COLOR`, that outranks `FORCE_COLOR`, and without any of them terminals have colour. A dumb
    terminal, and one in CI, is a log.
    """
    environ = os.environ if environ is None else environ
    outlet = Outlet(stream)
    terminal = outlet.isatty() and environ.get("TERM") != "dumb"
    colored = _colored(color, environ, terminal=terminal)
    obeyed = any(environ.get(name, "").lower() == "true" for name in _OBEYING)
    if terminal and not obeyed and environ.get("CI", "").lower() in ("", "0", "false"):
        return Terminal(outlet, color=colored)
    return Log(outlet, color=colored, obeyed=obeyed)


def _colored(color: Color, environ: Mapping[str, str], *, terminal: bool) -> bool:
    if color != "auto":
        return color == "always"
    if environ.get("NO_COLOR"):
        return False
    return terminal or environ.get("FORCE_COLOR", "0").lower() not in ("", "0", "false")


_OBEYING = ("GITHUB_ACTIONS", "TF_BUILD")
"""What CI systems set that take some lines of a log for commands: GitHub Actions and Azure Pipelines."""
# GitHub heeds `::` before all but blanks and `##[` anywhere in a line, Azure `##[` and `##vso[`
_COMMAND = re.compile(r"^\s*(:):|#(#)(?:\[|vso\[)", re.IGNORECASE | re.MULTILINE)


def disarmed(line: Line) -> Line:
    """The line so that no CI system takes it for a command, whoever wrote it: with an escape in place of its mark."""
    text = plain(line)
    if "::" not in text and "##" not in text:
        return line
    places = {found.start(found.lastindex or 0) for found in _COMMAND.finditer(text)}
    shown = iter([escaped(ord(char)) if at in places else char for at, char in enumerate(text)])
    return [("".join(islice(shown, len(part))), style) for part, style in line]


class Outlet:
    """A text stream to which everything can be written, and that never raises.

    What its encoding lacks becomes a stand-in or an escape. After the first failure it swallows all; `problem` says
    which, unless it was a reader who closed the pipe.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.problem: str | None = None
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write the text as far as the stream can take it."""
        stream = self._stream
        if stream is not None:
            try:
                stream.write(encodable(text, self.encoding))
            except (OSError, ValueError) as error:
                self._die(stream, error)
        return len(text)

    def flush(self) -> None:
        stream = self._stream
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError) as error:
                self._die(stream, error)

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError("there is no stream")
        return self._stream.fileno()

    def _die(self, stream: TextIO, error: Exception) -> None:
        if not isinstance(error, BrokenPipeError):
            self.problem = f"the output cannot be written: {getattr(error, 'strerror', None) or error}"
        self._stream = None
        drain(stream)


def drain(stream: IO[Any]) -> None:
    """Let what the stream still holds go nowhere, else it fails again when it is closed, or the interpreter exits."""
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


class Log:
    """A screen that is a file, a pipe or a dumb terminal: whole lines without control characters but colour.

    Where it is `obeyed`, none of them is a command.
    """

    def __init__(self, outlet: Outlet, *, color: bool, obeyed: bool = False) -> None:
        self._outlet = outlet
        self._color = color
        self._obeyed = obeyed

    @property
    def problem(self) -> str | None:
        return self._outlet.problem

    @property
    def columns(self) -> int | None:
        return None

    def write(self, lines: Iterable[Line]) -> None:
        """Write the lines, at once."""
        paint = _painted if self._color else plain
        if self._obeyed:
            lines = map(disarmed, lines)
        self._outlet.write("".join([paint(line) + "\n" for line in lines]))
        self._outlet.flush()

    def command(self, text: str) -> None:
        """Write the line."""
        self._outlet.write(text + "\n")

    def live(self, line: Callable[[], Line]) -> None:
        """A log has no line that moves."""

    def close(self) -> None:
        self._outlet.flush()


def _painted(line: Line) -> str:
    return "".join(f"{_SGR[style]}{text}{_RESET}" if style in _SGR and text else text for text, style in line)


class Terminal:
    """A screen that is a terminal, drawn by rich; its markup is never interpreted."""

    def __init__(self, outlet: Outlet, *, color: bool, width: int | None = None) -> None:
        from rich.console import Console
        from rich.style import Style

        self._outlet = outlet
        # rich asks its file for what Outlet has, and for no more
        self._console = Console(
            file=outlet,  # type: ignore[arg-type]
            force_terminal=True,
            color_system="standard" if color else None,
            no_color=False,
            markup=False,
            emoji=False,
            highlight=False,
            width=width,
        )
        self._styles: dict[str, Style] = {name: Style.parse(style) for name, style in STYLES.items()}
        self._live: Live | None = None
        self._reserve = len(encodable("…", outlet.encoding)) - 1

    @property
    def problem(self) -> str | None:
        return self._outlet.problem

    @property
    def columns(self) -> int | None:
        return self._console.width - self._reserve

    def write(self, lines: Iterable[Line]) -> None:
        """Print the lines above the live one."""
        from rich.segment import Segment, Segments

        segments: list[Segment] = []
        for line in lines:
            segments += [Segment(text, self._styles[style]) for text, style in line]
            segments.append(Segment.line())
        self._console.print(Segments(segments), soft_wrap=True, end="")

    def command(self, text: str) -> None:
        """Write the line past rich, which would wrap it."""
        self._outlet.write(text + "\n")

    def live(self, line: Callable[[], Line]) -> None:
        """Show the line until the screen is closed; what the program prints meanwhile goes above it."""
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=lambda: self._text(line()),
            refresh_per_second=10,
            transient=True,
            redirect_stdout=_is_terminal(sys.stdout),
            redirect_stderr=_is_terminal(sys.stderr),
        )
        self._live.start()
        # whoever is killed leaves the terminal as it is: with its cursor
        self._console.show_cursor(show=True)

    def close(self) -> None:
        """Take the live line away and give the program's own output back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._outlet.flush()

    def _text(self, line: Line) -> Text:
        from rich.text import Text

        return Text.assemble(
            *((text, self._styles[style]) for text, style in line), no_wrap=True, overflow="ellipsis", end=""
        )


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
