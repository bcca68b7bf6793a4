"""Open a saved model with plain Keras, count its hits on the test set, and hold them against what the run recorded.

    python src/evaluate.py results/train    what `dvc repro` trained
    python src/evaluate.py runs/RUN_ID      any run

Settings of conf/ can be given as in train.py.
"""

import json
import sys
from pathlib import Path
from typing import Any

from harness import console
from harness.contract.errors import RunFailed, SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config, threads

BATCH = 500  # images at a time; only memory depends on it


def evaluate(folder: Path, settings: Config) -> int:
    """Accuracy of folder/model.keras on the data that it was trained with; 1 where it is not the recorded one."""
    from harness.data import obtain
    from harness.frameworks import tensorflow
    from programs.cifar10 import dataset

    claimed, wanted = claim(folder), settings.data
    found = obtain.obtain(ROOT, wanted, console.say)
    if found.dataset.hash != claimed["dataset_hash"]:
        raise RunFailed(f"{folder} was trained on {claimed['dataset_hash']}, the data here is {found.dataset.hash}")
    images, labels = dataset.load_test(found.folder, found.dataset)
    tensorflow.configure(threads(settings.mode))
    with tensorflow.native_stderr_off():
        import keras
        import numpy as np

        model = keras.saving.load_model(folder / "model.keras")
    logits = np.concatenate([np.asarray(model(images[at : at + BATCH])) for at in range(0, len(images), BATCH)])
    correct = int((logits.argmax(axis=1) == labels).sum())
    agrees = correct == claimed["test_correct"]
    console.say(
        f"test accuracy {correct / len(images):.4f} ({correct} of {len(images)}), recorded {claimed['test_correct']}"
    )
    if settings.publish:
        from harness.finish.publish import publish_evaluation

        publish_evaluation(correct, len(images), agrees, ROOT / settings.publish)
    if not agrees:
        raise RunFailed(
            f"{folder / 'model.keras'} gets {correct} test images right, the run recorded {claimed['test_correct']}"
        )
    return 0


def claim(folder: Path) -> dict[str, Any]:
    """What was recorded of the model: of a run folder its record, of a published folder its metrics."""
    if (folder / "metrics.json").exists():
        return dict(json.loads((folder / "metrics.json").read_text()))
    if (folder / "record.json").exists():
        record = json.loads((folder / "record.json").read_text())
        if record["results"] is None:
            raise RunFailed(f"{folder} failed and has no model: {record['reason']}")
        return {**record["results"], "dataset_hash": record["experiment"]["dataset"]["hash"]}
    raise SettingError(f"{folder} holds no record", legal="a run folder", command="python src/evaluate.py runs/RUN_ID")


if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in folders]
    sys.exit(
        console.main(lambda: compose.run(lambda settings: evaluate(Path((folders or ["results/train"])[0]), settings)))
    )
