"""The page of the HTML report: how long a browser takes from going there to a list that can be used."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measure import in_turn, lap
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Goal, Row
from tests.browser.chromium import launched, missing
from tests.browser.runs import many, written

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_EMPTY = '<!doctype html><title>nothing</title><p class="row">nothing</p>'


def rows(sizes: Sizes, folder: Path) -> list[Row]:
    """A report with every exchange against a page that has nothing; none where there is no browser, which is told."""
    if lacks := missing():
        print(f"the group page is skipped: {lacks}", file=sys.stderr)
        return []
    report = written(folder / "report.html", many(sizes.told, verbose=True))
    empty = folder / "empty.html"
    empty.write_text(_EMPTY, encoding="utf-8")
    with launched() as browser:
        ours, theirs = in_turn(sizes.long_turns, *(partial(_opened, browser, path) for path in (report, empty)))
    return [Row(f"a page of {sizes.told:,} checks, to its list", ours, "an empty page", theirs, Goal(2, seconds=True))]


def _opened(browser: "Browser", path: Path) -> float:
    """Seconds until there is a row that can be seen; all rows are made in one go, and the filters with them."""
    page = browser.new_page()
    try:
        return lap(lambda: (page.goto(path.as_uri()), page.locator(".row").first.wait_for()))
    finally:
        page.close()
