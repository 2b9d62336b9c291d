"""The run as a page: one file for the browser, that asks nobody for anything and runs no script but ours.

The page is `head(run)`, a line for each check by `row(check)`, and `rest(run, failures)`. They take plain data, as
strict JSON can hold it:

- `run` is `{"started": …, "finished": …, "warnings": [{"message", "traceback", "count"}]}`: the events `run_started`
  and `run_finished` as the ndjson stream words them, and the warnings, each once. It may have `history`, the last runs
  with the oldest first, each `{"started_at", "duration", "exit_code", "outcomes"}`, and `availability`, the share of
  runs (0 to 1) in which a check was green, by its id: the page then shows both.
- a check is what `gathering.check_data` gives.

In the page each check is a line of JSON in which `expected`, `actual` and what was saved are JSON texts, so that their
numbers reach the reader as they are: a browser's own would lose digits.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.events import RunFinished, RunStarted, Warned
from asgi_probe.engine.results import Outcome
from asgi_probe.reporters.gathering import CountedWarnings, Gathering, check_data, check_json
from asgi_probe.reporters.ndjson import as_data, as_json
from asgi_probe.reporters.room import Room
from asgi_probe.reporters.words import GLYPHS, count, duration, tally
from asgi_probe.terminal import harmless, inline, plain

if TYPE_CHECKING:
    from jinja2 import Template

    from asgi_probe.engine.events import Event
    from asgi_probe.reporters.files import ReportFile

Data = dict[str, Any]

_PAGE = Path(__file__).with_name("page")
_SCRIPTS = (
    "elements.js", "words.js", "json.js", "difference.js", "body.js", "mismatches.js", "check.js", "model.js",
    "list.js", "filters.js", "timeline.js", "charts.js", "keys.js", "report.js",
)  # fmt: skip
_MOST_NAMED = 500
"""Failures that are named where no script runs."""


class HtmlReporter:
    """Writes the page: each check as it ends, so that none is kept."""

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._gathering = Gathering()
        self._failures = Failures()
        self._started: Data = {}
        self._warnings = CountedWarnings()
        self._room = Room(0)

    def handle(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._started = as_data(event)
                self._room = Room(event.checks)
                self._file.write(head({"started": self._started}))
            case Warned():
                self._warnings.add(event)
            case RunFinished():
                run = {"started": self._started, "finished": as_data(event), "warnings": self._warnings.data()}
                self._file.write(rest(run, self._failures))
            case _:
                self._add(event)

    def _add(self, event: Event) -> None:
        ended = self._gathering.add(event)
        if ended is not None:
            check = check_data(ended)
            self._failures.add(check)
            self._file.write(self._room.fitted(check, row))


class Failures:
    """What did not pass, in a line each, for readers without scripts; `more` counts those beyond the first."""

    def __init__(self) -> None:
        self.named: list[tuple[str, str, str]] = []
        self.more = 0

    def add(self, check: Data) -> None:
        """Note the check, if it is one of them."""
        if Outcome(check["outcome"]).green:
            return
        if len(self.named) == _MOST_NAMED:
            self.more += 1
            return
        self.named.append((check["outcome"], _short(check["id"]), _short(why(check))))


def why(check: Data) -> str:
    """In a line why a check did not pass: its reason, else its first mismatch."""
    if check["reason"]:
        return str(check["reason"])
    for mismatch in check["mismatches"]:
        where = f"{mismatch['where']} {mismatch['path']}" if mismatch["path"] else mismatch["where"]
        return f"{where}: {mismatch['message']}"
    return ""


def _short(text: str) -> str:
    return inline(text[:300])


def head(run: Data) -> str:
    """The page up to where its checks stand, a `row` each."""
    return _block("head", started=run["started"], address=_addresses(run["started"]))


def row(check: Data) -> bytes:
    """A line of the page for a check, as JSON that ends no script element, in UTF-8."""
    if not any(told["mismatches"] or told.get("saved") for told in (check, *check["steps"])):
        return _in_script(check_json(check)) + b"\n"
    steps = [step | _as_texts(step) if step["mismatches"] or step["saved"] else step for step in check["steps"]]
    told = check | {"steps": steps} | _as_texts(check)
    if steps:
        told["mismatches"] = []  # they are those of the steps
    return embedded(told) + b"\n"


def _as_texts(told: Data) -> Data:
    """Mismatches and what was saved with their values as JSON texts."""
    texts: Data = {}
    if told["mismatches"]:
        texts["mismatches"] = [mismatch | _values(mismatch) for mismatch in told["mismatches"]]
    if told.get("saved"):
        cut = told.get("truncated", ())
        saved = told["saved"].items()
        texts["saved"] = {name: value if f"saved.{name}" in cut else _text(value) for name, value in saved}
    return texts


def _values(mismatch: Data) -> Data:
    cut = mismatch.get("truncated", ())
    return {name: mismatch[name] if name in cut else _text(mismatch[name]) for name in ("expected", "actual")}


def _text(value: Any) -> str:
    return as_json(value).decode()


def embedded(data: Data) -> bytes:
    """Data as JSON that stands safely in a script element, in UTF-8."""
    return _in_script(as_json(data))


def _in_script(json: bytes) -> bytes:
    return json.replace(b"<", b"\\u003c")


def rest(run: Data, failures: Failures) -> str:
    """The page from behind its checks to its end."""
    started, finished = run["started"], run["finished"]
    return _block(
        "rest",
        started=started,
        finished=finished,
        address=_addresses(started),
        verdict=_verdict(finished),
        tally=plain(tally(finished["outcomes"])),
        facts=_facts(started, finished),
        warnings=run["warnings"],
        failures=failures,
        data=embedded(run).decode(),
    )


def _addresses(started: Data) -> str:
    return ", ".join(dict.fromkeys(_short(target["address"]) for target in started["targets"]))


def _verdict(finished: Data) -> tuple[str, str, str]:
    """The run in an outcome (which gives the colour), a glyph and a few words."""
    ran = sum(finished["outcomes"].values())
    if finished["stopped"] == "interrupted":
        return "interrupted", GLYPHS[Outcome.INTERRUPTED][0], "Interrupted"
    if finished["problem"] and not ran:
        return "error", GLYPHS[Outcome.ERROR][0], "The target could not be asked"
    if finished["exit_code"] or _broken(finished):
        return "failed", GLYPHS[Outcome.FAILED][0], _failed(finished)
    if not ran:
        return "skipped", GLYPHS[Outcome.SKIPPED][0], "Nothing ran"
    return "passed", GLYPHS[Outcome.PASSED][0], "All is well"


def _broken(finished: Data) -> list[Data]:
    return [verdict for verdict in finished["thresholds"] if not verdict["holds"] and not verdict["warns"]]


def _failed(finished: Data) -> str:
    bad = sum(number for outcome, number in finished["outcomes"].items() if not Outcome(outcome).green)
    if bad:
        return f"{count(bad, 'check')} did not pass"
    broken = len(_broken(finished))
    return f"{count(broken, 'threshold')} did not hold" if broken else "The run failed"


def _facts(started: Data, finished: Data) -> list[tuple[str, str]]:
    """What there is to know of the run, each with its name."""
    requests = finished["requests"]
    rate = f", {requests / finished['duration']:,.0f} a second" if requests > finished["duration"] > 0 else ""
    told = {
        "took": duration(finished["duration"]),
        "requests": f"{requests:,}{rate}",
        "at a time": str(started["concurrency"]),
        "shard": started["shard"],
        "seed": started["seed"],
        "exit code": str(finished["exit_code"]),
        "asgi-probe": started["version"],
    }
    return [(name, str(value)) for name, value in told.items() if value is not None]


def _block(name: str, **told: Any) -> str:
    """A part of the template."""
    template = _template()
    return "".join(template.blocks[name](template.new_context(told)))


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (_PAGE / "report.css").read_text(encoding="utf-8")
    script = "\n".join((_PAGE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment.filters |= {"harmless": inline, "harmless_lines": harmless, "safe_json": Markup}
    environment.globals |= {
        "style": Markup(style),  # noqa: S704 - ours
        "script": Markup(script),  # noqa: S704 - ours
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "glyphs": {outcome.value: glyph for outcome, (glyph, _) in GLYPHS.items()},
    }
    return environment.get_template("report.html.j2")


def _hash(inlined: str) -> str:
    """What a Content-Security-Policy calls the very bytes of an inlined script or style."""
    return f"sha256-{b64encode(sha256(inlined.encode()).digest()).decode()}"
