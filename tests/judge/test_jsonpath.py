"""JSONPath: our own way for singular queries agrees with the library, and nesting breaks nothing."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_rfc9535 import find

from asgi_probe.judge.jsonpath import compile_query
from asgi_probe.judge.values import ABSENT, path_text

DOCUMENT = {"a": [1, {"b": None}], "odd key": {"é": True}, "": 0, "0": "zero", "x-y": [[]], "it's": 1, "line\n": 2}


@pytest.mark.parametrize(
    "query",
    [
        "$",
        "$.a",
        "$.a[0]",
        "$.a[-1].b",
        "$.a[-2]",
        "$.a[-3]",
        "$.a[2]",
        "$['odd key'].é",
        '$["odd key"]["é"]',
        "$['']",
        "$['0']",
        "$.a.b",
        "$['x-y'][0]",
        "$[0]",
        "$.a['0']",
        r"$['it\'s']",
        '$["it\'s"]',
        r"$['line\n']",
        "$ .a [ 0 ]",
        "$.a[0].b",
        "$.none.b",
    ],
)
def test_singular_queries_agree_with_the_library(query):
    compiled = compile_query(query)
    nodes = find(query, DOCUMENT)
    assert compiled.singular
    assert compiled.take(DOCUMENT) == (nodes[0].value if nodes else ABSENT)
    if nodes:
        assert compiled.location(DOCUMENT) == nodes[0].location


@pytest.mark.parametrize(
    "query",
    [
        "$.*",
        "$..*",
        "$..[0]",
        "$.a[*].b",
        "$[?@.b]",
        "$.a[0:1]",
        "$['a','']",
        "$..b",
        "$..[?@ == 1]",
        "$.a[?count($..b) > 0]",
    ],
)
def test_other_queries_agree_with_the_library(query):
    compiled = compile_query(query)
    nodes = find(query, DOCUMENT)
    assert not compiled.singular
    assert compiled.many(DOCUMENT) == nodes.values()
    locations = compiled.locations(DOCUMENT)
    backwards = [locations[index] for index in reversed(range(len(nodes)))]
    assert backwards == [node.location for node in reversed(nodes)]
    assert compiled.take(DOCUMENT) == nodes.values()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


@given(JSON)
def test_the_descent_visits_in_the_librarys_order(document):
    assert compile_query("$..*").many(document) == find("$..*", document).values()


@given(JSON, st.lists(st.sampled_from([".a", ".b", "[0]", "[-1]", "['c']", "[2]"]), max_size=4))
def test_singular_queries_agree_on_any_document(document, steps):
    query = "$" + "".join(steps)
    nodes = find(query, document)
    assert compile_query(query).one(document) is (nodes[0].value if nodes else ABSENT)


def test_a_deep_descent():
    document = [1]
    for _ in range(999):
        document = [document]
    query = compile_query("$..[0]")
    assert len(query.many(document)) == 1000
    assert query.locations(document)[999] == (0,) * 1000


def test_passing_keeps_no_locations():
    """A location is a tuple of numbers, several times as large as the value it leads to."""
    document = list(range(200_000))
    query = compile_query("$[*]")
    tracemalloc.start()
    try:
        assert len(query.many(document)) == 200_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
        assert query.locations(document)[3] == (3,)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "expected '$', found '', at character 1"),
        ("a.b", "expected '$', found 'a', at character 1"),
        ("$.a[", "unbalanced brackets, at character 5"),
        ("$[?@.a=1]", "unexpected filter selector token '=', at character 7"),
        ("$[?foo(@)]", "function 'foo' is not defined, at character 4"),
        ("$[01]", "leading zero in index selector, at character 3"),
        ("$[9007199254740992]", "index out of range, at character 3"),
        ("$..", "bald descendant segment, at character 4"),
    ],
)
def test_what_is_no_jsonpath(query, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        compile_query(query)
    assert str(caught.value) == message


def test_a_query_that_nests_too_deep():
    with pytest.raises(ValueError, match="it nests too deep"):
        compile_query("$[?" + "(" * 5000 + "@.a" + ")" * 5000 + "]")


def test_a_singular_query_has_no_nodes():
    with pytest.raises(TypeError):
        compile_query("$.a").many({})
    with pytest.raises(TypeError):
        compile_query("$.a").locations({})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "$"),
        (("a", 0, "b_c"), "$.a[0].b_c"),
        (("odd key",), "$['odd key']"),
        (("it's",), r"$['it\'s']"),
        (('"',), "$['\"']"),
        (("a\nb",), r"$['a\nb']"),
        (("",), "$['']"),
        (("é",), "$.é"),
        (("1a",), "$['1a']"),
        (("\\",), r"$['\\']"),
    ],
)
def test_paths_as_text(path, text):
    assert path_text(path) == text


@given(st.lists(st.text(max_size=4) | st.integers(0, 99), max_size=4))
def test_paths_as_text_lead_back(path):
    safe = [step for step in path if isinstance(step, int) or step.isprintable()]
    assert list(compile_query(path_text(tuple(safe))).steps) == safe


def test_names_may_be_written_in_any_script():
    document = {"名前": {"Aᄀ": 1, "größe": 2}}
    assert compile_query("$.名前.Aᄀ").one(document) == 1
    assert compile_query("$.名前.größe").one(document) == 2
    assert compile_query("$.名前.größe").singular
