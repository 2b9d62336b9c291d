"""A run as a comment on a pull request, or a summary of a CI job: Markdown as GitHub and GitLab read it.

All that others wrote stands in code, by HTML tags or fences: no markup of theirs counts there, nobody is mentioned,
nothing is linked. Whatever is not fenced is HTML: inside a paragraph or a table of Markdown's even code is looked
through for markup, and not every text can be written into it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from asgi_probe.engine.events import RunFinished
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.notable import Notable
from asgi_probe.reporters.words import count, duration, tally
from asgi_probe.terminal import harmless, inline, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment, Template

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile

LONGEST_COMMENT = 65_536
"""Characters that GitHub takes for a comment."""
_SPARE = 536
"""Characters that are left to whoever puts a line of his own above or below."""
_MOST_TROUBLES = 100
_MOST_DETAILED = 40
_LONGEST_TEXT = 1_000
_EMOJI = {Outcome.FAILED: "❌", Outcome.ERROR: "❗", Outcome.XPASSED: "❌", Outcome.INTERRUPTED: "⏹️"}
_BACKTICKS = re.compile("`+")


class MarkdownReporter:
    """Writes a comment, when the run has ended; it keeps only what did not pass, and not all of that."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._notable = Notable(_MOST_TROUBLES, _MOST_DETAILED)

    def handle(self, event: Event) -> None:
        """Take in one event; write with the last one."""
        self._notable.handle(event)
        if isinstance(event, RunFinished):
            self._file.write(document(self._notable, event, LONGEST_COMMENT - _SPARE, _utf16))


def _utf16(text: str) -> int:
    """The length of a text as JavaScript counts it, which is never less than its characters."""
    return len(text.encode("utf-16-le")) // 2


def document(notable: Notable, run: RunFinished, most: int, size: Callable[[str], int]) -> str:
    """The run in Markdown that is no larger than `most`, as `size` measures it.

    Where room is short details go first, then rows of what did not pass, then all but the headline and what ended the
    run; that is written in any case.
    """
    rows, details = len(notable.troubles), sum(bool(trouble.parts) for trouble in notable.troubles)

    def told(rows: int, details: int, *, rest: bool = True) -> str:
        return _template().render(run=run, notable=notable, rows=rows, details=details, rest=rest)

    def fits(text: str) -> bool:
        return size(text) <= most

    whole = told(rows, details)
    if fits(whole):
        return whole
    if fits(told(rows, 0)):
        return _longest(details, lambda number: told(rows, number), fits)
    if fits(told(0, 0)):
        return _longest(rows, lambda number: told(number, 0), fits)
    return told(0, 0, rest=False)


def _longest(most: int, told: Callable[[int], str], fits: Callable[[str], bool]) -> str:
    """What is told with the largest number below `most` that fits; 0 does."""
    least, text = 0, told(0)
    while most - least > 1:
        middle = (least + most) // 2
        if fits(longer := told(middle)):
            least, text = middle, longer
        else:
            most = middle
    return text


def code(text: str) -> Markup:
    """A text of others, cut and on one line, as code."""
    shown = inline(text[:_LONGEST_TEXT]) + "…" * (len(text) > _LONGEST_TEXT)
    return Markup("<code>{}</code>").format(shown) if shown else Markup("")


def fenced(text: str, language: str = "text") -> Markup:
    """A text of others, as a block of code whose fence is longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    return Markup(f"{fence}{language}\n{harmless(text)}\n{fence}")  # noqa: S704 - nothing inside a fence counts


def _emoji(outcome: Outcome) -> str:
    return _EMOJI[outcome]


def _told_tally(run: RunFinished) -> str:
    return plain(tally(run.outcomes))


@cache
def _template() -> Template:
    return _environment().get_template("markdown.md.j2")


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("asgi_probe", "reporters"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "code": code,
        "fenced": fenced,
        "duration": duration,
        "counted": count,
        "emoji": _emoji,
        "tally": _told_tally,
    }
    return environment
