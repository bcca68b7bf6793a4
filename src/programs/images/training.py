"""The training of a ResNet on packed images, step by step, as the harness takes it.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.contract.job import Job
from harness.contract.packed import Packed
from harness.frameworks import tensorflow
from programs.cifar10.training import ResNetTraining
from programs.images import dataset
from programs.images.decode import decoder
from programs.images.inputs import StreamedInputs

if TYPE_CHECKING:
    from programs.images.settings import Settings


def begin(settings: "Settings", folder: Path, job: Job) -> "ImageTraining":
    """Check the index and the sizes of the shards, and build the training.

    Raises:
        DataError: the folder does not hold what the plan names.
        SettingError: settings, data and devices do not go together.
    """
    assert isinstance(job.group, tensorflow.Replicas)
    return ImageTraining(settings, Packed(folder, job.dataset), job, job.group.strategy)


class ImageTraining(ResNetTraining):
    """CIFAR-10's training, fed with images that are read, checked and decoded while it goes on."""

    def __init__(self, settings: "Settings", packed: Packed, job: Job, strategy: tensorflow.Strategy | None) -> None:
        self._packed = packed
        data: Any = dataset.load(packed, settings.image_size, decoder(settings.image_size), job.threads)
        config: Any = settings
        super().__init__(config, data, strategy, lambda c, d, replicas: StreamedInputs(settings, d, replicas, job))
        self.at_once = max(1, self.at_once * 32**2 // settings.image_size**2)
        self._last = time.perf_counter(), 0.0  # when `recent` was called last, and how long steps had waited by then

    def recent(self) -> dict[str, float]:
        """Also the share of the time that steps waited for data."""
        (began, before), waited = self._last, self.trainer.inputs.ahead.waited
        self._last = time.perf_counter(), waited
        return {**super().recent(), "waiting": (waited - before) / max(self._last[0] - began, 1e-9)}

    def verified(self) -> str:
        """The records that were read, each against its sha256 in the index, which the plan names."""
        return f"index.bin and {self._packed.records} records, {self._packed.bytes} bytes"
