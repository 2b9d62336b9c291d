"""The plan of a run: every check compiled and numbered, all that can be wrong before the first request found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.engine.defaults import with_defaults
from asgi_probe.engine.request import Limits, RequestPlan, compile_request
from asgi_probe.judge.expectation import Expectation, compile_expectation
from asgi_probe.judge.save import Save, compile_saves
from asgi_probe.spec import units
from asgi_probe.spec.source import Entry, Mapping, Problems, Scalar, is_null
from asgi_probe.spec.template import Compilation, Value, VariableError
from asgi_probe.spec.variables import Vars, compile_vars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from asgi_probe.engine.results import Phase
    from asgi_probe.spec.model import Check, Spec, Step
    from asgi_probe.spec.source import Node


@dataclass(frozen=True, slots=True)
class Asked:
    """The target that a file asks, as far as a plan must know it."""

    name: str
    kind: Literal["app", "live"]
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How often a step is asked again, and the seconds between."""

    times: Value
    delay: Value
    backoff: Value
    max_delay: Value | None
    jitter: Value


@dataclass(frozen=True, slots=True, eq=False)
class StepPlan:
    """One step, compiled; `place` is its URL."""

    place: Scalar
    name: Value
    request: RequestPlan
    expect: Expectation
    saves: tuple[Save, ...]
    delay: Value | None
    retry: RetryPlan | None

    def name_in(self, scope: dict[str, Any]) -> str:
        """The step's name; as it was written where a variable in it is not there."""
        try:
            return str(self.name.render(scope))
        except VariableError:
            node = self.name.node
            return node.text if isinstance(node, Scalar) else ""


@dataclass(frozen=True, slots=True, eq=False)
class CheckPlan:
    """One check, compiled; setup and teardown are checks with a phase of their own."""

    id: str
    name: str
    file: str
    line: int
    tags: tuple[str, ...]
    steps: tuple[StepPlan, ...]
    finally_: tuple[StepPlan, ...] = ()
    skip: str | None = None
    timeout: float | None = None
    spec: str = ""
    description: str | None = None
    phase: Phase = "steps"


@dataclass(frozen=True, slots=True, eq=False)
class FilePlan:
    """The checks of one file, and what they all start from."""

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

    def scope(self, saved: dict[str, Any]) -> dict[str, Any]:
        """What a check starts with: the file's variables, then what setup saved, the target's, the command line's."""
        return {**self.weak, **saved, **self.strong}


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of a run that have a check selected, in order."""

    files: tuple[FilePlan, ...]

    @property
    def checks(self) -> list[CheckPlan]:
        return [check for file in self.files for check in file.checks]


def compile_file(spec: Spec, asked: Asked, given: dict[str, Any], root: Path, problems: Problems) -> FilePlan:
    """Compile every check of a spec; `given` are the command line's variables. What is wrong goes into `problems`."""
    return _File(spec, asked, given, root, problems).compile()


class _File:
    """Compiles one file; identical steps (by YAML's aliases) are compiled once."""

    def __init__(self, spec: Spec, asked: Asked, given: dict[str, Any], root: Path, problems: Problems) -> None:
        self.spec = spec
        self.asked = asked
        self.root = root
        self.problems = problems
        self.used: set[str] = set()
        self.strong = {"target": asked.kind, "target_name": asked.name, **given}
        before = len(problems.diagnostics)
        self.vars: Vars = compile_vars(spec.vars, self.compilation(frozenset(self.strong)))
        self.sound = len(problems.diagnostics) == before
        """Whether the file's variables can be worked out; what else would fail for want of them is not told."""
        self.names = frozenset(self.strong) | frozenset(spec.vars)
        self.steps: dict[tuple[int, frozenset[str]], StepPlan] = {}
        self.ids: dict[str, Check] = {}
        self.given_names = frozenset(_given_names(spec.checks))
        self.title = ""

    def compilation(self, known: frozenset[str]) -> Compilation:
        return Compilation(self.problems, known, self.spec.source.path.parent, self.root, self.used)

    def compile(self) -> FilePlan:
        spec = self.spec
        weak = self._values()
        setup = self._steps(spec.setup, self.names)
        known = self.names | _saved(setup)
        scope = {**weak, **self.strong}
        self._warn_of_shadowed(setup)
        self.title = self._text(spec.name, scope) or spec.source.path.stem
        return FilePlan(
            spec.source.name,
            self.asked,
            tuple(self._check(check, known, scope) for check in spec.checks if check.steps),
            self._around("setup", setup),
            self._around("teardown", self._steps(spec.teardown, known)),
            tuple(sorted(_saved(setup))),
            weak,
            self.strong,
            self._text(spec.description, scope),
            frozenset(self.used) | frozenset(spec.vars),
        )

    def _values(self) -> dict[str, Any]:
        if not self.sound:
            return {}
        try:
            return self.vars.render(self.strong)
        except VariableError as error:
            self.problems.add(error.node, str(error))
            self.sound = False
            return {}

    def _warn_of_shadowed(self, setup: tuple[StepPlan, ...]) -> None:
        for step in setup:
            for save in step.saves:
                if save.name in self.strong:
                    self.problems.add(
                        save.node,
                        f"setup saves {save.name!r}, which the target or the command line already gives; theirs wins",
                        warning=True,
                    )

    def _around(self, phase: Phase, steps: tuple[StepPlan, ...]) -> CheckPlan | None:
        if not steps:
            return None
        name = self.spec.source.name
        return CheckPlan(f"{name}::{phase}", phase, name, steps[0].place.line, (), steps, spec=self.title, phase=phase)

    def _check(self, check: Check, known: frozenset[str], scope: dict[str, Any]) -> CheckPlan:
        steps = self._steps(check.steps, known)
        name = self._name(check, scope)
        return CheckPlan(
            f"{self.spec.source.name}::{name}",
            name,
            self.spec.source.name,
            check.node.line,
            tuple(dict.fromkeys((*self.spec.tags, *check.tags))),
            steps,
            self._steps(check.finally_, known | _saved(steps)),
            self._said(check, "skip", scope),
            None if check.inline else self._timeout(check, scope),
            self.title,
            self._said(check, "description", scope),
        )

    def _name(self, check: Check, scope: dict[str, Any]) -> str:
        entry = check.fields.get("name")
        if entry is None or not isinstance(entry.value, Scalar):
            return self._numbered(f"{check.steps[0].method} {check.steps[0].url.text}", check)
        name = self._text(entry.value, scope) or entry.value.text
        first = self.ids.get(name)
        if first is not None and "${" in entry.value.text:  # of names without variables the reader has told
            self.problems.add(entry.value, f"a second check {name!r}; the first is at line {first.node.line}")
        if not name.strip():
            self.problems.add(entry.value, "the name is blank once its variables are filled in")
        if name in ("setup", "teardown") and "${" in entry.value.text:
            self.problems.add(entry.value, f"{name!r} is the id of the file's own {name}", "choose another name")
        self.ids[name] = check
        return name

    def _numbered(self, name: str, check: Check) -> str:
        number, unique = 1, name
        while unique in self.ids or unique in self.given_names:
            number += 1
            unique = f"{name} ({number})"
        self.ids[unique] = check
        return unique

    def _text(self, node: Scalar | None, scope: dict[str, Any]) -> str | None:
        if node is None:
            return None
        text = self._worked_out(node, Compilation.text, scope)
        return None if text is None else str(text)

    def _worked_out(self, node: Scalar, read: Callable[[Compilation, Scalar], Value], scope: dict[str, Any]) -> Any:
        """What a value comes to before the run; None where it comes to nothing, and why was told once."""
        before = len(self.problems.diagnostics)
        value = read(self.compilation(self.names), node)
        if len(self.problems.diagnostics) > before:
            return None
        try:
            return value.render(scope)
        except VariableError as error:
            if self.sound:
                self.problems.add(node, str(error))
            return None

    def _said(self, check: Check, key: str, scope: dict[str, Any]) -> str | None:
        entry = check.fields.get(key)
        if entry is None or not isinstance(entry.value, Scalar) or is_null(entry.value):
            return None
        return self._text(entry.value, scope) or ""

    def _timeout(self, check: Check, scope: dict[str, Any]) -> float | None:
        entry = check.fields.get("timeout")
        if entry is None or not isinstance(entry.value, Scalar) or is_null(entry.value):
            return None
        seconds: float | None = self._worked_out(entry.value, lambda at, node: units.duration(node, at), scope)
        return seconds

    def _steps(self, steps: Sequence[Step], known: frozenset[str]) -> tuple[StepPlan, ...]:
        compiled = []
        for step in steps:
            plan = self._step(step, known)
            compiled.append(plan)
            if plan.saves:
                known |= {save.name for save in plan.saves}
        return tuple(compiled)

    def _step(self, step: Step, known: frozenset[str]) -> StepPlan:
        mark = (id(step.node), known)
        plan = self.steps.get(mark)
        if plan is None:
            plan = self.steps[mark] = self._compile_step(step, self.compilation(known))
        return plan

    def _compile_step(self, step: Step, compilation: Compilation) -> StepPlan:
        fields = with_defaults(self.spec.defaults, step.fields)
        return StepPlan(
            step.url,
            compilation.text(step.name) if step.name else Value.of(step.url, f"{step.method} {step.url.text}"),
            compile_request(step, fields, self.asked.limits, compilation),
            compile_expectation(_entries(fields.get("expect")), compilation, step.url),
            compile_saves(_entries(fields.get("save")), compilation),
            _optional(fields.get("delay"), units.duration, compilation),
            _retry(fields.get("retry"), compilation),
        )


def _given_names(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        entry = check.fields.get("name")
        if entry is not None and isinstance(entry.value, Scalar):
            yield entry.value.text


def _saved(steps: Sequence[StepPlan]) -> frozenset[str]:
    return frozenset(save.name for step in steps for save in step.saves)


def _entries(entry: Entry | None) -> dict[str, Entry]:
    return entry.value.entries if entry is not None and isinstance(entry.value, Mapping) else {}


def _optional(
    entry: Entry | None, read: Callable[[Node, Compilation], Value], compilation: Compilation
) -> Value | None:
    if entry is None or is_null(entry.value):
        return None
    return read(entry.value, compilation)


def _retry(entry: Entry | None, compilation: Compilation) -> RetryPlan | None:
    if entry is None or is_null(entry.value):
        return None
    given = _entries(entry)
    times = entry.value if not isinstance(entry.value, Mapping) else given["times"].value if "times" in given else None

    def part(name: str, read: Callable[[Node, Compilation], Value], default: float) -> Value:
        return _optional(given.get(name), read, compilation) or Value.of(entry.value, default)

    jitter = part("jitter", units.number, 0.0)
    if jitter.constant and (jitter.render({}) or 0) > 1:
        hint = "0.2 makes a pause up to a fifth longer or shorter"
        compilation.problems.add(jitter.node, "expected a share from 0 to 1", hint)
    return RetryPlan(
        units.count(times, compilation) if times else Value.of(entry.value, 3),
        part("delay", units.duration, 0.5),
        part("backoff", units.number, 1.0),
        _optional(given.get("max_delay"), units.duration, compilation),
        jitter,
    )
