from pathlib import Path

import pytest

from asgi_probe.spec.model import read_spec
from asgi_probe.spec.source import Problems, Source, data
from asgi_probe.spec.yaml import compose


def read(text):
    source = Source(Path("a.yaml"), "a.yaml", text)
    problems = Problems()
    return read_spec(source, compose(source, problems), problems), problems


def good(text):
    spec, problems = read(text)
    assert [str(problem) for problem in problems.diagnostics] == []
    return spec


def messages(text):
    return [str(problem) for problem in read(text)[1].diagnostics]


def in_check(text):
    """The messages for one check, their places counted from the check's own first line and column."""
    found = messages("checks:\n- " + text.replace("\n", "\n  "))
    return [message.removeprefix("a.yaml:") for message in found]


def test_a_whole_spec():
    spec = good("""\
name: Items
description: all of them
tags: smoke
target: {app: "shop:app"}
x-any: {thing: [1]}
vars: {a: 1}
defaults: {headers: null, timeout: 2s, expect: 204}
setup: [{post: /login, save: {token: $.token}}]
teardown: [{get: /bye}]
checks:
  - get: /
  - name: two
    description: d
    tags: [a, b, a]
    skip: not ready
    timeout: 5s
    steps:
      - {name: first, request: {method: purge, url: /x}, expect: [200, 2xx]}
      - post: /y
        json: null
        expect: {status: 201}
    finally:
      - delete: /y
""")
    assert (spec.name.value, spec.description.value, spec.tags) == ("Items", "all of them", ("smoke",))
    assert data(spec.target) == {"app": "shop:app"}
    assert list(spec.vars) == ["a"]
    assert list(spec.defaults) == ["headers", "timeout", "expect"]
    assert data(spec.defaults["expect"].value) == {"status": 204}
    assert [step.method for step in (*spec.setup, *spec.teardown)] == ["POST", "GET"]
    first, second = spec.checks
    assert (first.inline, len(first.steps), first.fields, first.tags) == (True, 1, {}, ())
    assert (first.steps[0].name, first.steps[0].method, first.steps[0].url.value) == (None, "GET", "/")
    assert (second.inline, list(second.fields), second.tags) == (
        False,
        ["name", "description", "skip", "timeout"],
        ("a", "b"),
    )
    purge, post = second.steps
    assert (purge.name.value, purge.method, purge.url.value) == ("first", "PURGE", "/x")
    assert data(purge.fields["expect"].value) == {"status": [200, "2xx"]}
    assert (list(post.fields), second.finally_[0].method) == (["json", "expect"], "DELETE")


def test_a_short_expectation_keeps_its_place():
    step = good("checks:\n  - get: /\n    expect: 404\n").checks[0].steps[0]
    status = step.fields["expect"].value.entries["status"]
    assert [(part.line, part.column, part.width) for part in (status.key, status.value)] == [(3, 13, 3), (3, 13, 3)]


def test_names_and_timeouts_of_an_inline_check():
    check = good("checks: [{name: n, get: /, timeout: 1s, tags: x}]").checks[0]
    assert list(check.fields) == ["name"]
    assert list(check.steps[0].fields) == ["timeout"]


def test_a_method_may_hold_a_variable():
    step = good("checks: [{request: {method: '${m}', url: '${u}'}}]").checks[0].steps[0]
    assert (step.method, step.method_node.value) == ("${m}", "${m}")


def test_values_that_may_come_from_variables():
    good("""\
checks:
  - post: /
    json: ${body}
    expect: {json: "${expected}", status: "${status}"}
    retry: ${n}
    auth: {basic: "${pair}"}
    params: {a: ["${x}", 1], "${k}": ~}
    headers: {x: null}
    max_body: 1k
    follow_redirects: true
  - put: /
    multipart: {a: x, b: {file: f.txt, type: text/plain}, c: [{content: x, filename: y}, z]}
    expect: null
    save: {a: $.id, b: {from: $.id, as: int, default: [1], secret: true, regex: x}}
  - patch: /
    body: {file: x.bin}
    auth: {digest: [u, p]}
""")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1]", ["a.yaml:1:1: a spec is a mapping with 'checks', found a list"]),
        ("text", ["a.yaml:1:1: a spec is a mapping with 'checks', found text"]),
        ("name: x", ["a.yaml:1:1: a spec needs checks (add 'checks:' and under it '- get: /')"]),
        ("check: [{get: /}]", ["a.yaml:1:1: unknown key 'check' (did you mean 'checks'?)"]),
        ("checks:", ["a.yaml:1:8: expected a list, found null"]),
        ("checks: []", ["a.yaml:1:9: 'checks' is empty (add '- get: /')"]),
        ("checks: {get: /}", ["a.yaml:1:9: expected a list, found a mapping (begin each item with '- ')"]),
        ("checks: [{get: /}]\ntags: [1, a]", ["a.yaml:2:8: a tag is text, found a number (quote it to make it text)"]),
        (
            "checks: [{get: /}]\ntags: {a: 1}",
            ["a.yaml:2:7: expected text or a list of texts, found a mapping (begin each item with '- ')"],
        ),
        ("checks: [{get: /}]\nname: [x]", ["a.yaml:2:7: expected text, found a list"]),
        ("checks: [{get: /}]\nvars: [x]", ["a.yaml:2:7: expected a mapping, found a list"]),
        ("checks: [{get: /}]\nsetup: []", ["a.yaml:2:8: 'setup' is empty (leave it out, or write what it shall do)"]),
        (
            "checks: [{get: /}]\nsetup: [{headers: {}}]",
            ["a.yaml:2:9: a step needs a request: get, post … (such as 'get: /health')"],
        ),
        (
            "checks: [{get: /}]\ndefaults: {save: {a: $.b}, get: /, name: x, expct: 1}",
            [
                "a.yaml:2:12: 'save' cannot stand in 'defaults' (it belongs to a step)",
                "a.yaml:2:28: 'get' cannot stand in 'defaults' (it belongs to a step)",
                "a.yaml:2:36: 'name' cannot stand in 'defaults' (it belongs to a step)",
                "a.yaml:2:45: unknown key 'expct' (did you mean 'expect'?)",
            ],
        ),
        (
            "checks: [{get: /}]\ndefaults: {expect: {stauts: 1}, form: {}, json: 1}",
            [
                "a.yaml:2:43: two bodies in one request: 'form' and 'json' (keep one of them)",
                "a.yaml:2:21: unknown key 'stauts' (did you mean 'status'?)",
            ],
        ),
        (
            "checks: [{name: a, get: /}, {get: /}, {name: a, get: /}]",
            ["a.yaml:1:46: two checks are named 'a' (the first is in line 1, column 17)"],
        ),
    ],
)
def test_problems_at_the_top(text, found):
    assert messages(text) == found


@pytest.mark.parametrize("word", ["open_api", "body"])
def test_words_of_an_expectation_that_are_not_known(word):
    assert f"unknown key {word!r}" in in_check(f"get: /\nexpect: {{{word}: x}}")[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("text", ["2:3: a check is a mapping, found text (such as '- get: /health')"]),
        ("{}", ["2:3: a step needs a request: get, post … (such as 'get: /health')"]),
        ("name: x", ["2:3: a step needs a request: get, post … (such as 'get: /health')"]),
        ("GET: /", ["2:3: unknown key 'GET' (did you mean 'get'?)"]),
        ("get:", ["2:7: expected text, found null"]),
        ("get: 5", ["2:8: expected a path or URL, found a number (such as '/health')"]),
        ("get: ''", ["2:8: expected a path or URL, found empty text (such as '/health')"]),
        ("get: [/]", ["2:8: expected text, found a list"]),
        ("get: /\npost: /", ["3:3: two requests in one step: 'get' and 'post' (make it two steps)"]),
        (
            "post: /\njson: 1\nform: {}\nbody: x",
            [
                "4:3: two bodies in one request: 'json' and 'form' (keep one of them)",
                "5:3: two bodies in one request: 'json' and 'body' (keep one of them)",
            ],
        ),
        ("request: {method: GET}", ["2:3: 'request' needs 'url' (as in 'request: {method: PURGE, url: /cache}')"]),
        ("request: {method: 'a b', url: /}", ["2:21: 'a b' is no HTTP method (such as PURGE)"]),
        ("request: {methd: GET, url: /}", ["2:13: unknown key 'methd' (did you mean 'method'?)"]),
        ("request: GET /", ["2:12: expected a mapping, found text"]),
        ("request: {method: GET, url: 5}", ["2:31: expected a path or URL, found a number (such as '/health')"]),
        (
            "get: /\nheaders: ${h}",
            ["3:12: expected a mapping, found text (write its keys out; '${…}' may stand in each key and value)"],
        ),
        ("get: /\nheaders: [a]", ["3:12: expected a mapping, found a list"]),
        ("get: /\nheaders: {a: {b: 1}}", ["3:16: expected a value or a list, found a mapping"]),
        ("get: /\nparams: {a: [[1]]}", ["3:16: expected a single value, found a list"]),
        ("get: /\ncookies: {a: [1]}", ["3:16: expected a single value, found a list"]),
        (
            "get: /\nauth: {basic: [a], bearer: x}",
            [
                "3:3: 'auth' wants one of basic, bearer, digest, netrc, call, found 'basic' and 'bearer'",
                "3:17: 'basic' wants [user, password], two single values",
            ],
        ),
        ("get: /\nauth: {}", ["3:3: 'auth' wants one of basic, bearer, digest, netrc, call, found none of them"]),
        ("get: /\nauth: {basic: u}", ["3:17: expected a list of user and password, found text"]),
        ("get: /\nauth: {bsic: u}", ["3:10: unknown key 'bsic' (did you mean 'basic'?)"]),
        ("get: /\nretry: {timez: 1}", ["3:11: unknown key 'timez' (did you mean 'times'?)"]),
        ("get: /\nretry: [1]", ["3:10: expected a single value or a mapping, found a list"]),
        ("get: /\nbody: {file: a, hex: b}", ["3:3: 'body' wants one of file, base64, hex, found 'file' and 'hex'"]),
        ("get: /\nmultipart: {a: {filename: x}}", ["3:15: 'a' wants one of file, content, found none of them"]),
        ("get: /\nmultipart: {a: [[1]]}", ["3:19: expected a single value or a mapping, found a list"]),
        ("get: /\nname: setup", ["3:9: 'setup' is the id of the file's own setup (choose another name)"]),
        ("get: /\nname: teardown", ["3:9: 'teardown' is the id of the file's own teardown (choose another name)"]),
        ("name: ''\nsteps: [{get: /}]", ["2:9: a name cannot be empty (leave it out, then the request is the name)"]),
        ("get: /\nname: ' \t'", ["3:9: a name cannot be empty (leave it out, then the request is the name)"]),
        ("name: set up\nsteps: [{name: setup, get: /}]", []),
        (
            "get: /\nsave: {a: {form: $.x}, b: {regex: x}}",
            ["3:14: unknown key 'form' (did you mean 'from'?)", "3:26: a save needs 'from' (such as 'from: $.id')"],
        ),
        ("get: /\ntimeout: [1]", ["3:12: expected a single value, found a list"]),
        (
            "get: /\nskip: true",
            ["3:9: expected the reason as text, found a boolean (say why, as in 'skip: not ready yet')"],
        ),
        ("get: /\nname: ~", ["3:9: expected text, found null"]),
        ("get: /\ntags: []", []),
        (
            "steps: [{get: /}]\nget: /\nheaders: {}",
            [
                "3:3: 'get' cannot stand beside 'steps' (move it into a step)",
                "4:3: 'headers' cannot stand beside 'steps' (move it into a step)",
            ],
        ),
        ("finally: [{get: /}]", ["2:3: 'finally' wants 'steps' beside it"]),
        ("steps: []", ["2:10: 'steps' is empty (add '- get: /')"]),
        ("steps: {get: /}", ["2:10: expected a list, found a mapping (begin each item with '- ')"]),
        (
            "steps: [5, {name: [x], get: /}]",
            [
                "2:11: a step is a mapping, found a number (such as '- get: /health')",
                "2:21: expected text, found a list",
            ],
        ),
        ("steps: [{get: /, skip: x}]", ["2:20: unknown key 'skip'"]),
        ("steps: [{get: /}]\nmatrix: {}", ["3:11: 'matrix' is empty (such as {size: [s, m, l]})"]),
    ],
)
def test_problems_of_a_check(text, found):
    messages = in_check(text)
    assert [message.split(" (known")[0] for message in messages] == found
