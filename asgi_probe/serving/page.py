"""The live page where there is no report to show: before the first run, after a restart, when no check ran."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.words import GLYPHS, duration
from asgi_probe.serving.status import told
from asgi_probe.terminal import inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from asgi_probe.serving.history import Availability
    from asgi_probe.serving.records import CheckRecord, RunRecord
    from asgi_probe.serving.status import Health, Running

_HERE = Path(__file__).parent
_MOST = 2_000
"""Rows of a table."""


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows: `runs` newest first, `last` the newest with its checks."""

    health: Health
    trouble: str | None
    running: Running | None
    last: RunRecord | None
    runs: Sequence[RunRecord]
    availability: Sequence[Availability]


@dataclass(frozen=True, slots=True)
class Page:
    """A page in UTF-8, and the Content-Security-Policy that goes with it."""

    body: bytes
    policy: str


def live_page(view: View) -> Page:
    """How the last run went, the runs before it, and how available each check was."""
    checks = sorted(view.last.checks, key=_worst_first) if view.last else []
    text = _template().render(
        view=view,
        style=_style(),
        checks=checks[:_MOST],
        more=max(0, len(checks) - _MOST),
        availability=sorted(view.availability, key=_least_first)[:_MOST],
    )
    return Page(text.encode(), f"default-src 'none'; style-src 'sha256-{_hash(_style())}'; {_AND}")


_AND = "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def _worst_first(check: CheckRecord) -> tuple[bool, str]:
    return Outcome(check.outcome).green, check.id


def _least_first(check: Availability) -> float:
    return 2.0 if check.share is None else check.share


@cache
def _style() -> str:
    return (_HERE / "page.css").read_text(encoding="utf-8").strip()


def _hash(inlined: str) -> str:
    return b64encode(sha256(inlined.encode()).digest()).decode()


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"inline": inline, "duration": duration, "told": told, "moment": _moment}
    environment.globals |= {"glyphs": {outcome.value: glyph for outcome, (glyph, _) in GLYPHS.items()}}
    return environment.get_template("page.html.j2")


def _moment(text: str) -> str:
    """A moment for people: `2026-11-25 22:30:00`, in UTC."""
    return text[:19].replace("T", " ")
