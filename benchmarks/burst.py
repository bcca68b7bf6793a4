"""What sending a job to SageMaker costs, against a bare ModelTrainer script, both on the same server on loopback.

    python benchmarks/burst.py             about three minutes
    python benchmarks/burst.py --pairs 3   fewer pairs, noisier

The server is the tests' stand-in for AWS: moto's, with jobs that are stopped as soon as they were created. The times go
from enter to the job's creation, without the trial run (mode.preflight=false). The last line is JSON:
    submit_minus_sdk_s  `python src/train.py mode=cloud`, minus a script that only builds a ModelTrainer and calls
                        `train`, code from a folder and data in S3 already (seconds, median over pairs)
    second_data_bytes   what a second burst uploads of data
    second_code_bytes   and of everything else: code, plan, the SDK's scripts
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from harness.launch import engine  # noqa: E402
from tests.fakes.sagemaker.server import Aws  # noqa: E402
from tests.support.cloud import RESNET_AWAY, cifar10_project  # noqa: E402

BARE = """
import sys
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
code, dataset, image, role, bucket = sys.argv[1:]
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=code, command="exec python -m harness.worker /opt/ml"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    role=role,
    base_job_name="bare",
    sagemaker_session=Session(boto_session=boto3.Session(), default_bucket=bucket),
)
trainer.train(input_data_config=[InputData(channel_name="dataset", data_source=dataset)], wait=False, logs=False)
"""


def main() -> None:
    """Measure both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    asked = parser.parse_args()
    tag = f"{engine.recipe(ROOT)}-cpu"
    with tempfile.TemporaryDirectory() as scratch, Aws(grace=5) as aws:
        (image,) = aws.prepare(tag)
        data = os.environ.get("CIFAR10_DIR")
        project = cifar10_project(Path(scratch) / "project", Path(data).resolve() if data else None)
        ours = [sys.executable, "src/train.py", *RESNET_AWAY]
        first = created(aws, ours, project)
        run = max((project / "runs").iterdir())
        channels = {each["ChannelName"]: each for each in next(iter(aws.jobs.values())).request["InputDataConfig"]}
        dataset = channels["dataset"]["DataSource"]["S3DataSource"]["S3Uri"]
        bare = [sys.executable, "-c", BARE, str(run / "code"), dataset, image, aws.role, aws.bucket()]
        print(f"first burst: {first:.2f} s, {aws.uploaded() / 1e6:.1f} MB", flush=True)
        uploads, differences = [], []
        for number in range(asked.pairs):
            before = aws.uploaded("harness/datasets"), aws.uploaded()
            mine, theirs = created(aws, [*ours, f"seed={number + 1}"], project), 0.0
            sent = aws.uploaded("harness/datasets") - before[0], aws.uploaded() - before[1]
            uploads.append((sent[0], sent[1] - sent[0]))
            theirs = created(aws, bare, project)
            differences.append(mine - theirs)
            print(f"train.py {mine:.2f} s, ModelTrainer {theirs:.2f} s", flush=True)
    figures = {
        "submit_minus_sdk_s": round(statistics.median(differences), 2),
        "second_data_bytes": max(data for data, _ in uploads),
        "second_code_bytes": max(rest for _, rest in uploads),
    }
    print(json.dumps(figures))


def created(aws: Aws, command: Sequence[str], folder: Path) -> float:
    """Seconds from the command's start to the creation of its job, which is then stopped."""
    known, began = set(aws.jobs), time.time()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **aws.environment(), "SAGEMAKER_VALIDATE_ROLE": "false"},  # moto cannot; it favours the peer
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (new := set(aws.jobs) - known):
        if process.poll() is not None:
            sys.exit(f"error: {command[1]} sent no job, exit code {process.returncode}")
        time.sleep(0.005)
    seconds = time.time() - began
    aws.jobs[new.pop()].stop()
    process.wait()
    return seconds


if __name__ == "__main__":
    main()
