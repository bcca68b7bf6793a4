"""The training: what Keras's `fit` changes is the state, and what it draws follows from (seed, epoch)."""

import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.contract.steps import Arrays, Outcome, Steps
from harness.frameworks import tensorflow
from programs.reviews import Settings
from programs.reviews.texts import SPLITS


def read(path: Path) -> tuple[Any, Any]:
    """Word numbers int32 [n, 12] and labels float32 [n]."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    words = [[zlib.crc32(word.encode()) % 512 for word in text.split()][:12] for _, text in lines]
    return np.array(words, np.int32), np.array([float(label) for label, _ in lines], np.float32)


class Training(Steps):
    steps_per_epoch, batch, reseed = 1, 1400, True  # the harness reseeds Keras before each epoch

    def __init__(self, settings: Settings, data: Path) -> None:
        tf.config.experimental.enable_op_determinism()
        self.settings, self.steps, self.seed = settings, settings.epochs, settings.seed
        self.train, self.validation, self.test = (read(data / f"{split}.tsv") for split in SPLITS)
        layers = [keras.layers.Embedding(512, 16), keras.layers.GlobalAveragePooling1D()]
        layers += [keras.layers.Dropout(settings.dropout), keras.layers.Dense(1, activation="sigmoid")]
        self.model = keras.Sequential([keras.Input((12,), dtype="int32"), *layers])
        self.model.compile(keras.optimizers.Adam(settings.learning_rate), "binary_crossentropy", metrics=["accuracy"])
        self.model.optimizer.build(self.model.trainable_variables)

    def take(self, step: int) -> None:
        self.model.fit(*self.train, self.settings.batch_size, initial_epoch=step, epochs=step + 1, verbose=0)

    def state(self) -> Arrays:
        return {each.path: each.numpy() for each in (*self.model.variables, *self.model.optimizer.variables)}

    def restore(self, step: int, arrays: Arrays) -> None:
        for each in (*self.model.variables, *self.model.optimizer.variables):
            each.assign(arrays[each.path])

    def measure(self) -> dict[str, float]:
        return {**self._judge("train", self.train), **self._judge("validation", self.validation)}

    def finish(self) -> Outcome:
        save, weights = (lambda path: tensorflow.save(self.model, path)), tensorflow.weights(self.model)
        return Outcome(self._judge("test", self.test), 400, weights, save)

    def _judge(self, split: str, data: tuple[Any, Any]) -> dict[str, float]:
        loss, accuracy = self.model.evaluate(*data, batch_size=200, verbose=0)
        return {f"{split}_accuracy": float(accuracy), f"{split}_loss": float(loss)}
