"""The live page in a real browser, from a real server."""

import pytest

from asgi_probe.serving.server import address_of, listen, serving
from tests.browser.chromium import launched, missing
from tests.serving.runs import HOSTILE, Served, check, run
from tests.serving.test_sheet import BEGUN, Outcome, ended, one

sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")
TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A page in which nothing may be forbidden or thrown."""
    heard = []
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield page
    context.close()
    assert heard == []


@pytest.fixture
def served():
    served = Served(token=TOKEN)
    served.status.interval = 4.0
    return served


@pytest.fixture
def address(served):
    served.rebuild()
    with listen("127.0.0.1", 0) as listening, serving(served.app, listening):
        yield address_of(listening)


def test_the_report_lives(page, served, address):
    served.tell(BEGUN, *one(HOSTILE, Outcome.FAILED, reason=HOSTILE), ended(failed=1, code=1), exit_code=1)
    page.goto(f"{address}?token={TOKEN}")
    assert page.url == address
    page.locator(".row").first.wait_for()
    assert "1 check did not pass" in page.locator("h1").inner_text()
    assert page.locator("#history li").count() == 1
    assert TOKEN not in page.content()
    assert page.evaluate("document.cookie") == ""
    # it asks anew by itself
    served.tell(BEGUN, *one(), ended())
    page.get_by_role("heading", name="All is well").wait_for(timeout=10_000)
    assert page.locator("#history li").count() == 2


def test_the_plain_page(page, served, address):
    served.add(run(check(HOSTILE.replace("\ud800", ""), "failed", reason="<img src=x onerror=alert(1)>"), exit_code=1))
    served.go_on(9.0)
    page.goto(f"{address}?token={TOKEN}")
    assert page.locator("#checks td.name").count() == 1
    assert page.locator("img").count() == 0
    assert "2 of 9 checks" in page.locator("#running").inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") != "rgb(0, 0, 0)", "the style counts"


def test_a_link_on_another_site_leads_in(page, served, address):
    served.add(run(check()))
    other = address.replace("127.0.0.1", "localhost")
    page.route(
        f"{other}link",
        lambda route: route.fulfill(content_type="text/html", body=f"<a href='{address}?token={TOKEN}'>in</a>"),
    )
    page.goto(f"{other}link")
    page.get_by_text("in").click()
    page.get_by_text("All is well").wait_for(timeout=10_000)
    assert page.url == address
