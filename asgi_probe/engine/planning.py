"""Files compiled in the order of what they need, and what of them runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.compiler import compile_file
from asgi_probe.engine.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from asgi_probe.engine.plan import Asked, FilePlan
    from asgi_probe.spec.loader import Library
    from asgi_probe.spec.model import Spec
    from asgi_probe.spec.source import Problems, Scalar


_DEEPEST = 50
"""How many files may need each other in a row."""


class Planner:
    """Compiles files, each once for each target, those that it needs before it; what is wrong goes to `problems`."""

    def __init__(
        self,
        library: Library,
        given: dict[str, Any],
        problems: Problems,
        asked: Callable[[Spec], Asked],
    ) -> None:
        """`given` are the command line's variables, `asked` says which target a spec asks."""
        self._library = library
        self._given = given
        self._problems = problems
        self._asked = asked
        self._plans: dict[tuple[str, int], FilePlan] = {}
        self._under_way: list[str] = []

    def file(self, spec: Spec) -> FilePlan:
        """The plan of a spec."""
        asked = self._asked(spec)
        key = (spec.source.name, id(asked))
        if key not in self._plans:
            self._under_way.append(spec.source.name)
            needs = [plan for name in spec.needs if (plan := self._needed(name, asked)) is not None]
            self._under_way.pop()
            self._plans[key] = compile_file(
                spec,
                asked,
                self._given,
                self._library.root,
                self._problems,
                library=self._library,
                needs=needs,
            )
        return self._plans[key]

    def _needed(self, name: Scalar, asked: Asked) -> FilePlan | None:
        spec = self._library.beside(name.text, name)
        if spec is None:
            return None
        if spec.source.name in self._under_way:
            way = [*self._under_way[self._under_way.index(spec.source.name) :], spec.source.name]
            self._problems.add(name, f"files that need each other: {' → '.join(way)}", "take one of the needs away")
            return None
        if len(self._under_way) >= _DEEPEST:
            self._problems.add(
                name, f"files that need each other, {_DEEPEST} in a row", "let them need the first alone"
            )
            return None
        if self._asked(spec) is not asked:
            theirs = self._asked(spec).name
            self._problems.add(
                name,
                f"{spec.source.name} asks the target {theirs!r}, this file {asked.name!r}",
                "files can need each other only where they ask the same one",
            )
            return None
        return self.file(spec)

    @property
    def files(self) -> list[FilePlan]:
        """All plans so far; whoever is needed comes before who needs it."""
        return list(self._plans.values())


def with_needs(selected: Sequence[FilePlan], known: Iterable[FilePlan]) -> Plan:
    """The files that have a check selected, and whole, before them, those that they need."""
    everything = {(file.name, id(file.asked)): file for file in known}
    chosen = {(file.name, id(file.asked)): file for file in selected}
    ordered: dict[tuple[str, int], FilePlan] = {}

    def add(file: FilePlan, *, whole: bool) -> None:
        key = (file.name, id(file.asked))
        for name in file.needs:
            add(everything[name, id(file.asked)], whole=True)
        ordered[key] = _whole(everything[key], chosen.get(key)) if whole else ordered.get(key, file)

    for file in selected:
        if file.checks:
            add(file, whole=False)
    return Plan(tuple(ordered.values()))


def _whole(file: FilePlan, chosen: FilePlan | None) -> FilePlan:
    """All checks of a file, in the order and as often as they were chosen, if they were."""
    if chosen is None:
        return file
    ids = {check.id for check in chosen.checks}
    missing = tuple(check for check in file.checks if check.id not in ids)
    return replace(chosen, checks=(*chosen.checks, *missing))
