"""asgi-probe: smoke tests for HTTP services, against an ASGI app in process or a live URL.

From Python: `await asgi_probe.run("specs", app=app)` runs specs and gives a `Result`, `asgi_probe.load("specs")` says
what there is to run. `Probe` and `blocking` are for functions that specs name. What a run tells are the events.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true; typing's own costs as much as all the rest of `--version`
if TYPE_CHECKING:
    from asgi_probe.engine.events import (
        CheckFinished,
        CheckStarted,
        Event,
        RunFinished,
        RunStarted,
        StepFinished,
        Warned,
    )
    from asgi_probe.engine.results import Mismatch, Outcome
    from asgi_probe.errors import ExitCode, NothingSelected, ProbeError, SpecError, TargetError, UsageError
    from asgi_probe.library import CheckInfo, Result, Specs, load, run
    from asgi_probe.spec.hooks import blocking
    from asgi_probe.target.probe import Probe

__version__ = "0.1.0"

__all__ = [
    "CheckFinished",
    "CheckInfo",
    "CheckStarted",
    "Event",
    "ExitCode",
    "Mismatch",
    "NothingSelected",
    "Outcome",
    "Probe",
    "ProbeError",
    "Result",
    "RunFinished",
    "RunStarted",
    "SpecError",
    "Specs",
    "StepFinished",
    "TargetError",
    "UsageError",
    "Warned",
    "__version__",
    "blocking",
    "load",
    "run",
]

_HOMES = {
    "engine.events": ("CheckFinished", "CheckStarted", "Event", "RunFinished", "RunStarted", "StepFinished", "Warned"),
    "engine.results": ("Mismatch", "Outcome"),
    "errors": ("ExitCode", "NothingSelected", "ProbeError", "SpecError", "TargetError", "UsageError"),
    "library": ("CheckInfo", "Result", "Specs", "load", "run"),
    "spec.hooks": ("blocking",),
    "target.probe": ("Probe",),
}
"""Where the names live; they are imported when they are asked for, so that this module costs nothing."""

if not TYPE_CHECKING:  # whoever checks types shall miss what is not there

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(f"asgi_probe.{home}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
