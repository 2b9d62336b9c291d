"""Bodies as text and as JSON."""

import json
import sys

import pytest

from asgi_probe.judge.body import Unjudgeable, body_of, json_of, text_of
from asgi_probe.spec.exact_json import NotJson
from tests.judge.nodes import answer, judge, told


def typed(charset):
    return [("Content-Type", f"text/plain; charset={charset}")]


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        ("ä".encode(), [], "ä"),
        ("ä".encode("latin-1"), typed("ISO-8859-1"), "ä"),
        ("ä".encode("latin-1"), typed('"latin-1"'), "ä"),
        (b"\xef\xbb\xbf\xc3\xa4", typed("latin-1"), "ä"),
        ("ä".encode("utf-16"), [], "ä"),
        ("ä".encode("utf-32"), [], "ä"),
        (b"\xfe\xff\x00a", [], "a"),
        (b"", [], ""),
        (b"\x00", [], "\0"),
        (b"a", [("content-type", "text/html")], "a"),
        (b"a", [("x", "y; charset=no")], "a"),
    ],
)
def test_text(body, headers, text):
    assert text_of(answer(body, headers=headers)) == text


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"ab\xff", [], "the body is not utf-8: byte 2 begins 'ff'"),
        (b"\xff", typed("ascii"), "the body is not ascii: byte 0 begins 'ff'"),
        (b"a", typed("klingon"), "the body's charset 'klingon' is unknown"),
        (b"61", typed("hex"), "the body's charset 'hex' is unknown"),
        (b"a", typed("undefined"), "the body's charset 'undefined' is unknown"),
    ],
)
def test_text_that_does_not_decode(body, headers, message):
    with pytest.raises(Unjudgeable) as caught:
        text_of(answer(body, headers=headers))
    assert (caught.value.kind, str(caught.value)) == ("decode", message)


def test_a_body_of_which_only_the_start_was_kept():
    cut = answer(b"abc", size=5000)
    for read in (body_of, text_of, json_of):
        with pytest.raises(
            Unjudgeable, match=r"the body has 5,000 bytes, of which 3 were kept; raise max_body"
        ) as caught:
            read(cut)
        assert caught.value.kind == "too_large"


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_json_in_every_encoding_of_unicode(charset):
    assert json_of(answer('{"a": "ä"}'.encode(charset), headers=typed("latin-1"))) == {"a": "ä"}


def test_json_that_is_not_unicode():
    with pytest.raises(Unjudgeable, match="not utf-8: byte 1") as caught:
        json_of(answer(b'"\xff"'))
    assert caught.value.kind == "decode"


def test_json_is_decoded_once():
    given = answer("[1]")
    assert json_of(given) is json_of(given)
    broken = answer("[")
    for _ in range(2):
        with pytest.raises(NotJson):
            json_of(broken)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the body is empty, not JSON"),
        (" \n", "the body is empty, not JSON"),
        ("{", "the body is not JSON: it ends too early, at line 1, column 2: after '{'"),
        ('{"a": NaN}', "the body is not JSON from line 1, column 7 on: 'NaN}'"),
        ('["NaN", "\\"Infinity", -Infinity]', "the body is not JSON from line 1, column 23 on: '-Infinity]'"),
        ('{\n "a": 1,\n b\n}', "the body is not JSON from line 3, column 2 on: 'b\\n}'"),
        (
            "<html><body>Oops</body></html>",
            "the body is not JSON from line 1, column 1 on: '<html><body>Oops</body></html>'",
        ),
        ("[01]", "the body is not JSON from line 1, column 3 on: '1]'"),
        ("[1] x", "the body is not JSON from line 1, column 5 on: 'x'"),
        ('"a\x01"', "the body is not JSON from line 1, column 3 on: '\\x01\"'"),
        ("1e99999999999999999999999", "the body is not JSON from line 1, column 1 on: '1e99999999999999999999999'"),
        ("x" * 100, f"the body is not JSON from line 1, column 1 on: '{'x' * 39}'…"),
    ],
)
def test_where_it_stops_being_json(text, message):
    (found,) = judge("json: {$is: present}", answer(text))
    assert (found.where, found.path, found.message, found.expected) == ("json", None, message, "JSON")


def test_a_body_that_is_not_json_is_told_once():
    found = judge("status: 201\njson: {a: 1}\njsonpath: {$.a: 1, $.b: 2}", answer("x"))
    assert told(found) == ["status: expected 201, got 200", "json: the body is not JSON from line 1, column 1 on: 'x'"]


def nested(depth, inside=""):
    return "[" * depth + inside + "]" * depth


@pytest.mark.parametrize("text", [nested(1001), nested(100_000), "[" * 100_000, '{"a":' * 1001 + "1" + "}" * 1001])
def test_too_deep(text):
    (found,) = judge("json: {$is: present}", answer(text))
    assert "nests deeper than 1,000 levels" in found.message or "ends too early" in found.message


def test_wide_is_not_deep():
    assert judge("json: {$length: 2000}", answer(json.dumps([[[]]] * 2000))) == []


def deep_data(inside):
    for _ in range(1000):
        inside = [inside]
    return inside


@pytest.mark.parametrize("pattern", ["'${x}'", "{$equals: '${x}'}", "{$unordered: '${x}'}", "{$not: {$not: '${x}'}}"])
def test_a_thousand_levels_are_judged(pattern):
    before = sys.getrecursionlimit()
    body = answer(nested(1000, "1"))
    assert judge(f"json: {pattern}", body, {"x": deep_data(1)}) == []
    (found, *_) = judge(f"json: {pattern}", body, {"x": deep_data(2)})
    assert len(found.message) < 500
    assert sys.getrecursionlimit() == before


def test_a_mismatch_keeps_no_more_than_a_report_can_show():
    huge = answer(json.dumps({"a": ["x" * 100] * 20_000, "b": "y" * 1_000_000}))
    (found,) = judge("json: 5", huge)
    assert len(json.dumps(found.actual)) < 120_000
    (deep,) = judge("json: 5", answer(nested(1000)))
    assert json.dumps(deep.actual).count("[") == 100


def test_uniqueness_deep_down():
    half = nested(990)
    assert len(judge("json: {$is: unique}", answer(f"[{half}, {half}]"))) == 1
