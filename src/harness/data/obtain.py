"""Obtaining the bytes that data.dvc pins: DVC's cache, DVC's remote, an archive, the official address, or the sample.

Whichever way they come, they are verified before they stand in data/, and data.dvc stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from harness.contract import atomic
from harness.contract import identity
from harness.contract.errors import SettingError
from harness.contract.errors import NotReady
from harness.contract.errors import DataError
from harness.contract.plan import DatasetId
from harness.contract.program import Published
from harness.data.dvc import NotThere
from harness.data.dvc import Project
from harness.data.pins import DOCUMENT
from harness.data.pins import pinned
from harness.locks import _alone
from harness.settings.schema import Data
from pathlib import Path
from programs.cifar10.host import published
from programs.cifar10.host.published import OFFICIAL
from typing import TYPE_CHECKING
import shutil

if TYPE_CHECKING:
    from harness.data import download


@dataclass(frozen=True)
class Obtained:
    """Where the data is (absolute; its content is cifar-10-batches-py/), what it is, and how it came.

    `tried` has a line for each way that failed before.
    """

    folder: Path
    dataset: DatasetId
    how: str
    tried: tuple[str, ...]


def expected(root: Path, official: Published = OFFICIAL) -> Obtained:
    """What `obtain` should come to, as far as that is known without fetching or writing anything.

    Raises:
        DataError: data.dvc cannot be read, or data/ holds something else.
    """
    root = root.resolve()
    project = Project(root, DOCUMENT, pinned(root), lambda line: None)
    if _holds_something(root / "data"):
        return Obtained(root / "data", _check(root / "data", project, official), "already there", ())
    known = official.dataset
    if project.pin != known.hash:
        known = DatasetId("custom", project.pin, 0, False, project.listing())
    return Obtained(root / "data", known, "not fetched", ())


def obtain(
    root: Path,
    wanted: Data,
    say: Callable[[str], None],
    official: Published = OFFICIAL,
    patience: "download.Patience | None" = None,
) -> Obtained:
    """The data that data.dvc pins, in data/; else the sample or a refusal, as `wanted` says.

    Raises:
        DataError: data/ or the archive that was named holds something else, or nothing was found and the sample
            is not wanted.
        SettingError: the archive that was named does not exist.
        NotReady: a file or folder cannot be written.
    """
    root = root.resolve()
    project = Project(root, DOCUMENT, pinned(root), say)
    data, cache = root / "data", root / ".cache"
    if _holds_something(data):
        return Obtained(data, _check(data, project, official), "already there", ())

    archive, url = wanted.archive, wanted.url

    def from_archive() -> None:
        if archive is None:
            raise NotThere("none is named; python src/fetch.py archive=PATH takes the official one or a folder")
        path = Path(archive).expanduser()
        if not path.exists():
            raise SettingError(
                f"archive={archive} does not exist",
                legal="an archive or an extracted folder",
                command="python src/fetch.py archive=PATH",
            )
        _take(path, cache, project)

    def from_address() -> None:
        if project.pin != official.dataset.hash:
            raise NotThere(f"{DOCUMENT} pins other data than the published CIFAR-10")
        from harness.data import download  # late, like all that a call which finds the data in place does without

        target = cache / official.archive
        say(f"downloading {url}")
        try:
            download.download(url, target, official.size, official.md5, say, patience)
        except download.Failed as error:
            raise NotThere(str(error)) from error
        _take(target, cache, project)
        target.unlink()

    tried = []
    with _alone(cache):
        if _holds_something(data):  # another process was quicker
            return Obtained(data, _check(data, project, official), "already there", ())
        for how, way in (
            ("DVC cache", project.from_cache),
            ("DVC remote", project.from_remote),
            (f"archive {archive or ''}".strip(), from_archive),
            (url, from_address),
        ):
            try:
                way()
            except NotThere as reason:
                tried.append(f"{how}: {' '.join(str(reason).split())}")
            else:
                return Obtained(data, _check(data, project, official), how, tuple(tried))
        if wanted.on_missing == "fail":
            what = f"the data that {DOCUMENT} pins cannot be had; tried {' | '.join(tried)}"
            raise DataError(what, legal="on_missing=sample", command="python src/fetch.py archive=PATH")
        stand_in = cache / published.SAMPLE_NAME
        return Obtained(stand_in, _sample(stand_in), "bundled sample", tuple(tried))


def version(root: Path, pin: str, say: Callable[[str], None]) -> Path:
    """A folder with the version of data/ that has this directory hash, out of DVC's cache or remote; data/ stays.

    Raises:
        NotReady: neither has it, or the folder cannot be written.
    """
    root = root.resolve()
    folder, project = root / ".cache" / "versions" / pin, Project(root, DOCUMENT, pin, say)
    try:
        (root / ".cache").mkdir(exist_ok=True)
        with _alone(root / ".cache"):
            if not _holds(folder, pin):  # links into a cache that may have lost some since
                shutil.rmtree(folder, ignore_errors=True)
                with atomic.folder(folder) as temporary:
                    project.link(temporary)
    except NotThere as reason:
        raise NotReady(f"DVC's cache does not have {pin}: {reason}", command="dvc fetch --all-commits") from reason
    return folder


def sample(root: Path) -> Obtained:
    """The bundled sample, written where it is not there yet.

    Raises:
        NotReady: it cannot be written.
    """
    stand_in = root.resolve() / ".cache" / published.SAMPLE_NAME
    stand_in.parent.mkdir(exist_ok=True)
    with _alone(stand_in.parent):
        return Obtained(stand_in, _sample(stand_in), "bundled sample", ())


def _holds(folder: Path, pin: str) -> bool:
    try:
        return identity.identify(folder, "custom").hash == pin
    except DataError:
        return False


def _holds_something(data: Path) -> bool:
    return data.is_symlink() or data.is_file() or (data.is_dir() and any(data.iterdir()))


def _check(data: Path, project: Project, official: Published) -> DatasetId:
    """What data/ holds, if that is what is pinned; otherwise the file that is wrong is named."""
    found = identity.identify(data, "custom")
    if found.hash == project.pin:
        if found.hash == published.SAMPLE_HASH:
            return replace(found, name=published.SAMPLE_NAME, sample=True)
        return replace(found, name=official.dataset.name) if found.hash == official.dataset.hash else found
    files = official.dataset.files if project.pin == official.dataset.hash else project.listing()
    whole = not project.faults()
    repair = f"dvc checkout --force {DOCUMENT}" if whole else "mv data data.damaged && python src/fetch.py"
    if files:
        identity.compare(found, DatasetId(f"what {DOCUMENT} pins", project.pin, 0, False, files), repair)
    raise DataError(
        f"data/ holds {found.hash} and {DOCUMENT} pins {project.pin}",
        command=f"{repair}; to pin what is there: dvc add data",
    )


def _take(path: Path, cache: Path, project: Project) -> None:
    """Unpack beside, verify, and only then put it into data/ and DVC's cache."""
    from harness.data import published_archive

    unpacked = cache / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)  # of a process that was killed
    unpacked.mkdir()
    try:
        published_archive.unpack(path, unpacked)
        found = identity.identify(unpacked, "custom")
        if found.hash != project.pin:
            raise DataError(
                f"{path} holds {found.hash} and {DOCUMENT} pins {project.pin}",
                command="python src/fetch.py archive=PATH of that data; to pin other data: dvc add data",
            )
        unpacked.rename(project.root / "data")
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    project.take_into_cache()


def _sample(folder: Path) -> DatasetId:
    from programs.cifar10.host import sample  # late: it needs numpy, and most calls never come here

    try:
        found = identity.identify(folder, published.SAMPLE_NAME, sample=True)
    except DataError:
        return sample.write(folder)
    return found if found.hash == published.SAMPLE_HASH else sample.write(folder)
