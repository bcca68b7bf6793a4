"""Bursts as typed, against AWS on loopback, where the jobs really run."""

import json
import re
import signal
import time

import pytest
from aws import Aws, Fault
from clouds import AWAY, TINY, Typed, project
from test_tracking import Server
from test_train import git, record_of, runs, type_in

from harness.config import ROOT
from harness.launch import engine

RECIPE = engine.recipe(ROOT)
# Environment of a person with an account; Comet without a key.
SECRETS = {"MY_TOKEN": "planted-token-of-mine", "AWS_SECRET_ACCESS_KEY": "planted+aws+secret+value"}


@pytest.fixture(scope="module")
def aws():
    with Aws(grace=20) as made:
        made.prepare(f"{RECIPE}-cpu", f"{RECIPE}-gpu")
        yield made


@pytest.fixture(scope="module")
def small_project(tmp_path_factory):
    """It trains for some seconds."""
    return project(tmp_path_factory.mktemp("small") / "project", images=4080)


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """Its worker does nothing."""
    return project(tmp_path_factory.mktemp("idle") / "project", idle=True)


@pytest.fixture
def typed(aws):
    """Commands of a test, ended with it."""
    begun = []

    def begin(made, *arguments, **options):
        begun.append(Typed(made, *arguments, **{**aws.environment(), **SECRETS, **options}))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def burst(aws, made, *arguments, **options):
    return type_in(made, *AWAY, *arguments, **{**aws.environment(), **SECRETS, **options})


def job_of(aws, run):
    return aws.jobs[json.loads((run / "cloud.json").read_text())["name"]]


def local(made, *arguments):
    """The same training on this machine."""
    done = type_in(made, "mode=local", "mode.runner=process", *TINY, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(made)[-1])


def wait_for_a_state(aws, run):
    """Until a checkpoint of the run is in S3."""
    deadline = time.monotonic() + 60
    prefix = f"cifar10-harness/runs/{run.name}/checkpoints/step-"
    while not aws.service("s3").list_objects_v2(Bucket=aws.bucket(), Prefix=prefix)["KeyCount"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# A whole burst, on real CIFAR-10 where it is there.


@pytest.fixture(scope="module")
def whole(aws, cifar10, tmp_path_factory):
    """Project, the local run's record, what the burst printed, and its folder; the trial is on."""
    made = project(tmp_path_factory.mktemp("whole") / "project", data=cifar10, images=2000)
    settings = ("epochs=1", "batch_size=100", "validation_images=1000")
    expected = local(made, *settings)
    done = burst(aws, made, "mode.preflight=true", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return made, expected, done.stdout, runs(made)[-1]


def test_a_burst_is_the_local_run_elsewhere(whole):
    _, expected, _, run = whole
    found = record_of(run)
    assert (found.status, found.placement.runner) == ("completed", "sagemaker")
    assert (found.experiment_id, found.weights) == (expected.experiment_id, expected.weights)
    assert found.results == expected.results
    names = {path.name for path in run.iterdir()}
    assert names >= {"plan.json", "record.json", "code", "metrics.csv", "predictions.csv", "model.keras", "checkpoints"}
    assert names >= {"comet", "log.txt", "learning_curve.png", "worst_images.png", "cloud.json"}
    assert not names & {"job", ".reserve"}
    assert list((run / "comet").glob("*.zip"))


def test_what_was_checked_is_said_before_and_what_was_billed_after(whole, aws):
    _, _, printed, run = whole
    before, after = printed.split("\ntrial ", 1)
    for word in (
        "code ",
        "account ",
        "image ",
        "instance ",
        "cost ",
        "ml.m5.large",
        "@sha256:",
        "quota",
        "USD an hour",
    ):
        assert word in before
    assert "passed" in after and "estimate  unknown" in after and "\nbilled " in after
    found, job = record_of(run).bill, job_of(aws, run).describe()
    assert (found.billable_seconds, found.training_seconds) == (
        job["BillableTimeInSeconds"],
        job["TrainingTimeInSeconds"],
    )
    assert found.usd == round(found.billable_seconds * aws.price / 3600, 4)
    assert found.saving == round(1 - found.billable_seconds / found.training_seconds, 4)


def test_the_job_is_spot_with_checkpoints_tags_metrics_and_the_image_by_digest(whole, aws):
    _, _, _, run = whole
    plan, job = json.loads((run / "plan.json").read_text()), job_of(aws, run)
    asked = job.describe()
    assert asked["EnableManagedSpotTraining"] is True
    assert asked["CheckpointConfig"]["S3Uri"].endswith(f"runs/{run.name}/checkpoints")
    image = asked["AlgorithmSpecification"]["TrainingImage"]
    assert image.endswith(f"@{plan['placement']['image_id']}")
    assert plan["placement"]["image"].endswith(f"{RECIPE}-cpu")
    assert {tag["Key"]: tag["Value"] for tag in job.tags}["harness:run"] == run.name
    assert run.name.replace("Z", "Z") in asked["TrainingJobName"]
    assert {each["Name"] for each in asked["AlgorithmSpecification"]["MetricDefinitions"]} >= {"validation_accuracy"}
    # ten dollars at the price of an hour
    assert asked["StoppingCondition"]["MaxRuntimeInSeconds"] == int(10 / aws.price * 3600)


def test_a_second_burst_uploads_no_data_and_no_code(whole, aws):
    made, _, _, run = whole
    already = len(aws.requests)
    done = burst(aws, made, "epochs=1", "batch_size=100", "validation_images=1000", "seed=3")
    assert done.returncode == 0, done.stdout + done.stderr
    sent = [each for each in aws.requests[already:] if each.service == "s3" and each.method == "PUT"]
    sent = [each for each in sent if each.sender == "testing"]
    assert not [each for each in sent if "/datasets/" in each.key or "/code/" in each.key]
    assert sum(each.size for each in sent) < 1_000_000
    assert record_of(runs(made)[-1]).weights != record_of(run).weights
    assert "estimate  about" in done.stdout  # the first one says how long


def test_no_secret_is_in_a_job_in_s3_in_a_log_or_in_the_run_folder(whole, aws):
    _, _, printed, run = whole
    secrets = [value.encode() for value in (*SECRETS.values(), "planted")]
    job = job_of(aws, run)
    texts = {"job": json.dumps(job.request, default=str).encode(), "printed": printed.encode()}
    texts |= {"tags": json.dumps(job.tags).encode(), "log": "\n".join(aws.log(job.name)).encode()}
    texts |= {key: content for key, content in aws.objects().items() if "/datasets/" not in key}
    texts |= {str(path): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert any(key.endswith("plan.json") for key in texts)
    assert not [name for name, content in texts.items() for secret in secrets if secret in content]


def test_with_a_secret_the_job_logs_to_comet_itself_and_the_key_is_nowhere_else(aws, small_project):
    key = "planted" + "k" * 33
    aws.service("secretsmanager").create_secret(Name="cifar10-harness/comet", SecretString=f"{key}\n")
    server = Server("answers")
    aws.beside = {"COMET_URL_OVERRIDE": server.url}
    try:
        done = burst(aws, small_project, "epochs=1", "seed=11", "mode.comet_secret=cifar10-harness/comet")
    finally:
        aws.beside = {}
        server.close()
    assert done.returncode == 0, done.stdout + done.stderr
    run = runs(small_project)[-1]
    assert "\ncomet     delivered http://comet.test/x/" in done.stdout
    assert list((run / "comet").glob("*.zip"))
    sent = b"".join(body for _, body in server.seen)
    assert b"validation_accuracy" in sent and run.name.encode() in sent
    job = job_of(aws, run)
    texts = [json.dumps(job.request, default=str), "\n".join(aws.log(job.name)), done.stdout]
    texts += [content.decode("latin-1") for key, content in aws.objects().items() if run.name in key]
    texts += [path.read_text("latin-1") for path in run.rglob("*") if path.is_file()]
    assert not [text for text in texts if key in text]


# What goes wrong, and goes on.


def test_interrupted_cut_off_and_killed_it_ends_with_the_bits_of_an_unbroken_run(aws, small_project, typed):
    expected = local(small_project)
    launcher = typed(small_project, *AWAY, "mode.checkpoint_seconds=0.2").until("training  epoch")
    run = runs(small_project)[-1]
    job = job_of(aws, run)
    wait_for_a_state(aws, run)
    aws.interrupt(job.name)
    aws.outage(3)
    launcher.until("AWS does not answer").until("AWS answers again")
    launcher.send(signal.SIGKILL)
    launcher.end()
    attached = typed(small_project, run.name, verb="attach")
    assert attached.end() == 0, attached.text
    found = record_of(run)
    assert found.weights == expected.weights
    assert job.attempts == 2
    assert "resumed after step" in (run / "log.txt").read_text()
    epochs = re.findall(r"^epoch=(\d+)", (run / "log.txt").read_text(), re.MULTILINE)
    assert sorted(set(epochs)) == ["1", "2"]
    again = type_in(small_project, run.name, verb="attach", **aws.environment())
    assert (again.returncode, again.stderr.count("\n")) == (2, 1) and "is over" in again.stderr


def test_stop_means_stopped_and_the_run_goes_on_elsewhere_to_the_same_bits(aws, small_project, typed):
    expected = local(small_project, "seed=5")
    launcher = typed(small_project, *AWAY, "mode.checkpoint_seconds=0.2", "seed=5", terminal=True)
    launcher.until("epoch 1 of 2")
    run = runs(small_project)[-1]
    wait_for_a_state(aws, run)
    launcher.send(signal.SIGINT).until("Stop the job (s)").press("s\n")
    assert launcher.end() == 1, launcher.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"
    found = record_of(run)
    assert found.status == "failed" and "stopped" in found.reason
    assert found.bill.billable_seconds is not None
    assert "billed " in launcher.text and f"resume={run.name}" in launcher.text
    assert f"runs/{run.name}/checkpoints" in launcher.text
    done = type_in(small_project, f"resume={run.name}", "mode=local", "mode.runner=process", "mode.threads=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record_of(runs(small_project)[-1]).weights == expected.weights


def test_two_instances_train_one_model(aws, small_project):
    done = burst(aws, small_project, "mode.instance_count=2", "mode.threads=1", "epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = record_of(runs(small_project)[-1])
    assert len(found.worker_weights) == 2 and len(set(found.worker_weights)) == 1
    assert found.bill.instances == 2
    assert found.placement.cloud.usd_per_hour == 2 * aws.price


def test_data_that_changed_in_s3_is_sent_again(aws, idle):
    assert burst(aws, idle, "epochs=1", "seed=7").returncode == 0
    pin = json.loads((runs(idle)[-1] / "plan.json").read_text())["experiment"]["dataset"]["hash"].removesuffix(".dir")
    (key,) = [key for key in aws.objects() if f"/datasets/{pin}/" in key and key.endswith("test_batch")]
    whole = aws.objects()[key]
    aws.put(f"s3://{aws.bucket()}/{key}", whole[:-1] + b"x")
    done = burst(aws, idle, "epochs=1", "seed=7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "upload " in done.stdout
    assert aws.objects()[key] == whole


def test_a_worker_that_gets_other_data_fails_and_the_failure_says_which(aws, small_project, typed):
    aws.no_capacity = True
    try:
        launcher = typed(small_project, *AWAY, "seed=8").until("sagemaker Starting")
        key = max(key for key in aws.objects() if "/datasets/" in key and key.endswith("data_batch_1"))
        whole = aws.objects()[key]
        aws.put(f"s3://{aws.bucket()}/{key}", whole[:-1] + b"x")
        aws.no_capacity = False
        assert launcher.end() == 1
    finally:
        aws.no_capacity = False
        aws.put(f"s3://{aws.bucket()}/{key}", whole)
    found = record_of(runs(small_project)[-1])
    assert found.status == "failed" and "data_batch_1 is altered: md5" in found.reason
    assert "FAILED " in launcher.text and "data_batch_1 is altered" in launcher.text
    assert found.bill.status == "Failed"


# Who follows a job, and who does not.


def test_ctrl_c_asks_detach_leaves_go_on_goes_on_and_a_second_one_stops(aws, idle, typed):
    launcher = typed(idle, *AWAY, "epochs=60", terminal=True).until("epoch=2 ")
    run = runs(idle)[-1]
    launcher.send(signal.SIGINT).until("Stop the job (s)").press("x\n").press("d\n")
    assert launcher.end() == 3, launcher.text
    assert f"python src/attach.py {run.name}" in launcher.text
    assert not job_of(aws, run).over and not (run / "record.json").exists()

    attached = typed(idle, run.name, verb="attach", terminal=True).until("epoch=5 ")
    other = type_in(idle, run.name, verb="attach", **aws.environment())
    assert (other.returncode, other.stderr.count("\n")) == (2, 1) and "another program follows it" in other.stderr
    attached.send(signal.SIGINT).until("Stop the job (s)").press("g\n").until("epoch=8 ")
    attached.send(signal.SIGINT).send(signal.SIGINT)
    assert attached.end() == 1, attached.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"
    assert "stopped" in record_of(run).reason


def test_without_a_terminal_sigterm_stops_and_a_hangup_leaves(aws, idle, typed):
    launcher = typed(idle, *AWAY, "epochs=50").until("epoch=2 ").send(signal.SIGHUP)
    assert launcher.end() == 3, launcher.text
    run = runs(idle)[-1]
    assert not job_of(aws, run).over
    attached = typed(idle, str(run), verb="attach").until("epoch=3 ").send(signal.SIGTERM)
    assert attached.end() == 1, attached.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"


def test_a_launcher_killed_before_it_knew_the_jobs_name_loses_nothing(aws, idle, typed):
    done = burst(aws, idle, "epochs=1", "seed=2")
    assert done.returncode == 0, done.stdout + done.stderr
    run = runs(idle)[-1]
    job = json.loads((run / "cloud.json").read_text())
    (run / "cloud.json").write_text(json.dumps(job | {"name": None}))
    (run / "record.json").unlink()
    assert type_in(idle, run.name, verb="attach", **aws.environment()).returncode == 0
    assert record_of(run).status == "completed"

    (run / "cloud.json").write_text(json.dumps(job | {"name": None, "begins": "harness-never-sent"}))
    (run / "record.json").unlink()
    never = type_in(idle, run.name, verb="attach", **aws.environment())
    assert never.returncode == 2 and "was never sent" in never.stderr


@pytest.mark.parametrize(
    ("speed", "capacity", "reason"), [(400.0, True, "MaxRuntimeExceeded"), (2000.0, False, "MaxWaitTimeExceeded")]
)
def test_what_takes_too_long_is_a_failure_with_its_reason_and_a_way_on(aws, idle, speed, capacity, reason):
    aws.speed, aws.no_capacity = speed, not capacity
    try:
        done = burst(aws, idle, "epochs=60", "mode.usd_per_hour=1", "mode.max_usd=0.17")
    finally:
        aws.speed, aws.no_capacity = 1.0, False
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in record_of(runs(idle)[-1]).reason
    assert f"resume={runs(idle)[-1].name}" in done.stdout or not capacity


# A sweep.


def test_jobs_of_a_sweep_run_side_by_side_under_one_cap_and_share_what_they_need(aws, tmp_path):
    made = project(tmp_path / "project", idle=True, images=300)
    already = len(aws.requests)
    swept = ("resnet_size=8,14,20", "mode.max_usd=3", "epochs=30")
    done = type_in(made, "-m", *(each for each in AWAY if each[:6] != "resnet"), *swept, **aws.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    folders = [path for path in runs(made) if path.is_dir()]
    found = [record_of(run) for run in folders]
    assert sorted(each.experiment.config["resnet_size"] for each in found) == [8, 14, 20]
    assert {each.status for each in found} == {"completed"}
    jobs = [job_of(aws, run).describe() for run in folders]
    assert {each["StoppingCondition"]["MaxRuntimeInSeconds"] for each in jobs} == {int(1 / aws.price * 3600)}
    assert max(each["TrainingStartTime"] for each in jobs) < min(each["TrainingEndTime"] for each in jobs)
    sent = [each.key for each in aws.requests[already:] if each.method == "PUT" and "/datasets/" in each.key]
    assert len(sent) == len(set(sent)) > 0
    assert done.stdout.count("completed resnet_size=") == 3
    assert "3 jobs; at most 3.00 USD together" in done.stdout


# S3 at its worst.

KINDS = ("500", "503", "drop", "truncate", "wrong")


def test_uploads_that_fail_and_arrive_torn_are_made_again_until_they_are_right(aws, tmp_path):
    made = project(tmp_path / "project", idle=True, images=200)
    names = ("data_batch_1", "test_batch", "batches.meta", "data_batch_1", "test_batch")
    aws.faults += [Fault("PUT", name, kind) for name, kind in zip(names, KINDS, strict=True)]
    done = burst(aws, made, "epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [fault for fault in aws.faults if fault.times]
    there = set(aws.objects().values())
    assert {path.read_bytes() for path in (made / "data").rglob("*") if path.is_file()} <= there


def test_an_upload_that_never_works_is_one_line_and_no_job(aws, tmp_path):
    made = project(tmp_path / "project", idle=True, images=210)
    fault = Fault("PUT", "/datasets/", "503", times=10_000)
    aws.faults.append(fault)
    before = len(aws.jobs)
    done = burst(aws, made, "epochs=1")
    aws.faults.remove(fault)
    assert (done.returncode, done.stderr.count("\n"), len(aws.jobs)) == (2, 1, before), done.stderr
    assert "uploading to s3://" in done.stderr and not runs(made)
    done = burst(aws, made, "epochs=1")  # and it goes on where it was
    assert done.returncode == 0, done.stdout + done.stderr


def test_downloads_that_fail_and_arrive_torn_are_made_again_until_they_are_right(aws, idle):
    aws.faults += [
        Fault("GET", rf"output/{name}\.tar\.gz", kind)
        for name, kind in (("model", "500"), ("model", "truncate"), ("output", "wrong"), ("output", "drop"))
    ]
    done = burst(aws, idle, "epochs=1", "seed=4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [fault for fault in aws.faults if fault.times]
    assert (runs(idle)[-1] / "model.keras").read_bytes() == b"model"


def test_a_download_that_never_works_is_one_line_and_attaching_goes_on(aws, idle):
    fault = Fault("GET", r"output/model\.tar\.gz", "wrong", times=10_000)
    aws.faults.append(fault)
    done = burst(aws, idle, "epochs=1", "seed=6")
    aws.faults.remove(fault)
    run = runs(idle)[-1]
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, done.stderr
    assert "model.tar.gz: other bytes arrive than are stored" in done.stderr and f"attach.py {run.name}" in done.stderr
    assert not (run / "record.json").exists()
    assert type_in(idle, run.name, verb="attach", **aws.environment()).returncode == 0
    assert record_of(run).status == "completed"


# Mistakes: one line, and nothing is sent.

NOBODY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
MISTAKES = {
    "no credentials": (NOBODY, "", "needs AWS credentials"),
    "expired": ({"AWS_ACCESS_KEY_ID": "EXPIRED"}, "", "have expired"),
    "unknown": ({"AWS_ACCESS_KEY_ID": "UNKNOWN"}, "", "does not know these credentials"),
    "no region": ({"AWS_DEFAULT_REGION": ""}, "", "needs an AWS region"),
    "no such region": ({}, "mode.region=us-middle-1", "has no SageMaker"),
    "no bucket": ({}, "mode.bucket=nobody-has-this-bucket", "does not exist"),
    "no role": ({}, "mode.role=absent", "no such role"),
    "role not for SageMaker": ({}, "mode.role=for-lambda", "SageMaker may not assume it"),
    "no such type": ({}, "mode.instance_type=ml.m5.larg", "legal: ml.m5.large"),
    "no such image": (
        {},
        "mode.image=123456789012.dkr.ecr.us-east-1.amazonaws.com/cifar10-harness:no",
        "does not exist",
    ),
    "image elsewhere": ({}, "mode.image=tensorflow/tensorflow:latest", "no image in ECR"),
    "cap too low": ({}, "mode.max_usd=0.01", "buys 0.4 minutes"),
    "warm spot": ({}, "mode.warm_pool_seconds=60", "keeps no spot instance warm"),
    "no secret": ({}, "mode.comet_secret=absent", "no such secret"),
    "nobody to ask": ({}, "yes=false", "no terminal to answer at"),
    "quota": ({}, "mode.instance_count=8", "quota"),
}


def refused(aws, made, *arguments, **environment):
    """Its one line on stderr; nothing was sent, no run folder made."""
    before, already = runs(made), len(aws.requests)
    done = burst(aws, made, *arguments, **environment)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stdout + done.stderr
    asked = aws.requests[already:]
    assert not [each for each in asked if each.method == "PUT" or each.action.startswith("Create")]
    assert runs(made) == before
    return done.stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_sent(aws, idle, name):
    environment, argument, told = MISTAKES[name]
    iam = aws.service("iam")
    if name == "role not for SageMaker" and "for-lambda" not in str(iam.list_roles()):
        iam.create_role(RoleName="for-lambda", AssumeRolePolicyDocument='{"Principal": "lambda.amazonaws.com"}')
    assert told in refused(aws, idle, *filter(None, [argument]), **environment)


@pytest.mark.parametrize(("right", "told"), [("s3:ListBucket", "denied"), ("iam:GetRole", "denies GetRole")])
def test_a_right_that_is_missing_is_named(aws, idle, right, told):
    aws.deny.add(right)
    try:
        assert told in refused(aws, idle)
    finally:
        aws.deny.clear()


def test_work_that_is_not_on_the_remote_is_refused_or_travels_as_a_patch(aws, idle):
    (idle / "note.txt").write_text("mine\n")
    assert "uncommitted work" in refused(aws, idle)
    done = burst(aws, idle, "allow_dirty=true", "epochs=1", "seed=9")
    run = runs(idle)[-1]
    (idle / "note.txt").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    (patch,) = [content for key, content in aws.objects().items() if key.endswith(f"{run.name}/plan/changes.patch")]
    assert b"+mine" in patch and patch == (run / "changes.patch").read_bytes()
    assert record_of(run).provenance.git.dirty

    git(idle, "commit", "--allow-empty", "-m", "unpushed")
    assert "git push" in refused(aws, idle)
    git(idle, "reset", "--hard", "HEAD~1")


def test_the_sample_is_not_trained_on_in_the_cloud(aws, tmp_path):
    made = project(tmp_path / "project", idle=True)
    for path in sorted((made / "data").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (made / "data").rmdir()
    git(made, "checkout", "--quiet", "HEAD~1", "--", "data.dvc")
    line = refused(aws, made, "allow_dirty=true", "data.url=http://127.0.0.1:9/none")
    assert "cannot be had" in line


def test_a_dry_run_prints_plan_and_request_and_touches_nothing(aws, idle):
    before, already = sorted(idle.rglob("*")), len(aws.requests)
    done = type_in(idle, "mode=cloud", "resnet_size=50", "dry_run=true", **aws.environment(**NOBODY))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    assert shown["plan"]["experiment"]["config"]["resnet_size"] == 50
    assert shown["request"]["compute"]["instance_type"] == "ml.g5.xlarge"
    assert "\ncost " in done.stdout and "not ready mode=cloud needs AWS credentials" in done.stdout
    assert len(aws.requests) == already

    with_account = type_in(idle, *AWAY, "dry_run=true", **aws.environment())
    shown = json.loads(with_account.stdout[with_account.stdout.index("{") :])
    assert "@sha256:" in shown["request"]["training_image"] and "not ready" not in with_account.stdout
    assert {each.method for each in aws.requests[already:]} <= {"GET", "HEAD", "POST"}
    assert not [each for each in aws.requests[already:] if each.action.startswith("Create")]
    assert [path for path in sorted(idle.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]
