"""Score a saved model with plain Keras: the check of a record that shares nothing with the training step."""

from pathlib import Path

from harness.contract.program import Scores
from harness.frameworks import tensorflow
from programs.cifar10 import dataset

BATCH = 500  # images at a time; only memory depends on it


def score(model_file: Path, folder: Path) -> Scores:
    """Open a `.keras` file and count the test images that it gets right. TensorFlow's environment must be set before.

    Raises:
        DataError: the folder holds no test images.
        OSError, ValueError: the file is no model.
    """
    images, labels = dataset.load_test(folder)
    with tensorflow.native_stderr_off():
        import keras
        import numpy as np

        model = keras.saving.load_model(model_file)
    parts = [np.asarray(model(images[at : at + BATCH])) for at in range(0, len(images), BATCH)]
    right = np.concatenate(parts).argmax(axis=1) == labels
    return Scores({"accuracy": int(right.sum()) / len(right)}, right.tolist())
