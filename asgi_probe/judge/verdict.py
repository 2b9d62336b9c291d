"""What claims come to: judged on an answer, or, where an error is wanted, on what had come by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.exchange import FAILURE_KINDS, Answer, Failure
from asgi_probe.judge.body import Unjudgeable, beginning, body_of, text_of
from asgi_probe.judge.documents import NotXml
from asgi_probe.judge.findings import Findings
from asgi_probe.judge.values import show, span
from asgi_probe.spec.exact_json import NotJson
from asgi_probe.spec.source import data
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Mapping as Scope

    from asgi_probe.judge.claims import Claim
    from asgi_probe.judge.mismatch import Mismatch
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.template import Value

Claims = tuple["Claim", ...]

ERRORS = (*FAILURE_KINDS, "any")
ERRORS_OF_BODY = ("decode", "too_large", "any")
"""The errors that reading the body can be; beside the others nothing can be expected of it."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WantedError:
    """The kind of failure that must come, and where that stands."""

    node: Node
    value: Value

    def kind(self, scope: Scope[str, Any]) -> str:
        found = self.value.render(scope)
        if found not in ERRORS:
            raise VariableError(f"{show(found)} is no kind of error; there are: {', '.join(ERRORS)}", self.node)
        return str(found)


def judge_claims(claims: Claims, answer: Answer, scope: Scope[str, Any]) -> list[Mismatch]:
    """The mismatches of all claims. One that cannot be judged is raised at the end, with the others' mismatches."""
    found: list[Mismatch] = []
    stuck: Unjudgeable | None = None
    told: set[str] = set()
    for claim in claims:
        try:
            found += claim.judge(answer, scope)
        except (NotJson, NotXml) as error:
            language = "xml" if isinstance(error, NotXml) else "json"
            found += [] if language in told else _not_in(language, claim, error, answer, scope)
            told.add(language)
        except Unjudgeable as error:
            error.node = error.node or claim.node
            stuck = stuck or error
    if stuck is not None:
        stuck.mismatches = tuple(found)
        raise stuck
    return found


def _not_in(
    language: str, claim: Claim, error: NotJson | NotXml, answer: Answer, scope: Scope[str, Any]
) -> list[Mismatch]:
    findings = Findings(language, scope)
    findings.add(claim.node, (), str(error), language.upper(), beginning(answer.body))
    return findings.finish()


def judge_failing(
    error: WantedError, claims: Claims, result: Answer | Failure, scope: Scope[str, Any]
) -> list[Mismatch]:
    """The mismatches where an error is wanted.

    What the other claims can be judged on is judged; those of a body that does not come whole say that it is read.
    """
    wanted = error.kind(scope)
    _refuse_of_body(wanted, claims, scope)
    if isinstance(result, Failure):
        failed: Failure | None = result
        others = _judge_cut(claims, result, scope)
    else:
        failed, others = _judge_whole(wanted, claims, result, scope)
    return _judge_kind(error.node, wanted, failed, result, scope) + others


def _refuse_of_body(wanted: str, claims: Claims, scope: Scope[str, Any]) -> None:
    """Where the error is a variable's only now is it known that a claim makes no sense."""
    odd = next((claim for claim in claims if claim.of_body), None)
    if odd is not None and wanted not in ERRORS_OF_BODY:
        raise VariableError(of_no_body(odd.where_in(scope), wanted), odd.node)


def of_no_body(key: str, wanted: str) -> str:
    """That a claim of the body cannot be judged beside that error."""
    return f"{key!r} cannot be judged beside the error {wanted!r}: no whole body comes"


def _judge_kind(
    node: Node, wanted: str, failed: Failure | None, result: Answer | Failure, scope: Scope[str, Any]
) -> list[Mismatch]:
    findings = Findings("error", scope)
    if failed is None:
        findings.add(node, (), _came_instead(wanted, result), wanted, getattr(result, "status", None))
    elif wanted not in (failed.kind, "any"):
        message = f"expected the error {wanted!r}, got {failed.kind!r}: {failed.message}"
        findings.add(node, (), message, wanted, failed.kind)
    return findings.finish()


def _came_instead(wanted: str, result: Answer | Failure) -> str:
    kind = "to fail" if wanted == "any" else f"to fail with {wanted!r}"
    came = f"{result.status} after {span(result.time)}" if isinstance(result, Answer) else result.message
    return f"expected the request {kind}, got {came}"


def _judge_whole(
    wanted: str, claims: Claims, answer: Answer, scope: Scope[str, Any]
) -> tuple[Failure | None, list[Mismatch]]:
    """The failure that reading the body is, if it is one; `decode` and `too_large` read it by themselves."""
    found: list[Mismatch] = []
    try:
        found = judge_claims(claims, answer, scope)
        if wanted == "too_large":
            body_of(answer)
        if wanted == "decode":
            text_of(answer)
    except Unjudgeable as error:
        if error.kind is None:
            raise
        return Failure(error.kind, str(error)), found or list(error.mismatches)
    return None, found


def _judge_cut(claims: Claims, failure: Failure, scope: Scope[str, Any]) -> list[Mismatch]:
    """What is claimed of an answer that did not come whole, or not at all: then only its time is known."""
    came = failure.partial or Answer(0, [], b"", 0, "", time=failure.time)
    found: list[Mismatch] = []
    for claim in claims:
        if claim.of_body:
            continue
        where = claim.where_in(scope)
        found += claim.judge(came, scope) if failure.partial or where == "time" else _nothing_came(where, claim, scope)
    return found


def _nothing_came(where: str, claim: Claim, scope: Scope[str, Any]) -> list[Mismatch]:
    findings = Findings(where, scope)
    findings.add(claim.node, (), "no answer had come", data(claim.node), None)
    return findings.finish()
