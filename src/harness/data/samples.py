"""The samples that programs make themselves: written where they are missing, checked where they are there."""

from dataclasses import replace
from pathlib import Path

from harness.contract import identity
from harness.contract.errors import DataError
from harness.contract.plan import DatasetId
from harness.contract.source import Sample, Source


def only(source: Source) -> Sample:
    """The sample of a program that pins no data.

    Raises:
        DataError: it has none either.
    """
    if source.sample is None:
        raise DataError("this program has no data: nothing is pinned, and it has no sample", legal="data.pin=FILE.dvc", command="dvc add FOLDER")
    return source.sample


def write(folder: Path, source: Sample) -> DatasetId:
    """The sample in a folder, written where it is not there as it should be."""
    try:
        dataset = identity.identify(folder, source.name)
    except DataError:
        dataset = source.write(folder)
    if dataset.hash != source.hash:
        dataset = source.write(folder)
    if dataset.hash != source.hash:
        what = f"the sample {source.name} is {dataset.hash}, and its program says {source.hash}"
        raise DataError(what, legal=f"the hash {dataset.hash} in src/programs, if that is what it should be")
    return replace(dataset, sample=not source.real)
