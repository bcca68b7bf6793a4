"""What a test needs and the machine lacks: a reason to skip it, in CI a failure."""

import os
from typing import NoReturn

import pytest

ON_CI = os.environ.get("CI") == "true"


def lacking(what: str) -> NoReturn:
    """End the test. CI brings all that tests need."""
    (pytest.fail if ON_CI else pytest.skip)(what)
