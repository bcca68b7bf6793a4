"""Waiting for a page of the report."""

import time
from typing import Any


def until(shown: Any, condition: str) -> None:
    """Wait for it; asked from here, for the page forbids what Playwright's own waiting does in it."""
    end = time.monotonic() + 60
    while not shown.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)
