"""From the steps of a spec to compiled ones, those of procedures in their places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from asgi_probe.engine.defaults import with_defaults
from asgi_probe.engine.looks import compile_looks
from asgi_probe.engine.plan import Condition, PollPlan, RetryPlan, StepPlan, UsePlan, VerifyPlan, each_step
from asgi_probe.engine.request import Limits, compile_request
from asgi_probe.judge.compiler import Patterns
from asgi_probe.judge.expectation import compile_expectation
from asgi_probe.judge.save import compile_saves
from asgi_probe.spec import units
from asgi_probe.spec.fields import written_out
from asgi_probe.spec.source import Entry, Mapping, Problems, Scalar, did_you_mean, is_null
from asgi_probe.spec.steps import Use
from asgi_probe.spec.template import Compilation, Value
from asgi_probe.spec.variables import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from asgi_probe.engine.plan import AnyStepPlan, When
    from asgi_probe.judge.save import Save
    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.loader import Library
    from asgi_probe.spec.model import Spec
    from asgi_probe.spec.source import Node
    from asgi_probe.spec.steps import AnyStep, Step

_DEEPEST = 20
"""How deep procedures may use each other."""


@dataclass(frozen=True, slots=True)
class Known:
    """The variables that can exist at a place; `open` says that functions of the user's may have given others."""

    names: frozenset[str] = frozenset()
    open: bool = False

    def plus(self, names: Iterable[str], *, open: bool = False) -> Known:  # noqa: A002 - as the field is called
        names = frozenset(names)
        if names <= self.names and (self.open or not open):
            return self
        return Known(self.names | names, self.open or open)


@dataclass(frozen=True, slots=True)
class Places:
    """Makes the compilation of each place of a file; what is seen there is gathered."""

    problems: Problems
    folder: Path
    root: Path
    used: set[str] = field(default_factory=set)
    hooks: list[Hook] = field(default_factory=list)

    def at(self, known: Known, home: Spec | None = None) -> Compilation:
        """Where these variables can exist; in the folder of the spec `home`, if it is another's."""
        folder = self.folder if home is None else home.source.path.parent
        return Compilation(self.problems, known.names, folder, self.root, self.used, self.hooks, known.open)


def saved_by(steps: Iterable[AnyStepPlan]) -> frozenset[str]:
    """The variables that these steps may save."""
    return frozenset(save.name for step in each_step(steps) if isinstance(step, StepPlan) for save in step.saves)


def may_give_more(steps: Iterable[AnyStepPlan]) -> bool:
    """Whether a function of the user's looks behind one of these steps: what it returns is saved."""
    return any(step.verify for step in each_step(steps))


class StepCompiler:
    """Compiles the steps of one file with its defaults; identical steps (by YAML's aliases) are compiled once."""

    def __init__(self, spec: Spec, limits: Limits, library: Library | None, places: Places) -> None:
        self._spec = spec
        self._limits = limits
        self._library = library
        self._places = places
        self._compiled: dict[tuple[int, Known], StepPlan] = {}
        self._using: list[str] = []

    def steps(self, steps: Sequence[AnyStep], known: Known, home: Spec | None = None) -> tuple[AnyStepPlan, ...]:
        """The steps in order, each knowing what those before it save; `home` is the spec that they stand in."""
        compiled: list[AnyStepPlan] = []
        for step in steps:
            plan = self._use(step, known, home) if isinstance(step, Use) else self._step(step, known, home)
            if plan is not None:
                compiled.append(plan)
                known = known.plus(saved_by([plan]), open=may_give_more([plan]))
        return tuple(compiled)

    def verify(self, entry: Entry | None, known: Known) -> tuple[VerifyPlan, ...]:
        """What looks behind a whole check."""
        if entry is None:
            return ()
        compilation = self._places.at(known)
        looks = compile_looks(entry, compilation)
        name = Value.of(entry.key, "verify")
        return (VerifyPlan(entry.value, name, looks, self._limits.timeout),) if looks else ()

    def when(self, entry: Entry | None, compilation: Compilation) -> When:
        """What must hold for something to run."""
        if entry is None or not isinstance(entry.value, Mapping):
            return ()
        patterns = Patterns(compilation)
        hooks = len(compilation.hooks)
        found = [
            Condition(name, compilation.variable(item.key), patterns.pattern(item.value))
            for name, item in entry.value.entries.items()
        ]
        for hook in compilation.hooks[hooks:]:
            compilation.problems.add(hook.node, "'$call' cannot stand in 'when'", "a hook in 'verify' can decide more")
        return tuple(found)

    def _step(self, step: Step, known: Known, home: Spec | None) -> StepPlan:
        mark = (id(step.node), known)
        plan = self._compiled.get(mark)
        if plan is None:
            plan = self._compiled[mark] = self._compile(step, self._places.at(known, home))
        return plan

    def _compile(self, step: Step, compilation: Compilation) -> StepPlan:
        fields = with_defaults(self._spec.defaults, step.fields)
        poll = _poll(fields.get("poll"), compilation)
        if "poll" in fields and "retry" in step.fields:
            compilation.problems.add(fields["poll"], "'poll' beside 'retry': a poll asks again by itself", "keep one")
        saves = compile_saves(_entries(fields.get("save")), compilation)
        return StepPlan(
            step.url,
            compilation.text(step.name) if step.name else Value.of(step.url, f"{step.method} {step.url.text}"),
            compile_request(step, fields, self._limits, compilation),
            compile_expectation(_entries(fields.get("expect")), compilation, step.url),
            saves,
            _optional(fields.get("delay"), units.duration, compilation),
            None if poll else _retry(fields.get("retry"), compilation),
            poll,
            self.when(fields.get("when"), compilation),
            compile_looks(fields["verify"], _after(compilation, saves)) if "verify" in fields else (),
        )

    def _use(self, use: Use, known: Known, home: Spec | None) -> UsePlan | None:
        compilation = self._places.at(known, home)
        given = compilation.value(use.given) if use.given else None
        for entry in use.given.entries.values() if use.given else ():
            check_name(entry, compilation.problems)
        found = self._procedure(use.procedure, home or self._spec)
        if found is None:
            return None
        owner, name = found
        full = f"{owner.source.name}#{name}"
        if self._is_circular(use.procedure, full):
            return None
        self._using.append(full)
        inner = known.plus(use.given.entries if use.given else ())
        steps = self.steps(owner.procedures[name], inner, owner)
        self._using.pop()
        shown = compilation.text(use.name) if use.name else Value.of(use.procedure, use.procedure.text)
        return UsePlan(use.procedure, shown, given, steps, self.when(use.fields.get("when"), compilation))

    def _procedure(self, reference: Scalar, home: Spec) -> tuple[Spec, str] | None:
        """The spec that holds the procedure, and its name there."""
        problems = self._places.problems
        file, mark, name = reference.text.partition("#")
        if not mark or not name:
            problems.add(reference, f"{reference.text!r} names no procedure", "such as '#login' or 'auth.yaml#login'")
            return None
        owner = home if not file else self._library.beside(file, reference) if self._library else None
        if owner is None:
            return None
        if name not in owner.procedures:
            known = ", ".join(owner.procedures) or "none"
            hint = did_you_mean(name, owner.procedures) or f"there are: {known}"
            problems.add(reference, f"{owner.source.name} has no procedure {name!r}", hint)
            return None
        return owner, name

    def _is_circular(self, reference: Scalar, full: str) -> bool:
        if full in self._using:
            way = " → ".join([*self._using[self._using.index(full) :], full])
            self._places.problems.add(reference, f"the procedure uses itself: {way}")
            return True
        if len(self._using) >= _DEEPEST:
            self._places.problems.add(reference, f"procedures use each other deeper than {_DEEPEST} levels")
        return len(self._using) >= _DEEPEST


def _after(compilation: Compilation, saves: tuple[Save, ...]) -> Compilation:
    """Where what the step saves is known, too."""
    return replace(compilation, known=compilation.known | {save.name for save in saves})


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


def _poll(entry: Entry | None, compilation: Compilation) -> PollPlan | None:
    given = _entries(entry)
    if entry is None or "until" not in given:
        return None
    until = _entries(written_out(given["until"]))
    return PollPlan(
        entry.value,
        compile_expectation(until, compilation, given["until"].value),
        _optional(given.get("every"), units.duration, compilation) or Value.of(entry.value, 0.5),
        _optional(given.get("within"), units.duration, compilation) or Value.of(entry.value, 30.0),
    )
