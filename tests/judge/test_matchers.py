"""Every matcher: what it holds for, what it does not, and what it says then."""

import datetime as dt
import json
import re
from decimal import Decimal

import pytest

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, expectation, judge, problems, told

HOLDS = [
    ("1", "1"),
    ("1", "1.0"),
    ("1.5", "1.50"),
    ("'1'", '"1"'),
    ("true", "true"),
    ("null", "null"),
    ("{}", '{"a": 1}'),
    ("[]", "[]"),
    ("[1, {a: 2}]", '[1, {"a": 2, "b": 3}]'),
    ("{a: {b: 1}}", '{"a": {"b": 1, "c": 2}}'),
    ("{$equals: {$gt: 5}}", '{"$gt": 5}'),
    ("{$equals: [1, {a: 1.0}]}", '[1.0, {"a": 1}]'),
    ("{$not: 5}", "6"),
    ("{$not: {a: 1}}", '{"a": 2}'),
    ("{$not: {$is: 'null'}}", "0"),
    ("{$not: null}", "0"),
    ("{$gt: 1}", "1.5"),
    ("{$ge: 1}", "1"),
    ("{$lt: 1e400}", "5"),
    ("{$le: 1.5}", "1.5"),
    ("{$gt: 2024-01-01}", '"2024-01-01T00:00:01Z"'),
    ("{$lt: '2024-01-01T00:00:00+01:00'}", '"2023-12-31T22:59:59.5Z"'),
    ("{$ge: '2024-01-01T00:00:00'}", '"2024-01-01"'),
    ("{$gt: 59s}", '"1m"'),
    ("{$gt: 1h}", '"PT1H30M"'),
    ("{$approx: 3.14}", "3.140001"),
    ("{$approx: {value: 10, within: 1}}", "11"),
    ("{$approx: {value: 100, within: 5%}}", "95"),
    ("{$approx: {value: 10}}", "10.000001"),
    ("{$approx: 0}", "0"),
    ("{$approx: -2}", "-2.0000001"),
    ("{$in: [1, a, {b: 1}]}", '{"b": 1}'),
    ("{$in: 5}", "5"),
    ("{$is: [string, uuid]}", '"0b9e3f26-6d1c-4a6b-8a59-8f0e2a3b4c5d"'),
    ("{$is: null}", "null"),
    ("{$is: integer}", "1.0"),
    ("{$contains: b}", '"abc"'),
    ("{$contains: [a, c]}", '"abc"'),
    ("{$contains: 42}", '"is 42"'),
    ("{$contains: 2}", "[1, 2]"),
    ("{$contains: {a: 1}}", '[{"a": 1, "b": 2}]'),
    ("{$contains: [{$gt: 5}, 1]}", "[1, 6]"),
    ("{$contains: a}", '{"a": null}'),
    ("{$contains: [a, b]}", '{"a": 1, "b": 2}'),
    ("{$contains: {$starts_with: x-}}", '{"x-a": 1}'),
    ("{$contains: 5}", '{"5": 1}'),
    ("{$starts_with: ab}", '"abc"'),
    ("{$ends_with: bc}", '"abc"'),
    ("{$regex: b+}", '"abbc"'),
    ("{$regex: '^(a|b)+$'}", '"abab"'),
    ("{$length: 3}", '"abc"'),
    ("{$length: {$gt: 1}}", "[1, 2]"),
    ("{$length: 0}", "{}"),
    ("{$length: 1}", '"\\ud83d\\ude00"'),
    ("{$each: {$gt: 0}}", "[1, 2]"),
    ("{$each: 1}", "[]"),
    ("{$some: 2}", "[1, 2]"),
    ("{$none: 3}", "[1, 2]"),
    ("{$none: 3}", "[]"),
    ("{$unordered: [1, 2, 2]}", "[2, 1, 2]"),
    ("{$unordered: [{$gt: 0}, 1]}", "[1, 2]"),
    ("{$unordered: []}", "[]"),
    ("{$unordered: 1}", "[1]"),
    ("{$unordered: [{$is: integer}, {$gt: 1}, 3]}", "[3, 2, 1]"),
    ("{$exactly: {a: {$gt: 0}}}", '{"a": 1}'),
    ("{$exactly: {a: {b: 1}}}", '{"a": {"b": 1, "c": 2}}'),
    ("{$exactly: {}}", "{}"),
    ("{$all: [{$gt: 1}, {$lt: 3}]}", "2"),
    ("{$any: [1, a]}", '"a"'),
    ("{$any: 1}", "1"),
    ("{$json: {a: 1}}", '"{\\"a\\": 1}"'),
    ("{$base64: hello}", '"aGVsbG8="'),
    ("{$base64: hello}", '"aGVsbG8"'),
    ("{$base64: '??>'}", '"Pz8-"'),
    ("{$base64: {$gt: 4}}", '"NQ=="'),
    ("{$because: reasons}", "5"),
    ("{$gt: 1, $lt: 3, $because: x}", "2"),
    ("{a: {$is: absent}}", "{}"),
    ("{a: {$any: [{$is: absent}, 5]}}", "{}"),
    ("{a: {$any: [{$is: absent}, 5]}}", '{"a": 5}'),
    ("{a: {$all: [{$is: absent}]}}", "{}"),
    ("{a: {$is: absent, $because: gone}}", "{}"),
    ("{a: {$not: {$is: absent}}}", '{"a": null}'),
    ("{a: {$is: present}}", '{"a": null}'),
    ("{a: null}", '{"a": null}'),
]


@pytest.mark.parametrize(("pattern", "body"), HOLDS)
def test_holds(pattern, body):
    assert judge(f"json: {pattern}", answer(body)) == []


FAILS = [
    ("1", '"1"', "json $ expected 1, got '1' (a string)"),
    ("1", "true", "json $ expected 1, got true (a boolean)"),
    ("'1'", "1", "json $ expected '1', got 1 (an integer)"),
    ("5", "6", "json $ expected 5, got 6"),
    ("5", "null", "json $ expected 5, got null"),
    ("null", "0", "json $ expected null, got 0 (an integer)"),
    ("a", '"b"', "json $ expected 'a', got 'b'"),
    ("{}", "[]", "json $ expected an object, got []"),
    ("{a: 1}", '"x"', "json $ expected an object, got 'x' (a string)"),
    ("[]", "{}", "json $ expected an array, got {}"),
    ("{qty: 1}", '{"qtty": 1}', "json $.qty is missing; did you mean 'qtty'?"),
    ("{id: 1}", '{"name": 1, "x": 2}', "json $.id is missing; there are: name, x"),
    ("{id: 1}", "{}", "json $.id is missing; there is nothing"),
    ("{'odd key': {a: 1}}", '{"odd key": {"a": 2}}', "json $['odd key'].a expected 1, got 2"),
    ("[1, 2]", "[1, 3]", "json $[1] expected 2, got 3"),
    ("[1]", "[1, 2]", "json $ expected 1 item, got 2"),
    ("{$equals: {a: 1}}", '{"a": 1, "b": 2}', "json $.b is not among the keys expected"),
    ("{$equals: {a: {b: 1}}}", '{"a": {"b": 2}}', "json $.a.b expected 1, got 2"),
    ("{$equals: 5}", "6", "json $ expected 5, got 6"),
    ("{$not: 5}", "5", "json $ expected anything but 5, got 5"),
    ("{$not: {a: 1}}", '{"a": 1}', 'json $ expected anything but {a: 1}, got {"a": 1}'),
    ("{$gt: 5}", "5", "json $ expected more than 5, got 5"),
    ("{$ge: 5}", "4", "json $ expected at least 5, got 4"),
    ("{$lt: 5}", "5", "json $ expected less than 5, got 5"),
    ("{$le: 5}", '"4"', "json $ expected at most 5, got '4' (a string)"),
    ("{$gt: 5}", "true", "json $ expected more than 5, got true"),
    ("{$gt: 2024-01-01}", '"2023-01-01"', "json $ expected more than 2024-01-01, got '2023-01-01' (a string)"),
    ("{$gt: 2024-01-01}", "5", "json $ expected more than 2024-01-01, got 5"),
    ("{$gt: 1h}", '"2024-01-01"', "json $ expected more than 1h, got '2024-01-01' (a string)"),
    ("{$approx: 3.14}", "3.15", "json $ expected about 3.14, got 3.15"),
    ("{$approx: {value: 100, within: 5%}}", "94.9", "json $ expected about 100 within 5%, got 94.9"),
    ("{$approx: {value: 1, within: 0.5}}", '"1"', "json $ expected about 1 within 0.5, got '1' (a string)"),
    ("{$approx: 1}", "true", "json $ expected about 1, got true"),
    ("{$approx: 1}", "1e999999999999", "json $ expected about 1, got 1E+999999999999"),
    ("{$in: [1, a]}", "2", 'json $ expected one of [1, "a"], got 2'),
    ("{$in: [1]}", "true", "json $ expected one of [1], got true"),
    ("{$is: integer}", '"12"', "json $ expected an integer, got '12' (a string)"),
    ("{$is: [integer, present]}", "1.5", "json $ expected an integer and anything that is there, got 1.5 (a number)"),
    ("{$is: string}", "12", "json $ expected a string, got 12 (an integer)"),
    ("{$is: empty}", "[1]", "json $ expected an empty text, list or object, got [1]"),
    ("{a: {$is: absent}}", '{"a": null}', "json $.a expected nothing there, got null"),
    ("{a: {$is: present}}", "{}", "json $.a is missing; there is nothing"),
    ("{$contains: x}", '"abc"', "json $ expected text that contains 'x', got 'abc'"),
    (
        "{$contains: {$gt: 1}}",
        '"abc"',
        "json $ expected more than 1 inside text, which holds nothing but text: got 'abc'",
    ),
    ("{$contains: 3}", "[1, 2]", "json $ none of 2 elements is 3"),
    ("{$contains: 3}", "[]", "json $ expected an element that is 3, but the list is empty"),
    (
        "{$contains: {a: 1, b: 2}}",
        '[5, {"a": 1, "b": 3}]',
        "json $ none of 2 elements is {a: 1, b: 2}; the closest is [1]: expected 2, got 3 at $[1].b",
    ),
    ("{$contains: name}", '{"nam": 1}', "json $ expected the key 'name', which is missing; did you mean 'nam'?"),
    (
        "{$contains: [a, b]}",
        "5",
        "json $ expected text, a list or an object that contains 'a' and 'b', got 5 (an integer)",
    ),
    ("{$starts_with: x}", '"abc"', "json $ expected text that starts with 'x', got 'abc'"),
    ("{$ends_with: x}", "5", "json $ expected text that ends with 'x', got 5"),
    (r"{$regex: '^/items/\d+$'}", '"/x"', r"json $ expected text matching '^/items/\d+$', got '/x'"),
    ("{$regex: a}", "5", "json $ expected text matching 'a', got 5"),
    ("{$length: 3}", '"ab"', "json $ expected a length of 3, got 2: 'ab'"),
    ("{$length: {$gt: 3}}", "[1]", "json $ expected a length of more than 3, got 1: [1]"),
    ("{$length: 3}", "5", "json $ expected text, a list or an object with a length of 3, got 5 (an integer)"),
    ("{$each: {a: 1}}", '[{"a": 1}, {"a": 2}]', "json $[1].a expected 1, got 2"),
    ("{$each: 1}", "5", "json $ expected a list whose every element is 1, got 5 (an integer)"),
    (
        "{$some: {a: 1}}",
        '[{"a": 2}]',
        "json $ none of 1 element is {a: 1}; the closest is [0]: expected 1, got 2 at $[0].a",
    ),
    (
        "{$some: {a: 1}}",
        '[{"b": 2}]',
        "json $ none of 1 element is {a: 1}; the closest is [0]: $[0].a is missing; there are: b",
    ),
    ("{$some: 1}", "{}", "json $ expected a list with an element that is 1, got {}"),
    ("{$none: 2}", "[1, 2]", "json $[1] expected no element that is 2, got 2"),
    ("{$none: 2}", "null", "json $ expected a list without an element that is 2, got null"),
    ("{$unordered: [1]}", '"x"', "json $ expected a list of [1] in any order, got 'x' (a string)"),
    ("{$exactly: {a: 1}}", '{"a": 1, "b": 2}', "json $.b is not among the keys expected"),
    ("{$exactly: {a: 1}}", '{"a": 2}', "json $.a expected 1, got 2"),
    ("{$exactly: {a: 1}}", "[]", "json $ expected an object, got []"),
    ("{$all: [{$gt: 1}, {$lt: 3}]}", "3", "json $ expected less than 3, got 3"),
    ("{$any: [1, a, {$gt: 5}]}", "2", "json $ expected 1 or 'a' or more than 5, got 2 (an integer)"),
    (
        "{$any: [1, {a: 1, b: 1}]}",
        '{"a": 1, "b": 2}',
        (
            'json $ expected 1 or {a: 1, b: 1}, got {"a": 1, "b": 2}; '
            "the closest is alternative 2: expected 1, got 2 at $.b"
        ),
    ),
    ("{a: {$any: [1, 2]}}", "{}", "json $.a is missing; there is nothing"),
    ("{$json: 1}", '"x"', "json $ expected JSON text, but it is not JSON from line 1, column 1 on: 'x'"),
    ("{$json: {a: [1]}}", '"{\\"a\\": [2]}"', "json $ in the decoded JSON at $.a[0]: expected 1, got 2"),
    ("{$json: 1}", "1", "json $ expected JSON text, got 1 (an integer)"),
    ("{$base64: x}", '"*"', "json $ expected base64 text, but it is not base64"),
    ("{$base64: x}", '"/w=="', "json $ expected base64 text, but it decodes to 1 bytes that are not UTF-8 text"),
    (
        "{$jwt: {claims: {a: 1}}}",
        '"x"',
        "json $ expected JWT text, but it is not a JWT, which has three base64url parts",
    ),
    ("{a: {$not: 5}}", "{}", "json $.a is missing; there is nothing"),
    ("{a: {$not: {$is: absent}}}", "{}", "json $.a is missing; there is nothing"),
    ("{a: {$all: [{$is: absent}, 5]}}", "{}", "json $.a is missing; there is nothing"),
    ("{$some: {$all: [1, {$json: 2}]}}", "[3]", "json $ none of 1 element is 1 and JSON text of 2"),
    (
        "{$some: {$each: {$some: {$none: 1}}}}",
        "[3]",
        (
            "json $ none of 1 element is a list whose every element is a list with an element that is "
            "a list without an element that is 1"
        ),
    ),
    ("{$some: {$contains: a}}", "[3]", "json $ none of 1 element is what contains 'a'"),
    ("{$some: {$unordered: [1, a]}}", "[3]", "json $ none of 1 element is a list of [1, 'a'] in any order"),
    ("{$some: {$because: x, $not: {}}}", "[{}]", "json $ none of 1 element is anything but {}"),
    ("{$some: [{'odd key': 1}]}", "[3]", "json $ none of 1 element is [{'odd key': 1}]"),
    ("{$not: {$because: x}}", "3", "json $ expected anything but anything, got 3"),
    ("{a: {$because: x}}", "{}", "json $.a is missing; there is nothing"),
    ("{a: {$equals: null}}", "{}", "json $.a is missing; there is nothing"),
    ("{a: {$is: absent, $not: 5}}", "{}", "json $.a is missing; there is nothing"),
]


@pytest.mark.parametrize(("pattern", "body", "message"), FAILS)
def test_fails_and_says_why(pattern, body, message):
    assert told(judge(f"json: {pattern}", answer(body))) == [message]


def test_every_mismatch_is_told():
    body = '{"a": 1, "b": {"c": [1, 2]}}'
    found = told(judge("json: {a: 2, b: {c: [2, 3], d: 1}, e: 5}", answer(body)))
    assert found == [
        "json $.a expected 2, got 1",
        "json $.b.c[0] expected 2, got 1",
        "json $.b.c[1] expected 3, got 2",
        "json $.b.d is missing; there are: c",
        "json $.e is missing; there are: a, b",
    ]


def test_unordered_tells_what_is_missing_and_what_is_too_much():
    found = told(judge("json: {$unordered: [1, {a: 1, b: 2}, 3]}", answer('[3, {"a": 1, "b": 5}, 7]')))
    assert found == [
        "json $ expected an element that is 1, none is left",
        (
            "json $ expected an element that is {a: 1, b: 2}, none is left; "
            "the closest is [1]: expected 2, got 5 at $[1].b"
        ),
        'json $[1] is not among the elements expected: {"a": 1, "b": 5}',
        "json $[2] is not among the elements expected: 7",
    ]


def test_unordered_finds_the_only_assignment():
    pattern = ", ".join(["{$ge: 0}"] * 30 + [str(number) for number in range(30)])
    body = json.dumps([*range(30), *range(30)])
    assert judge(f"json: {{$unordered: [{pattern}]}}", answer(body)) == []
    assert len(judge(f"json: {{$unordered: [{pattern}, 77]}}", answer(body))) == 1


def test_unordered_of_many_scalars_that_are_all_wrong_ends():
    found = judge("json: {$unordered: '${x}'}", answer(json.dumps(list(range(20_000)))), {"x": [-1] + [0] * 19_999})
    assert found[0].message == "expected an element that is -1, none is left"
    assert len(found) == 100


def test_a_mismatch_knows_its_place():
    spec = "status: 200\njson:\n  item:\n    qty: {$gt: 5, $because: more were sold}\n"
    (found,) = judge(spec, answer('{"item": {"qty": 2}}'))
    assert (found.file, found.line, found.column, found.width) == ("spec.yaml", 4, 16, 1)
    assert found.source_line == "    qty: {$gt: 5, $because: more were sold}"
    assert (found.where, found.path, found.expected, found.actual) == ("json", "$.item.qty", "more than 5", 2)
    assert found.because == "more were sold"


def test_the_nearest_because_is_printed():
    spec = "json: {$because: outer, $all: [{a: {$is: string, $because: inner}}, {b: 1}]}"
    assert [m.because for m in judge(spec, answer('{"a": 1, "b": 2}'))] == ["inner", "outer"]


@pytest.mark.parametrize(
    "spec",
    ["json: {a: {$gt: 1, $because: 'the ${x}'}}", "jsonpath: {$.a: {$gt: 1, $because: 'the ${x}'}}"],
)
def test_because_is_printed_for_what_is_missing(spec):
    (found,) = judge(spec, answer("{}"), {"x": "law"})
    assert (found.message, found.because) == ("is missing; there is nothing", "the law")


def test_after_a_hundred_mismatches_the_rest_is_counted():
    found = judge("json: {$each: 1}", answer(json.dumps([2] * 500)))
    assert len(found) == 100
    assert found[-1].message == "and 401 more mismatches"
    for pattern in ("$none: 2", "$unordered: [1]"):
        assert len(judge(f"json: {{{pattern}}}", answer(json.dumps([2] * 500)))) == 100


def test_long_texts_show_where_they_part():
    (found,) = judge(f"json: {'a' * 100}b", answer(json.dumps("a" * 100 + "c")))
    assert "they part at character 101: …'aaaaaaaaaab' is expected, …'aaaaaaaaaac' came" in found.message


def test_a_regex_that_backtracks_is_stopped():
    with pytest.raises(Unjudgeable, match="ran longer than a second") as caught:
        judge("json: {a: {$regex: '(x|xx)+$'}}", answer(json.dumps({"a": "x" * 60 + "y"})))
    assert caught.value.kind is None
    assert caught.value.node.column == 20


def test_a_short_regex_on_a_long_text():
    assert judge("json: {$regex: 'b$'}", answer(json.dumps("a" * 5000 + "b"))) == []


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImlhdCI6MX0.c2ln"


def test_jwt_claims_are_judged():
    assert judge("json: {$jwt: {header: {alg: HS256}, claims: {sub: u1}}}", answer(json.dumps(TOKEN))) == []
    found = told(judge("json: {$jwt: {claims: {sub: u2}}}", answer(json.dumps(TOKEN))))
    assert found == ["json $ in the decoded JWT at $.claims.sub: expected 'u2', got 'u1'"]


VARIABLES = [
    ("'${x}'", {"a": 1}, '{"a": 1, "b": 2}', []),
    ("'${x}'", {"$gt": 0}, "5", ["json $ expected an object, got 5 (an integer)"]),
    ("'${x}'", {"$gt": 0}, '{"$gt": 0}', []),
    ("'${x}'", [1, 2], "[1]", ["json $ expected 2 items, got 1"]),
    ("{a: '${x}'}", 5, '{"a": "5"}', ["json $.a expected 5, got '5' (a string)"]),
    ("{a: 'n${x}'}", 5, '{"a": "n5"}', []),
    ("{a: '${x}'}", 5, "{}", ["json $.a is missing; there is nothing"]),
    ("{'${x}': 1}", "key", '{"key": 2}', ["json $.key expected 1, got 2"]),
    ("{$exactly: {'${x}': 1}}", "key", '{"key": 1, "b": 2}', ["json $.b is not among the keys expected"]),
    ("{$exactly: '${x}'}", {"a": 1}, '{"a": 1, "b": 2}', ["json $.b is not among the keys expected"]),
    ("{$gt: '${x}'}", 5, "4", ["json $ expected more than 5, got 4"]),
    ("{$in: '${x}'}", [1, 2], "3", ["json $ expected one of [1, 2], got 3"]),
    ("{$in: ['${x}', 7]}", 1, "7", []),
    ("{$equals: {a: '${x}'}}", 1, '{"a": 2}', ["json $.a expected 1, got 2"]),
    ("{$regex: '^${x}$'}", "a+", '"aaa"', []),
    ("{$is: '${x}'}", "integer", '"1"', ["json $ expected an integer, got '1' (a string)"]),
    ("{$contains: '${x}'}", [1, 2], "[2, 3]", ["json $ none of 2 elements is 1"]),
    ("{$contains: ['${x}']}", [1, 2], "[[1, 2]]", []),
    ("{$contains: '${x}'}", 12, '"a12"', []),
    ("{$unordered: '${x}'}", [1, 2], "[2, 1]", []),
    (
        "{$unordered: '${x}'}",
        [1, 2],
        "[2, 3]",
        [
            "json $ expected an element that is 1, none is left",
            "json $[1] is not among the elements expected: 3",
        ],
    ),
    ("{$length: '${x}'}", 2, "[1]", ["json $ expected a length of 2, got 1: [1]"]),
    ("{$not: '${x}'}", 2, "2", ["json $ expected anything but 2, got 2"]),
    ("{$gt: 5, $because: 'the ${x}'}", "law", "6", []),
    ("$${x}", 1, '"${x}"', []),
    ("{$some: '${x}'}", {"a": 1}, "[1]", ["json $ none of 1 element is {a: 1}"]),
    ("{$some: {'${x}': 1}}", "k", "[1]", ["json $ none of 1 element is {k: 1}"]),
    ("{$some: {$exactly: '${x}'}}", {"a": 1}, "[1]", ["json $ none of 1 element is exactly {a: 1}"]),
]


@pytest.mark.parametrize(("pattern", "x", "body", "expected"), VARIABLES)
def test_variables(pattern, x, body, expected):
    assert told(judge(f"json: {pattern}", answer(body), {"x": x})) == expected


@pytest.mark.parametrize(
    ("pattern", "x", "message"),
    [
        ("{$gt: '${x}'}", "soon", "expected a number, an ISO date or a duration, found 'soon'"),
        ("{$regex: '${x}'}", "(", "the regex does not compile: missing ), unterminated subpattern at character 1"),
        ("{$is: '${x}'}", "strng", "'$is' does not know 'strng'"),
        ("{$exactly: '${x}'}", 5, "'$exactly' wants an object, got 5"),
        ("{$in: '${x}'}", {}, "'$in' wants a list, found a mapping"),
        ("{$ago: '${x}'}", [], "'$ago' wants a duration, found []"),
    ],
)
def test_an_argument_that_turns_out_wrong(pattern, x, message):
    with pytest.raises(VariableError) as caught:
        judge(f"json: {pattern}", answer("5"), {"x": x})
    assert str(caught.value) == message
    assert caught.value.node.line == 1


SUCH = "(such as 5, '2024-12-31', '2024-12-31T23:59:59Z' or '1h30m')"
WRONG = [
    ("{$gtt: 5}", "1:8: unknown matcher '$gtt' (did you mean '$gt'?)"),
    ("{$eq: 5}", "1:8: unknown matcher '$eq' (did you mean '$equals'?)"),
    ("{$shape: {}}", "1:8: unknown matcher '$shape' ({$equals: …} takes a literal that looks like a matcher)"),
    ("{$cal: 'a:b'}", "1:8: unknown matcher '$cal' (did you mean '$call'?)"),
    ("{$gt: [1]}", f"1:13: expected a number, an ISO date or a duration, found [1] {SUCH}"),
    ("{$gt: '12'}", f"1:13: expected a number, an ISO date or a duration, found '12' {SUCH}"),
    ("{$gt: true}", f"1:13: expected a number, an ISO date or a duration, found true {SUCH}"),
    ("{$approx: a}", "1:17: '$approx' wants a number, found 'a' (or {value: 3.14, within: 0.01})"),
    ("{$approx: {value: a}}", "1:18: '$approx' wants a number, found 'a' (or {value: 3.14, within: 0.01})"),
    ("{$approx: {within: 1}}", "1:17: '$approx' wants a number, found null (or {value: 3.14, within: 0.01})"),
    ("{$approx: {value: 1, within: -1}}", "1:28: 'within' wants a number or a share, found -1 (such as 0.01 or '5%')"),
    (
        "{$approx: {value: 1, within: x%}}",
        "1:28: 'within' wants a number or a share, found 'x%' (such as 0.01 or '5%')",
    ),
    (
        "{$approx: {value: 1, within: nan%}}",
        "1:28: 'within' wants a number or a share, found 'nan%' (such as 0.01 or '5%')",
    ),
    ("{$approx: {value: 1, withn: 1}}", "1:28: '$approx' does not know 'withn' (did you mean 'within'?)"),
    ("{$in: {a: 1}}", "1:13: '$in' wants a list, found a mapping (write the values it may have as a list)"),
    ("{$in: []}", "1:13: '$in' wants at least one value"),
    ("{$is: [integer, strng]}", "1:23: '$is' does not know 'strng' (did you mean 'string'?)"),
    ("{$is: int}", "1:13: '$is' does not know 'int' (did you mean 'integer'?)"),
    ("{$starts_with: 5}", "1:22: expected text, found 5 (quote it)"),
    ("{$ends_with: [a]}", '1:20: expected text, found ["a"]'),
    ("{$regex: '(a'}", "1:16: the regex does not compile: missing ), unterminated subpattern at character 1"),
    ("{$regex: 'a{2,1}'}", "1:16: the regex does not compile: min repeat greater than max repeat at character 3"),
    ("{$unordered: {a: 1}}", "1:20: '$unordered' wants a list, found a mapping (write it as a list)"),
    ("{$exactly: [1]}", "1:18: '$exactly' wants a mapping, found a list"),
    ("{$exactly: {$gt: 5}}", "1:19: '$exactly' wants plain keys, found the matcher '$gt'"),
    ("{$all: []}", "1:14: '$all' wants at least one pattern"),
    ("{$any: []}", "1:14: '$any' wants at least one pattern"),
    ("{$any: {a: 1}}", "1:14: '$any' wants a list of patterns, found a mapping (write it as a list)"),
    ("{$ago: soon}", "1:14: '$ago' wants a duration, found 'soon' (such as '30s', '5m' or '1h30m')"),
    ("{$ago: -5}", "1:14: '$ago' wants a duration, found -5 (such as '30s', '5m' or '1h30m')"),
    ("{$jwt: {claim: 1}}", "1:15: '$jwt' does not know 'claim' (did you mean 'claims'?)"),
    ("{$jwt: {zzz: 1}}", "1:15: '$jwt' does not know 'zzz' (it takes header and claims)"),
    ("{$because: [a]}", "1:18: '$because' wants text, found a list"),
    ("{$not: {$gtt: 5}}", "1:15: unknown matcher '$gtt' (did you mean '$gt'?)"),
    ("[{a: {$each: [{$gtt: 1}]}}]", "1:22: unknown matcher '$gtt' (did you mean '$gt'?)"),
]


@pytest.mark.parametrize(("pattern", "problem"), WRONG)
def test_what_cannot_compile_is_told_at_its_place(pattern, problem):
    assert problems(f"json: {pattern}") == [f"spec.yaml:{problem}"]


def test_plain_keys_and_matchers_do_not_mix():
    hint = "a mapping has either plain keys or matchers; {$equals: …} takes a literal that looks like a matcher"
    assert problems("json: {a: 1, $gt: 5}") == [f"spec.yaml:1:14: '$gt' is a matcher among plain keys ({hint})"]
    assert problems("json: {$gt: 5, a: 1}") == [f"spec.yaml:1:16: 'a' is a plain key among matchers ({hint})"]


def test_what_is_wrong_inside_a_mixture_is_told_as_well():
    found = problems("json: {a: {$gtt: 1}, $gt: 1, '${z}': 1, $le: x}")
    assert [problem.split(" (")[0] for problem in found] == [
        "spec.yaml:1:22: '$gt' is a matcher among plain keys",
        "spec.yaml:1:12: unknown matcher '$gtt'",
        "spec.yaml:1:31: unknown variable 'z'",
        "spec.yaml:1:46: expected a number, an ISO date or a duration, found 'x'",
    ]


def test_a_difference_is_shown_where_it_is_written_out():
    spec = "json:\n  $equals:\n    - 1\n    - {a: 2, $b: [3, 4]}\n    - $${x}"
    body = answer('[1, {"a": 2, "$b": [3, 5], "c": 6}, "${y}"]')
    assert [(m.line, m.column, m.path, m.message) for m in judge(spec, body)] == [
        (4, 22, "$[1]['$b'][1]", "expected 4, got 5"),
        (4, 7, "$[1].c", "is not among the keys expected"),
        (5, 7, "$[2]", "expected '${x}', got '${y}'"),
    ]
    (longer,) = judge(spec, answer('[1, {"a": 2, "$b": [3, 4]}, "${x}", 7]'))
    assert (longer.line, longer.column, longer.message) == (3, 5, "expected 3 items, got 4")
    assert longer.expected == [1, {"a": 2, "$b": [3, 4]}, "${x}"]
    (other,) = judge(spec, answer("{}"))
    assert (other.line, other.message) == (3, "expected an array, got {}")


def test_a_limit_of_thousands_of_digits_is_shown_cut():
    for limit in (int("9" * 4000), Decimal("9" * 5000)):
        (found,) = judge("json: {$gt: '${x}'}", answer("5"), {"x": limit})
        assert re.match("expected more than (999999|an integer of about 3,986 digits, got 5)", found.message)
        assert len(found.message) < 200
        assert len(str(found.expected)) < 200


def test_all_problems_are_told_at_once():
    found = problems("json: {a: {$gtt: 1}, b: {$regex: '('}, c: {$is: x}}\nstatus: 6xx\njsonpath: {'$[': 1}")
    assert [problem.split(": ")[0] for problem in found] == [
        "spec.yaml:1:12",
        "spec.yaml:1:34",
        "spec.yaml:1:49",
        "spec.yaml:2:9",
        "spec.yaml:3:12",
    ]


def test_a_recent_moment():
    now = dt.datetime.now(dt.UTC)
    past = now - dt.timedelta(minutes=3)
    http = past.strftime("%a, %d %b %Y %H:%M:%S GMT")
    texts = [past.isoformat(), past.replace(tzinfo=None).isoformat(), http, past.timestamp(), int(past.timestamp())]
    for text in [*texts, (now + dt.timedelta(seconds=3)).isoformat()]:
        assert judge("json: {$ago: 5m}", answer(json.dumps(text))) == []
    for text in [*texts, (now + dt.timedelta(minutes=3)).isoformat(), "x", None, 10**20]:
        (found,) = judge("json: {$ago: 1m}", answer(json.dumps(text)))
        assert found.message.startswith("expected a moment at most 1m ago, got ")


def test_because_alone_holds():
    assert expectation("json: {$because: x}").judge(answer("null"), {}) == []
