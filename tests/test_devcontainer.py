"""The container for working on the project is the locked image with git and make, and its commands run there."""

import json
import subprocess
from pathlib import Path

import pytest

from harness.settings.project import ROOT
from tests.support.lacking import lacking
from tests.support.projects import make_project

FOLDER = ROOT / ".devcontainer"
TAG = "harness-train:devcontainer-test"


def docker(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def layers(image: str) -> list[str]:
    found: list[str] = json.loads(docker("inspect", image).stdout)[0]["RootFS"]["Layers"]
    return found


@pytest.mark.docker
@pytest.mark.long
@pytest.mark.slow
def test_it_is_the_training_image_and_make_and_git_work_in_it(training_image: str, tmp_path: Path) -> None:
    described = json.loads((FOLDER / "devcontainer.json").read_text())
    subprocess.run(described["initializeCommand"], shell=True, cwd=ROOT, check=True, capture_output=True)
    built = docker("build", "--tag", TAG, "--file", str(FOLDER / described["build"]["dockerfile"]), str(FOLDER))
    if built.returncode:
        lacking(f"the container was not built: {built.stdout[-300:]}{built.stderr[-300:]}")
    try:
        assert layers(TAG)[: len(layers(training_image))] == layers(training_image)
        commands = (
            "git config --global --add safe.directory '*'",
            "git log -1",
            f"{described['postCreateCommand']} --dry-run",
            "python -m venv /tmp/new",
            "/tmp/new/bin/pip --version",
            "python -c 'import keras'",
        )
        mounted = ("--volume", f"{make_project(tmp_path / 'project')}:/project:ro", "--workdir", "/project")
        done = docker("run", "--rm", *mounted, TAG, "sh", "-c", " && ".join(commands))
        assert done.returncode == 0 and "tools/venv.sh" in done.stdout, done.stdout + done.stderr
    finally:
        docker("rmi", TAG)
