"""Equality, display and what a mismatch keeps; and what holds for any JSON at all."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_probe.judge.findings import Findings
from asgi_probe.judge.moments import moment, seconds_of
from asgi_probe.judge.patterns import from_data
from asgi_probe.judge.values import ABSENT, as_data, counted, equal, identity, kind_of, show, span
from asgi_probe.spec.exact_json import read_json
from asgi_probe.spec.regexes import Regex
from asgi_probe.spec.written import quoted
from tests.judge.nodes import answer, judge, read

NODE = read("x")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)
NUMBERS = [
    0,
    1,
    1.0,
    1.5,
    Decimal("1.50"),
    2**53,
    float(2**53),
    2**53 + 1,
    10**23,
    1e23,
    Decimal("1e23"),
    0.1,
    Decimal("0.1"),
]


@given(JSON)
def test_any_json_matches_itself(value):
    assert from_data(value, NODE, "json").holds(value, {})
    assert equal(value, value)
    assert equal(value, read_json(json.dumps(value)))


@given(JSON, JSON)
def test_equality_agrees_with_identity(left, right):
    assert equal(left, right) == (identity(left) == identity(right)) == equal(right, left)


@given(JSON, JSON)
def test_equals_and_not_are_opposites(expected, actual):
    scope = {"x": expected}
    body = answer(json.dumps(actual))
    holds = judge("json: {$equals: '${x}'}", body, scope) == []
    assert holds == equal(expected, actual)
    assert (judge("json: {$not: {$equals: '${x}'}}", body, scope) == []) is not holds


@given(JSON, JSON)
def test_what_does_not_hold_explains_itself(expected, actual):
    pattern = from_data(expected, NODE, "json")
    findings = Findings("json", {}, in_body=True)
    if not pattern.holds(actual, {}):
        pattern.explain(actual, (), findings)
        assert findings.mismatches
        assert all(found.path and found.path.startswith("$") for found in findings.mismatches)
        json.dumps([[found.expected, found.actual] for found in findings.mismatches])


@given(st.lists(st.integers(0, 3), max_size=6), st.randoms())
def test_unordered_holds_for_every_order(items, random):
    shuffled = random.sample(items, len(items))
    assert judge("json: {$unordered: '${x}'}", answer(json.dumps(shuffled)), {"x": items}) == []


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_any_text_can_be_shown(text):
    assert len(quoted(text, 40).encode("utf-8", "replace")) < 600
    assert "\n" not in show([text, {text: text}])
    assert json.loads(json.dumps(as_data({text: [text]})))


@given(st.text(max_size=40))
def test_any_text_is_a_moment_a_duration_or_neither(text):
    assert moment(text) is None or seconds_of(text) is None


@pytest.mark.parametrize("left", NUMBERS)
@pytest.mark.parametrize("right", NUMBERS)
def test_numbers_are_equal_when_what_was_written_is(left, right):
    written = [Decimal(repr(n)) if isinstance(n, float) else Decimal(n) for n in (left, right)]
    assert equal(left, right) == (written[0] == written[1]) == (identity(left) == identity(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (0, False),
        ("1", 1),
        (None, 0),
        (None, False),
        ([], {}),
        ("", None),
        (ABSENT, None),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_unequal(left, right):
    assert not equal(left, right)
    assert not equal(right, left)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (1.0, "1.0"),
        ("it's", '"it\'s"'),
        ("a\nb", r"'a\nb'"),
        (r"\d", r"'\d'"),
        ("'\"", "''\"'"),
        ({"a": [1, "x", None]}, '{"a": [1, "x", null]}'),
        (ABSENT, "absent"),
        (b"\xff\x00", "ff00"),
        (Decimal("1.10"), "1.10"),
        ("x" * 100, "'" + "x" * 79 + "'…"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, …"),
        (10**1500, "an integer of about 1,494 digits"),
        ("\x1b[31m", r"'\x1b[31m'"),
        ("\u202e", r"'\u202e'"),
    ],
)
def test_show(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "an integer"),
        (1.5, "a number"),
        ("", "a string"),
        ([], "an array"),
        ({}, "an object"),
        (b"", "bytes"),
        (ABSENT, "absent"),
    ],
)
def test_kinds_in_words(value, kind):
    assert kind_of(value) == kind


def test_data_is_kept_within_reason():
    assert as_data({"a": (1, b"\x01", ABSENT)}) == {"a": [1, "01", None]}
    assert as_data(["x" * 60_000, 1, 2]) == ["x" * 49_998 + "…", "… 2 more"]
    many = as_data({str(number): "x" * 1000 for number in range(1000)})
    assert many["…"] == f"{1000 - (len(many) - 1)} more"
    assert len(json.dumps(many)) < 60_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0001, "0.1 ms"), (0.0123, "12 ms"), (0.5, "500 ms"), (1, "1 s"), (2.5, "2.5 s"), (60, "60 s")],
)
def test_spans(seconds, text):
    assert span(seconds) == text


def test_counted():
    assert [counted(number, "item") for number in (0, 1, 2000)] == ["0 items", "1 item", "2,000 items"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-01-01", "2024-01-01T00:00:00.1Z"),
        ("2024-01-01T00:00:00.45Z", "2024-01-01T00:00:00.5Z"),
        ("2024-01-01T01:00:00+02:00", "2024-01-01"),
        ("2024-01-01T00:00:59", "2024-01-01T00:00:60"),
        ("2024-01-01 00:00", "2024-01-01t00:01z"),
        ("Sun, 31 Dec 2023 23:59:59 GMT", "2024-01-01"),
        ("2024-01-01T00:00:00-0100", "2024-01-01T01:00:00,1Z"),
    ],
)
def test_moments_in_order(earlier, later):
    assert moment(earlier) < moment(later)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-02-30",
        "2024-01-01T25:00",
        "0000-01-01",
        "0001-01-01T00:00:00+14:00",
        "Mon, 99 Jan 2024 00:00:00 GMT",
        "2024-01-01" + "0" * 100,
        "2024-01-01T00:00:00+99:00",
    ],
)
def test_no_moments(text):
    assert moment(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("1h30m", 5400),
        ("300ms", 0.3),
        ("P1D", 86400),
        ("PT1H30M", 5400),
        ("P2W", 1209600),
        ("PT0,5S", 0.5),
        ("5", None),
        ("P", None),
        ("PT", None),
        ("", None),
        ("s" * 99, None),
        ("soon", None),
    ],
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "missing ), unterminated subpattern at character 1"),
        ("a{99999999999999999999}", "the repetition number is too large"),
    ],
)
def test_regexes_that_do_not_compile(pattern, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Regex.compile(pattern)
    assert str(caught.value) == message


def test_a_regex_warns_of_nothing():
    assert Regex.compile("[[a]").search("[")
