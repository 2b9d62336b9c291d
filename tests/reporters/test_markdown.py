"""A run as Markdown: what others wrote is text in it, and nothing else; it fits into a comment."""

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from asgi_probe.engine.events import Warned
from asgi_probe.engine.results import Mismatch, Outcome
from asgi_probe.reporters.markdown import code, document, fenced
from asgi_probe.reporters.notable import Notable
from tests.reporters import runs
from tests.reporters.runs import HOSTILE, PLACE, STARTED, check, end, failing, refused

OURS = {"h3", "p", "b", "code", "pre", "table", "tr", "th", "td", "ul", "li", "details", "summary", "tbody"}


class Page(HTMLParser):
    """The tags of a page, and the text that stands in no code."""

    def __init__(self, html):
        super().__init__()
        self.tags = set()
        self.open = []
        self.bare = ""
        self.code = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.open.append(tag)
        assert {name for name, _ in attributes} <= {"align", "class"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "code" in self.open:
            self.code += data
        else:
            self.bare += data

    def handle_comment(self, data):
        raise AssertionError(f"the comment {data!r}")


def page(text):
    """The text as a page, as CommonMark has it; with all the markup that there is."""
    markdown = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
    shown = Page(markdown.render(text))
    assert shown.tags <= OURS
    assert shown.open == []
    return shown


def written(folder, *events):
    return runs.written("markdown", folder, *events)


def told(*events, most=10**9, kept=(100, 40)):
    notable = Notable(*kept)
    for event in events:
        notable.handle(event)
    return document(notable, events[-1], most, len)


EVERYTHING = [
    STARTED,
    *failing(),
    *check("mended", Outcome.XPASSED, HOSTILE),
    *check("flaky", Outcome.FLAKY, HOSTILE),
    *check("skipped", Outcome.SKIPPED, HOSTILE),
    *check("cut", Outcome.INTERRUPTED),
    *refused(HOSTILE, HOSTILE),
    Warned(HOSTILE, HOSTILE),
    end(problem=HOSTILE, reason=HOSTILE, traceback=HOSTILE, stopped="fail-fast", not_run=3),
]


def test_what_others_wrote_is_text_in_code(tmp_path):
    shown = page(written(tmp_path, *EVERYTHING))
    assert shown.code.count("@octocat #1 GH-2") > 20
    assert re.search(r"@|#|evil|script|::|\*|\[|http", shown.bare) is None
    assert re.search("[\x00-\x09\x0b-\x1f]", shown.bare + shown.code) is None


@pytest.mark.parametrize("text", ["`", "```", "a\n```\nb", "~~~", "`" * 50, "\n    ````\n", HOSTILE])
def test_a_fence_holds_whatever_is_in_it(text):
    shown = page(fenced(text) + "\n\nbehind")
    assert "behind" in shown.bare
    assert shown.bare.strip() == "behind"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("a\nb", "<code>a\\nb</code>"),
        ("</code>&", "<code>&lt;/code&gt;&amp;</code>"),
        ("\ud800", "<code>\\ud800</code>"),
        ("x" * 2_000, f"<code>{'x' * 1_000}…</code>"),
    ],
)
def test_code(text, written):
    assert code(text) == written


def test_all_that_is_known_of_a_failure_is_there(tmp_path):
    text = written(tmp_path, STARTED, *failing("it lives", "this is it"), end())
    for part in (
        "a.yaml:12:9: json this is it: this is it",
        "what was sent, and what came",
        "> GET this is it",
        "< HTTP/1.1 500 Internal Server Error",
        "traceback of the app",
        "what the app said",
        "try it by hand",
        "asked 3 times",
    ):
        assert part in text, part
    row = "<td><code>it lives</code> on <code>one</code></td><td><code>a.yaml:12</code></td>"
    assert row + "<td><code>json this is it: this is it</code></td>" in text


def test_a_green_run_is_short(tmp_path):
    text = written(tmp_path, STARTED, *check("fine"), end(0, times=None, thresholds=(), slowest=()))
    assert text.startswith("### ✅ asgi-probe: 1 passed")
    assert len(text.splitlines()) < 15
    assert "<table>" not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"exit_code": 3, "problem": "refused"}, "The target could not be asked"),
        ({"exit_code": 1, "problem": "shutdown failed"}, "Trouble with the target"),
        ({"exit_code": 1, "reason": "1 check was flaky"}, "<code>1 check was flaky</code>"),
        ({"exit_code": 1}, "<td>❌</td><td><code>p95(time) &lt; 1ms</code></td><td><code>100 ms</code></td>"),
        ({"exit_code": 130, "stopped": "interrupted", "not_run": 2}, "<b>Interrupted</b>: 2 checks did not run"),
        ({"exit_code": 1, "stopped": "fail-fast"}, "<b>Stopped after failures</b></p>"),
    ],
)
def test_a_run_that_is_not_well_does_not_look_green(tmp_path, more, said):
    text = written(tmp_path, STARTED, *check("fine"), end(**more))
    assert text.startswith("### ❌ asgi-probe")
    assert said in text
    page(text)


def test_a_run_without_a_beginning(tmp_path):
    page(written(tmp_path, end(3, problem="no such module")))


def test_failures_that_are_alike_are_told_once(tmp_path):
    names = [f"check {number}" for number in range(300)]
    text = written(tmp_path, STARTED, *(event for name in names for event in refused(name)), end())
    assert "<code>check 0</code> on <code>one</code> and 299 more checks alike" in text
    assert "check 1<" not in text
    assert "did not fit" not in text


def test_a_comment_is_no_longer_than_github_takes(tmp_path):
    many = [event for number in range(500) for event in failing(f"{number} 🔥", HOSTILE * 30)]
    text = written(tmp_path, STARTED, *many, end())
    assert 32_768 < len(text.encode("utf-16-le")) // 2 <= 65_536
    assert re.search(r"… and 4\d\d more checks that did not pass|details of 4\d\d more checks", text)
    page(text)


@pytest.mark.parametrize("most", range(300, 30_000, 700))
def test_where_room_is_short_details_go_first_then_rows_then_the_rest(most):
    events = [STARTED, *(event for number in range(20) for event in failing(f"n{number}", "short\n")), end()]
    text = told(*events, most=most)
    page(text)
    rows, details = text.count("<td>❌</td><td><code>n"), text.count("<details><summary>❌")
    assert len(text) <= max(most, 700)
    assert rows == 20 or not details
    assert text.startswith("### ❌ asgi-probe: 1 passed, 1 failed")
    if details < 20 and "<table>" in text:
        assert f"The details of {20 - details} more check" in text
    if 0 < rows < 20:
        assert f"… and {20 - rows} more check" in text


def test_only_so_much_is_kept():
    notable = Notable(3, 2)
    events = [event for number in range(10) for event in failing(f"n{number}", "x")]
    events += [event for number in range(50) for event in check(f"f{number}", Outcome.FLAKY, f"{number}")]
    events += [event for number in range(50) for event in check(f"s{number}", Outcome.SKIPPED, f"{number}")]
    events += [Warned(f"{number}") for number in range(50)]
    for event in events:
        notable.handle(event)
    assert [bool(trouble.parts) for trouble in notable.troubles] == [True, True, False]
    assert (notable.beyond, notable.undetailed) == (7, 1)
    assert (len(notable.flaky), notable.flaky_beyond) == (20, 30)
    assert (len(notable.expected.counts), notable.expected.beyond) == (20, 30)
    text = told(STARTED, *events, end(), kept=(3, 2))
    for said in ("… and 7 more checks that", "details of 8 more checks", "… and 30 more<", "30 more warnings"):
        assert said in text
    page(text)


def test_interrupted_checks_come_last():
    text = told(STARTED, *check("cut", Outcome.INTERRUPTED), *failing("bad", "x"), end())
    assert text.index("<code>bad</code>") < text.index("<code>cut</code>")


def test_setups_that_pass_are_no_news():
    text = told(STARTED, *check("setup", phase="setup"), *check("x"), end(0, slowest=()))
    assert "setup" not in text


def test_what_ended_a_check_outside_of_its_steps(tmp_path):
    setup = check("setup", Outcome.ERROR, "setup broke\nbadly", phase="setup", traceback="Traceback\nKeyError: 1")
    text = written(tmp_path, STARTED, *setup, *check("odd", Outcome.ERROR), end())
    assert "```text\nsetup broke\nbadly\n```" in text
    assert "```pytb\nTraceback\nKeyError: 1\n```" in text
    assert "<td><code>odd</code> on <code>one</code></td><td><code>a.yaml:3</code></td><td><code>error</code>" in text
    page(text)


def test_expectations_of_no_step_are_told_too(tmp_path):
    mismatch = Mismatch("hook", None, "too late", None, None, **PLACE)
    step = (("GET /", "steps", Outcome.PASSED, 0.1), {})
    silent = (("wait", "steps", Outcome.FAILED, 0.1), {})
    late = check("late", Outcome.FAILED, steps=[step, silent], mismatches=(mismatch,))
    text = written(tmp_path, STARTED, *late, end())
    assert "<td><code>a.yaml:12</code></td><td><code>hook: too late</code></td>" in text
    assert "```text\na.yaml:12:9: hook: too late\n" in text


def test_a_real_run(project):
    project.write(
        "specs/a.yaml",
        """
        checks:
          - {name: "@octocat | <b>", get: /missing, expect: {status: 200, text: "#1 fixed"}}
          - {name: fine, get: /health}
        """,
    )
    ran = project.probe("--report", "markdown=r.md", "specs")
    assert ran.exit == 1, ran.said
    text = (project.root / "r.md").read_text(encoding="utf-8")
    assert text.startswith("### ❌ asgi-probe: 1 passed, 1 failed\n")
    shown = page(text)
    assert "@octocat | <b>" in shown.code
    assert "@octocat" not in shown.bare
