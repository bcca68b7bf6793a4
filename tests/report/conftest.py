"""The browser of the tests of the report."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import until
from tests.support.lacking import lacking


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        lacking("no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=found, args=["--no-sandbox"])  # CI's user is root
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a file, or an address, in a page of its own; any error in it fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def begin(where: Path | str, width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(where if isinstance(where, str) else where.as_uri())
        until(page, "performance.getEntriesByName('first-chart').length")
        return page

    yield begin
    for each in contexts:
        each.close()
    assert not errors
