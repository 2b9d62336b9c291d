"""The $-matchers that combine, negate or decode for other patterns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from asgi_probe.judge.decoding import Undecodable
from asgi_probe.judge.elements import closest
from asgi_probe.judge.findings import Decoded
from asgi_probe.judge.patterns import ObjectPattern, Pattern, explain_kind, from_data, got
from asgi_probe.judge.values import ABSENT, Path, show
from asgi_probe.spec.exact_json import NotJson
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.findings import Findings
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not:
    """`$not`: does not match the pattern."""

    node: Node
    pattern: Pattern

    @property
    def absence(self) -> bool:
        return self.pattern.absence

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return (value is not ABSENT or self.absence) and not self.pattern.holds(value, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        findings.add(self.node, path, f"expected {words}, got {show(value)}", words, value)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"anything but {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return self.pattern.wants_list(scope)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Length:
    """`$length`: of a text in characters, of a list or object in members."""

    node: Node
    pattern: Pattern
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return type(value) in (str, list, dict) and self.pattern.holds(len(value), scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        if type(value) not in (str, list, dict):
            explain_kind(self.node, f"text, a list or an object with {words}", value, path, findings)
            return
        message = f"expected {words}, got {len(value):,}: {show(value)}"
        findings.add(self.pattern.node, path, message, words, len(value))

    def words(self, scope: Scope[str, Any]) -> str:
        return f"a length of {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002 - texts have lengths too
        return False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class All:
    """`$all`: matches all of the patterns."""

    node: Node
    patterns: tuple[Pattern, ...]

    @property
    def absence(self) -> bool:
        return any(pattern.absence for pattern in self.patterns)

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return all(pattern.holds(value, scope) for pattern in self.patterns)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        for pattern in self.patterns:
            if not pattern.holds(value, findings.scope):
                pattern.explain(value, path, findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return " and ".join([pattern.words(scope) for pattern in self.patterns])

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return any(pattern.wants_list(scope) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnyOf:
    """`$any`: matches any of the patterns."""

    node: Node
    patterns: tuple[Pattern, ...]

    @property
    def absence(self) -> bool:
        return any(pattern.absence for pattern in self.patterns)

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return any(pattern.holds(value, scope) for pattern in self.patterns)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        words = self.words(findings.scope)
        close = closest([(pattern, value, path) for pattern in self.patterns], findings)
        near = "" if close is None else f"; the closest is alternative {close.index + 1}: {close.reason}"
        findings.add(self.node, path, f"expected {words}, got {got(value, typed=True)}{near}", words, value)

    def words(self, scope: Scope[str, Any]) -> str:
        return " or ".join([pattern.words(scope) for pattern in self.patterns])

    def wants_list(self, scope: Scope[str, Any]) -> bool:
        return all(pattern.wants_list(scope) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exactly:
    """`$exactly` of a variable: an object with these keys and no other."""

    node: Node
    value: Value
    absence: bool = False

    def _pattern(self, scope: Scope[str, Any]) -> Pattern:
        data = self.value.render(scope)
        pattern = from_data(data, self.node, "json")
        if not isinstance(pattern, ObjectPattern):
            raise VariableError(f"'$exactly' wants an object, got {show(data)}", self.node)
        return replace(pattern, closed=True)

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        return self._pattern(scope).holds(value, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        self._pattern(findings.scope).explain(value, path, findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return self._pattern(scope).words(scope)

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Encoded:
    """`$json`, `$jwt`, `$base64`: text that decodes, and what is decoded matches."""

    node: Node
    pattern: Pattern
    what: str
    decode: Callable[[str], Any]
    absence: bool = False

    def holds(self, value: Any, scope: Scope[str, Any]) -> bool:
        if type(value) is not str:
            return False
        try:
            decoded = self.decode(value)
        except (NotJson, Undecodable):
            return False
        return self.pattern.holds(decoded, scope)

    def explain(self, value: Any, path: Path, findings: Findings) -> None:
        if type(value) is not str:
            explain_kind(self.node, f"{self.what} text", value, path, findings)
            return
        try:
            decoded = self.decode(value)
        except (NotJson, Undecodable) as error:
            reason = str(error).removeprefix("the text ")
            findings.add(self.node, path, f"expected {self.what} text, but it {reason}", f"{self.what} text", value)
            return
        self.pattern.explain(decoded, (*path, Decoded(self.what)), findings)

    def words(self, scope: Scope[str, Any]) -> str:
        return f"{self.what} text of {self.pattern.words(scope)}"

    def wants_list(self, scope: Scope[str, Any]) -> bool:  # noqa: ARG002
        return False
