"""The page as a file: what it holds, what it may do, how large it gets. tests/browser looks at it."""

import json
import re
import shlex
import tracemalloc
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from asgi_probe.engine.events import RunFinished, StepFinished, Warned
from asgi_probe.engine.results import Body, Outcome, RequestRecord, ThresholdVerdict
from asgi_probe.errors import ExitCode
from asgi_probe.reporters.files import open_file
from asgi_probe.reporters.gathering import CheckResult, check_data
from asgi_probe.reporters.html import HtmlReporter, row
from asgi_probe.reporters.ndjson import as_line
from asgi_probe.reporters.room import Room
from tests.browser.runs import check, failure, finished, many, mismatch, request, response, started, whole, written
from tests.cli.project import Project
from tests.documents import REFERENCE, blocks

HOSTILE = (
    "</script><script>alert(1)</script> <!-- <img src=x onerror=alert(1)> ]]> {{ 7 * 7 }} "
    "\x1b[31m\x00\x9b \u2028 \u202e gnp"
)


class Parts(HTMLParser):
    """The elements of a page, its scripts and styles, and its other text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((dict(attrs) | {"": tag}, ""))

    def handle_data(self, data):
        if self.cdata_elem:
            about, text = self.raw[-1]
            self.raw[-1] = (about, text + data)
        else:
            self.text += data

    def data(self, id_: str) -> str:
        (found,) = [text for about, text in self.raw if about.get("id") == id_]
        return found

    @property
    def checks(self) -> list[dict]:
        return [json.loads(line) for line in self.data("checks-data").strip().split("\n") if line]

    @property
    def run(self) -> dict:
        return json.loads(self.data("run-data"))


def report(path: Path, events) -> Parts:
    return Parts(written(path / "r.html", events).read_text(encoding="utf-8"))


# what the page may do


def test_the_policy_names_the_very_bytes_that_are_inlined(tmp_path):
    parts = report(tmp_path, many(3))
    (policy,) = [
        about["content"] for tag, about in parts.elements if about.get("http-equiv") == "Content-Security-Policy"
    ]
    script, style = [
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for kind in ("script", "style")
        for about, text in parts.raw
        if about[""] == kind and "type" not in about
    ]
    assert policy == (
        f"default-src 'none'; style-src {style}; script-src {script}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_the_page_has_nothing_that_the_policy_forbids(tmp_path):
    parts = report(tmp_path, many(3))
    named = {name for _, about in parts.elements for name in about}
    assert "style" not in named
    assert [name for name in named if name.startswith("on")] == []
    addresses = [about[key] for _, about in parts.elements for key in ("src", "href") if key in about]
    assert addresses == ["data:,", "#checks"]
    (script,) = [text for about, text in parts.raw if about[""] == "script" and "type" not in about]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


def test_nothing_that_was_sent_ends_its_script_or_becomes_an_element(tmp_path):
    sent = {"request": request(body=HOSTILE), "response": response(HOSTILE), "traceback": HOSTILE, "step": HOSTILE}
    hostile = failure(HOSTILE, step=sent, reason=HOSTILE, tags=(HOSTILE,))
    target = finished({"failed": 1}, problem=HOSTILE, reason=HOSTILE, traceback=HOSTILE)
    parts = report(tmp_path, [started(1), *hostile, Warned(HOSTILE, HOSTILE), target])
    plain = report(tmp_path, many(1))
    assert [tag for tag, _ in parts.elements].count("script") == [tag for tag, _ in plain.elements].count("script") == 3
    assert "img" not in [tag for tag, _ in parts.elements]
    (told,) = parts.checks
    assert told["name"] == told["reason"] == told["steps"][0]["response"]["body"] == HOSTILE
    assert parts.run["finished"]["problem"] == HOSTILE
    assert "\x1b" not in parts.text
    assert "\u202e" not in parts.text


def test_lone_surrogates_reach_the_page(tmp_path):
    parts = report(
        tmp_path, whole(failure("half \ud800 ü", step={"response": response("\udc80 \U0001f600")}), {"failed": 1})
    )
    (told,) = parts.checks
    assert told["name"] == "half \ud800 ü"
    assert told["steps"][0]["response"]["body"] == "\udc80 \U0001f600"


# what it holds


def test_a_check_has_all_that_the_stream_has(tmp_path):
    events = [*failure("an order", description="as it was", tags=("a", "b"))]
    parts = report(tmp_path, whole(events, {"failed": 1}))
    (told,) = parts.checks
    streamed = [json.loads(as_line(event)) for event in events]
    step = told["steps"][0]
    assert step["response"] == streamed[1]["response"]
    assert (told["description"], told["tags"]) == ("as it was", ["a", "b"])
    assert step["mismatches"][0]["path"] == "$.customer.name"
    assert told["mismatches"] == []


def test_numbers_of_values_keep_their_digits(tmp_path):
    found = (mismatch(expected={"id": 12345678901234567890}, actual=1.0),)
    steps = {"mismatches": found, "saved": {"id": 2**70, "name": "Ada"}}
    parts = report(tmp_path, whole(failure(step=steps), {"failed": 1}))
    step = parts.checks[0]["steps"][0]
    assert step["mismatches"][0]["expected"] == '{"id":12345678901234567890}'
    assert step["mismatches"][0]["actual"] == "1.0"
    assert step["saved"] == {"id": str(2**70), "name": '"Ada"'}


def test_values_that_were_cut_stay_what_they_are(tmp_path):
    found = (mismatch(expected="x" * 9_000, actual=["y" * 9_000]),)
    parts = report(tmp_path, whole(failure(step={"mismatches": found, "saved": {"long": "z" * 70_000}}), {"failed": 1}))
    step = parts.checks[0]["steps"][0]
    assert step["mismatches"][0]["expected"] == "x" * 4096
    assert step["mismatches"][0]["actual"].startswith('["yyy')
    assert step["saved"]["long"] == "z" * 65_536


def test_mismatches_of_a_check_without_steps_stay(tmp_path):
    parts = report(tmp_path, whole(check("x", Outcome.FAILED, mismatches=(mismatch(),)), {"failed": 1}))
    assert parts.checks[0]["mismatches"][0]["expected"] == '"Ada King"'


BROKEN = ThresholdVerdict("p95(time) < 300ms", False, "412 ms", 0.412)


@pytest.mark.parametrize(
    ("end", "outcome", "words"),
    [
        (finished({"passed": 2}, 0), "passed", "All is well"),
        (finished({"passed": 2, "failed": 1, "xpassed": 1}), "failed", "2 checks did not pass"),
        (finished({"error": 1}), "failed", "1 check did not pass"),
        (finished({}, 3, problem="the app cannot be imported"), "error", "The target could not be asked"),
        (finished({"passed": 2}, 1, problem="the shutdown failed"), "failed", "The run failed"),
        (finished({"passed": 1}, 130, stopped="interrupted"), "interrupted", "Interrupted"),
        (finished({"passed": 1}, 1, thresholds=(BROKEN,)), "failed", "1 threshold did not hold"),
        (finished({"passed": 1}, 0, thresholds=(BROKEN,)), "failed", "1 threshold did not hold"),
        (finished({"flaky": 1}, 1, reason="1 check was flaky"), "failed", "The run failed"),
        (finished({}, 0), "skipped", "Nothing ran"),
    ],
)
def test_the_verdict(tmp_path, end: RunFinished, outcome: str, words: str):
    text = written(tmp_path / "r.html", [started(2), end]).read_text(encoding="utf-8")
    parts = Parts(text)
    assert f'<div class="verdict {outcome}">' in text
    assert f"<h1>{words}</h1>" in text
    for told in (end.problem, end.reason, *(verdict.told for verdict in end.thresholds)):
        assert told is None or told in parts.text


def test_the_head_tells_of_the_run(tmp_path):
    warns = ThresholdVerdict("error_rate < 1%", False, "2 %", 0.02, warns=True)
    end = finished({"failed": 1}, stopped="fail-fast", not_run=3, thresholds=(warns,))
    parts = report(
        tmp_path, [started(4, shard="2/5", seed=7), *failure(), *2 * [Warned("late mail", "Traceback")], end]
    )
    for words in (
        "shop.main:app",
        "in process",
        "2/5",
        "12.50 s",
        "3 not run",
        "Stopped at the first failure",
        "1 warning",
    ):
        assert words in parts.text
    assert re.search(r"2 %, a warning", parts.text)
    assert re.search(r"seed\s*7", parts.text)


def test_readers_without_scripts_are_told_what_failed(tmp_path):
    events = [
        *failure("first"),
        *check("second", Outcome.ERROR, reason="no answer"),
        *check("third", Outcome.PASSED),
        *check("fourth", Outcome.INTERRUPTED),
    ]
    text = written(tmp_path / "r.html", whole(events, {"failed": 1, "error": 1, "passed": 1})).read_text()
    (plain,) = re.findall(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert "shop.yaml::first</b><br>json $.customer.name: expected &#39;Ada King&#39;" in plain
    assert "shop.yaml::second</b><br>no answer" in plain
    assert "shop.yaml::fourth</b>" in plain
    assert "third" not in plain


def test_only_so_many_failures_are_named_without_scripts(tmp_path):
    events = [event for number in range(503) for event in check(f"n{number}", Outcome.FAILED)]
    assert "… and 3 more" in report(tmp_path, whole(events, {"failed": 503})).text


# how large it gets


def test_the_page_stays_below_its_size_and_keeps_most_of_what_failed(tmp_path):
    body = "ü€" * 30_000
    exchange = {"request": request(body=body), "response": response(body, (("content-type", "text/plain"),))}
    events = [started(1_000)]
    for number in range(1_000):
        made = failure if number % 10 == 9 else lambda name, step: check(name, Outcome.PASSED, step)
        events += made(f"n{number}", step=exchange | {"curl": "curl", "traceback": body})
    path = written(tmp_path / "r.html", [*events, finished({"failed": 100, "passed": 900})])
    assert path.stat().st_size <= 20_000_000
    checks = Parts(path.read_text(encoding="utf-8")).checks
    assert [told["name"] for told in checks] == [f"n{number}" for number in range(1_000)]
    bodies = [told["steps"][0]["response"] for told in checks]
    kept = [len(sent["body"]) for sent in bodies]
    assert min(kept[9::10]) >= 8_192 > 100 > kept[-2]
    short = [told.get("shortened", False) for told in checks]
    assert short == [size < len(body) for size in kept]
    assert short == [sent.get("truncated", False) for sent in bodies]


def test_a_few_large_bodies_are_whole(tmp_path):
    events = [
        event for number in range(20) for event in failure(f"n{number}", step={"response": response("x" * 65_536)})
    ]
    checks = report(tmp_path, whole(events, {"failed": 20})).checks
    assert {len(told["steps"][0]["response"]["body"]) for told in checks} == {65_536}
    assert not any("shortened" in told for told in checks)


def test_base64_that_is_cut_still_is_some(tmp_path):
    image = response("QUJD" * 16_000, (("content-type", "image/png"),), encoding="base64")
    events = [event for number in range(400) for event in failure(f"n{number}", step={"response": image})]
    checks = report(tmp_path, whole(events, {"failed": 400})).checks
    bodies = [told["steps"][0]["response"] for told in checks]
    assert all(len(body["body"]) % 4 == 0 for body in bodies)
    assert [body["truncated"] for body in bodies if len(body["body"]) < 64_000]


def test_a_check_that_cannot_fit_is_as_short_as_it_gets():
    steps = [StepFinished("x", f"step {n}", "steps", Outcome.PASSED, 0.1, reason="why" * 99) for n in range(99)]
    events = [*check("x", Outcome.PASSED)]
    told = check_data(CheckResult(events[0], tuple(steps), events[-1]))
    short = json.loads(Room(1_000_000).fitted(told, row))
    assert short["shortened"]
    assert [len(step["reason"]) for step in short["steps"]] == [48] * 3


@pytest.mark.parametrize(("checks", "mismatches", "steps"), [(5_000, 2, 0), (2_000, 40, 60)])
def test_the_page_stays_below_its_size_where_every_check_failed(tmp_path, checks, mismatches, steps):
    found = tuple(mismatch(f"$.lines[{number}].name") for number in range(mismatches))
    bad = {"mismatches": found, "request": request(body="b" * 500), "response": response("x" * 5_000)}
    before = [{"outcome": Outcome.PASSED}] * steps
    events = (
        event
        for number in range(checks)
        for event in check(f"n{number}", Outcome.FAILED, *before, bad, mismatches=found)
    )
    path = written(tmp_path / "r.html", whole(events, {"failed": checks}))
    assert path.stat().st_size <= 20_000_000
    last = Parts(path.read_text(encoding="utf-8")).checks[-1]
    assert last["shortened"]
    assert last["steps"][-1]["outcome"] == "failed"
    assert last["steps"][-1]["mismatches"]


def test_memory_does_not_grow_with_the_checks(tmp_path):
    def peak(checks: int) -> int:
        with (tmp_path / "r.html").open("wb"):
            reporter = HtmlReporter(open_file(str(tmp_path / "r.html"), cwd=tmp_path))
        tracemalloc.start()
        for event in many(checks, verbose=True):
            reporter.handle(event)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        reporter._file.discard()
        return most

    peak(1)
    assert peak(3_000) < peak(300) + 250_000  # the names of what failed; the checks are 7 MB


# through the command line


def test_the_documented_run_writes_it_whole(tmp_path):
    ((mark, example),) = [block for block in blocks(REFERENCE, "console") if "html=" in block[1]]
    project = Project(tmp_path / "project")
    project.write("asgi-probe.toml", 'target = "app"\nspecs = ["specs"]\n[targets.app]\napp = "app:app"\n')
    project.write("specs/a.yaml", "checks: [{get: /ok}, {get: /status/500}]")
    ran = project.command(*shlex.split(example.removeprefix("$ asgi-probe ")))
    assert ran.exit == ExitCode.FAILED
    parts = Parts((project.root / mark.removeprefix("runs and writes ")).read_text(encoding="utf-8"))
    assert {told["name"]: told["outcome"] for told in parts.checks} == {
        "GET /ok": "passed",
        "GET /status/500": "failed",
    }
    assert all(told["steps"][0]["response"] for told in parts.checks)


def test_a_run_whose_target_does_not_start_is_not_green(tmp_path):
    project = Project(tmp_path / "project")
    project.write("a.yaml", "checks: [{get: /ok}]")
    ran = project.probe("a.yaml", "--report", "html=-", app="app:fails_to_start")
    assert ran.exit == ExitCode.TARGET
    assert "The target could not be asked" in ran.out
    assert "the database is away" in Parts(ran.out).text


def test_a_request_that_was_cut_says_so(tmp_path):
    sent = RequestRecord("PUT", "http://testserver/", (), Body("x" * 10, 50_000_000, truncated=True))
    parts = report(tmp_path, whole(failure(step={"request": sent}), {"failed": 1}))
    assert parts.checks[0]["steps"][0]["request"]["size"] == 50_000_000
