"""`python src/new.py NAME` begins a program that works as it stands, and writes over nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import projects
from tests.support.projects import make_project, record_of, type_in

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("comet_aside", "plots_aside")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("new") / "project")


@pytest.mark.parametrize("kind", ["steps", "command"])
@pytest.mark.long
def test_a_new_program_is_proven_trains_and_passes_its_test_at_once(project: Path, kind: str) -> None:
    name = f"my_{kind}"
    begun = type_in(project, name, *([f"like={kind}"] if kind != "steps" else []), verb="new")
    assert begun.returncode == 0, begun.stderr
    own = (project / "src" / "programs" / name).glob("*.py")
    assert sum(len(path.read_text().splitlines()) for path in own) <= 60

    words = (f"program={name}", "mode.runner=process", "mode.threads=1")
    proven = type_in(project, *words, verb="prove")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    assert "replay    proven" in proven.stdout and "resume    proven" in proven.stdout
    assert "SIGKILL" in proven.stdout

    trained = type_in(project, *words)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    record = record_of(projects.runs(project)[-1])
    assert record.experiment.program == name and not record.experiment.dataset.sample
    assert {each.status for each in record.provenance.promises} == {"proven"}
    loss = record.value("test")
    assert loss is not None and loss < 0.5

    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/programs/test_{name}.py"]
    done = subprocess.run(test, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_that_is_there_is_written_over(project: Path) -> None:
    before = (project / "src/programs/tiny/__init__.py").read_bytes()
    done = type_in(project, "tiny", verb="new")
    assert done.returncode == 2 and "is there already" in done.stderr
    assert (project / "src/programs/tiny/__init__.py").read_bytes() == before
    assert not (project / "tests/programs/test_tiny.py").exists()


def test_a_name_that_no_program_can_have_is_refused_with_one_that_it_can(project: Path) -> None:
    done = type_in(project, "My-program", verb="new")
    assert done.returncode == 2 and "python src/new.py my_program" in done.stderr
    assert type_in(project, verb="new").returncode == 2
