import sys
import time
from pathlib import Path

import pytest

from harness.launch.listener import PLAIN_SECONDS, Listener, parse
from tests.support.planted import BEGIN, of

PROGRESS = "progress epoch=1 epochs=2 step={} steps=40 points_per_second=312.5 seconds_left=200"
EPOCH = "epoch=1 step=20 train_loss=1.5 points_per_second=310"


@pytest.fixture
def heard() -> list[dict[str, float]]:
    return []


@pytest.fixture
def listener(tmp_path: Path, heard: list[dict[str, float]]) -> Listener:
    return Listener(tmp_path / "log.txt", heard.append)


def test_a_log_gets_plain_lines_with_epoch_step_speed_and_time_left_but_not_each(
    listener: Listener,
    heard: list[dict[str, float]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for line in ("Docker talks", "worker 1", PROGRESS.format(4), PROGRESS.format(8), EPOCH):
        listener(line)
    now[0] += PLAIN_SECONDS
    listener(PROGRESS.format(24))
    listener.close()
    assert capsys.readouterr().out.splitlines() == [
        "training  epoch 1 of 2, step 4 of 40, 312 points/s, about 3 min left",
        EPOCH,
        "training  epoch 1 of 2, step 24 of 40, 312 points/s, about 3 min left",
    ]
    assert heard == [{"epoch": 1.0, "step": 20.0, "train_loss": 1.5, "points_per_second": 310.0}]
    assert (tmp_path / "log.txt").read_text() == f"Docker talks\nworker 1\n{EPOCH}\n"


def test_a_terminal_gets_a_bar_with_the_same(
    listener: Listener, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for line in ("worker 1", PROGRESS.format(4), PROGRESS.format(40)):
        listener(line)
    listener.close()
    bar = capsys.readouterr().err
    assert "step 40/40, epoch 1 of 2, 312 points/s, about 3 min left" in bar


def test_means_within_an_epoch_are_handed_on_and_the_time_that_is_left_is_kept(tmp_path: Path) -> None:
    epochs: list[dict[str, float]] = []
    within: list[dict[str, float]] = []
    listener = Listener(tmp_path / "log.txt", epochs.append, within.append)
    assert listener.seconds_left is None
    listener(f"{PROGRESS.format(4)} recent_loss=0.5")
    listener.close()
    assert (epochs, within[0]["recent_loss"], within[0]["step"], listener.seconds_left) == ([], 0.5, 4.0, 200.0)


def test_that_steps_wait_for_data_is_said_where_it_is_more_than_a_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for share in (0.04, 0.37):
        listener = Listener(tmp_path / "log.txt", lambda values: None)
        listener("worker 1")
        listener(f"{PROGRESS.format(4)} recent_waiting={share}")
        listener.close()
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("about 3 min left")
    assert second.endswith("left; reading and decoding is the limit: steps wait for data 37% of the time")


@pytest.mark.parametrize("line", ["", "text", "progress", "epoch=one step=1", "epochs=3 step=1"])
def test_any_other_line_has_no_numbers(line: str) -> None:
    assert parse(line) == {}


def test_a_log_on_a_full_disk_ends_nothing_and_the_workers_reason_is_remembered():
    heard = []
    listener = Listener(Path("/dev/full"), heard.append)
    listener("worker x")
    listener("epoch=1 step=2 train_loss=0.5")
    listener("failed: OSError: no space")
    listener.close()
    assert heard[0]["epoch"] == 1 and listener.failure == "OSError: no space"


def test_a_log_that_cannot_be_opened_ends_nothing(tmp_path):
    listener = Listener(tmp_path / "gone" / "log.txt", print)
    listener("worker x")
    listener.close()


def test_what_a_program_prints_of_secrets_is_cut_out_of_log_and_terminal(
    listener: Listener, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    value, body, password = of("listener", 30), [of(str(number), 64) for number in range(3)], of("pass", 14) + "1!"
    monkeypatch.setenv("MY_SERVICE_TOKEN", value)
    key = (BEGIN + " PRIVATE KEY-----", *body, "ab==", "-----END PRIVATE KEY-----")
    for line in ("worker 1", f"logged in as {value}", *key, f"  db_password: {password}", "plain words"):
        listener(line)
    listener.close()
    for text in ((tmp_path / "log.txt").read_text(), capsys.readouterr().out):
        assert not [secret for secret in (value, password, *body, "ab==") if secret in text]
        assert text.splitlines()[-1] == "plain words" and "logged in as [secret]" in text


def test_an_epoch_that_a_resumed_worker_says_again_is_handed_on_once(listener, heard):
    for line in ("worker 1", EPOCH, EPOCH, EPOCH.replace("=1 ", "=2 ", 1), EPOCH, EPOCH.replace("=1 ", "=3 ", 1)):
        listener(line)
    listener.close()
    assert [values["epoch"] for values in heard] == [1, 2, 3]
