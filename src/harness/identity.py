"""Which bytes a data set is, and whether a folder holds those bytes. Standard library only: asking is quick.

A folder here is what data/ is: its content is cifar-10-batches-py/ with five training batches, a test batch, and names.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import RepairData
from harness.plan import DatasetId, FileId

BATCHES = "cifar-10-batches-py"
TRAIN = tuple(f"{BATCHES}/data_batch_{number}" for number in range(1, 6))
TEST, META = f"{BATCHES}/test_batch", f"{BATCHES}/batches.meta"
NAMES = (META, *TRAIN, TEST)
SAMPLE_NAME = "sample-digits"
SAMPLE_HASH = "d67b432ef759c9384da8403894ff4606.dir"  # what `sample.write` makes, everywhere
FETCH = "python src/fetch.py"

CIFAR10 = DatasetId(  # checksums as published; the directory hash follows from them
    name="cifar-10",
    hash="15fc275e5cae3db098ab0f217a684a1f.dir",
    size=186214026,
    sample=False,
    files=(
        FileId(META, "5ff9c542aee3614f3951f8cda6e48888", 158),
        FileId(TRAIN[0], "c99cafc152244af753f735de768cd75f", 31035704),
        FileId(TRAIN[1], "d4bba439e000b95fd0a9bffe97cbabec", 31035320),
        FileId(TRAIN[2], "54ebc095f3ab1f0389bbae665268c751", 31035999),
        FileId(TRAIN[3], "634d18415352ddfa80567beed471001a", 31035696),
        FileId(TRAIN[4], "482c414d41f54cd18b22e5b47cb7c3cb", 31035623),
        FileId(TEST, "40351d587109b95175f43aff81a1287e", 31035526),
    ),
)


def directory_hash(files: tuple[FileId, ...]) -> str:
    """DVC's hash of a folder: md5 of the JSON list of {md5, relpath}, sorted by relpath, then '.dir'."""
    listing = [{"md5": file.md5, "relpath": file.path} for file in sorted(files, key=lambda file: file.path)]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def identify(folder: Path, name: str, sample: bool = False) -> DatasetId:
    """What a folder holds, every file hashed.

    Raises:
        RepairData: the folder is absent or empty, or a file cannot be read.
    """
    found = names_in(folder)
    if not found:
        raise RepairData(f"{folder} holds no files", command=FETCH)
    with ThreadPoolExecutor(min(len(found), os.cpu_count() or 1)) as threads:  # md5 leaves the interpreter's lock
        files = tuple(threads.map(lambda name: file_id(folder, name), found))
    return DatasetId(name, directory_hash(files), sum(file.size for file in files), sample, files)


def names_in(folder: Path) -> list[str]:
    """The files below a folder by relative path, sorted; links are followed, as DVC makes them."""
    walk = os.walk(folder, followlinks=True)
    return sorted(Path(parent, name).relative_to(folder).as_posix() for parent, _, names in walk for name in names)


def file_id(folder: Path, name: str) -> FileId:
    try:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            return FileId(name, digest, file.tell())
    except OSError as error:
        raise RepairData(f"{name} cannot be read: {error.strerror}", command=FETCH) from error


def verify(folder: Path, expected: DatasetId, repair: str = FETCH) -> None:
    """Check that a folder holds exactly the expected files. `repair` is what the user is told to type.

    Raises:
        RepairData: names the first file that is missing, unexpected, of another size, or altered.
    """
    compare(identify(folder, expected.name), expected, repair)


def compare(found: DatasetId, expected: DatasetId, repair: str = FETCH) -> None:
    """`verify` for a folder that was identified already. An expected size below 0 is unknown."""
    have, want = ({file.path: file for file in each.files} for each in (found, expected))
    for path in sorted(have.keys() | want.keys()):
        if path not in have:
            raise RepairData(f"{path} is missing", command=repair)
        if path not in want:
            raise RepairData(f"{path} is not part of {expected.name}", command=repair)
        one, other = have[path], want[path]
        if other.size >= 0 and one.size != other.size:
            raise RepairData(f"{path} has {one.size} bytes instead of {other.size}", command=repair)
        if one.md5 != other.md5:
            raise RepairData(f"{path} is altered: md5 {one.md5} instead of {other.md5}", command=repair)
