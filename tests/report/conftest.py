"""The browser of the tests of the report."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

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
