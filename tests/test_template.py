"""A project that is made from the template trains, passes its tests, and takes what changes here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings.project import ROOT
from tests.support import projects
from tests.support.projects import PLANTED, git, make_project, record_of, type_in

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

TEMPLATE = ROOT / "template"
QUICK = "mode.runner=process mode.threads=2"
SMALL = "resnet_size=8 epochs=1 num_data_batches=1 validation_images=1000 warmup_epochs=0 data.url=null"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this project."""
    return make_project(tmp_path_factory.mktemp("template") / "harness")


def made(source: Path, folder: Path, **answers: str) -> Path:
    """A project from the template, committed, with this environment as its own."""
    data = [word for name, value in answers.items() for word in ("--data", f"{name}={value}")]
    words = ["copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", *data, str(source), str(folder)]
    subprocess.run([sys.executable, "-m", "copier", *words], check=True)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".git/info/exclude").write_text(".venv\n")  # a link is no folder, as which .gitignore knows it
    return folder


def make(project: Path, target: str, arguments: str = "") -> str:
    """What `make` prints; the environment is not made again."""
    command = ["make", "--assume-old=.venv/installed", target, f"ARGS={arguments}"]
    environment = {**os.environ, **PLANTED}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changes(project: Path) -> list[str]:
    command = ["git", "-C", str(project), "status", "--porcelain"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_it_has_every_verb_and_every_link_leads_into_the_project() -> None:
    assert {path.name for path in (ROOT / "src").glob("*.py")} == {
        path.name for path in (TEMPLATE / "src").glob("*.py")
    }
    links = [path for path in TEMPLATE.rglob("*") if path.is_symlink()]
    assert links
    for path in links:
        assert not path.readlink().is_absolute() and path.resolve(strict=True).is_relative_to(ROOT), path


def test_a_project_of_a_script_holds_its_program_alone(source: Path, tmp_path: Path) -> None:
    project = made(source, tmp_path / "mine", kind="command", program="line", cloud="false")
    assert {path.name for path in (project / "src/programs").iterdir()} == {"__init__.py", "line"}
    assert {path.stem for path in (project / "conf").glob("*/*.yaml")} & {
        "cifar10",
        "images",
        "cloud",
        "paper",
    } == set()
    assert "cifar" not in (project / "README.md").read_text().lower()
    assert not (project / "dvc.yaml").exists() and not (project / "src/jobs.py").exists()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "program", "cloud", "more"),
    [("command", "line", "false", ""), ("steps", "curve", "true", ""), ("cifar10", "cifar10", "true", SMALL)],
)
def test_it_trains_and_passes_its_tests(
    source: Path, tmp_path: Path, kind: str, program: str, cloud: str, more: str
) -> None:
    named = {} if kind == "cifar10" else {"program": program}
    project = made(source, tmp_path / "mine", kind=kind, cloud=cloud, name="of-mine", **named)
    make(project, "train", f"{QUICK} {more}".strip())
    (run,) = projects.runs(project)
    record = record_of(run)
    assert record.status == "completed" and record.experiment.program == program
    assert record.provenance.git is not None and not record.provenance.git.dirty
    assert "2 passed" in make(project, "test")
    if kind != "cifar10":  # two more trainings with TensorFlow, which its own test replays
        assert "verdict   IDENTICAL" in make(project, "repro-check")
    refused = type_in(project, "mode=cloud", "mode.instance_type=ml.none")
    assert refused.returncode == 2 and ("mode=cloud does not exist" in refused.stderr) == (cloud == "false")
    assert changes(project) == []


@pytest.mark.long
@pytest.mark.slow
def test_an_update_brings_what_changed_here_and_keeps_what_was_written_there(source: Path, tmp_path: Path) -> None:
    project = made(source, tmp_path / "mine", program="line")
    script = project / "src/programs/line/train.py"
    script.write_text(f"# mine\n{script.read_text()}")
    git(project, "commit", "-am", "mine")
    for name in ("src/harness/console.py", "src/harness/planning/templates/command/train.py.txt"):
        with (source / name).open("a") as file:
            file.write("# newer\n")
    (source / "src/harness/launch/newest.py").write_text('"""New."""\n')
    git(source, "add", ".")
    git(source, "commit", "-m", "second")
    words = ["update", "--defaults", "--quiet", "--vcs-ref", "HEAD"]
    subprocess.run([sys.executable, "-m", "copier", *words], cwd=project, check=True)
    assert (project / "src/harness/console.py").read_text().endswith("# newer\n")
    assert (project / "src/harness/launch/newest.py").exists()
    text = script.read_text()
    assert text.startswith("# mine\n") and text.endswith("# newer\n") and "<<<<" not in text
    assert sorted(line[3:] for line in changes(project)) == [
        ".copier-answers.yml",
        "src/harness/console.py",
        "src/harness/launch/newest.py",
        "src/harness/planning/templates/command/train.py.txt",
        "src/programs/line/train.py",
    ]
