"""A burst whose jobs run in containers of the training image, as on SageMaker's instances."""

import subprocess

import pytest
from aws import Aws
from clouds import AWAY, TINY, project
from test_train import record_of, runs, type_in

from harness.config import ROOT
from harness.launch import engine

pytestmark = pytest.mark.docker


def test_a_job_in_a_container_ends_with_the_bits_of_a_process(training_image, tmp_path):
    made = project(tmp_path / "project")
    done = type_in(made, "mode=local", "mode.runner=process", *TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    with Aws(docker=training_image, grace=20) as aws:
        aws.prepare(f"{engine.recipe(ROOT)}-cpu")
        done = type_in(made, *AWAY, "mode.instance_count=1", **aws.environment())
        assert done.returncode == 0, done.stdout + done.stderr
    here, there = (record_of(run) for run in runs(made))
    assert (there.placement.runner, there.status) == ("sagemaker", "completed")
    assert (here.experiment_id, here.weights) == (there.experiment_id, there.weights)


def test_the_image_holds_no_secret_of_whoever_built_it(training_image):
    told = [
        subprocess.run(["docker", *words, training_image], capture_output=True, text=True, check=True).stdout
        for words in (("inspect",), ("history", "--no-trunc"))
    ]
    told.append(
        subprocess.run(
            [
                "docker",
                "run",
                "--rm",
                training_image,
                "sh",
                "-c",
                "env; find / -xdev -newer /etc/os-release -name '.*'",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert "requirements-train.lock" in told[1]
    for word in ("AWS_", "COMET_", "TOKEN", "PASSWORD", ".aws", ".comet.config", ".netrc", ".pypirc"):
        assert not [text for text in told if word in text], word
