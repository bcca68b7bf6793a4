"""The training of a ResNet, step by step, as the harness takes it.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from harness.contract.errors import RunFailed
from harness.contract.job import Job
from harness.contract.steps import Arrays, Outcome, Steps
from harness.frameworks import tensorflow
from programs.cifar10 import dataset
from programs.cifar10.evaluation import BATCH, GPU_BATCH, evaluate, inference
from programs.cifar10.inputs import Inputs
from programs.cifar10.step import Trainer

if TYPE_CHECKING:
    from programs.cifar10.dataset import Dataset
    from programs.cifar10.settings import Training


def begin(config: "Training", folder: Path, job: Job) -> "ResNetTraining":
    """Read the data, each file verified as it is read, and build the training.

    Raises:
        DataError: a file is not the one that the plan names.
        SettingError: settings, data and devices do not go together.
    """
    assert isinstance(job.group, tensorflow.Replicas)
    data = dataset.load(folder, config.num_data_batches, config.validation_images, config.seed, expected=job.dataset)
    return ResNetTraining(config, data, job.group.strategy)


class ResNetTraining(Steps):
    """A training between two steps. Under a strategy of several replicas, one model on shares of each batch.

    train_loss is what the steps minimised, label smoothing included and weight decay left out; it and train_accuracy
    are means over the epoch while the weights changed. Losses are in nats.

    Raises:
        SettingError: a batch is larger than the training set, or does not go into the replicas.
    """

    def __init__(
        self, config: "Training", data: "Dataset", strategy: tensorflow.Strategy | None = None, inputs: Any = Inputs
    ) -> None:
        tf.config.experimental.enable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(config.precision == "tensorfloat32")
        self.config, self.data = config, data
        self.trainer = Trainer(config, data, strategy, inputs)
        self.steps, self.steps_per_epoch = self.trainer.steps, self.trainer.steps_per_epoch
        self.batch = config.batch_size
        self._recent = (-1, 0.0, 0)  # step, sum of losses and images right at the last call of `recent`
        self.at_once = GPU_BATCH if self.trainer.several else BATCH  # images of an evaluation

    @property
    def step(self) -> int:  # the trainer counts
        return self.trainer.step

    @step.setter
    def step(self, value: int) -> None:
        self.trainer.step = value

    def advance(self, stop: bool, most: int) -> bool:
        """On a GPU, which waits for the host between two calls, one call takes all the steps that it may."""
        return self.trainer.advance(stop, most if self.trainer.several else 1)

    def state(self) -> Arrays:
        return self.trainer.arrays()

    def restore(self, step: int, arrays: Arrays) -> None:
        self.trainer.restore(step, dict(arrays))

    def weights(self) -> Arrays:
        return self.trainer.weights()

    def measure(self) -> dict[str, float]:
        """Means over the epoch's training steps, the validation images, the rate of the last step."""
        loss, accuracy = self.trainer.sums()
        data = self.data
        validation, *_ = evaluate(self.trainer.infer, data.validation_images, data.validation_labels, self.at_once)
        return {
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "learning_rate": self.trainer.rates[self.trainer.step - 1],
        }

    def recent(self) -> dict[str, float]:
        """Loss and accuracy over the steps since the last call, or since the epoch began."""
        first = (self.step - 1) // self.steps_per_epoch * self.steps_per_epoch
        since, loss, correct = self._recent if self._recent[0] > first else (first, 0.0, 0)
        self._recent = (self.step, *self.trainer.totals())
        if since >= self.step:
            return {}
        images = (self.step - since) * self.batch
        return {
            "loss": (self._recent[1] - loss) / (self.step - since),
            "accuracy": (self._recent[2] - correct) / images,
        }

    def finish(self) -> Outcome:
        """Score the test images by the model's own inference, so that the saved file gives the same counts."""
        model, data = self.trainer.model, self.data
        test, losses, predicted = evaluate(inference(model), data.test_images, data.test_labels, self.at_once)

        def rows() -> Iterator[tuple[object, ...]]:
            """The images in the order of the test batch: label, class found, loss in nats."""
            for number, (label, guess, loss) in enumerate(zip(data.test_labels, predicted, losses, strict=True)):
                yield number, label, guess, f"{loss:.6g}"

        return Outcome(
            metrics={"test_loss": test.loss, "test_accuracy": test.accuracy},
            examples=test.images,
            weights=tensorflow.weights(model),
            save=lambda path: tensorflow.save(model, path),
            columns=("image", "label", "predicted", "loss"),
            rows=rows(),
            classes=data.class_names,
            confusion=tuple(tuple(int(count) for count in row) for row in test.confusion),
        )

    def check(self) -> None:
        step = self.trainer.bad_step
        if step is not None:
            raise RunFailed(
                f"the loss is infinite or not a number from step {step} of {self.steps} on, at "
                f"learning_rate={self.config.learning_rate:g}: try a lower one, or a longer warm-up"
            )

    def work(self, step: int) -> float:
        return self.trainer.work(step)
