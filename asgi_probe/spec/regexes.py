"""Regexes in Python's syntax that cannot run for long."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LONGEST_SECONDS = 1.0
_SHORT = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Regex:
    """A regex that compiles; `plain` is set where backtracking cannot take long on a short text."""

    pattern: str
    plain: re.Pattern[str] | None

    @classmethod
    def compile(cls, pattern: str) -> Regex:
        """Check the syntax; a ValueError says what is wrong and where."""
        try:
            with warnings.catch_warnings(action="ignore"):
                compiled = re.compile(pattern)
        except re.error as error:
            place = "" if error.pos is None else f" at character {error.pos + 1}"
            raise ValueError(f"{error.msg}{place}") from None
        except (OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None
        return cls(pattern, compiled if sum(map(pattern.count, "*+?{|")) <= 1 else None)

    def search(self, text: str) -> Any:
        """The first match, or None; a TimeoutError when the search takes longer than a second."""
        if self.plain is not None and len(text) <= _SHORT:
            return self.plain.search(text)
        try:
            return _bounded(self.pattern).search(text, timeout=_LONGEST_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"the regex {self.pattern!r} ran longer than a second") from None


@lru_cache(maxsize=256)
def _bounded(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped] # it ships no types

    return regex.compile(pattern)
