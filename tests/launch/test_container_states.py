"""What Docker says of the containers of a job, and what that makes of the run."""

from typing import Any

import pytest

from harness.launch.container import HOST, first_failed, judge


def state(code: int, finished: str = "", status: str = "exited", **more: Any) -> dict[str, Any]:
    return {"Status": status, "ExitCode": code, "FinishedAt": finished, "Running": False, "OOMKilled": False, **more}


def test_of_several_the_first_that_failed_counts_and_the_chief_where_none_did() -> None:
    chief, second, third = ("algo-1", state(0)), ("algo-2", state(1, "10:00:02")), ("algo-3", state(137, "10:00:01"))
    assert first_failed([chief, second, third]) == third
    assert first_failed([second, chief]) == second
    assert first_failed([("algo-2", state(0)), chief]) == chief
    running = ("algo-3", state(1, "10:00:00", "running", Running=True))
    assert first_failed([running, chief, second]) == second
    assert first_failed([]) == (HOST, {})


@pytest.mark.parametrize(
    ("found", "sdk", "code", "reason"),
    [
        (state(0), 0, 0, None),
        (state(3), 1, 3, None),
        (state(137), 1, 137, "killed by SIGKILL"),
        (state(137, OOMKilled=True), 1, 137, "out of memory"),
        (state(1, OOMKilled=True), 1, 1, "out of memory"),
        (state(0, status="running", Running=True), -9, 137, "ended with -9 while the worker ran"),
        (state(0, status="created", Error="no such device"), 1, 1, "no such device"),
        ({}, 0, 1, "container"),
        ({}, 5, 5, "container"),
    ],
)
def test_a_state_gives_code_and_reason(found: dict[str, Any], sdk: int, code: int, reason: str | None) -> None:
    judged = judge(found, sdk)
    assert judged[0] == code
    assert judged[1] is None if reason is None else reason in str(judged[1])
