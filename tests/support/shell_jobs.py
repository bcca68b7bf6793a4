"""Training jobs that are one shell script each: for tests of what SageMaker does, and of who asks it."""

import io
import tarfile
import time

from tests.fakes.sagemaker.server import Aws

# Until SIGTERM; a shell hears of it only when what it waits for is in the background.
UNTIL_STOPPED = "echo ready; trap '{}' TERM; sleep 60 & wait"


def channel(name, uri):
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def compute(count):
    return {"InstanceType": "ml.g5.xlarge", "InstanceCount": count, "VolumeSizeInGB": 30}


class Account(Aws):
    """An account in which jobs can be sent."""

    def __enter__(self):
        super().__enter__()
        [self.image] = self.prepare("test")
        self.sagemaker, self.s3 = self.client("sagemaker"), self.client("s3")
        return self

    def send(self, script, spot=False, inputs=(), **more):
        """A job of one shell script, by the name "job" where no other is given."""
        name = more.get("TrainingJobName", "job")
        place = f"s3://{self.bucket()}"
        self.put(f"{place}/scripts/{name}/script.sh", script.encode())
        limits = {"MaxRuntimeInSeconds": 3600} | ({"MaxWaitTimeInSeconds": 7200} if spot else {})
        request = {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/sh"],
                "ContainerArguments": ["/opt/ml/input/data/sm_drivers/script.sh"],
            },
            "InputDataConfig": [channel("sm_drivers", f"{place}/scripts/{name}/"), *inputs],
            "OutputDataConfig": {"S3OutputPath": f"{place}/output"},
            "ResourceConfig": compute(1),
            "StoppingCondition": limits,
            "EnableManagedSpotTraining": spot,
        }
        return self.sagemaker.create_training_job(**request | more)

    def checkpoints(self):
        return {"CheckpointConfig": {"S3Uri": f"s3://{self.bucket()}/states"}}

    def ready(self):
        """Wait until the only job says that it is."""
        deadline = time.monotonic() + 10
        while not (self.jobs and "ready" in self.log("")):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def archive(self, name):
        """The files of an archive that the job left; None where it left none."""
        content = self.objects().get(f"output/job/output/{name}.tar.gz")
        if content is None:
            return None
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return {each.name: tar.extractfile(each).read().decode() for each in tar if each.isfile()}
