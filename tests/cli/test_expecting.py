"""`--expect KEY=VALUE`: where the key ends, what the value is, and what is told of what is neither."""

from decimal import Decimal

import pytest

from asgi_probe.cli.expecting import Expected
from asgi_probe.cli.typed import CommandLine
from asgi_probe.spec.source import Problems, data


def read(tmp_path, *typed):
    problems = Problems()
    line = CommandLine(tmp_path)
    expected = Expected(line, problems)
    for text in typed:
        expected.add(line.word("--expect", text))
    return expected.entries(), problems


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("status=200", {"status": 200}),
        ("status=2xx", {"status": "2xx"}),
        ("status= 200 ", {"status": 200}),
        ("status!=404", {"status": {"$not": 404}}),
        ("status:=[200, 201]", {"status": [200, 201]}),
        ("status<400", {"status": {"$lt": 400}}),
        ("time=300ms", {"time": "300ms"}),
        ("time<=0.5", {"time": {"$le": 0.5}}),
        ("size>=10", {"size": {"$ge": 10}}),
        ("size>10", {"size": {"$gt": 10}}),
        ("text=a=b: {c} [d] #e", {"text": "a=b: {c} [d] #e"}),
        ("text='200'", {"text": "200"}),
        ('text="a\\tb"', {"text": "a\tb"}),
        ("text=''", {"text": ""}),
        ("text~=^[0-9]+=$", {"text": {"$regex": "^[0-9]+=$"}}),
        ("text~=1", {"text": {"$regex": "1"}}),
        ("error=connect", {"error": "connect"}),
        ("json:={a: [1, 'x']}", {"json": {"a": [1, "x"]}}),
        ("json:=", {}),
        ("header.x-a=1", {"headers": {"x-a": 1}}),
        ("headers.x_a.b=1", {"headers": {"x_a.b": 1}}),
        ("headers:={x-a: 1}", {"headers": {"x-a": 1}}),
        ("cookie.sid!=x", {"cookies": {"sid": {"$not": "x"}}}),
        ("$=1", {"jsonpath": {"$": 1}}),
        ("$.a.b=true", {"jsonpath": {"$.a.b": True}}),
        ("$.a=null", {"jsonpath": {"$.a": None}}),
        ("$.a=~", {"jsonpath": {"$.a": None}}),
        ("$.a=12345678901234567890.5", {"jsonpath": {"$.a": Decimal("12345678901234567890.5")}}),
        (f"$.a={'9' * 5000}", {"jsonpath": {"$.a": "9" * 5000}}),
        ("$..a=1", {"jsonpath": {"$..a": 1}}),
        ("$..[0]=1", {"jsonpath": {"$..[0]": 1}}),
        ("$.*=1", {"jsonpath": {"$.*": 1}}),
        ("$.größe>1", {"jsonpath": {"$.größe": {"$gt": 1}}}),
        ("$['a=b']=1", {"jsonpath": {"$['a=b']": 1}}),
        ("$['a]=b']['c\\'=']=1", {"jsonpath": {"$['a]=b']['c\\'=']": 1}}),
        ("$[?@.a==1 && @['b']<=2].c=1", {"jsonpath": {"$[?@.a==1 && @['b']<=2].c": 1}}),
        ("$[?@[0]>1][0]>=1", {"jsonpath": {"$[?@[0]>1][0]": {"$ge": 1}}}),
        ("$.n:={$gt: 3}", {"jsonpath": {"$.n": {"$gt": 3}}}),
        ("$.n:=[&a 1, *a]", {"jsonpath": {"$.n": [1, 1]}}),
        ("$.a[0]['b']..c[*]!=x", {"jsonpath": {"$.a[0]['b']..c[*]": {"$not": "x"}}}),
        ("html.p:has('=')=x", {"html": {"p:has('=')": "x"}}),
        ("html.h1=Shop", {"html": {"h1": "Shop"}}),
        ("html.a[href='/x=1'] > p~=^x", {"html": {"a[href='/x=1'] > p": {"$regex": "^x"}}}),
        ("html.ul > li:first-child:={count: 1}", {"html": {"ul > li:first-child": {"count": 1}}}),
        ("xml.item!=x", {"xml": {"item": {"$not": "x"}}}),
    ],
)
def test_read(tmp_path, typed, found):
    entries, problems = read(tmp_path, typed)
    assert data(entries) == found
    assert bool(problems.diagnostics) == (not found)


@pytest.mark.parametrize(
    "typed",
    ["text=${x}", "text:=${x}", "text='${x}'", "text~=${x}$", "text:='$${x}'", "$['${x}']=1", "json:={'${x}': 1}"],
)
def test_nothing_is_a_variable(tmp_path, typed):
    entries, problems = read(tmp_path, typed)
    assert not problems.diagnostics
    ((_, entry),) = entries.entries.items()
    assert "$${x}" in str(data(entry.value))


@pytest.mark.parametrize(
    ("typed", "message", "column", "width"),
    [
        ("", "'' begins with no key", 11, 1),
        ("=200", "'=200' begins with no key", 10, 4),
        ("status", "expected one of := != ~= >= <= = > < behind 'status', found nothing", 10, 6),
        ("status 200", "behind 'status', found ' 200'", 11, 10),
        ("stauts=200", "unknown key 'stauts'", 10, 6),
        ("status=", "nothing stands behind '='", 10, 7),
        ("header.=1", "no name stands behind 'header.'", 10, 9),
        ("header=1", "unknown key 'header'", 10, 6),
        ("$.a-b=1", "found '-b=1'; a name with other characters", 11, 7),
        ("$[?(@.a='x]'=1", "a '[' in the JSONPath is never closed", 11, 14),
        ("$['a=1", "a '[' in the JSONPath is never closed", 11, 6),
        ("$.a", "behind '$.a', found nothing", 11, 3),
        ("html.a[b=1", "found nothing", 11, 10),
        ("$.n:={a: [}", "expected", 21, 1),
        ("$.n:=*a", "the alias '*a' has no anchor before it", 16, 2),
        ("$.n:=!!python/name:os.system x", "the tag", 16, 25),
    ],
)
def test_told(tmp_path, typed, message, column, width):
    _, problems = read(tmp_path, typed)
    (problem,) = problems.diagnostics
    at = problem.location
    assert message in problem.message
    assert str(at) == f"command line:1:{column}"
    assert (at.width, at.source.line(1).replace("'", "").replace('"', "")) == (
        width, f"--expect {typed}".replace("'", "").replace('"', ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["$.n>=1", "$.n<=5"], {"jsonpath": {"$.n": {"$ge": 1, "$le": 5}}}),
        (["size>1", "size!=5", "status=200"], {"size": {"$gt": 1, "$not": 5}, "status": 200}),
        (["header.a=1", "headers.b=2"], {"headers": {"a": 1, "b": 2}}),
    ],
)
def test_together(tmp_path, typed, found):
    entries, problems = read(tmp_path, *typed)
    assert (data(entries), problems.diagnostics) == (found, [])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["status=200", "status=201"], "'status' is expected twice"),
        (["$.n>=1", "$.n>=2"], "'$.n' is expected twice"),
        (["$.n>=1", "$.n=2"], "'$.n' is expected twice"),
        (["json:={}", "json:={}"], "'json' is expected twice"),
        (["headers:={a: 1}", "header.b=1"], "'headers' is expected both whole and by its parts"),
    ],
)
def test_not_both(tmp_path, typed, message):
    _, problems = read(tmp_path, *typed)
    assert [problem.message for problem in problems.diagnostics] == [message]


def test_lines_stay_whole(tmp_path):
    entries, problems = read(tmp_path, "text='a'", "text~=a\nb\u2028c", "$.x:={a:\n 1}")
    text = entries.entries["text"].value
    assert [found.message for found in problems.diagnostics] == ["'text' is expected twice"]
    assert text.source.lines == ["--expect \"text='a'\"", "--expect 'text~=a b c'", "--expect '$.x:={a:  1}'"]
    inner = entries.entries["jsonpath"].value.entries["$.x"].value.entries["a"].value
    assert (inner.line, inner.source.line(3)[inner.column - 1]) == (3, "1")
