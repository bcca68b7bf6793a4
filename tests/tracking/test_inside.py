"""What makes Comet's copies inside a job travels as whole folders, and starts from them alone."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract import plan, serial
from harness.contract.job_folder import JobFolder
from harness.runs import run_folder
from harness.settings.project import ROOT
from harness.tracking import inside
from tests.support.records import FOREST, completed, plan_of
from tests.tracking.test_tracker import nobody

IMPORT_ALL = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    name = ".".join(path.relative_to(sys.argv[1]).with_suffix("").parts)
    if path.name not in ("__main__.py", "companion.py"):  # these begin to work
        importlib.import_module(name.removesuffix(".__init__"))
"""
BOTO3 = """
class Session:
    def __init__(self, **options): pass
    def client(self, name): return self
    def get_secret_value(self, SecretId): return {"SecretString": "planted-key"}
"""


def lay(folder: Path, without: str = "-") -> Path:
    """What travels, in a folder of its own."""
    for name, content in inside.files(ROOT).items():
        if not name.startswith(f"harness/{without}/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder


def python(folder: Path, *arguments: str, **options) -> "subprocess.CompletedProcess[str]":
    """Python with the standard library and that folder alone."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder)}
    environment["COMET_URL_OVERRIDE"] = nobody()
    command = [sys.executable, "-S", "-P", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    "content",
    [
        "the-key\n",
        '{"COMET_API_KEY": "the-key"}',
        '{"anything": "the-key"}',
        '{"x": "1", "api_key": "the-key"}',
        '"the-key"',
    ],
)
def test_a_key_is_found_in_a_secret_as_the_console_makes_it(content):
    assert inside.key_of(content) == "the-key"


def test_a_secret_with_several_values_none_of_them_a_key_is_refused():
    with pytest.raises(ValueError, match="2 values, none of them COMET_API_KEY"):
        inside.key_of('{"user": "x", "password": "y"}')


def test_whole_folders_travel_with_all_that_they_import(tmp_path):
    folder = lay(tmp_path)
    assert {path.name for path in (folder / "harness").iterdir() if path.is_dir()} == {*inside.PACKAGES}
    assert not list(folder.rglob("*.pyc"))
    for package in inside.PACKAGES:
        here = {path.name for path in (ROOT / "src/harness" / package).iterdir() if path.is_file()}
        assert {path.name for path in (folder / "harness" / package).iterdir()} == here
    done = python(folder, "-c", IMPORT_ALL, str(folder))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", inside.PACKAGES)
def test_none_of_them_could_stay(tmp_path, package):
    done = python(lay(tmp_path, without=package), "-c", "import harness.tracking.inside, harness.tracking.tracker")
    assert done.returncode == 1 and "No module named 'harness." in done.stderr


@pytest.fixture
def job(tmp_path):
    """The folder of a worker that has just completed a run that is logged from inside."""
    cloud = plan.Cloud("us-east-1", False, False, 0, 30, 60, None, None, "the-secret", "project", None)
    planned = plan_of(FOREST)
    planned = dataclasses.replace(planned, placement=dataclasses.replace(planned.placement, cloud=cloud))
    job = JobFolder(tmp_path / "base")
    for folder in (job.code, job.output):
        folder.mkdir(parents=True)
    (job.code / "plan.json").write_text(run_folder.plan_text(planned))
    (job.code / "harness").mkdir()
    job.metrics.write_text("epoch,step,train_error\n1,10,12.5\n")
    job.record.write_text(serial.dumps(completed(planned, 12.5)))
    return job


@pytest.mark.long
@pytest.mark.parametrize("door", ["harness.tracking.inside", "harness.companion"])
def test_it_starts_from_them_alone_and_leaves_its_state(tmp_path, job, door):
    """Its children have Comet's library beside it, and nobody answers: what is left is the offline archive."""
    folder = lay(tmp_path / "companion")
    (folder / "boto3.py").write_text(BOTO3)
    done = python(folder, "-m", door, str(job.base), input="", timeout=60)
    assert done.returncode == 0, done.stderr
    state = json.loads((job.comet / "state.json").read_text())
    assert state["online"].startswith("failed: ") and state["archive"] == f"{state['experiment_key']}.zip"
    assert "planted-key" not in done.stdout + done.stderr
