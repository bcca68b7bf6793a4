"""The digits program: scikit-learn in steps, with data and libraries of its own."""

import re
from pathlib import Path

import numpy as np

from harness.contract.identity import identify
from harness.contract.job import Group, Job, Workers
from harness.settings.project import ROOT
from programs.digits import PROGRAM, Settings

SETTINGS = Settings(alpha=1e-4, batch_size=50, epochs=1, seed=0)


def data(folder: Path) -> Path:
    sample = PROGRAM.source().sample
    assert sample is not None and sample.real
    assert sample.write(folder).hash == sample.hash == identify(folder, "digits").hash
    return folder


def test_it_is_short() -> None:
    files = (ROOT / "src/programs/digits").glob("*.py")
    assert sum(len(path.read_text().splitlines()) for path in files) <= 110


def test_its_lock_is_a_part_of_the_whole_lock() -> None:
    whole = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"(?m)^(?=\w)", (ROOT / "src/programs/digits/requirements.lock").read_text())
    assert len(blocks) > 3 and all(block in whole for block in blocks)


def test_what_is_restored_goes_on_to_the_same_bits_and_the_saved_model_scores_the_same(tmp_path: Path) -> None:
    folder = data(tmp_path / "data")
    job = Job(Workers(("algo-1",), "algo-1"), Group(), 1, identify(folder, "digits"))
    assert callable(PROGRAM.train) and PROGRAM.score
    one, other = (PROGRAM.train(SETTINGS, folder, job) for _ in range(2))
    for _ in range(5):
        one.advance(False, 1)
    other.step = 5
    other.restore(5, {name: np.copy(value) for name, value in one.state().items()})
    for training in (one, other):
        while training.step < training.steps:
            training.advance(False, 1)
    assert all(np.array_equal(one.state()[name], other.state()[name]) for name in one.state())
    outcome = one.finish()
    outcome.save(tmp_path / "model.npz")
    assert outcome.metrics["test_accuracy"] == PROGRAM.score(tmp_path / "model.npz", folder).metrics["accuracy"] > 0.8
