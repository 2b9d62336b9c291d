"""A real browser, where there is one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"


def missing() -> str | None:
    """What there would have to be for a browser, or None if there is one."""
    if find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None if Path(CHROMIUM).exists() else "no chromium here: apt-get install chromium"


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser, while this is open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()
