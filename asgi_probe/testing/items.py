"""A spec and its checks as pytest's nodes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from asgi_probe.engine.events import CheckFinished
from asgi_probe.engine.results import Outcome
from asgi_probe.testing.session import session_of
from asgi_probe.testing.telling import NotPassed, told

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from asgi_probe.engine.events import Event
    from asgi_probe.engine.plan import CheckPlan
    from asgi_probe.project.workspace import Single
    from asgi_probe.testing.running import Result

_ACTING = frozenset(
    (
        "anyio", "asyncio", "django_db", "filterwarnings", "flaky", "order", "parametrize", "skip", "skipif", "timeout",
        "trio", "tryfirst", "trylast", "usefixtures", "xdist_group", "xfail",
    )
)  # fmt: skip
"""Markers that do something to an item: as a tag such a word is only a word."""


class SpecFile(pytest.File):
    """A spec; its checks are collected as items."""

    def __init__(self, *, root: Path, **more: Any) -> None:
        super().__init__(**more)
        self.root = root

    def collect(self) -> Iterator[CheckItem]:
        """Compile the spec; raises SpecError with all that is wrong with it, UsageError for options."""
        spec = session_of(self.config).compiled(self.path, self.root)
        for check in spec.plan.checks:
            name = check.id.partition("::")[2]
            # pytest 9.2 takes an id apart, and only one that it has parsed equals those that it remembers for `--lf`
            item = CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", check=check, spec=spec)
            _mark(item)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What `asgi-probe lint` prints of it."""
        del style
        return told(excinfo.value) or super().repr_failure(excinfo)


class CheckItem(pytest.Item):
    """A check. Its file is opened for the first of them that runs, and closed after the last."""

    def __init__(self, *, check: CheckPlan, spec: Single, **more: Any) -> None:
        super().__init__(**more)
        self.check = check
        self.spec = spec
        self.result: Result | None = None

    def setup(self) -> None:
        """Open the file; where that fails, so does the check."""
        run = session_of(self.config)
        if run.open(self.spec):
            opening = run.opening(self.spec)
            self._conclude(run.result(self.spec, self.check), *opening)

    def runtest(self) -> None:
        """Run the check."""
        self._conclude(session_of(self.config).result(self.spec, self.check))

    def _conclude(self, result: Result, *before: Any) -> None:
        self.result = result
        finished, reason = result.finished, result.finished.reason or ""
        as_is = self.config.getoption("runxfail", default=False)
        match finished.outcome:
            case Outcome.SKIPPED:
                raise pytest.skip.Exception(reason, _use_item_location=True)
            case Outcome.XFAILED if not as_is:
                pytest.xfail(reason)
            case Outcome.PASSED:
                return
            case Outcome.FLAKY:
                self.user_properties.append(("asgi_probe_outcome", "flaky"))
                return
            case Outcome.XPASSED if as_is:
                return
        events = (_failed(event) if as_is else event for event in result.events)
        raise NotPassed((*before, *events))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the console reporter prints of it."""
        return told(excinfo.value) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Where the check stands in its spec."""
        return self.path, self.check.line - 1, self.name


def _failed(event: Event) -> Event:
    """With `--runxfail` what was to fail and did has failed."""
    if isinstance(event, CheckFinished) and event.outcome is Outcome.XFAILED:
        return replace(event, outcome=Outcome.FAILED)
    return event


def _mark(item: CheckItem) -> None:
    for tag in item.check.tags:
        item.extra_keyword_matches.add(tag)
        name = marker_name(tag)
        if name not in _ACTING:
            _register(name, tag, item.config)
            item.add_marker(name)
    if item.check.skip is not None:
        item.add_marker(pytest.mark.skip(reason=item.check.skip))


def marker_name(tag: str) -> str:
    """The marker of a tag: what cannot stand in a name becomes `_`, and what cannot begin one stands after `tag_`."""
    name = re.sub(r"\W", "_", tag)
    return name if name.isidentifier() and not name.startswith("_") else f"tag_{name}"


def _register(name: str, tag: str, config: pytest.Config) -> None:
    known = {re.split(r"[:(\s]", line.strip(), maxsplit=1)[0] for line in config.getini("markers")}
    if name not in known:
        config.addinivalue_line("markers", f"{name}: the tag {tag!r} of a spec")
