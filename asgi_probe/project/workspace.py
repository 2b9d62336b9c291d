"""From paths and flags to a plan: find the specs, read them, compile them, select."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.config import Config, TargetConfig, read_config, resolved
from asgi_probe.engine.hooks import import_hooks
from asgi_probe.engine.plan import Asked, FilePlan, Plan
from asgi_probe.engine.planning import Planner, with_needs
from asgi_probe.engine.request import Limits
from asgi_probe.engine.secrets import Secrets
from asgi_probe.engine.selection import compile_expression, has_tag, in_name
from asgi_probe.errors import NothingSelected, SpecError, UsageError
from asgi_probe.project.limits import limited
from asgi_probe.project.targets import without_effect
from asgi_probe.project.variables import given_variables
from asgi_probe.spec.loader import Found, Library, Loaded, find_root, find_specs, load
from asgi_probe.spec.source import Mapping, Problems, Scalar, did_you_mean, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Mapping as ReadOnly

    from asgi_probe.engine.plan import CheckPlan
    from asgi_probe.engine.thresholds import Threshold
    from asgi_probe.spec.model import Spec
    from asgi_probe.spec.source import Diagnostic, Entry, Node
    from asgi_probe.terminal import Line

    MakeSpec = Callable[[Problems], Spec | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; `target` holds what flags and environment say of it."""

    paths: Sequence[str] = ()
    tags: Sequence[str] = ()
    names: Sequence[str] = ()
    var: Sequence[str] = ()
    vars_file: Sequence[Path] = ()
    target: TargetConfig = field(default_factory=TargetConfig)
    target_name: str | None = None
    target_names: tuple[str, ...] = ()
    """The targets that are asked all the same, one after the other."""
    timeout: float | None = None
    needs_target: bool = True
    imports: bool = True
    """Whether the user's functions are imported, so that what is wrong with them is found."""
    secrets: ReadOnly[str, str] = field(default_factory=dict)
    """Variables whose values are never told."""
    variables: ReadOnly[str, Any] = field(default_factory=dict)
    """Variables with their values, beside those that are to be read."""
    root: Path | None = None
    """The project's folder, which paths are relative to; else it is looked for from the working directory."""
    spec: MakeSpec | None = None
    """What makes the one spec, in place of files."""
    thresholds: Sequence[str] = ()
    """What the run is held to, besides what the configuration says."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A plan that can run, whom its files ask, and what was noticed on the way."""

    config: Config
    plan: Plan
    targets: dict[int, TargetConfig]
    """By the identity of a file's `asked`."""
    warnings: tuple[Line, ...]
    selected: tuple[FilePlan, ...] = ()
    """What was asked for, without what that needs."""
    known: tuple[FilePlan, ...] = ()
    """All files, whole."""
    side_by_side: tuple[str, ...] = ()
    """The targets that are to be compared."""
    copies: ReadOnly[str, str] = field(default_factory=dict)
    """Of which check one that `--repeat` made is a copy, by their ids."""
    notes: tuple[Line, ...] = ()
    """What there is to say of what runs."""
    thresholds: tuple[Threshold, ...] = ()
    """What the run is held to."""

    @property
    def read(self) -> list[Path]:
        """The files that it was made of: specs, and the configuration."""
        specs = [self.config.root / file.name for file in self.known]
        return specs if self.config.file is None else [*specs, self.config.file]

    def target_of(self, file: FilePlan) -> TargetConfig:
        return self.targets[id(file.asked)]


def open_workspace(wish: Wish) -> Workspace:
    """Find, read, compile and select; SpecError, UsageError or NothingSelected say why not."""
    cwd = wish.root or Path.cwd()
    config = read_config(wish.root or find_root(cwd))
    limits = limited(config, wish.thresholds)
    given = given_variables(wish.var, wish.vars_file) | dict(wish.variables) | dict(wish.secrets)
    selects = _selector(wish)
    found, loaded = _loaded(wish, config, cwd)
    targets = _each_target(config, wish, loaded.problems)
    planners = [Planner(loaded.library, given, loaded.problems, each.asked) for each in targets]
    files = [planner.file(spec) for planner in planners for spec in loaded.specs]
    known = [file for planner in planners for file in planner.files]
    if wish.imports:
        import_hooks([hook for file in known for hook in file.hooks], config.root, loaded.problems)
    if loaded.problems.errors:
        raise SpecError(_told(loaded.problems, _secret_values(known, wish)))
    limits.refuse_unknown(config, known, whole=not wish.paths and wish.spec is None)
    wanted = {each.name: each for each in found}
    selected = [_narrowed(file, wanted[file.name], selects) for file in files]
    plan = with_needs(selected, known)
    if not plan.files:
        raise NothingSelected(_nothing(files, wish))
    by_asked = {mark: target for each in targets for mark, target in each.by_asked.items()}
    noticed = [line for warning in loaded.problems.warnings for line in warning.render()]
    return Workspace(
        config,
        plan,
        by_asked,
        (*noticed, *_unused(given, files), *without_effect(wish.target, by_asked.values())),
        tuple(file for file in selected if file.checks),
        tuple(known),
        side_by_side=wish.target_names,
        thresholds=limits.all,
    )


def _loaded(wish: Wish, config: Config, cwd: Path) -> tuple[list[Found], Loaded]:
    """The specs, and what of them is wanted."""
    if wish.spec is None:
        found = find_specs(_paths(wish, config, cwd), cwd=cwd, root=config.root)
        return found, load([each.path for each in found], root=config.root)
    problems = Problems()
    spec = wish.spec(problems)
    specs = [spec] if spec else []
    whole = [Found(each.source.path, each.source.name) for each in specs]
    return whole, Loaded(specs, problems, Library(config.root, problems))


def _each_target(config: Config, wish: Wish, problems: Problems) -> list[_Targets]:
    """Whom the files ask, once for each of the targets that are asked all the same."""
    wishes = [replace(wish, target_name=name) for name in wish.target_names] or [wish]
    return [_Targets(config, each, problems) for each in wishes]


def _unused(given: dict[str, Any], files: Sequence[FilePlan]) -> Iterator[Line]:
    used = frozenset[str]().union(*(file.used for file in files))
    for name in given:
        if name not in used:
            hint = did_you_mean(name, used)
            yield [("warning: ", "warning"), (f"nothing uses the variable {name!r}{hint and '; ' + hint}", "message")]


def _secret_values(files: Sequence[FilePlan], wish: Wish) -> Secrets:
    """What must not be told of the values that are known before the run."""
    secrets = Secrets(wish.secrets.values())
    for file in files:
        for name in file.secrets:
            secrets.add(file.strong.get(name))
            secrets.add(file.weak.get(name))
    return secrets


def _told(problems: Problems, secrets: Secrets) -> list[Diagnostic]:
    """What is wrong, in order, without secrets."""
    found = sorted(problems.diagnostics, key=_place)
    return [
        replace(
            each,
            message=secrets.mask(each.message),
            hint=secrets.mask(each.hint),
            traceback=secrets.mask(each.traceback),
        )
        for each in found
    ]


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    at = diagnostic.location
    return at.source.name, at.line, at.column


def _paths(wish: Wish, config: Config, cwd: Path) -> Sequence[str]:
    if wish.paths:
        return wish.paths
    if config.specs:
        return [str(config.root / path) for path in config.specs]
    if (cwd / "specs").is_dir():
        return ["specs"]
    raise UsageError(
        'no specs to run: name a file or folder, or write `specs = ["specs"]` under [tool.asgi-probe] in pyproject.toml'
    )


def _selector(wish: Wish) -> Callable[[CheckPlan], bool]:
    by_tags = [compile_expression(tag, "--tag") for tag in wish.tags]
    by_names = [compile_expression(name, "-k", phrases=True) for name in wish.names]

    def selects(check: CheckPlan) -> bool:
        tagged, named = has_tag(check.tags), in_name(check.name)
        return all(holds(tagged) for holds in by_tags) and all(holds(named) for holds in by_names)

    return selects


def _narrowed(file: FilePlan, found: Found, selects: Callable[[CheckPlan], bool]) -> FilePlan:
    checks = tuple(check for check in _at(file, found) if selects(check))
    return file if len(checks) == len(file.checks) else replace(file, checks=checks)


def _at(file: FilePlan, found: Found) -> Sequence[CheckPlan]:
    """The checks at the lines and of the names that were asked for, in file order; of neither, all."""
    if found.whole:
        return file.checks
    at_lines = [check for line in found.lines for check in _at_line(file, line)]
    wanted = {check.id for check in (*at_lines, *_named(file, found.checks))}
    return [check for check in file.checks if check.id in wanted]


def _at_line(file: FilePlan, line: int) -> Iterator[CheckPlan]:
    """The check at that line, all its rows."""
    above = [check for check in file.checks if check.line <= line]
    if not above:
        first = f"; the first begins at line {file.checks[0].line}" if file.checks else ""
        raise UsageError(f"{file.name}:{line}: no check stands there{first}")
    yield from (check for check in above if check.number == above[-1].number)


_SHOWN = 10


def _named(file: FilePlan, names: Sequence[str]) -> Iterator[CheckPlan]:
    """The checks of these names; of one with rows all of them, or the one of that row."""
    for name in names:
        found = [check for check in file.checks if name in (check.name, check.base)]
        if not found:
            known = list(dict.fromkeys(check.name for check in file.checks))
            more = f" and {len(known) - _SHOWN:,} more" if len(known) > _SHOWN else ""
            hint = did_you_mean(name, known) or f"there are: {', '.join(map(repr, known[:_SHOWN]))}{more}"
            raise UsageError(f"{file.name} has no check {name!r}; {hint}")
        yield from found


def _nothing(files: Sequence[FilePlan], wish: Wish) -> str:
    checks = len({check.id for file in files for check in file.checks})
    if not checks and files:
        names = ", ".join(sorted({file.name for file in files})[:10])
        return f"there are no checks, only procedures, in {names}: run a file that uses them"
    said = " and ".join([*(f"--tag {tag!r}" for tag in wish.tags), *(f"-k {name!r}" for name in wish.names)])
    tags = sorted({tag for file in files for check in file.checks for tag in check.tags})
    hint = f"; there are the tags: {', '.join(tags)}" if wish.tags and tags else ""
    return f"no check matches {said or 'the given places'}, of {checks} in all{hint}"


class _Targets:
    """Whom each file asks: flags, then the environment, then the spec, then the configuration's default."""

    def __init__(self, config: Config, wish: Wish, problems: Problems) -> None:
        self.config = config
        self.wish = wish
        self.problems = problems
        self.by_asked: dict[int, TargetConfig] = {}
        self._asked: dict[TargetConfig, Asked] = {}

    def asked(self, spec: Spec) -> Asked:
        target = self.wish.target.over(self.chosen(spec.target))
        if target not in self._asked:
            usual = Limits()
            limits = Limits(
                _first(self.wish.timeout, target.timeout, usual.timeout), _first(target.max_body, usual.max_body)
            )
            kind: Literal["app", "live"] = "app" if target.app else "live"
            ready = self._resolved(target)
            given = ready.vars.given if ready.vars else {}
            secrets = (*(ready.secrets or ()), *self.wish.secrets)
            asked = Asked(target.name or kind, kind, limits, given, secrets)
            self._asked[target] = asked
            self.by_asked[id(asked)] = ready
        return self._asked[target]

    def _resolved(self, target: TargetConfig) -> TargetConfig:
        """With its `${…}` rendered; where nobody is asked, what the environment lacks does not matter."""
        try:
            return resolved(target, self.config.root)
        except UsageError:
            if self.wish.needs_target:
                raise
            return target

    def chosen(self, named: Node | None) -> TargetConfig:
        """Whom to ask by what else says so; `named` is what the spec says itself."""
        if self.wish.target.app or self.wish.target.base_url:
            return TargetConfig()
        if self.wish.target_name:
            return self._named(self.wish.target_name)
        if named is not None:
            return self._of_spec(named)
        if self.config.target:
            return self.config.targets[self.config.target]
        if self.wish.needs_target:
            raise UsageError(
                "no target: say whom to ask with --app module:attribute or --base-url http://127.0.0.1:8000, "
                "or set a default `target` under [tool.asgi-probe] in pyproject.toml"
            )
        return TargetConfig()

    def _named(self, name: str) -> TargetConfig:
        target = self.config.targets.get(name)
        if target is None:
            raise UsageError(f"no target {name!r} is configured" + _known(name, self.config))
        return target

    def _of_spec(self, node: Node) -> TargetConfig:
        match node:
            case Scalar(value=str() as name):
                if name not in self.config.targets:
                    self.problems.add(node, f"no target {name!r} is configured", _known(name, self.config).lstrip(": "))
                return self.config.targets.get(name, TargetConfig(name))
            case Mapping(entries=entries):
                return self._inline(node, entries)
            case _:
                self.problems.add(node, f"expected the name of a target, or a mapping, found {kind_of(node)}")
        return TargetConfig()

    def _inline(self, node: Mapping, entries: dict[str, Entry]) -> TargetConfig:
        for key, entry in entries.items():
            if key not in _INLINE:
                self.problems.add(
                    entry, f"unknown key {key!r}", did_you_mean(key, _INLINE) or "expected app or base_url"
                )
            elif not isinstance(entry.value, Scalar) or not isinstance(entry.value.value, str):
                self.problems.add(entry.value, f"expected a text, found {kind_of(entry.value)}")
        if ("app" in entries) == ("base_url" in entries):
            self.problems.add(node, "a target takes either 'app' or 'base_url'", "such as {app: 'shop.main:app'}")
        said = {key: entry.value.text for key, entry in entries.items() if isinstance(entry.value, Scalar)}
        return TargetConfig(app=said.get("app"), base_url=said.get("base_url"))


_INLINE = ("app", "base_url")


def _known(name: str, config: Config) -> str:
    return ": " + (did_you_mean(name, config.targets) or f"there are {', '.join(config.targets) or 'none'}")


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


@dataclass(frozen=True, slots=True)
class Single:
    """One spec by itself: `files` are its own and those that it needs, all of which ask `target`."""

    root: Path
    plan: FilePlan
    files: tuple[FilePlan, ...]
    target: TargetConfig
    warnings: tuple[Line, ...]


def open_spec(path: Path, config: Config, wish: Wish, given: dict[str, Any]) -> Single:
    """Read and compile one file; a SpecError has all that is wrong with it and what it needs, a UsageError is told."""
    loaded = load([path], root=config.root)
    targets = _Targets(config, wish, loaded.problems)
    planner = Planner(loaded.library, given, loaded.problems, targets.asked)
    plans = [planner.file(spec) for spec in loaded.specs]
    import_hooks([hook for file in planner.files for hook in file.hooks], config.root, loaded.problems)
    if loaded.problems.errors:
        raise SpecError(_told(loaded.problems, _secret_values(planner.files, wish)))
    noticed = tuple(line for warning in loaded.problems.warnings for line in warning.render())
    return Single(config.root, plans[0], tuple(planner.files), targets.by_asked[id(plans[0].asked)], noticed)


def default_target(config: Config, wish: Wish) -> TargetConfig:
    """Whom a file asks that names nobody itself; a UsageError where nobody is named."""
    return wish.target.over(_Targets(config, wish, Problems()).chosen(None))
