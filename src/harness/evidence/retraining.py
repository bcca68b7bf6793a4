"""Two models of two versions of the data, on both versions' test images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract.errors import NotReady
from harness.data import pins
from harness.data.restore import restore_data
from harness.evidence import baseline, significance
from harness.evidence.significance import Claim
from harness.runs import stored
from harness.runs.stored import StoredRun
from programs.cifar10 import dataset

BATCH = 500  # images at a time; only memory depends on it
Images = tuple[Any, Any]  # uint8 [n, 32, 32, 3], labels [n]


@dataclass(frozen=True)
class Pair:
    """A run on the old data and one on the new."""

    old: StoredRun
    new: StoredRun


def named(runs: Path, old: str, new: str) -> Pair:
    """The two runs of these names.

    Raises:
        NotReady: one is not there, or has no model.
    """
    pair = Pair(stored.named(runs, old), stored.named(runs, new))
    for run in (pair.old, pair.new):
        if not run.folder.model.exists():
            raise NotReady(f"{run.run_id} has no model", legal="a completed run")
    return pair


def newest(root: Path, runs: Path) -> Pair:
    """The newest completed run on what data.dvc pins, and the newest on another version.

    Raises:
        NotReady: there is no such run.
    """
    pin = pins.pinned(root)
    whole = [each for each in stored.everything(runs)[0] if each.status == "completed" and each.folder.model.exists()]
    whole = [each for each in whole if not each.plan.experiment.dataset.sample]
    new = [each for each in whole if each.plan.experiment.dataset.hash == pin]
    old = [each for each in whole if each.plan.experiment.dataset.hash != pin]
    if not new:
        raise NotReady(f"no completed run in {runs} was trained on {pin}, which data.dvc pins", command="dvc repro")
    if not old:
        raise NotReady(f"no completed run in {runs} was trained on another version of the data", legal="OLD NEW")
    return Pair(old[-1], new[-1])


def test_sets(root: Path, pair: Pair, say: Callable[[str], None]) -> dict[str, Images]:
    """The test images of both versions.

    Raises:
        NotReady, DataError: a version cannot be had.
    """
    return {
        f"{name} test": dataset.load_test(restore_data(root, run, say).folder, run.plan.experiment.dataset)
        for name, run in (("old", pair.old), ("new", pair.new))
    }


def judge(runs: Path, pair: Pair, sets: dict[str, Images]) -> dict[str, Claim]:
    """Which model is better on each test set. TensorFlow's environment must be set before."""
    record = pair.new.record
    band = baseline.band(runs, pair.new.plan.experiment, record.results if record else None)
    right = {name: (_right(pair.old, *images), _right(pair.new, *images)) for name, images in sets.items()}
    return {
        name: significance.claim(
            int((old & ~new).sum()), int((new & ~old).sum()), int((old & new).sum()), len(old), band
        )
        for name, (old, new) in right.items()
    }


def _right(run: StoredRun, images: Any, labels: Any) -> Any:
    """Which images the run's model gets right: bool [n]."""
    from harness.frameworks.tensorflow import native_stderr_off

    with native_stderr_off():
        import keras
        import numpy as np

        model = keras.saving.load_model(run.folder.model)
    logits = np.concatenate([np.asarray(model(images[at : at + BATCH])) for at in range(0, len(images), BATCH)])
    return logits.argmax(axis=1) == labels
