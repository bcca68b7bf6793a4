"""Runs of the tiny program whose jobs are sent from this process: no command is typed, no trial is made."""

import dataclasses
from datetime import UTC, datetime, timedelta

from harness.cloud import burst
from harness.cloud.aws.session import client, session
from harness.cloud.aws.store import Store
from harness.contract import plan
from harness.launch import request
from harness.runs import run_folder
from tests.support import programs

AWAY = plan.Cloud("us-east-1", False, True, 0, 30, 7200, 10.0, 1.5792, None, "project", None)


def planned(number=0, **away):
    """The plan of a run that is sent away; each number is another experiment."""
    placement = dataclasses.replace(
        programs.PLACEMENT,
        mode="cloud",
        runner="sagemaker",
        instance_type="ml.m5.large",
        cloud=dataclasses.replace(AWAY, **away),
    )
    made = programs.planned("tiny", placement=placement, seed=number)
    now = datetime.now(UTC) + timedelta(seconds=number)
    return plan.make(made.experiment, made.description, placement, made.provenance, now)


def stage(runs, number=0, **away):
    """Its run folder."""
    runs.mkdir(exist_ok=True)
    return run_folder.stage(runs, planned(number, **away), programs.bundle_of("tiny"), b"")


def burst_of(aws, image, demanded=None, **options):
    """What sends such a run to an account that is prepared; data and code are there."""
    made = session("us-east-1")
    store = Store(client(made, "s3"), aws.bucket(), "harness")
    files = programs.bundle_of("tiny")
    for name in (request.code_name(files), request.data_name(programs.DATA)):
        aws.put(f"s3://{aws.bucket()}/harness/{name}/x", b"x")

    def ask(planned):
        return request.cloud(planned, files, image, aws.role, store.uri, {}, demanded)

    return burst.Burst(made, store, ask, **options)


def directly(aws, script="sleep 60"):
    """In place of the SDK's process: the request of one shell script in the job's name and on its instances."""

    def send(job, unwanted):
        asked, name = job["request"], f"{job['request']['base_job_name']}-{len(aws.jobs)}"
        compute = asked["compute"]
        resources = {"InstanceType": compute["instance_type"], "InstanceCount": compute["instance_count"]}
        try:
            aws.send(
                script,
                spot=compute["enable_managed_spot_training"],
                TrainingJobName=name,
                ResourceConfig=resources | {"VolumeSizeInGB": 30},
                CheckpointConfig={"S3Uri": asked["checkpoint_config"]["s3_uri"]},
                OutputDataConfig={"S3OutputPath": asked["output_data_config"]["s3_output_path"]},
            )
        except aws.sagemaker.exceptions.ClientError as error:
            told = error.response["Error"]
            return {"code": told["Code"], "message": told["Message"], "action": error.operation_name}
        return {"name": name}

    return send
