"""The bundled sample: the same bytes everywhere, in CIFAR-10's own format."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.contract import identity
from programs.cifar10 import dataset, files
from programs.cifar10.host import published, sample

CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "data"
    sample.write(folder)
    return folder


def test_the_sample_has_the_hash_that_is_written_down(folder: Path) -> None:
    found = identity.identify(folder, published.SAMPLE_NAME, sample=True)
    assert found.hash == published.SAMPLE_HASH
    assert tuple(file.path for file in found.files) == tuple(sorted(files.NAMES)) and found.sample


def test_the_writer_makes_the_official_batches_meta_byte_for_byte() -> None:
    content = sample.meta_file(10000, CIFAR10_CLASSES)
    official = next(file for file in published.CIFAR10.files if file.path == files.META)
    assert (hashlib.md5(content).hexdigest(), len(content)) == (official.md5, official.size)


def test_the_writer_makes_a_real_batch_byte_for_byte(cifar10: Path | None, folder: Path) -> None:
    """Of the sample, where there is no real one."""
    real = ((cifar10 or folder) / files.TRAIN[1]).read_bytes()
    values = {key.decode(): value for key, value in pickle.loads(real, encoding="bytes").items()}
    names = [name.decode() for name in values["filenames"]]
    assert sample.batch_file(values["batch_label"].decode(), values["labels"], values["data"], names) == real


def test_a_batch_opens_with_plain_pickle_as_the_tutorials_do(folder: Path) -> None:
    with (folder / files.TRAIN[2]).open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    assert sorted(batch) == [b"batch_label", b"data", b"filenames", b"labels"]
    assert batch[b"batch_label"] == b"training batch 3 of 5"
    assert batch[b"data"].shape == (1800, 3072) and batch[b"data"].dtype == np.uint8


def test_no_digit_is_in_both_training_and_test_and_each_is_drawn_six_times_differently(folder: Path) -> None:
    drawn = []
    for paths in (files.TRAIN, (files.TEST,)):
        images: dict[str, set[bytes]] = {}
        for path in paths:
            batch = pickle.loads((folder / path).read_bytes(), encoding="bytes")
            for name, pixels in zip(batch[b"filenames"], batch[b"data"], strict=True):
                images.setdefault(name.decode().rpartition("_")[0], set()).add(pixels.tobytes())
        assert {len(different) for different in images.values()} == {6}
        drawn.append(set(images))
    assert len(drawn[0]) == 1500 and len(drawn[1]) == 297 and not drawn[0] & drawn[1]


def test_every_batch_has_every_class_about_as_often_and_mixed(folder: Path) -> None:
    for batches in (1, 5):
        data = dataset.load(folder, batches, 0, 0)
        counts = np.bincount(data.train_labels, minlength=10)
        assert counts.min() > 0.15 / 2 * len(data.train_labels)
        assert len(set(data.train_labels[:64].tolist())) == 10


def test_a_failed_write_leaves_the_older_one_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sample, "meta_file", full)
    with pytest.raises(OSError, match="No space"):
        sample.write(folder)
    assert identity.identify(folder, published.SAMPLE_NAME).hash == published.SAMPLE_HASH
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_writing_it_imports_no_scikit_learn(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from programs.cifar10.host import sample\n"
        f"sample.write(Path({str(tmp_path / 'data')!r}))\n"
        "print(sorted({'sklearn', 'scipy', 'pandas', 'dvc', 'requests'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(sample.__file__).parents[3])}
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.strip() == "[]"
