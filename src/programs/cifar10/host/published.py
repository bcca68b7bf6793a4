"""CIFAR-10 as it was published, and the bundled sample that stands in for it."""

from pathlib import Path

from harness.contract import identity
from harness.contract.plan import DatasetId, FileId
from harness.contract.source import Published, Sample, Source
from programs.cifar10.files import META, TEST, TRAIN

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
OFFICIAL = Published(CIFAR10, "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071)
SAMPLE_NAME = "sample-digits"
SAMPLE_HASH = "d67b432ef759c9384da8403894ff4606.dir"  # what `sample.write` makes, everywhere
WARNING = (
    "SAMPLE DATA: bundled drawings of handwritten digits stand in for CIFAR-10; accuracies say nothing about it. "
    "python src/fetch.py tries to get CIFAR-10 and says what it tried"
)


def source() -> Source:
    """The official archive, and the sample."""
    return Source(OFFICIAL, Sample(SAMPLE_NAME, SAMPLE_HASH, _write_sample, WARNING))


def _write_sample(folder: Path) -> DatasetId:
    from programs.cifar10.host import sample  # late: it needs NumPy, and most calls never come here

    sample.write(folder)
    return identity.identify(folder, SAMPLE_NAME, sample=True)
