"""Evaluation counts, by whatever batches."""

import numpy as np
import pytest

from tests.support import small_data  # before keras, for it sets the environment

import keras  # isort: skip

from programs.cifar10 import evaluation, resnet  # isort: skip


def test_evaluation_counts_each_image_once_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_data.images(50, seed=1)
    model = resnet.build(8, 1, 4, (120.0, 120.0, 120.0), (60.0, 60.0, 60.0))
    resnet.initialise(model, 0)
    logits = model.predict(images, verbose=0)
    for batch in (50, 16):
        monkeypatch.setattr(evaluation, "BATCH", batch)
        found, losses, predicted = evaluation.evaluate(evaluation.inference(model), images, labels)
        np.testing.assert_array_equal(predicted, logits.argmax(1))
        assert losses.mean() == pytest.approx(found.loss)
        assert found.confusion.sum() == found.images == 50
        assert found.correct == np.sum(logits.argmax(1) == labels)
        np.testing.assert_array_equal(found.confusion.sum(1), np.bincount(labels, minlength=4))  # rows are true
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
        assert found.loss == pytest.approx(float(loss), rel=1e-4)
