"""Which keys may stand where in a spec, and what shape their values have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_probe.spec.source import Mapping, Scalar, Sequence, did_you_mean, is_null, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping as Table

    from asgi_probe.spec.source import Entry, Node, Problems


@dataclass(frozen=True, slots=True)
class Shape:
    """The kinds of nodes a key takes, and their name in a message; `null` says that null is one of its values."""

    kinds: tuple[type, ...]
    words: str
    null: bool = True

    def holds(self, node: Node) -> bool:
        """Whether the node has this shape."""
        if is_null(node):
            return self.null
        return isinstance(node, self.kinds)


ANY = Shape((Scalar, Sequence, Mapping), "a value")
ONE = Shape((Scalar,), "a single value")
ONE_OR_LIST = Shape((Scalar, Sequence), "a value or a list")
ONE_OR_MAPPING = Shape((Scalar, Mapping), "a single value or a mapping")
KEYED = Shape((Mapping,), "a mapping")
PAIR = Shape((Sequence, Scalar), "a list of user and password")
TEXT = Shape((Scalar,), "text", null=False)
TEXT_OR_LIST = Shape((Scalar, Sequence), "text or a list of texts", null=False)
TEXT_OR_MAPPING = Shape((Scalar, Mapping), "a name or a mapping", null=False)
LIST = Shape((Sequence,), "a list", null=False)
SECTION = Shape((Mapping,), "a mapping", null=False)
TEXT_OR_SECTION = Shape((Scalar, Mapping), "text or a mapping", null=False)
ROWS = Shape((Sequence, Mapping), "a list of rows, or {file: …}", null=False)
CALLS = Shape((Scalar, Sequence, Mapping), "a function 'module:function', or a list of them", null=False)
COUNT = Shape((Scalar,), "a number", null=False)

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
BODIES = ("json", "form", "multipart", "body", "graphql")

SPEC = {
    "name": TEXT,
    "description": TEXT,
    "tags": TEXT_OR_LIST,
    "target": TEXT_OR_MAPPING,
    "vars": SECTION,
    "secrets": TEXT_OR_LIST,
    "defaults": SECTION,
    "needs": TEXT_OR_LIST,
    "fixtures": CALLS,
    "setup": LIST,
    "teardown": LIST,
    "checks": LIST,
    "procedures": SECTION,
}
"""The top of a file; keys that begin with `x-` are free besides."""
CHECK = {
    "name": TEXT,
    "description": TEXT,
    "tags": TEXT_OR_LIST,
    "skip": TEXT,
    "xfail": TEXT_OR_SECTION,
    "when": SECTION,
    "each": ROWS,
    "matrix": SECTION,
    "repeat": COUNT,
    "lock": TEXT_OR_LIST,
}
"""What every check takes."""
STEPS = {"timeout": ONE, "steps": LIST, "finally": LIST, "verify": CALLS}
"""What a check of steps takes besides."""
DEFAULTS = {
    "params": KEYED,
    "headers": KEYED,
    "cookies": KEYED,
    "auth": KEYED,
    "json": ANY,
    "form": KEYED,
    "multipart": KEYED,
    "body": ONE_OR_MAPPING,
    "graphql": KEYED,
    "follow_redirects": ONE,
    "max_body": ONE,
    "expect": ANY,
    "delay": ONE,
    "timeout": ONE,
    "retry": ONE_OR_MAPPING,
}
"""What steps take and inherit."""
REQUEST = {"method": TEXT, "url": TEXT}
STEP = (
    DEFAULTS
    | dict.fromkeys(METHODS, TEXT)
    | {"request": SECTION, "save": SECTION, "when": SECTION, "poll": SECTION, "verify": CALLS}
)
"""What a step takes, but for its name."""
USE = {"use": TEXT, "with": SECTION, "when": SECTION}
"""What a step takes that stands for a procedure's, but for its name."""
EXPECT = dict.fromkeys(
    (
        "status", "headers", "cookies", "json", "jsonpath", "html", "xml", "schema", "openapi", "text", "bytes", "time",
        "size", "url", "http_version", "redirects", "error",
    ),
    ANY,
)  # fmt: skip
"""What is expected; the shapes are told where patterns are compiled, as are those of a save."""
AUTH = {"basic": PAIR, "bearer": ONE, "digest": PAIR, "netrc": ONE, "call": TEXT}
RETRY = {"times": ONE, "delay": ONE, "backoff": ONE, "max_delay": ONE, "jitter": ONE}
BODY = {"file": TEXT, "base64": TEXT, "hex": TEXT}
PART = {"file": TEXT, "content": ONE, "filename": TEXT, "type": TEXT}
POLL = {"until": ANY, "every": ONE, "within": ONE}
GRAPHQL = {"query": TEXT_OR_SECTION, "variables": ANY, "operation": ONE}
XFAIL = {"reason": TEXT, "strict": COUNT}
CALL = {"call": TEXT, "with": SECTION}
ROWS_FILE = {"file": TEXT}
SAVE = dict.fromkeys(("from", "regex", "as", "default", "secret"), ANY)


def check_keys(entries: Table[str, Entry], table: Table[str, Shape], problems: Problems) -> bool:
    """Report unknown keys and wrong shapes; whether all keys are known."""
    known = True
    for key, entry in entries.items():
        shape = table.get(key)
        if shape is None:
            known = False
            problems.add(entry, f"unknown key {key!r}", did_you_mean(key, table) or f"known here: {', '.join(table)}")
        elif not shape.holds(entry.value):
            report_shape(entry.value, shape, problems)
    return known


def report_shape(node: Node, shape: Shape, problems: Problems) -> None:
    """Report a node that has another shape than it must."""
    problems.add(node, f"expected {shape.words}, found {kind_of(node)}", _advice(node, shape))


def _advice(node: Node, shape: Shape) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str) and "${" in node.value and Mapping in shape.kinds:
        return "write its keys out; '${…}' may stand in each key and value"
    if isinstance(node, Mapping) and Sequence in shape.kinds and not shape.null:
        return "begin each item with '- '"
    return ""
