"""A job is found again whatever happens between the request and its answer."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cloud import burst as bursts
from harness.cloud import job, runner
from harness.cloud.children import NO_ANSWER
from harness.cloud.job import Job
from harness.contract import plan
from harness.contract.errors import NotReady
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from tests.support import programs
from tests.support.programs import PLACEMENT

AWAY = plan.Cloud("us-east-1", True, True, 0, 30, 7200, 10.0, 1.4, None, "project", None)
BEGINS = "harness-20260102T030405Z"


class Store:
    """A place in S3 that keeps the names of what is put there."""

    bucket, prefix = "bucket", "prefix"

    def __init__(self) -> None:
        self.names: list[str] = []

    def key(self, name: str) -> str:
        return name

    def put(self, name: str, content: object) -> None:
        self.names.append(name)


class Session:
    """An account with these jobs."""

    region_name = "us-east-1"

    def __init__(self, *jobs: str) -> None:
        self.jobs = jobs

    def list_training_jobs(self, NameContains: str, **order: str) -> dict[str, Any]:
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in self.jobs if NameContains in name]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(job, "client", lambda session, service: session)
    planned = programs.planned("tiny", placement=dataclasses.replace(PLACEMENT, mode="cloud", cloud=AWAY))
    staged = run_folder.stage(tmp_path, planned, programs.bundle_of("tiny"), b"patch")
    (staged.checkpoints / "step-000000001.ckpt").write_bytes(b"")
    return staged


def burst(
    monkeypatch: pytest.MonkeyPatch, session: Session, answer: Callable[[], dict[str, str]]
) -> tuple[bursts.Burst, Store]:
    store = Store()
    monkeypatch.setattr(bursts, "sent", lambda asked, unwanted: answer())
    made = bursts.Burst(session, store, lambda planned: {"base_job_name": BEGINS})  # type: ignore[arg-type]
    return made, store


def test_what_finds_the_job_is_there_before_it_is_asked_for_and_its_name_after(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = []

    def answer() -> dict[str, str]:
        before.append(Job.read(run.cloud))
        return {"name": f"{BEGINS}-1"}

    made, store = burst(monkeypatch, Session(), answer)
    made.send(run)
    assert before == [Job(None, BEGINS, "us-east-1", "bucket", "prefix")]
    assert Job.read(run.cloud) == before[0].named(f"{BEGINS}-1")
    place = f"runs/{run.path.name}"
    assert store.names == [
        f"{place}/plan/plan.json",
        f"{place}/plan/changes.patch",
        f"{place}/checkpoints/step-000000001.ckpt",
    ]


def test_a_job_whose_answer_was_lost_is_found_by_its_beginning(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"code": "ConnectionError", "message": "cut off"}
    session = Session(f"other-{BEGINS}-0", f"{BEGINS}-7")
    burst(monkeypatch, session, lambda: refusal)[0].send(run)
    assert Job.read(run.cloud).name == f"{BEGINS}-7"


def test_a_job_whose_description_was_throttled_has_been_created(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"code": "ThrottlingException", "message": "Rate exceeded", "action": "DescribeTrainingJob"}
    burst(monkeypatch, Session(f"{BEGINS}-7"), lambda: answer)[0].send(run)
    assert Job.read(run.cloud).name == f"{BEGINS}-7"


def test_a_creation_that_a_signal_cut_off_is_not_said_to_have_failed(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> dict[str, str]:
        made.stop(at_once=False)
        return {"code": NO_ANSWER, "message": ""}

    made, _ = burst(monkeypatch, Session(), interrupted)
    with pytest.raises(NotReady, match=r"it is not known whether .* was sent.*attach.py"):
        made.send(run)
    assert Job.read(run.cloud) == Job(None, BEGINS, "us-east-1", "bucket", "prefix")
    assert made.finish().detached  # no record: whoever attaches knows more


def test_a_job_that_is_nowhere_was_refused(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"code": "ValidationException", "message": "too long"}
    with pytest.raises(NotReady, match="SageMaker: CreateTrainingJob: ValidationException: too long"):
        burst(monkeypatch, Session(f"other-{BEGINS}-0"), lambda: refusal)[0].send(run)
    assert not run.cloud.exists()


def test_only_a_run_whose_job_goes_on_is_attached(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    monkeypatch.setattr(runner, "session", lambda region: session)
    with pytest.raises(NotReady, match="was not sent to SageMaker"):
        runner.find(run)
    Job(None, BEGINS, "us-east-1", "bucket", "prefix").write(run.cloud)
    with pytest.raises(NotReady, match=r"was never sent: SageMaker has no such job; type: rm -r "):
        runner.find(run)
    session.jobs = (f"{BEGINS}-1",)
    run.log.write_text("said before")
    assert runner.find(run).remote and not run.log.exists()
    assert json.loads(run.cloud.read_text())["name"] == f"{BEGINS}-1"
    run.record.write_text("{}")
    with pytest.raises(NotReady, match="is over: its record is there"):
        runner.find(run)
