"""An expectation that did not hold, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that did not hold, and where.

    `where` is the expectation (`status`, `headers.location`, `json`, `jsonpath`, `time` …), `path` the JSONPath inside
    the body where it differs, for a missing key the missing key's. `expected` and `actual` are JSON values (bytes as
    hex text; `expected` may be a sentence such as `an integer`, then it is not in `literal` form). `file`, `line`,
    `column` are the expectation's place in the spec, `source_line` that line's text, `width` how much the caret marks.
    `because` is the text of the `$because` beside it.
    """

    where: str
    path: str | None
    message: str
    expected: Any
    actual: Any
    file: str
    line: int
    column: int
    width: int = 1
    source_line: str = ""
    because: str | None = None

    @property
    def subject(self) -> str:
        """What it is about: `json $.id`, `status`."""
        return f"{self.where} {self.path}" if self.path else self.where

    def __str__(self) -> str:
        """`json $.id: expected 7, got 8`."""
        return f"{self.subject}: {self.message}"
