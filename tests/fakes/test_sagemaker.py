import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from tests.fakes.sagemaker.server import MANIFEST, OCI, Aws, Fault
from tests.support.shell_jobs import UNTIL_STOPPED, Account, channel, compute

pytestmark = [pytest.mark.cloud, pytest.mark.slow]

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def aws():
    with Account(grace=5) as started:
        yield started


@pytest.fixture(scope="module")
def still():
    """One for tests that send no job, and disturb each other in nothing else."""
    with Account() as started:
        started.stall = 1
        yield started


def states(told):
    return [each["Status"] for each in told["SecondaryStatusTransitions"]]


def test_a_job_goes_through_sagemakers_states_and_leaves_its_lines_and_archives(aws):
    for key in ("data/a", "data/b/c"):
        aws.s3.put_object(Bucket=aws.bucket(), Key=key, Body=key.encode())
    inputs = [channel("train", f"s3://{aws.bucket()}/data/")]
    script = "cd /opt/ml; echo one; echo two >&2; cp -r input/data/train/* model; cp input/config/* output/data"
    sent = aws.send(script, inputs=inputs, HyperParameters={"depth": "20"})
    aws.wait("job", "Completed")
    told = aws.sagemaker.describe_training_job(TrainingJobName="job")
    assert told["TrainingJobArn"] == sent["TrainingJobArn"]
    assert states(told) == ["Starting", "Pending", "Downloading", "Training", "Uploading", "Completed"]
    times = [told[name] for name in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")]
    assert times == sorted(times)
    assert told["BillableTimeInSeconds"] == told["TrainingTimeInSeconds"] >= 1
    assert told["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{aws.bucket()}/output/job/output/model.tar.gz"
    assert aws.log("job") == ["one", "two"]
    assert aws.archive("model") == {"a": "data/a", "b/c": "data/b/c"}
    config = {name: json.loads(content) for name, content in aws.archive("output").items()}
    assert config["resourceconfig.json"]["hosts"] == ["algo-1"] == [config["resourceconfig.json"]["current_host"]]
    assert config["hyperparameters.json"] == {"depth": "20"}
    assert config["inputdataconfig.json"].keys() == {"sm_drivers", "train"}


def test_a_prefix_is_no_folder(aws):
    for key in ("data/set/a", "data/set.json", "data/settings/b", "data/other"):
        aws.s3.put_object(Bucket=aws.bucket(), Key=key, Body=b"x")
    aws.fetch(f"s3://{aws.bucket()}/data/set", aws.folder / "all")
    aws.fetch(f"s3://{aws.bucket()}/data/set/", aws.folder / "one")
    aws.fetch(f"s3://{aws.bucket()}/data/set/a", aws.folder / "single")
    found = {name: sorted(path.name for path in (aws.folder / name).rglob("*")) for name in ("all", "one", "single")}
    assert found == {"all": ["a", "b", "set.json", "settings"], "one": ["a"], "single": ["a"]}


def test_a_job_has_the_environment_of_request_and_platform_and_the_credentials_of_its_role(aws, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THIS_MACHINE", "x")
    program = "import boto3, os; sts = boto3.client('sts', os.environ['AWS_REGION'])"
    script = f"env | sort; python3 -c \"{program}; print(sts.get_caller_identity()['Account'])\""
    aws.send(script, Environment={"ASKED": "/opt/ml/model"})
    aws.wait("job", "Completed")
    *lines, account = aws.log("job")
    environment = dict(line.split("=", 1) for line in lines)
    assert account == aws.account
    assert environment["ASKED"] == f"{aws.job('job').folder}/model"
    assert (environment["TRAINING_JOB_NAME"], environment["AWS_REGION"]) == ("job", "us-east-1")
    assert not environment.keys() & {"SECRET_OF_THIS_MACHINE", "AWS_ACCESS_KEY_ID", "VIRTUAL_ENV", "PYTHONPATH"}


@pytest.mark.parametrize(("kill", "restored"), [(False, "saved late"), (True, "saved early")])
def test_an_interrupted_spot_job_starts_again_with_the_checkpoints_that_s3_has(aws, kill, restored):
    save = "echo saved late > /opt/ml/checkpoints/state; exit 1"
    first = f"echo saved early > /opt/ml/checkpoints/state; touch here; {UNTIL_STOPPED.format(save)}"
    again = "cat /opt/ml/checkpoints/state; ls -a; rm /opt/ml/checkpoints/state"
    aws.send(f"if [ -e /opt/ml/checkpoints/state ]; then {again}; else {first}; fi", spot=True, **aws.checkpoints())
    aws.ready()
    while "states/state" not in aws.objects():
        time.sleep(0.05)
    aws.interrupt("job", kill=kill)
    told = aws.wait("job", "Completed")
    once = ["Starting", "Pending", "Downloading", "Training"]
    assert states(told) == [*once, "Interrupted", *once, "Uploading", "Completed"]
    assert aws.log("job") == ["ready", restored, ".", ".."]
    streams = aws.client("logs").describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert len(streams) == 2
    assert told["BillableTimeInSeconds"] <= max(1, told["TrainingTimeInSeconds"] // 2)
    assert "states/state" not in aws.objects()  # it was deleted on the instance


def test_a_checkpoint_that_is_still_written_does_not_reach_s3(aws):
    grow = "for i in 1 2 3 4 5 6 7 8; do echo part >> /opt/ml/checkpoints/growing; sleep 0.1; done"
    aws.send(f"echo whole > /opt/ml/checkpoints/whole; {grow}; kill -9 $$", **aws.checkpoints())
    seen = set()
    while not aws.job("job").over:
        seen.add(aws.objects().get("states/growing"))
        time.sleep(0.05)
    assert aws.objects("states/")["states/whole"] == b"whole\n"
    assert seen <= {None, b"part\n" * 8}


def test_a_job_that_is_stopped_has_time_to_leave_its_outputs(aws):
    save = "echo weights > /opt/ml/model/m; echo curve > /opt/ml/output/data/c; exit 1"
    aws.send(UNTIL_STOPPED.format(save))
    aws.ready()
    aws.sagemaker.stop_training_job(TrainingJobName="job")
    assert aws.sagemaker.describe_training_job(TrainingJobName="job")["TrainingJobStatus"] == "Stopping"
    told = aws.wait("job", "Stopped")
    assert states(told)[-4:] == ["Training", "Stopping", "Uploading", "Stopped"]
    assert (aws.archive("model"), aws.archive("output")) == ({"m": "weights\n"}, {"c": "curve\n"})
    assert "FailureReason" not in told
    with pytest.raises(ClientError, match="is in status Stopped"):
        aws.sagemaker.stop_training_job(TrainingJobName="job")


def test_process_1_does_not_hear_a_signal_that_it_has_no_handler_for(aws):
    aws.grace = 1
    aws.send("echo ready; sleep 60")
    aws.ready()
    began = time.monotonic()
    aws.sagemaker.stop_training_job(TrainingJobName="job")
    aws.wait("job", "Stopped")
    assert time.monotonic() - began >= 1


def test_a_job_that_runs_too_long_is_stopped(aws):
    save = "echo weights > /opt/ml/model/m; exit 1"
    aws.send(UNTIL_STOPPED.format(save), StoppingCondition={"MaxRuntimeInSeconds": 1})
    told = aws.wait("job", "Stopped")
    assert (told["SecondaryStatus"], aws.archive("model")) == ("MaxRuntimeExceeded", {"m": "weights\n"})


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo w > /opt/ml/model/m; echo c > /opt/ml/output/data/c; exit 3", "AlgorithmError: , exit code: 3"),
        ("echo c > /opt/ml/output/data/c; kill -9 $$", "AlgorithmError: , exit code: 137"),
        (
            "echo c > /opt/ml/output/data/c; printf %2000d 1 | tr ' ' x > /opt/ml/output/failure; exit 1",
            f"AlgorithmError: {'x' * (1024 - 16 - 14)}, exit code: 1",
        ),
    ],
)
def test_a_job_that_fails_says_why_and_leaves_its_output_but_no_model(aws, script, reason):
    aws.send(script)
    told = aws.wait("job", "Failed")
    assert told["FailureReason"] == reason
    assert (aws.archive("model"), aws.archive("output")) == (None, {"c": "c\n"})
    assert "ModelArtifacts" not in told


def test_a_spot_job_waits_for_instances_as_long_as_it_may(aws):
    aws.speed, aws.no_capacity = 3600, True
    aws.send("true", spot=True)
    aws.send("true", TrainingJobName="on-demand")
    told = aws.wait("job", "Stopped")
    assert states(told) == ["Starting", "MaxWaitTimeExceeded"]
    assert told["TrainingEndTime"] - told["CreationTime"] > 7200 and "BillableTimeInSeconds" not in told
    assert aws.wait("on-demand", "Failed")["FailureReason"].startswith("CapacityError")


def test_hosts_of_one_job_know_each_other_and_leave_one_archive(aws):
    script = 'cd /opt/ml; host=$(sed \'s/.*current_host": "\\([^"]*\\).*/\\1/\' input/config/resourceconfig.json)'
    script += "; echo $host; cp input/config/resourceconfig.json model/$host"
    aws.send(script, ResourceConfig=compute(2))
    aws.wait("job", "Completed")
    files = {name: json.loads(content) for name, content in aws.archive("model").items()}
    [hosts] = {tuple(each["hosts"]) for each in files.values()}
    assert {each["current_host"] for each in files.values()} == files.keys() == set(hosts)
    assert (aws.log("job", "algo-1"), aws.log("job", "algo-2")) == ([hosts[0]], [hosts[1]])
    assert all(host.startswith("127.0.0.1:") for host in hosts)


def test_a_host_that_fails_ends_the_others(aws):
    fail = "echo 'lost it' > /opt/ml/output/failure; exit 4"
    aws.send(f"case $0 in *algo-2*) {fail};; *) sleep 60;; esac", ResourceConfig=compute(2))
    assert aws.wait("job", "Failed", timeout=10)["FailureReason"] == "AlgorithmError: lost it\n, exit code: 4"


def test_nothing_runs_on_when_aws_has_ended(tmp_path):
    with Account() as aws:
        aws.send(f"echo $$ > {tmp_path}/pid; echo ready; sleep 60")
        aws.ready()
        job = aws.job("job")
        pid = int((tmp_path / "pid").read_text())
    assert not job.thread.is_alive() and not aws.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"TrainingJobName": "under_score"}, "ValidationException", "'trainingJobName' failed to satisfy constraint"),
        ({"TrainingJobName": "x" * 64}, "ValidationException", "length less than or equal to 63"),
        ({"Environment": {"1": "x"}}, "ValidationException", "regular expression pattern"),
        ({"Environment": {"x": "y" * 513}}, "ValidationException", "length less than or equal to 512"),
        ({"Tags": [{"Key": "a", "Value": "b<c"}]}, "ValidationException", "tags.1.member.value"),
        ({"EnableManagedSpotTraining": True}, "ValidationException", "MaxWaitTimeInSeconds"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "ValidationException", "Could not assume role"),
        ({"image": "cifar10:test"}, "ValidationException", "ECR"),
        ({"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/none:x"}, "ValidationException", "not found"),
        ({"ResourceConfig": compute(9)}, "ResourceLimitExceeded", "ml.g5.xlarge for training job usage"),
        (
            {"InputDataConfig": [channel("x", "s3://sagemaker-us-east-1-123456789012/absent/")]},
            "ValidationException",
            "No S3 objects found",
        ),
    ],
)
def test_a_request_that_sagemaker_would_refuse_is_refused(still, changed, code, words):
    if "image" in changed:
        algorithm = {"TrainingImage": changed["image"], "TrainingInputMode": "File"}
        changed = {"AlgorithmSpecification": algorithm}
    with pytest.raises(ClientError) as refused:
        still.send("true", **changed)
    assert refused.value.response["Error"]["Code"] == code
    assert words in str(refused.value)
    assert not still.jobs


def test_jobs_are_listed_and_tagged_and_their_names_are_used_once(aws):
    tag = {"Key": "harness:run", "Value": "a/b+c"}
    for name in ("one-a", "one-b", "two"):
        aws.send("true", TrainingJobName=name, Tags=[tag])
    with pytest.raises(ClientError) as refused:
        aws.send("true", TrainingJobName="two")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    listed = aws.sagemaker.list_training_jobs(NameContains="one", SortBy="CreationTime", SortOrder="Descending")
    assert [each["TrainingJobName"] for each in listed["TrainingJobSummaries"]] == ["one-b", "one-a"]
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(MaxResults=2)
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [2, 1]
    arn = listed["TrainingJobSummaries"][0]["TrainingJobArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": "x"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [tag, {"Key": "more", "Value": "x"}]
    with pytest.raises(ClientError, match=r"\(ValidationException\).*Requested resource not found\."):
        aws.sagemaker.describe_training_job(TrainingJobName="none")
    for name in aws.jobs:
        aws.wait(name, "Completed")


CONTENT = bytes(range(256)) * 64
MD5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", r"\(InternalError\)"),
        ("503", r"\(SlowDown\)"),
        ("drop", "Connection was closed"),
        ("truncate", "Connection was closed|reset by peer|Broken pipe"),
        ("wrong", r"\(BadDigest\)"),
        ("stall", "Read timeout"),
    ],
)
def test_what_s3_does_wrong_to_an_upload_is_seen_by_boto3(still, kind, error):
    still.faults.append(Fault("PUT", f"^up/{kind}/", kind))
    s3 = still.client("s3", attempts=1, read_timeout=0.3)
    upload = {"Bucket": still.bucket(), "Key": f"up/{kind}/x", "Body": CONTENT, "ContentMD5": MD5}
    with pytest.raises((ClientError, exceptions.BotoCoreError), match=error):
        s3.put_object(**upload)
    assert not still.objects(f"up/{kind}/")
    s3.put_object(**upload)
    assert still.objects(f"up/{kind}/") == {upload["Key"]: CONTENT}
    assert len(CONTENT) <= still.uploaded(f"up/{kind}/") <= 2 * len(CONTENT)


@pytest.mark.parametrize("checksum", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_of_an_upload_is_compared(still, checksum):
    still.faults.append(Fault("PUT", checksum, "wrong"))
    with pytest.raises(ClientError, match="BadDigest"):
        still.s3.put_object(Bucket=still.bucket(), Key=checksum, Body=CONTENT, ChecksumAlgorithm=checksum)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", r"\(InternalError\)"),
        ("503", r"\(SlowDown\)"),
        ("drop", "Connection was closed"),
        ("truncate", "IncompleteRead|read, but total bytes expected"),
        ("wrong", "checksum"),
        ("stall", "Read timeout"),
    ],
)
def test_what_s3_does_wrong_to_a_download_is_seen_by_boto3(still, kind, error):
    place = {"Bucket": still.bucket(), "Key": f"down/{kind}"}
    still.s3.put_object(Body=CONTENT, **place)
    still.faults.append(Fault("GET", f"^{place['Key']}$", kind))
    s3 = still.client("s3", attempts=1, read_timeout=0.3)
    with pytest.raises((ClientError, exceptions.BotoCoreError), match=error):
        s3.get_object(**place)["Body"].read()
    assert s3.get_object(**place)["Body"].read() == CONTENT


def test_what_passes_is_tried_again(aws, tmp_path):
    (tmp_path / "large").write_bytes(large := os.urandom(9_000_000))  # boto3 takes it apart
    aws.faults += [Fault("PUT", "large", kind) for kind in ("503", "drop")]
    aws.faults += [Fault("GET", "large", kind) for kind in ("500", "truncate")]
    aws.s3.upload_file(str(tmp_path / "large"), aws.bucket(), "large")
    aws.s3.download_file(aws.bucket(), "large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == large
    assert not any(fault.times for fault in aws.faults)
    assert aws.uploaded("large") > len(large)


def test_an_outage_ends(still):
    sts = still.client("sts", attempts=1)
    before = len(still.requests)
    still.outage(0.5)
    with pytest.raises(exceptions.ConnectionClosedError):
        sts.get_caller_identity()
    assert len(still.requests) == before
    time.sleep(0.5)
    assert sts.get_caller_identity()["Account"] == still.account


ASKED = {
    "sts:GetCallerIdentity": ("sts", "get_caller_identity", {}),
    "iam:GetRole": ("iam", "get_role", {"RoleName": "harness"}),
    "s3:GetObject": ("s3", "get_object", {"Bucket": "sagemaker-us-east-1-123456789012", "Key": "x"}),
    "s3:ListBucket": ("s3", "head_bucket", {"Bucket": "sagemaker-us-east-1-123456789012"}),
    "sagemaker:DescribeTrainingJob": ("sagemaker", "describe_training_job", {"TrainingJobName": "x"}),
    "ecr:BatchGetImage": (
        "ecr",
        "batch_get_image",
        {"repositoryName": "harness", "imageIds": [{"imageTag": "x"}]},
    ),
}


@pytest.mark.parametrize(
    ("action", "expired", "unknown", "denied"),
    [
        ("sts:GetCallerIdentity", "ExpiredToken", "InvalidClientTokenId", "AccessDenied"),
        ("iam:GetRole", "ExpiredToken", "InvalidClientTokenId", "AccessDenied"),
        ("s3:GetObject", "ExpiredToken", "InvalidAccessKeyId", "AccessDenied"),
        ("s3:ListBucket", "400", "403", "403"),
        (
            "sagemaker:DescribeTrainingJob",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "AccessDeniedException",
        ),
        ("ecr:BatchGetImage", "ExpiredTokenException", "UnrecognizedClientException", "AccessDeniedException"),
    ],
)
def test_each_service_says_in_its_own_way_who_may_not_enter(still, monkeypatch, action, expired, unknown, denied):
    service, method, arguments = ASKED[action]

    def code(key):
        with pytest.raises(ClientError) as refused:
            getattr(still.client(service, key, attempts=1), method)(**arguments)
        return refused.value.response["Error"]["Code"]

    assert (code("EXPIRED"), code("UNKNOWN")) == (expired, unknown)
    monkeypatch.setattr(still, "deny", {action})
    assert code("testing") == denied
    assert still.requests[-1].sender == "testing" and still.actions()[-1] == action


def test_who_may_not_pass_the_role_sends_no_job(still, monkeypatch):
    monkeypatch.setattr(still, "deny", {"iam:PassRole"})
    with pytest.raises(ClientError, match=r"AccessDeniedException.*iam:PassRole"):
        still.send("true")
    assert still.requests[-1].body["TrainingJobName"] == "job" and not still.jobs


def test_a_bucket_of_another_account_is_not_ours(still):
    assert still.s3.head_bucket(Bucket=still.bucket(), ExpectedBucketOwner=still.account)
    with pytest.raises(ClientError, match="403"):
        still.s3.head_bucket(Bucket=still.bucket(), ExpectedBucketOwner="210987654321")


def test_an_hour_of_training_has_a_price_among_others(still, monkeypatch):
    def prices(**filters):
        wanted = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()]
        found = still.client("pricing").get_products(ServiceCode="AmazonSageMaker", Filters=wanted)
        products = [json.loads(each) for each in found["PriceList"]]
        return {
            each["product"]["attributes"]["platoinstancetype"]: float(dimension["pricePerUnit"]["USD"])
            for each in products
            for term in each["terms"]["OnDemand"].values()
            for dimension in term["priceDimensions"].values()
        }

    found = prices(instanceName="ml.g5.xlarge", regionCode="eu-west-1")
    assert (found["Training"], found["SpotTraining"], len(found)) == (1.41, 1.5792, 4)
    assert not prices(instanceName="g5.xlarge", regionCode="eu-west-1")
    monkeypatch.setattr(still, "price", None)
    assert not prices(instanceName="ml.g5.xlarge", regionCode="eu-west-1")


@pytest.mark.parametrize("operation", ["list_service_quotas", "list_aws_default_service_quotas"])
def test_quotas_come_in_pages(still, monkeypatch, operation):
    def quotas():
        pages = still.client("service-quotas").get_paginator(operation).paginate(ServiceCode="sagemaker")
        return {each["QuotaName"]: each["Value"] for page in pages for each in page["Quotas"]}

    assert quotas()["ml.g5.xlarge for training job usage"] == 4
    assert quotas()["ml.g5.xlarge for spot training job usage"] == 4
    monkeypatch.setattr(still, "quota", None)
    assert not quotas()


def test_what_is_prepared_is_there_and_in_the_next_aws_it_is_gone():
    for _ in range(2):
        with Aws() as aws:
            assert not aws.client("s3").list_buckets()["Buckets"]
            [image] = aws.prepare("recipe-gpu", region="eu-west-1")
            assert image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/harness:recipe-gpu"
            asked = {"repositoryName": "harness", "imageIds": [{"imageTag": "recipe-gpu"}]}
            found = aws.client("ecr", region="eu-west-1").batch_get_image(**asked)["images"]
            assert found[0]["imageId"]["imageDigest"].startswith("sha256:")
            assert aws.client("s3").head_bucket(Bucket=aws.bucket("eu-west-1"))["BucketRegion"] == "eu-west-1"


SDK = """
import json, sys, boto3
from sagemaker.core.helper.session_helper import Session
from harness.launch import trainer
request, bucket = json.load(sys.stdin)
session = Session(boto3.Session(region_name="us-east-1"), default_bucket=bucket, default_bucket_prefix="sdk")
built, channels = trainer.build(request, session)
built.train(input_data_config=channels, wait=False, logs=False)
print(built._latest_training_job.training_job_name)
"""
PROGRAM = """
import os, pathlib, signal, sys, time
base = pathlib.Path(sys.argv[1])
def save(*_):
    (base / "model" / "m").write_text((base / "input/data/dataset/batch").read_text())
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print(os.environ["SM_MODEL_DIR"], os.getcwd(), sep="\\n")
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.long
def test_what_the_sagemaker_sdk_sends_runs_and_is_process_1(aws, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "program.py").write_text(PROGRAM)
    aws.s3.put_object(Bucket=aws.bucket(), Key="dataset/batch", Body=b"images")
    place = f"s3://{aws.bucket()}"
    request = {
        "training_mode": "SAGEMAKER_TRAINING_JOB",
        "training_image": aws.image,
        "source_code": {
            "source_dir": str(tmp_path / "code"),
            "command": "exec python program.py /opt/ml",
        },
        "base_job_name": "job",
        "input_data_config": [{"channel_name": "dataset", "data_source": f"{place}/dataset/"}],
        "compute": {
            "instance_type": "ml.g5.xlarge",
            "instance_count": 1,
            "volume_size_in_gb": 30,
            "enable_managed_spot_training": True,
        },
        "role": aws.role,
        "stopping_condition": {"max_runtime_in_seconds": 3600, "max_wait_time_in_seconds": 7200},
        "output_data_config": {"s3_output_path": f"{place}/output", "compression_type": "GZIP"},
        "checkpoint_config": {"s3_uri": f"{place}/states", "local_path": "/opt/ml/checkpoints"},
        "tags": [{"key": "harness:run", "value": "x"}],
        "metric_definitions": [{"name": "loss", "regex": r"loss=(\S+)"}],
    }
    settings = str(SOURCE / "harness" / "launch" / "sagemaker.yaml")
    child = subprocess.run(
        [sys.executable, "-c", SDK],
        input=json.dumps([request, aws.bucket()]),
        env=aws.environment(
            PATH=os.environ["PATH"],
            HOME=str(tmp_path),
            PYTHONPATH=str(SOURCE),
            SAGEMAKER_USER_CONFIG_OVERRIDE=settings,
            SAGEMAKER_ADMIN_CONFIG_OVERRIDE=settings,
            SAGEMAKER_VALIDATE_ROLE="false",
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    name = child.stdout.split()[-1]
    assert name in aws.jobs and aws.jobs[name].spot
    aws.ready()
    folder = str(aws.jobs[name].folder)
    lines = aws.log(name)
    assert f"{folder}/model" in lines and f"{folder}/input/data/code" in lines
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    told = aws.wait(name, "Stopped")
    with tarfile.open(fileobj=io.BytesIO(aws.objects()[f"output/{name}/output/model.tar.gz"])) as tar:
        assert tar.extractfile("m").read() == b"images"
    assert told["AlgorithmSpecification"]["MetricDefinitions"] == [{"Name": "loss", "Regex": r"loss=(\S+)"}]
    assert aws.jobs[name].tags == [{"Key": "harness:run", "Value": "x"}]


@pytest.mark.docker
@pytest.mark.long
def test_jobs_run_in_containers_that_find_each_other_by_name_and_hear_of_an_interruption(training_image):
    with Account(docker=training_image) as aws:
        found = "getent hosts algo-1 > /dev/null && getent hosts algo-2 > /dev/null"
        both = f"until {found}; do sleep 0.1; done; sleep 3"  # a container that has ended has no name any more
        aws.send(f"{both}; hostname; id -u > /opt/ml/model/$(hostname)", ResourceConfig=compute(2))
        aws.wait("job", "Completed", timeout=60)
        assert (aws.log("job", "algo-1"), aws.log("job", "algo-2")) == (["algo-1"], ["algo-2"])
        assert aws.archive("model") == {"algo-1": "0\n", "algo-2": "0\n"}

        first = UNTIL_STOPPED.format("echo late > /opt/ml/checkpoints/state; exit 1")
        script = f"cat /opt/ml/checkpoints/state 2> /dev/null || {{ {first}; }}"
        aws.send(script, TrainingJobName="spot", spot=True, **aws.checkpoints())
        aws.ready()
        aws.interrupt("spot")
        aws.wait("spot", "Completed", timeout=60)
        assert aws.log("spot") == ["ready", "late"]
    for command in (["ps", "--all"], ["network", "ls"]):
        left = subprocess.run(["docker", *command], capture_output=True, text=True, check=True).stdout
        assert f"harness-aws-{os.getpid()}-" not in left


# What AWS counts, refuses and delays.


def test_a_quota_is_of_instances_in_use_and_a_warm_pool_has_its_own(aws):
    aws.quota = 2
    sleeping = {"ResourceConfig": compute(1)}
    for name in ("one", "two"):
        aws.send(UNTIL_STOPPED.format("exit 0"), TrainingJobName=name, **sleeping)
    words = r"'ml.g5.xlarge for training job usage' is 2 Instances, with current utilization of 2 Instances and a "
    with pytest.raises(ClientError, match=f"ResourceLimitExceeded.*{words}request delta of 1 Instances"):
        aws.send("true", TrainingJobName="three", **sleeping)
    aws.send("true", TrainingJobName="spot", spot=True, **sleeping)  # another quota
    aws.sagemaker.stop_training_job(TrainingJobName="one")
    aws.wait("one", "Stopped")
    aws.send("true", TrainingJobName="three", **sleeping)
    aws.quota = 5
    with pytest.raises(ClientError, match="warm pool usage' is 0 Instances"):
        warm = compute(1) | {"KeepAlivePeriodInSeconds": 60}
        aws.send("true", TrainingJobName="warm", ResourceConfig=warm)


def test_each_nth_request_is_throttled_in_its_protocols_words(still, monkeypatch):
    monkeypatch.setattr(still, "throttled", {"sagemaker": 2, "s3": 2, "sts": 2})
    once = {"attempts": 1}
    asked = {
        "ThrottlingException": still.client("sagemaker", **once).list_training_jobs,
        "Throttling": still.client("sts", **once).get_caller_identity,
        "SlowDown": still.client("s3", **once).list_buckets,
    }
    for code, ask in asked.items():
        ask()
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == code


def test_a_logs_end_is_the_same_token_twice_and_an_empty_page_is_none(aws):
    aws.send("echo one; echo two")
    aws.wait("job", "Completed")
    logs, group = aws.client("logs"), "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    where = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
    pages, token = [], {}
    while True:
        page = logs.get_log_events(**where, **token)
        pages.append([each["message"] for each in page["events"]])
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert pages[0] == [] and pages[1] == ["one", "two"]


def test_lines_come_to_cloudwatch_late(aws):
    aws.empty_pages, aws.log_delay = False, 1.5
    aws.send("echo late")
    aws.wait("job", "Completed")
    logs, group = aws.client("logs"), "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    where = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
    first = logs.get_log_events(**where)
    assert not first["events"]
    time.sleep(1.6)
    after = logs.get_log_events(**where, nextToken=first["nextForwardToken"])
    assert [each["message"] for each in after["events"]] == ["late"]


def test_a_code_of_multi_factor_authentication_is_good_once(still):
    sts = still.client("sts", attempts=1)
    asked = {"RoleArn": still.role, "RoleSessionName": "me", "SerialNumber": "arn:aws:iam::123456789012:mfa/me"}
    assert sts.assume_role(**asked, TokenCode=still.mfa_code)["Credentials"]["AccessKeyId"]
    for code in (still.mfa_code, "000000"):
        with pytest.raises(ClientError, match="invalid MFA one time pass code"):
            sts.assume_role(**asked, TokenCode=code)


def test_credentials_may_expire_at_any_time(still, monkeypatch):
    logs = still.client("logs", attempts=1)
    logs.describe_log_groups()
    monkeypatch.setattr(still, "expired", {"testing"})
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        logs.describe_log_groups()


def test_an_images_manifest_is_dockers_or_ocis(still):
    still.put_image("oci", kind=OCI)
    found = still.client("ecr").batch_get_image(
        repositoryName="harness", imageIds=[{"imageTag": "test"}, {"imageTag": "oci"}]
    )
    kinds = {each["imageId"]["imageTag"]: each["imageManifestMediaType"] for each in found["images"]}
    assert kinds == {"test": MANIFEST, "oci": OCI}


def test_what_is_to_be_ignored_is_no_checkpoint_and_marks_say_what_is_uploaded(aws):
    script = "cd /opt/ml/checkpoints; touch a b.part.sagemaker-ignore; sleep 1.5; ls; echo >b; sleep 1.5"
    aws.send(script, **aws.checkpoints())
    aws.wait("job", "Completed")
    assert sorted(aws.objects("states/")) == ["states/a", "states/b"]
    assert "a.sagemaker-uploaded" in aws.log("job")


def test_a_checkpoint_that_vanishes_while_it_is_uploaded_fails_the_job(aws):
    aws.upload_seconds = 1.0
    marked = "[ -e a.sagemaker-uploading ]"
    aws.send(f"cd /opt/ml/checkpoints; touch a; until {marked}; do sleep 0.1; done; rm a; sleep 5", **aws.checkpoints())
    told = aws.wait("job", "Failed")
    assert told["FailureReason"].startswith("InternalServerError: We encountered a limitation while uploading")


def test_what_is_streamed_is_read_where_it_lies_by_all_hosts_and_what_is_copied_by_each(aws):
    where = f"s3://{aws.bucket()}/streamed/"
    aws.service("s3").put_object(Bucket=aws.bucket(), Key="streamed/a", Body=b"x")
    source = {"S3DataType": "S3Prefix", "S3Uri": where, "S3DataDistributionType": "FullyReplicated"}
    channels = [
        {"ChannelName": "dataset", "DataSource": {"S3DataSource": source}, "InputMode": "FastFile"},
        {"ChannelName": "copied", "DataSource": {"S3DataSource": source}, "InputMode": "File"},
    ]
    aws.send("cat /opt/ml/input/data/dataset/a", inputs=channels, ResourceConfig=compute(2), TrainingJobName="s")
    aws.wait("s", "Completed")
    bases = [host.base / "input" for host in aws.jobs["s"].hosts]
    streamed, copied = ([(base / "data" / name / "a").resolve() for base in bases] for name in ("dataset", "copied"))
    assert streamed[0] == streamed[1] and copied[0] != copied[1] and copied[0].read_bytes() == b"x"
    assert not streamed[0].stat().st_mode & 0o222
    told = json.loads((bases[1] / "config" / "inputdataconfig.json").read_text())
    modes = {name: each["TrainingInputMode"] for name, each in told.items()}
    assert modes == {"dataset": "FastFile", "copied": "File", "sm_drivers": "File"}
