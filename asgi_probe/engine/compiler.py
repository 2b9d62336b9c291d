"""From a spec to its plan: rows written out, defaults merged, names given, every step compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgi_probe.engine.looks import compile_hook
from asgi_probe.engine.plan import CheckPlan, FilePlan, HookPlan, Xfail
from asgi_probe.engine.rows import read_rows
from asgi_probe.engine.secrets import SHORTEST, Secrets, is_too_short
from asgi_probe.engine.steps import Known, Places, StepCompiler, may_give_more, saved_by
from asgi_probe.spec import units
from asgi_probe.spec.source import Mapping, Scalar, Sequence, is_null
from asgi_probe.spec.steps import Step
from asgi_probe.spec.template import Compilation, Value, VariableError
from asgi_probe.spec.variables import Vars, compile_vars, naming_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Sequence as Several
    from pathlib import Path

    from asgi_probe.engine.plan import AnyStepPlan, Asked
    from asgi_probe.engine.results import Phase
    from asgi_probe.spec.loader import Library
    from asgi_probe.spec.model import Check, Spec
    from asgi_probe.spec.source import Entry, Problems

_MOST_REPEATS = 10_000


def compile_file(
    spec: Spec,
    asked: Asked,
    given: dict[str, Any],
    root: Path,
    problems: Problems,
    *,
    library: Library | None = None,
    needs: Several[FilePlan] = (),
) -> FilePlan:
    """Compile every check of a spec; `given` are the command line's variables, `needs` the files that run before it.

    What is wrong goes into `problems`. Procedures of other files are found in `library`.
    """
    return _File(spec, asked, given, Places(problems, spec.source.path.parent, root), library, needs).compile()


class _File:
    """Compiles one file."""

    def __init__(
        self,
        spec: Spec,
        asked: Asked,
        given: dict[str, Any],
        places: Places,
        library: Library | None,
        needs: Several[FilePlan],
    ) -> None:
        self.spec = spec
        self.asked = asked
        self.places = places
        self.problems = places.problems
        self.needs = needs
        self.secret = frozenset(name.text for name in spec.secrets) | frozenset(asked.secrets)
        """The names of variables that are not to be told."""
        self.mask: Callable[[str], str] = str
        self.wrong: set[int] = set()
        """The nodes of which it has been told what is wrong, by their identity: other rows would tell it again."""
        self.steps = StepCompiler(spec, asked.limits, library, places)
        self.strong = {"target": asked.kind, "target_name": asked.name, **asked.vars, **given}
        before = len(self.problems.diagnostics)
        self.vars: Vars = compile_vars(spec.vars, places.at(Known(frozenset(self.strong))))
        self.sound = len(self.problems.diagnostics) == before
        """Whether the file's variables can be worked out; what else would fail for want of them is not told."""
        self.names = Known(frozenset(self.strong) | frozenset(spec.vars))
        """What is known before the run."""
        self.ids: dict[str, Check] = {}
        self.given_names = frozenset(_given_names(spec.checks))
        self.title = ""

    def compile(self) -> FilePlan:
        spec = self.spec
        weak = self._values()
        scope = {**weak, **self.strong}
        self.mask = self._mask_of(scope)
        given = self.names.plus(
            (name for file in self.needs for name in file.gives), open=any(file.gives_more for file in self.needs)
        )
        fixtures = self._fixtures(given)
        before = given.plus((), open=bool(fixtures))
        setup = self.steps.steps(spec.setup, before)
        known = before.plus(saved_by(setup), open=may_give_more(setup))
        self._warn_of_shadowed(setup)
        self.title = self._text(spec.name, scope) or spec.source.path.stem
        checks = [
            plan
            for number, check in enumerate(spec.checks)
            if check.steps
            for plan in self._checks(number, check, known, scope)
        ]
        self._refuse_short_secrets(scope)
        saved = frozenset[str]().union(saved_by(setup), *(saved_by([*c.steps, *c.finally_]) for c in checks))
        more = any(may_give_more([*check.steps, *check.finally_]) for check in checks)
        return FilePlan(
            spec.source.name,
            self.asked,
            tuple(checks),
            self._around("setup", setup),
            self._around("teardown", self.steps.steps(spec.teardown, known)),
            tuple(sorted(saved_by(setup))),
            weak,
            self.strong,
            self._text(spec.description, scope),
            frozenset(self.places.used) | frozenset(spec.vars) | self.secret,
            fixtures,
            tuple(file.name for file in self.needs),
            self.secret,
            tuple(self.places.hooks),
            saved,
            more or bool(fixtures) or may_give_more(setup),
            self.title,
        )

    def _values(self) -> dict[str, Any]:
        if not self.sound:
            return {}
        values: dict[str, Any] = {}
        try:
            self.vars.render(self.strong, values)
        except VariableError as error:
            self.problems.add(error.node, str(error))
            self.sound = False
        return values

    def _fixtures(self, known: Known) -> tuple[HookPlan, ...]:
        compilation = self.places.at(known)
        found = [compile_hook(node, compilation) for node in self.spec.fixtures]
        return tuple([fixture for fixture in found if fixture is not None])

    def _mask_of(self, scope: dict[str, Any]) -> Callable[[str], str]:
        """What keeps the secrets that are known before the run out of names and reasons."""
        secrets = Secrets()
        for name in self.secret & scope.keys():
            secrets.add(scope[name])
        return secrets.mask

    def _refuse_short_secrets(self, scope: dict[str, Any]) -> None:
        for name in self.spec.secrets:
            if fault := naming_fault(name.text):
                self.problems.add(name, fault)
            value = scope.get(name.text)
            if is_too_short(value):
                self.problems.add(
                    name, f"the secret {name.text!r} is shorter than {SHORTEST} characters and cannot be masked"
                )

    def _warn_of_shadowed(self, setup: tuple[AnyStepPlan, ...]) -> None:
        for name in sorted(saved_by(setup) & self.strong.keys()):
            place = next(save.node for save in _saves(setup) if save.name == name)
            self.problems.add(
                place,
                f"setup saves {name!r}, which the target or the command line already gives; theirs wins",
                warning=True,
            )

    def _around(self, phase: Phase, steps: tuple[AnyStepPlan, ...]) -> CheckPlan | None:
        if not steps:
            return None
        name = self.spec.source.name
        line = steps[0].place.line
        return CheckPlan(f"{name}::{phase}", phase, name, line, (), steps, spec=self.title, phase=phase)

    def _checks(self, order: int, check: Check, known: Known, scope: dict[str, Any]) -> Iterator[CheckPlan]:
        """A check, once for each of its rows and repetitions."""
        rows = read_rows(check.fields, self.places.at(known), scope)
        inner = known.plus(rows.names)
        steps = self.steps.steps(check.steps, inner)
        after = inner.plus(saved_by(steps), open=may_give_more(steps))
        if not check.inline:
            steps = (*steps, *self.steps.verify(check.fields.get("verify"), after))
        last = self.steps.steps(check.finally_, after)
        when = self.steps.when(check.fields.get("when"), self.places.at(inner))
        usual = self.mask
        for row in rows.rows:
            own = scope | row.values if row.values else scope
            named = self.names.plus(rows.names)
            self.mask = self._mask_of(own) if self.secret & row.values.keys() else usual
            label = row.label(self.mask)
            name = self._name(check, own, named, label)
            for number in range(1, self._repeats(check, own, named) + 1):
                shown = self._unique(f"{name} #{number}", check) if number > 1 else name
                yield CheckPlan(
                    f"{self.spec.source.name}::{shown}",
                    shown,
                    self.spec.source.name,
                    check.node.line,
                    tuple(dict.fromkeys((*self.spec.tags, *check.tags))),
                    steps,
                    last,
                    rows.empty or self._said(check, "skip", own, named),
                    None if check.inline else self._timeout(check, own, named),
                    self.title,
                    self._said(check, "description", own, named),
                    base=name.removesuffix(f"[{label}]") if label else name,
                    number=order,
                    row=row.values,
                    late=row.late,
                    when=when,
                    xfail=self._xfail(check, own, named),
                    locks=self._locks(check, own, named),
                )
        self.mask = usual

    def _name(self, check: Check, scope: dict[str, Any], known: Known, label: str) -> str:
        row = f"[{label}]" if label else ""
        entry = check.fields.get("name")
        if entry is None or not isinstance(entry.value, Scalar):
            return self._unique(_default_name(check) + row, check)
        name = self._text(entry.value, scope, known) or entry.value.text
        if row:
            return self._unique(name + row, check)
        first = self.ids.get(name)
        if first is not None and "${" in entry.value.text:  # of names without variables the reader has told
            self.problems.add(entry.value, f"a second check {name!r}; the first is at line {first.node.line}")
        if not name.strip():
            self.problems.add(entry.value, "the name is blank once its variables are filled in")
        if name in ("setup", "teardown") and "${" in entry.value.text:
            self.problems.add(entry.value, f"{name!r} is the id of the file's own {name}", "choose another name")
        self.ids[name] = check
        return name

    def _unique(self, name: str, check: Check) -> str:
        number, unique = 1, name
        while unique in self.ids or unique in self.given_names:
            number += 1
            unique = f"{name} ({number})"
        self.ids[unique] = check
        return unique

    def _text(self, node: Scalar | None, scope: dict[str, Any], known: Known | None = None) -> str | None:
        if node is None:
            return None
        text = self._worked_out(node, Compilation.text, scope, known)
        return None if text is None else self.mask(str(text))

    def _worked_out(
        self,
        node: Scalar,
        read: Callable[[Compilation, Scalar], Value],
        scope: dict[str, Any],
        known: Known | None = None,
    ) -> Any:
        """What a value comes to before the run; None where it comes to nothing, and why was told once."""
        before = len(self.problems.diagnostics)
        value = read(self.places.at(known or self.names), node)
        if len(self.problems.diagnostics) > before:
            self.wrong.add(id(node))
        if id(node) in self.wrong:
            return None
        try:
            return value.render(scope)
        except VariableError as error:
            if self.sound:
                self.problems.add(node, str(error))
            return None

    def _said(self, check: Check, key: str, scope: dict[str, Any], known: Known) -> str | None:
        node = _scalar(check.fields.get(key))
        return None if node is None else self._text(node, scope, known) or ""

    def _timeout(self, check: Check, scope: dict[str, Any], known: Known) -> float | None:
        node = _scalar(check.fields.get("timeout"))
        if node is None:
            return None
        seconds: float | None = self._worked_out(node, lambda at, said: units.duration(said, at), scope, known)
        return seconds

    def _repeats(self, check: Check, scope: dict[str, Any], known: Known) -> int:
        node = _scalar(check.fields.get("repeat"))
        if node is None:
            return 1
        times = self._worked_out(node, lambda at, said: units.count(said, at), scope, known)
        if times is not None and not 0 < times <= _MOST_REPEATS:
            self.problems.add(node, f"expected a number from 1 to {_MOST_REPEATS:,}, found {times}")
            return 1
        return times or 1

    def _xfail(self, check: Check, scope: dict[str, Any], known: Known) -> Xfail | None:
        entry = check.fields.get("xfail")
        if entry is None:
            return None
        strict = True
        node = entry.value
        if isinstance(node, Mapping):
            if (said := _scalar(node.entries.get("strict"))) is not None:
                strict = self._worked_out(said, lambda at, flag: units.flag(flag, at), scope, known) is not False
            found = _scalar(node.entries.get("reason"))
        else:
            found = _scalar(entry)
        if found is not None and not isinstance(found.value, str):
            self.problems.add(found, "expected the reason as text", "say why, as in 'xfail: issue 12'")
        return Xfail(self._text(found, scope, known) or "", strict)

    def _locks(self, check: Check, scope: dict[str, Any], known: Known) -> tuple[str, ...]:
        entry = check.fields.get("lock")
        if entry is None:
            return ()
        items = entry.value.items if isinstance(entry.value, Sequence) else [entry.value]
        found = []
        for item in items:
            if isinstance(item, Scalar) and not is_null(item):
                lock = self._worked_out(item, Compilation.text, scope, known)
                found.append("" if lock is None else str(lock))
            else:
                self.problems.add(item, "expected the name of a lock as text")
        return tuple(dict.fromkeys(filter(None, found)))


def _default_name(check: Check) -> str:
    first = check.steps[0]
    return f"{first.method} {first.url.text}" if isinstance(first, Step) else first.procedure.text


def _saves(steps: tuple[AnyStepPlan, ...]) -> Iterator[Any]:
    from asgi_probe.engine.plan import StepPlan, each_step

    for step in each_step(steps):
        if isinstance(step, StepPlan):
            yield from step.saves


def _scalar(entry: Entry | None) -> Scalar | None:
    if entry is None or not isinstance(entry.value, Scalar) or is_null(entry.value):
        return None
    return entry.value


def _given_names(checks: Several[Check]) -> Iterator[str]:
    for check in checks:
        entry = check.fields.get("name")
        if entry is not None and isinstance(entry.value, Scalar) and not {"each", "matrix"} & check.fields.keys():
            yield entry.value.text
