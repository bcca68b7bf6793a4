"""What the data set's bytes are, and that nothing but them becomes images."""

import mmap
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract import identity
from harness.contract.errors import DataError, SettingError
from programs.cifar10 import batch_files, dataset, files
from programs.cifar10.host import published, sample

COUNTS = (7, 5, 5, 5, 1, 4)  # images in the five training batches and the test batch


def small(folder: Path) -> Path:
    """A data folder of 27 images of noise, whose batches have different lengths."""
    (folder / files.BATCHES).mkdir(parents=True)
    for number, (path, count) in enumerate(zip((*files.TRAIN, files.TEST), COUNTS, strict=True)):
        random = np.random.default_rng(number)
        pixels = random.integers(0, 256, (count, 3072), np.uint8)
        labels = random.integers(0, 10, count).tolist()
        names = [f"image_{index}.png" for index in range(count)]
        (folder / path).write_bytes(sample.batch_file("a batch", labels, pixels, names))
    (folder / files.META).write_bytes(sample.meta_file(5, sample.CLASSES))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small(tmp_path / "data")


def batch(**changes: object) -> bytes:
    """A pickle of a batch as Python 2 would write it, with other values in it."""
    values = {"labels": [0, 1], "data": np.zeros((2, 3072), np.uint8), **changes}
    parts = [b"\x80\x02}("]
    for key, value in values.items():
        parts.append(b"U" + bytes([len(key)]) + key.encode() + python2(value))
    return b"".join([*parts, b"u."])


def python2(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        code = value.dtype.str.lstrip("|<>").encode()
        order = value.dtype.byteorder.encode().replace(b"=", b"<")
        shape = b"".join(b"J" + length.to_bytes(4, "little") for length in value.shape)
        content = (
            python2(value.tolist())
            if code == b"O"
            else b"T" + len(value.tobytes()).to_bytes(4, "little") + value.tobytes()
        )
        fortran = b"\x88" if value.flags.f_contiguous and not value.flags.c_contiguous else b"\x89"
        return (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01(" + shape + b"t"
            b"cnumpy\ndtype\nU" + bytes([len(code)]) + code + b"K\x00K\x01\x87R(K\x03U\x01" + order
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + fortran + content + b"tb"
        )  # fmt: skip
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode()
    assert isinstance(value, int), value
    return b"J" + value.to_bytes(4, "little", signed=True)


def load(folder: Path, seed: int = 0, **options: object) -> dataset.Dataset:
    return dataset.load(folder, **{"num_data_batches": 5, "validation_images": 6, "seed": seed, **options})  # type: ignore[arg-type]


def test_the_published_checksums_give_the_hash_that_data_dvc_pins() -> None:
    assert (
        identity.directory_hash(published.CIFAR10.files)
        == published.CIFAR10.hash
        == "15fc275e5cae3db098ab0f217a684a1f.dir"
    )
    assert sum(file.size for file in published.CIFAR10.files) == published.CIFAR10.size == 186_214_026
    (out,) = yaml.safe_load((Path(__file__).parents[3] / "data.dvc").read_text())["outs"]
    assert out == {"md5": published.CIFAR10.hash, "size": 186_214_026, "nfiles": 7, "hash": "md5", "path": "data"}


def test_a_folder_has_the_hash_that_dvc_add_gives_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
    for name in ("a.b/c", "a/b", "a-b", "ä"):  # sorted otherwise by parts than by text
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        [sys.executable, "-m", "dvc", "add", "-q", "data"],
    ):
        subprocess.run(command, cwd=folder.parent, check=True)
    (out,) = yaml.safe_load((folder.parent / "data.dvc").read_text())["outs"]
    found = identity.identify(folder, "any")
    assert (out["md5"], out["size"], out["nfiles"]) == (found.hash, found.size, len(found.files))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped": (flip, "is altered"),
    "truncated": (lambda path: os.truncate(path, 1000), "has 1000 bytes"),
    "missing": (Path.unlink, "is missing"),
    "unexpected": (
        lambda path: shutil.copy(path, path.with_name("data_batch_2.bak")),
        "data_batch_2.bak is not part of",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("batches", [1, 5])
def test_a_damaged_batch_is_named_by_verify_and_by_load_used_or_not(folder: Path, damage: str, batches: int) -> None:
    expected = identity.identify(folder, "mine")
    identity.verify(folder, expected)
    harm, words = DAMAGES[damage]
    harm(folder / files.TRAIN[1])
    for check in (
        lambda: identity.verify(folder, expected),
        lambda: load(folder, num_data_batches=batches, validation_images=1, expected=expected),
    ):
        with pytest.raises(DataError, match=f"data_batch_2.*{words.partition(' ')[2]}.*python src/fetch.py") as error:
            check()
        assert words in str(error.value) and "\n" not in str(error.value)


def test_every_file_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, opened, really = identity.identify(folder, "mine"), list[str](), open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path.relative_to(folder).as_posix())
        return really(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    monkeypatch.setattr(identity, "open", counted, raising=False)
    load(folder, num_data_batches=2, expected=expected)
    assert sorted(opened) == sorted(files.NAMES)


def test_images_are_those_that_python_unpickles_red_first_and_in_order(folder: Path) -> None:
    data = load(folder, validation_images=0)
    pixels, labels = [], list[int]()
    for path in files.TRAIN:
        content = pickle.loads((folder / path).read_bytes(), encoding="bytes")
        pixels.append(content[b"data"])
        labels += content[b"labels"]
    assert np.array_equal(data.train_images.transpose(0, 3, 1, 2).reshape(-1, 3072), np.concatenate(pixels))
    assert data.train_labels.tolist() == labels and data.train_labels.dtype == np.int32
    assert data.train_images.flags.c_contiguous and data.test_images.flags.c_contiguous
    assert data.test_images.shape == (4, 32, 32, 3) and data.class_names == sample.CLASSES


def test_the_split_depends_on_the_seed_alone_and_keeps_the_order(folder: Path) -> None:
    whole = load(folder, validation_images=0).train_images
    index = {image.tobytes(): number for number, image in enumerate(whole)}

    def split(seed: int, count: int) -> tuple[list[int], list[int]]:
        data = load(folder, seed=seed, validation_images=count)
        return [index[i.tobytes()] for i in data.train_images], [index[i.tobytes()] for i in data.validation_images]

    train, held = split(0, 6)
    assert sorted(train + held) == list(range(23)) and train == sorted(train)
    np.random.seed(5)
    assert split(0, 6) == (train, held) != split(1, 6)
    assert set(held) < set(split(0, 9)[1])  # more of the same order
    assert held == [2, 3, 4, 7, 8, 18]  # a change here changes every recorded run's validation set


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_after_the_split_each_image_still_has_its_own_label(folder: Path, seed: int) -> None:
    whole, data = load(folder, validation_images=0), load(folder, seed=seed)
    labels = {image.tobytes(): label for image, label in zip(whole.train_images, whole.train_labels, strict=True)}
    assert len(labels) == 23 and len(set(labels.values())) > 2
    for images, own in ((data.train_images, data.train_labels), (data.validation_images, data.validation_labels)):
        assert [labels[image.tobytes()] for image in images] == own.tolist()


@hypothesis_settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_a_split_holds_out_as_many_as_it_says_and_more_of_the_same_for_more(total: int, count: int, seed: int) -> None:
    count = min(count, total)
    held, more = (dataset._held_out(total, each, seed) for each in (count, min(count + 5, total)))
    assert (held.sum(), len(held)) == (count, total)
    assert not (held & ~more).any() and (held == dataset._held_out(total, count, seed)).all()


def test_a_batch_may_be_all_images_and_no_more(folder: Path) -> None:
    dataset.check(folder, num_data_batches=5, validation_images=6, batch_size=17)
    with pytest.raises(SettingError, match="batch_size=18 is more than the 17 training images"):
        dataset.check(folder, num_data_batches=5, validation_images=6, batch_size=18)


def test_a_split_that_leaves_nothing_to_train_on_names_the_largest_legal_one(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"legal: 0 to 11; type: python src/train\.py validation_images=11"):
        load(folder, num_data_batches=2, validation_images=12)
    assert len(load(folder, num_data_batches=2, validation_images=11).train_images) == 1


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_os_system_is_refused_and_does_not_run(folder: Path, protocol: int) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {folder / 'ran'}",)

    (folder / files.TRAIN[0]).write_bytes(pickle.dumps({b"data": Evil()}, protocol))
    with pytest.raises(DataError, match="data_batch_1"):
        load(folder)
    assert not (folder / "ran").exists()


def test_the_refusal_names_what_the_pickle_wanted(folder: Path) -> None:
    (folder / files.TRAIN[0]).write_bytes(b"\x80\x02cposix\nsystem\nU\x04true\x85R.")
    with pytest.raises(DataError, match=r"data_batch_1 is refused: it names posix\.system, .*was not run"):
        load(folder)


BAD_BATCHES = {
    "a label too high": (batch(labels=[0, 10]), "the label 10 is not one of 0 to 9"),
    "a negative label": (batch(labels=[-1, 0]), "the label -1"),
    "a label that is text": (batch(labels=[0, "cat"]), "the label b'cat'"),
    "fewer labels": (batch(labels=[0]), "1 labels for 2 images"),
    "another shape": (batch(data=np.zeros((2, 3071), np.uint8)), "shape"),
    "three axes": (batch(data=np.zeros((2, 3072, 1), np.uint8)), "shape"),
    "no image": (batch(labels=[], data=np.zeros((0, 3072), np.uint8)), "plain"),
    "another type": (batch(data=np.zeros((2, 3072), np.int16)), "not uint8"),
    "signed": (batch(data=np.zeros((2, 3072), np.int8)), "not uint8"),
    "objects": (batch(data=np.zeros((2, 3072), object)), "not uint8"),
    "Fortran order": (batch(data=np.asfortranarray(np.zeros((2, 3072), np.uint8))), "plain"),
    "no array": (batch(data=[0, 1]), "data or labels are missing"),
    "no labels": (batch(labels=3), "data or labels are missing"),
    "too few bytes": (batch().replace(b"J\x00\x0c\x00\x00", b"J\x00\x0d\x00\x00"), "cannot reshape"),
    "no dict": (b"\x80\x02].", "truncated, or no CIFAR-10 file"),
    "empty": (b"", "truncated"),
    "garbage": (bytes(range(256)) * 9, "truncated"),
    "something behind": (batch() + b"x", "truncated"),
    "deep lists": (b"\x80\x02" + b"](" * 100_000 + b"e" * 100_000 + b".", "truncated"),
    "deep tuples as a key": (b"\x80\x02}(K\x00" + b"\x85" * 1_000_000 + b"K\x01u.", "nests deeper"),
    "a huge memo": (b"\x80\x02}r\xff\xff\xff\x7f" + batch()[3:], None),
    "a huge string": (b"\x80\x02T\xff\xff\xff\x7f", "truncated"),
}


@pytest.mark.parametrize("what", BAD_BATCHES)
def test_a_file_that_is_no_batch_is_refused_in_one_line(folder: Path, what: str) -> None:
    content, words = BAD_BATCHES[what]
    (folder / files.TRAIN[0]).write_bytes(content)
    if words is None:  # harmless, only wasteful to some readers
        assert len(load(folder, num_data_batches=1, validation_images=0).train_images) == 2
        return
    with pytest.raises(DataError, match="data_batch_1") as error:
        load(folder)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_no_change_of_a_byte_makes_anything_but_images_or_a_refusal(folder: Path) -> None:
    good = batch()
    spots = [i for i in range(len(good)) if not 400 < i < len(good) - 50]  # the pixels between are free anyway
    (folder / files.TRAIN[0]).write_bytes(good)
    assert len(load(folder, num_data_batches=1, validation_images=0).train_images) == 2
    refused = 0
    for spot in spots:
        for value in (0, 0x2E, 0x52, 0x63, 0x85, 0xFF, good[spot] ^ 1):
            content = bytearray(good)
            content[spot] = value
            try:
                batch_files.batch(memory(bytes(content)), "a batch", 10)
            except DataError:
                refused += 1
        with pytest.raises(DataError):
            batch_files.batch(memory(good[:spot]), "a batch", 10)
    assert refused > len(spots)


def memory(content: bytes) -> mmap.mmap:
    """Bytes as the reader gets them."""
    view = mmap.mmap(-1, max(1, len(content)))
    view[: len(content)] = content
    return view


@pytest.mark.parametrize("classes", [(), ("cat", "cat"), ("cat", "")])
def test_class_names_that_are_absent_or_the_same_are_refused(folder: Path, classes: tuple[str, ...]) -> None:
    (folder / files.META).write_bytes(sample.meta_file(5, classes))
    with pytest.raises(DataError, match=r"batches\.meta: label_names is not a list of different names"):
        load(folder)


@pytest.fixture
def full(cifar10: Path | None, tmp_path: Path) -> Path:
    """Real CIFAR-10, or black images of its size."""
    if cifar10 is not None:
        return cifar10
    (tmp_path / files.BATCHES).mkdir()
    pixels = np.zeros((10_000, 3072), np.uint8)
    for name in (*files.TRAIN, files.TEST):
        batch = sample.batch_file(name, [number % 10 for number in range(10_000)], pixels, ["a.png"] * 10_000)
        (tmp_path / name).write_bytes(batch)
    (tmp_path / files.META).write_bytes(sample.meta_file(10_000, [f"class{number}" for number in range(10)]))
    return tmp_path


def test_cifar10_loads_within_its_memory(full: Path, cifar10: Path | None) -> None:
    program = (
        "import sys, resource; from pathlib import Path; from harness.contract import identity\n"
        "from programs.cifar10 import dataset\n"
        "rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = rss(); folder = Path(sys.argv[1])\n"
        "d = dataset.load(folder, 5, 5000, 0, identity.identify(folder, 'real'))\n"
        "print(d.train_images.shape, d.validation_images.shape, d.test_images.shape, d.class_names[3], rss() - before)"
    )
    command = [sys.executable, "-c", program, str(full)]
    environment = os.environ | {"PYTHONPATH": str(Path(dataset.__file__).parents[2])}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert told.startswith(f"(45000, 32, 32, 3) (5000, 32, 32, 3) (10000, 32, 32, 3) {'cat' if cifar10 else 'class3'} ")
    images = 60_000 * 3072 / 1024
    assert int(told.split()[-1]) < 1.6 * images  # KiB


def test_a_folder_linked_file_by_file_is_the_same_data(folder: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    (links / files.BATCHES).mkdir(parents=True)
    for name in files.NAMES:
        (links / name).symlink_to(folder / name)
    expected = identity.identify(folder, "mine")
    assert identity.identify(links, "mine") == expected
    assert np.array_equal(load(links, expected=expected).train_images, load(folder).train_images)
    (folder / files.TEST).unlink()
    with pytest.raises(DataError, match="test_batch cannot be read"):
        identity.verify(links, expected)


def test_the_test_batch_alone_is_the_same_and_checked_too(folder: Path) -> None:
    expected = identity.identify(folder, "mine")
    (folder / files.TRAIN[0]).unlink()
    images, labels = dataset.load_test(folder, expected)
    data = dataset.load(small(folder.parent / "whole"), 5, 0, 0)
    assert np.array_equal(images, data.test_images) and np.array_equal(labels, data.test_labels)
    flip(folder / files.TEST)
    with pytest.raises(DataError, match="test_batch is altered"):
        dataset.load_test(folder, expected)
