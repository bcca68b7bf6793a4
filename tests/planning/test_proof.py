"""`python src/prove.py` says by experiment which promises hold, and why one does not."""

import json
from pathlib import Path

import pytest

from tests.support import projects
from tests.support.projects import make_project, record_of, type_in

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("comet_aside", "plots_aside")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("proof") / "project")


def proven(project: Path, program: str, *settings: str) -> tuple[int, dict[str, str]]:
    """Exit code, and what is said of each promise."""
    words = (f"program={program}", "mode.runner=process", "mode.threads=1", *settings)
    done = type_in(project, *words, verb="prove")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    promises = {name: text for name, text in lines if name in ("replay", "resume", "workers")}
    assert promises, done.stdout + done.stderr
    return done.returncode, promises


def test_a_sound_program_is_proven_and_its_next_run_carries_that(project: Path) -> None:
    code, promises = proven(project, "tiny")
    assert code == 0
    assert promises["replay"].startswith("proven on ") and promises["resume"].startswith("proven on ")
    assert not (project / "runs").exists()
    assert not list((project / ".cache").glob("proof-*"))

    (kept,) = (project / ".cache" / "proofs").glob("tiny-*.json")
    assert type_in(project, *projects.TINY, "mode.runner=process").returncode == 0
    record = record_of(projects.runs(project)[-1])
    assert {each.name: each.status for each in record.provenance.promises} == {"replay": "proven", "resume": "proven"}
    assert record.environment and record.environment["fingerprint"] == json.loads(kept.read_text())["fingerprint"]
    assert record.provenance.promises[0].fingerprint == record.environment["fingerprint"]


def test_momentum_that_is_not_in_the_state_is_found_by_the_resume_alone(project: Path) -> None:
    code, promises = proven(project, "broken_momentum")
    assert code == 1
    assert promises["replay"].startswith("proven on ")
    assert "broken on " in promises["resume"] and "SIGKILL" in promises["resume"]
    assert "weights differs" in promises["resume"] and "not in state()" in promises["resume"]


def test_unseeded_dropout_is_found_by_the_second_run(project: Path) -> None:
    code, promises = proven(project, "broken_dropout")
    assert code == 1
    assert "weights differs from epoch 1" in promises["replay"] and "unseeded" in promises["replay"]
    assert "not in state()" not in promises["resume"]


def test_an_order_that_depends_on_the_number_of_workers_is_found_by_two_of_them(project: Path) -> None:
    code, promises = proven(project, "broken_order", "workers=2")
    assert code == 1
    assert promises["replay"].startswith("proven on ") and promises["resume"].startswith("proven on ")
    assert "weights differs after step 1" in promises["workers"]
    assert "the data order depends on it" in promises["workers"]


def test_several_workers_that_share_a_batch_are_proven(project: Path) -> None:
    code, promises = proven(project, "tiny", "mode.instance_count=2", "kill=1")
    assert code == 0
    assert "which is rounding" in promises["workers"]


def test_another_scale_or_program_is_refused_as_by_any_verb(project: Path) -> None:
    done = type_in(project, "program=nothing", verb="prove")
    assert done.returncode == 2 and "program=nothing does not exist" in done.stderr
    done = type_in(project, "kill=yes", verb="prove")
    assert done.returncode == 2 and "kill=yes is not legal" in done.stderr
