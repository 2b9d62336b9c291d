"""Long lines of words, folded where the screen ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asgi_probe.terminal import cells, plain

if TYPE_CHECKING:
    from asgi_probe.terminal import Line

_NARROWEST = 30
"""Columns below which the terminal breaks lines better: wherever they end."""
_WORDS = re.compile(r"\S+\s*|\s+")


def folded(line: Line, columns: int | None, indent: int = 4) -> list[Line]:
    """The line in as many as it takes, those after the first indented; a word is never broken here."""
    if columns is None or columns < _NARROWEST or cells(plain(line)) <= columns:
        return [line]
    told: list[Line] = [[]]
    width = 0
    for text, style in line:
        for word in _WORDS.findall(text):
            if width + cells(word.rstrip()) > columns and width > indent:
                # blanks at the end of a full line would make the terminal break it once more
                told[-1][-1] = (told[-1][-1][0].rstrip(), told[-1][-1][1])
                told.append([(" " * indent, "")])
                width = indent
            told[-1].append((word, style))
            width += cells(word)
    return told
