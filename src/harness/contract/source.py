"""Where a program's data comes from beyond DVC."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.contract.plan import DatasetId


@dataclass(frozen=True)
class Published:
    """A data set as it was published: its content, and the archive in which its files lie under their own paths."""

    dataset: DatasetId
    archive: str
    md5: str
    size: int


@dataclass(frozen=True)
class Sample:
    """A small data set that the project makes itself, and that stands in where the real one cannot be had.

    Where `data.pin` is null it is all the data that there is; `real` then says that it is the data that was meant.

    Attributes:
        name, hash: as its DatasetId has them.
        write: makes it in a folder; the bytes are the same on every machine.
        warning: one line for everybody who sees a result of it.
        real: whether it stands in for nothing: no result is to be warned of, and the cloud trains on it.
    """

    name: str
    hash: str
    write: Callable[[Path], DatasetId]
    warning: str = ""
    real: bool = False


@dataclass(frozen=True)
class Source:
    """Where a program's data comes from beyond DVC; None where there is no such way."""

    published: Published | None = None
    sample: Sample | None = None
