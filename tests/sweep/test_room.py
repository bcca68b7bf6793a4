"""Jobs of a sweep that wait for room in the account's quota."""

import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from harness.cloud import burst
from harness.contract.errors import NotReady
from harness.planning.draft import Draft
from harness.runs.run_folder import RunFolder
from harness.sweep import followed, room
from harness.sweep.room import Waiting
from tests.cloud.conftest import account  # noqa: F401  # a fixture
from tests.support import away, programs


@dataclass
class Target:
    """SageMaker, with what sends directly."""

    account: Any
    at_a_time: int | None

    def upload(self, files: Any, data: Any) -> burst.Burst:
        return away.burst_of(self.account, self.account.image)


@dataclass
class Job:
    """A job that is followed by nobody; its process is the job itself."""

    account: Any
    run: RunFolder

    @property
    def label(self) -> str:
        return self.run.path.name

    news = "sent"

    @property
    def child(self) -> Any:
        return self

    def poll(self) -> int | None:
        return 0 if self.over() else None

    def send_signal(self, number: int) -> None:
        self.job.stop()

    @property
    def job(self) -> Any:
        return self.account.jobs[json.loads(self.run.cloud.read_text())["name"]]

    def over(self) -> bool:
        return bool(self.job.over)

    def listen(self) -> None: ...


@pytest.fixture
def sweep(account, tmp_path, monkeypatch):  # noqa: F811
    """Sends so many jobs of a second, as `admitted` at a time by what the quota says; what was said."""
    monkeypatch.setattr(room, "AGAIN", 0.2)
    monkeypatch.setattr(followed, "LOOK", 0.05)
    monkeypatch.setattr(burst, "sent", away.directly(account, "sleep 1.5"))
    said: list[str] = []

    def begin(count, admitted, notes=None, hear=str, leave=False):
        drafts = [
            Draft(away.planned(number), None, None, programs.bundle_of("tiny"), b"", None, tmp_path / "runs")
            for number in range(count)
        ]
        (tmp_path / "runs").mkdir(exist_ok=True)

        def heard(line):
            said.append(line)
            hear(line)

        pairs = [(draft, Target(account, admitted)) for draft in drafts]
        waiting = Waiting(pairs, lambda run, plan: Job(account, run), heard, at_once=0)
        followed.watch([], notes or queue.SimpleQueue(), waiting, leave)
        return waiting

    begin.said = said
    return begin


def most_at_once(account):  # noqa: F811
    """How many jobs ran at a time, by their own account."""
    told = [job.describe() for job in account.jobs.values()]
    spans = [(each["CreationTime"], each["TrainingEndTime"]) for each in told]
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


@pytest.mark.parametrize("admitted", [2, None], ids=["quota known", "quota unknown"])
@pytest.mark.long
def test_six_jobs_with_a_quota_of_two_all_end_and_none_leaves_a_failed_record(account, sweep, tmp_path, admitted):  # noqa: F811
    account.quota = 2
    waiting = sweep(6, admitted)
    assert len(waiting.followed) == len(account.jobs) == 6 and not waiting.left and waiting.refusal is None
    assert {job.describe()["TrainingJobStatus"] for job in account.jobs.values()} == {"Completed"}
    assert most_at_once(account) == 2
    if admitted:  # it is known how many there are room for: nobody asks in vain
        assert not [each for each in sweep.said if each.startswith("waiting")]
    assert len(list((tmp_path / "runs").iterdir())) == 6 and not list((tmp_path / "runs").glob("*/record.json"))


def test_where_the_known_quota_is_full_nothing_is_sent_before_one_has_ended(tmp_path):
    begun = queue.SimpleQueue()

    class Full(Target):
        def upload(self, files: Any, data: Any) -> burst.Burst:
            begun.put("sent")
            raise NotReady("that is enough")

    draft = Draft(away.planned(1), None, None, {}, b"", None, tmp_path)
    waiting = Waiting([(draft, Full(None, 2))], lambda run, plan: None, lambda line: None, at_once=2)
    assert waiting.look(running=2) == waiting.look(running=3) == []
    with pytest.raises(queue.Empty):
        begun.get(timeout=0.5)
    waiting.look(running=1)
    assert begun.get(timeout=20) == "sent"


def test_room_that_somebody_else_takes_is_waited_for(account, sweep):  # noqa: F811
    account.quota, account.others = 2, 2
    waiting = sweep(2, 2, hear=lambda line: setattr(account, "others", 0))
    assert len(waiting.followed) == 2 and not waiting.left
    (line,) = [each for each in sweep.said if each.startswith("waiting")]
    assert "current utilization of 2 Instances" in line


def test_a_signal_ends_the_waiting_within_two_seconds_and_what_was_not_sent_left_nothing(account, sweep, tmp_path):  # noqa: F811
    account.quota, account.others = 2, 2
    notes: Any = queue.SimpleQueue()
    signalled: list[float] = []
    threading.Timer(2.0, lambda: (signalled.append(time.monotonic()), notes.put("SIGTERM"))).start()
    waiting = sweep(3, None, notes)
    assert time.monotonic() - signalled[0] < 2
    assert len(waiting.left) == 3 and not account.jobs and not list((tmp_path / "runs").iterdir())


def ends(account):  # noqa: F811
    return [job.describe()["TrainingJobStatus"] for job in account.jobs.values()]


def test_a_job_that_is_just_being_sent_when_a_signal_comes_is_stopped_as_the_others_are(account, sweep, monkeypatch):  # noqa: F811
    notes, directly = queue.SimpleQueue(), away.directly(account, "sleep 60")

    def send(job, unwanted):
        answer = directly(job, unwanted)
        if len(account.jobs) == 2:
            notes.put("SIGTERM")
        return answer

    monkeypatch.setattr(burst, "sent", send)
    waiting = sweep(3, None, notes)
    assert len(waiting.followed) == len(account.jobs) == 2 and len(waiting.left) == 1
    assert ends(account) == ["Stopped", "Stopped"]


def test_a_sweep_that_is_left_leaves_its_last_job_too(account, sweep):  # noqa: F811
    """The stand-in stops a job whose follower gets a signal."""
    waiting = sweep(2, None, leave=True)
    assert len(waiting.followed) == 2 and ends(account) == ["Stopped", "Stopped"]
