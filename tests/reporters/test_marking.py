from __future__ import annotations

import pytest

from asgi_probe.engine.results import Mismatch
from asgi_probe.reporters.marking import marked, marks_of
from asgi_probe.reporters.values import lines
from asgi_probe.terminal import cells, plain

DATA = {"items": [{"sku": f"A-{n}", "odd key": n, "tags": ["red", "round", "x" * 70]} for n in range(20)], "total": 20}


def told(data, marks, columns=None):
    return [plain(line) for line in marked(data, marks, columns)]


def mismatch(where, path, message):
    return Mismatch(where, path, message, 1, 2, "a.yaml", 1, 1)


def test_marks_are_what_should_be_there():
    found = [
        mismatch("json", "$.a", "expected 1, got 2"),
        mismatch("json", "$.a", "another one"),
        mismatch("until.json", "$.b", "is missing; did you mean 'bee'?"),
        mismatch("jsonpath", "$.c[*]", "expected 3 items, got 1"),
        mismatch("status", None, "expected 200, got 500"),
        mismatch("html", "h1", "expected 'a', got 'b'"),
        mismatch("headers.x", "$.no", "expected 'a', got 'b'"),
    ]
    assert marks_of(found) == {"$.a": "expected 1", "$.b": "is missing", "$.c[*]": "expected 3 items"}


def test_the_lines_around_a_mark_are_shown():
    assert told(DATA, {"$.items[9]['odd key']": "expected 8", "$.total": "expected 21"}) == [
        "{",
        '  "items": [',
        "    {",
        "… 80 lines …",
        "    {",
        '      "sku": "A-9",',
        "      \"odd key\": 9,  ← $.items[9]['odd key'] expected 8",
        '      "tags": [',
        '        "red",',
        "… 93 lines …",
        "    }",
        "  ],",
        '  "total": 20  ← $.total expected 21',
        "}",
    ]


def test_what_is_missing_is_marked_at_what_is_around_it():
    assert '  "a": {"b": 1},  ← $.a.c is missing; $.a.d[0] is missing' in told(
        {"a": {"b": 1}, "z": "y" * 90}, {"$.a.c": "is missing", "$.a.d[0]": "is missing"}
    )
    assert told({"a": 1, "z": "y" * 90}, {"$.b.c": "is missing"})[0] == "{  ← $.b.c is missing"


def test_a_short_body_is_shown_whole():
    assert len(told({"a": 1, "z": "y" * 90, "b": [1] * 9}, {"$.a": "expected 2"})) == 5


@pytest.mark.parametrize(("data", "marks"), [({"a": 1}, {"$.a": "x"}), (DATA, {}), (DATA, {"json": "x"})])
def test_what_needs_no_mark_has_none(data, marks):
    assert told(data, marks) == []


def test_a_body_that_is_wrong_everywhere_has_an_end():
    marks = {f"$.items[{n}].sku": "expected 'x'" for n in range(20)}
    lines_ = told(DATA, marks)
    assert len(lines_) < 65
    assert lines_[-1].endswith(" lines …")


def test_notes_are_cut_to_the_screen():
    for columns in (20, 40, 60):
        shown = told(DATA, {"$.total": "expected " + "漢" * 80}, columns)
        assert any("←" in line for line in shown)
        assert max(cells(line) for line in shown if "total" in line) <= columns - 2
    assert max(map(len, told(DATA, {"$.total": "expected " + "x" * 1_000}))) < 150


def test_hostile_text_is_harmless():
    shown = "\n".join(told({"\x1b[1m\ud800": "a" * 90, "b": 1}, {"$['\x1b[1m']": "\x1b]0;x\n"}))
    assert "\x1b" not in shown
    assert "\ud800" not in shown


@pytest.mark.parametrize(
    "data", [DATA, [1, [2] * 60], {"a": {}, "b": [[[]]], "c": "x" * 200}, {"k": [["a" * 50] * 3] * 2}]
)
def test_it_is_laid_out_as_all_bodies_are(data):
    shown = told(data, {"$": "is wrong"})
    whole = lines(data)
    assert shown[0] == f"{whole[0]}  ← {'' if len(whole) <= 20 else '$ '}is wrong"
    assert shown[-1] == whole[-1]
    assert {line for line in shown[1:] if not line.startswith("… ")} <= {*whole}
