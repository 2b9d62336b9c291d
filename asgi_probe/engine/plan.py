"""The plan of a run: every check compiled and numbered; immutable, all that can be wrong before the run is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.engine.request import Limits
from asgi_probe.spec.source import Scalar
from asgi_probe.spec.template import Value, VariableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asgi_probe.engine.request import RequestPlan
    from asgi_probe.engine.results import Phase
    from asgi_probe.engine.sql import SqlPlan
    from asgi_probe.judge.expectation import Expectation
    from asgi_probe.judge.patterns import Pattern
    from asgi_probe.judge.save import Save
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Node


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The target that a file asks, as far as a plan must know it: its own variables, and which are secret, too."""

    name: str
    kind: Literal["app", "live"]
    limits: Limits = field(default_factory=Limits)
    vars: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How often a step is asked again, and the seconds between."""

    times: Value
    delay: Value
    backoff: Value
    max_delay: Value | None
    jitter: Value


@dataclass(frozen=True, slots=True, eq=False)
class PollPlan:
    """Ask until `until` holds, `every` so many seconds, `within` so many."""

    node: Node
    until: Expectation
    every: Value
    within: Value


@dataclass(frozen=True, slots=True, eq=False)
class HookPlan:
    """A function of the user's, and what it is given besides the probe."""

    hook: Hook
    given: Value | None

    @property
    def node(self) -> Node:
        """Where it stands in the spec."""
        return self.hook.node


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What a variable must be for something to run."""

    name: str
    value: Value
    pattern: Pattern


When = tuple[Condition, ...]
Looks = tuple["HookPlan | SqlPlan", ...]
"""What looks behind an answer once the expectations hold."""


@dataclass(frozen=True, slots=True, eq=False)
class StepPlan:
    """One request, compiled; `place` is its URL. `timeout` in seconds is for what looks behind the answer."""

    place: Scalar
    name: Value
    request: RequestPlan
    expect: Expectation
    saves: tuple[Save, ...]
    delay: Value | None
    retry: RetryPlan | None
    poll: PollPlan | None = None
    when: When = ()
    verify: Looks = ()


@dataclass(frozen=True, slots=True, eq=False)
class UsePlan:
    """A procedure's steps in place of one; `given` are its variables, worked out when it is reached."""

    place: Scalar
    name: Value
    given: Value | None
    steps: tuple[AnyStepPlan, ...]
    when: When = ()


@dataclass(frozen=True, slots=True, eq=False)
class VerifyPlan:
    """What looks behind a check of steps, after the last of them."""

    place: Node
    name: Value
    verify: Looks
    timeout: float
    when: When = ()


AnyStepPlan = StepPlan | UsePlan | VerifyPlan


def name_in(scope: dict[str, Any], step: AnyStepPlan) -> str:
    """The step's name; as it was written where a variable in it is not there."""
    try:
        return str(step.name.render(scope))
    except VariableError:
        node = step.name.node
        return node.text if isinstance(node, Scalar) else ""


def each_step(steps: Iterable[AnyStepPlan]) -> Iterator[StepPlan | VerifyPlan]:
    """All steps, those of procedures in their places."""
    for step in steps:
        if isinstance(step, UsePlan):
            yield from each_step(step.steps)
        else:
            yield step


@dataclass(frozen=True, slots=True)
class Xfail:
    """Why a check is expected to fail; only where it is `strict` must it."""

    reason: str
    strict: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class CheckPlan:
    """One check, compiled; setup, teardown and fixtures are checks with a phase of their own.

    `base` is the name without the row, `number` the check's in its file, whatever its row. `row` are the row's
    variables, `late` those of them that need what setup saves.
    """

    id: str
    name: str
    file: str
    line: int
    tags: tuple[str, ...]
    steps: tuple[AnyStepPlan, ...]
    finally_: tuple[AnyStepPlan, ...] = ()
    skip: str | None = None
    timeout: float | None = None
    spec: str = ""
    description: str | None = None
    phase: Phase = "steps"
    base: str = ""
    number: int = 0
    row: dict[str, Any] = field(default_factory=dict)
    late: dict[str, Value] = field(default_factory=dict)
    when: When = ()
    xfail: Xfail | None = None
    locks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FilePlan:
    """The checks of one file, and what they all start from.

    `needs` are the names of the files that run before, among those that ask the same target. `gives` are the variables
    that its setup and checks may save, and `gives_more` says that functions of the user's may give others.
    """

    name: str
    asked: Asked
    checks: tuple[CheckPlan, ...]
    setup: CheckPlan | None
    teardown: CheckPlan | None
    setup_saves: tuple[str, ...]
    weak: dict[str, Any]
    strong: dict[str, Any]
    description: str | None = None
    used: frozenset[str] = frozenset()
    """The variables that something in the file uses."""
    fixtures: tuple[HookPlan, ...] = ()
    needs: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    """The names of variables whose values are never told."""
    hooks: tuple[Hook, ...] = ()
    """The functions that must have been imported before it runs."""
    gives: frozenset[str] = frozenset()
    gives_more: bool = False
    title: str = ""

    def scope(self, saved: dict[str, Any], needed: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a check starts with: what `needs` gave, the file's variables, what setup saved, the target's, flags'."""
        if needed:
            return {**needed, **self.weak, **saved, **self.strong}
        return {**self.weak, **saved, **self.strong}


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of a run that have a check selected, in order; those that others need come before them."""

    files: tuple[FilePlan, ...]

    @property
    def checks(self) -> list[CheckPlan]:
        return [check for file in self.files for check in file.checks]
