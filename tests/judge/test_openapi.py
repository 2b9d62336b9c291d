"""`openapi: true`: answers against OpenAPI documents of 3.0, 3.1 and 3.2."""

import builtins
import contextlib
import copy
import json
import time

import pytest

from asgi_probe.exchange import Failure
from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.document import Document, WrongDocument
from asgi_probe.judge.openapi import described_by
from asgi_probe.judge.routes import Routes
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, expectation, problems, told

JSON = "application/json"


def described(schema=None, *, version="3.1.0", status="200", **more):
    """A document of one operation, `GET /`, whose JSON bodies have this schema."""
    content = {} if schema is None else {"content": {JSON: {"schema": schema}}}
    response = {"description": "", **content, **more.pop("response", {})}
    return {"openapi": version, "paths": {"/": {"get": {"responses": {status: response}}}}, **more}


def judged(document, result, spec="openapi: true", base="http://testserver", scope=None):
    """What is wrong with an answer by a document's data, or by a document."""
    document = document if isinstance(document, (Document, str)) else Document(document, base)
    return described_by(document, lambda: expectation(spec).judge(result, scope or {}))()


def found(document, result, **more):
    return told(judged(document, result, **more))


def body(value, **more):
    return answer(json.dumps(value), **more)


# operations


PATHS = [
    "/",
    "/items",
    "/items/{id}",
    "/items/mine",
    "/items/{id}/lines/{line}",
    "/files/{name}.{ext}",
    "/files/{name}.txt",
    "/files/{name}",
    "/caf\u00e9/{x}",
    "/a/{x}/c",
    "/{any}/b/c",
    "/v{major}-{minor}/x",
    "x-own",
]


@pytest.mark.parametrize(
    ("path", "matching"),
    [
        ("/", ["/"]),
        ("/items", ["/items"]),
        ("/items/", []),
        ("/items/7", ["/items/{id}"]),
        ("/items/a%2Fb", ["/items/{id}"]),
        ("/items/mine", ["/items/mine", "/items/{id}"]),
        ("/items/%6Dine", ["/items/mine", "/items/{id}"]),
        ("/items/7/lines/8", ["/items/{id}/lines/{line}"]),
        ("/items/7/lines/", []),
        ("/items/7/lines", []),
        ("/items/7/8/9", []),
        ("/files/a.b.txt", ["/files/{name}.{ext}", "/files/{name}.txt", "/files/{name}"]),
        ("/files/.txt", ["/files/{name}"]),
        ("/files/a.", ["/files/{name}"]),
        ("/caf%C3%A9/1", ["/caf\u00e9/{x}"]),
        ("/a/b/c", ["/a/{x}/c", "/{any}/b/c"]),
        ("/z/b/c", ["/{any}/b/c"]),
        ("/v1-2/x", ["/v{major}-{minor}/x"]),
        ("/v1-/x", []),
        ("/v-2/x", []),
        ("/v1--2/x", ["/v{major}-{minor}/x"]),
        ("x-own", ["x-own"]),
    ],
)
def test_concrete_paths_win_over_templates(path, matching):
    assert list(Routes(PATHS).matching(path)) == matching


def test_no_template_takes_long():
    routes = Routes(["/" + "{a}a" * 2000 + "b", "/{x}" * 3000])
    began = time.perf_counter()
    assert list(routes.matching("/" + "a" * 100_000)) == []
    assert list(routes.matching("/x" * 3000)) == ["/{x}" * 3000]
    assert time.perf_counter() - began < 5


SHOP = {
    "openapi": "3.1.0",
    "paths": {
        "/items": {"get": {"responses": {"200": {}}}, "post": {"responses": {"201": {}}}},
        "/items/{id}": {"get": {"responses": {"2XX": {}, "404": {}}}, "delete": {"responses": {"default": {}}}},
        "/items/mine": {"get": {"responses": {"200": {}}}},
        "/none": {"parameters": []},
        "/shared": {"$ref": "#/components/pathItems/shared"},
        "/more": {"additionalOperations": {"PURGE": {"responses": {"204": {}}}}, "query": {"responses": {"200": {}}}},
        "/silent": {"get": {}},
    },
    "components": {"pathItems": {"shared": {"get": {"responses": {"200": {}}}}}},
}


@pytest.mark.parametrize(
    ("method", "path", "status", "wrong"),
    [
        ("GET", "/items", 200, []),
        ("GET", "/items?page=2", 200, []),
        ("HEAD", "/items", 200, []),
        ("GET", "/items/4", 204, []),
        ("GET", "/items/4", 299, []),
        ("DELETE", "/items/mine", 418, []),
        ("GET", "/shared", 200, []),
        ("PURGE", "/more", 204, []),
        ("QUERY", "/more", 200, []),
        ("POST", "/items", 200, ["the status 200 is not declared for POST /items, which has 201"]),
        ("GET", "/items/4", 301, ["the status 301 is not declared for GET /items/{id}, which has 2XX, 404"]),
        ("GET", "/silent", 200, ["the status 200 is not declared for GET /silent, which has no answer at all"]),
        ("HEAD", "/items", 405, ["the status 405 is not declared for GET /items, which has 200"]),
        ("GET", "/item", 200, ["GET /item is no operation of the OpenAPI document; did you mean '/items'?"]),
        ("GET", "/\x1b[1m", 200, [r"GET /\x1b[1m is no operation of the OpenAPI document"]),
        (
            "PUT",
            "/items/4",
            200,
            ["PUT /items/4 is no operation of the OpenAPI document: its path '/items/{id}' has only GET, DELETE"],
        ),
        (
            "HEAD",
            "/none",
            200,
            ["HEAD /none is no operation of the OpenAPI document: its path '/none' has no operation"],
        ),
        (
            "PARAMETERS",
            "/none",
            200,
            ["PARAMETERS /none is no operation of the OpenAPI document: its path '/none' has no operation"],
        ),
    ],
)
def test_operations_and_statuses(method, path, status, wrong):
    given = answer(status=status, url=f"http://testserver{path}", method=method)
    assert found(SHOP, given, spec="{openapi: true, status: {$gt: 0}}") == [f"openapi: {line}" for line in wrong]


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere/items",
        "https://testserver/items",
        "http://testserver:81/items",
        "http://testserver.evil/items",
    ],
)
def test_a_request_to_somebody_else(url):
    told_so = f"openapi: '{url}' is not on the target http://testserver, which the OpenAPI document describes"
    assert found(SHOP, answer(url=url)) == [told_so]


@pytest.mark.parametrize(
    ("servers", "base", "address", "url"),
    [
        ([], "http://h/api", None, "http://h/api/items"),
        ([], "http://h/api", None, "http://h/items"),
        ([{"url": "/api"}], "http://h/api", None, "http://h/api/items"),
        ([{"url": "/api"}], "http://h", None, "http://h/api/items"),
        ([{"url": "/api"}], "http://testserver", None, "http://testserver/items"),
        ([{"url": "https://api.example.com/v2/"}], "http://localhost:8000", None, "http://localhost:8000/v2/items"),
        ([{"url": "./v3"}], "http://h", "http://h/docs/openapi.json", "http://h/docs/v3/items"),
        (
            [
                {
                    "url": "https://{r}.x/{v}",
                    "variables": {"r": {"default": "eu"}, "v": {"default": "v1", "enum": ["v2"]}},
                }
            ],
            "http://h",
            None,
            "http://h/v2/items",
        ),
        (
            [{"url": "http://["}, {"url": 5}, "x", {"url": "/{v}", "variables": {"v": 5}}],
            "http://h",
            None,
            "http://h/items",
        ),
        ("nonsense", "http://h", None, "http://h/items"),
    ],
)
def test_servers_are_what_paths_begin_with(servers, base, address, url):
    item = {"get": {"responses": {"200": {}}}}
    for document in (
        {"openapi": "3.0.3", "servers": servers, "paths": {"/items": item}},
        {"openapi": "3.0.3", "paths": {"/items": {"servers": servers, **item}}},
        {"openapi": "3.0.3", "paths": {"/items": {"get": {"servers": servers, **item["get"]}}}},
    ):
        assert found(Document(document, base, address), answer(url=url)) == []
        missing = found(Document(document, base, address), answer(url=url + "s"))
        assert len(missing) == 1


def test_another_prefix_is_none():
    document = {
        "openapi": "3.0.3",
        "servers": [{"url": "/api"}],
        "paths": {"/items": {"get": {"responses": {"200": {}}}}},
    }
    assert found(document, answer(url="http://testserver/apis/items")) != []
    assert found(document, answer(url="http://testserver/api")) != []


# bodies


USER = {
    "type": "object",
    "required": ["id", "password"],
    "properties": {"id": {"type": "integer", "readOnly": True}, "password": {"type": "string", "writeOnly": True}},
}


@pytest.mark.parametrize(
    ("version", "schema", "value", "wrong"),
    [
        ("3.1.0", {"type": "integer"}, 5, []),
        ("3.1.0", {"type": "integer"}, "5", ["openapi $ expected an integer, got '5' (a string)"]),
        ("3.1.0", True, 5, []),
        ("3.1.0", False, 5, ["openapi $ is not allowed, got 5"]),
        ("3.1.0", {"type": ["integer", "null"]}, None, []),
        ("3.1.0", {"type": "string", "nullable": True}, None, ["openapi $ expected a string, got null"]),
        ("3.1.0", {"exclusiveMinimum": 5}, 5, ["openapi $ expected more than 5, got 5"]),
        (
            "3.1.0",
            {"format": "date-time"},
            "2024-01-01",
            ["openapi $ expected text of the format 'date-time', got '2024-01-01'"],
        ),
        ("3.1.0", {"format": "binary"}, "x", []),
        (
            "3.1.0",
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]},
            [1],
            ["openapi $[0] expected a string, got 1 (an integer)"],
        ),
        ("3.1.0", USER, {"id": 1}, []),
        (
            "3.1.0",
            USER,
            {"password": 1},
            [
                "openapi $.id is missing; there are: password",
                "openapi $.password expected a string, got 1 (an integer)",
            ],
        ),
        ("3.2.0", USER, {"id": 1}, []),
        ("3.0.3", USER, {"id": 1}, []),
        ("3.0.3", {"type": "object", "required": ["p"], "properties": {"p": {"writeOnly": True}}}, {}, []),
        ("3.0.3", {"type": "string", "nullable": True}, None, []),
        ("3.0.3", {"type": "string", "nullable": False}, None, ["openapi $ expected a string, got null"]),
        ("3.0.3", {"type": "string", "nullable": True}, 5, ["openapi $ expected null or a string, got 5 (an integer)"]),
        ("3.0.3", {"type": "string", "nullable": True, "enum": ["a"]}, None, []),
        ("3.0.3", {"type": "string", "nullable": True, "enum": ["a", None]}, None, []),
        (
            "3.0.3",
            {"type": "string", "nullable": True, "enum": ["a"]},
            "b",
            ["openapi $ expected one of [\"a\", null], got 'b'"],
        ),
        ("3.0.3", {"nullable": True, "allOf": [{"type": "integer"}]}, None, []),
        ("3.0.3", {"nullable": True, "allOf": [{"type": "integer"}]}, 5, []),
        ("3.0.3", {"minimum": 5, "exclusiveMinimum": True}, 5, ["openapi $ expected more than 5, got 5"]),
        ("3.0.3", {"minimum": 5, "exclusiveMinimum": True}, 6, []),
        ("3.0.3", {"properties": {"nullable": {"type": "boolean"}, "id": {"type": "string"}}}, {"nullable": True}, []),
        ("3.0.3", {"properties": {"a": {"type": "string", "nullable": True}}}, {"a": None}, []),
        ("3.0.3", {"items": {"additionalProperties": {"type": "string", "nullable": True}}}, [{"a": None}], []),
        (
            "3.0.3",
            {
                "id": "http://nowhere/",
                "$schema": "http://no/",
                "example": 5,
                "xml": {},
                "discriminator": {"propertyName": "x"},
            },
            {},
            [],
        ),
        ("3.0.3", {"enum": [{"nullable": True, "type": "string"}]}, {"nullable": True, "type": "string"}, []),
        ("3.0.3", {"items": {"type": "integer"}}, [1, "2"], ["openapi $[1] expected an integer, got '2' (a string)"]),
        ("3.1.0", {"maximum": 0.1}, 0.10000000000000000000001, []),
    ],
)
def test_bodies(version, schema, value, wrong):
    assert found(described(schema, version=version), body(value)) == wrong


@pytest.mark.parametrize(
    ("dialect", "held"),
    [
        ("https://json-schema.org/draft/2020-12/schema", False),
        ("https://spec.openapis.org/oas/3.1/dialect/base", False),
        ("http://json-schema.org/draft-07/schema#", True),
    ],
)
def test_the_dialect_of_a_document(dialect, held):
    document = described({"items": [{"type": "string"}]} if held else {"prefixItems": [{"type": "string"}]})
    assert found(document | {"jsonSchemaDialect": dialect}, body([5])) == [
        "openapi $[0] expected a string, got 5 (an integer)"
    ]
    assert found(document | {"jsonSchemaDialect": dialect}, body(["a", 5])) == []


def test_exact_numbers():
    document = described({"maximum": 9007199254740993})
    assert found(document, answer("9007199254740993")) == []
    assert found(document, answer("9007199254740993.1")) == [
        "openapi $ expected at most 9007199254740993, got 9007199254740993.1"
    ]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_references_inside_the_document(version):
    components = {
        "schemas": {
            "Node": {
                "type": "object",
                "required": ["secret", "kind"],
                "properties": {
                    "kind": {"type": "string"},
                    "secret": {"$ref": "#/components/schemas/Secret"},
                    "below": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
                },
            },
            "Secret": {"type": "string", "writeOnly": True},
            "a/b~c d": {"allOf": [{"$ref": "#/components/schemas/Node"}, {"required": ["secret"]}]},
        },
        "responses": {
            "Tree": {"$ref": "#/components/responses/Real"},
            "Real": {
                "headers": {"X-Left": {"$ref": "#/components/headers/Left"}},
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/a~1b~0c%20d"}}},
            },
        },
        "headers": {"Left": {"required": True, "schema": {"$ref": "#/components/parameters/0/schema"}}},
        "parameters": [{"schema": {"type": "integer"}}],
    }
    document = described(version=version, components=components)
    document["paths"]["/"]["get"]["responses"]["200"] = {"$ref": "#/components/responses/Tree"}
    headers = [("content-type", JSON), ("x-left", "5")]
    good = {"kind": "a", "below": [{"kind": "b"}]}
    assert found(document, body(good, headers=headers)) == []
    bad = {"kind": "a", "below": [{"kind": "b"}, {"below": [{"kind": 3}], "kind": "c"}]}
    assert found(document, body(bad, headers=headers[:1])) == [
        "openapi: the header 'X-Left' is missing, which 200 of GET / requires",
        "openapi $.below[1].below[0].kind expected a string, got 3 (an integer)",
    ]


def test_mismatches_stand_where_the_spec_says_so_and_are_not_endless():
    document = described({"type": "array", "items": {"type": "integer"}})
    mismatches = judged(document, body(["x"] * 500), spec="{status: 200, openapi: true}")
    assert len(mismatches) == 100
    first = mismatches[0]
    assert (first.where, first.path, first.file, first.line, first.column) == ("openapi", "$[0]", "spec.yaml", 1, 24)
    assert (first.expected, first.actual) == (["integer"], "x")
    strange = judged(described({"additionalProperties": False}), body({str(number): 1 for number in range(300)}))
    assert (len(strange), strange[-1].message) == (100, "and 201 more mismatches")


@pytest.mark.parametrize(
    ("declared", "content_type", "wrong"),
    [
        ([JSON], "application/json", None),
        ([JSON], "Application/JSON; charset=utf-8", None),
        (["Application/JSON; v=1"], "application/json", None),
        (["application/json; v=2", "application/json;v=1"], "application/json; v=1", None),
        (["application/*"], "application/problem+json", None),
        (["*/*"], "application/json", None),
        (["text/html", "application/*"], "application/json", None),
        (["application/problem+json"], "application/problem+json", None),
        (
            [JSON],
            "application/problem+json",
            "the media type 'application/problem+json' is not declared for 200 of GET /, which has application/json",
        ),
        (
            ["text/*", "image/png"],
            JSON,
            "the media type 'application/json' is not declared for 200 of GET /, which has text/*, image/png",
        ),
        ([JSON], "", "has no content-type, declared for 200 of GET / is application/json"),
        ([JSON], None, "has no content-type, declared for 200 of GET / is application/json"),
    ],
)
def test_media_types(declared, content_type, wrong):
    content = {name: {"schema": {"type": "integer"}} for name in declared}
    headers = [] if content_type is None else [("content-type", content_type)]
    document = described(response={"content": content})
    assert found(document, answer("5", headers=headers)) == ([f"openapi: {wrong}"] if wrong else [])
    if not wrong:
        assert found(document, answer('"5"', headers=headers)) == ["openapi $ expected an integer, got '5' (a string)"]


@pytest.mark.parametrize(
    ("media_type", "schema", "text", "wrong"),
    [
        ("text/plain", {"type": "string"}, "5", []),
        ("text/plain", {"type": "integer"}, "5", []),
        ("text/plain", {"type": "integer"}, "x", ["openapi $ expected an integer, got 'x' (a string)"]),
        (
            "text/html",
            {"type": "string", "maxLength": 2},
            "<p>",
            ["openapi $ expected at most 2 characters, got 3: '<p>'"],
        ),
        ("application/octet-stream", {"type": "string", "format": "binary"}, b"\xff", []),
        ("application/xml", {"type": "object"}, "<a/>", []),
        (
            JSON,
            {"type": "object"},
            "{",
            ["openapi: the body is not JSON: it ends too early, at line 1, column 2: after '{'"],
        ),
        (JSON, {"type": "object"}, "", ["openapi: the body is empty, not JSON"]),
        (JSON, None, "{", []),
    ],
)
def test_what_bodies_are_read_as(media_type, schema, text, wrong):
    content = {media_type: {} if schema is None else {"schema": schema}}
    given = answer(text, headers=[("content-type", media_type)])
    assert found(described(response={"content": content}), given) == wrong


@pytest.mark.parametrize(
    ("method", "status", "content", "wrong"),
    [
        ("GET", 200, "", []),
        ("GET", 200, "hi", ["openapi: expected no body, for default of GET / declares none, got 2 bytes"]),
        ("HEAD", 200, "", []),
        ("GET", 204, "", []),
        ("GET", 304, "", []),
        ("GET", 307, "", []),
    ],
)
def test_where_no_body_is_declared(method, status, content, wrong):
    given = answer(content, status=status, method=method, headers=[])
    assert found(described(status="default"), given) == wrong
    if not wrong and (method, status) != ("GET", 200):
        assert found(described({"type": "integer"}, status="default"), given) == []


def test_a_body_of_which_only_the_beginning_was_kept():
    with pytest.raises(Unjudgeable, match="raise max_body"):
        judged(described({"type": "array"}), answer("[1", size=100))
    assert found(described(response={"content": {JSON: {}}}), answer("[1", size=100)) == []


# headers


@pytest.mark.parametrize(
    ("header", "values", "wrong"),
    [
        ({"schema": {"type": "integer"}}, ["5"], None),
        ({"schema": {"type": "integer"}}, [], None),
        ({"schema": {"type": "integer"}}, ["x"], ": expected an integer, got 'x' (a string)"),
        ({"schema": {"type": "boolean"}}, ["true"], None),
        ({"schema": {"type": "string"}}, ["5"], None),
        ({"schema": {"type": "string", "maxLength": 1}}, ["55"], ": expected at most 1 character, got 2: '55'"),
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, ["1, 2"], None),
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, ["1", "2"], None),
        ({"schema": {"type": "array", "items": {"type": "string"}}}, ["1,a"], None),
        ({"schema": {"type": "array", "minItems": 3}}, ["1,2"], ': expected at least 3 items, got 2: ["1", "2"]'),
        ({"schema": {"type": ["array", "null"], "items": {"enum": ["a"]}}}, ["a,a"], None),
        ({"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, ["a=1,b=2"], None),
        ({"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, ["a,1,b,2"], None),
        ({"schema": {"type": "object", "required": ["c"]}}, ["a,1"], " at $.c: is missing; there are: a"),
        ({"schema": {"enum": [1, 2]}}, ["2"], None),
        ({"schema": True}, ["2"], None),
        ({"description": "of anything"}, ["2"], None),
        ({"required": True, "schema": {}}, ["2"], None),
        ({"content": {JSON: {"schema": {"type": "object"}}}}, ['{"a": 1}'], None),
        ({"content": {JSON: {"schema": {"type": "object"}}}}, ["[]"], ": expected an object, got []"),
        (
            {"content": {JSON: {"schema": {"type": "object"}}}},
            ["{"],
            ": it is not JSON: it ends too early, at line 1, column 2: after '{'",
        ),
        ({"content": {JSON: {}}}, ["{"], None),
        ({"content": {"text/plain": {"schema": {"type": "integer"}}}}, ["x"], None),
    ],
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_headers(version, header, values, wrong):
    if version == "3.0.3" and header.get("schema") in (True, {"type": ["array", "null"], "items": {"enum": ["a"]}}):
        pytest.skip("3.0 has no such schema")
    document = described(version=version, response={"headers": {"X-Some": header, "Content-Type": {"required": True}}})
    given = answer(headers=[("x-some", value) for value in values])
    assert found(document, given) == ([f"openapi: the header 'X-Some'{wrong}"] if wrong else [])


def test_each_cookie_is_a_header_of_its_own():
    headers = {"set-cookie": {"schema": {"type": "string", "pattern": "^[a-z]=1; Path=/$"}}}
    given = answer(headers=[("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/")])
    assert found(described(response={"headers": headers}), given) == [
        "openapi: the header 'set-cookie': expected text matching '^[a-z]=1; Path=/$', got 'b=2; Path=/'"
    ]


# documents that are wrong


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ([], "expected an OpenAPI document, found an array: []"),
        ("x", "expected an OpenAPI document, found a string: 'x'"),
        ({}, "expected an OpenAPI document of version 3, found none: the key 'openapi' is missing"),
        ({"swagger": "2.0"}, "expected an OpenAPI document of version 3, found Swagger '2.0'; convert it to OpenAPI 3"),
        ({"openapi": "4.0.0"}, "expected an OpenAPI document of version 3.0, 3.1 or 3.2, found '4.0.0'"),
        ({"openapi": "3"}, "expected an OpenAPI document of version 3.0, 3.1 or 3.2, found '3'"),
        ({"openapi": None}, "expected an OpenAPI document of version 3.0, 3.1 or 3.2, found null"),
        ({"openapi": "3.1.0", "paths": []}, "at #/paths: expected an object, found an array"),
        (
            {"openapi": "3.1.0", "jsonSchemaDialect": "http://x"},
            "its jsonSchemaDialect 'http://x' is unknown; there are: "
            "https://json-schema.org/draft/2020-12/schema, https://json-schema.org/draft/2019-09/schema, "
            "http://json-schema.org/draft-07/schema, http://json-schema.org/draft-06/schema, "
            "http://json-schema.org/draft-04/schema",
        ),
        ({"openapi": "3.1.0", "jsonSchemaDialect": 5}, None),
    ],
)
def test_what_is_no_document(data, wrong):
    with pytest.raises(WrongDocument) as caught:
        Document(data, "http://testserver")
    assert wrong is None or str(caught.value) == wrong


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda d: d["paths"].update({"/": 5}), "at #/paths/~1: expected an object, found an integer"),
        (lambda d: d["paths"]["/"].update(get=[]), "at #/paths/~1/get: expected an object, found an array"),
        (
            lambda d: d["paths"]["/"]["get"].update(responses=5),
            "at #/paths/~1/get/responses: expected an object, found an integer",
        ),
        (
            lambda d: d["paths"]["/"]["get"]["responses"].update({"200": None}),
            "at #/paths/~1/get/responses/200: expected an object, found null",
        ),
        (
            lambda d: d["paths"].update({"/": {"$ref": "#/paths/~1"}}),
            "at #/paths/~1: its references lead nowhere but to each other",
        ),
        (lambda d: d["paths"].update({"/": {"$ref": "#/x/y"}}), "it refers to '#/x/y', which it does not have"),
        (
            lambda d: d["paths"].update({"/": {"$ref": "other.yaml#/x"}}),
            "it refers to 'other.yaml#/x'; only references to places inside the document are followed",
        ),
        (
            lambda d: schema_of(d).update({"$ref": "#/nowhere"}),
            "the schema at #/paths/~1/get/responses/200/content/application~1json/schema does not compile: ",
        ),
        (
            lambda d: schema_of(d).update({"$ref": "http://evil/x.json"}),
            "it refers to 'http://evil/x.json'; only references to places inside the document are followed",
        ),
        (lambda d: schema_of(d).update({"$ref": "file:///etc/passwd"}), "it refers to 'file:///etc/passwd'; only "),
        (
            lambda d: schema_of(d).update({"type": "nonsense"}),
            "the schema at #/paths/~1/get/responses/200/content/application~1json/schema does not compile: ",
        ),
        (
            lambda d: schema_of(d).update({"pattern": "("}),
            "the schema at #/paths/~1/get/responses/200/content/application~1json/schema does not compile: ",
        ),
        (lambda d: schema_of(d).update({"pattern": "^(?=a)(a|aa)+$(?<=c)"}), "one of its schemas fails: "),
    ],
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_where_a_document_is_wrong_the_step_cannot_be_judged(version, change, wrong):
    document = copy.deepcopy(described({"maxLength": 100}, version=version))
    change(document)
    with pytest.raises(Unjudgeable) as caught:
        judged(document, body("a" * 60 + "b"), spec="{status: 201, openapi: true}")
    message = f"the target's OpenAPI document cannot be judged by: {wrong}"
    assert str(caught.value).startswith(message)
    assert caught.value.node.location.column == 24
    assert [mismatch.where for mismatch in caught.value.mismatches] == ["status"]


def schema_of(document):
    return document["paths"]["/"]["get"]["responses"]["200"]["content"][JSON]["schema"]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_schemas_that_refer_to_each_other_in_circles(version):
    schemas = {
        "A": {"$ref": "#/components/schemas/A"},
        "B": {"allOf": [{"$ref": "#/components/schemas/C"}]},
        "C": {"anyOf": [{"$ref": "#/components/schemas/B"}], "properties": {"c": {"$ref": "#/components/schemas/C"}}},
        "D": {"type": "array", "items": {"$ref": "#/components/schemas/D"}},
    }
    for name in schemas:
        document = described({"$ref": f"#/components/schemas/{name}"}, version=version, components={"schemas": schemas})
        assert found(document, body([[[], []]])) == []
    assert found(document, body([[[], 5]])) == ["openapi $[0][1] expected an array, got 5 (an integer)"]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("keyword", ["items", "not", "allOf"])
def test_schemas_that_nest_deep(version, keyword):
    schema = {"type": "array"}
    for _ in range(450):
        schema = {keyword: [schema]} if keyword == "allOf" else {keyword: schema}
    document = described(schema, version=version)
    began = time.perf_counter()
    with contextlib.suppress(Unjudgeable):
        judged(document, body([]))
    assert time.perf_counter() - began < 5


def test_a_body_that_nests_deep():
    depth = 900
    document = described(
        {"$ref": "#/components/schemas/D"},
        components={"schemas": {"D": {"type": "array", "items": {"$ref": "#/components/schemas/D"}}}},
    )
    assert found(document, answer("[" * depth + "]" * depth)) == []
    (wrong,) = found(document, answer("[" * depth + "5" + "]" * depth))
    assert wrong.startswith("openapi $")


def test_a_large_document_costs_little_for_each_answer():
    ok = {"200": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/S"}}}}}
    paths = {f"/r{number}/{{id}}": {"get": {"responses": ok}} for number in range(5000)}
    schemas = {"S": {"type": "integer"}}
    document = Document({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}, "http://testserver")
    assert found(document, answer("5", url="http://testserver/r1/1")) == []
    began = time.perf_counter()
    for number in range(200):
        assert judged(document, answer("5", url=f"http://testserver/r4999/{number}")) == []
    assert time.perf_counter() - began < 1


# the key itself


@pytest.mark.parametrize("value", ["false", "null", "'false'", "'${x}'"])
def test_switched_off(value):
    compiled = expectation(f"openapi: {value}")
    assert compiled.openapi is None or not compiled.openapi.wanted({"x": False})
    assert compiled.judge(answer(), {"x": False}) == []


def test_switched_by_a_variable():
    compiled = expectation("openapi: '${x}'")
    assert compiled.openapi.wanted({"x": True})
    assert found("there is none", answer(), spec="openapi: '${x}'", scope={"x": False}) == []
    with pytest.raises(Unjudgeable, match="there is none"):
        judged("there is none", answer(), spec="openapi: '${x}'", scope={"x": True})


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ("openapi: 5", "spec.yaml:1:10: expected true or false, found 5"),
        ("openapi: openapi.json", "spec.yaml:1:10: expected true or false, found 'openapi.json'"),
        ("openapi: {operation: a}", "spec.yaml:1:10: expected true or false, found a mapping"),
        (
            "{error: timeout, openapi: true}",
            "spec.yaml:1:18: 'openapi' cannot be judged beside the error 'timeout': no "
            "whole body comes (take it away; only beside decode, too_large, any does it say that the body is read)",
        ),
    ],
)
def test_what_it_cannot_be(spec, wrong):
    assert problems(spec) == [wrong]


def test_an_error_of_a_variable_beside_it():
    with pytest.raises(VariableError, match="'openapi' cannot be judged beside the error 'timeout'"):
        judged("none", Failure("timeout", "no"), spec="{error: '${x}', openapi: true}", scope={"x": "timeout"})


def test_beside_an_error_it_says_that_the_body_is_read():
    spec = "{error: any, openapi: true}"
    given = Failure("decode", "no", partial=answer("["))
    assert judged("none", given, spec=spec) == []


def test_without_the_package_it_says_so_before_anything_is_sent(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **more):
        if name == "jsonschema_rs":
            raise ImportError
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    message = "'openapi' needs the package jsonschema-rs: pip install 'asgi-probe[schema]'"
    assert problems("{status: 200, openapi: true}") == [f"spec.yaml:1:15: {message}"]
    assert problems("openapi: false") == []


def test_outside_of_a_run_nobody_knows_the_document():
    with pytest.raises(RuntimeError, match="described_by"):
        expectation("openapi: true").judge(answer(), {})
