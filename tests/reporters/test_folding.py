from __future__ import annotations

import pytest

from asgi_probe.reporters.folding import folded
from asgi_probe.terminal import plain

LINE = [("a.yaml:1:2", "place"), (": ", ""), ("expected the quick brown fox, got a very lazy dog indeed", "message")]


def test_a_line_is_folded_between_words():
    lines = folded(LINE, 40)
    assert [plain(line) for line in lines] == [
        "a.yaml:1:2: expected the quick brown",
        "    fox, got a very lazy dog indeed",
    ]
    assert lines[0][0] == ("a.yaml:1:2", "place")
    assert lines[1][1][1] == "message"


@pytest.mark.parametrize("columns", [None, 20, 68, 200])
def test_what_fits_or_cannot_be_folded_well_is_left_alone(columns):
    assert folded(LINE, columns) == [LINE]


def test_a_word_that_is_too_long_is_not_broken():
    lines = folded([("see ", ""), ("x" * 100, ""), (" there", "")], 40, 2)
    assert [plain(line) for line in lines] == ["see", "  " + "x" * 100, "   there"]
