"""What the tests of training share: TensorFlow's environment, a small configuration, and data that can be learnt."""

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import identity
from harness.contract.plan import DatasetId
from harness.frameworks import tensorflow
from programs.cifar10 import batch_files, files
from programs.cifar10.dataset import Dataset
from programs.cifar10.host import sample
from programs.cifar10.settings import Training

tensorflow.set_environment(2)

TRAINING = Training(
    resnet_size=8,
    resnet_version=1,
    epochs=2,
    batch_size=32,
    learning_rate=0.05,
    schedule="linear",
    warmup_epochs=0.5,
    optimizer="sgd",
    muon_rate=0.05,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-4,
    label_smoothing=0.1,
    augment=True,
    crop=4,
    alternate_flips=False,
    small_epochs=0.0,
    small_resolution=16,
    precision="float32",
    xla=False,
    sync_batch_norm=True,
    num_data_batches=1,
    validation_images=50,
    seed=1,
)


def training(**changes: Any) -> Training:
    """A configuration that trains in seconds."""
    return replace(TRAINING, **changes)


def images(count: int, classes: int = 4, seed: int = 0) -> tuple[Any, Any]:
    """Noise whose colour tells the class: uint8 [count, 32, 32, 3] and int32 [count]."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count).astype(np.int32)
    colours = np.random.default_rng(99).integers(60, 196, (classes, 3))
    pixels = colours[labels][:, None, None, :] + random.integers(-60, 60, (count, 32, 32, 3))
    return pixels.astype(np.uint8), labels


def dataset(count: int = 200) -> Dataset:
    """`count` training images, 50 to validate and 70 to test, in 4 classes."""
    train, validation, test = (images(size, seed=seed) for seed, size in enumerate((count, 50, 70)))
    return Dataset(*train, *validation, *test, ("ash", "beech", "cedar", "date"))


def read(path: Path) -> tuple[Any, Any]:
    """Images uint8 [n, 32, 32, 3] and labels int64 [n] of a batch file."""
    with path.open("rb") as file:
        content = mmap.mmap(-1, max(1, path.stat().st_size))
        file.readinto(content)
    pixels, labels = batch_files.batch(content, path.name, 10)
    return np.ascontiguousarray(batch_files.nhwc(pixels)), labels.astype(np.int64)


def content(name: str, pixels: Any, labels: Any) -> bytes:
    """A batch file of such images."""
    flat = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).reshape(len(labels), 3072))
    return sample.batch_file(name, labels.tolist(), flat, [f"{number}.png" for number in range(len(labels))])


def write_ten(folder: Path, source: Path | None, train: int, test: int) -> None:
    """Ten classes: the first images of CIFAR-10 in the folder `source`, or noise whose colour tells the class."""
    (folder / files.BATCHES).mkdir()
    for seed, (name, size) in enumerate(((files.TRAIN[0], train), (files.TEST, test))):
        pixels, labels = read(source / name) if source else images(size, 10, seed)
        (folder / name).write_bytes(content(name, pixels[:size], labels[:size]))
    names = tuple(f"class{number}" for number in range(10))
    (folder / files.META).write_bytes(sample.meta_file(train, names))


def write(folder: Path, count: int = 400) -> DatasetId:
    """Files of CIFAR-10's format: one batch of `count` images to train and validate, and 100 to test, in 4 classes."""
    (folder / files.BATCHES).mkdir()
    for seed, (path, size) in enumerate(((files.TRAIN[0], count), (files.TEST, 100))):
        pixels, labels = images(size, seed=seed)
        flat = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).reshape(size, 3072))
        content = sample.batch_file(path, labels.tolist(), flat, [f"{number}.png" for number in range(size)])
        (folder / path).write_bytes(content)
    (folder / files.META).write_bytes(sample.meta_file(count, ("ash", "beech", "cedar", "date")))
    return identity.identify(folder, "small")
