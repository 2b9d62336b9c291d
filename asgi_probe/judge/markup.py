"""`expect.html` and `expect.xml`: what is claimed of the elements that a selector leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.claims import NOTHING, RenderedClaims, rendered
from asgi_probe.judge.compiler import Patterns, is_matcher
from asgi_probe.judge.documents import document_of
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.patterns import ObjectPattern, explain_missing
from asgi_probe.judge.selectors import (
    NeedsPackage,
    Selector,
    attributes,
    compile_selector,
    content,
    need_packages,
    why_nothing,
)
from asgi_probe.judge.values import ABSENT, show
from asgi_probe.spec.source import Mapping, Scalar, did_you_mean, kind_of
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as Scope

    from asgi_probe.exchange import Answer
    from asgi_probe.judge.claims import Claim
    from asgi_probe.judge.documents import Document, Language
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value

PARTS = ("text", "attr", "count")
"""What can be asked of a selector's matches."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Element:
    """Patterns on the first match's text and attributes, and on the number of matches."""

    node: Node
    language: Language
    selector: Selector | Value
    text: Pattern | None = None
    attr: Pattern | None = None
    count: Pattern | None = None
    of_body: bool = True

    def where_in(self, scope: Scope[str, Any]) -> str:
        written = self.selector.text if isinstance(self.selector, Selector) else rendered(self.selector, scope)
        return f"{self.language}.{written}"

    def judge(self, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
        selector = self._selector(scope)
        document = document_of(answer, self.language)
        matches = selector.select(document)
        findings = Findings(self.where_in(scope), scope)
        if self.count is not None and not self.count.holds(len(matches), scope):
            self.count.explain(len(matches), ("count",), findings)
        if self.text is not None:
            _judge(self.text, self._text(matches, self.text, scope), (), findings, selector, document)
        if self.attr is not None:
            value: Any = attributes(matches[0]) if matches else ABSENT
            _judge(self.attr, value, ("attr",), findings, selector, document)
        return findings.finish() if findings.mismatches else NOTHING

    def _selector(self, scope: Scope[str, Any]) -> Selector:
        if isinstance(self.selector, Selector):
            return self.selector
        return _selector_of(rendered(self.selector, scope), self.language, self.selector.node)

    def _text(self, matches: list[Any], pattern: Pattern, scope: Scope[str, Any]) -> Any:
        """The first match's text; all matches' where only a list will do."""
        if not matches:
            return ABSENT
        if pattern.wants_list(scope):
            return [content(match, self.language) for match in matches]
        return content(matches[0], self.language)


def _judge(
    pattern: Pattern, value: Any, path: tuple[Any, ...], findings: Findings, selector: Selector, document: Document
) -> None:
    if pattern.holds(value, findings.scope):
        return
    if value is ABSENT:
        explain_missing(pattern, why_nothing(selector, document), path, findings)
    else:
        pattern.explain(value, path, findings)


def _selector_of(text: str, language: Language, node: Node) -> Selector:
    try:
        return compile_selector(text, language)
    except ValueError as error:
        raise VariableError(str(error), node) from None


def compile_html(entry: Entry, c: Compilation) -> Iterator[Claim]:
    """The claims of `html`."""
    return _claims(entry.value, "html", c)


def compile_xml(entry: Entry, c: Compilation) -> Iterator[Claim]:
    """The claims of `xml`."""
    return _claims(entry.value, "xml", c)


def _claims(node: Node, language: Language, c: Compilation) -> Iterator[Claim]:
    what = "selectors"
    if not _installed(node, language, c):
        return
    if isinstance(node, Scalar) and c.is_dynamic(node):
        yield RenderedClaims(node, language, c.value(node), what, "text", _by_shape(language), of_body=True)
    elif isinstance(node, Mapping):
        for text, item in node.entries.items():
            selector = c.text(item.key) if "${" in text else _selector(text, language, item, c)
            parts = _parts(item.value, c)
            if selector is not None:
                yield _element(item.value, language, selector, parts)
    else:
        hint = "such as {h1: Welcome}"
        c.problems.add(node, f"expected a mapping from {what} to patterns, found {kind_of(node)}", hint)


def _element(node: Node, language: Language, selector: Selector | Value, parts: dict[str, Pattern]) -> Element:
    return Element(node, language, selector, parts.get("text"), parts.get("attr"), parts.get("count"))


def _installed(node: Node, language: Language, c: Compilation) -> bool:
    try:
        need_packages(language)
    except NeedsPackage as error:
        c.problems.add(node, str(error))
        return False
    return True


def _selector(text: str, language: Language, item: Entry, c: Compilation) -> Selector | None:
    try:
        return compile_selector(text, language)
    except ValueError as error:
        near = f"for an XPath write 'xpath:{text}'" if text.startswith(("/", "(", "count(", "string(")) else ""
        c.problems.add(item, str(error), near)
        return None


def _parts(node: Node, c: Compilation) -> dict[str, Pattern]:
    """The patterns on a selector's matches; anything but a mapping with plain keys is one on the text."""
    if not isinstance(node, Mapping) or any(is_matcher(key) for key in node.entries):
        return {"text": Patterns(c, "text").pattern(node)}
    if not node.entries:
        c.problems.add(node, "expected a pattern, or a mapping with text, attr or count, found an empty mapping")
    found = {}
    for key, entry in node.entries.items():
        if key in PARTS:
            found[key] = Patterns(c, "json" if key == "count" else "text").pattern(entry.value)
        else:
            c.problems.add(entry, f"unknown key {key!r}", did_you_mean(key, PARTS) or f"it takes {', '.join(PARTS)}")
    attr = node.entries.get("attr")
    if attr is not None and not isinstance(attr.value, Mapping) and not c.is_dynamic(attr.value):
        hint = "such as {href: /items}"
        c.problems.add(attr.value, f"expected a mapping from attributes to patterns, found {kind_of(attr.value)}", hint)
    return found


def _by_shape(language: Language) -> Callable[[Node, str, Pattern], Claim]:
    def claim(node: Node, name: str, pattern: Pattern) -> Claim:
        selector = _selector_of(name, language, node)
        if not isinstance(pattern, ObjectPattern):
            return Element(node, language, selector, pattern)
        members = dict(pattern.members)
        odd = next((key for key in members if key not in PARTS), None)
        if odd is not None:
            raise VariableError(f"the selector {show(name)} takes {', '.join(PARTS)}, not {show(odd)}", node)
        return _element(node, language, selector, members)

    return claim
