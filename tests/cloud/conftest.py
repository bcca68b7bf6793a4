"""AWS on loopback for tests that ask it from this process."""

import pytest

from tests.support.shell_jobs import Account


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An account, and this process as somebody who has one: no other credentials are found."""
    with Account(grace=5) as started:
        for name, value in started.environment(HOME=str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield started
