"""`save`: values taken out of an answer, to be variables of later steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_probe.errors import ProbeError
from asgi_probe.judge.body import Unjudgeable, json_of, text_of
from asgi_probe.judge.claims import cookies_of, header_of, headers_of, why_missing
from asgi_probe.judge.decoding import Undecodable, decode_jwt
from asgi_probe.judge.documents import NotXml, document_of
from asgi_probe.judge.jsonpath import Query, compile_query
from asgi_probe.judge.kinds import is_integer
from asgi_probe.judge.patterns import neighbours, read_scalar
from asgi_probe.judge.selectors import Selector, compile_selector, content, why_nothing
from asgi_probe.judge.values import ABSENT, is_number, kind_of, show
from asgi_probe.spec import source as spec
from asgi_probe.spec.exact_json import NotJson, read_json, with_room
from asgi_probe.spec.regexes import Regex
from asgi_probe.spec.source import Mapping, Scalar, did_you_mean
from asgi_probe.spec.template import VariableError
from asgi_probe.spec.variables import check_name
from asgi_probe.spec.written import as_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Scope

    from asgi_probe.exchange import Answer
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.template import Compilation, Value


class NotThere(ProbeError):  # noqa: N818 - says what the value is
    """A value to be saved that is not in the answer, or not of the kind that was asked for."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class Missing(ProbeError):  # noqa: N818 - says what the value is
    """Why a source has nothing to give."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Save:
    """One value to be saved under a name."""

    name: str
    node: Node
    source: Callable[[Answer], Any] | Value
    regex: Value | None = None
    form: str | None = None
    default: Value | None = None
    secret: bool = False

    def take(self, answer: Answer, scope: Scope[str, Any]) -> Any:
        """The value; raises NotThere where there is none, Unjudgeable where the body cannot be read, VariableError."""
        try:
            return with_room(partial(self._take, answer, scope))
        except Unjudgeable as error:
            error.node = error.node or self.node
            raise
        except TimeoutError as error:
            raise Unjudgeable(None, str(error), self.node) from None

    def _take(self, answer: Answer, scope: Scope[str, Any]) -> Any:
        try:
            found = self._searched(self._found(answer, scope), scope)
        except (Missing, NotJson, NotXml) as error:
            if self.default is not None:
                return self.default.render(scope)
            raise NotThere(f"nothing to save as {self.name!r}: {error}", self.node) from None
        return found if self.form is None else self._formed(found, self.form)

    def _found(self, answer: Answer, scope: Scope[str, Any]) -> Any:
        if callable(self.source):
            return self.source(answer)
        text = self.source.render(scope)
        try:
            return read_source(text)(answer)
        except ValueError as error:
            raise VariableError(str(error), self.node) from None

    def _searched(self, found: Any, scope: Scope[str, Any]) -> Any:
        """The first group of the regex, else the match."""
        if self.regex is None:
            return found
        match = _compiled(self.regex, scope).search(as_text(found))
        if match is None:
            raise Missing(f"the regex {self.regex.render(scope)!r} matches nothing in {show(found)}")
        if match.re.groups == 0:
            return match[0]
        if match[1] is None:
            raise Missing(
                f"the first group of {self.regex.render(scope)!r} took no part in the match of {show(match[0])}"
            )
        return match[1]

    def _formed(self, found: Any, form: str) -> Any:
        try:
            return FORMS[form](found)
        except (ValueError, NotJson, Undecodable) as error:
            reason = f": {error}" if isinstance(error, (NotJson, Undecodable)) else ""
            raise NotThere(f"{show(found)} cannot be saved as {form}{reason}", self.node) from None


def _compiled(regex: Value, scope: Scope[str, Any]) -> Regex:
    try:
        return Regex.compile(as_text(regex.render(scope)))
    except ValueError as error:
        raise VariableError(f"the regex does not compile: {error}", regex.node) from None


_LONGEST = 10**400


def _as_int(found: Any) -> int:
    number = read_scalar(found.strip()) if isinstance(found, str) else found
    if not is_integer(number) or not -_LONGEST < number < _LONGEST:
        raise ValueError
    return int(number)


def _as_float(found: Any) -> float:
    number = read_scalar(found.strip()) if isinstance(found, str) else found
    if not is_number(number):
        raise ValueError
    try:
        return float(number)
    except OverflowError:
        raise ValueError from None


def _as_bool(found: Any) -> bool:
    value = read_scalar(found.strip().lower()) if isinstance(found, str) else found
    if isinstance(value, bool):
        return value
    if is_number(value) and value in (0, 1):
        return bool(value)
    raise ValueError


def _as_json(found: Any) -> Any:
    return read_json(found) if isinstance(found, str) else found


def _as_jwt(found: Any) -> Any:
    if not isinstance(found, str):
        raise Undecodable(f"is not a JWT but {kind_of(found)}")
    return decode_jwt(found)


FORMS: dict[str, Callable[[Any], Any]] = {
    "int": _as_int,
    "float": _as_float,
    "text": as_text,
    "bool": _as_bool,
    "json": _as_json,
    "jwt": _as_jwt,
}
"""What `as` makes of a value."""


def _from_path(query: Query, answer: Answer) -> Any:
    document = json_of(answer)
    found = query.take(document)
    if found is ABSENT:
        raise Missing(f"{query.text} is missing{why_missing(query, document)}")
    return found


def _from_header(name: str, answer: Answer) -> Any:
    found = header_of(answer, name)
    if found is ABSENT:
        raise Missing(f"the header {name!r} is missing{neighbours(name.lower(), headers_of(answer))}")
    return found


def _from_cookie(name: str, answer: Answer) -> Any:
    cookies = cookies_of(answer)
    if name not in cookies:
        raise Missing(f"the cookie {name!r} is missing{neighbours(name, cookies)}")
    return cookies[name]["value"]


def _from_token(query: Query, answer: Answer) -> Any:
    try:
        token = decode_jwt(text_of(answer).strip().strip('"'))
    except Undecodable as error:
        raise Missing(f"the body {error}") from None
    found = query.take(token)
    if found is ABSENT:
        raise Missing(f"{query.text} is missing in the token{why_missing(query, token)}")
    return found


def _from_document(selector: Selector, answer: Answer) -> Any:
    document = document_of(answer, selector.language)
    matches = selector.select(document)
    if not matches:
        raise Missing(f"{show(selector.text)} selects nothing{why_nothing(selector, document)}")
    return content(matches[0], selector.language)


_PLAIN: dict[str, Callable[[Answer], Any]] = {
    "status": lambda answer: answer.status,
    "text": text_of,
    "json": json_of,
    "url": lambda answer: answer.url,
    "time": lambda answer: answer.time,
}
_NAMED: dict[str, Callable[[str, Answer], Any]] = {"header": _from_header, "cookie": _from_cookie}
SOURCES = (*_PLAIN, *(f"{name}.NAME" for name in _NAMED), "html.SELECTOR", "xml.SELECTOR", "jwt.PATH", "$.PATH")


def read_source(text: str) -> Callable[[Answer], Any]:
    """What takes a source out of an answer; a ValueError says what is wrong with the source."""
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith("$"):
        return partial(_from_path, _query(text, text))
    kind, dot, rest = text.partition(".")
    if dot and rest and kind in _NAMED:
        return partial(_NAMED[kind], rest)
    if dot and rest and (kind == "html" or kind == "xml"):
        return partial(_from_document, compile_selector(rest, kind))
    if dot and rest and kind == "jwt":
        return partial(_from_token, _query(f"$.{rest}", text))
    raise ValueError(f"{show(text)} is no source")


def _query(path: str, written: str) -> Query:
    try:
        return compile_query(path)
    except ValueError as error:
        raise ValueError(f"{show(written)} is no JSONPath: {error}") from None


def compile_saves(entries: dict[str, Entry], compilation: Compilation) -> tuple[Save, ...]:
    """The saves of a step; what is wrong with them is reported, but for keys, which whoever read the spec has told."""
    found = [_compile(name, entry, compilation) for name, entry in entries.items()]
    return tuple([save for save in found if save is not None])


def _compile(name: str, entry: Entry, c: Compilation) -> Save | None:
    check_name(entry, c.problems)
    node = entry.value
    if isinstance(node, Mapping):
        return _compile_long(name, node, c)
    source = _source(node, c)
    return None if source is None else Save(name, node, source)


def _source(node: Node, c: Compilation) -> Callable[[Answer], Any] | Value | None:
    if isinstance(node, Scalar) and c.is_dynamic(node):
        return c.text(node)
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        c.problems.add(node, f"expected a source, found {spec.kind_of(node)}", _known_sources())
        return None
    try:
        return read_source(c.text(node).render({}))
    except ValueError as error:
        c.problems.add(node, str(error), _source_hint(node.value))
        return None


def _source_hint(text: str) -> str:
    if text.startswith("$"):
        return "such as '$.items[0].id'"
    kind, dot, rest = text.partition(".")
    if dot and rest and kind in ("html", "xml"):
        return f"for an XPath write '{kind}.xpath:{rest}'" if rest.startswith("/") else ""
    if dot and rest and kind in (*_PLAIN, "json"):
        return f"for a part of the JSON write '$.{rest}'"
    near = did_you_mean(kind, (*_PLAIN, *_NAMED, "html", "xml", "jwt"))
    if near and dot and rest:
        return near.replace("'?", f".{rest}'?")
    return near or _known_sources()


def _known_sources() -> str:
    return f"there are: {', '.join(SOURCES)}"


def _compile_long(name: str, node: Mapping, c: Compilation) -> Save | None:
    given = {key: entry.value for key, entry in node.entries.items()}
    origin = given.get("from")
    if origin is None:
        return None
    source = _source(origin, c)
    regex = _regex(given["regex"], c) if "regex" in given else None
    form = _form(given["as"], c) if "as" in given else None
    default = c.value(given["default"]) if "default" in given else None
    secret = _secret(given["secret"], c) if "secret" in given else False
    return None if source is None else Save(name, origin, source, regex, form, default, secret)


def _regex(node: Node, c: Compilation) -> Value | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        c.problems.add(node, f"expected a regex, found {spec.kind_of(node)}", "quote it")
        return None
    value = c.text(node)
    if value.constant:
        try:
            Regex.compile(value.render({}))
        except ValueError as error:
            c.problems.add(node, f"the regex does not compile: {error}")
    return value


def _form(node: Node, c: Compilation) -> str | None:
    form = spec.data(node)
    if isinstance(form, str) and form in FORMS:
        return form
    hint = did_you_mean(str(form), FORMS) or f"there are: {', '.join(FORMS)}"
    c.problems.add(node, f"expected what to save it as, found {show(form)}", hint)
    return None


def _secret(node: Node, c: Compilation) -> bool:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    c.problems.add(node, f"expected true or false, found {spec.kind_of(node)}")
    return False
