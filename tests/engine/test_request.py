"""What a step's keys, with the file's defaults under them, become when they are sent."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from asgi_probe.engine.defaults import with_defaults
from asgi_probe.engine.request import Limits, RequestPlan, compile_request
from asgi_probe.exchange import Ask, Credentials, Part
from asgi_probe.spec.model import read_spec
from asgi_probe.spec.source import Problems, Source, data
from asgi_probe.spec.template import Compilation, VariableError
from asgi_probe.spec.yaml import compose

KNOWN = frozenset({"x", "n", "items", "obj", "nothing"})
SCOPE = {"x": "one", "n": 2, "items": [1, "b"], "obj": {"a": 1}, "nothing": None}


def compiled(step: str, defaults: str = "{}", folder: Path = Path()) -> tuple[RequestPlan, Problems]:
    text = f"defaults: {defaults}\nchecks:\n  - " + dedent(step).strip().replace("\n", "\n    ") + "\n"
    problems = Problems()
    source = Source(folder / "a.yaml", "a.yaml", text)
    node = compose(source, problems)
    assert node is not None, problems.diagnostics
    spec = read_spec(source, node, problems)
    assert spec is not None
    only = spec.checks[0].steps[0]
    fields = with_defaults(spec.defaults, only.fields)
    return compile_request(only, fields, Limits(), Compilation(problems, KNOWN, folder, folder)), problems


def ask(step: str, defaults: str = "{}", folder: Path = Path()) -> Ask:
    plan, problems = compiled(step, defaults, folder)
    assert [str(problem) for problem in problems.diagnostics] == []
    return plan.render(SCOPE)


def complaint(step: str, defaults: str = "{}", folder: Path = Path()) -> str:
    problems = compiled(step, defaults, folder)[1]
    return "\n".join(str(problem) for problem in problems.diagnostics)


@pytest.mark.parametrize(
    ("step", "field", "value"),
    [
        ("get: /a/${x}", "url", "/a/one"),
        ("request: {method: purge, url: /a}", "method", "PURGE"),
        ("get: /\nparams: {a: 1, b: [true, null, 1.5], c: null, '${x}': '${n}'}", "params",
         [("a", "1"), ("b", "true"), ("b", "1.5"), ("one", "2")]),
        ("get: /\nparams: {a: '${items}'}", "params", [("a", "1"), ("a", "b")]),
        ("get: /\nparams: {a: '${nothing}'}", "params", []),
        ("get: /\nheaders: {A: b, Accept: null}", "headers", [("A", "b")]),
        ("get: /\nheaders: {A: b, Accept: null}", "without", frozenset({"accept"})),
        ("get: /\ncookies: {a: 1}", "cookies", {"a": "1"}),
        ("get: /\nauth: {basic: ['${x}', p]}", "credentials", Credentials("basic", "one", "p")),
        ("get: /\nauth: {digest: [u, p]}", "credentials", Credentials("digest", "u", "p")),
        ("get: /\nauth: {bearer: '${x}'}", "credentials", Credentials("bearer", "one")),
        ("get: /\nauth: {netrc: true}", "credentials", Credentials("netrc")),
        ("get: /\nauth: {netrc: false}", "credentials", None),
        (
            "post: /\njson: {a: '${n}', b: '${obj}', c: 'x${n}', d: ü}",
            "body",
            '{"a":2,"b":{"a":1},"c":"x2","d":"ü"}'.encode(),
        ),
        ("post: /\njson: {a: 1}", "content_type", "application/json"),
        ("post: /\njson: null", "body", b"null"),
        ("post: /\njson: 0.10000000000000000000001", "body", b"0.10000000000000000000001"),
        ("post: /\nform: {a: 'b c', d: [1, 2], e: null}", "body", b"a=b+c&d=1&d=2"),
        ("post: /\nform: {a: b}", "content_type", "application/x-www-form-urlencoded"),
        ("post: /\nbody: 'text ${n}'", "body", b"text 2"),
        ("post: /\nbody: text", "content_type", None),
        ("post: /\nbody: {base64: 'AAE='}", "body", b"\x00\x01"),
        ("post: /\nbody: {hex: '00ff'}", "body", b"\x00\xff"),
        ("post: /\nmultipart: {a: b, c: {content: d, filename: e.txt, type: text/plain}, f: [1, 2], g: null}", "parts",
         [Part("a", b"b"), Part("c", b"d", "e.txt", "text/plain"), Part("f", b"1"), Part("f", b"2")]),
        ("get: /\nfollow_redirects: true", "max_hops", 20),
        ("get: /\nfollow_redirects: 3", "max_hops", 3),
        ("get: /", "max_hops", 0),
        ("get: /\ntimeout: 300ms", "timeout", 0.3),
        ("get: /\ntimeout: '${n}'", "timeout", 2.0),
        ("get: /", "timeout", 10.0),
        ("get: /\nmax_body: 1KiB", "max_body", 1024),
        ("get: /", "max_body", 10 * 1024 * 1024),
    ],
)  # fmt: skip
def test_what_is_sent(step: str, field: str, value: Any) -> None:
    assert getattr(ask(step), field) == value


def test_files_are_sent_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"${x}\xff")
    assert ask("post: /\nbody: {file: f.bin}", folder=tmp_path).body == b"${x}\xff"
    assert ask("post: /\nmultipart: {a: {file: f.bin}}", folder=tmp_path).parts == [Part("a", b"${x}\xff", "f.bin")]


@pytest.mark.parametrize(
    ("defaults", "step", "field", "value"),
    [
        ("{headers: {a: '1', b: '2'}}", "get: /\nheaders: {B: '3'}", "headers", [("a", "1"), ("B", "3")]),
        ("{headers: {a: '1'}}", "get: /\nheaders: {A: null}", "headers", []),
        ("{headers: {a: '1'}}", "get: /\nheaders: null", "headers", []),
        ("{params: {a: 1}}", "get: /\nparams: {b: 2}", "params", [("a", "1"), ("b", "2")]),
        ("{params: {a: 1}}", "get: /\nparams: {a: null}", "params", []),
        ("{cookies: {a: 1, b: 2}}", "get: /\ncookies: {a: 3}", "cookies", {"a": "3", "b": "2"}),
        ("{json: {a: 1}}", "post: /\nform: {b: 2}", "body", b"b=2"),
        ("{json: {a: 1}}", "post: /\njson: {b: 2}", "body", b'{"b":2}'),
        ("{auth: {bearer: x}}", "get: /\nauth: {basic: [a, b]}", "credentials", Credentials("basic", "a", "b")),
        ("{auth: {bearer: x}}", "get: /\nauth: null", "credentials", None),
        ("{timeout: 1s}", "get: /\ntimeout: null", "timeout", 10.0),
        ("{timeout: 1s}", "get: /", "timeout", 1.0),
    ],
)
def test_defaults_lie_under_every_step(defaults: str, step: str, field: str, value: Any) -> None:
    assert getattr(ask(step, defaults), field) == value


@pytest.mark.parametrize(
    ("defaults", "own", "merged"),
    [
        ("{time: 1s}", "{status: 200}", {"time": "1s", "status": 200}),
        ("{time: 1s}", "{time: null}", {}),
        ("{time: 1s}", "{json: null}", {"time": "1s", "json": None}),
        ("{status: 200}", "404", {"status": 404}),
        ("{headers: {a: b, c: d}}", "{headers: {A: null}}", {"headers": {"c": "d"}}),
        ("{headers: {a: b}}", "{headers: {c: null}}", {"headers": {"a": "b", "c": None}}),
        ("{jsonpath: {$.a: 1}}", "{jsonpath: {$.b: 2}}", {"jsonpath": {"$.a": 1, "$.b": 2}}),
        ("{html: {h1: A, h2: B}}", "{html: {h1: C, h2: null}}", {"html": {"h1": "C"}}),
        ("{xml: {a: A}}", "{xml: {b: B}}", {"xml": {"a": "A", "b": "B"}}),
        ("{schema: {type: object}}", "{schema: {required: [a]}}", {"schema": {"required": ["a"]}}),
        ("{json: {a: 1}}", "{json: {b: 2}}", {"json": {"b": 2}}),
        ("{time: 1s, status: 200}", "{error: timeout}", {"error": "timeout"}),
    ],
)
def test_expectations_merge_key_by_key(defaults: str, own: str, merged: dict[str, Any]) -> None:
    problems = Problems()
    source = Source(
        Path("a.yaml"), "a.yaml", f"defaults: {{expect: {defaults}}}\nchecks:\n  - get: /\n    expect: {own}\n"
    )
    node = compose(source, problems)
    assert node is not None
    spec = read_spec(source, node, problems)
    assert spec is not None
    assert problems.diagnostics == []
    assert data(with_defaults(spec.defaults, spec.checks[0].steps[0].fields)["expect"].value) == merged


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "get: /\nauth: {bearer: x}\nheaders: {Authorization: y}",
            "a.yaml:5:15: an authorization header beside 'auth'",
        ),
        ("get: /\nparams: {a: [[1]]}", "found a list, which a query cannot carry"),
        ("post: /\nbody: {base64: '?'}", "a.yaml:4:20: this is not base64"),
        ("post: /\nbody: {hex: 'xy'}", "a.yaml:4:17: this is not hex"),
        ("post: /\nbody: {hex: 12}", "expected hex as text, found the number 12; quote it"),
        ("post: /\nbody: {file: nope.txt}", "a.yaml:4:18: there is no file 'nope.txt' beside the spec"),
        ("post: /\nbody: {file: ../../etc/passwd}", "outside the project's root"),
        ("post: /\njson: {a: .nan}", "a.yaml:4:11: this cannot be written as JSON"),
        ("get: /${nope}", "unknown variable 'nope'"),
        ("get: /\ntimeout: soon", "a.yaml:4:14: expected a duration"),
    ],
)
def test_what_cannot_be_sent_is_found_before_anything_is(step: str, message: str, tmp_path: Path) -> None:
    assert message in complaint(step, folder=tmp_path)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("get: /\nparams: {a: '${obj}'}", "found a mapping"),
        ("get: /\nheaders: {a: '${[items]}'}", "found a list"),
        ("post: /\nbody: {base64: '${x}!'}", "this is not base64"),
        ("post: /\nbody: {hex: '${x}'}", "this is not hex"),
        ("post: /\nbody: {file: '${x}.txt'}", "there is no file 'one.txt'"),
        ("get: /\nauth: {basic: '${x}'}", "'basic' wants a user and a password"),
        ("get: /\ntimeout: '${x}'", "expected a duration"),
    ],
)
def test_what_only_shows_when_rendered_names_its_place(step: str, message: str) -> None:
    plan, problems = compiled(step)
    assert problems.diagnostics == []
    with pytest.raises(VariableError) as caught:
        plan.render(SCOPE)
    assert message in str(caught.value)
    assert caught.value.node.line == 4
