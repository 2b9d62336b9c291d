"""The keys of `expect`."""

import hashlib

import pytest

from asgi_probe.exchange import Failure, Hop
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.spec import shapes
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, expectation, judge, problems, read, told


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("200", 200),
        ("2xx", 299),
        ("2XX", 204),
        ("[404, 2xx]", 404),
        ("'200'", 200),
        ("{$lt: 300}", 200),
        ("{$in: [200, 201]}", 201),
        ("299", 299),
        ("999", 999),
        ("{$not: 500}", 200),
    ],
)
def test_status_holds(spec, status):
    assert judge(f"status: {spec}", answer(status=status)) == []


@pytest.mark.parametrize(
    ("spec", "status", "message", "expected"),
    [
        ("201", 200, "expected 201, got 200", 201),
        ("2xx", 404, "expected 2xx, got 404", "2xx"),
        ("[200, 3xx]", 404, "expected 200 or 3xx, got 404", [200, "3xx"]),
        ("{$lt: 300}", 404, "expected less than 300, got 404", "less than 300"),
    ],
)
def test_status_fails(spec, status, message, expected):
    (found,) = judge(f"status: {spec}", answer(status=status))
    assert (found.where, found.path, found.message, found.expected, found.actual) == (
        "status",
        None,
        message,
        expected,
        status,
    )


def test_without_a_status_it_must_be_below_400():
    assert judge("size: 0", answer(status=399)) == []
    (found,) = judge("size: 0", answer(status=400))
    assert (found.message, found.expected, found.line) == (
        "expected a status below 400, got 400",
        "a status below 400",
        1,
    )


@pytest.mark.parametrize(("x", "held"), [(200, True), ("2xx", True), ([404, "2xx"], True), (404, False)])
def test_status_from_a_variable(x, held):
    assert (judge("status: '${x}'", answer(), {"x": x}) == []) is held


def test_status_from_a_variable_that_is_none():
    with pytest.raises(VariableError, match="'6xx' is no status"):
        judge("status: '${x}'", answer(), {"x": "6xx"})
    with pytest.raises(VariableError, match="at least one status"):
        judge("status: '${x}'", answer(), {"x": []})


HEADERS = [
    ("Content-Type", "application/json"),
    ("Content-Length", "12"),
    ("X-A", "1"),
    ("x-a", "2"),
    ("X-Flag", "true"),
    ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("X-Json", '{"a": 1}'),
]


@pytest.mark.parametrize(
    "spec",
    [
        "{content-type: application/json}",
        "{CONTENT-TYPE: {$contains: json}}",
        "{content-length: 12}",
        "{content-length: '12'}",
        "{content-length: {$gt: 5, $lt: 12.5}}",
        "{content-length: {$is: integer}}",
        "{content-length: {$is: string}}",
        "{content-length: {$in: [12, 13]}}",
        "{content-length: {$approx: 12}}",
        "{content-length: {$equals: 12}}",
        "{content-length: {$not: 13}}",
        "{content-length: {$any: [{$is: absent}, 12]}}",
        "{x-a: '1, 2'}",
        "{x-a: ['1', 2]}",
        "{x-a: {$each: {$is: integer}}}",
        "{x-a: {$unordered: [2, 1]}}",
        "{x-a: {$is: sorted}}",
        "{x-a: {$contains: ', '}}",
        "{x-a: {$equals: ['1', '2']}}",
        "{x-a: {$all: [{$some: 1}]}}",
        "{x-a: {$any: [[1], [1, 2]]}}",
        "{x-a: {$in: [['1', '2']]}}",
        "{x-a: {$not: [1]}}",
        "{x-flag: true}",
        "{x-b: {$is: absent}}",
        "{date: {$lt: 2024-01-02}}",
        "{date: {$ge: '2024-01-01T00:00:00Z'}}",
        "{x-json: {$json: {a: 1}}}",
        "{x-flag: {$is: boolean}}",
        "{content-length: {$length: 2}}",
        "{'x-${x}': 1}".replace("1}", "'1, 2'}"),
        "'${y}'",
    ],
)
def test_headers_hold(spec):
    scope = {"x": "a", "y": {"content-length": 12, "X-A": ["1", "2"]}}
    assert judge(f"headers: {spec}", answer(headers=HEADERS), scope) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{content-type: text/html}", "headers.content-type: expected 'text/html', got 'application/json'"),
        ("{content-length: 13}", "headers.content-length: expected 13, got '12' (a string)"),
        ("{content-length: {$gt: 12}}", "headers.content-length: expected more than 12, got '12'"),
        (
            "{Contnt-Type: x}",
            "headers.Contnt-Type: is missing; there are: content-type, content-length, x-a, x-flag, date, x-json; "
            "did you mean 'content-type'?",
        ),
        ("{x-a: ['1', '3']}", "headers.x-a[1]: expected '3', got '2'"),
        ("{x-a: [a]}", ["headers.x-a: expected 1 item, got 2", "headers.x-a[0]: expected 'a', got '1'"]),
        ("{x-json: {$json: {a: 2}}}", "headers.x-json: in the decoded JSON at $.a: expected 2, got 1"),
        ("{x-json: {a: 1}}", "headers.x-json: expected an object, got '{\"a\": 1}' (a string)"),
        (
            "{x-flag: null}",
            "headers.x-flag: expected null, got 'true' (a string); write {$is: absent} for what must not be there",
        ),
        ("{x-flag: {$is: absent}}", "headers.x-flag: expected nothing there, got 'true'"),
        (
            "{zzz: '${x}'}",
            "headers.zzz: is missing; there are: content-type, content-length, x-a, x-flag, date, x-json",
        ),
        ("'${y}'", "headers.date: expected 'today', got 'Mon, 01 Jan 2024 00:00:00 GMT'"),
    ],
)
def test_headers_fail(spec, message):
    found = told(judge(f"headers: {spec}", answer(headers=HEADERS), {"x": 5, "y": {"date": "today"}}))
    assert found == (message if isinstance(message, list) else [message])


def test_what_is_expected_of_a_missing_header_is_rendered():
    (found,) = judge("headers: {zzz: '${x}'}", answer(headers=[]), {"x": 5})
    assert (found.expected, found.actual, found.message) == (5, None, "is missing; there is nothing")


COOKIES = (
    "sid=old",
    "sid=abc; Path=/; HttpOnly; Max-Age=3600; SameSite=lax; Expires=Mon, 01 Jan 2024 00:00:00 GMT",
    'q="a b" ; secure ; domain=.x.org; Max-Age=soon; unknown=1',
    "broken",
    "=nameless",
    "e=",
    "Sid=other",
)


@pytest.mark.parametrize(
    "spec",
    [
        "{sid: abc}",
        "{sid: {value: abc, path: /, httponly: true, secure: false, max_age: 3600, samesite: lax}}",
        "{sid: {max_age: {$gt: 60}, expires: {$gt: 2023-12-31}, domain: {$is: absent}}}",
        "{q: a b}",
        "{q: {domain: .x.org, secure: true, max_age: soon}}",
        "{e: ''}",
        "{Sid: other}",
        "{broken: {$is: absent}}",
        "{'${x}': abc}",
        "'${y}'",
        "{sid: {$regex: '^a'}}",
    ],
)
def test_cookies_hold(spec):
    scope = {"x": "sid", "y": {"sid": {"value": "abc", "httponly": True}, "e": ""}}
    assert judge(f"cookies: {spec}", answer(set_cookies=COOKIES), scope) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{sid: xyz}", "cookies.sid: expected 'xyz', got 'abc'"),
        ("{sid: {httponly: false}}", "cookies.sid.httponly: expected false, got true"),
        (
            "{sid: {domain: x}}",
            "cookies.sid.domain: is missing; there are: value, secure, httponly, path, max_age, samesite, expires",
        ),
        ("{sidd: x}", "cookies.sidd: is missing; there are: sid, q, e, Sid; did you mean 'sid'?"),
        ("'${x}'", "cookies.e: expected 'f', got ''"),
    ],
)
def test_cookies_fail(spec, message):
    assert told(judge(f"cookies: {spec}", answer(set_cookies=COOKIES), {"x": {"e": "f"}})) == [message]


@pytest.mark.parametrize("x", [5, ["a"], None, "a"])
@pytest.mark.parametrize("key", ["headers", "cookies", "jsonpath"])
def test_a_variable_that_is_no_mapping(key, x):
    with pytest.raises(VariableError, match="expected a mapping from"):
        judge(f"{key}: '${{x}}'", answer("{}"), {"x": x})


BODY = '{"id": 5, "items": [{"sku": "A", "qty": 2}, {"sku": "B"}], "odd key": [1], "n": null}'


@pytest.mark.parametrize(
    "spec",
    [
        "{$.id: 5}",
        "{'$.items[0].sku': A}",
        "{'$.items[-1].sku': B}",
        "{\"$['odd key'][0]\": 1}",
        "{$.x: {$is: absent}}",
        "{'$.items[*].sku': [A, B]}",
        "{$..qty: [2]}",
        "{'$.items[?@.qty > 1].sku': [A]}",
        "{$.none.*: []}",
        "{$: {id: 5}}",
        "{'$.items[9]': {$is: absent}}",
        "{$.n: null}",
        "{$.n.x: {$is: absent}}",
        "{'$.items[${x}].sku': B}",
        "{'$.items[:1].sku': {$length: 1}}",
        "{'$.id[0]': {$is: absent}}",
        "'${y}'",
    ],
)
def test_jsonpath_holds(spec):
    assert judge(f"jsonpath: {spec}", answer(BODY), {"x": 1, "y": {"$.id": 5, "$..sku": ["A", "B"]}}) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{$.id: 6}", "jsonpath $.id expected 6, got 5"),
        ("{'$.items[-1].sku': C}", "jsonpath $.items[1].sku expected 'C', got 'B'"),
        ("{'$.items[*].sku': [A, C]}", "jsonpath $.items[1].sku expected 'C', got 'B'"),
        ("{'$.items[*].sku': [A]}", "jsonpath $.items[*].sku expected 1 item, got 2"),
        ("{'$.items[*]': {$each: {qty: 2}}}", "jsonpath $.items[1].qty is missing; there are: sku"),
        (
            "{'$.items[*]': {$some: {sku: B, qty: 1}}}",
            (
                "jsonpath $.items[*] none of 2 elements is {sku: 'B', qty: 1}; the closest is [1]: "
                "$.items[1].qty is missing; there are: sku"
            ),
        ),
        ("{$.idd: 1}", "jsonpath $.idd is missing; there are: id, items, odd key, n; did you mean 'id'?"),
        (
            "{'$.itms[0].sku': 1}",
            "jsonpath $.itms[0].sku is missing; $ has no 'itms'; there are: id, items, odd key, n; "
            "did you mean 'items'?",
        ),
        ("{'$.items[5].sku': 1}", "jsonpath $.items[5].sku is missing; $.items has 2 items"),
        ("{'$.items[-3]': 1}", "jsonpath $.items[-3] is missing; $.items has 2 items"),
        ("{$.id.x: 1}", "jsonpath $.id.x is missing; $.id is an integer: 5"),
        (
            "{$.items.x: 1}",
            'jsonpath $.items.x is missing; $.items is an array: [{"sku": "A", "qty": 2}, {"sku": "B"}]',
        ),
        ("{'$.items[1].qty': 1}", "jsonpath $.items[1].qty is missing; there are: sku"),
        ("'${y}'", "jsonpath $.id expected 7, got 5"),
    ],
)
def test_jsonpath_fails(spec, message):
    assert told(judge(f"jsonpath: {spec}", answer(BODY), {"y": {"$.id": 7}})) == [message]


def test_a_jsonpath_that_is_none_once_rendered():
    with pytest.raises(VariableError, match=r"'\$\[' is no JSONPath"):
        judge("jsonpath: {'$${x}': 1}".replace("$${x}", "${x}"), answer("{}"), {"x": "$["})


def test_text():
    html = answer("<h1>5 items</h1>", headers=[])
    assert judge("text: {$contains: [items, 5], $regex: '^<h1>', $starts_with: <h1>}", html) == []
    assert told(judge("text: nothing", html)) == ["text: expected 'nothing', got '<h1>5 items</h1>'"]
    assert judge("text: 5", answer("5", headers=[])) == []
    assert told(judge("text: {$is: string, $gt: 7}", answer("5"))) == ["text: expected more than 7, got '5'"]


PNG = b"\x89PNG\r\n"


def test_bytes():
    digest = hashlib.sha256(PNG).hexdigest()
    md5 = hashlib.md5(PNG).hexdigest()
    assert (
        judge(f"bytes: {{length: 6, sha256: {digest.upper()}, md5: '{md5}', starts_with: '89504E47'}}", answer(PNG))
        == []
    )
    assert (
        judge(
            "bytes: {length: {$gt: 5}, sha256: {$length: 64}, md5: '${x}', starts_with: '${y}'}",
            answer(PNG),
            {"x": md5, "y": "8950"},
        )
        == []
    )
    found = told(judge(f"bytes: {{length: 5, sha256: {'a' * 64}, starts_with: 'ff'}}", answer(PNG)))
    assert found == [
        "bytes.length: expected 5, got 6",
        f"bytes.sha256: expected '{'a' * 64}', got '{digest}'",
        "bytes.starts_with: expected a body that starts with ff, got 89",
    ]
    assert told(judge("bytes: {starts_with: 'ff'}", answer(b""))) == [
        "bytes.starts_with: expected a body that starts with ff, got nothing"
    ]
    with pytest.raises(VariableError, match="expected hex digits, got 5"):
        judge("bytes: {starts_with: '${x}'}", answer(PNG), {"x": 5})


def test_length_and_start_need_no_whole_body():
    cut = answer(PNG, size=10**9)
    assert judge("bytes: {length: 1000000000, starts_with: '89'}\nsize: {$gt: 5}", cut) == []
    for key in ("sha256: '" + "a" * 64 + "'", "starts_with: '89504e470d0a1a'"):
        with pytest.raises(Unjudgeable) as caught:
            judge(f"bytes: {{{key}}}", cut)
        assert caught.value.kind == "too_large"


def test_what_cannot_be_judged_keeps_the_other_mismatches():
    with pytest.raises(Unjudgeable) as caught:
        judge("status: 201\njson: {a: 1}\ntext: x\nsize: 5", answer(b"{}", size=99))
    assert told(caught.value.mismatches) == ["status: expected 201, got 200", "size: expected 5, got 99"]
    assert caught.value.node.line == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("700ms", None),
        ("1", None),
        ("{$lt: 1s, $gt: 0.5}", None),
        ("'${x}'", None),
        ("{$gt: 600ms}", None),
        ("500ms", "time: expected at most 500 ms, took 612 ms"),
        ("{$lt: 300ms}", "time: expected less than 300 ms, got 612 ms"),
        ("{$gt: 1.5}", "time: expected more than 1.5 s, got 612 ms"),
        ("1ms", "time: expected at most 1 ms, took 612 ms"),
    ],
)
def test_time(spec, message):
    found = told(judge(f"time: {spec}", answer(time=0.612), {"x": "1s"}))
    assert found == ([] if message is None else [message])


def test_the_rest():
    given = answer(b"abc", hops=(Hop(302, "http://testserver/a"),), http_version="HTTP/2")
    spec = "{size: 3, url: {$ends_with: /}, http_version: HTTP/2, redirects: [{status: 302, url: {$contains: /a}}]}"
    assert judge(spec, given) == []
    found = told(judge("{size: {$lt: 3}, url: /, http_version: HTTP/1.1, redirects: [{status: 301}]}", given))
    assert found == [
        "size: expected less than 3, got 3",
        "url: expected '/', got 'http://testserver/'",
        "http_version: expected 'HTTP/1.1', got 'HTTP/2'",
        "redirects[0].status: expected 301, got 302",
    ]


@pytest.mark.parametrize("kind", ["timeout", "connect", "tls", "protocol", "redirect", "decode", "too_large"])
def test_the_error_that_is_wanted(kind):
    assert judge(f"error: {kind}", Failure(kind, "so it went")) == []
    assert judge("error: any", Failure(kind, "so it went")) == []
    assert judge("error: '${x}'", Failure(kind, "so it went"), {"x": kind}) == []


def test_another_error():
    (found,) = judge("error: timeout", Failure("connect", "nobody listens"))
    assert (found.where, found.message) == ("error", "expected the error 'timeout', got 'connect': nobody listens")
    assert (found.expected, found.actual) == ("timeout", "connect")


def test_an_answer_where_an_error_is_wanted():
    assert told(judge("error: timeout", answer(time=0.012))) == [
        "error: expected the request to fail with 'timeout', got 200 after 12 ms"
    ]
    assert told(judge("error: any", answer(time=2, status=500))) == [
        "error: expected the request to fail, got 500 after 2 s"
    ]


def test_an_error_kind_from_a_variable_that_is_none():
    with pytest.raises(VariableError, match="'x' is no kind of error; there are: timeout, connect"):
        judge("error: '${x}'", answer(), {"x": "x"})


@pytest.mark.parametrize(
    ("spec", "result", "held"),
    [
        ("error: decode", answer(b"\xff"), True),
        ("{error: decode, json: 1}", answer(b'"\xff"'), True),
        ("{error: any, text: x}", answer(b"\xff"), True),
        ("error: any", answer(b"\xff"), False),
        ("error: decode", answer(b"ok"), False),
        ("error: too_large", answer(b"ok", size=99), True),
        ("{error: too_large, json: 1}", answer(b"ok", size=99), True),
        ("{error: any, json: 1}", answer(b"ok", size=99), True),
        ("error: too_large", answer(b"ok"), False),
        ("{error: decode, json: 1}", answer(b"ok", size=99), False),
        ("{error: any, json: 1}", answer(b"no json"), False),
    ],
)
def test_errors_of_reading_the_body(spec, result, held):
    assert (judge(spec, result) == []) is held


def test_a_regex_that_is_stopped_is_no_error_of_the_body():
    with pytest.raises(Unjudgeable, match="ran longer") as caught:
        judge("{error: any, text: {$regex: '(x|xx)+$'}}", answer("x" * 60 + "y"))
    assert caught.value.kind is None


def test_beside_an_error_what_had_come_is_judged():
    partial = answer(b"abc", status=200, headers=[("x", "1")])
    broken = Failure("protocol", "cut", partial=partial)
    assert judge("{error: protocol, status: 200, headers: {x: 1}, size: 3, time: 1ms}", broken) == []
    assert told(judge("{error: protocol, status: 201, headers: {x: 2}}", broken)) == [
        "status: expected 201, got 200",
        "headers.x: expected 2, got '1' (a string)",
    ]
    assert told(judge("{error: any, text: x, size: 4, url: /, http_version: HTTP/2}", broken)) == [
        "size: expected 4, got 3",
        "url: expected '/', got 'http://testserver/'",
        "http_version: expected 'HTTP/2', got 'HTTP/1.1'",
    ]
    assert told(judge("{error: timeout, status: 201}", broken)) == [
        "error: expected the error 'timeout', got 'protocol': cut",
        "status: expected 201, got 200",
    ]


OF_NOTHING = """
error: timeout
status: 200
headers: {x-a: 1, 'x-${x}': 2}
cookies: {sid: a}
size: 0
url: nowhere
http_version: X
redirects: []
"""


def test_where_no_answer_had_come_nothing_about_it_holds():
    found = judge(OF_NOTHING, Failure("timeout", "no answer"), {"x": "b"})
    assert told(found) == [
        f"{where}: no answer had come"
        for where in (
            "status", "headers.x-a", "headers.x-b", "cookies.sid", "size", "url", "http_version", "redirects",
        )
    ]  # fmt: skip
    assert [(m.expected, m.actual, m.line) for m in found][:2] == [(200, None, 3), (1, None, 4)]
    by_name = judge("{error: any, headers: '${x}'}", Failure("connect", "nobody"), {"x": {"a": 1}})
    assert told(by_name) == ["headers: no answer had come"]


@pytest.mark.parametrize("partial", [None, answer(b"", time=0.512)])
def test_beside_an_error_the_time_is_that_of_the_failure(partial):
    failure = Failure("timeout", "no answer", partial=partial, time=0.512)
    assert judge("{error: timeout, time: 600ms}", failure) == []
    assert judge("{error: timeout, time: {$gt: 0.5, $lt: 0.6}}", failure) == []
    assert told(judge("{error: timeout, time: 10ms}", failure)) == ["time: expected at most 10 ms, took 512 ms"]
    assert told(judge("{error: any, time: {$lt: 10ms}}", failure)) == ["time: expected less than 10 ms, got 512 ms"]


def test_beside_too_large_what_is_known_is_judged():
    large = answer(b"abc", size=99)
    assert judge("{error: too_large, size: 99, bytes: {length: 99, starts_with: '6162'}, json: {a: 1}}", large) == []
    assert told(judge("{error: too_large, status: 201, size: 98, bytes: {length: 3, starts_with: 'ff'}}", large)) == [
        "status: expected 201, got 200",
        "size: expected 98, got 99",
        "bytes.length: expected 3, got 99",
        "bytes.starts_with: expected a body that starts with ff, got 61",
    ]
    assert told(judge("{error: too_large, text: x, size: 98}", large)) == ["size: expected 98, got 99"]


def test_where_the_error_did_not_come_all_the_rest_is_told_as_well():
    assert told(judge("{error: decode, status: 201, text: nope}", answer(b"ok"))) == [
        "error: expected the request to fail with 'decode', got 200 after 0 ms",
        "status: expected 201, got 200",
        "text: expected 'nope', got 'ok'",
    ]


@pytest.mark.parametrize(
    "key",
    [
        "json: {a: 1}",
        "jsonpath: {$.a: 1}",
        "html: {p: a}",
        "xml: {p: a}",
        "schema: true",
        "text: nope",
        "bytes: {length: 1}",
    ],
)
def test_of_a_body_that_never_comes_nothing_can_be_expected(key):
    name = key.partition(":")[0]
    hint = "take it away; only beside decode, too_large, any does it say that the body is read"
    for kind in ("timeout", "connect", "tls", "protocol", "redirect"):
        message = f"{name!r} cannot be judged beside the error {kind!r}: no whole body comes"
        assert problems(f"error: {kind}\n{key}") == [f"spec.yaml:2:1: {message} ({hint})"]
        with pytest.raises(VariableError, match="cannot be judged beside the error"):
            judge(f"error: '${{x}}'\n{key}", Failure(kind, "so it went"), {"x": kind})
    for kind in ("decode", "too_large", "any"):
        assert problems(f"error: {kind}\n{key}") == []
        assert judge(f"error: '${{x}}'\n{key}", Failure("decode", "x", partial=answer(b"abc")), {"x": "any"}) == []


def test_every_key_that_a_spec_may_have_is_compiled():
    every = """
    {status: 1, headers: 1, cookies: 1, json: 1, jsonpath: 1, html: 1, xml: 1, schema: 1, openapi: 1,
     text: 1, bytes: 1,
     time: x, size: {$x: 1}, url: {$x: 1}, http_version: {$x: 1}, redirects: {$x: 1}, error: 1}
    """
    silent = {"json", "text"}
    assert set(shapes.EXPECT) == set(read(every).entries)
    assert len(problems(every)) == len(set(shapes.EXPECT) - silent)


def test_a_failure_is_judged_only_where_one_is_wanted():
    assert expectation("error: any").wants_error
    assert not expectation("status: 200").wants_error
    with pytest.raises(TypeError):
        judge("status: 200", Failure("timeout", "x"))


SUCH = "(such as 5, '2024-12-31', '2024-12-31T23:59:59Z' or '1h30m')"
STATUS = "(expected a number such as 200, or a class from '1xx' to '5xx')"
WRONG = [
    ("status: 6xx", f"1:9: '6xx' is no status {STATUS}"),
    ("status: 2x", f"1:9: '2x' is no status {STATUS}"),
    ("status: 20", f"1:9: 20 is no status {STATUS}"),
    ("status: true", f"1:9: true is no status {STATUS}"),
    ("status: 200.5", f"1:9: 200.5 is no status {STATUS}"),
    ("status: [200, 7xx]", f"1:15: '7xx' is no status {STATUS}"),
    ("status: []", "1:9: expected at least one status"),
    ("status: {gt: 5}", "1:10: expected matchers, found the key 'gt' (did you mean '$gt'?)"),
    ("time: 5x", "1:7: expected a duration such as '300ms', '5s' or '1h30m', found '5x'"),
    ("time: {lt: 5s}", "1:8: expected matchers, found the key 'lt' (did you mean '$lt'?)"),
    ("time: {$lt: soon}", f"1:13: expected a number, an ISO date or a duration, found 'soon' {SUCH}"),
    ("headers: 5", "1:10: expected a mapping from header names to patterns, found a number"),
    ("cookies: [a]", "1:10: expected a mapping from cookie names to patterns, found a list"),
    ("cookies: {a: {httpony: true}}", "1:15: a cookie has no attribute 'httpony' (did you mean 'httponly'?)"),
    ("cookies: {a: {max-age: 1}}", "1:15: a cookie has no attribute 'max-age' (did you mean 'max_age'?)"),
    (
        "cookies: {a: {zzz: 1}}",
        (
            "1:15: a cookie has no attribute 'zzz' "
            "(there are: value, path, domain, secure, httponly, samesite, max_age, expires)"
        ),
    ),
    ("jsonpath: a", "1:11: expected a mapping from JSONPaths to patterns, found text"),
    ("jsonpath: {'$.a[': 1}", "1:12: '$.a[' is no JSONPath: unbalanced brackets, at character 5"),
    (
        "jsonpath: {a.b: 1}",
        (
            "1:12: 'a.b' is no JSONPath: expected '$', found 'a', at character 1 "
            "(it begins with '$', such as '$.items[0].id')"
        ),
    ),
    ("bytes: 5", "1:8: expected a mapping, found a number (it takes length, sha256, md5, starts_with)"),
    ("bytes: {lenght: 1}", "1:9: unknown key 'lenght' (did you mean 'length'?)"),
    (
        "bytes: {starts_with: 89504447}",
        "1:22: expected hex digits for whole bytes, found the number 89504447 (quote it: '89504447')",
    ),
    (
        "bytes: {starts_with: 89504e47}",
        "1:22: expected hex digits for whole bytes, found the number 89504e47 (quote it: '89504e47')",
    ),
    ("bytes: {starts_with: abc}", "1:22: expected hex digits for whole bytes, found 'abc' (such as '89504e47')"),
    ("bytes: {starts_with: [ab]}", "1:22: expected hex digits, found a list (such as '89504e47')"),
    ("bytes: {sha256: ab}", "1:17: expected 64 hex digits, found 2"),
    ("bytes: {md5: null}", "1:14: expected hex digits for whole bytes, found null (such as '89504e47')"),
    ("error: timeot", "1:8: expected a kind of error, found 'timeot' (did you mean 'timeout'?)"),
    (
        "error: [timeout]",
        (
            "1:8: expected a kind of error, found a list "
            "(there are: timeout, connect, tls, protocol, redirect, decode, too_large, any)"
        ),
    ),
    ("json: '${z}'", "1:8: unknown variable 'z' (known here: name, target, target_name, x, y)"),
]


@pytest.mark.parametrize(("spec", "problem"), WRONG)
def test_what_cannot_compile(spec, problem):
    assert problems(spec) == [f"spec.yaml:{problem}"]
