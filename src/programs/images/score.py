"""Score a saved model with plain Keras: the check of a record that shares no step with the training."""

from pathlib import Path

from harness.contract.packed import Packed
from harness.contract.program import Scores
from harness.frameworks import tensorflow

THREADS = 2
BATCH = 500  # images of 32 x 32 pixels at a time; only memory depends on it


def score(model_file: Path, folder: Path) -> Scores:
    """Open a `.keras` file and count the test images that it gets right. TensorFlow's environment must be set before.

    Raises:
        DataError: the folder holds no test images.
        OSError, ValueError: the file is no model.
    """
    with tensorflow.native_stderr_off():
        import keras
        import numpy as np

        from programs.images import dataset
        from programs.images.decode import decoder

        model = keras.saving.load_model(model_file)
    side = model.input_shape[1]
    test = dataset.load(Packed(folder), side, decoder(side), THREADS).test_images
    batch = max(1, BATCH * 32**2 // side**2)
    parts = [np.asarray(model(test[at : at + batch])) for at in range(0, len(test), batch)]
    right = np.concatenate(parts).argmax(axis=1) == test.labels
    return Scores({"accuracy": int(right.sum()) / len(right)}, right.tolist())
