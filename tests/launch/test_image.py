"""The recipe of the training image: its locks, and what `make image` asks of Docker."""

import importlib.metadata
import json
import os
import subprocess

import pytest
from packaging.requirements import Requirement

from tests.test_setup import ROOT, locked, pins


def test_what_the_cloud_adds_changes_nothing_of_training():
    whole, train, cloud, gpu = (pins(locked(f"requirements{kind}.lock")) for kind in ("", "-train", "-cloud", "-gpu"))
    assert cloud and gpu
    assert not cloud.keys() & train.keys() and not gpu.keys() & (train.keys() | cloud.keys())
    assert cloud.items() <= whole.items()
    assert all(name.startswith("nvidia-") for name in gpu)
    assert all((locked("requirements-cloud.lock") | locked("requirements-gpu.lock")).values())


def test_the_gpu_lock_is_what_this_tensorflow_asks_for():
    asked = [Requirement(line) for line in importlib.metadata.requires("tensorflow")]
    cuda = [each for each in asked if each.marker and "and-cuda" in str(each.marker)]
    gpu = pins(locked("requirements-gpu.lock"))
    assert cuda
    assert {each.name: gpu.get(each.name) for each in cuda if gpu.get(each.name) not in each.specifier} == {}


@pytest.mark.parametrize("kind", ["local", "cpu", "gpu"])
def test_the_build_makes_one_plain_image_of_its_kind(kind, tmp_path):
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n[ $1 != image ] || exit 1\n"
        f'[ $1 != build ] || echo "attestations=$BUILDX_NO_DEFAULT_ATTESTATIONS $*" >{tmp_path}/told\n'
    )
    docker.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KIND": kind}
    subprocess.run(["sh", ROOT / "tools" / "image.sh"], env=environment, check=True, capture_output=True)
    told = (tmp_path / "told").read_text()
    assert told.startswith("attestations=1 build ")
    assert f"--build-arg KIND={kind} " in told
    assert (f"-{kind} " in told) == (kind != "local")


@pytest.mark.docker
def test_the_image_asks_nvidias_runtime_for_gpus_and_the_driver(training_image):
    asked = ["docker", "image", "inspect", "--format", "{{json .Config.Env}}", training_image]
    found = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(found)
