"""Where images that are to be packed come from: folders by class, a CSV, a WebDataset, ArrayRecord files."""

import csv
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.contract import legal
from harness.contract.errors import DataError, SettingError
from harness.contract.packed import INDEX, LARGEST_RECORD

IMAGES = ("jpg", "jpeg", "png")  # how a record's file is called in a WebDataset
LABELS = ("cls", "txt")
LARGEST_CSV = 2**30


@dataclass(frozen=True)
class Item:
    """An image that may be packed: its key, its class in words, its bytes; `refused` says why it cannot be."""

    key: str
    label: str
    read: Callable[[], bytes]
    refused: str = ""


def items(path: Path) -> Iterator[Item]:
    """The images of a folder or file, in any order.

    Raises:
        SettingError, DataError: it is nothing that can be packed.
    """
    if path.is_dir() and (path / INDEX).exists():
        raise SettingError(f"{path} is packed already", legal="a folder of images", command="ls -l")
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir())
        records = [path / name for name in names if "array_record" in name or name.endswith(".arrayrecord")]
        shards = [path / name for name in names if name.endswith(".tar")]
        return _array_records(records) if records else _web_dataset(shards) if shards else _folder(path)
    if path.suffix == ".csv":
        return _table(path)
    if path.suffix == ".tar":
        return _web_dataset([path])
    raise SettingError(
        f"{path} cannot be packed" if path.exists() else f"{path} does not exist",
        legal="a folder with a folder of images for each class, a .csv of path,label, a WebDataset, ArrayRecord files",
        command="python src/pack.py FOLDER OUT",
    )


def _item(key: str, label: str, read: Callable[[], bytes]) -> Item:
    """An item whose names are legal, or one that is refused."""
    shown = legal.spelled(key)[:200]
    if not legal.PATH.test(key):
        return Item(shown, "", read, "has a name that is no path below its folder")
    if not label or not legal.TEXT.test(label):
        return Item(shown, "", read, "belongs to no class")
    return Item(key, label, read)


def _file(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(LARGEST_RECORD + 1)

    return read


def _folder(root: Path) -> Iterator[Item]:
    """Files by class: the first folder of a path is the class. Names that begin with a point are nobody's images."""
    for parent, folders, files in os.walk(root):
        for each in folders:
            if (Path(parent) / each).is_symlink():
                yield Item((Path(parent) / each).relative_to(root).as_posix(), "", bytes, "is a link to a folder")
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in files:
            if not name.startswith("."):
                path = Path(parent) / name
                key = path.relative_to(root).as_posix()
                yield _item(key, key.partition("/")[0] if "/" in key else "", _file(path))


def _table(path: Path) -> Iterator[Item]:
    """The rows of a CSV with the columns path and label; paths are below its folder."""
    if path.stat().st_size > LARGEST_CSV:
        raise DataError(f"{path} has more than {LARGEST_CSV} bytes")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise SettingError(f"{path} has no columns path and label", legal="path,label in its first line")
            for row in rows:
                key, label = row["path"] or "", row["label"] or ""
                yield _item(key, label, _file(path.parent / key) if legal.PATH.test(key) else bytes)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _web_dataset(shards: list[Path]) -> Iterator[Item]:
    """The images of tar files. A label is the file beside an image that ends in .cls, or the folder of its name."""
    for shard in shards:
        try:
            with tarfile.open(shard, "r:") as tar:
                members = list(tar)
        except (tarfile.TarError, OSError) as error:
            raise DataError(f"{shard.name} cannot be read: {error}") from error
        labels = {}
        for member in members:
            stem, _, extension = member.name.rpartition(".")
            if member.isreg() and extension in LABELS:
                labels[stem] = _member(shard, member)().decode(errors="replace").strip()
        for member in members:
            stem, _, extension = member.name.rpartition(".")
            if member.isdir() or (member.isreg() and extension.lower() not in IMAGES):
                continue
            if not member.isreg():
                yield Item(legal.spelled(member.name)[:200], "", bytes, f"is a link or a device in {shard.name}")
                continue
            folder = stem.rpartition("/")[0]
            yield _item(member.name, labels.get(stem) or folder, _member(shard, member))


def _member(shard: Path, member: tarfile.TarInfo) -> Callable[[], bytes]:
    offset, size = member.offset_data, min(member.size, LARGEST_RECORD + 1)

    def read() -> bytes:
        with shard.open("rb") as file:
            return os.pread(file.fileno(), size, offset)

    return read


def _array_records(paths: list[Path]) -> Iterator[Item]:
    """Records of ArrayRecord files that hold tf.train.Example as TFDS writes them: `image` and `label`."""
    try:
        from array_record.python import array_record_data_source as array_record
    except ImportError as error:
        what = "ArrayRecord files need the package array_record, which is not installed"
        raise SettingError(what, command="pip install array_record") from error
    from harness.data import example

    source = array_record.ArrayRecordDataSource([str(path) for path in paths])
    for number in range(len(source)):
        try:
            fields = example.parse(source[number])
        except ValueError as error:
            yield Item(f"{number:09d}", "", bytes, f"is no tf.train.Example: {error}")
            continue
        image = next((fields[name] for name in ("image", "image/encoded") if name in fields), b"")
        label = next((fields[name] for name in ("label", "image/class/label") if name in fields), "")
        content = image if isinstance(image, bytes) else b""
        yield _item(f"{number:09d}", str(label), partial(bytes, content))
