"""The table of jobs, what is stored, and the removal of what a finished run left in S3."""

import dataclasses
import json

import pytest

from harness.cloud import links, overview
from harness.cloud.aws.session import session
from harness.cloud.job import Job
from harness.contract import record, serial
from harness.contract.errors import NotReady
from tests.support import away


@pytest.fixture
def sent(account, tmp_path):
    """A run whose job has completed, and its session."""
    run = away.stage(tmp_path / "runs", usd_per_hour=3600.0)
    planned = run.planned()
    name = f"harness-{run.path.name}-1"
    place = f"s3://{account.bucket()}/harness/runs/{run.path.name}"
    account.send("echo x >/opt/ml/model/m", TrainingJobName=name, OutputDataConfig={"S3OutputPath": f"{place}/output"})
    account.wait(name, "Completed")
    Job(name, name, "us-east-1", account.bucket(), "harness").write(run.cloud)
    account.put(f"{place}/checkpoints/step-000000001.ckpt", b"12345")
    account.put(f"s3://{account.bucket()}/harness/datasets/x/y", b"123")
    return run, session("us-east-1"), planned


def test_jobs_are_listed_with_their_state_and_what_they_cost_and_those_of_others_are_not(account, sent, tmp_path):
    run, made, _ = sent
    account.send("true", TrainingJobName="somebody-elses-harness-job")
    account.send("true", TrainingJobName="harness-20200101T000000Z-other")
    account.wait("harness-2020", "Completed")
    newest, ours = overview.jobs(made, tmp_path / "runs")
    assert (newest.run, newest.usd) == (None, None) and "not here" in newest.cells
    assert ours.state == "Completed" and ours.run is not None and ours.run.path == run.path
    assert ours.usd == ours.seconds == account.jobs[ours.name].describe()["BillableTimeInSeconds"]
    assert len(ours.cells) == len(overview.HEAD)


def test_what_is_stored_is_counted_by_what_it_is(account, sent):
    run, made, _ = sent
    found = overview.sizes(made, account.bucket(), "harness")
    assert found["datasets"] == 3 and found[run.path.name] > 5
    assert overview.image_bytes(made) >= 0


def test_only_a_run_whose_record_is_here_is_removed_and_nothing_else_with_it(account, sent):
    run, made, planned = sent
    with pytest.raises(NotReady, match=r"has no record yet.*attach\.py"):
        overview.removable(run)
    run.record.write_text(serial.dumps(record.of(planned, status="completed")))
    job = overview.removable(run)
    keys = [key for key, _ in overview.left(made, job, run)]
    assert len(keys) == 2 and all(f"/runs/{run.path.name}/" in key for key in keys)
    said = []
    overview.remove(made, job, keys, said.append)
    assert not overview.left(made, job, run) and said == [f"removed   2 objects of s3://{account.bucket()}"]
    assert "harness/datasets/x/y" in account.objects()


def test_a_right_to_remove_that_is_missing_is_named(account, sent):
    run, made, planned = sent
    run.record.write_text(serial.dumps(record.of(planned, status="completed")))
    account.deny.add("s3:DeleteObject")
    job = overview.removable(run)
    with pytest.raises(NotReady, match="denies DeleteObjects"):
        overview.remove(made, job, [key for key, _ in overview.left(made, job, run)], print)


def test_addresses_of_the_console():
    found = Job("name", "name", "eu-west-1", "bucket", "harness")
    assert links.job("j", "eu-west-1") == (
        "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/j"
    )
    group = "$252Faws$252Fsagemaker$252FTrainingJobs"
    assert f"log-group/{group}$3FlogStreamNameFilter$3Dj$252F" in links.log("j", "eu-west-1")
    assert links.folder(found, "RUN").endswith("buckets/bucket?region=eu-west-1&prefix=harness/runs/RUN/")
    assert "console.amazonaws.cn/" in links.job("j", "cn-north-1")
    assert json.dumps(dataclasses.asdict(found))
