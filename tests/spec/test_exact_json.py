"""The one reader of JSON: strict, exact, bounded in depth."""

import sys
from decimal import Decimal

import pytest

from asgi_probe.spec.exact_json import DEEPEST, NotJson, read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("1.50", 1.5),
        ("0.1", 0.1),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ('{"a":1,"a":2}', {"a": 2}),
        ("3.14159265358979323846", Decimal("3.14159265358979323846")),
        ("1e400", Decimal("1e400")),
        ("1e-400", Decimal("1e-400")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1.0000000000000000000", 1.0),
        ("12345678901234567890", 12345678901234567890),
        ("1" * 4000, int("1" * 4000)),
        ("9" * 5000, Decimal("9" * 5000)),
        ('"1e400"', "1e400"),
        ("-1.5e400", Decimal("-1.5e400")),
        (" [1 , 2]\n", [1, 2]),
    ],
)
def test_numbers_are_exact(text, value):
    found = read_json(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty, not JSON"),
        ("NaN", "the text is not JSON from line 1, column 1 on: 'NaN'"),
        ("[1,\n -Infinity]", "the text is not JSON from line 2, column 2 on: '-Infinity]'"),
        ("[1,", "the text is not JSON: it ends too early, at line 1, column 4: after '[1,'"),
        ("\ufeff1", "the text is not JSON from line 1, column 1 on: '\\ufeff1'"),
        ("\u0661", "the text is not JSON from line 1, column 1 on: '\u0661'"),
        ("{'a': 1}", "the text is not JSON from line 1, column 2 on: \"'a': 1}\""),
        ("[" * 1001 + "]" * 1001, "the text nests deeper than 1,000 levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "the text nests deeper than 1,000 levels"),
    ],
)
def test_what_is_not_json(text, message):
    with pytest.raises(NotJson) as caught:
        read_json(text)
    assert str(caught.value) == message


def test_the_deepest_is_read_and_leaves_the_stack_as_it_was():
    before = sys.getrecursionlimit()
    value = read_json("[" * DEEPEST + "]" * DEEPEST)
    depth = 1
    while value:
        value, depth = value[0], depth + 1
    assert (depth, sys.getrecursionlimit()) == (DEEPEST, before)


def test_the_message_names_what_was_read():
    with pytest.raises(NotJson, match=r"^the flag is empty"):
        read_json(" ", "the flag")
