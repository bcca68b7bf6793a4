"""What the training image is named after: all that it is made of."""

from pathlib import Path

import pytest

from harness.launch import engine

LOCKS = ("requirements-train.lock", "requirements-cloud.lock", "requirements-gpu.lock")
OWN = "src/programs/mine/requirements.lock"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (*LOCKS, "Dockerfile", OWN, "requirements.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


@pytest.mark.parametrize("name", [*LOCKS, "Dockerfile", OWN, "requirements.lock"])
def test_another_lock_or_dockerfile_is_another_image_of_those_that_are_made_of_it(root: Path, name: str) -> None:
    before = [engine.recipe(root), engine.recipe(root, "other"), engine.recipe(root, "mine")]
    assert before[0] == before[1] != before[2]
    (root / name).write_text("changed\n")
    after = [engine.recipe(root), engine.recipe(root, "other"), engine.recipe(root, "mine")]
    shared, own = name in (*LOCKS, "Dockerfile"), name in (OWN, "Dockerfile")
    assert [one != other for one, other in zip(before, after, strict=True)] == [shared, shared, own]


def test_a_program_with_a_lock_of_its_own_has_an_image_of_its_own(root: Path) -> None:
    assert engine.own_lock(root, "mine") == OWN
    assert engine.own_lock(root, "other") is engine.own_lock(root, None) is None
    assert engine.image_name(root, "mine") == f"harness-train:{engine.recipe(root, 'mine')}"
