"""Sending a job from this process: room in the quota, signals, what the account demands."""

import json
import threading
import time

import pytest
from botocore.validate import ParamValidator

from harness import console
from harness.cloud import burst, children
from harness.cloud.aws.refusal import Busy
from harness.contract.errors import NotReady
from harness.launch import follow, request
from tests.fakes.sagemaker.answers import MODEL, broken
from tests.support import away
from tests.support.shell_jobs import UNTIL_STOPPED

DEMANDED = request.Demanded(
    networking={
        "subnets": ["subnet-0123", "subnet-4567"],
        "security_group_ids": ["sg-0123"],
        "enable_network_isolation": True,
        "enable_inter_container_traffic_encryption": True,
    },
    volume_key="arn:aws:kms:us-east-1:123456789012:key/0123",
    output_key="arn:aws:kms:us-east-1:123456789012:key/4567",
    tags={"team": "vision"},
    retries=2,
)


@pytest.mark.slow  # the SDK is imported
@pytest.mark.long
def test_a_request_with_all_that_an_account_may_demand_is_one_that_sagemaker_takes(account, tmp_path):
    run = away.stage(tmp_path / "runs")
    away.burst_of(account, account.image, DEMANDED).send(run)
    children._sender.pop().process.kill()
    name = json.loads((run.path / "cloud.json").read_text())["name"]
    asked = account.jobs[name].request
    shape = MODEL.operation_model("CreateTrainingJob").input_shape
    assert ParamValidator().validate(asked, shape).generate_report() == ""
    assert not list(broken(shape, asked))
    assert asked["VpcConfig"] == {"Subnets": ["subnet-0123", "subnet-4567"], "SecurityGroupIds": ["sg-0123"]}
    assert asked["EnableNetworkIsolation"] and asked["EnableInterContainerTrafficEncryption"]
    assert asked["ResourceConfig"]["VolumeKmsKeyId"].endswith("0123")
    assert asked["OutputDataConfig"]["KmsKeyId"].endswith("4567")
    assert asked["RetryStrategy"] == {"MaximumRetryAttempts": 2}
    assert {"Key": "team", "Value": "vision"} in asked["Tags"]


def test_a_job_waits_for_room_in_the_quota_and_is_sent_when_there_is(account, tmp_path, monkeypatch, capsys):
    account.quota = 1
    monkeypatch.setattr(burst, "AGAIN", 0.3)
    monkeypatch.setattr(burst, "sent", away.directly(account))
    account.send(UNTIL_STOPPED.format("exit 0"), spot=True, TrainingJobName="before", ResourceConfig=compute())
    run = away.stage(tmp_path / "runs")
    say = console.say

    def stop_the_other(line):
        say(line)
        if line.startswith("waiting"):
            account.sagemaker.stop_training_job(TrainingJobName="before")

    monkeypatch.setattr(console, "say", stop_the_other)
    sending = away.burst_of(account, account.image)
    sending.start(run, tmp_path)
    sending.let_go()
    sending.finish()
    said = capsys.readouterr().out
    assert "waiting   SageMaker: ResourceLimitExceeded: The account-level service limit" in said
    assert said.count("waiting") == 1 and "\nsent      harness-" in said


def compute():
    return {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}


def test_a_quota_that_can_never_hold_it_is_not_waited_for(account, tmp_path, monkeypatch):
    account.quota = 0
    monkeypatch.setattr(burst, "sent", away.directly(account))
    with pytest.raises(NotReady, match="is 0, the job needs 1") as caught:
        away.burst_of(account, account.image).send(away.stage(tmp_path / "runs"))
    assert not isinstance(caught.value, Busy)


def test_after_the_stated_wait_there_is_no_more_waiting(account, tmp_path, monkeypatch):
    account.others, account.quota = 1, 1
    monkeypatch.setattr(burst, "AGAIN", 0.1)
    monkeypatch.setattr(burst, "sent", away.directly(account))
    run = away.stage(tmp_path / "runs")
    with pytest.raises(Busy, match="current utilization of 1"):
        away.burst_of(account, account.image, wait_seconds=0.2).start(run, tmp_path)
    assert not run.cloud.exists()


def silence(job, unwanted):
    """A sender that never answers, until it is unwanted: an import that hangs, a code that nobody types."""
    unwanted.wait(60)
    return {"code": children.NOT_BEGUN, "message": ""}


STUCK = {
    "the SDK's process": ("sent", silence),
    "no room": ("sent", lambda job, unwanted: {"code": "ThrottlingException", "message": "Rate exceeded"}),
}


@pytest.mark.parametrize("where", STUCK)
def test_ctrl_c_ends_a_start_that_waits(account, tmp_path, monkeypatch, where):
    monkeypatch.setattr(burst, *STUCK[where])
    interrupted_within(account, tmp_path, 2.0, "stopped by Ctrl-C")
    assert not account.jobs


def test_ctrl_c_ends_an_upload_that_s3_does_not_answer(account, tmp_path, monkeypatch):
    sending = away.burst_of(account, account.image)
    account.stall = 30
    account.faults.append(fault("PUT", "plan.json", "stall"))
    interrupted_within(account, tmp_path, 2.0, "stopped by Ctrl-C", sending)
    account.closing.set()


def fault(*what):
    from tests.fakes.sagemaker.server import Fault

    return Fault(*what, times=100)


def interrupted_within(account, tmp_path, seconds, reason, sending=None):
    """Follow such a run, interrupt it after a second: it has ended within so many more, for that reason."""
    run, lines = away.stage(tmp_path / "runs"), []
    sending = sending or away.burst_of(account, account.image)
    hearing = follow.hearing
    ear = []

    def deaf(note):
        ear.append(note)
        return hearing(note)

    follow.hearing, began = deaf, time.monotonic()
    try:
        threading.Timer(1.0, lambda: ear[0]("Ctrl-C")).start()
        ended = follow.follow(sending, run, tmp_path, lines.append)
    finally:
        follow.hearing = hearing
    assert 1.0 <= time.monotonic() - began < 1.0 + seconds
    assert (ended.reason, ended.detached) == (reason, False), lines
    return ended


def test_a_job_is_stopped_with_credentials_that_were_renewed_since(account, tmp_path, monkeypatch):
    run = away.stage(tmp_path / "runs")
    monkeypatch.setattr(burst, "sent", away.directly(account, UNTIL_STOPPED.format("exit 0")))
    sending = away.burst_of(account, account.image)
    sending.start(run, tmp_path)
    account.expired.add(account.environment()["AWS_ACCESS_KEY_ID"])
    with pytest.raises(NotReady, match="have expired"):
        sending.stop(at_once=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    sending.stop(at_once=False)
    account.expired.clear()
    sending.let_go()
    sending.finish()
    (job,) = account.jobs.values()
    assert job.describe()["TrainingJobStatus"] in ("Stopping", "Stopped")
