"""What happens around a job: who follows it, what goes wrong with S3, what is refused."""

import json
import re
import shutil
import signal
import time

import pytest

from harness.cloud.aws import prices
from harness.contract import atomic
from tests.fakes.sagemaker.server import Fault
from tests.support import tiny
from tests.support.cloud import AWAY, SLOWLY, burst, job_of, tiny_project
from tests.support.projects import TINY, git, record_of, runs, type_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]  # each command is a program of its own; most import TensorFlow or the SDK


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tiny_project(tmp_path_factory.mktemp("project") / "project")


# What a burst sends.


def test_a_second_burst_uploads_no_data_and_no_code_and_takes_uncommitted_work_along(aws, project):
    assert burst(aws, project, "epochs=1").returncode == 0
    already = len(aws.requests)
    (project / "src" / "note.txt").write_text("mine\n")
    done = burst(aws, project, "epochs=1", "seed=3", "allow_dirty=true")
    (project / "src" / "note.txt").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    sent = [each for each in aws.requests[already:] if each.service == "s3" and each.method == "PUT"]
    sent = [each for each in sent if each.sender == "testing"]
    assert not [each for each in sent if "/datasets/" in each.key or "/code/" in each.key]
    assert sum(each.size for each in sent) < 1_000_000
    again = runs(project)[-1]
    assert "estimate  about" in done.stdout  # the first one says how long
    (patch,) = aws.objects(f"harness/runs/{again.name}/plan/changes.patch").values()
    assert b"+mine" in patch and patch == (again / "changes.patch").read_bytes()
    assert record_of(again).provenance.git.dirty


# Who follows a job, and who does not.


def test_ctrl_c_asks_detach_leaves_go_on_goes_on_and_a_second_one_stops(aws, project, typed):
    launcher = typed(project, *SLOWLY, "epochs=120", terminal=True).until("epoch=2 ")
    run = runs(project)[-1]
    launcher.send(signal.SIGINT).until("Stop the job (s)").press("x\n").press("d\n")
    assert launcher.end() == 3, launcher.text
    assert f"python src/attach.py {run.name}" in launcher.text
    assert not job_of(aws, run).over and not (run / "record.json").exists()

    attached = typed(project, run.name, verb="attach", terminal=True).until("epoch=5 ")
    other = type_in(project, run.name, verb="attach", **aws.environment())
    assert (other.returncode, other.stderr.count("\n")) == (2, 1) and "another program follows it" in other.stderr
    attached.send(signal.SIGINT).until("Stop the job (s)").press("g\n").until("watching it again")
    seen = max(map(int, re.findall(r"epoch=(\d+)", attached.text)))
    attached.until(f"epoch={seen + 2} ")  # it goes on
    attached.text = ""
    attached.send(signal.SIGINT).until("Stop the job (s)").send(signal.SIGINT)
    assert attached.end() == 1, attached.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"
    assert "stopped" in record_of(run).reason


def test_without_a_terminal_sigterm_stops_and_a_hangup_leaves(aws, project, typed):
    launcher = typed(project, *SLOWLY, "epochs=50").until("epoch=2 ").send(signal.SIGHUP)
    assert launcher.end() == 3, launcher.text
    run = runs(project)[-1]
    assert not job_of(aws, run).over
    attached = typed(project, str(run), verb="attach").until("epoch=3 ").send(signal.SIGTERM)
    assert attached.end() == 1, attached.text
    assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("speed", "capacity", "reason"), [(100.0, True, "MaxRuntimeExceeded"), (2000.0, False, "MaxWaitTimeExceeded")]
)
def test_what_takes_too_long_is_a_failure_with_its_reason_and_a_way_on(aws, project, speed, capacity, reason):
    aws.speed, aws.no_capacity = speed, not capacity
    try:
        done = burst(aws, project, "epochs=60", "mode.usd_per_hour=1", "mode.max_usd=0.24", settings=SLOWLY)
    finally:
        aws.speed, aws.no_capacity = 1.0, False
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in record_of(runs(project)[-1]).reason
    assert f"resume={runs(project)[-1].name}" in done.stdout or not capacity


# A sweep.


def test_jobs_of_a_sweep_run_side_by_side_under_one_cap_and_share_what_they_need(aws, tmp_path, typed):
    project = tiny_project(tmp_path / "project", points=300)
    already, jobs_before = len(aws.requests), len(aws.jobs)
    swept = ("rate=0.1,0.2,0.3", "mode.max_usd=3", "epochs=2")
    aws.no_capacity = True
    try:
        launcher = typed(project, "-m", *AWAY, *swept)
        deadline = time.monotonic() + 120
        while len(aws.jobs) < jobs_before + 3:  # none has begun, so none waits for another's end
            assert time.monotonic() < deadline and launcher.process.poll() is None, launcher.text
            time.sleep(0.05)
    finally:
        aws.no_capacity = False
    assert launcher.end() == 0, launcher.text
    folders = runs(project)
    found = [record_of(run) for run in folders]
    assert sorted(each.experiment.config["rate"] for each in found) == [0.1, 0.2, 0.3]
    assert {each.status for each in found} == {"completed"}
    jobs = [job_of(aws, run).describe() for run in folders]
    hour = aws.spot_price + 30 * aws.disk_price / prices.MONTH
    longest = int(1 / hour * 3600 - prices.ENDING)
    assert {each["StoppingCondition"]["MaxRuntimeInSeconds"] for each in jobs} == {longest}
    sent = [each.key for each in aws.requests[already:] if each.method == "PUT" and "/datasets/" in each.key]
    assert len(sent) == len(set(sent)) > 0
    assert launcher.text.count("completed rate=") == 3
    assert "3 jobs; at most 3.00 USD together" in launcher.text


def test_a_sweep_that_is_left_leaves_every_job_and_one_of_them_is_followed_and_stopped(aws, project, typed):
    before = runs(project)
    swept = ("-m", *SLOWLY, "epochs=300", "rate=0.4,0.5", "mode.max_usd=2", "detach=true")
    launcher = typed(project, *swept)
    assert launcher.end() == 0, launcher.text
    left = [run for run in runs(project) if run not in before]
    assert len(left) == 2 and not [run for run in left if (run / "record.json").exists()]
    assert not [run for run in left if job_of(aws, run).over]
    for run in left:
        attached = typed(project, run.name, verb="attach").until("epoch=").send(signal.SIGTERM)
        assert attached.end() == 1, attached.text
        assert job_of(aws, run).describe()["TrainingJobStatus"] == "Stopped"


def test_a_sweep_beyond_the_quota_that_is_killed_in_the_middle_is_finished_by_the_same_command(aws, tmp_path, typed):
    project = tiny_project(tmp_path / "project", points=250)
    before = set(aws.jobs)
    command = ("-m", *AWAY, "rate=0.1,0.2,0.3,0.4,0.5,0.6", "mode.max_usd=6", "epochs=2")
    aws.quota = 2
    try:
        killed = typed(project, *command).until("sent      rate=0.3")
        killed.send(signal.SIGKILL).end()
        launcher = typed(project, *command)
        assert launcher.end(360) == 0, launcher.text
    finally:
        aws.quota = 4.0
    assert killed.text.count("6 jobs, 2 at a time, as the quota allows; at most") == 1
    found = [record_of(run) for run in runs(project)]
    assert sorted(each.experiment.config["rate"] for each in found) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert {each.status for each in found} == {"completed"}
    told = [aws.jobs[name].describe() for name in set(aws.jobs) - before]
    spans = [(each["CreationTime"], each["TrainingEndTime"]) for each in told]
    assert len(spans) == 6 and max(sum(begin <= at < end for begin, end in spans) for at, _ in spans) <= 2


@pytest.mark.parametrize("sweep", [(), ("-m", "rate=0.1,0.2")], ids=["one", "sweep"])
def test_a_job_that_sagemaker_refuses_is_a_failed_run_that_says_why(aws, project, sweep):
    before = runs(project)
    aws.deny.add("sagemaker:CreateTrainingJob")
    try:
        done = type_in(project, *sweep, *AWAY, "epochs=1", **aws.environment())
    finally:
        aws.deny.clear()
    assert done.returncode == 1, done.stdout + done.stderr
    (run,) = set(runs(project)) - set(before)
    assert record_of(run).status == "failed" and "AWS denies CreateTrainingJob" in record_of(run).reason
    assert "is not authorized to perform: sagemaker:CreateTrainingJob" in done.stdout + done.stderr


# S3 at its worst.

KINDS = ("500", "503", "drop", "truncate", "wrong")


def test_uploads_that_fail_and_arrive_torn_are_made_again_until_they_are_right(aws, tmp_path):
    project = tiny_project(tmp_path / "project", points=200)
    forever, before = Fault("PUT", "/datasets/", "503", times=10_000), len(aws.jobs)
    aws.faults.append(forever)
    done = burst(aws, project, "epochs=1")
    aws.faults.remove(forever)
    assert (done.returncode, done.stderr.count("\n"), len(aws.jobs)) == (2, 1, before), done.stderr
    assert "uploading to s3://" in done.stderr and not runs(project)

    names = ("train.csv", "test.csv", "train.csv", "test.csv", "train.csv")
    aws.faults += [Fault("PUT", name, kind) for name, kind in zip(names, KINDS, strict=True)]
    done = burst(aws, project, "epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [fault for fault in aws.faults if fault.times]
    there = aws.objects("harness/datasets/")
    assert {path.read_bytes() for path in (project / "points").rglob("*") if path.is_file()} <= set(there.values())

    # what is altered in S3 is seen before the next job, and sent again
    pin = json.loads((runs(project)[-1] / "plan.json").read_text())["experiment"]["dataset"]["hash"].removesuffix(
        ".dir"
    )
    key = f"harness/datasets/{pin}/test.csv"
    aws.put(f"s3://{aws.bucket()}/{key}", there[key][:-1] + b"x")
    assert burst(aws, project, "epochs=1", "seed=7").returncode == 0
    assert aws.objects(key)[key] == there[key]


def test_downloads_that_fail_and_arrive_torn_are_made_again_or_by_attaching(aws, project):
    fault = Fault("GET", r"output/model\.tar\.gz", "wrong", times=10_000)
    aws.faults.append(fault)
    done = burst(aws, project, "epochs=1", "seed=6")
    aws.faults.remove(fault)
    run = runs(project)[-1]
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, done.stderr
    assert "model.tar.gz: other bytes arrive than are stored" in done.stderr and f"attach.py {run.name}" in done.stderr
    assert not (run / "record.json").exists()

    aws.faults += [
        Fault("GET", rf"output/{name}\.tar\.gz", kind)
        for name, kind in (("model", "500"), ("model", "truncate"), ("output", "wrong"), ("output", "drop"))
    ]
    # as where the launcher was killed before it knew the job's name
    job = json.loads((run / "cloud.json").read_text())
    (run / "cloud.json").write_text(json.dumps(job | {"name": None}))
    attached = type_in(project, run.name, verb="attach", **aws.environment())
    assert attached.returncode == 0, attached.stdout + attached.stderr
    assert not [fault for fault in aws.faults if fault.times]
    assert record_of(run).status == "completed"
    assert atomic.sha256(run / "model.npy") == record_of(run).artifacts["model.npy"]

    (run / "cloud.json").write_text(json.dumps(job | {"name": None, "begins": "harness-never-sent"}))
    (run / "record.json").unlink()
    never = type_in(project, run.name, verb="attach", **aws.environment())
    assert never.returncode == 2 and "was never sent" in never.stderr


# Mistakes: one line, and nothing is sent.

NOBODY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
MISTAKES = {
    "no credentials": (NOBODY, "", "AWS needs credentials"),
    "expired": ({"AWS_ACCESS_KEY_ID": "EXPIRED"}, "", "have expired"),
    "unknown": ({"AWS_ACCESS_KEY_ID": "UNKNOWN"}, "", "does not know these credentials"),
    "no region": ({"AWS_DEFAULT_REGION": ""}, "", "AWS needs a region"),
    "no such region": ({}, "mode.region=us-middle-1", "has no SageMaker"),
    "no bucket": ({}, "mode.bucket=nobody-has-this-bucket", "does not exist"),
    "no role": ({}, "mode.role=absent", "no such role"),
    "role not for SageMaker": ({}, "mode.role=for-lambda", "SageMaker may not assume it"),
    "no such type": ({}, "mode.instance_type=ml.m5.larg", "legal: ml.m5.large"),
    "no such image": (
        {},
        "mode.image=123456789012.dkr.ecr.us-east-1.amazonaws.com/harness:no",
        "does not exist",
    ),
    "image elsewhere": ({}, "mode.image=tensorflow/tensorflow:latest", "no image in ECR"),
    "cap too low": ({}, "mode.max_usd=0.01", "buys 0.4 minutes"),
    "warm spot": ({}, "mode.warm_pool_seconds=60", "keeps no spot instance warm"),
    "no secret": ({}, "mode.comet_secret=absent", "no such secret"),
    "nobody to ask": ({}, "yes=false", "no terminal to answer at"),
    "quota": ({}, "mode.instance_count=8", "quota"),
}


def refused(aws, project, *arguments, **environment):
    """Its one line on stderr; nothing was sent, no run folder project."""
    before, already = runs(project), len(aws.requests)
    done = burst(aws, project, *arguments, **environment)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stdout + done.stderr
    asked = aws.requests[already:]
    assert not [each for each in asked if each.method == "PUT" or each.action.startswith("Create")]
    assert runs(project) == before
    return done.stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_sent(aws, project, name):
    environment, argument, told = MISTAKES[name]
    iam = aws.service("iam")
    if name == "role not for SageMaker" and "for-lambda" not in str(iam.list_roles()):
        iam.create_role(RoleName="for-lambda", AssumeRolePolicyDocument='{"Principal": "lambda.amazonaws.com"}')
    assert told in refused(aws, project, *filter(None, [argument]), **environment)


@pytest.mark.parametrize(("right", "told"), [("s3:ListBucket", "denied"), ("iam:GetRole", "denies GetRole")])
def test_a_right_that_is_missing_is_named(aws, project, right, told):
    aws.deny.add(right)
    try:
        assert told in refused(aws, project)
    finally:
        aws.deny.clear()


def test_at_a_terminal_the_cost_is_asked_about_and_no_means_no(aws, project, typed):
    already = len(aws.requests)
    launcher = typed(project, *AWAY, "yes=false", terminal=True).until("Start the job? [y/N]").press("n\n")
    assert launcher.end() == 2, launcher.text
    assert "cost      1.579 USD an hour" in launcher.text and "nothing was sent" in launcher.text
    assert not [each for each in aws.requests[already:] if each.method == "PUT"]


def test_work_that_is_not_on_the_remote_is_refused(aws, project):
    (project / "src" / "note.txt").write_text("mine\n")
    assert "uncommitted work" in refused(aws, project)
    (project / "src" / "note.txt").unlink()
    git(project, "commit", "--allow-empty", "-m", "unpushed")
    assert "git push" in refused(aws, project)
    git(project, "reset", "--hard", "HEAD~1")


def test_the_sample_is_not_trained_on_in_the_cloud(aws, tmp_path):
    project = tiny_project(tmp_path / "project")
    shutil.rmtree(project / "points")
    assert "cannot be had" in refused(aws, project)

    pin = tiny.write_data(project / "points").hash
    (project / "tiny.dvc").write_text(f"outs:\n- md5: {pin}\n  hash: md5\n  path: points\n")
    assert "does not train on the sample" in refused(aws, project, "allow_dirty=true")


def test_spot_is_chosen_where_the_program_is_proven_to_resume_and_else_only_where_it_is_typed(aws, project):
    words = [word for word in AWAY if not word.startswith("mode.spot")] + ["dry_run=true"]
    spot, on_demand = '"enable_managed_spot_training": true', '"enable_managed_spot_training": false'
    unknown = type_in(project, *words, **aws.environment())
    assert unknown.returncode == 0, unknown.stderr
    assert on_demand in unknown.stdout and "resume    unknown (python src/prove.py program=tiny)" in unknown.stdout
    assert "loses all that it has cost, up to 10.00 USD; no spot instances" in unknown.stdout
    typed = type_in(project, *AWAY, "dry_run=true", **aws.environment())
    assert spot in typed.stdout and "spot was asked for: each reclaimed instance may begin anew" in typed.stdout
    assert type_in(project, *TINY, "mode.runner=process", verb="prove").returncode == 0
    try:
        proven = type_in(project, *words, **aws.environment())
        assert spot in proven.stdout and "resume    proven" in proven.stdout
        assert '"status": "proven"' in proven.stdout
    finally:
        shutil.rmtree(project / ".cache" / "proofs")


def test_a_dry_run_prints_plan_and_request_and_touches_nothing(aws, project):
    before, already = sorted(project.rglob("*")), len(aws.requests)
    done = type_in(project, "mode=cloud", "resnet_size=50", "dry_run=true", **aws.environment(**NOBODY))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    assert shown["plan"]["experiment"]["config"]["resnet_size"] == 50
    assert shown["request"]["compute"]["instance_type"] == "ml.g5.xlarge"
    assert "\ncost " in done.stdout and "not ready AWS needs credentials" in done.stdout
    assert len(aws.requests) == already

    with_account = type_in(project, *AWAY, "dry_run=true", **aws.environment())
    shown = json.loads(with_account.stdout[with_account.stdout.index("{") :])
    assert "@sha256:" in shown["request"]["training_image"] and "not ready" not in with_account.stdout
    assert {each.method for each in aws.requests[already:]} <= {"GET", "HEAD", "POST"}
    assert not [each for each in aws.requests[already:] if each.action.startswith("Create")]
    assert [path for path in sorted(project.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]
