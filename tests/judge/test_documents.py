"""HTML and XML: what is expected of them, and what is saved from them."""

import builtins
import subprocess
import sys
import time

import pytest

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.documents import NotXml, document_of
from asgi_probe.judge.save import NotThere
from asgi_probe.judge.selectors import compile_selector
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, expectation, judge, problems, save_problems, saves, told

PAGE = """<!doctype html>
<html><head><title>  The
 Shop </title></head>
<body class="wide dark">
 <h1>Wel<b>come</b>&nbsp; back</h1>
 <ul id="items"><li class="item new" data-price="12">Nuts</li><li class="item">Bolts<li class="item">7</ul>
 <a class="next" href="/items?page=2" TITLE="Next  page"> More </a>
 <script>let a = "<li>no";</script>
 <input disabled><!-- a comment -->
 <p></p>
</body></html>"""

FEED = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" xml:lang="en">
  <title> News </title>
  <entry dc:rank="1" kind="a"><title>One</title><dc:creator>Ann</dc:creator><link href="/1"/></entry>
  <entry kind="b"><title>Two</title><link href="/2"/></entry>
  <total>2</total>
</feed>"""


def html(body=PAGE, content_type="text/html"):
    return answer(body, headers=[("Content-Type", content_type)])


def xml(body=FEED, content_type="application/xml"):
    return answer(body, headers=[("content-type", content_type)])


@pytest.mark.parametrize(
    "spec",
    [
        "{h1: Welcome back}",
        "{title: The Shop}",
        "{'#items > li': Nuts}",
        "{'li:nth-child(2)': Bolts}",
        "{'li:last-child': 7}",
        "{'li:last-child': '7'}",
        "{'li:last-child': {$gt: 6}}",
        "{'li:last-child': {$is: integer}}",
        "{li: [Nuts, Bolts, 7]}",
        "{li: {$some: Bolts, $is: unique}}",
        "{li.new: {$regex: ^N}}",
        "{p: ''}",
        "{p: {$is: [present, empty]}}",
        "{h2: {$is: absent}}",
        "{h2: {$any: [{$is: absent}, x]}}",
        "{h2: {count: 0}}",
        "{h2: {text: {$is: absent}, attr: {$is: absent}, count: 0}}",
        "{li: {count: 3, text: Nuts, attr: {class: item new, data-price: 12}}}",
        "{li: {count: {$ge: 3}}}",
        "{a.next: {attr: {href: {$starts_with: /items}, title: Next  page, rel: {$is: absent}}}}",
        "{a.next: {attr: {$exactly: {class: next, href: '/items?page=2', title: Next  page}}}}",
        "{input: {attr: {disabled: {$is: present}}}}",
        "{body: {attr: {class: {$contains: dark}}}}",
        "{'body, h1': {$contains: Welcome}}",
        "{script: {$contains: '<li>no'}}",
        "{'xpath://h1': Welcome back}",
        "{'xpath: //h1': Welcome back}",
        "{'xpath:count(//li)': 3}",
        "{'xpath:count(//li) div 2': 1.5}",
        "{'xpath:boolean(//h2)': false}",
        "{'xpath:string(//h1)': Welcome back}",
        "{'xpath:1 div 0': Infinity}",
        "{'xpath:-1 div 0': -Infinity}",
        "{'xpath:0 div 0': NaN}",
        "{'xpath://a/@href': '/items?page=2'}",
        "{'xpath://a/@title': Next  page}",
        "{'xpath://a/text()': More}",
        "{'xpath://comment()': a comment}",
        "{'xpath://comment()': {attr: {}, count: 1}}",
        "{'xpath://li/@class': [item new, item, item]}",
        "{'${x}': Bolts}",
        "{'xpath://li[${y}]': Bolts}",
        "{h1: '${name}'}",
        "{li: {count: '${three}'}}",
        "{a: {attr: '${attr}'}}",
        "'${whole}'",
    ],
)
def test_html_holds(spec):
    scope = {
        "x": "li + li",
        "y": 2,
        "three": 3,
        "name": "Welcome back",
        "attr": {"class": "next"},
        "whole": {"h1": "Welcome back", "li": {"count": 3, "attr": {"data-price": 12}}, "xpath:count(//p)": 1},
    }
    assert told(expectation(f"html: {spec}", frozenset(scope)).judge(html(), scope)) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{h1: Hello}", "html.h1: expected 'Hello', got 'Welcome back'"),
        ("{h2: Hello}", "html.h2: is missing; the page's title is 'The Shop'"),
        ("{h2: {text: x}}", "html.h2: is missing; the page's title is 'The Shop'"),
        ("{h2: {attr: {a: b}}}", "html.h2.attr: is missing; the page's title is 'The Shop'"),
        ("{'li.itm': x}", "html.li.itm: is missing; nothing has the class 'itm', did you mean 'item'?"),
        ("{'#itmes li': x}", "html.#itmes li: is missing; nothing has the id 'itmes', did you mean 'items'?"),
        ("{'ol .zebra': x}", "html.ol .zebra: is missing; nothing has the class 'zebra'"),
        ("{'ol.item': x}", "html.ol.item: is missing; the page's title is 'The Shop'"),
        ("{\"a[href='.nope']\": x}", "html.a[href='.nope']: is missing; the page's title is 'The Shop'"),
        ("{'xpath://h2': x}", "html.xpath://h2: is missing; the page's title is 'The Shop'"),
        ("{li: {count: 2}}", "html.li.count: expected 2, got 3"),
        ("{li: {count: {$lt: 2}}}", "html.li.count: expected less than 2, got 3"),
        ("{h1: {$is: absent}}", "html.h1: expected nothing there, got 'Welcome back'"),
        ("{a: {attr: {hrf: x}}}", "html.a.attr.hrf: is missing; there are: class, href, title; did you mean 'href'?"),
        ("{a: {attr: {href: /x}}}", "html.a.attr.href: expected '/x', got '/items?page=2'"),
        ("{li: [Nuts, Screws, 7]}", "html.li[1]: expected 'Screws', got 'Bolts'"),
        ("{'xpath:count(//li)': 4}", "html.xpath:count(//li): expected 4, got 3"),
        ("{'xpath:boolean(//h2)': true}", "html.xpath:boolean(//h2): expected true, got false"),
        ("{'${x}': Hello}", "html.h1: expected 'Hello', got 'Welcome back'"),
        ("'${y}'", "html.h1: expected 'Hello', got 'Welcome back'"),
    ],
)
def test_html_fails(spec, message):
    scope = {"x": "h1", "y": {"h1": "Hello"}}
    (found,) = judge(f"html: {spec}", html(), scope)
    assert told([found]) == [message]
    assert (found.path, found.line) == (None, 1)


def test_every_part_that_does_not_hold_is_told():
    found = judge("html: {li: {text: x, attr: {class: y}, count: 1}, h1: z}", html())
    assert [mismatch.where for mismatch in found] == ["html.li.count", "html.li", "html.li.attr.class", "html.h1"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "html: [h1]",
            "spec.yaml:1:7: expected a mapping from selectors to patterns, found a list (such as {h1: Welcome})",
        ),
        ("html: {'h1 >': x}", "spec.yaml:1:8: 'h1 >' is no CSS selector: expected selector, got <EOF at 4>"),
        ("html: {'p::text': x}", "spec.yaml:1:8: 'p::text' is no CSS selector: pseudo-elements are not supported."),
        ("html: {'xpath://a[': x}", "spec.yaml:1:8: '//a[' is no XPath: invalid expression"),
        ("html: {'xpath:': x}", "spec.yaml:1:8: '' is no XPath: invalid expression"),
        ("html: {'xpath:foo()': x}", "spec.yaml:1:8: 'foo()' is no XPath: unregistered function"),
        ("html: {'xpath:$a': x}", "spec.yaml:1:8: '$a' is no XPath: undefined variable"),
        (
            "html: {\"xpath:document('/etc/passwd')\": x}",
            "spec.yaml:1:8: \"document('/etc/passwd')\" is no XPath: unregistered function",
        ),
        ("html: {'xpath://a:b': x}", "spec.yaml:1:8: '//a:b' is no XPath: HTML has no namespace prefixes"),
        ("html: {'a|b': x}", "spec.yaml:1:8: 'a|b' is no CSS selector: HTML has no namespace prefixes"),
        (
            "html: {//h1: x}",
            "spec.yaml:1:8: '//h1' is no CSS selector: expected selector, got <DELIM '/' at 0>"
            " (for an XPath write 'xpath://h1')",
        ),
        ("html: {h1: {txt: x}}", "spec.yaml:1:13: unknown key 'txt' (did you mean 'text'?)"),
        ("html: {h1: {zzz: x}}", "spec.yaml:1:13: unknown key 'zzz' (it takes text, attr, count)"),
        (
            "html: {h1: {text: x, $is: present}}",
            "spec.yaml:1:22: '$is' is a matcher among plain keys (a mapping has either plain keys or matchers;"
            " {$equals: …} takes a literal that looks like a matcher)",
        ),
        (
            "html: {h1: {}}",
            "spec.yaml:1:12: expected a pattern, or a mapping with text, attr or count, found an empty mapping",
        ),
        (
            "html: {h1: {attr: href}}",
            "spec.yaml:1:19: expected a mapping from attributes to patterns, found text (such as {href: /items})",
        ),
        ("xml: {h1: {$gtt: 1}}", "spec.yaml:1:12: unknown matcher '$gtt' (did you mean '$gt'?)"),
        ("xml: {'${zz}': 1}", "spec.yaml:1:8: unknown variable 'zz' (known here: name, target, target_name, x, y)"),
    ],
)
def test_what_is_wrong_is_told_before_the_run(spec, message):
    assert problems(spec) == [message]


def test_selectors_that_nest_too_deep():
    (found,) = problems(f"html: {{? '{'a ' * 5000}b' : x}}")
    assert "is no CSS selector: it nests too deep" in found
    (found,) = problems(f"html: {{? 'xpath:{'(' * 50_000}' : x}}")
    assert "is no XPath" in found
    for text in ("//a\0", "//\ud800"):
        with pytest.raises(ValueError, match="is no XPath"):
            compile_selector(f"xpath:{text}", "html")


@pytest.mark.parametrize(
    ("spec", "scope", "message"),
    [
        ("{'${x}': 1}", {"x": "h1 >"}, "'h1 >' is no CSS selector"),
        ("'${x}'", {"x": 5}, "expected a mapping from selectors to patterns, got 5"),
        ("'${x}'", {"x": {"h1": {"txt": 1}}}, "the selector 'h1' takes text, attr, count, not 'txt'"),
        ("'${x}'", {"x": {"": 1}}, "'' is no CSS selector"),
    ],
)
def test_a_selector_from_a_variable_that_is_none(spec, scope, message):
    with pytest.raises(VariableError, match=message):
        judge(f"html: {spec}", html(), scope)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("<p>ä".encode(), "text/html", "ä"),
        ("<p>ä€".encode("cp1252"), "text/html; charset=ISO-8859-1", "ä€"),
        ("<p>ä".encode("utf-16"), "text/html; charset=latin-1", "ä"),
        (b"\xef\xbb\xbf" + "<p>ä".encode(), "text/html; charset=latin-1", "ä"),
        ("<meta charset=windows-1251><p>Д".encode("cp1251"), "text/html", "Д"),
        ("<meta http-equiv=a content='text/html; charset=koi8-r'><p>Д".encode("koi8-r"), "text/html", "Д"),
        ("<meta charset=utf-16><p>ä".encode(), "text/html", "ä"),
        ("<p>ä".encode(), "text/html; charset=klingon", "ä"),
        ("<p>ä".encode(), "text/html; charset=hex", "ä"),
        (b"<p>a\xffb", "text/html", "a\ufffdb"),
        (b"<p>a+2AA-b", "text/html; charset=utf-7", "a?b"),
        (b"<p>a\0b", "text/html", "a\ufffdb"),
        (b"<?xml version='1.0' encoding='latin-1'?><p>a", "text/html", "a"),
        (b"<p>a</b></i><table><tr><td", "text/html", "a"),
    ],
)
def test_html_is_read_as_browsers_read_it(body, content_type, text):
    assert told(judge(f"html: {{p: '{text}'}}", html(body, content_type))) == []


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("", "text/html", "html.h1: is missing; the body is empty"),
        ("<!-- x -->", "image/svg", "html.h1: is missing; it is image/svg"),
        ("hi", "application/pdf", "html.h1: is missing; the body is application/pdf"),
        ("<b>hi", "text/html", "html.h1: is missing"),
        ('{"a": 1}', "application/json; x", "html.h1: is missing; the body is application/json"),
    ],
)
def test_why_nothing_matches(body, content_type, message):
    assert told(judge("html: {h1: x}", html(body, content_type))) == [message]


def test_a_page_that_nests_deeper_than_can_be_read():
    for depth in (300, 100_000):
        with pytest.raises(Unjudgeable, match="the page nests deeper than 250 elements") as caught:
            judge("html: {p: x}", html("<div>" * depth + "<p>x"))
        assert caught.value.kind is None
        assert caught.value.node.line == 1
    assert judge("html: {p: x}", html("<div>" * 200 + "<p>x")) == []


def test_selectors_on_large_documents_are_bounded():
    page = html("<ul>" + "<li>" * 1_000_000)
    started = time.perf_counter()
    for selector in ("li:nth-child(2)", "li", "li ~ li", "xpath://li[//li]", "xpath://li/following::li"):
        with pytest.raises(Unjudgeable, match=r"the document has 1,000,00\d elements, '.*' is judged on at most"):
            judge(f"html: {{'{selector}': x}}", page)
    assert time.perf_counter() - started < 20
    smaller = html("<ul>" + "<li>" * 30_000)
    assert told(judge("html: {li: {count: 30000}, 'ul > li': {count: 30000}, li.a: {count: 0}}", smaller)) == []
    for selector, most in (("li:first-child", "5,000"), ("li ~ li", "1,500"), ("ul li", "10,000")):
        with pytest.raises(Unjudgeable, match=f"30,003 elements, '{selector}' is judged on at most {most}"):
            judge(f"html: {{'{selector}': x}}", smaller)


def test_a_body_of_which_only_the_start_was_kept():
    for key in ("html", "xml"):
        with pytest.raises(Unjudgeable) as caught:
            judge(f"{key}: {{p: x}}", answer(b"<p>x", size=5000))
        assert caught.value.kind == "too_large"


def test_a_document_is_parsed_once():
    for given, language in ((html(), "html"), (xml(), "xml")):
        assert document_of(given, language) is document_of(given, language)
    broken = xml("<a>")
    assert broken.decoded == {}
    for _ in range(2):
        with pytest.raises(NotXml):
            document_of(broken, "xml")


@pytest.mark.parametrize(
    "spec",
    [
        "{feed > title: ' News '}",
        "{'xpath:/_:feed/_:title': ' News '}",
        "{'xpath://dc:creator': Ann}",
        "{'xpath:string(//_:entry[2]/_:title)': Two}",
        "{'xpath://*[local-name()=\"total\"]': 2}",
        "{'xpath:count(//_:entry)': 2}",
        "{'xpath://entry': {$is: absent}}",
        "{entry title: One}",
        "{entry > title: [One, Two]}",
        "{entry:nth-of-type(2) title: Two}",
        "{'entry:not([kind=a]) > title': Two}",
        "{'entry:has(creator)': {attr: {kind: a}}}",
        "{'dc|creator': Ann}",
        "{'*|creator': Ann}",
        "{creator: Ann}",
        "{Entry: {count: 0}}",
        "{total: {$gt: 1}}",
        "{entry: {count: 2, attr: {'dc:rank': 1, kind: a}}}",
        "{feed: {attr: {'xml:lang': en}}}",
        "{'xpath://@dc:rank': '1'}",
        "{'xpath://_:link/@href': [/1, /2]}",
        "{'xpath://namespace::dc': http://purl.org/dc/elements/1.1/}",
    ],
)
def test_xml_holds(spec):
    assert told(judge(f"xml: {spec}", xml())) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{entry > title: Three}", "xml.entry > title: expected 'Three', got 'One'"),
        ("{item: x}", "xml.item: is missing; the document is a <feed>"),
        ("{entry: {attr: {knd: a}}}", "xml.entry.attr.knd: is missing; there are: dc:rank, kind; did you mean 'kind'?"),
    ],
)
def test_xml_fails(spec, message):
    assert told(judge(f"xml: {spec}", xml())) == [message]


def test_a_root_with_a_prefix_is_named_by_it():
    assert told(judge("xml: {b: x}", xml("<s:Envelope xmlns:s='urn:s'/>"))) == [
        "xml.b: is missing; the document is a <s:Envelope>"
    ]


def test_a_prefix_that_the_root_does_not_declare():
    for body, known in ((FEED, "it declares _, dc"), ("<a/>", "it declares none")):
        with pytest.raises(Unjudgeable) as caught:
            judge("xml: {'xpath://media:x': y}", xml(body))
        assert str(caught.value) == (
            f"'xpath://media:x' cannot be applied: the document's root does not declare a prefix in it; {known}"
        )


def test_an_xpath_that_only_a_document_shows_to_be_wrong():
    with pytest.raises(Unjudgeable, match=r"'xpath://li\[nope\(\)\]' cannot be applied: unregistered function"):
        judge("html: {'xpath://li[nope()]': y}", html())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the body is empty, not XML"),
        (" \n", "the body is empty, not XML"),
        (
            "<a>\n <b></a>",
            "the body is not XML from line 2, column 9 on: opening and ending tag mismatch: b line 2 and a",
        ),
        ("hello", "the body is not XML from line 1, column 1 on: start tag expected, '<' not found"),
        ("<a>&nbsp;</a>", "the body is not XML from line 1, column 10 on: entity 'nbsp' not defined"),
        ("<a/><b/>", "the body is not XML from line 1, column 5 on: extra content at the end of the document"),
        ("<a>" * 300 + "</a>" * 300, "the body is not XML from line 1, column 771 on: excessive depth in document"),
    ],
)
def test_where_it_stops_being_xml(body, message):
    (found,) = judge("xml: {a: x, b: y}", xml(body))
    assert (found.where, found.expected) == ("xml", "XML")
    assert found.message.startswith(message)


def test_json_and_xml_are_each_told_once():
    found = judge("json: {a: 1}\njsonpath: {$.a: 1}\nxml: {a: 1, b: 2}\nhtml: {p: hi}", answer("<p>hi"))
    assert [mismatch.where for mismatch in found] == ["json", "xml"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (FEED.replace("One", "Ä").encode(), "application/xml"),
        (FEED.replace("One", "Ä").replace("utf-8", "iso-8859-1").encode("latin-1"), "application/xml"),
        (FEED.replace("One", "Ä").encode("latin-1"), "application/xml; charset=ISO-8859-1"),
        (FEED.replace("One", "Ä").replace("utf-8", "utf-16").encode("utf-16"), "application/xml; charset=latin-1"),
        (b"\xef\xbb\xbf" + FEED.replace("One", "Ä").encode(), "application/xml; charset=latin-1"),
    ],
)
def test_charsets_of_xml(body, content_type):
    assert told(judge("xml: {entry > title: Ä}", xml(body, content_type))) == []


def test_a_charset_of_xml_that_is_unknown():
    with pytest.raises(Unjudgeable, match="the body's charset 'klingon' is unknown") as caught:
        judge("xml: {a: x}", xml("<a/>", "application/xml; charset=klingon"))
    assert caught.value.kind == "decode"


LAUGHS = "".join(f"<!ENTITY l{i} '{f'&l{i - 1};' * 10 if i else 'lol'}'>" for i in range(10))


@pytest.mark.parametrize(
    ("doctype", "text", "attribute"),
    [
        (LAUGHS, "&l9;", ""),
        (LAUGHS, "", "&l9;"),
        ("<!ENTITY x SYSTEM 'file:///etc/passwd'>", "&x;", ""),
        ("<!ENTITY x SYSTEM 'http://127.0.0.1:9/x'>", "&x;", ""),
        ("<!ENTITY x 'own'>", "&x;", ""),
        ("<!ENTITY % p SYSTEM 'http://127.0.0.1:9/x'> %p;", "&x;", ""),
        ("<!ENTITY x SYSTEM 'file:///etc/passwd'>", "", "&x;"),
    ],
)
def test_entities_are_neither_expanded_nor_fetched(doctype, text, attribute):
    started = time.perf_counter()
    given = xml(f"<!DOCTYPE a [{doctype}]><a b='{attribute}'>{text}</a>")
    try:
        found = told(judge("xml: {a: {text: {$contains: root}}}", given))
    except Unjudgeable as error:
        found = [str(error)]
    (message,) = found
    assert "is not XML" in message or "an entity of its own; those are not expanded" in message
    assert time.perf_counter() - started < 1


def test_a_dtd_is_not_loaded():
    given = xml("<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a>x</a>")
    assert judge("xml: {a: x}", given) == []


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("html.h1", "Welcome back"),
        ("html.#items > li.new", "Nuts"),
        ("html.xpath://a/@href", "/items?page=2"),
        ("html.xpath:count(//li)", 3),
        ("html.${x}", "Bolts"),
        ("{from: html.li:last-child, as: int}", 7),
        ("{from: html.a.next, default: d}", "More"),
        ("{from: html.h2, default: d}", "d"),
    ],
)
def test_saved_from_html(source, value):
    quoted = source if source.startswith("{") else f"'{source}'"
    (save,) = saves(f"v: {quoted}").values()
    assert save.take(html(), {"x": "li + li"}) == value
    assert type(save.take(html(), {"x": "li + li"})) is type(value)


def test_saved_from_xml():
    taken = saves("a: xml.entry > title\nb: 'xml.xpath://_:link/@href'\nc: {from: xml.total, as: int}")
    assert [save.take(xml(), {}) for save in taken.values()] == ["One", "/1", 2]


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        ("html.h2", html(), "nothing to save as 'v': 'h2' selects nothing; the page's title is 'The Shop'"),
        ("xml.item", xml(), "nothing to save as 'v': 'item' selects nothing; the document is a <feed>"),
        (
            "xml.item",
            xml("hi"),
            "nothing to save as 'v': the body is not XML from line 1, column 1 on: start tag expected, '<' not found",
        ),
    ],
)
def test_nothing_to_save(source, given, message):
    (save,) = saves(f"v: '{source}'").values()
    with pytest.raises(NotThere) as caught:
        save.take(given, {})
    assert str(caught.value) == message


def test_wrong_sources():
    assert save_problems("v: 'html.h1 >'") == [
        "spec.yaml:1:4: 'h1 >' is no CSS selector: expected selector, got <EOF at 4>"
    ]
    assert save_problems("v: html.//h1") == [
        "spec.yaml:1:4: '//h1' is no CSS selector: expected selector, got <DELIM '/' at 0>"
        " (for an XPath write 'html.xpath://h1')"
    ]
    assert save_problems("v: htm.h1") == ["spec.yaml:1:4: 'htm.h1' is no source (did you mean 'html.h1'?)"]
    with pytest.raises(VariableError, match="is no CSS selector"):
        saves("v: 'html.${x}'")["v"].take(html(), {"x": "h1 >"})


@pytest.mark.parametrize("missing", ["lxml", "cssselect"])
def test_without_the_packages_their_names_are_told(monkeypatch, missing):
    compile_selector.cache_clear()
    real = builtins.__import__

    def no_import(name, *args, **given):
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return real(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", no_import)
    advice = f"needs the package {missing}: pip install 'asgi-probe[html]'"
    assert problems("html: {h1: x, h2: y}\nxml: {a: b}") == [
        f"spec.yaml:1:7: 'html' {advice}",
        f"spec.yaml:2:6: 'xml' {advice}",
    ]
    assert save_problems("v: html.h1") == [f"spec.yaml:1:4: 'html' {advice}"]


def test_nothing_optional_is_imported_before_it_is_used():
    code = (
        "import sys, asgi_probe.judge.expectation, asgi_probe.judge.save;"
        "print([name for name in ('lxml', 'cssselect', 'jsonschema_rs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
