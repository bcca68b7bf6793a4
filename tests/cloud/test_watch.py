"""The process that watches a job, in this process: what it says where rights, credentials, patience or lines fail."""

import threading
import time

import pytest
from botocore.exceptions import EndpointConnectionError

from harness.cloud import outcome, watch
from harness.cloud.job import Job
from harness.cloud.standing import Standing


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, value in (("QUICK", 0.1), ("SLOW", 0.3), ("SLOWEST", 0.3), ("LATE", 2.0), ("FIXED", 0.5)):
        monkeypatch.setattr(watch, name, value)


def lines_of(account, within=15.0, during=None):
    """What the watch of the job says until it ends, and the watch."""
    watching = watch.Watch(Job("job", "job", "us-east-1", account.bucket(), "harness"))
    said, began = [], time.monotonic()
    for line in watching.lines():
        assert time.monotonic() - began < within, said
        if line:
            said.append(line)
            if during:
                during(line)
    return said, watching


@pytest.mark.long
def test_lines_after_empty_pages_and_late_ones_are_read_to_the_last(account, monkeypatch):
    account.log_delay = 4.0
    monkeypatch.setattr(watch, "LATE", 8.0)
    account.send("echo worker x; echo epoch=1; echo last")
    said, watching = lines_of(account, 30)
    assert [line for line in said if not line.startswith("sagemaker")] == ["worker x", "epoch=1", "last"]
    assert watching.over


def test_the_workers_last_word_is_not_waited_beyond(account, monkeypatch):
    monkeypatch.setattr(watch, "LATE", 60.0)
    account.send("echo worker x; echo test_accuracy=0.5")
    assert "test_accuracy=0.5" in lines_of(account)[0]


@pytest.mark.parametrize("right", ["logs:DescribeLogStreams", "logs:GetLogEvents"])
def test_without_the_right_to_read_the_log_the_job_is_followed_to_its_end(account, right):
    account.deny.add(right)
    account.send("echo hello; sleep 0.5")
    said, watching = lines_of(account)
    assert watching.over and watching.description["TrainingJobStatus"] == "Completed"
    (line,) = [line for line in said if "no live log" in line]
    assert f"AWS denies {right.partition(':')[2]} (" in line and "is not authorized to perform" in line


def test_a_log_that_cannot_be_reached_does_not_keep_a_job_open_that_has_ended(account, monkeypatch):
    def unreachable(log, description):
        raise EndpointConnectionError(endpoint_url="https://logs.us-east-1.amazonaws.com")

    monkeypatch.setattr(watch.Log, "lines", unreachable)
    account.send("sleep 0.5")
    said, watching = lines_of(account)
    assert watching.over and watching.description["TrainingJobStatus"] == "Completed"
    assert [line for line in said if "the last lines of the log are missing: Could not connect to" in line]


def test_without_the_right_to_look_at_the_job_the_watch_ends_in_one_line(account):
    account.send("sleep 5")
    account.deny.add("sagemaker:DescribeTrainingJob")
    said, watching = lines_of(account)
    assert not watching.over and len(said) == 1
    assert "AWS denies to look at the job: User: " in said[0]


def test_credentials_that_expire_are_said_to_have_and_are_read_again(account, monkeypatch):
    account.send("echo worker x; sleep 1; echo test_x=1")

    def expire(line):
        if line.startswith("worker"):
            account.expired.add("testing")
        elif "no longer good" in line:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "RENEWED")

    monkeypatch.setattr(watch, "FIXED", 60.0)
    said, watching = lines_of(account, during=expire)
    (line,) = [line for line in said if "no longer good" in line]
    assert "in another terminal type: new AWS_ACCESS_KEY_ID" in line
    assert any("AWS answers again after" in line for line in said) and watching.over


def test_credentials_that_nobody_can_renew_end_the_watch(account):
    account.send("sleep 10")
    account.expired.add("testing")
    said, watching = lines_of(account)
    assert not watching.over and len(said) == 1


@pytest.mark.long
def test_throttling_is_obeyed_in_silence(account):
    account.throttled = {"sagemaker:DescribeTrainingJob": 1, "logs": 2}
    threading.Timer(4.0, lambda: account.throttled.pop("sagemaker:DescribeTrainingJob")).start()
    account.send("echo worker x; sleep 1; echo test_x=1")
    said, watching = lines_of(account, within=60)
    assert watching.over and "test_x=1" in said
    assert not [line for line in said if "AWS" in line]


@pytest.mark.long
def test_throttling_that_lasts_is_spoken_of_once(account, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 0.2)
    account.send("echo test_x=1")
    account.throttled = {"sagemaker:DescribeTrainingJob": 1}
    said, watching = lines_of(account, 60, lambda line: account.throttled.clear() if "patience" in line else None)
    assert len([line for line in said if "asks for patience" in line]) == 1 and watching.over


def test_streams_are_asked_for_only_where_one_is_missing(account):
    account.send("echo worker x; sleep 2; echo test_x=1")
    lines_of(account)
    asked = account.actions()
    assert asked.count("logs:GetLogEvents") > 5
    assert asked.count("logs:DescribeLogStreams") <= asked.count("sagemaker:DescribeTrainingJob") / 2


def test_of_a_job_with_several_workers_each_ones_reason_is_told(account):
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30}
    first = "import json; told = json.load(open('/opt/ml/input/config/resourceconfig.json'));"
    first += "raise SystemExit(told['current_host'] != told['hosts'][0])"
    account.send(f'python3 -c "{first}" && exec sleep 60; echo failed: mine; exit 1', ResourceConfig=resources)
    said, _ = lines_of(account)
    assert "algo-2 failed: mine" in said


def test_the_newest_checkpoint_is_named_and_one_that_stands_still_is_warned_of(account, monkeypatch):
    import harness.cloud.standing as module

    monkeypatch.setattr(module, "LOOK", 0.0)
    standing = Standing()
    standing.connect(account.client("s3"))
    training = {"SecondaryStatus": "Training", "CheckpointConfig": {"S3Uri": f"s3://{account.bucket()}/states"}}
    assert list(standing.lines(training)) == []
    account.put(f"s3://{account.bucket()}/states/step-000000390.ckpt", b"x")
    (line,) = standing.lines(training)
    assert line.startswith("checkpoint in S3: step 390, ") and line.endswith(" old")
    assert list(standing.lines(training)) == []
    monkeypatch.setattr(module, "STILL", 0.0)
    (line,) = standing.lines(training)
    assert "no new checkpoint in S3 for" in line and "may stand still" in line
    assert list(standing.lines(training)) == []


def test_a_job_without_an_instance_is_stopped_after_the_stated_wait(account):
    account.no_capacity = True
    account.send("true", spot=True)
    watching = watch.Watch(Job("job", "job", "us-east-1", account.bucket(), "harness", wait_minutes=0.02))
    said = [line for line in watching.lines() if line]
    assert "sagemaker no instance came within 0.02 minutes: stopping the job" in said
    assert outcome.judge(watching.description) == "no instance came within 0.02 minutes (mode.wait_minutes)"
