"""The page of the HTML report, in a real browser, from disk."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from asgi_probe.engine.events import Warned
from asgi_probe.engine.results import Outcome, SaidRecord, ThresholdVerdict
from asgi_probe.reporters.gathering import Gathering, check_data
from asgi_probe.reporters.ndjson import as_data
from tests.browser.chromium import launched, missing
from tests.browser.runs import (
    check,
    failure,
    finished,
    many,
    mismatch,
    page_of,
    request,
    response,
    started,
    whole,
    written,
)

sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

expect = sync_api.expect
HOSTILE = "</script><img src=x onerror=window.hit=1><svg onload=window.hit=1>\x1b[31m\x00\u202e gnp \ud800 <!--"
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAA"
    "AABJRU5ErkJggg=="
)
TYPED = {kind: (("content-type", kind),) for kind in ("image/png", "image/svg+xml", "text/html", "application/octet")}


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser):
    """Opens a page; in the end nothing may have left it, and nothing been forbidden or thrown in it."""
    contexts, heard = [], []

    def visit(path: Path, fragment: str = "", *, rows: bool = True, width: int = 1280, **about):
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce", **about)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or heard.append(asked.url))
        page.goto(path.as_uri() + fragment)
        if rows:
            page.locator(".row").first.wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert heard == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A run with a check of every outcome, over two files."""
    order = mismatch(because="she married in 1835")
    missing = mismatch("$.lines[1].discount", message="is missing; there are: sku, qty, note", actual=None, line=9)
    weird = mismatch("$['weird key\\'s']['a.b'][0]", message="expected 2, got 1", expected=2, actual=1)
    header = mismatch(None, "headers.content-type", message="expected 'text/html', got 'application/json'")
    absent = mismatch(None, "headers.x-shop", message="is missing", actual=None)
    status = mismatch(None, "status", message="expected 201, got 200", expected=201, actual=200)
    text = mismatch(None, "text", message="the text differs", expected="a\nb\nc", actual="a\nB\nc")
    body = json.dumps(
        {
            "customer": {"name": "Ada Lovelace"},
            "lines": [{"sku": "A-1", "qty": 1}, {"sku": "B-7", "qty": 2}],
            "weird key's": {"a.b": [1]},
            "ids": list(range(1000)),
        }
    )
    failed = {
        "response": response(body.replace("[0, ", "[12345678901234567890, ")),
        "mismatches": (order, missing, weird, header, absent, status),
        "saved": {"big": 2**70},
        "said": (SaidRecord("log", "stock is low", "WARNING", "shop.orders"), SaidRecord("stdout", "charging")),
        "traceback": "Traceback (most recent call last):\nRuntimeError: no stock",
    }
    one = {"file": "specs/one.yaml", "tags": ("smoke", "orders")}
    two = {"file": "specs/two.yaml", "tags": ("wire",)}
    flaky = {"attempts": 3, "stumbles": ("status: expected 200, got 503",)}
    checks = [
        *check("health", Outcome.PASSED, {}, **one, at=0.01, worker=1),
        *failure("an order", step=failed, **one, at=0.02, worker=2, description="as it was ordered"),
        *check("sometimes", Outcome.FLAKY, flaky, **one, reason="status: expected 200, got 503", at=0.1, worker=1),
        *check("later", Outcome.SKIPPED, **one, reason="the sandbox is down"),
        *check("known", Outcome.XFAILED, {"outcome": Outcome.FAILED}, **two, reason="issue 42", at=0.1, worker=2),
        *check("surprise", Outcome.XPASSED, {"outcome": Outcome.PASSED}, **two, reason="expected to fail", at=0.2),
        *check("refused", Outcome.ERROR, {"reason": "connection refused"}, **two, reason="connection refused", at=0.3),
        *failure("a text", step={"mismatches": (text,), "response": response("a\nB\nc", ())}, **two, at=0.4, line=8),
        *check("setup", Outcome.PASSED, {"phase": "setup"}, **two, phase="setup", at=0.0),
    ]
    counts = {"passed": 1, "failed": 2, "flaky": 1, "skipped": 1, "xfailed": 1, "xpassed": 1, "error": 1}
    verdicts = (
        ThresholdVerdict("p95(time) < 1ms", False, "50 ms", 0.05),
        ThresholdVerdict("error_rate < 1%", False, "2 %", 0.02, warns=True),
        ThresholdVerdict("p99(time) < 1s", True, "50 ms", 0.05),
    )
    events = [
        started(8, seed=7),
        *checks,
        Warned("the mail was not sent", "Traceback"),
        finished(counts, thresholds=verdicts),
    ]
    return written(tmp_path_factory.mktemp("shop") / "report.html", events)


ORDER = "#check=" + quote("specs/one.yaml::an order", safe="")


def names(page) -> list[str]:
    return page.locator(".check:not([hidden]) > .row .name").all_text_contents()


# the list and its filters


def test_the_list_has_every_check_by_file(visit, shop):
    page = visit(shop)
    assert names(page) == [
        *("health", "an order", "sometimes", "later"),
        *("known", "surprise", "refused", "a text"),
    ]
    assert page.locator(".file h3").all_inner_texts() == ["specs/one.yaml", "specs/two.yaml"]
    expect(page.locator("#shown")).to_have_text("8 checks")
    expect(page.locator(".verdict h1")).to_have_text("4 checks did not pass")


def test_outcomes_filter_and_stand_in_the_address(visit, shop):
    page = visit(shop)
    chip = page.get_by_role("button", name=re.compile("failed 2"))
    chip.filter(has_not_text="xfailed").first.click()
    page.locator('.chip[data-outcome="error"]').click()
    assert names(page) == ["an order", "refused", "a text"]
    expect(page.locator("#shown")).to_have_text("3 of 8 checks")
    assert page.url.endswith("#outcome=failed%2Cerror")
    page.reload()
    expect(page.locator("#shown")).to_have_text("3 of 8 checks")
    expect(page.locator('.chip[data-outcome="error"]')).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("#tag=wire", ["known", "surprise", "refused", "a text"]),
        ("#file=specs%2Fone.yaml&outcome=passed", ["health"]),
        ("#q=connection%20REFUSED", ["refused"]),
        ("#q=sandbox", ["later"]),
        ("#target=shop&q=order+0", []),
        ("#outcome=nonsense&q=health", ["health"]),
    ],
)
def test_the_address_filters(visit, shop, fragment: str, shown: list[str]):
    page = visit(shop, fragment, rows=False)
    expect(page.locator("#shown")).to_contain_text("8 checks")
    assert sorted(names(page)) == sorted(shown)


def test_a_filter_that_matches_nothing_says_so(visit, shop):
    page = visit(shop)
    expect(page.locator("#nothing")).to_be_hidden()
    page.get_by_role("searchbox").fill("unheard of")
    expect(page.locator("#nothing")).to_contain_text("No check matches")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#shown")).to_have_text("8 checks")
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_the_way_past_the_head_keeps_the_filters(visit, shop):
    page = visit(shop, "#outcome=error", rows=False)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#checks")).to_be_focused()
    assert names(page) == ["refused"]


def test_tags_and_files_can_be_chosen(visit, shop):
    page = visit(shop)
    page.get_by_label("Tag", exact=True).select_option("orders")
    assert sorted(names(page)) == ["an order", "health", "later", "sometimes"]
    page.get_by_label("Tag", exact=True).select_option("")
    page.get_by_label("File", exact=True).select_option("specs/two.yaml")
    assert page.url.endswith("#file=specs%2Ftwo.yaml")
    expect(page.get_by_label("Target", exact=True)).to_be_hidden()


def test_files_in_which_something_failed_stand_first_and_targets_can_be_chosen(visit, tmp_path):
    green = {"file": "specs/a.yaml", "target": "local"}
    red = {"file": "specs/b.yaml", "target": "staging"}
    events = whole(
        [
            *check("good", Outcome.PASSED, {}, **green),
            *check("fine", Outcome.PASSED, {}, **red),
            *failure("bad", **red),
        ],
        {"passed": 2, "failed": 1},
    )
    page = visit(written(tmp_path / "report.html", events))
    assert names(page) == ["fine", "bad", "good"]
    page.get_by_label("Target", exact=True).select_option("local")
    assert names(page) == ["good"]
    assert page.url.endswith("#target=local")
    page.reload()
    expect(page.locator("#shown")).to_have_text("1 of 3 checks")


# an opened check


def test_a_link_opens_its_check(visit, shop):
    page = visit(shop, ORDER)
    row = page.get_by_role("button", name=re.compile("an order"), expanded=True)
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()
    expect(page.locator(".detail")).to_have_count(1)
    row.click()
    expect(page.locator(".detail")).to_be_hidden()
    assert "#check" not in page.url


def test_a_link_to_what_is_filtered_away_shows_it(visit, shop):
    page = visit(shop, ORDER + "&outcome=passed")
    expect(page.locator(".detail")).to_be_visible()


def test_a_link_to_nothing_says_so(visit, shop):
    page = visit(shop, "#check=nobody")
    expect(page.locator("#announce")).to_have_text("This page has no check nobody")


def test_mismatches_are_marked_where_they_are(visit, shop):
    page = visit(shop, ORDER)
    marked = page.locator(".json .marked-line").all_inner_texts()
    assert any('"name": "Ada Lovelace"' in line and "expected 'Ada King'" in line for line in marked)
    missing = page.locator(".json .missing")
    expect(missing).to_have_count(1)
    expect(missing).to_contain_text('"discount": not there')
    assert any(line.startswith("1") and "expected 2, got 1" in line for line in marked)
    assert page.locator(".headers .marked-line dt").all_inner_texts() == ["content-type", "x-shop"]
    expect(page.locator(".part > .aside")).to_have_text("expected 201, got 200")


def test_an_expectation_and_its_mark_lead_to_each_other(visit, shop):
    page = visit(shop, ORDER)
    page.get_by_role("button", name="json $.customer.name").click()
    mark = page.locator(".json .mark").first
    expect(mark).to_be_focused()
    mark.click()
    expect(page.locator(".mismatch").first).to_be_focused()


ROWS = [{"sku": f"A-{at}", "qty": at, "at": {"shelf": at, "hall": "B"}} for at in range(400)]


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Path:
    """Long answers, and little that is wrong in them."""
    wrong = mismatch("$.rows[317].at.shelf", message="expected 7, got 317", expected=7, actual=317)
    lost = mismatch("$.rows[390].qty", message="is missing", actual=None)
    below = mismatch("$.total.net", message="is missing: $.total is a number", actual=None)
    body = json.dumps({"rows": ROWS, "others": ROWS[:3], "total": 400})
    bodies = {
        "one row": ((wrong,), response(body)),
        "a cut": ((wrong, lost), response(body[:6_000], truncated=True)),
        "below a number": ((below,), response(body)),
        "no answer": ((mismatch(None, "error", message="expected a timeout"), wrong), None),
        "no exchange": ((wrong,), None),
        "a text": (
            (mismatch(None, "text", message="lacks 'b'", expected="b", actual="a\n" * 500),),
            response("a\n" * 500),
        ),
    }
    steps = {name: {"mismatches": found, "response": sent} for name, (found, sent) in bodies.items()}
    steps["no exchange"]["request"] = None
    checks = [event for name, step in steps.items() for event in failure(name, step=step)]
    return written(tmp_path_factory.mktemp("long") / "report.html", whole(checks, {"failed": len(bodies)}))


def opened(visit, path: Path, name: str, **more):
    return visit(path, "#check=" + quote(f"shop.yaml::{name}", safe=""), **more)


def test_of_a_long_body_only_what_holds_a_mark_is_open(visit, long):
    page = opened(visit, long, "one row")
    chunks = page.locator(".json .chunk")
    assert chunks.evaluate_all("all => all.map(chunk => chunk.open)") == [False, False, False, True]
    assert page.locator(".json .chunk[open] details[open]").count() == 2
    lines = page.locator(".json .line:visible").all_inner_texts()
    assert any('"shelf": 317' in line for line in lines)
    assert any('"sku": "A-317"' in line for line in lines)
    assert not any("A-316" in line or "A-0" in line for line in lines)
    assert [line for line in page.locator(".json summary:visible").all_inner_texts() if "others" in line] == [
        '"others": [ … ] 3 items'
    ]


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_number_leads_to_its_mark_in_a_long_body(visit, long, motion):
    page = opened(visit, long, "one row")
    page.emulate_media(reduced_motion=motion)
    mark = page.locator(".json .mark")
    expect(mark).not_to_be_in_viewport()
    # whoever has closed what the mark is in comes to it all the same
    page.locator(".json summary", has_text="300 \u2013 399").click()
    page.locator(".json summary", has_text='"rows"').click()
    expect(mark).to_be_hidden()
    way = page.get_by_role("button", name="1 json $.rows[317].at.shelf", exact=True)
    expect(way).to_have_attribute("title", "To its mark in the answer")
    way.focus()
    page.keyboard.press("Enter")
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport(ratio=1)
    line = page.locator(".json .line.flash")
    expect(line).to_contain_text('"shelf": 317')
    moving = line.evaluate("line => getComputedStyle(line).animationName")
    assert moving == ("none" if motion == "reduce" else "flash")
    assert "3px" in line.evaluate("line => getComputedStyle(line).boxShadow")
    expect(page.locator(".flash")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator(".mismatch")).to_be_focused()


def test_a_number_itself_can_be_clicked(visit, long):
    page = opened(visit, long, "one row")
    place = page.locator("button.subject").bounding_box()
    page.mouse.click(place["x"] - 18, place["y"] + 10)
    expect(page.locator(".json .mark")).to_be_focused()


def test_what_was_cut_off_has_its_marks_at_the_cut(visit, long):
    page = opened(visit, long, "a cut")
    expect(page.locator(".json .cut.marked-line .mark")).to_have_count(2)
    page.get_by_role("button", name="2 json $.rows[390].qty", exact=True).click()
    expect(page.locator(".json .mark").last).to_be_focused()


def test_what_should_be_below_a_scalar_is_marked_there(visit, long):
    page = opened(visit, long, "below a number")
    expect(page.locator(".json .marked-line")).to_contain_text('"total": 400')


def test_where_nothing_is_marked_nothing_leads_there(visit, long):
    page = opened(visit, long, "no exchange")
    expect(page.locator(".subject")).to_have_text("json $.rows[317].at.shelf")
    expect(page.locator("button.subject")).to_have_count(0)
    page = opened(visit, long, "no answer")
    assert page.locator("button.subject").all_inner_texts() == ["error"]
    page.locator("button.subject").click()
    expect(page.locator(".aside .mark")).to_be_focused()


def test_a_text_bears_what_is_wrong_with_it_above(visit, long):
    page = opened(visit, long, "a text")
    page.locator("button.subject").click()
    expect(page.locator(".body .aside .mark")).to_be_focused()


def test_an_expectation_shows_its_line_of_the_spec(visit, shop):
    page = visit(shop, ORDER)
    first = page.locator(".mismatch").first
    expect(first).to_contain_text("because she married in 1835")
    expect(first).to_contain_text("shop.yaml:7:15")
    line, caret = first.locator(".source pre").inner_text().split("\n")[:2]
    assert line == "7 | name: Ada King"
    assert caret.index("^") == line.index("Ada King")
    assert caret.count("^") == 8


def test_texts_are_compared_line_by_line(visit, shop):
    page = visit(shop, "#check=" + quote("specs/two.yaml::a text", safe=""))
    told = page.locator(".diff").text_content()
    assert told == "- expected  + actual\n  a\n- b\n+ B\n  c\n"


def test_numbers_have_all_their_digits(visit, shop):
    page = visit(shop, ORDER)
    expect(page.locator(".saved")).to_contain_text(str(2**70))
    page.locator(".json summary", has_text='"ids"').first.click()
    expect(page.locator(".json")).to_contain_text("12345678901234567890")
    page.locator(".json summary", has_text="900 \u2013 999").click()
    expect(page.locator(".json")).to_contain_text("998,")


def test_json_folds(visit, shop):
    page = visit(shop, ORDER)
    customer = page.locator(".json summary", has_text='"customer"')
    expect(page.locator(".json .line", has_text="Ada Lovelace")).to_be_visible()
    customer.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".json .line", has_text="Ada Lovelace")).to_be_hidden()
    expect(customer).to_contain_text("1 key")


def test_what_else_is_known_of_a_check(visit, shop):
    page = visit(shop, ORDER)
    detail = page.locator(".detail")
    for words in ("as it was ordered", "RuntimeError: no stock", "WARNING shop.orders", "stock is low", "worker 2"):
        expect(detail).to_contain_text(words)
    for name, words in {
        "specs/one.yaml::health": "Run with -v to keep the exchange of steps that passed",
        "specs/one.yaml::sometimes": "attempt 1 status: expected 200, got 503",
        "specs/one.yaml::later": "Skipped: the sandbox is down",
        "specs/two.yaml::known": "Failed, as expected: issue 42",
        "specs/two.yaml::refused": "connection refused",
    }.items():
        page.goto(shop.as_uri() + "#check=" + quote(name, safe=""))
        expect(page.locator(".check.open", has_text=words)).to_have_count(1)


def test_copying(visit, shop):
    page = visit(shop, ORDER, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy curl").click()
    expect(page.locator("#announce")).to_have_text("Copied: GET /orders/7")
    assert page.evaluate("navigator.clipboard.readText()") == "curl http://testserver/orders/7"
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#announce")).to_have_text("Copied: an order")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == shop.as_uri() + ORDER


def test_copying_without_permission_falls_back(visit, shop):
    page = visit(shop, ORDER)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy id").click()
    expect(page.locator("#announce")).to_have_text(re.compile("^(Copied|Not allowed): an order"))
    expect(page.locator("textarea")).to_have_count(0)


# keys


def test_keys_lead_through_the_checks(visit, shop):
    page = visit(shop)
    page.keyboard.press("j")
    expect(page.locator(".row").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row").nth(2)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator(".row").nth(1)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Space")
    expect(page.locator(".row").nth(1)).to_have_attribute("aria-expanded", "false")


def test_f_goes_from_failure_to_failure(visit, shop):
    page = visit(shop)
    seen = []
    for _ in range(5):
        page.keyboard.press("f")
        seen.append(page.locator(".row:focus .name").inner_text())
    assert sorted(seen[:4]) == ["a text", "an order", "refused", "surprise"]
    assert seen[4] == seen[0]


def test_slash_searches_and_escape_leaves(visit, shop):
    page = visit(shop)
    page.keyboard.press("/")
    page.keyboard.type("fjk?")
    expect(page.get_by_role("searchbox")).to_have_value("fjk?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_the_keys_are_told(visit, shop):
    page = visit(shop)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


# timeline and charts


def test_the_timeline_opens_what_is_clicked(visit, shop):
    page = visit(shop)
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="All").click()
    place = page.locator("#timeline").bounding_box()
    # "an order" begins at 20 ms and takes 50 of 450; it is the last of the lanes, as its worker is
    at = (place["x"] + place["width"] * 0.04 / 0.45, place["y"] + place["height"] - 8)
    page.mouse.move(*at)
    expect(page.locator(".tip")).to_contain_text("an order")
    page.mouse.click(*at)
    expect(page.get_by_role("button", name=re.compile("an order"), expanded=True)).to_be_focused()


def test_the_timeline_zooms_and_moves(visit, shop):
    page = visit(shop)

    def view() -> list[float]:
        return [round(part, 4) for part in page.evaluate("[timeline.from, timeline.to]")]

    page.locator("#timeline").focus()
    page.keyboard.press("+")
    assert view() == [0.1125, 0.3375]
    page.keyboard.press("ArrowRight")
    assert view() == [0.1575, 0.3825]
    place = page.locator("#timeline").bounding_box()
    page.mouse.move(place["x"] + 200, place["y"] + 40)
    page.mouse.wheel(0, -200)
    for _ in range(100):
        if view() != [0.1575, 0.3825]:
            break
        page.wait_for_timeout(20)
    (begin, end) = view()
    assert 0.1575 < begin < end < 0.3825
    page.mouse.down()
    page.mouse.move(place["x"] + 100, place["y"] + 40, steps=4)
    page.mouse.up()
    assert view()[0] > begin
    expect(page.locator(".detail")).to_have_count(0)
    page.keyboard.press("0")
    assert view() == [0.0, 0.45]
    page.get_by_role("button", name="Larger").click()
    assert page.locator("#timeline").bounding_box()["width"] > 1_000


def test_times_and_slowest(visit, shop):
    page = visit(shop)
    expect(page.get_by_role("img", name=re.compile("requests: half took at most 50 ms"))).to_be_visible()
    page.locator("#slowest button").first.click()
    expect(page.locator(".detail")).to_have_count(1)


def test_history_and_availability_are_shown_where_they_are_known(visit, tmp_path):
    events = [*many(10)]
    gathering = Gathering()
    checks = [check_data(found) for event in events[1:-1] if (found := gathering.add(event))]
    runs = [
        {
            "started_at": f"2026-11-25T10:0{n}:00.000+00:00",
            "duration": n + 1,
            "exit_code": n % 2,
            "outcomes": {"passed": n},
        }
        for n in range(5)
    ]
    run = {"started": as_data(events[0]), "finished": as_data(events[-1]), "warnings": [], "history": runs}
    run["availability"] = {checks[0]["id"]: 0.995}
    path = tmp_path / "live.html"
    path.write_text(page_of(run, checks), encoding="utf-8")
    page = visit(path, bypass_csp=True)
    calm(page, "history")
    expect(page.locator("#history")).to_contain_text("3 of the last 5 runs were green")
    expect(page.locator(".runs li")).to_have_count(5)
    expect(page.locator(".row").first).to_contain_text("99.50 % green")


# what is hostile


@pytest.fixture
def hostile(tmp_path) -> Path:
    deep = "[" * 5_000 + "]" * 5_000
    svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hit=1"><script>window.hit=1</script></svg>'
    text = HOSTILE.replace("\ud800", "")
    found = mismatch(
        f"$['{text}']", expected=HOSTILE, actual=HOSTILE, message=HOSTILE, because=HOSTILE, source_line=HOSTILE
    )
    about = {
        "mismatches": (found,),
        "traceback": HOSTILE,
        "curl": HOSTILE,
        "said": (SaidRecord("log", HOSTILE, "X", HOSTILE),),
    }
    about |= {"request": request(HOSTILE, HOSTILE), "saved": {HOSTILE: HOSTILE}}
    named = {"tags": (HOSTILE,), "reason": HOSTILE, "file": f"{HOSTILE}.yaml", "spec": HOSTILE, "description": HOSTILE}
    bodies = {
        "json": response(json.dumps({HOSTILE: HOSTILE, "__proto__": {"hit": 1}}, ensure_ascii=False)),
        "cut": response('{"a": [1, {"b": "' + "x" * 60_000, truncated=True),
        "cut in a key": response('{"a": 1, "b', truncated=True),
        "deep": response(deep),
        "line": response("<b>" + "x" * 100_000, TYPED["text/html"]),
        "svg": response(svg, TYPED["image/svg+xml"]),
        "png": response(PNG, TYPED["image/png"], encoding="base64"),
        "no png": response("AAAA", TYPED["image/png"], encoding="base64"),
        "bytes": response("AAECAwQF/w==", TYPED["application/octet"], encoding="base64"),
        "headers": response("", ((HOSTILE, HOSTILE), ("content-type", HOSTILE))),
    }
    checks = [
        event
        for name, sent in bodies.items()
        for event in failure(name + HOSTILE, step=about | {"response": sent}, **named)
    ]
    return written(tmp_path / "hostile.html", whole(checks, {"failed": len(bodies)}, problem=HOSTILE, reason=HOSTILE))


def test_nothing_that_was_sent_is_more_than_text(visit, hostile):
    page = visit(hostile)
    rows = page.locator(".row")
    for number in range(rows.count()):
        rows.nth(number).click()
    expect(page.locator(".check.open")).to_have_count(10)
    page.locator(".fold:not([open]) > summary").first.wait_for(state="attached")
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit === undefined && ({}).hit === undefined")
    assert page.locator("svg[onload], img[onerror], .detail script").count() == 0
    text = page.locator("#files").inner_text()
    assert "<img src=x onerror=window.hit=1>" in text
    assert "\\x1b" in text
    assert "\\u202e" in text
    assert "\\ud800" in text
    assert not set("\x1b\x00\u202e") & set(text)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_bodies_are_shown_as_what_they_are(visit, hostile):
    page = visit(hostile)

    def opened(name: str):
        row = page.locator(".row", has_text=name + "</script>").first
        row.click()
        return row.locator("xpath=following-sibling::div")

    assert opened("png").locator("img").evaluate("image => image.naturalWidth") == 5
    expect(opened("cut").locator(".json").last).to_contain_text("… cut here")
    expect(opened("cut in a key").locator(".json").last).to_contain_text('"a": 1')
    expect(opened("bytes").locator(".hex")).to_contain_text("00 01 02 03 04 05 ff")
    expect(opened("deep").locator("pre.text").last).to_contain_text("[[[[[")
    expect(opened("svg").locator(".picture img")).to_have_count(1)


# how it looks


def calm(page, name: str) -> None:
    found = axe_playwright.Axe().run(page, options={"resultTypes": ["violations"]})
    told = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found.response["violations"]]
    assert told == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", ORDER, "#q=nobody"])
def test_it_is_accessible(browser, shop, scheme: str, fragment: str):
    # axe puts its own script in, which the policy of the page forbids
    context = browser.new_context(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(shop.as_uri() + fragment)
    expect(page.locator("#shown")).to_contain_text("checks")
    calm(page, fragment)
    if fragment == ORDER:
        page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        page.keyboard.press("?")
        calm(page, "all is open")
    context.close()


def test_colours_follow_the_system_and_the_button(visit, shop):
    page = visit(shop, color_scheme="dark")

    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = background()
    page.get_by_role("button", name="Light colours").click()
    light = background()
    assert light != dark
    page.reload()
    assert background() == light
    page.get_by_role("button", name="Dark colours").click()
    assert background() == dark


@pytest.mark.parametrize("fragment", ["", ORDER])
def test_a_telephone_needs_no_scrolling_sideways(visit, shop, fragment: str):
    page = visit(shop, fragment, width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_on_paper_all_that_failed_is_open(visit, shop):
    page = visit(shop)
    page.emulate_media(media="print")
    expect(page.locator(".check.open")).to_have_count(4)
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#cards")).to_be_hidden()
    expect(page.locator(".verdict h1")).to_be_visible()


def test_without_scripts_the_page_is_a_list(browser, shop):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(shop.as_uri())
    expect(page.locator(".plain")).to_contain_text("specs/two.yaml::refused")
    expect(page.locator("#main")).to_be_hidden()
    context.close()


def test_five_thousand_checks_are_all_in_the_list(visit, tmp_path):
    path = written(tmp_path / "many.html", many(5_000, verbose=True))
    assert path.stat().st_size < 20_000_000
    page = visit(path)
    expect(page.locator(".row")).to_have_count(5_000)
    page.get_by_role("searchbox").fill("order 49")
    expect(page.locator("#shown")).to_have_text("199 of 5,000 checks")


def test_a_run_without_checks_says_what_happened(visit, tmp_path):
    path = written(tmp_path / "r.html", [started(0), finished({}, 3, problem="the app cannot be imported")])
    page = visit(path, rows=False)
    expect(page.locator("h1")).to_have_text("The target could not be asked")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#shown")).to_have_text("0 checks")
