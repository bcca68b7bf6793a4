"""Whole bursts as typed, against AWS on loopback, where the jobs really train."""

import json
import re
import signal
import time

import pytest

from harness.cloud.aws import prices
from harness.launch import engine
from harness.settings.project import ROOT
from tests.conftest import engine_answers
from tests.support.cloud import AWAY, RESNET, RESNET_AWAY, SECRETS, burst, cifar10_project, job_of, tiny_project
from tests.support.projects import TINY, record_of, runs, type_in
from tests.tracking.test_tracker import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
]  # each command is a program of its own; most import TensorFlow or the SDK

RECIPE = engine.recipe(ROOT)
EPOCHS = "epochs=20"
SLOWLY = (*AWAY, EPOCHS, "pause=0.1", "mode.checkpoint_seconds=0.2")  # 12 seconds


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tiny_project(tmp_path_factory.mktemp("small") / "project")


def local(project, *arguments):
    """A training on this machine."""
    done = type_in(project, "mode=local", "mode.runner=process", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(project)[-1])


def wait_for_a_state(aws, run):
    """Until a checkpoint of the run is in S3."""
    deadline = time.monotonic() + 60
    prefix = f"harness/runs/{run.name}/checkpoints/step-"
    while not aws.service("s3").list_objects_v2(Bucket=aws.bucket(), Prefix=prefix)["KeyCount"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def unbroken(project):
    """The record of a run on this machine that nobody disturbed, nor slowed down."""
    return local(project, *TINY, EPOCHS)


# A whole burst, on real CIFAR-10 where it is there.


@pytest.fixture(scope="module")
def whole(aws, cifar10, request, tmp_path_factory):
    """Project, the local run's record (in a process), what the burst printed, and its folder; a few images of CIFAR-10.

    The trial is on; where an engine answers, the job runs in a container of the training image.
    """
    from tests.support import small_data  # it sets the environment of TensorFlow

    few = tmp_path_factory.mktemp("few")
    small_data.write_ten(few, cifar10, 1000, 300)
    project = cifar10_project(tmp_path_factory.mktemp("whole") / "project", few)
    held_out = "validation_images=300"
    expected = local(project, *RESNET, held_out)
    aws.docker = request.getfixturevalue("training_image") if engine_answers() else None
    done = burst(aws, project, "mode.preflight=true", held_out, settings=RESNET_AWAY)
    aws.docker = None
    assert done.returncode == 0, done.stdout + done.stderr
    return project, expected, done.stdout, runs(project)[-1]


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
    assert found.usd == round(found.billable_seconds * aws.spot_price / 3600, 4)  # a rate of its own
    assert "USE1-SpotTraining:ml.m5.large" in before
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
    assert run.name in asked["TrainingJobName"]
    assert {each["Name"] for each in asked["AlgorithmSpecification"]["MetricDefinitions"]} >= {"validation_accuracy"}
    # ten dollars at the price of an hour and its disk, less what is billed after the longest running time
    hour = aws.spot_price + 30 * aws.disk_price / prices.MONTH
    assert asked["StoppingCondition"]["MaxRuntimeInSeconds"] == int(10 / hour * 3600 - prices.ENDING)


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


# What goes wrong, and goes on.


def test_interrupted_cut_off_and_killed_it_ends_with_the_bits_of_an_unbroken_run(aws, project, unbroken, typed):
    launcher = typed(project, *SLOWLY).until("training  epoch")
    run = runs(project)[-1]
    job = job_of(aws, run)
    wait_for_a_state(aws, run)
    aws.interrupt(job.name)
    aws.outage(3)
    launcher.until("AWS does not answer").until("AWS answers again")
    launcher.send(signal.SIGKILL)
    launcher.end()
    attached = typed(project, run.name, verb="attach")
    assert attached.end() == 0, attached.text
    found = record_of(run)
    assert found.weights == unbroken.weights
    assert job.attempts == 2
    assert "resumed after step" in (run / "log.txt").read_text()
    epochs = re.findall(r"^epoch=(\d+)", (run / "log.txt").read_text(), re.MULTILINE)
    assert set(map(int, epochs)) == set(range(1, 21))
    again = type_in(project, run.name, verb="attach", **aws.environment())
    assert (again.returncode, again.stderr.count("\n")) == (2, 1) and "is over" in again.stderr


def test_stop_means_stopped_and_the_run_goes_on_elsewhere_to_the_same_bits(aws, project, unbroken, typed):
    launcher = typed(project, *SLOWLY, terminal=True)
    launcher.until("Training in progress")
    run = runs(project)[-1]
    wait_for_a_state(aws, run)
    launcher.send(signal.SIGINT).until("Stop the job (s)").press("s\n")
    assert launcher.end() == 1, launcher.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"
    found = record_of(run)
    assert found.status == "failed" and "stopped" in found.reason
    assert found.bill.billable_seconds is not None
    assert "billed " in launcher.text and f"resume={run.name}" in launcher.text
    assert f"runs/{run.name}/checkpoints" in launcher.text
    done = type_in(project, f"resume={run.name}", "mode=local", "mode.runner=process", "mode.threads=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record_of(runs(project)[-1]).weights == unbroken.weights


def test_a_worker_that_gets_other_data_fails_and_the_failure_says_which(aws, project, typed):
    aws.no_capacity = True
    try:
        launcher = typed(project, *AWAY, "seed=8").until("sagemaker Starting")
        plan = json.loads((runs(project)[-1] / "plan.json").read_text())
        pin = plan["experiment"]["dataset"]["hash"].removesuffix(".dir")
        (key,) = [key for key in aws.objects() if f"/datasets/{pin}/" in key and key.endswith("train.csv")]
        whole = aws.objects()[key]
        aws.put(f"s3://{aws.bucket()}/{key}", whole[:-1] + b"x")
        aws.no_capacity = False
        assert launcher.end() == 1
    finally:
        aws.no_capacity = False
        aws.put(f"s3://{aws.bucket()}/{key}", whole)
    found = record_of(runs(project)[-1])
    assert found.status == "failed" and "train.csv is altered: md5" in found.reason
    assert "FAILED " in launcher.text and "train.csv is altered" in launcher.text
    assert found.bill.status == "Failed"


def test_an_instance_whose_gpu_is_not_found_trains_nothing_at_its_price(aws, project):
    done = burst(aws, project, "mode.instance_type=ml.g5.xlarge")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ml.g5.xlarge has GPUs, and numpy finds none" in record_of(runs(project)[-1]).reason


def test_two_instances_train_one_model_and_log_to_comet_themselves_with_a_key_that_is_nowhere_else(aws, project):
    key = "planted" + "k" * 33
    aws.service("secretsmanager").create_secret(Name="harness/comet", SecretString=f"{key}\n")
    server = Server("answers")
    aws.beside = {"COMET_URL_OVERRIDE": server.url}
    try:
        secret = "mode.comet_secret=harness/comet"
        done = burst(aws, project, "mode.instance_count=2", secret)
    finally:
        aws.beside = {}
        server.close()
    assert done.returncode == 0, done.stdout + done.stderr
    run = runs(project)[-1]
    assert "\ncomet     delivered http://comet.test/x/" in done.stdout
    assert list((run / "comet").glob("*.zip"))
    sent = b"".join(body for _, body in server.seen)
    assert b"validation_error" in sent and run.name.encode() in sent
    job = job_of(aws, run)
    texts = [json.dumps(job.request, default=str), "\n".join(aws.log(job.name)), done.stdout]
    texts += [content.decode("latin-1") for key, content in aws.objects().items() if run.name in key]
    texts += [path.read_text("latin-1") for path in run.rglob("*") if path.is_file()]
    assert not [text for text in texts if key in text]

    found = record_of(run)
    assert len(found.worker_weights) == 2 and len(set(found.worker_weights)) == 1
    assert found.bill.instances == 2
    assert found.placement.cloud.usd_per_hour == 2 * aws.spot_price
