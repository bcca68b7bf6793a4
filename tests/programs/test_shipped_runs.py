"""The programs that ship beside the ResNet, as a user types them: each kind of run once, where it costs least."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generated_runs
from harness.contract import bundle
from harness.launch import engine, environments
from harness.report import gather
from harness.settings.project import ROOT
from tests.support import projects
from tests.support.cloud import SECRETS, SENT, pushed
from tests.support.lacking import ON_CI, lacking
from tests.support.projects import done, make_project, newest, record_of

pytestmark = [
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]  # CI may have to install PyTorch first
DIGITS, REVIEWS, SCRIPT = (
    (f"program={name}", "mode.threads=2", "epochs=2") for name in ("digits", "reviews", "script")
)
PROCESS = "mode.runner=process"
ONE_PYTHON = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="the script's lock has PyTorch for Python 3.11 alone"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on a remote; PyTorch's environment is that of this checkout, where it has one."""
    folder = pushed(make_project(tmp_path_factory.mktemp("shipped") / "project"))
    name = hashlib.sha256(bundle.lock(ROOT, "script").read_bytes()).hexdigest()[:12]
    if (made := ROOT / environments.FOLDER / name / environments.STAMP).exists():
        (folder / environments.FOLDER).mkdir(parents=True)
        (folder / environments.FOLDER / name).symlink_to(made.parent)
    return folder


def image(program: str) -> None:
    """The image of a program's own lock, built now where it is missing."""
    lock = engine.own_lock(ROOT, program)
    assert lock is not None
    command = ["sh", str(ROOT / "tools" / "image.sh")]
    built = subprocess.run(command, env={**os.environ, "LOCK": lock}, capture_output=True, text=True, check=False)
    if built.returncode:
        lacking(built.stderr.strip().rpartition("\n")[2])


@ONE_PYTHON
def test_the_script_trains_in_an_environment_of_its_own_replays_and_is_proven(project: Path) -> None:
    if not (project / environments.FOLDER).exists() and not ON_CI:
        pytest.skip("PyTorch is not installed; make torch installs it")
    assert "resume    proven on " in done(project, *SCRIPT, PROCESS, "epochs=4", verb="prove")
    done(project, *SCRIPT, PROCESS)
    found = newest(project)
    assert found.environment is not None and found.environment["framework"].startswith("torch ")
    assert {each.name: each.status for each in found.provenance.promises} == {"replay": "proven", "resume": "proven"}
    assert f"verdict   IDENTICAL to {found.run_id}" in done(project, "last", verb="replay")
    assert newest(project).experiment.lock == bundle.lock_hash(bundle.collect(ROOT, "script"))


@pytest.mark.docker
def test_the_script_trains_in_an_image_of_its_own(project: Path) -> None:
    image("script")
    done(project, *SCRIPT, "mode.runner=container")
    found = newest(project)
    assert found.placement.image == engine.image_name(ROOT, "script") and found.value("test") is not None


@pytest.mark.docker
def test_the_reviews_train_in_the_training_image(project: Path, training_image: str) -> None:
    done(project, *REVIEWS, "mode.runner=container")
    found = newest(project)
    assert found.placement.image == training_image and found.value("test") is not None


def test_the_digits_are_swept_and_train_in_the_cloud_to_the_same_weights(project: Path, aws: Any) -> None:
    assert "3 completed" in done(project, "-m", *DIGITS, PROCESS, "seed=0,1,2")
    swept = {str(each.experiment.config["seed"]): each for each in map(record_of, projects.runs(project)[-3:])}
    assert len({each.weights for each in swept.values()}) == 3
    ecr, tag = aws.service("ecr"), f"{engine.recipe(ROOT, 'digits')}-cpu"
    (known,) = ecr.batch_get_image(repositoryName="harness", imageIds=[{"imageTag": f"{engine.recipe(ROOT)}-cpu"}])[
        "images"
    ]
    ecr.put_image(repositoryName="harness", imageManifest=known["imageManifest"].replace("cpu", "own"), imageTag=tag)
    account = {**aws.environment(), **SECRETS}
    assert "no spot instances" in done(project, *SENT, *DIGITS, "seed=1", **account)
    away = newest(project)
    assert (away.placement.runner, str(away.placement.image).endswith(tag)) == ("sagemaker", True)
    assert (away.weights, away.results) == (swept["1"].weights, swept["1"].results)


def test_they_stand_in_one_report_beside_others(project: Path, tmp_path: Path) -> None:
    """Runs after the others: of whatever they left."""
    left = {each.experiment.program for each in map(record_of, projects.runs(project))}
    generated_runs.leave(project / "runs", 3, epochs=2)
    table = gather.table(project / "runs", [], tmp_path)
    columns = {each["name"]: each["values"] for each in table["columns"]}
    assert set(columns["program"]) == {*left, generated_runs.CLASSIFIER.name} and not table["unreadable"]
    assert {each["name"] for each in table["metrics"]} >= {"accuracy", "loss"}
    assert all(value is not None for value in columns["test_accuracy"])
