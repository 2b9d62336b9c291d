"""Values taken out of an answer."""

import json

import pytest

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.save import NotThere
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, save_problems, saves

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImlhdCI6MX0.c2ln"
BODY = json.dumps(
    {"id": 5, "price": "12.50", "ok": "TRUE", "token": TOKEN, "items": [{"sku": "A"}], "link": "/items/77?x", "n": None}
)
HEADERS = [("Location", "/items/5"), ("X-A", "1"), ("x-a", "2")]


def take(spec, given=None, scope=None):
    given = given or answer(BODY, headers=HEADERS, set_cookies=("sid=abc; Path=/",), time=0.5, status=201)
    (save,) = saves(f"v: {spec}").values()
    return save.take(given, scope or {})


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("$.id", 5),
        ("$.items", [{"sku": "A"}]),
        ("$.items[*].sku", ["A"]),
        ("$..nothing", []),
        ("$.n", None),
        ("header.LOCATION", "/items/5"),
        ("header.x-a", "1, 2"),
        ("cookie.sid", "abc"),
        ("status", 201),
        ("text", BODY),
        ("json", json.loads(BODY)),
        ("url", "http://testserver/"),
        ("time", 0.5),
        ("{from: $.id}", 5),
        ("{from: $.id, as: text}", "5"),
        ("{from: $.price, as: float}", 12.5),
        ("{from: $.ok, as: bool}", True),
        ("{from: header.location, regex: '\\d+$', as: int}", 5),
        ("{from: $.link, regex: '/(\\d+)'}", "77"),
        ("{from: $.id, regex: '.'}", "5"),
        ("{from: $.token, as: jwt}", {"header": {"alg": "HS256"}, "claims": {"sub": "u1", "iat": 1}}),
        ("{from: $.items, as: text}", '[{"sku": "A"}]'),
        ("{from: text, as: json}", json.loads(BODY)),
        ("{from: $.items, as: json}", [{"sku": "A"}]),
        ("{from: $.none, default: 7}", 7),
        ("{from: $.none, default: null}", None),
        ("{from: $.none, default: '${x}'}", "id"),
        ("{from: $.none, default: '7', as: int}", "7"),
        ("{from: $.link, regex: zzz, default: d}", "d"),
        ("{from: cookie.x, default: d}", "d"),
        ("{from: header.x, default: d}", "d"),
        ("{from: $.n, default: 7}", None),
        ("$.${x}", 5),
        ("header.${y}", "/items/5"),
        ("{from: $.link, regex: '${name}'}", "77"),
        ("{from: $.id, as: float}", 5.0),
        ("{from: status, as: bool}", None),
    ],
)
def test_take(spec, value):
    scope = {"x": "id", "y": "location", "name": r"\d+"}
    if value is None and "bool" in spec:
        with pytest.raises(NotThere, match="201 cannot be saved as bool"):
            take(spec, scope=scope)
        return
    found = take(spec, scope=scope)
    assert found == value
    assert type(found) is type(value)


def test_the_body_may_be_a_token():
    for body in (TOKEN, f'"{TOKEN}"', f" {TOKEN}\n"):
        assert take("jwt.claims.sub", answer(body)) == "u1"
    with pytest.raises(
        NotThere, match=r"nothing to save as 'v': \$\.claims\.x is missing in the token; there are: sub, iat"
    ):
        take("jwt.claims.x", answer(TOKEN))
    with pytest.raises(NotThere, match="the body is not a JWT"):
        take("jwt.claims.x", answer("x"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "$.idd",
            "nothing to save as 'v': $.idd is missing; there are: id, price, ok, token, items, link, n; "
            "did you mean 'id'?",
        ),
        ("$.items[3].sku", "nothing to save as 'v': $.items[3].sku is missing; $.items has 1 item"),
        (
            "header.locaton",
            "nothing to save as 'v': the header 'locaton' is missing; there are: location, x-a; "
            "did you mean 'location'?",
        ),
        ("cookie.side", "nothing to save as 'v': the cookie 'side' is missing; did you mean 'sid'?"),
        ("{from: $.link, regex: '^x'}", "nothing to save as 'v': the regex '^x' matches nothing in '/items/77?x'"),
        (
            "{from: $.link, regex: '(q)?item'}",
            "nothing to save as 'v': the first group of '(q)?item' took no part in the match of 'item'",
        ),
        ("{from: $.price, as: int}", "'12.50' cannot be saved as int"),
        ("{from: $.link, as: float}", "'/items/77?x' cannot be saved as float"),
        ("{from: $.link, as: bool}", "'/items/77?x' cannot be saved as bool"),
        ("{from: $.n, as: int}", "null cannot be saved as int"),
        (
            "{from: $.link, as: json}",
            "'/items/77?x' cannot be saved as json: the text is not JSON from line 1, column 1 on: '/items/77?x'",
        ),
        (
            "{from: $.link, as: jwt}",
            "'/items/77?x' cannot be saved as jwt: is not a JWT, which has three base64url parts",
        ),
        ("{from: $.id, as: jwt}", "5 cannot be saved as jwt: is not a JWT but an integer"),
    ],
)
def test_not_there(spec, message):
    with pytest.raises(NotThere) as caught:
        take(spec)
    assert str(caught.value) == message
    assert caught.value.node.line == 1


def test_numbers_too_large():
    for form in ("int", "float"):
        with pytest.raises(NotThere):
            take(f"{{from: $, as: {form}}}", answer("1e999999999" if form == "int" else "1" * 400))


def test_a_body_that_is_not_json_has_nothing_to_save():
    with pytest.raises(NotThere, match="the body is not JSON"):
        take("$.id", answer("<html>"))
    assert take("{from: $.id, default: 1}", answer("<html>")) == 1


@pytest.mark.parametrize(("given", "kind"), [(answer(b"ab", size=99), "too_large"), (answer(b"\xff"), "decode")])
def test_a_body_that_cannot_be_read(given, kind):
    with pytest.raises(Unjudgeable) as caught:
        take("{from: text, default: x}", given)
    assert caught.value.kind == kind
    assert caught.value.node.line == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("${x}", "'$[' is no JSONPath: unbalanced brackets, at character 3"),
        ("b${x}", "'b$[' is no source"),
        ("{from: $.link, regex: '${x}('}", "the regex does not compile"),
    ],
)
def test_what_turns_out_wrong(spec, message):
    with pytest.raises(VariableError) as caught:
        take(spec.replace("'${x}('", "'(${y}'") if "regex" in spec else spec, scope={"x": "$[", "y": "a"})
    assert message in str(caught.value)


def test_secret_and_name():
    found = saves("a: $.id\nb: {from: $.id, secret: true}\nc: {from: $.id, secret: false}")
    assert [(save.name, save.secret) for save in found.values()] == [("a", False), ("b", True), ("c", False)]


SOURCES = (
    "there are: status, text, json, url, time, header.NAME, cookie.NAME, html.SELECTOR, xml.SELECTOR, jwt.PATH, $.PATH"
)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("env: $.id", "1:1: 'env' cannot name a variable: it is built in (choose another name)"),
        ("uuid: $.id", "1:1: 'uuid' cannot name a variable: it is a function (choose another name)"),
        (
            "a-b: $.id",
            "1:1: 'a-b' cannot name a variable: it wants letters, digits and '_', no digit first (choose another name)",
        ),
        ("v: $.a[", "1:4: '$.a[' is no JSONPath: unbalanced brackets, at character 5 (such as '$.items[0].id')"),
        ("v: heder.x", "1:4: 'heder.x' is no source (did you mean 'header.x'?)"),
        ("v: header.", "1:4: 'header.' is no source (did you mean 'header'?)"),
        ("v: css.h1", f"1:4: 'css.h1' is no source ({SOURCES})"),
        ("v: json.id", "1:4: 'json.id' is no source (for a part of the JSON write '$.id')"),
        ("v: satus", "1:4: 'satus' is no source (did you mean 'status'?)"),
        (
            "v: jwt.[",
            "1:4: 'jwt.[' is no JSONPath: unexpected shorthand selector '[', at character 3 (did you mean 'jwt.['?)",
        ),
        ("v: 5", f"1:4: expected a source, found a number ({SOURCES})"),
        ("v: [a]", f"1:4: expected a source, found a list ({SOURCES})"),
        ("v: {from: [a]}", f"1:11: expected a source, found a list ({SOURCES})"),
        ("v: {from: null}", f"1:11: expected a source, found null ({SOURCES})"),
        ("v: {from: $.a, regex: [b]}", "1:23: expected a regex, found a list (quote it)"),
        (
            "v: {from: $.a, regex: '('}",
            "1:23: the regex does not compile: missing ), unterminated subpattern at character 1",
        ),
        ("v: {from: $.a, regex: 5}", "1:23: expected a regex, found a number (quote it)"),
        (
            "v: {from: $.a, as: integer}",
            "1:20: expected what to save it as, found 'integer' (there are: int, float, text, bool, json, jwt)",
        ),
        ("v: {from: $.a, as: jsn}", "1:20: expected what to save it as, found 'jsn' (did you mean 'json'?)"),
        ("v: {from: $.a, secret: 1}", "1:24: expected true or false, found a number"),
    ],
)
def test_what_cannot_compile(spec, problem):
    assert save_problems(spec) == [f"spec.yaml:{problem}"]


def test_a_regex_that_backtracks_is_stopped():
    save = saves("v: {from: text, regex: '(x|xx)+$'}")["v"]
    with pytest.raises(Unjudgeable, match="ran longer than a second") as caught:
        save.take(answer("x" * 60 + "y"), {})
    assert (caught.value.kind, caught.value.node) == (None, save.node)
