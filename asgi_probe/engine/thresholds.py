"""Thresholds: what a whole run is held to, such as `p95(time) < 300ms` or `warn: error_rate{tag:checkout} <= 1%`.

The language is `[warn:] MEASURE [{tag:NAME, target:NAME}] COMPARISON VALUE`. A measure of time is `p95(time)` with any
percentile, `median`, `avg`, `min` or `max`, held to a duration with its unit; `error_rate` and `flaky_rate` are held to
a share, `1%` or `0.01`; a bare `1` is refused, as it could be either.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from asgi_probe.errors import UsageError
from asgi_probe.spec.source import did_you_mean
from asgi_probe.spec.units import parse_duration
from asgi_probe.terminal import cells, clip, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Measure = Literal["percentile", "avg", "error_rate", "flaky_rate"]
Compare = Literal["<", "<=", ">", ">=", "=="]

_LONGEST = 500
"""Characters of a threshold."""
_MOST = 366 * 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What checks must have to count: a tag, whatever its case, or a target; `at` and `width` say where it stands."""

    key: Literal["tag", "target"]
    name: str
    at: int = field(default=0, compare=False)
    width: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a measure must be: `value` in seconds or as a share between 0 and 1; one that `warns` fails no run."""

    text: str
    measure: Measure
    percent: float
    """Of a percentile; the least is 0, the median 50, the most 100."""
    compare: Compare
    value: float
    filters: tuple[Filter, ...] = ()
    warns: bool = False

    @property
    def about(self) -> tuple[str, float, frozenset[tuple[str, str]]]:
        """What is measured of whom: thresholds that have it in common can replace each other."""
        return self.measure, self.percent, frozenset([(each.key, each.name) for each in self.filters])

    def admits(self, actual: float) -> bool:
        """Whether it holds."""
        return _COMPARISONS[self.compare](actual, self.value)


_COMPARISONS: dict[Compare, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def read_thresholds(texts: Sequence[str], said: str = "threshold") -> tuple[Threshold, ...]:
    """The thresholds that the texts say, the same one once; `said` is where they stand.

    Raises a UsageError with everything that is wrong with any of them, each with its place in the text.
    """
    read = [_read(text) for text in texts]
    faults = [fault.told(said) for _, faults in read for fault in faults]
    if faults:
        raise UsageError("\n".join(faults))
    return tuple(dict.fromkeys([threshold for threshold, _ in read if threshold is not None]))


def over(stronger: Sequence[Threshold], weaker: Sequence[Threshold]) -> tuple[Threshold, ...]:
    """Both, but of the weaker ones only those about what the stronger say nothing of."""
    about = {threshold.about for threshold in stronger}
    return (*[threshold for threshold in weaker if threshold.about not in about], *stronger)


def unknown(
    thresholds: Iterable[Threshold], said: str, *, tags: Iterable[str] | None, targets: Iterable[str]
) -> list[str]:
    """What is wrong with those about a tag or a target that is not there; tags None are whatever they name."""
    there = {"tag": None if tags is None else {tag.lower() for tag in tags}, "target": set(targets)}
    return [
        Fault(threshold.text, each.at, each.width, _nobody(each, known)).told(said)
        for threshold in thresholds
        for each in threshold.filters
        if (known := there[each.key]) is not None and each.name not in known
    ]


_SHOWN = 10


def _nobody(wanted: Filter, known: Iterable[str]) -> str:
    names = sorted(known)
    hint = did_you_mean(wanted.name, names)
    if not hint:
        shown = ", ".join([clip(inline(name), 50) for name in names[:_SHOWN]])
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        hint = f"there are {shown}{more}" if names else "there are none"
    what = "no check has the tag" if wanted.key == "tag" else "there is no target"
    return f"{what} {clip(repr(wanted.name), 100)}, {hint}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a threshold, and where in its text."""

    text: str
    at: int
    width: int
    message: str

    def told(self, said: str) -> str:
        """The message, the text, and a caret below the place."""
        before, marked = inline(self.text[: self.at]), inline(self.text[self.at : self.at + self.width])
        after = inline(self.text[self.at + self.width :])
        if cells(before + marked + after) > _LONGEST:
            return f"{said} {clip(before + marked + after, 60)!r}: {self.message}"
        caret = " " * cells(before) + "^" * max(1, cells(marked))
        return f"{said}: {self.message}\n  {before}{marked}{after}\n  {caret}"


_SHAPE = re.compile(
    r"""\s*(?:(?P<prefix>\w+)\s*:)?\s*(?P<measure>[^{}<>=!]*?)\s*"""
    r"""(?:\{(?P<filters>(?:"[^"]*"|'[^']*'|[^{}"'])*)\}\s*)?(?P<compare><=|>=|==|=|<|>)\s*(?P<value>.*?)\s*""",
    re.DOTALL,
)
_PERCENTILE = re.compile(r"p\(?(?P<percent>\d{1,3}(?:\.\d{1,9})?)\)?(?P<of>\(time\))?", re.ASCII)
_PLAIN: dict[str, tuple[Measure, float]] = {
    "median(time)": ("percentile", 50.0),
    "avg(time)": ("avg", 0.0),
    "min(time)": ("percentile", 0.0),
    "max(time)": ("percentile", 100.0),
    "error_rate": ("error_rate", 0.0),
    "flaky_rate": ("flaky_rate", 0.0),
}
MEASURES = ("p95(time)", *_PLAIN)
"""How they are written; of `p95(time)` there is one for each percentage."""
_ELSEWHERE = {
    "median": "median(time)",
    "med": "median(time)",
    "med(time)": "median(time)",
    "avg": "avg(time)",
    "mean": "avg(time)",
    "mean(time)": "avg(time)",
    "min": "min(time)",
    "max": "max(time)",
    "time": "p95(time)",
    "http_req_duration": "p95(time)",
    "http.response_time.p95": "p95(time)",
    "http.response_time.p99": "p99(time)",
    "http_req_failed": "error_rate",
    "checks": "error_rate",
    "failure_rate": "error_rate",
}
"""What others call it, or a hasty writer."""
_COUNTS = ("requests", "rate(requests)", "count(requests)", "http_reqs", "rps")


def _read(text: str) -> tuple[Threshold | None, list[Fault]]:
    text = text.strip()
    if len(text) > _LONGEST:
        return None, [Fault(text, 0, len(text), f"a threshold has at most {_LONGEST} characters, found {len(text):,}")]
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None, [_misshapen(text)]
    faults = [*_prefix_faults(text, found), *_filter_faults(text, found)]
    measure, percent = _measure(text, found, faults)
    value = _value(text, found, measure, faults)
    if measure is None or value is None or faults:
        return None, faults
    compare: Compare = "==" if found["compare"] == "=" else found["compare"]  # type: ignore[assignment]  # as the pattern says
    filters = tuple(dict.fromkeys(_filters(found)))
    return Threshold(text, measure, percent, compare, value, filters, warns=found["prefix"] is not None), []


def _misshapen(text: str) -> Fault:
    """Why it has not the shape of one."""
    example = "such as 'p95(time) < 300ms'"
    if not text:
        return Fault(text, 0, 1, f"it is empty, expected one {example}")
    bracket, closing = text.find("{"), text.find("}")
    if bracket >= 0 and closing < bracket:
        return Fault(text, bracket, 1, "'{' is not closed, expected '{tag:NAME}'")
    if "!=" in text:
        return Fault(text, text.index("!="), 2, "unknown comparison '!=', expected one of: <, <=, >, >=, ==")
    compared = re.search("[<>=]", text)
    if compared is None:
        return Fault(text, len(text), 1, f"nothing is compared, expected a comparison and a value {example}")
    at = bracket if bracket >= 0 else closing if closing >= 0 else compared.start()
    return Fault(text, at, 1, f"{text[at]!r} is not expected here, expected MEASURE{{tag:NAME}} < VALUE {example}")


def _prefix_faults(text: str, found: re.Match[str]) -> Iterator[Fault]:
    prefix = found["prefix"]
    if prefix not in (None, "warn"):
        yield Fault(
            text, found.start("prefix"), len(prefix), f"{prefix + ':'!r} is unknown, expected 'warn:' or nothing"
        )


def _measure(text: str, found: re.Match[str], faults: list[Fault]) -> tuple[Measure | None, float]:
    written = found["measure"]
    name = re.sub(r"\s+", "", written).lower()
    if name in _PLAIN:
        return _PLAIN[name]
    percentile = _PERCENTILE.fullmatch(name)
    if percentile is not None and percentile["of"] and "p(" not in name and float(percentile["percent"]) <= 100:
        return "percentile", float(percentile["percent"])
    faults.append(Fault(text, found.start("measure"), len(written) or 1, _no_measure(written, name, percentile)))
    return None, 0.0


def _no_measure(written: str, name: str, percentile: re.Match[str] | None) -> str:
    if not name:
        return f"a measure is missing, expected one of: {', '.join(MEASURES)}"
    if name in _COUNTS:
        return f"{written!r} is no measure: how many requests a run sends follows from its specs"
    if percentile is not None and float(percentile["percent"]) > 100:
        return f"a percentile is from 0 to 100, found {percentile['percent']}"
    if percentile is not None:
        return f"unknown measure {written!r}, did you mean 'p{percentile['percent']}(time)'?"
    near = f"did you mean {_ELSEWHERE[name]!r}?" if name in _ELSEWHERE else did_you_mean(name, MEASURES)
    return f"unknown measure {clip(repr(written), 100)}, {near or 'expected one of: ' + ', '.join(MEASURES)}"


_SHARE = re.compile(r"(\d{1,9}(?:\.\d{1,12})?|\.\d{1,12})\s*(%?)", re.ASCII)


def _value(text: str, found: re.Match[str], measure: Measure | None, faults: list[Fault]) -> float | None:
    written = found["value"]
    is_time = measure in ("percentile", "avg")
    value = _seconds(written) if is_time else _share(written)
    if value is not None:
        return value
    if "{" in written:
        at = found.start("value") + written.index("{")
        faults.append(Fault(text, at, 1, "'{' is not expected here, expected MEASURE{tag:NAME} < VALUE"))
        return None
    if measure is not None or not written:
        expected = _expected_time(written) if is_time else _expected_share(written)
        shown = f"found {clip(repr(written), 100)}" if written else "found nothing"
        at = found.start("value") if written else len(text)
        faults.append(Fault(text, at, len(written) or 1, f"expected {expected}, {shown}"))
    return None


def _seconds(written: str) -> float | None:
    """A duration that says its unit: a bare number is seconds to some and milliseconds to others."""
    value = parse_duration(re.sub(r"\s+", "", written))
    return None if value is None or value > _MOST or not re.search("[a-z]", written) else value


def _share(written: str) -> float | None:
    found = _SHARE.fullmatch(written)
    if found is None:
        return None
    # a bare 1 is 100 % to a computer, and 1 % to who wrote it
    share = float(found[1]) / 100 if found[2] else float(found[1])
    return share if share < 1 or (found[2] and share == 1) else None


def _expected_time(written: str) -> str:
    number = re.fullmatch(r"\d{1,9}(\.\d{1,9})?", written, re.ASCII)
    return f"a duration with its unit such as '{written}ms'" if number else "a duration such as '300ms' or '1.5s'"


def _expected_share(written: str) -> str:
    if re.fullmatch(r"0*1(\.0*)?", written, re.ASCII):
        return "a share with its unit, write 1% or 100%"
    number = re.fullmatch(r"\d{1,2}(\.\d{1,9})?|100", written, re.ASCII)
    return f"a share such as '{written}%'" if number else "a share such as '1%' or '0.01', at most '100%'"


_FILTER = re.compile(r"""\s*(?P<key>[^:,"'\s]*)\s*(?P<colon>:?)\s*(?P<name>"[^"]*"|'[^']*'|[^,"']*?)\s*(?:,|\Z)""")


def _parts(found: re.Match[str]) -> Iterator[re.Match[str]]:
    """What stands between the commas of the braces."""
    if found["filters"] is None:
        return
    text, at = found.string, found.start("filters")
    while (part := _FILTER.match(text, at, found.end("filters"))) is not None:
        yield part
        at = part.end()
        if at >= found.end("filters") and not part[0].endswith(","):
            return


def _filters(found: re.Match[str]) -> Iterator[Filter]:
    for part in _parts(found):
        name = part["name"].strip("\"'")
        at, width = part.start("name"), len(part["name"])
        if part["key"] == "tag":
            yield Filter("tag", name.lower(), at, width)
        else:
            yield Filter("target", name, at, width)


def _filter_faults(text: str, found: re.Match[str]) -> Iterator[Fault]:
    end, targets = found.start("filters"), 0
    for part in _parts(found):
        end = part.end()
        at = part.start("key") if part["key"] else part.start()
        targets += part["key"] == "target"
        if not part["key"]:
            yield Fault(text, at, 1, "a filter is missing, expected 'tag:NAME' or 'target:NAME'")
        elif part["key"] not in ("tag", "target"):
            hint = did_you_mean(part["key"], ("tag", "target")) or "expected 'tag:NAME' or 'target:NAME'"
            yield Fault(text, at, len(part["key"]) or 1, f"unknown filter {clip(repr(part['key']), 100)}, {hint}")
        elif not part["colon"] or not part["name"].strip("\"' "):
            yield Fault(text, at, len(part["key"]), f"{part['key']!r} names nothing, expected '{part['key']}:NAME'")
        elif targets > 1:
            yield Fault(text, at, len(part["key"]), "a check asks one target: write a threshold for each")
            return
    if found["filters"] is not None and end < found.end("filters"):
        rest = found.end("filters") - end
        yield Fault(text, end, rest, "cannot be read, expected 'tag:NAME', with commas between several")
