from __future__ import annotations

import pytest

from asgi_probe.reporters.differences import differences
from asgi_probe.terminal import cells, plain


def told(expected, actual, columns=None):
    return "".join(plain(line) + "\n" for line in differences(expected, actual, columns))


def order(**more):
    return {
        "id": 1,
        "items": [{"sku": f"A-{number}", "price": number} for number in range(12)],
        "note": "x" * 40,
    } | more


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        ("a", "b"),
        ("a", 1),
        ([1, 2], [1, 3]),
        ({"a": 1}, "a\nb"),
        ("a\nb", "a\nb"),
        (order(), order()),
        (None, {}),
    ],
)
def test_what_is_short_or_equal_or_of_two_kinds_is_no_difference_to_draw(expected, actual):
    assert told(expected, actual) == ""


def test_structures_stand_side_by_side_where_there_is_room():
    other = order(note="y" * 40)
    other["items"][5] = {"sku": "B-5", "price": 5, "extra": True}
    assert (
        told(order(), other, 94)
        == """\
  = expected                                        actual
      | … 22 lines …
      |     }                                           }
      |     {                                           {
      |       "sku": "A-5"                        |       "sku": "B-5"
      |       "price": 5                                  "price": 5
      |                                           >       "extra": true
      |     }                                           }
      |     {                                           {
      | … 22 lines …
      |     }                                           }
      |   ]                                           ]
      |   "note": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx… |   "note": "yyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
      | }                                           }
"""
    )


def test_below_one_another_where_there_is_not():
    assert told(order(), order(note="y" * 40), 80).startswith("  = - expected  + actual\n      | …\n      |      }\n")


def test_a_long_pair_is_shown_from_where_it_differs():
    one, other = order(note="x" * 80 + "1" + "z" * 50), order(note="x" * 80 + "2" + "z" * 50)
    lines = told(one, other, 94).splitlines()
    assert any("x1zzz" in line and "x2zzz" in line for line in lines)
    assert max(map(cells, lines)) <= 94


def test_side_by_side_has_an_end():
    one = {f"key {number}": "a" * 20 for number in range(200)}
    other = {f"key {number}": "b" * 20 for number in range(200)}
    lines = told(one, other, 120).splitlines()
    assert len(lines) < 50
    assert lines[-1] == "      | … 162 lines …"


def test_what_is_missing_on_the_right_is_marked():
    other = order()
    del other["items"][3]["price"]
    assert '"price": 3                          <' in told(order(), other, 94)


def test_wide_characters_keep_the_columns():
    lines = told(order(name="漢字漢字"), order(name="漢漢漢漢"), 94).splitlines()
    assert max(map(cells, lines)) <= 94
    assert any('"漢字漢字"' in line or "漢字漢字" in line for line in lines)


def test_a_long_line_that_differs_a_little_has_carets():
    before, after = "the quick brown fox jumps over ", " and runs away from the hunter"
    assert told(f"{before}the lazy dog{after}", f"{before}a cat{after}") == (
        "  = expected  …he quick brown fox jumps over the lazy dog and runs away from …\n"
        "                                             ^^^^^^^^^^^^\n"
        "  = actual    …he quick brown fox jumps over a cat and runs away from …\n"
        "                                             ^^^^^\n"
    )


def test_a_line_that_goes_on_has_a_caret_where_the_other_ends():
    assert told("x" * 40, "x" * 40 + "y" * 100) == (
        f"  = expected  …{'x' * 30}\n"
        f"                                             ^\n"
        f"  = actual    …{'x' * 30}{'y' * 40}…\n"
        f"                                             {'^' * 41}\n"
    )


def test_carets_stand_under_what_is_shown_of_hostile_text():
    lines = told("\x1b漢" + "a" * 40 + "1", "\x1b漢" + "a" * 40 + "2")
    assert "\x1b" not in lines
    first, carets, *_ = lines.splitlines()
    assert cells(first.partition("a1")[0]) + 1 == len(carets) - 1


def test_lines_that_have_little_in_common_have_none():
    assert told("a" * 50, "b" * 50) == ""


def test_a_changed_line_of_a_text_has_carets():
    assert told("one\nthis is rich text\ntwo", "one\nthis is plain text\ntwo") == (
        "  = - expected  + actual\n"
        "      | @@ -1,3 +1,3 @@\n"
        "      |  one\n"
        "      | -this is rich text\n"
        "      |          ^^^^\n"
        "      | +this is plain text\n"
        "      |          ^^^^^\n"
        "      |  two\n"
    )


def test_a_structure_that_fits_a_line_beside_one_that_does_not():
    assert told([1, 2], [*range(60)]).count("+ ") == 37


def test_several_changed_lines_have_none():
    assert "^" not in told("one long line\ntwo long lines\nx", "one long lime\ntwo long limes\nx")


def test_huge_lines_are_compared_at_once():
    assert "^" in told("x" * 5_000_000 + "a", "x" * 5_000_000 + "b")
