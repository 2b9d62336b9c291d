"""JSON Schema: `schema` and `$schema`."""

import builtins
import json
import threading
import time

import pytest

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.compiler import Patterns
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.schema import compile_validator
from asgi_probe.judge.values import ABSENT
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, compilation, expectation, judge, problems, read, told

ORDER = (
    "{type: object, required: [id, lines], additionalProperties: false, properties: {id: {type: integer},"
    " lines: {type: array, minItems: 1, items: {$ref: '#/$defs/line'}}}, $defs: {line: {type: object,"
    " required: [sku], properties: {sku: {type: string, pattern: '^[A-Z]'}, qty: {type: integer, minimum: 1}}}}}"
)


@pytest.mark.parametrize(
    ("spec", "body"),
    [
        (f"schema: {ORDER}", '{"id": 1, "lines": [{"sku": "A"}, {"sku": "B", "qty": 2}]}'),
        ("schema: true", "5"),
        ("schema: {}", "5"),
        ("schema: {type: integer}", "1.0"),
        ("schema: {maximum: 0.1000000000000000000001}", "0.10000000000000000000009"),
        ("schema: {multipleOf: 0.01}", "0.07"),
        ("schema: {type: integer}", "1" * 5000),
        ("schema: {type: number}", "1e400"),
        ("schema: {const: 1}", "1.0"),
        ("schema: {type: string}", '"\\ud800"'),
        ("schema: {maxLength: 1}", '"\\ud83d\\ude00"'),
        ("schema: {propertyNames: {minLength: 1}}", '{"\\udc00": ["\\ud800"]}'),
        ("schema: {$schema: 'http://json-schema.org/draft-04/schema#', maximum: 5, exclusiveMaximum: true}", "4"),
        ("schema: {$schema: 'http://json-schema.org/draft-07/schema#', items: [{type: string}]}", '["a", 1]'),
        ("schema: {$schema: 'https://json-schema.org/draft/2019-09/schema', items: [{type: string}]}", '["a", 1]'),
        ("schema: {prefixItems: [{type: string}]}", '["a", 1]'),
        ("schema: {format: nonsense}", '"x"'),
        ("schema: {type: '${x}'}", "5"),
        ("schema: {properties: {'${y}': {type: string}}}", '{"a": "b"}'),
        ("schema: {const: '$${x}'}", '"${x}"'),
        ("json: {a: {$schema: {type: integer}, $gt: 3}}", '{"a": 4}'),
        ("json: {a: {$not: {$schema: {type: integer}}}}", '{"a": "4"}'),
        ("json: {a: {$each: {$schema: {type: [integer, 'null']}}}}", '{"a": [4, null]}'),
        ("headers: {content-length: {$schema: {type: integer}}, x: {$schema: {type: array, minItems: 2}}}", "1"),
        ("headers: {content-length: {$schema: {type: string}}}", "1"),
    ],
)
def test_holds(spec, body):
    given = answer(body, headers=[("content-length", "12"), ("x", "a"), ("x", "b")])
    assert told(judge(spec, given, {"x": "integer", "y": "a"})) == []


@pytest.mark.parametrize(
    ("schema", "body", "messages"),
    [
        ("{type: integer}", '"5"', ["$ expected an integer, got '5' (a string)"]),
        ("{type: integer}", "null", ["$ expected an integer, got null"]),
        ("{type: integer}", "1.5", ["$ expected an integer, got 1.5 (a number)"]),
        ("{type: object}", "[1]", ["$ expected an object, got [1]"]),
        ("{type: [array, boolean]}", "1", ["$ expected a boolean or an array, got 1 (an integer)"]),
        (
            ORDER,
            '{"ids": 1, "lines": []}',
            [
                "$.ids is not among the properties allowed",
                "$.lines expected at least 1 item, got 0: []",
                "$.id is missing; there are: ids, lines; did you mean 'ids'?",
            ],
        ),
        ("{required: [id]}", '{"ids": 1}', ["$.id is missing; did you mean 'ids'?"]),
        ("{required: [id]}", "{}", ["$.id is missing; there is nothing"]),
        ("{dependentRequired: {a: [b]}}", '{"a": 1}', ["$.b is missing; there are: a"]),
        (
            "{properties: {a: {}}, additionalProperties: false}",
            '{"b": 1, "c d": 1}',
            ["$.b is not among the properties allowed", "$['c d'] is not among the properties allowed"],
        ),
        ("{additionalProperties: false}", '{"b": 1}', ["$.b is not among the properties allowed"]),
        ("{unevaluatedProperties: false}", '{"b": 1}', ["$.b is not among the properties allowed"]),
        ("{properties: {a: {properties: {b: {minimum: 3}}}}}", '{"a": {"b": 1}}', ["$.a.b expected at least 3, got 1"]),
        ("{maximum: 3}", "4", ["$ expected at most 3, got 4"]),
        ("{exclusiveMinimum: 3}", "3", ["$ expected more than 3, got 3"]),
        ("{exclusiveMaximum: 3}", "3", ["$ expected less than 3, got 3"]),
        ("{multipleOf: 0.1}", "0.15", ["$ expected a multiple of 0.1, got 0.15"]),
        (
            "{maximum: 0.1000000000000000000001}",
            "0.10000000000000000000012",
            ["$ expected at most 0.1000000000000000000001, got 0.10000000000000000000012"],
        ),
        ("{minLength: 3}", '"ab"', ["$ expected at least 3 characters, got 2: 'ab'"]),
        ("{maxLength: 1}", '"ab"', ["$ expected at most 1 character, got 2: 'ab'"]),
        ("{minItems: 2}", "[1]", ["$ expected at least 2 items, got 1: [1]"]),
        ("{maxItems: 0}", "[1]", ["$ expected at most 0 items, got 1: [1]"]),
        ("{minProperties: 2}", '{"a": 1}', ['$ expected at least 2 properties, got 1: {"a": 1}']),
        ("{maxProperties: 1}", '{"a": 1, "b": 2}', ['$ expected at most 1 property, got 2: {"a": 1, "b": 2}']),
        ("{pattern: '^b'}", '"a"', ["$ expected text matching '^b', got 'a'"]),
        ("{format: date}", '"2024-13-01"', ["$ expected text of the format 'date', got '2024-13-01'"]),
        ("{format: email}", '"x"', ["$ expected text of the format 'email', got 'x'"]),
        ("{enum: [a, 1]}", '"b"', ["$ expected one of [\"a\", 1], got 'b'"]),
        ("{const: {a: 1}}", "3", ['$ expected {"a": 1}, got 3']),
        ("{uniqueItems: true}", "[1, 1.0]", ["$ expected items that are unique, got [1, 1.0]"]),
        (
            "{contains: {type: string}}",
            "[1]",
            ["$ expected another number of items that satisfy 'contains', got [1]"],
        ),
        ("{not: {type: integer}}", "1", ['$ expected anything but what satisfies {"type": "integer"}, got 1']),
        ("false", "1", ["$ is not allowed, got 1"]),
        ("{properties: {a: false}}", '{"a": 1}', ["$.a is not allowed, got 1"]),
        ("{prefixItems: [{}], unevaluatedItems: false}", "[1, 2]", ["$ has 1 item that no schema allows, got [1, 2]"]),
        (
            "{$schema: 'http://json-schema.org/draft-04/schema#', items: [{}], additionalItems: false}",
            "[1, 2]",
            ["$ expected at most 1 item, got 2"],
        ),
        (
            "{propertyNames: {maxLength: 2}}",
            '{"abc": 1}',
            ["$ has the key 'abc': expected at most 2 characters, got 3: 'abc'"],
        ),
        ("{anyOf: [{type: string}, {type: 'null'}]}", "1", ["$ satisfies none of 2 alternatives, got 1"]),
        (
            "{properties: {x: {oneOf: [{type: string}, {required: [b], properties: {a: {type: string}}}]}}}",
            '{"x": {"a": 1}}',
            [
                '$.x satisfies none of 2 alternatives, got {"a": 1}; the closest is alternative 2:'
                " $.x.b is missing; there are: a, and 1 more"
            ],
        ),
        (
            "{oneOf: [{type: integer}, {minimum: 1}]}",
            "3",
            ["$ satisfies more than one alternative of 'oneOf', got 3"],
        ),
        ("{if: {type: integer}, then: {minimum: 5}}", "3", ["$ expected at least 5, got 3"]),
        (
            "{$schema: 'http://json-schema.org/draft-07/schema#', contentEncoding: base64}",
            '"$"',
            ['$ does not satisfy \'contentEncoding\': "$" is not compliant with "base64" content encoding'],
        ),
        ("{type: integer}", '"\\ud800"', ["$ expected an integer, got '\ufffd' (a string)"]),
    ],
)
def test_fails(schema, body, messages):
    found = judge(f"schema: {schema}", answer(body))
    assert sorted(told(found)) == sorted(f"schema {message}" for message in messages)


def test_a_mismatch_stands_at_the_keyword_that_it_breaks():
    spec = "schema:\n  properties:\n    a: {$ref: '#/$defs/n'}\n    b: {type: string}\n  $defs:\n    n: {minimum: 3}"
    low, wrong = judge(spec, answer('{"a": 1, "b": 2}'))
    assert (low.path, low.line, low.column, low.expected, low.actual) == ("$.a", 6, 18, 3, 1)
    assert (wrong.path, wrong.line, wrong.column, wrong.expected, wrong.actual) == ("$.b", 4, 15, ["string"], 2)


def test_a_mismatch_inside_a_list_of_schemas():
    (found,) = judge("schema:\n  allOf:\n  - {}\n  - {minimum: 3}", answer("1"))
    assert (found.line, found.column) == (4, 15)


def test_nothing_is_no_value_that_satisfies_a_schema():
    (pattern,) = Patterns(compilation()).pattern(read("{$schema: {}}")).parts
    assert not pattern.holds(ABSENT, {})
    findings = Findings("json", {})
    pattern.explain(ABSENT, (), findings)
    assert told(findings.finish()) == ["json: expected what satisfies the schema, got absent (absent)"]


def test_what_is_missing_is_expected_by_its_own_schema():
    (found,) = judge("schema: {required: [a], properties: {a: {type: string}}}", answer("{}"))
    assert (found.path, found.expected, found.actual) == ("$.a", {"type": "string"}, None)
    (found,) = judge("schema: {required: [a]}", answer("{}"))
    assert found.expected is None


def test_inside_a_pattern_the_path_goes_on():
    found = judge("json: {a: [{$schema: {required: [b]}}]}\njsonpath: {'$.a[*]': {$each: {$schema: {type: string}}}}",
                  answer('{"a": [{}]}'))  # fmt: skip
    assert told(found) == ["json $.a[0].b is missing; there is nothing", "jsonpath $.a[0] expected a string, got {}"]
    assert told(judge("json: {a: {$schema: {}}}", answer("{}"))) == ["json $.a is missing; there is nothing"]
    (any_of,) = judge("json: {$any: [5, {$schema: {minimum: 3}}]}", answer("1"))
    assert any_of.message.startswith("expected 5 or what satisfies the schema, got 1 (an integer)")


def test_a_body_that_is_not_json():
    assert told(judge("schema: {type: integer}", answer("x"))) == [
        "json: the body is not JSON from line 1, column 1 on: 'x'"
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "schema: 5",
            "spec.yaml:1:9: expected a JSON Schema, found a number"
            " (write it out, or name its file: {file: order.schema.json})",
        ),
        (
            "json: {a: {$schema: [a]}}",
            "spec.yaml:1:21: expected a JSON Schema, found a list"
            " (write it out, or name its file: {file: order.schema.json})",
        ),
        (
            "schema: {properties: {a: {minimum: x}}}",
            "spec.yaml:1:36: this is no JSON Schema at $.properties.a.minimum: expected a number, got 'x' (a string)",
        ),
        (
            "schema: {pattern: '('}",
            "spec.yaml:1:19: this is no JSON Schema at $.pattern: expected text of the format 'regex', got '('",
        ),
        (
            "schema: {$schema: 5}",
            "spec.yaml:1:19: this is no JSON Schema at $['$schema']: expected a string, got 5 (an integer)",
        ),
        (
            "schema: {$schema: 'http://x/'}",
            "spec.yaml:1:19: the schema refers to 'http://x/'; only files beside the spec are read",
        ),
        (
            "schema: {allOf: [{}, {$ref: 'http://127.0.0.1:9/a.json#/b'}]}",
            "spec.yaml:1:29: the schema refers to 'http://127.0.0.1:9/a.json'; only files beside the spec are read",
        ),
        (
            "schema: {$ref: 'file://host/a.json'}",
            "spec.yaml:1:16: the schema refers to 'file://host/a.json'; only files beside the spec are read",
        ),
        (
            "schema: {$ref: 'file:///etc/passwd'}",
            "spec.yaml:1:9: the file '/etc/passwd' is outside the project's root",
        ),
        (
            "schema: {$ref: '../../etc/passwd'}",
            "spec.yaml:1:9: the file '/etc/passwd' is outside the project's root",
        ),
        ("schema: {$ref: other.json}", "spec.yaml:1:16: there is no file 'other.json' beside the spec"),
        (
            "schema: {$ref: '#/$defs/x'}",
            "spec.yaml:1:16: the schema does not compile: pointer '/$defs/x' does not exist",
        ),
        ("schema: {file: x.json}", "spec.yaml:1:16: there is no file 'x.json' beside the spec"),
        ("schema: {file: [a]}", "spec.yaml:1:16: expected a file's name, found a list"),
        ("schema: {file: 5}", "spec.yaml:1:16: expected a file's name, found a number"),
        ("schema: {file: ../x.json}", "spec.yaml:1:16: the file '../x.json' is outside the project's root"),
        (
            "schema: {type: '${zz}'}",
            "spec.yaml:1:17: unknown variable 'zz' (known here: name, target, target_name, x, y)",
        ),
        ("json: {$jsonschema: {}}", "spec.yaml:1:8: unknown matcher '$jsonschema' (did you mean '$schema'?)"),
    ],
)
def test_what_is_wrong_is_told_before_the_run(spec, message):
    assert problems(spec) == [message]


def test_all_that_is_wrong_with_a_schema_is_told_at_its_place():
    found = problems("schema:\n  type: strng\n  required: x\n  properties: {a: {maxLength: -1}}")
    assert [problem.split(" this is no JSON Schema ")[0] for problem in sorted(found)] == [
        "spec.yaml:2:9:",
        "spec.yaml:3:13:",
        "spec.yaml:4:31:",
    ]
    assert any("(did you mean 'string'?)" in problem for problem in found)


def test_a_schema_that_nests_too_deep():
    deep = []
    for _ in range(999):
        deep = [deep]
    with pytest.raises(VariableError, match="the schema does not compile: recursion limit reached"):
        judge("schema: {const: '${x}'}", answer("1"), {"x": deep})


@pytest.mark.parametrize(
    ("spec", "scope", "message"),
    [
        ("schema: '${x}'", {"x": 5}, "the schema does not compile.*: expected .*, got 5"),
        ("schema: {type: '${x}'}", {"x": "strng"}, r"the schema does not compile.*, at \$.type: satisfies none"),
        ("schema: {$ref: '${x}'}", {"x": "http://a/"}, "the schema refers to 'http://a/'; only files"),
        ("schema: {file: '${x}.json'}", {"x": "no"}, "there is no file 'no.json' beside the spec"),
    ],
)
def test_a_rendered_schema_that_is_none(spec, scope, message):
    with pytest.raises(VariableError, match=message):
        judge(spec, answer("1"), scope)


def test_a_rendered_schema_is_compiled_once(monkeypatch):
    compiled = []

    def counting(*args):
        compiled.append(args)
        return compile_validator(*args)

    monkeypatch.setattr("asgi_probe.judge.schema.compile_validator", counting)
    expected = expectation("schema: {maximum: '${x}'}")
    for number in (5, 5.0, 6, 5):
        assert expected.judge(answer("1"), {"x": number}) == []
    assert len(compiled) == 2
    for number in range(40):
        expected.judge(answer("1"), {"x": 100 + number})
    expected.judge(answer("1"), {"x": 139})
    assert len(compiled) == 42
    assert told(expected.judge(answer("9"), {"x": 5})) == ["schema $ expected at most 5, got 9"]


@pytest.fixture
def folder(tmp_path):
    specs = tmp_path / "project" / "specs"
    (specs / "schemas").mkdir(parents=True)
    (tmp_path / "outside.json").write_text("{}")
    (specs / "schemas" / "order.json").write_text(
        '{"$id": "order.json", "properties":'
        ' {"line": {"$ref": "a%20line.yaml#/$defs/line"}, "id": {"type": "integer"}}}'
    )
    (specs / "schemas" / "a line.yaml").write_text("$defs:\n  line: {$ref: '../../common.json'}\n")
    (specs.parent / "common.json").write_text('{"type": "object", "required": ["sku"]}')
    (specs / "broken.json").write_text('{"a": ')
    (specs / "broken.yaml").write_text("a: [")
    (specs / "empty.yaml").write_text("")
    (specs / "wrong.json").write_text('{"type": "strng"}')
    (specs / "latin.json").write_bytes(b'"\xe4"')
    (specs / "out.json").write_text('{"$ref": "../../outside.json"}')
    (specs / "leads.json").write_text('{"$ref": "broken.json"}')
    return specs


def test_files_and_what_they_refer_to(folder):
    c = compilation(folder=folder, root=folder.parent)
    for spec in ("schema: {file: schemas/order.json}", "schema: {$ref: schemas/order.json}",
                 "json: {$schema: {file: schemas/order.json}}", "schema: {file: 'schemas/${x}.json'}"):  # fmt: skip
        expected = expectation(spec, c=c)
        assert expected.judge(answer('{"id": 1, "line": {"sku": 1}}'), {"x": "order"}) == []
        found = expected.judge(answer('{"id": "a", "line": {}}'), {"x": "order"})
        assert sorted((m.path, m.message, m.line) for m in found) == [
            ("$.id", "expected an integer, got 'a' (a string)", 1),
            ("$.line.sku", "is missing; there is nothing", 1),
        ]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("broken.json", "the file 'broken.json' is not JSON: it ends too early, at line 1, column 7: after '{\"a\":'"),
        ("broken.yaml", "the file 'broken.yaml' is not YAML, at line 1: "),
        ("empty.yaml", "the file 'empty.yaml' is not YAML, at line 1: the file is empty"),
        ("wrong.json", "in the file 'wrong.json': the schema does not compile: \"strng\" is not valid"),
        ("latin.json", "the file 'latin.json' is not UTF-8 at byte 1"),
        ("out.json", "outside the project's root"),
        ("leads.json", "in the file 'leads.json': the file 'broken.json' is not JSON"),
        ("schemas", "'schemas' is not a file"),
    ],
)
def test_files_that_are_no_schemas(folder, file, message):
    (found,) = problems(f"schema: {{file: {file}}}", c=compilation(folder=folder, root=folder.parent))
    assert message in found
    assert found.startswith("spec.yaml:1:16: ")


def test_a_symlink_leads_no_further_than_the_root(folder):
    (folder / "link.json").symlink_to(folder.parent.parent / "outside.json")
    (found,) = problems("schema: {$ref: link.json}", c=compilation(folder=folder, root=folder.parent))
    assert "outside the project's root" in found


RECURSIVE = (
    "{$ref: '#/$defs/a', $defs: {a: {type: [array, string], items: {$ref: '#/$defs/a'}}}}",
    "{$ref: '#/$defs/a', $defs: {a: {anyOf: [{type: array, items: {$ref: '#/$defs/a'}}, {type: string}]}}}",
    "{$ref: '#/$defs/a', $defs: {a: {unevaluatedItems: false, allOf: [{$ref: '#/$defs/b'}]},"
    " b: {type: [array, string], items: {$ref: '#/$defs/a'}}}}",
)


@pytest.mark.parametrize("schema", RECURSIVE)
def test_a_thousand_levels_are_judged(schema):
    spec = f"schema: {schema}"
    assert judge(spec, answer("[" * 999 + '"a"' + "]" * 999)) == []
    (found, *_) = judge(spec, answer("[" * 999 + "1" + "]" * 999))
    assert len(found.message) < 300
    assert judge(spec, answer("[" * 999 + '"\\ud800"' + "]" * 999)) == []


def test_a_thousand_levels_in_a_thread():
    found = []

    def work():
        found.extend(judge(f"schema: {RECURSIVE[1]}", answer("[" * 999 + "1" + "]" * 999)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told(found)[0].startswith("schema $ does not satisfy the schema, and nests too deep to say where: [[[")


def test_the_mismatches_are_bounded_however_large_the_body_is():
    started = time.perf_counter()
    (found,) = judge("schema: {items: {type: string}}", answer("[" + "1," * 1_000_000 + "1]"))
    assert found.path == "$[0]"
    many = judge("schema: {items: {type: string}}", answer("[" + "1," * 15_000 + "1]"))
    assert len(many) == 100
    strange = judge("schema: {properties: {a: {}}, additionalProperties: false}",
                    answer(json.dumps({str(index): 1 for index in range(300)})))  # fmt: skip
    assert (len(strange), strange[-1].message) == (100, "and 201 more mismatches")
    deep = answer("[" * 999 + "1," * 30_000 + "1" + "]" * 999)
    assert told(judge(f"schema: {RECURSIVE[1]}", deep))[0].startswith(
        "schema $ does not satisfy the schema, and is too large to say where: [[["
    )
    assert time.perf_counter() - started < 15


def test_a_regex_that_gives_up_is_an_error():
    with pytest.raises(Unjudgeable) as caught:
        judge("schema: {pattern: '^(?=a)(a|aa)+$(?<=c)'}", answer(json.dumps("a" * 60 + "b")))
    assert str(caught.value) == (
        "the schema cannot be judged: error executing regex: Max limit for backtracking count exceeded"
    )
    assert (caught.value.kind, caught.value.node.line) == (None, 1)


def test_without_the_package_its_name_is_told(monkeypatch):
    real = builtins.__import__

    def no_import(name, *args, **given):
        if name == "jsonschema_rs":
            raise ImportError(name)
        return real(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", no_import)
    assert problems("schema: {type: integer}") == [
        "spec.yaml:1:9: 'schema' needs the package jsonschema-rs: pip install 'asgi-probe[schema]'"
    ]
