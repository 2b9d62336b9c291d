"""Plans from YAML text, run against tiny apps in process."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import CheckFinished, CheckStarted, StepFinished
from asgi_probe.engine.hooks import import_hooks
from asgi_probe.engine.plan import Asked, FilePlan
from asgi_probe.engine.planning import Planner
from asgi_probe.engine.run import Group, Run, RunOptions
from asgi_probe.engine.stopping import Stop
from asgi_probe.spec.loader import load
from asgi_probe.target.asgi import AppTarget
from asgi_probe.target.importing import LoadedApp

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_probe.engine.events import Event
    from asgi_probe.spec.source import Problems


def compiled(
    root: Path,
    *texts: str,
    asked: Asked | None = None,
    given: dict[str, Any] | None = None,
) -> tuple[list[FilePlan], Problems]:
    """The plans of these specs, named `a.yaml`, `b.yaml` …, and all that is wrong with them."""
    paths = []
    for name, text in zip("abcdef", texts, strict=False):
        path = root / f"{name}.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        paths.append(path)
    loaded = load(paths, root=root)
    asked = asked or Asked("app", "app")
    planner = Planner(loaded.library, given or {}, loaded.problems, lambda _: asked)
    plans = [planner.file(spec) for spec in loaded.specs]
    import_hooks([hook for plan in plans for hook in plan.hooks], root, loaded.problems)
    return plans, loaded.problems


def planned(root: Path, *texts: str, **more: Any) -> list[FilePlan]:
    plans, problems = compiled(root, *texts, **more)
    assert not problems.diagnostics, [problem.message for problem in problems.diagnostics]
    return plans


class Ran:
    """A run in process, and what it told."""

    def __init__(self, root: Path, *texts: str, app: Any, concurrency: int = 16, **options: Any) -> None:
        given, lifespan = options.pop("given", None), options.pop("lifespan", "off")
        self.events: list[Event] = []
        self.stop = Stop()
        target = AppTarget(
            LoadedApp(app, factory=False, reference="m:app"), lifespan=lifespan, warn=lambda *_: None, root=root
        )
        group = Group(target, tuple(planned(root, *texts, given=given)), concurrency)
        self.run = Run([group], RunOptions(root=root, **options), self.stop, self._emit)

    def _emit(self, event: Event) -> None:
        self.events.append(event)

    async def ended(self) -> Ran:
        self.finished = await self.run.execute()
        return self

    @property
    def told(self) -> list[str]:
        """What was told, a word an event: `+id`, `phase step outcome`, `-id outcome`."""
        return [line for event in self.events if (line := _in_short(event))]

    @property
    def outcomes(self) -> dict[str, str]:
        return {
            event.id.partition("::")[2]: str(event.outcome) for event in self.events if isinstance(event, CheckFinished)
        }

    def check(self, name: str) -> CheckFinished:
        (found,) = (event for event in self.events if isinstance(event, CheckFinished) and event.id.endswith(name))
        return found

    def steps(self, name: str) -> list[StepFinished]:
        return [event for event in self.events if isinstance(event, StepFinished) and event.id.endswith(f"::{name}")]


def _in_short(event: Event) -> str:
    match event:
        case CheckStarted():
            return f"+{event.id}"
        case StepFinished():
            return f"{event.phase} {event.step} {event.outcome}"
        case CheckFinished():
            return f"-{event.id} {event.outcome}"
        case _:
            return event.event
