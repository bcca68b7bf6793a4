"""A ResNet on packed images: the step is the whole state, and nothing is trained on that the plan does not name."""

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.contract import image_header, packed
from harness.contract.errors import DataError, SettingError
from harness.contract.job import Job, Workers
from harness.contract.packed import INDEX, ROW, Packed
from harness.contract.plan import DatasetId
from harness.frameworks import tensorflow
from harness.worker import checkpoint, clock, loop
from harness.worker.randomness import Order
from tests.support import (
    images,
    small_data,  # sets TensorFlow's environment: before keras
)

import keras  # isort: skip  # noqa: F401

from programs.images import PROGRAM, dataset, decode, inputs, score, training  # isort: skip
from programs.images.settings import Settings  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
RECIPE = {
    name: value
    for name, value in vars(small_data.TRAINING).items()
    if name not in ("small_epochs", "small_resolution", "num_data_batches", "validation_images")
}
SETTINGS = Settings(**{**RECIPE, "image_size": 16, "width": 8, "batch_size": 24, "alternate_flips": True})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetId]:
    """A packed folder of 200 images."""
    folder = tmp_path_factory.mktemp("images")
    return folder / "mine", images.write_packed(folder / "mine", images.write_folder(folder / "photos", 200))


def job(data: DatasetId) -> Job:
    workers = Workers(("algo-1",), "algo-1")
    return Job(workers, tensorflow.Replicas(workers), 2, data)


def begin(made: tuple[Path, DatasetId], **changes: Any) -> training.ImageTraining:
    return training.begin(replace(SETTINGS, **changes), made[0], job(made[1]))


def run(steps: training.ImageTraining, folder: Path) -> loop.Trained:
    checkpointer = loop.Checkpointer(folder, "a" * 64, 1e9)
    return loop.Loop(steps, "images", lambda values: None, checkpointer, clock.Clock()).run()


@pytest.mark.long
def test_a_training_that_is_put_back_at_any_step_ends_with_the_same_bits(
    made: tuple[Path, DatasetId], tmp_path: Path
) -> None:
    whole = begin(made)
    trained = run(whole, tmp_path / "whole")
    for stop in (1, whole.steps_per_epoch, whole.steps - 1):
        first = begin(made)
        for _ in range(stop):
            first.advance(False, 1)
        arrays = dict(first.state())
        first.advance(False, 1)  # what comes after is forgotten
        second = begin(made)
        second.step = stop
        second.restore(stop, arrays)
        while second.step < second.steps:
            second.advance(False, 1)
        assert checkpoint.digest(second.weights()) == checkpoint.digest(trained.outcome.weights)


def test_the_order_is_the_harnesss_and_a_worker_takes_its_part_of_each_batch(made: tuple[Path, DatasetId]) -> None:
    data = dataset.load(Packed(*made), 16, decode.decoder(16), 2)
    count = len(data.train_images)
    assert count + len(data.validation_images) + len(data.test_images) == 200
    settings: Any = SETTINGS
    alone = inputs.Ahead(settings, data, 0, 24)
    pair = [inputs.Ahead(settings, data, at, 12) for at in (0, 12)]
    for step in (0, 1, alone.steps_per_epoch, 2, 3):  # as after a resume, too
        epoch, at = divmod(step, alone.steps_per_epoch)
        pixels, places = alone.take(step)
        assert places.tolist() == Order(1, epoch, count)[at * 24 : (at + 1) * 24].tolist()
        np.testing.assert_array_equal(pixels, data.train_images[places])
        parts = [each.take(step) for each in pair]
        np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), pixels)


def test_what_an_image_becomes_depends_on_it_alone_and_on_the_size() -> None:
    contents = [images.jpeg(0, 0, (16, 16)), images.jpeg(1, 1, (40, 25)), images.jpeg(2, 2, (5, 9))]
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    contents += [images.encoded(Image.fromarray(noise), "PNG"), images.encoded(Image.new("L", (16, 16), 77), "PNG")]

    def decoded(contents: list[bytes]) -> Any:
        return decoder(contents, [image_header.size(content) for content in contents])

    decoder = decode.decoder(16)
    together = decoded(contents)
    for content, pixels in zip(contents, together, strict=True):
        np.testing.assert_array_equal(decoded([content])[0], pixels)
    np.testing.assert_array_equal(together[3], noise)
    assert (together[4] == 77).all()
    flat = images.encoded(Image.new("RGB", (90, 40), (10, 200, 30)), "PNG")
    assert (decoded([flat])[0] == [10, 200, 30]).all()


def test_the_saved_model_scores_as_the_training_did_and_every_record_read_was_checked(
    made: tuple[Path, DatasetId], tmp_path: Path
) -> None:
    steps = begin(made, epochs=6)
    trained = run(steps, tmp_path)
    trained.outcome.save(tmp_path / "model.keras")
    scores = score.score(tmp_path / "model.keras", made[0])
    assert scores.metrics["accuracy"] == trained.outcome.metrics["test_accuracy"] > 0.5
    assert len(scores.right) == trained.outcome.examples
    data = dataset.load(Packed(*made), 16, decode.decoder(16), 2)
    held = 6 * len(data.validation_images) + len(data.test_images)
    seen = len(data.train_images) + steps.steps * 24 + held  # the statistics are of all training images, here
    assert steps.verified().startswith(f"index.bin and {seen} records, ") and len(steps.verified()) <= 64
    assert 0 <= steps.recent()["waiting"] <= 1


def forged(folder: Path, number: int, content: bytes) -> DatasetId:
    """A packed folder with other content in place of a record, its index told so: as a bad packer would leave it."""
    from harness.contract import identity

    line, _, rows = (folder / INDEX).read_bytes().partition(b"\n")
    key, _, offset, size, shard, label = ROW.unpack_from(rows, number * ROW.size)
    content = content[:size].ljust(size, b"\0")
    path = folder / packed.SHARD.format(shard)
    whole = bytearray(path.read_bytes())
    whole[offset : offset + size] = content
    path.write_bytes(whole)
    changed = bytearray(rows)
    ROW.pack_into(changed, number * ROW.size, key, packed.digest(content), offset, size, shard, label)
    header = {**json.loads(line), "rows": hashlib.sha256(changed).hexdigest()}
    (folder / INDEX).write_bytes(json.dumps(header, sort_keys=True).encode() + b"\n" + bytes(changed))
    return identity.identify(folder, "custom")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is neither a JPEG nor a PNG"),
        (images.jpeg(0, 0)[:300], "cannot be decoded"),
        (images.encoded(Image.new("CMYK", (2, 2)), "JPEG", quality=1), "is in CMYK"),
        (images.jpeg(0, 0).replace(b"\x08\x00\x10\x00\x10", b"\x08\xfd\xe8\xfd\xe8"), "states 65000 x 65000 pixels"),
    ],
)
def test_a_record_that_cannot_be_decoded_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    images.write_packed(tmp_path / "mine", images.write_folder(tmp_path / "photos", 60))
    number = int(dataset.parts(Packed(tmp_path / "mine"))["train"][0])
    name = Packed(tmp_path / "mine").name(number)
    data = forged(tmp_path / "mine", number, content)
    with pytest.raises(DataError, match=f"{name} {why}"):
        begin((tmp_path / "mine", data))


def test_a_byte_that_is_flipped_during_the_training_ends_it_and_names_the_record(tmp_path: Path) -> None:
    dataset_id = images.write_packed(tmp_path / "mine", images.write_folder(tmp_path / "photos", 60))
    steps = begin((tmp_path / "mine", dataset_id), batch_size=8, epochs=40)
    steps.advance(False, 1)
    row = Packed(tmp_path / "mine").row(int(steps.data.train_images.rows[3]))  # type: ignore[attr-defined]
    with (tmp_path / "mine" / packed.SHARD.format(row.shard)).open("r+b") as file:
        file.seek(row.offset + 40)
        byte = file.read(1)[0]
        file.seek(row.offset + 40)
        file.write(bytes([255 - byte]))
    with pytest.raises(DataError, match=r"shard-\d+\.tar: \w+/\d+\.jpg is altered"):
        for _ in range(steps.steps - 1):
            steps.advance(False, 1)


def test_a_folder_that_is_not_packed_and_a_part_without_images_are_one_line(tmp_path: Path) -> None:
    images.write_folder(tmp_path / "photos", 20)
    settings: Any = SETTINGS
    with pytest.raises(DataError, match="holds no packed images"):
        PROGRAM.check_data(settings, tmp_path / "photos")
    images.write_packed(tmp_path / "none", tmp_path / "photos", replace(images.PACKING, test=0.0))
    with pytest.raises(SettingError, match="none is in the part test"):
        PROGRAM.check_data(settings, tmp_path / "none")
    images.write_packed(tmp_path / "few", tmp_path / "photos", replace(images.PACKING, validation=0.3))
    with pytest.raises(SettingError, match="batch_size=24 is more than"):
        PROGRAM.check_data(settings, tmp_path / "few")


def test_a_step_says_how_long_it_waited_for_data(made: tuple[Path, DatasetId]) -> None:
    data = dataset.load(Packed(*made), 16, decode.decoder(16), 2)

    def slow(contents: Any, sizes: Any) -> Any:
        time.sleep(0.05)
        return np.zeros((len(contents), 16, 16, 3), np.uint8)

    settings: Any = SETTINGS
    slowed: Any = replace(data, train_images=replace(data.train_images, decode=slow))
    ahead = inputs.Ahead(settings, slowed, 0, 24)
    for step in range(8):
        ahead.take(step)
    assert ahead.waited > 0.2
