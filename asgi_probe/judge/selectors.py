"""CSS selectors and XPath: compiled once, applied to HTML and XML."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.written import printable, quoted

if TYPE_CHECKING:
    from cssselect import GenericTranslator

    from asgi_probe.judge.documents import Document, Language

_XPATH = "xpath:"
_MOST_ELEMENTS = 200_000
_MOST_COMPARED = 5_000
_MOST_NESTED = 10_000
_MOST_GATHERED = 1_500
"""What libxml2 does in about a second where its work grows with the square and with the cube of the elements."""
_BESIDE = re.compile(r"sibling::|preceding::|following::|ancestor|parent::|\.\.")
_BELOW = re.compile(r"//|descendant|ancestor")


class NeedsPackage(ValueError):  # noqa: N818 - says what it does
    """An optional package that is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selector:
    """A selector as it was written, and the XPath that it is."""

    text: str
    xpath: str
    language: Language

    def select(self, document: Document) -> list[Any]:
        """The matches in document order; what an XPath works out (a number, a boolean, a text) is the only one."""
        if document.root is None:
            return []
        self._refuse_large(document)
        from lxml import etree  # type: ignore[import-untyped] # it ships no types

        try:
            found = _compiled(self.xpath, tuple(sorted(document.prefixes.items())))(document.root)
        except etree.XPathError as error:
            raise Unjudgeable(None, self._why(error, document)) from None
        return found if isinstance(found, list) else [found]

    def _refuse_large(self, document: Document) -> None:
        most = _most(self.xpath)
        if document.elements > most:
            size = f"{document.elements:,} elements, {quoted(self.text)} is judged on at most {most:,}"
            raise Unjudgeable(None, f"the document has {size}")

    def _why(self, error: Exception, document: Document) -> str:
        reason = _reason(error)
        if reason == _NO_PREFIX:
            known = f"it declares {', '.join(document.prefixes)}" if document.prefixes else "it declares none"
            reason = f"the document's root does not declare a prefix in it; {printable(known)[:200]}"
        return f"{quoted(self.text)} cannot be applied: {reason}"


@lru_cache(maxsize=512)
def _most(xpath: str) -> int:
    """How many elements a document may have: fewer where it may look at every other element for each element."""
    inside, outside = _predicates(xpath), _predicates(xpath, inside=False)
    if _BESIDE.search(outside):
        return _MOST_GATHERED
    if len(_BELOW.findall(outside)) > 1 and not (_BESIDE.search(inside) or _BELOW.search(inside)):
        return _MOST_NESTED
    return _MOST_COMPARED if _BESIDE.search(inside) or _BELOW.search(inside) else _MOST_ELEMENTS


def _predicates(xpath: str, *, inside: bool = True) -> str:
    """What stands in square brackets, or all else."""
    found, depth = [], 0
    for char in xpath:
        depth += (char == "[") - (char == "]")
        if (depth > 0) is inside:
            found.append(char)
    return "".join(found)


_NO_PREFIX = "undefined namespace prefix"


def _reason(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


@lru_cache(maxsize=512)
def _compiled(xpath: str, prefixes: tuple[tuple[str, str], ...]) -> Any:
    from lxml import etree

    return etree.XPath(xpath, namespaces=dict(prefixes), regexp=False)


@lru_cache(maxsize=1024)
def compile_selector(text: str, language: Language) -> Selector:
    """The selector of a text; a ValueError says what is wrong with it, NeedsPackage what is not installed."""
    need_packages(language)
    if not text.startswith(_XPATH):
        return Selector(text, _css(text, language), language)
    xpath = text.removeprefix(_XPATH).strip()
    _try(xpath, language)
    return Selector(text, xpath, language)


def need_packages(language: str) -> None:
    """NeedsPackage unless what parses and selects is installed."""
    for name in ("lxml", "cssselect"):
        try:
            __import__(name)
        except ImportError:
            message = f"{language!r} needs the package {name}: pip install 'asgi-probe[html]'"
            raise NeedsPackage(message) from None


def _css(text: str, language: Language) -> str:
    from cssselect import SelectorError

    try:
        xpath = _translator(language).css_to_xpath(text)
    except (SelectorError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else _reason(error)
        raise ValueError(f"{quoted(text)} is no CSS selector: {reason}") from None
    _try(xpath, language, text)
    return xpath


def _try(xpath: str, language: Language, written: str = "") -> None:
    """Apply it to an empty document: that tells more than compiling does."""
    from lxml import etree

    try:
        _compiled(xpath, ())(etree.Element("html"))
    except (etree.LxmlError, ValueError) as error:
        reason = _reason(error)
        if reason == _NO_PREFIX and language == "xml":
            return
        if reason == _NO_PREFIX:
            reason = "HTML has no namespace prefixes"
        raise ValueError(
            f"{quoted(written or xpath)} is no {'CSS selector' if written else 'XPath'}: {reason}"
        ) from None


@cache
def _translator(language: Language) -> GenericTranslator:
    """For XML one whose plain names match in every namespace, as in browsers."""
    from cssselect import GenericTranslator, HTMLTranslator

    class AnyNamespace(GenericTranslator):
        """Translates `title` to a title of any namespace, `dc|title` to one of that prefix."""

        def xpath_element(self, selector: Any) -> Any:
            if selector.element is None or selector.namespace is not None:
                return super().xpath_element(selector)
            return self.xpathexpr_cls(element=f"*[local-name() = {self.xpath_literal(selector.element)}]")

    return HTMLTranslator() if language == "html" else AnyNamespace()


def content(match: Any, language: Language) -> Any:
    """What a match says: an element's text, in HTML with its runs of blanks made one; a number as JSON has it."""
    if isinstance(match, float):
        return _number(match)
    if isinstance(match, bool):
        return match
    if getattr(match, "is_attribute", False):
        return str(match)
    text = _text(match)
    return " ".join(text.split()) if language == "html" else text


def _number(number: float) -> Any:
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return int(number) if number.is_integer() else number


def _text(match: Any) -> str:
    if isinstance(match, str):
        return str(match)
    if isinstance(match, tuple):
        return str(match[1])
    if isinstance(match.tag, str):
        return str(_compiled("string()", ())(match))
    return str(match.text or "")


def attributes(match: Any) -> dict[str, str]:
    """An element's attributes by their names as they are written, prefix and all."""
    if not isinstance(getattr(match, "tag", None), str):
        return {}
    prefixes = {uri: prefix for prefix, uri in match.nsmap.items() if prefix} | {_XML: "xml"}
    return {_written(str(name), prefixes): str(value) for name, value in match.attrib.items()}


_XML = "http://www.w3.org/XML/1998/namespace"


def _written(name: str, prefixes: dict[str, str]) -> str:
    uri, brace, local = name.removeprefix("{").partition("}")
    return f"{prefixes.get(uri, uri)}:{local}" if brace else name


_NAME = re.compile(r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"|([#.])(-?[A-Za-z_][\w-]*)")
_LOOKED_AT = 10_000


def why_nothing(selector: Selector, document: Document) -> str:
    """A hint on why nothing matches: an id or a class that nothing has, else what page it is."""
    if document.root is None:
        return "; the body is empty" if document.media_type in ("", "text/html") else f"; it is {document.media_type}"
    near = "" if selector.text.startswith(_XPATH) else _near(selector.text, document)
    return near or _what(document)


def _near(text: str, document: Document) -> str:
    for found in _NAME.finditer(text):
        mark, name = found.groups()
        if mark is None:
            continue
        known = _known("id" if mark == "#" else "class", document)
        if name not in known:
            guess = did_you_mean(name, known)
            return f"; nothing has the {'id' if mark == '#' else 'class'} {name!r}" + (f", {guess}" if guess else "")
    return ""


def _known(attribute: str, document: Document) -> dict[str, None]:
    names: dict[str, None] = {}
    for _, element in zip(range(_LOOKED_AT), document.root.iter("*"), strict=False):
        names.update(dict.fromkeys(element.get(attribute, "").split()))
    return names


def _what(document: Document) -> str:
    if document.language == "xml":
        root = document.root
        return f"; the document is a <{printable(f'{root.prefix}:' * bool(root.prefix) + _local(root.tag))[:80]}>"
    title = next(document.root.iter("title"), None)
    if title is not None:
        return f"; the page's title is {quoted(content(title, 'html'))}"
    odd = document.media_type not in ("", "text/html", "application/xhtml+xml")
    return f"; the body is {printable(document.media_type)[:80]}" if odd else ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
