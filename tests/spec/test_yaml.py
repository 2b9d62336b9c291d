import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_probe.spec import yaml as reading
from asgi_probe.spec.model import read_spec
from asgi_probe.spec.source import Location, Problems, Source, data
from asgi_probe.spec.yaml import compose
from asgi_probe.terminal import plain


def read(text):
    problems = Problems()
    return compose(Source(Path("a.yaml"), "a.yaml", text), problems), problems


def shown(text):
    """The first problem as it is printed."""
    _, problems = read(text)
    return "\n".join(plain(line) for line in problems.diagnostics[0].render())


@pytest.fixture(params=["c", "python"])
def parser(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(reading, "_open", reading._python_parser)
    return request.param


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b1", "0b1"),
        ("1_0", "1_0"),
        ("+1", 1),
        ("-5", -5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        (".", "."),
        ("1.2.3", "1.2.3"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        (".iNf", ".iNf"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("!!int 7", 7),
        ("!!null ~", None),
        ("!!bool true", True),
        ("'it''s'", "it's"),
        ('"a\\tb"', "a\tb"),
        ("=", "="),
        ("0.1", 0.1),
        ("12345678901234567890", 12345678901234567890),
        ("1e400", Decimal("1e400")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1234567890.12345678", Decimal("1234567890.12345678")),
        ("0.30000000000000004", 0.30000000000000004),
        ("/a?b=1", "/a?b=1"),
        ("x # y", "x"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text, value):
    node, problems = read(f"a: {text}\n")
    found = data(node)["a"]
    assert (found, type(found)) == (value, type(value))
    assert not problems.diagnostics


def test_nan_is_a_number():
    assert math.isnan(data(read("a: .NaN")[0])["a"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: &x {a: 1}\ny: *x", {"x": {"a": 1}, "y": {"a": 1}}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        ("y: {b: 3, <<: [{a: 1}, {a: 2, c: 4}]}", {"y": {"a": 1, "c": 4, "b": 3}}),
        ("'<<': 1", {"<<": 1}),
        ("1: a\ntrue: b\n~: c\n1.0: d", {"1": "a", "true": "b", "~": "c", "1.0": "d"}),
        ("\ufeffa: 1".removeprefix("\ufeff"), {"a": 1}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("a: |\n  x\n  y\nb: >-\n  p\n  q\n", {"a": "x\ny\n", "b": "p q"}),
        ("a: &a x\nb: {*a : 1}", {"a": "x", "b": {"x": 1}}),
        ("? a\n: 1", {"a": 1}),
        ("a: !!map {b: !!seq [1]}", {"a": {"b": [1]}}),
        ("&a a: 1\nb: &a 2\nc: *a", {"a": 1, "b": 2, "c": 2}),
    ],
)
def test_documents(text, value, parser):
    node, problems = read(text)
    assert [str(problem) for problem in problems.diagnostics] == []
    assert data(node) == value


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "a: {id: ${x}}",
            [
                "a.yaml:1:9: error: '${x}' wants quotes inside {…} and […]",
                "    1 | a: {id: ${x}}",
                "      |         ^^^^",
                '  = quote it: {id: "${x}"}',
            ],
        ),
        (
            "a: {$.a[0]: 1}",
            [
                "a.yaml:1:5: error: '$.a[0]' wants quotes inside {…} and […]",
                "    1 | a: {$.a[0]: 1}",
                "      |     ^^^^^^",
                '  = quote it: {"$.a[0]": 1}',
            ],
        ),
        (
            "a: [1, ${x}/b]",
            [
                "a.yaml:1:8: error: '${x}/b' wants quotes inside {…} and […]",
                "    1 | a: [1, ${x}/b]",
                "      |        ^^^^^^",
                '  = quote it: [1, "${x}/b"]',
            ],
        ),
        (
            "a: {b: ${x}, c: ${y}}",
            [
                "a.yaml:1:8: error: '${x}' wants quotes inside {…} and […]",
                "    1 | a: {b: ${x}, c: ${y}}",
                "      |        ^^^^",
                '  = quote it: "${x}"',
            ],
        ),
        (
            "a: 1\nb: 2\na: 3",
            [
                "a.yaml:3:1: error: the key 'a' comes twice",
                "    3 | a: 3",
                "      | ^",
                "  = first in line 1, column 1",
            ],
        ),
        (
            "<<: {a: 1}\n<<: {b: 1}",
            [
                "a.yaml:2:1: error: the key '<<' comes twice",
                "    2 | <<: {b: 1}",
                "      | ^^",
                "  = first in line 1, column 1",
            ],
        ),
        (
            "a:\n\tb: 1",
            [
                "a.yaml:2:1: error: a tab where only spaces can indent",
                "    2 |  b: 1",
                "      | ^",
                "  = indent with spaces",
            ],
        ),
        (
            "a: !!python/object:os.system ls",
            [
                "a.yaml:1:4: error: the tag '!!python/object:os.system' is refused",
                "    1 | a: !!python/object:os.system ls",
                "      |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
                "  = only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq",
            ],
        ),
        (
            "a: *nope",
            [
                "a.yaml:1:4: error: the alias '*nope' has no anchor before it",
                "    1 | a: *nope",
                "      |    ^^^^^",
                "  = name one with &nope, or quote the text",
            ],
        ),
        (
            "a: &x [*x]",
            [
                "a.yaml:1:8: error: the alias '*x' stands inside its own anchor",
                "    1 | a: &x [*x]",
                "      |        ^^",
            ],
        ),
        (
            "a: 'x",
            [
                "a.yaml:1:4: error: the quote is never closed",
                "    1 | a: 'x",
                "      |    ^",
                "  = close it with the same quote",
            ],
        ),
        (
            "a: b: c",
            [
                "a.yaml:1:5: error: a second ': ' where one value was expected",
                "    1 | a: b: c",
                "      |     ^",
                "  = quote the text if the colon belongs to it, else check the indentation",
            ],
        ),
        (
            "a: [1, 2",
            [
                "a.yaml:1:4: error: expected ',' or ']' in what this '[' begins",
                "    1 | a: [1, 2",
                "      |    ^",
                "  = close it, or quote the text inside",
            ],
        ),
        ("a: @x", ["a.yaml:1:4: error: text cannot begin with '@'", "    1 | a: @x", "      |    ^", "  = quote it"]),
        (
            "a: é\x07",
            [
                "a.yaml:1:5: error: the character '\\x07' cannot stand in YAML",
                "    1 | a: é\\x07",
                "      |     ^^^^",
                '  = write it as an escape inside double quotes, such as "\\e"',
            ],
        ),
    ],
)
def test_problems_are_shown_at_their_place(text, lines):
    assert shown(text).split("\n") == lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml:1:1: the file is empty (a spec needs checks)"),
        ("# nothing\n", "a.yaml:1:1: the file is empty (a spec needs checks)"),
        ("---\n", "a.yaml:1:1: the file is empty (a spec needs checks)"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document in one file (put it into a file of its own)"),
        ("? [a]\n: 1", "a.yaml:1:3: a list cannot be a key (a key is text; quote it if it begins with '{' or '[')"),
        (
            "? {a: 1}\n: 1",
            "a.yaml:1:3: a mapping cannot be a key (a key is text; quote it if it begins with '{' or '[')",
        ),
        ("<<: 1", "a.yaml:1:5: '<<' wants a mapping or a list of mappings, found a number"),
        ("<<: [{a: 1}, b]", "a.yaml:1:14: '<<' wants a mapping or a list of mappings, found text"),
        ("a: !!int x", "a.yaml:1:4: 'x' is no !!int"),
        ("a: !!bool 1", "a.yaml:1:4: '1' is no !!bool"),
        ("a: !!float x", "a.yaml:1:4: 'x' is no !!float"),
        ("a: !!null 1", "a.yaml:1:4: '1' is no !!null"),
        ("a: !mine {b: 1}", "a.yaml:1:4: the tag '!mine' is refused"),
        ("a: 1e99999", "a.yaml:1:4: a number with an exponent beyond all use (quote it to make it text)"),
        ("a: 1e99999999999999999999", "a.yaml:1:4: a number with an exponent beyond all use"),
        (f"a: {'9' * 5000}", "a.yaml:1:4: a number of more than 4,000 digits"),
        ("[" * 900, "a.yaml:1:101: nested deeper than 100 levels"),
        ("[" * 100_000, "nested deeper than 100 levels"),  # libyaml may give up before us, further on
        ("- " * 500 + "x", "a.yaml:1:201: nested deeper than 100 levels"),
        ('a: "\\q"', "a.yaml:1:5: an unknown escape inside double quotes"),
        ('a: "\\ud800"', "a.yaml:1:7: an escape that is no character"),
        ("a: 1\n- b", "a.yaml:2:1: expected a key, or the end of this mapping"),
        ("- a\nb: 1", "a.yaml:2:1: expected '- ' for the next item of the list"),
        ("a: - b", "a.yaml:1:4: a list cannot begin here"),
        ("a: ]", "a.yaml:1:4: expected a value"),
        ("a: !x!y 1", "a.yaml:1:4: a tag that is not known"),
        ("{a: 1}}", "a.yaml:1:7: expected the end of the file"),
        ("a: |x\n  d", "a.yaml:1:5: expected the end of the line after '|' or '>'"),
        ("a: [1 2]\nb", "expected ': ' after a key"),
        ("a: &", "a.yaml:1:5: this is not YAML: did not find expected alphabetic"),
        ("a: {$ref{: 1", "wants quotes"),
        ("a: \ud800", "a.yaml:1:4: the character '\\ud800' cannot stand in YAML"),
    ],
)
def test_problems(text, message):
    _, problems = read(text)
    assert message in str(problems.diagnostics[0])
    assert len(problems.diagnostics) == 1


def test_a_syntax_error_is_the_only_problem_of_its_file():
    _, problems = read("a: 1\na: 2\nb: {c: ${x}}\n")
    assert [str(problem) for problem in problems.diagnostics] == [
        "a.yaml:3:8: '${x}' wants quotes inside {…} and […] (quote it: {c: \"${x}\"})"
    ]


def test_every_problem_of_a_readable_file_is_told():
    _, problems = read("a: 1\na: !x 2\nb: *c\n")
    assert [problem.location.line for problem in problems.diagnostics] == [2, 2, 3]


def test_aliases_are_shared_and_bounded():
    node, problems = read("a: &a [1]\nb: *a")
    assert node.entries["a"].value is node.entries["b"].value
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{here}: &{here} [{','.join([f'*{before}'] * 10)}]\n"
        for before, here in zip("abcdefgh", "bcdefghi", strict=True)
    )
    _, problems = read(bomb)
    assert "stand for more than 100,000 nodes" in str(problems.diagnostics[0])


def test_depth_counts_through_aliases():
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300))
    _, problems = read(chain)
    assert "nested deeper than 100 levels" in str(problems.diagnostics[0])
    assert problems.diagnostics[0].location.line in (99, 100, 101)


def test_a_hundred_levels_are_fine():
    node, problems = read("[" * 100 + "]" * 100)
    assert node is not None
    assert not problems.diagnostics


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: &x foo", (1, 7, 3)),
        ("a: !!str 12", (1, 10, 2)),
        ("a: 'foo'", (1, 4, 5)),
        ("a: |\n  x\n", (1, 4, 1)),
        ('a: "x\n  y"', (1, 4, 2)),
        ("a: foo  # c", (1, 4, 3)),
        ("a: \U0001f600é", (1, 4, 2)),
    ],
)
def test_places_of_scalars(text, place):
    node = read(text)[0].entries["a"].value
    assert (node.line, node.column, node.width) == place


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab01:-?[]{}&*!|>'\"#%@`,.$~<\n\t \\é\x00\ud800"), max_size=60))
def test_no_text_crashes_the_reader(text):
    node, problems = read(f"{text}")
    if node is not None and not problems.errors:
        read_spec(Source(Path("a.yaml"), "a.yaml", text), node, problems)
    for problem in problems.diagnostics:
        problem.render()


def test_a_warning_stays_a_warning(monkeypatch):
    def warn(self, event, text):
        self.problems.add(Location(self.source, 1, 1), "odd", warning=True)

    monkeypatch.setattr(reading._Composer, "plain", warn)
    _, problems = read("a: 1")
    assert [str(each) for each in problems.warnings] == ["a.yaml:1:1: odd"]
    assert problems.errors == []
