"""Pack images into shards and an index: equal bytes for equal images, in whatever order they are found.

A record's shard follows from the hash of its key, so that an image more changes one shard and the index.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.contract import atomic, packed
from harness.contract.errors import DataError, NotReady, SettingError
from harness.contract.packed import INDEX, ROW, SHARD, Header, Packed
from harness.data import sources
from harness.data.examine import Bar, Image, examine, list_refused
from harness.settings.schema import Packing

SHOWN = 20  # refused images that are named on the terminal
END = bytes(2 * tarfile.BLOCKSIZE)  # of a tar file


Say = Callable[[str], None]


def pack(source: Path, out: Path, layout: Packing, skip: bool, update: bool, say: Say) -> Packed:
    """Pack `source` into the folder `out`, which appears whole; with `update`, bring a packed folder up to date.

    Whatever cannot be packed is named; only with `skip` is the rest packed all the same.

    Raises:
        SettingError: `out` is there already, or `source` is nothing that can be packed.
        DataError: images are refused, or changed while they were packed.
        NotReady: the disk has no room.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise SettingError(f"{out} lies in {source}, whose images it would be one of", legal="a folder beside it")
    layout = _existing(out, layout, update)
    images, refused = examine(sources.items(source))
    if refused and not skip:
        for each in refused[:SHOWN]:
            say(f"refused   {each.key} {each.why}")
        more = f" (the first {SHOWN} are named)" if len(refused) > SHOWN else ""
        raise DataError(
            f"{refused[0].key} {refused[0].why}; {len(refused)} images of {source} cannot be packed{more}",
            legal="skip, which leaves them out and lists them",
            command=f"python src/pack.py {source} {out} skip",
        )
    if not images:
        raise DataError(f"{source} holds no image that can be packed", legal="a folder of images for each class")
    classes = sorted({image.item.label for image in images})
    if len(classes) < 2:
        raise DataError(f"{source} holds one class alone: {classes[0]}", legal="a folder of images for each class")
    count = layout.shards or _shards(images, 1e6 * layout.shard_mb)
    by_shard: dict[int, list[Image]] = {number: [] for number in range(count)}
    for image in sorted(images, key=lambda image: image.item.key.encode()):
        by_shard[int.from_bytes(image.hash[8:16], "little") % count].append(image)
    _check_room(out, sum(_length(image) for image in images))
    if out.exists():
        _write(out, by_shard, classes, layout)
    else:
        with atomic.folder(out) as temporary:
            _write(temporary, by_shard, classes, layout)
    if refused:
        list_refused(out.with_name(f"{out.name}.refused.csv"), refused)
        say(f"left out  {len(refused)} images: {out.name}.refused.csv names them, beside {out.name}")
    return Packed(out)


def _existing(out: Path, layout: Packing, update: bool) -> Packing:
    """How `out` is to be laid out: as it is already, where it is to be brought up to date.

    Raises:
        SettingError: it is there, and is not to be changed, or is no packed folder.
    """
    if not out.exists():
        return layout
    if not (out / INDEX).exists():
        raise SettingError(f"{out} is there already, and is no packed folder", legal="another name", command="ls -l")
    if not update:
        raise SettingError(
            f"{out} is packed already",
            legal="another name, or update, which replaces the shards that have changed",
            command=f"python src/pack.py FOLDER {out} update",
        )
    old = packed.header(out)
    return replace(layout, test=old.test, validation=old.validation, shards=len(old.sizes))


def _length(image: Image) -> int:
    """Bytes that a record takes in its shard, its name being short."""
    return tarfile.BLOCKSIZE + image.size + -image.size % tarfile.BLOCKSIZE


def _shards(images: Sequence[Image], most: float) -> int:
    """A power of two, so that as many as possible stay as they are when a set outgrows its shards."""
    total, count = sum(map(_length, images)), 1
    while total / count > most and count < packed.MOST_SHARDS:
        count *= 2
    return count


def _check_room(out: Path, wanted: int) -> None:
    parent = next(path for path in out.absolute().parents if path.exists())
    free = shutil.disk_usage(parent).free
    if wanted > free:
        raise NotReady(f"{out} would take {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free", command="df -h")


def _write(folder: Path, by_shard: dict[int, list[Image]], classes: list[str], layout: Packing) -> None:
    """Write each shard that is not there as it should be, then the index."""
    labels = {name: label for label, name in enumerate(classes)}
    rows, sizes = bytearray(), []
    with Bar("packing", sum(map(len, by_shard.values()))) as bar:
        for number, images in by_shard.items():
            path = folder / SHARD.format(number)
            temporary = path.with_name(f".{path.name}.part")
            try:
                with temporary.open("wb") as file:
                    for image in images:
                        offset = _append(file, image)
                        key = int.from_bytes(image.hash[:8], "little")
                        rows += ROW.pack(key, image.digest, offset, image.size, number, labels[image.item.label])
                        bar.update(1)
                    file.write(END)
                    file.flush()
                    os.fsync(file.fileno())
                    sizes.append(file.tell())
                if path.exists() and path.stat().st_size == sizes[-1] and atomic.sha256(path) == atomic.sha256(temporary):
                    continue
                temporary.replace(path)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
    sha256 = hashlib.sha256(rows).hexdigest()
    count = sum(map(len, by_shard.values()))
    header = Header(packed.FORMAT, tuple(classes), count, tuple(sizes), layout.test, layout.validation, sha256)
    atomic.write(folder / INDEX, packed.dumps(header) + bytes(rows))


def _append(file: io.BufferedWriter, image: Image) -> int:
    """Write one record; where its content begins."""
    content = image.item.read()
    if packed.digest(content) != image.digest:
        raise DataError(f"{image.item.key} changed while it was packed", command="the same again")
    file.write(tar_header(image.item.key, image.size))
    offset = file.tell()
    file.write(content)
    file.write(bytes(-image.size % tarfile.BLOCKSIZE))
    return offset


def tar_header(name: str, size: int) -> bytes:
    """What stands before a record in its shard: the same for the same name and size, whoever packs it, and when."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
