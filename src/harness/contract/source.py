"""Where a program's data comes from beyond DVC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.contract import atomic, identity
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


def made(name: str, hash: str, contents: Callable[[], Mapping[str, str | bytes]]) -> Source:
    """A source whose sample is all the data that there is: `contents` gives that of each file by path.

    Where `hash` is wrong, the first error says what it should be.
    """

    def write(folder: Path) -> DatasetId:
        for path, content in contents().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            atomic.write(folder / path, content)
        return identity.identify(folder, name)

    return Source(sample=Sample(name, hash, write, real=True))
