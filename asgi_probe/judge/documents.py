"""Bodies as HTML and as XML, parsed once, and nothing that a hostile one can make of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.errors import ProbeError
from asgi_probe.judge.body import Unjudgeable, body_of, charset_of, marked
from asgi_probe.spec.written import printable

if TYPE_CHECKING:
    from asgi_probe.exchange import Answer

Language = Literal["html", "xml"]


class NotXml(ProbeError):  # noqa: N818 - says what the body is
    """A body that is not XML: the reason, and where it stops being XML."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Document:
    """A parsed body.

    `root` is None for a page without a single element. `prefixes` are those that the root declares, `_` stands for its
    default namespace.
    """

    language: Language
    root: Any
    prefixes: dict[str, str]
    elements: int
    media_type: str


def document_of(answer: Answer, language: Language) -> Document:
    """The body as HTML, read as leniently as browsers do, or as XML; NotXml where it is none."""
    known = answer.decoded.get(language)
    if known is None:
        known = answer.decoded[language] = _html(answer) if language == "html" else _xml(answer)
    if isinstance(known, NotXml):
        raise known
    document: Document = known
    return document


def _document(language: Language, root: Any, answer: Answer) -> Document:
    if root is None:
        return Document(language, None, {}, 0, _media_type(answer))
    prefixes = {prefix or "_": uri for prefix, uri in root.nsmap.items()} if language == "xml" else {}
    return Document(language, root, prefixes, int(root.xpath("count(//*)")), _media_type(answer))


def _media_type(answer: Answer) -> str:
    found = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip().lower()


# HTML

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_WINDOWS = frozenset({"ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1", "iso_8859-1"})
"""What browsers read as windows-1252."""


def _html(answer: Answer) -> Document:
    from lxml import etree  # type: ignore[import-untyped] # it ships no types

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    root = etree.fromstring(_html_text(answer).encode(errors="replace"), parser)
    _refuse_deep(parser)
    return _document("html", root, answer)


def _refuse_deep(parser: Any) -> None:
    """What lies deeper than libxml2 goes would be missing without a word."""
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise Unjudgeable(None, "the page nests deeper than 250 elements")


def _html_text(answer: Answer) -> str:
    """By the byte order mark, the content type, the page's own word, else UTF-8; an unknown charset counts for none."""
    body = body_of(answer)
    mark, charset = marked(body) or (b"", None)
    for name in (charset, charset_of(answer), _told(body)):
        if name is None:
            continue
        try:
            return body[len(mark) :].decode("cp1252" if name.lower() in _WINDOWS else name, errors="replace")
        except (LookupError, ValueError):
            continue
    return body.decode(errors="replace")


def _told(body: bytes) -> str | None:
    """The charset in a `<meta>`: what could be read there is none of two bytes a character."""
    found = _META.search(body[:1024])
    name = found[1].decode() if found else None
    return None if name is None or name.lower().startswith(("utf-16", "utf-32")) else name


# XML


def _xml(answer: Answer) -> Document | NotXml:
    from lxml import etree

    body = body_of(answer)
    if not body.strip():
        return NotXml("the body is empty, not XML")
    try:
        root = etree.fromstring(body, _xml_parser(answer, body))
    except etree.XMLSyntaxError as error:
        return _not_xml(error)
    own = next(root.iter(etree.Entity), None)
    if own is not None:
        raise Unjudgeable(None, f"the XML uses {own.text[:80]!r}, an entity of its own; those are not expanded")
    return _document("xml", root, answer)


def _xml_parser(answer: Answer, body: bytes) -> Any:
    """A parser that reads nothing but the body; the content type's charset counts for more than the XML's own word."""
    from lxml import etree

    charset = None if marked(body) else charset_of(answer)
    try:
        return etree.XMLParser(
            encoding=charset, resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False
        )
    except LookupError:
        raise Unjudgeable("decode", f"the body's charset {charset!r} is unknown") from None


_PLACE = re.compile(r", line \d+, column \d+$")


def _not_xml(error: Any) -> NotXml:
    line, column = error.position
    reason = printable(_PLACE.sub("", str(error.msg)).strip().rstrip("."))[:200]
    return NotXml(f"the body is not XML from line {line:,}, column {column:,} on: {reason[:1].lower()}{reason[1:]}")
