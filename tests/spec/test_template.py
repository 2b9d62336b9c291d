import re
import time
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_probe.spec.source import Problems, Scalar, Source
from asgi_probe.spec.template import Compilation, VariableError
from asgi_probe.spec.variables import compile_vars, naming_fault
from asgi_probe.spec.written import as_text, display, write_json
from asgi_probe.spec.yaml import compose
from asgi_probe.terminal import plain

SCOPE = {
    "order": {"lines": [{"sku": "A"}, {"sku": "B"}], "items": {"keys": 1}, "odd key": 2, "1": "one"},
    "result": 3,
    "name": "bob",
    "n": "1",
    "nil": None,
    "price": 2.5,
    "yes": True,
    "exact": Decimal("0.10000000000000000001"),
    "token": "YWI",
    "target": "app",
    "target_name": "demo",
    "größe": 5,
}


def compiled(text, *, known=SCOPE, folder=Path("/nowhere"), yaml=None):
    source = Source(Path("a.yaml"), "a.yaml", yaml or f"a: {text}\n")
    c = Compilation(Problems(), set(known), folder, folder)
    node = compose(source, c.problems).entries["a"].value if yaml else Scalar(source, 1, 4, len(text), text, text)
    return c.value(node), c


def rendered(text, **options):
    value, c = compiled(text, **options)
    assert [str(problem) for problem in c.problems.diagnostics] == []
    return value.render(SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${order.lines[0].sku}", "A"),
        ("${order.lines[-1].sku}", "B"),
        ("${order.lines.1.sku}", "B"),
        ("${order['odd key']}", 2),
        ('${order["odd key"]}', 2),
        ("${order.items.keys}", 1),
        ("${order.1}", "one"),
        ("${ order . items . keys }", 1),
        ("${order.items['keys'] + 1}", 2),
        ("${größe}", 5),
        ("${name}", "bob"),
        ("${nil}", None),
        ("${yes}", True),
        ("${exact}", Decimal("0.10000000000000000001")),
        ("a${n}b", "a1b"),
        ("${nil}-${yes}-${price}-${exact}", "null-true-2.5-0.10000000000000000001"),
        ("x ${order.items}", 'x {"keys": 1}'),
        ("${target}/${target_name}", "app/demo"),
        ("$${name}", "${name}"),
        ("$$${name}", "$${name}"),
        ("a $${b} ${n} $${", "a ${b} 1 ${"),
        ("$name {x}", "$name {x}"),
        ("${ {'a': {'b': 1}}['a'] }", {"b": 1}),
        ('${"}"}', "}"),
        ("${'a\\'}b'}", "a'}b"),
        ("${'${'}", "${"),
        ("${price * 2}", 5.0),
        ("${result + 1}", 4),
        ("${name | upper}", "BOB"),
        ("${name.upper()}", "BOB"),
        ("${true}", True),
        ("${nil is none}", True),
        ("${(1, 2)}", [1, 2]),
        ("${[1, 2] | map('string')}", ["1", "2"]),
        ("${order.items.items()}", [["keys", 1]]),
        ("${'<' | escape}", "&lt;"),
        ("${nope | default('eu')}", "eu"),
        ("${nope.a[0].b | default('eu')}", "eu"),
        ("${nope | d(1)}", 1),
        ("${nope is defined}", False),
        ("${nope.a is undefined}", True),
        ("${1 if nope is defined else nope | d(2)}", 2),
        ("${order.nope | default(1)}", 1),
        ("${env.PROBE_SET}", "here"),
        ("${env.PROBE_UNSET | default('eu')}", "eu"),
        ("${env['PROBE_SET'] ~ '!'}", "here!"),
        ("${env.PROBE_UNSET is defined}", False),
        ("${'ab' | b64encode}", "YWI="),
        ("${token | b64decode}", "ab"),
        ("${'ab' | sha256}", "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"),
        ("${'ab' | hmac_sha256('k')}", "7475bb119fe9b74cc0af5014a49d80ab23bd1ac82987e7696cdc242288654436"),
        ("${'a/b ü' | urlencode}", "a%2Fb%20%C3%BC"),
        ("${ {'a': [1, true]} | urlencode }", "a=1&a=true"),
        ("${order.items | tojson}", '{"keys": 1}'),
        ("${'{\"a\": [1.5]}' | fromjson}", {"a": [1.5]}),
        ("${'0.12345678901234567890' | fromjson}", Decimal("0.12345678901234567890")),
        ("v${'[0.12345678901234567890]' | fromjson}", "v[0.12345678901234567890]"),
        ("${order | jsonpath('$.lines[0].sku')}", "A"),
        ("${order | jsonpath('$..sku')}", ["A", "B"]),
        ("${order | jsonpath('$..nope')}", []),
        ("${name | regex('b(.)b')}", "o"),
        ("${name | regex('o.')}", "ob"),
        ("${'a'.encode() | sha256}", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("${'%s-%03d' % ('a', 5)}", "a-005"),
        ("${'{:>4}'.format('a')}", "   a"),
        ("${'ab' * 3}", "ababab"),
    ],
)
def test_values(text, value, monkeypatch):
    monkeypatch.setenv("PROBE_SET", "here")
    monkeypatch.delenv("PROBE_UNSET", raising=False)
    found = rendered(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("${uuid()}", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("${now()}", r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        ("${now('+400d')}", r"20\d\d-.*Z"),
        ("${today('-1d')}", r"20\d\d-\d\d-\d\d"),
        ("x${timestamp()}", r"x\d{10}"),
        ("x${random_int(-1, 1)}", r"x(-1|0|1)"),
        ("${random_string(12)}", r"[A-Za-z0-9]{12}"),
    ],
)
def test_functions(text, pattern):
    assert re.fullmatch(pattern, rendered(text))


def test_shifts_move_the_clock():
    earlier, later = rendered("${now('-1h')}"), rendered("${now('+1h30m')}")
    between = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    assert timedelta(hours=2, minutes=29) < between < timedelta(hours=2, minutes=31)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${nme}", "a.yaml:1:4: unknown variable 'nme' (did you mean 'name'?)"),
        ("${zzz}", "unknown variable 'zzz' (known here: exact, größe, n, name,"),
        ("a ${nme | upper} b", "a.yaml:1:6: unknown variable 'nme'"),
        ("${name}${", "a.yaml:1:11: '${' is never closed (close it with '}', or write '$${' for a literal '${')"),
        ("${it's}", "'${' is never closed"),
        ("${ { }", "'${' is never closed"),
        ("${}", "an empty '${}'"),
        ("${  }", "an empty '${}'"),
        ("${1 +}", "a.yaml:1:4: bad expression: unexpected 'end of expression'"),
        ("${1 2}", "bad expression: unexpected 2"),
        ("${name | uper}", "unknown filter 'uper' (did you mean 'upper'?)"),
        ("${1 if true else name | uper}", "unknown filter 'uper'"),
        ("${name is definde}", "unknown test 'definde' (did you mean 'defined'?)"),
        ("${uuid}", "'uuid' is a function (call it: ${uuid()})"),
        ("${uid()}", "unknown variable 'uid' (did you mean 'uuid'?)"),
        ("${range(3)}", "unknown variable 'range'"),
        ("${env}", "'env' wants the name of one environment variable"),
        ("${env.A.B}", "'env' wants the name"),
        ("${env | length}", "'env' wants the name"),
        ("${env.PROBE_UNSET}", "the environment variable 'PROBE_UNSET' is not set (set it, or give a default: "),
        ("${env['PROBE_UNSET'] ~ 1}", "the environment variable 'PROBE_UNSET' is not set"),
        ("${now('x')}", "now() wants a shift such as '+1h' or '-1d', got 'x'"),
        ("${today(1)}", "today() wants a shift"),
        ("${now('+9999999d')}", "is beyond the calendar"),
        ("${random_int(2, 1)}", "random_int(a, b) wants two whole numbers"),
        ("${random_string(10**7)}", "random_string(n) wants a length"),
        ("${read('nope.txt')}", "there is no file 'nope.txt' beside the spec"),
        ("${name | regex('(')}", "'(' is no regular expression"),
        ("${order | jsonpath('$[')}", "'$[' is no JSONPath"),
        ("${'a' * 10**9}", "a repetition of more than 1,000,000 items"),
        ("${[1] * 10**9}", "a repetition of more than"),
        ("${10 ** (10 ** 10)}", "a power that is too large"),
        ("${(10**3000) * (10**29000)}", "too large"),
        ("${'%1000000000d' % 1}", "a format whose width is too large"),
        ("${'%*d' % (10**9, 1)}", "a format whose width is too large"),
        ("${'{:>999999999}'.format(1)}", "a format whose width is too large"),
        ("${'{:>{}}'.format(1, 10**9)}", "a format whose width is too large"),
        ("${'%999999999s' | format(1)}", "a format whose width is too large"),
        ("${'a'.center(10**9)}", "center with a number above 1,000,000"),
        ("${'a' | center(1000000000)}", "center with a number above 1,000,000"),
        ("${('a' * 10**6).replace('a', 'b' * 10**6)}", "replace whose result may be larger"),
        ("${('a' * 10**6) | replace('a', 'b' * 10**6)}", "replace whose result may be larger"),
        (f"${{{'(' * 1500}1{')' * 1500}}}", "nested too deeply"),
        (f"${{{'-' * 3000}1}}", "nested too deeply"),
        (f"${{{'1+' * 3000}1}}", "an expression of more than 4,000 characters"),
        ("${''.__class__.__mro__}", "failed"),
        ("${'a'.upper}", "a function where a value was expected"),
        ("${'a'.encode()}", "bytes where a value was expected"),
        ("${1 / 0}", "division by zero"),
        ("${10**5000 ~ ''}", "failed"),
        ("${'{' | fromjson}", "fromjson: the text is not JSON: it ends too early, at line 1, column 2: after '{'"),
        ("${'[NaN]' | fromjson}", "fromjson: the text is not JSON from line 1, column 2 on: 'NaN]'"),
        ("${1 | fromjson}", "fromjson wants text, got 1"),
        ("${[1] | sha256}", "sha256 wants text, got [1] (use tojson first)"),
        ("${'ä' | b64decode}", "no base64"),
        ("${'_-A' | b64decode}", "no base64 of UTF-8 text"),
    ],
)
def test_problems_are_found_before_anything_is_sent(text, problem, monkeypatch):
    monkeypatch.delenv("PROBE_UNSET", raising=False)
    started = time.monotonic()
    _, c = compiled(text)
    assert len(c.problems.diagnostics) == 1
    assert problem in str(c.problems.diagnostics[0])
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${order.lines[5].sku}", "'order.lines' is a list of 2 items and has no 5, in '${order.lines[5].sku}'"),
        ("${order.linez}", "'order' has no 'linez' (did you mean 'lines'?), in '${order.linez}'"),
        ("${order.lines[0].qty}", "'order.lines[0]' has no 'qty' (there are: [\"sku\"]), in"),
        ("${order.lines.first}", "'order.lines' is a list of 2 items and has no 'first'"),
        ("${name.__class__}", "'name' is 'bob' and has no '__class__'"),
        ("${nil.x}", "'nil' is null and has no 'x'"),
        ("${order.lines.append(1)}", "failed"),
        ("${order.nope ~ 'x'}", "'${order.nope ~ 'x'}' failed"),
        ("${order.nope.deep | upper}", "failed"),
        ("${name + 1}", "failed"),
        ("${name | regex('x')}", "regex('x') does not match 'bob'"),
        ("${n | regex(name ~ '(')}", "is no regular expression"),
        ("${order | jsonpath('$.nope')}", "jsonpath('$.nope') finds nothing"),
        ("${price.real.nope}", "has no 'real'"),
    ],
)
def test_what_goes_wrong_when_rendered(text, message):
    value, c = compiled(text)
    assert not c.problems.diagnostics
    with pytest.raises(VariableError, match=re.escape(message)) as error:
        value.render(SCOPE)
    assert error.value.node is value.node


def test_a_regex_that_runs_too_long_is_stopped():
    value, _ = compiled("${long | regex('(a|aa)+$')}", known={"long"})
    with pytest.raises(VariableError, match="longer than a second"):
        value.render({"long": "a" * 60 + "b"})


@pytest.mark.parametrize("text", ["${name}", "${name | upper}", "x${name}"])
def test_a_variable_that_was_never_saved(text):
    value, _ = compiled(text)
    with pytest.raises(VariableError, match="'name'"):
        value.render({})


def test_environment_that_vanishes(monkeypatch):
    monkeypatch.setenv("PROBE_SET", "here")
    value, _ = compiled("${env.PROBE_SET}")
    monkeypatch.delenv("PROBE_SET")
    with pytest.raises(VariableError, match="'PROBE_SET' is not set"):
        value.render({})


@pytest.mark.parametrize(
    ("yaml", "line"),
    [
        ("a: x ${nme} y\n", ("    1 | a: x ${nme} y", "      |      ^^^^^^")),
        ("a: 'x ${nme} y'\n", ("    1 | a: 'x ${nme} y'", "      |       ^^^^^^")),
        ('a: "x ${nme} y"\n', ('    1 | a: "x ${nme} y"', "      |       ^^^^^^")),
        ('a: "\\t${nme}"\n', ('    1 | a: "\\t${nme}"', "      |    ^^^^^^^^^^")),
        ("a: |\n  ${nme}\n", ("    1 | a: |", "      |    ^")),
        ("a: {'${nme}': 1}\n", ("    1 | a: {'${nme}': 1}", "      |      ^^^^^^")),
        ("a: [[1, '${nme}']]\n", ("    1 | a: [[1, '${nme}']]", "      |          ^^^^^^")),
    ],
)
def test_the_caret_stands_under_the_expression(yaml, line):
    _, c = compiled("", yaml=yaml)
    assert tuple(plain(part) for part in c.problems.diagnostics[0].render()[1:3]) == line


def test_trees_keep_their_types_and_constants_are_shared():
    value, c = compiled("", yaml="a: {'${name}': ['${price}', {x: '${nil}'}], k: [1, true, ~]}")
    assert value.render(SCOPE) == {"bob": [2.5, {"x": None}], "k": [1, True, None]}
    assert value.render(SCOPE)["k"] is value.render(SCOPE)["k"]
    assert c.used == {"name", "price", "nil"}
    assert c.is_dynamic(value.node)
    constant, c = compiled(
        "", yaml="a: {x: [1, $${y}], $${z}: 2}".replace("$${y}", "'$${y}'").replace("$${z}", "'$${z}'")
    )
    assert constant.constant
    assert not c.is_dynamic(constant.node)
    assert constant.render({}) == {"x": [1, "${y}"], "${z}": 2}


def test_two_keys_that_render_the_same():
    value, _ = compiled("", yaml="a: {'${name}': 1, bob: 2}")
    with pytest.raises(VariableError, match="the key 'bob' comes twice"):
        value.render(SCOPE)


@pytest.mark.parametrize(("text", "result"), [("${nil}", "null"), ("${price}", "2.5"), ("${name}", "bob"), ("x", "x")])
def test_text_is_always_text(text, result):
    value, c = compiled(text)
    assert c.text(value.node).render(SCOPE) == result


def test_text_of_a_number():
    node = Scalar(Source(Path("a"), "a", ""), 1, 1, 1, True, "true")
    assert Compilation(Problems(), set(), Path(), Path()).text(node).render({}) == "true"


def test_read_stays_inside_the_root(tmp_path):
    folder = tmp_path / "root" / "specs"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("\ufeffhällo\n", encoding="utf-8")
    (folder / "b.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "secret").write_text("no")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder.parent / "up.txt").write_text("up")

    def read(name):
        source = Source(Path("a.yaml"), "a.yaml", "")
        text = f"${{read({name!r})}}"
        c = Compilation(Problems(), set(), folder, folder.parent)
        value = c.value(Scalar(source, 1, 1, 1, text, text))
        return str(c.problems.diagnostics[0]) if c.problems.diagnostics else value.render({})

    assert read("a.txt") == "hällo\n"
    assert read("../up.txt") == "up"
    assert "outside the project's root" in read("../../secret")
    assert "outside the project's root" in read("link")
    assert "outside the project's root" in read("/etc/passwd")
    assert "is not UTF-8 at byte 0" in read("b.bin")
    assert "is not a file" in read(".")
    assert "is no file name" in read("a\0b")


def vars_of(yaml, *known):
    source = Source(Path("a.yaml"), "a.yaml", yaml)
    c = Compilation(Problems(), set(known), Path(), Path())
    return compile_vars(compose(source, c.problems).entries, c), [str(problem) for problem in c.problems.diagnostics], c


def test_vars_build_on_each_other_and_are_overridden():
    compiled_vars, problems, c = vars_of("a: 1\nb: ${a}2\nc: {x: '${b}', y: '${tenant}'}\n", "tenant")
    assert problems == []
    assert c.used == {"a", "b", "tenant"}
    assert compiled_vars.render({"tenant": "acme"}) == {"a": 1, "b": "12", "c": {"x": "12", "y": "acme"}}
    assert compiled_vars.render({"tenant": 1, "b": "z"}) == {"a": 1, "b": "z", "c": {"x": "z", "y": 1}}


@pytest.mark.parametrize(
    ("yaml", "problems"),
    [
        ("a: ${a}", ["a.yaml:1:4: the variable 'a' uses itself"]),
        ("a: ${b}\nb: ${a}", ["a.yaml:1:4: the variables use each other: a → b → a"]),
        ("a: ${b}\nb: ${c}\nc: [x, '${a}']", ["a.yaml:1:4: the variables use each other: a → b → c → a"]),
        ("a: ${b}\nb: 1", ["a.yaml:1:4: 'a' uses 'b', which comes later (move 'b' above 'a')"]),
        ("a: ${b | default(1)}\nb: 1", ["a.yaml:1:4: 'a' uses 'b', which comes later (move 'b' above 'a')"]),
        ("a: ${nope}", ["a.yaml:1:4: unknown variable 'nope' (known here: a, target, target_name)"]),
        ("1a: 1", [f"a.yaml:1:1: {naming_fault('1a')} (choose another name)"]),
        ("env: 1", ["a.yaml:1:1: 'env' cannot name a variable: it is built in (choose another name)"]),
        ("target: 1", ["a.yaml:1:1: 'target' cannot name a variable: it is built in (choose another name)"]),
        ("uuid: 1", ["a.yaml:1:1: 'uuid' cannot name a variable: it is a function (choose another name)"]),
        ("if: 1", ["a.yaml:1:1: 'if' cannot name a variable: it is a word of expressions (choose another name)"]),
    ],
)
def test_vars_that_make_no_sense(yaml, problems):
    assert vars_of(yaml)[1] == problems


@pytest.mark.parametrize("name", ["a", "_", "a1", "größe", "e\u0301a", "नमस्ते", "class"])
def test_names_of_variables(name):
    assert naming_fault(name) is None
    variables, problems, *_ = vars_of(f"{name}: 1\nz: ${{{name}}}\nzz: ${{{name} + 1}}")
    assert problems == []
    assert variables.render({}) == {name: 1, "z": 1, "zz": 2}


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a.b", "a²", "a\n", "$a"])
def test_what_is_no_name(name):
    assert naming_fault(name) == f"{name!r} cannot name a variable: it wants letters, digits and '_', no digit first"


def test_written():
    assert as_text({"ü": [1.5, None, Decimal("1.10")]}) == '{"ü": [1.5, null, 1.10]}'
    assert write_json(Decimal("1e2")) == "1E+2"
    assert as_text(-(10**5000)) == "-1" + "0" * 5000
    assert write_json([True, 10**5000]) == f"[true, 1{'0' * 5000}]"
    assert display("x" * 100) == repr("x" * 80) + "…"
    assert display([1] * 100).endswith("…")
    assert display({1, 2}) == "{1, 2}"
    with pytest.raises(TypeError):
        write_json(object())


@settings(max_examples=300)
@given(st.text(st.sampled_from("$${}}{ab.[]()'\"|*+-,:12 \\~\né"), max_size=40))
def test_no_text_crashes_the_template(text):
    value, c = compiled("x" + text, known={"a", "b"})
    for problem in c.problems.diagnostics:
        problem.render()
    if not c.problems.diagnostics:
        with suppress(VariableError):
            value.render({"a": 1, "b": {"a": "b"}})
