"""Two models of two versions of the data, on both versions' test images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import catalog, dataset, fetching, original, restore, superiority
from harness.catalog import Past
from harness.errors import PreparePlace
from harness.superiority import Claim

BATCH = 500  # images at a time; only memory depends on it
Images = tuple[Any, Any]  # uint8 [n, 32, 32, 3], labels [n]


@dataclass(frozen=True)
class Pair:
    """A run on the old data and one on the new."""

    old: Past
    new: Past


def named(runs: Path, old: str, new: str) -> Pair:
    """The two runs of these names.

    Raises:
        PreparePlace: one is not there, or has no model.
    """
    pair = Pair(catalog.named(runs, old), catalog.named(runs, new))
    for run in (pair.old, pair.new):
        if not run.folder.model.exists():
            raise PreparePlace(f"{run.run_id} has no model", legal="a completed run")
    return pair


def newest(root: Path, runs: Path) -> Pair:
    """The newest completed run on what data.dvc pins, and the newest on another version.

    Raises:
        PreparePlace: there is no such run.
    """
    pin = fetching.pinned(root)
    whole = [each for each in catalog.everything(runs)[0] if each.status == "completed" and each.folder.model.exists()]
    whole = [each for each in whole if not each.plan.experiment.dataset.sample]
    new = [each for each in whole if each.plan.experiment.dataset.hash == pin]
    old = [each for each in whole if each.plan.experiment.dataset.hash != pin]
    if not new:
        raise PreparePlace(f"no completed run in {runs} was trained on {pin}, which data.dvc pins", command="dvc repro")
    if not old:
        raise PreparePlace(f"no completed run in {runs} was trained on another version of the data", legal="OLD NEW")
    return Pair(old[-1], new[-1])


def test_sets(root: Path, pair: Pair, say: Callable[[str], None]) -> dict[str, Images]:
    """The test images of both versions.

    Raises:
        PreparePlace, RepairData: a version cannot be had.
    """
    return {
        f"{name} test": dataset.load_test(restore.data(root, run, say).folder, run.plan.experiment.dataset)
        for name, run in (("old", pair.old), ("new", pair.new))
    }


def judge(runs: Path, pair: Pair, sets: dict[str, Images]) -> dict[str, Claim]:
    """Which model is better on each test set. TensorFlow's environment must be set before."""
    record = pair.new.record
    band = original.band(runs, pair.new.plan.experiment, record.results if record else None)
    right = {name: (_right(pair.old, *images), _right(pair.new, *images)) for name, images in sets.items()}
    return {
        name: superiority.claim(
            int((old & ~new).sum()), int((new & ~old).sum()), int((old & new).sum()), len(old), band
        )
        for name, (old, new) in right.items()
    }


def _right(run: Past, images: Any, labels: Any) -> Any:
    """Which images the run's model gets right: bool [n]."""
    from harness.environment import native_stderr_off

    with native_stderr_off():
        import keras
        import numpy as np

        model = keras.saving.load_model(run.folder.model)
    logits = np.concatenate([np.asarray(model(images[at : at + BATCH])) for at in range(0, len(images), BATCH)])
    return logits.argmax(axis=1) == labels
