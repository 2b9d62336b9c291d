"""What is wrong with text that is not YAML, in words that help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asgi_probe.spec.source import Diagnostic, Location

if TYPE_CHECKING:
    from yaml import MarkedYAMLError
    from yaml.error import Mark

    from asgi_probe.spec.source import Source

_QUOTE = "quote the text if it is meant as it stands"
_WORDS = (
    ("exceeded maximum nesting depth", "nested deeper than 100 levels", ""),
    ("mapping values are not allowed", "a second ': ' where one value was expected",
     "quote the text if the colon belongs to it, else check the indentation"),
    ("block sequence entries are not allowed", "a list cannot begin here", "put it on a line of its own"),
    ("found unexpected end of stream", "the quote is never closed", "close it with the same quote"),
    ("found unexpected document indicator", "a line of '---' or '...' inside quoted text", "indent it"),
    ("found unknown escape character", "an unknown escape inside double quotes",
     "double the backslash, or use single quotes"),
    ("invalid Unicode character escape code", "an escape that is no character", "use the code of one character"),
    ("did not find expected hexdecimal number", "an escape whose hex digits are missing",
     "double the backslash, or use single quotes"),
    ("found undefined tag handle", "a tag that is not known", "tags are not needed here"),
    ("did not find expected '-' indicator", "expected '- ' for the next item of the list",
     "check the indentation of this line"),
    ("did not find expected key", "expected a key, or the end of this mapping",
     "check the indentation of this line and the quotes before it"),
    ("could not find expected ':'", "expected ': ' after a key", "check this line and the one before it"),
    ("did not find expected node content", "expected a value", _QUOTE),
    ("did not find expected <document start>", "expected the end of the file", "check the indentation of this line"),
    ("did not find expected comment or line break", "expected the end of the line after '|' or '>'",
     "begin the text on the next line"),
    ("found incompatible YAML document", "another version of YAML", "leave the '%YAML' line out"),
)  # fmt: skip
_STARTS = {
    "\t": ("a tab where only spaces can indent", "indent with spaces"),
    "@": ("text cannot begin with '@'", "quote it"),
    "`": ("text cannot begin with '`'", "quote it"),
    "%": ("text cannot begin with '%'", "quote it"),
}
_OPEN, _CLOSE = "{[", "}]"
_LONGEST_SHOWN = 70


def describe(error: MarkedYAMLError, source: Source) -> Diagnostic:
    """The parser's complaint as a diagnostic at the place to look at."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "cannot be read"
    if mark is None:
        return Diagnostic(Location(source, 1, 1), f"this is not YAML: {problem}")
    return (
        _unquoted(problem, mark, source)
        or _unclosed(problem, error.context_mark, source)
        or _start(problem, mark, source)
        or _in_words(problem, mark, error.context_mark, source)
    )


def _in_words(problem: str, mark: Mark, context: Mark | None, source: Source) -> Diagnostic:
    for known, message, hint in _WORDS:
        if known in problem:
            at = context if "quote is never closed" in message and context else mark
            return Diagnostic(_at(source, at), message, hint)
    return Diagnostic(_at(source, mark), f"this is not YAML: {problem}")


def _at(source: Source, mark: Mark) -> Location:
    """The mark's place; what is missing at the end of the file is told at the end of its last line."""
    line, column = mark.line + 1, mark.column + 1
    if line > len(source.lines) > 0:
        return Location(source, len(source.lines), max(1, len(source.lines[-1])))
    return Location(source, line, column)


def _start(problem: str, mark: Mark, source: Source) -> Diagnostic | None:
    if "cannot start any token" not in problem:
        return None
    found = source.line(mark.line + 1)[mark.column : mark.column + 1]
    message, hint = _STARTS.get(found, (f"nothing can begin with {found!r}", "quote it"))
    return Diagnostic(_at(source, mark), message, hint)


def _unclosed(problem: str, context: Mark | None, source: Source) -> Diagnostic | None:
    """A `{` or `[` whose end never came."""
    if context is None or "expected ',' or" not in problem:
        return None
    bracket = source.line(context.line + 1)[context.column : context.column + 1]
    closing = {"{": "}", "[": "]"}.get(bracket)
    if closing is None:
        return None
    message = f"expected ',' or {closing!r} in what this {bracket!r} begins"
    return Diagnostic(_at(source, context), message, "close it, or quote the text inside")


def _unquoted(problem: str, mark: Mark, source: Source) -> Diagnostic | None:
    """Text with a bracket or `?` inside `{…}` or `[…]`, which wants quotes there."""
    line = source.line(mark.line + 1)
    if "expected ',' or" not in problem or line[mark.column : mark.column + 1] not in (*_OPEN, "?"):
        return None
    start, end = _begin(line, mark.column), _end(line, mark.column)
    text = line[start:end].rstrip()
    if not text or text[0] in "\"'{[":
        return None
    message = f"{text!r} wants quotes inside {{…}} and […]"
    return Diagnostic(
        Location(source, mark.line + 1, start + 1, len(text)), message, f"quote it: {_shown(line, start, text)}"
    )


def _begin(line: str, column: int) -> int:
    """Where the text around a column begins: after `{`, `[`, `,` or `: `."""
    found = max(line.rfind(mark, 0, column) + len(mark) for mark in ("{", "[", ",", ": "))
    return found + len(line[found:column]) - len(line[found:column].lstrip())


def _end(line: str, column: int) -> int:
    """Where the text around a column ends: before a `,`, a `: ` or a closing bracket that is not its own."""
    depth = 0
    for position in range(column, len(line)):
        char = line[position]
        if char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth -= 1
        if depth < 0 or (depth == 0 and (char == "," or line[position : position + 2] == ": ")):
            return position
    return len(line)


def _shown(line: str, start: int, text: str) -> str:
    """The innermost `{…}` or `[…]` with the text quoted, or just the text where that is long or has more to quote."""
    quote = "'" if '"' in text or "\\" in text else '"'
    quoted = f"{quote}{text}{quote}"
    opened = max(line.rfind("{", 0, start), line.rfind("[", 0, start))
    whole = re.sub(r"\s+", " ", line[opened:start] + quoted + line[start + len(text) : _last(line, start + len(text))])
    if opened < 0 or len(whole) > _LONGEST_SHOWN or whole.count("${") > 1:
        return quoted
    return whole


def _last(line: str, column: int) -> int:
    """Just after the bracket that closes what is open at a column."""
    depth = 0
    for position in range(column, len(line)):
        depth += (line[position] in _OPEN) - (line[position] in _CLOSE)
        if depth < 0:
            return position + 1
    return len(line)
