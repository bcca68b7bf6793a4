"""Obtaining the bytes that data.dvc pins: DVC's cache, DVC's remote, an archive, the official address, or the sample.

Whichever way they come, they are verified before they stand in data/, and data.dvc stays as it is.
"""

import fcntl
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import atomic, identity
from harness.dvc import NotThere, Project
from harness.errors import ChangeSetting, PreparePlace, RepairData
from harness.plan import DatasetId
from harness.settings import Data

if TYPE_CHECKING:
    from harness import download

DOCUMENT = "data.dvc"


@dataclass(frozen=True)
class Published:
    """A data set as it was published: its content and the archive that it comes in."""

    dataset: DatasetId
    archive: str
    md5: str
    size: int


OFFICIAL = Published(identity.CIFAR10, "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071)


@dataclass(frozen=True)
class Obtained:
    """Where the data is (absolute; its content is cifar-10-batches-py/), what it is, and how it came.

    `tried` has a line for each way that failed before.
    """

    folder: Path
    dataset: DatasetId
    how: str
    tried: tuple[str, ...]


def pinned(root: Path) -> str:
    """The directory hash in data.dvc.

    Raises:
        RepairData: data.dvc is absent, unreadable, or does not pin the folder data.
    """
    import yaml

    try:
        (out,) = yaml.safe_load((root / DOCUMENT).read_text())["outs"]
        pin, path = out["md5"], out["path"]
    except FileNotFoundError as error:
        raise RepairData(f"{DOCUMENT} is missing", command=f"git checkout -- {DOCUMENT}") from error
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise RepairData(f"{DOCUMENT} cannot be read", command=f"git checkout -- {DOCUMENT}") from error
    if path != "data" or not isinstance(pin, str) or len(pin) != 36 or not pin.endswith(".dir"):
        raise RepairData(f"{DOCUMENT} does not pin the folder data", command=f"git checkout -- {DOCUMENT}")
    return pin


def pinned_at(root: Path, revision: str) -> str:
    """The directory hash in data.dvc as of a commit, branch or tag.

    Raises:
        PreparePlace: git does not have it there.
    """
    command = ["git", "-C", str(root), "show", f"{revision}:./{DOCUMENT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    found = re.search(r"(?m)^\s*-?\s*md5: ([0-9a-f]{32}\.dir)$", done.stdout) if done and not done.returncode else None
    if found is None or revision.startswith("-"):
        raise PreparePlace(
            f"{revision} has no {DOCUMENT}", legal="a commit, branch or tag", command=f"git log {DOCUMENT}"
        )
    return found[1]


def expected(root: Path, official: Published = OFFICIAL) -> Obtained:
    """What `obtain` should come to, as far as that is known without fetching or writing anything.

    Raises:
        RepairData: data.dvc cannot be read, or data/ holds something else.
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
        RepairData: data/ or the archive that was named holds something else, or nothing was found and the sample
            is not wanted.
        ChangeSetting: the archive that was named does not exist.
        PreparePlace: a file or folder cannot be written.
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
            raise ChangeSetting(
                f"archive={archive} does not exist",
                legal="an archive or an extracted folder",
                command="python src/fetch.py archive=PATH",
            )
        _take(path, cache, project)

    def from_address() -> None:
        if project.pin != official.dataset.hash:
            raise NotThere(f"{DOCUMENT} pins other data than the published CIFAR-10")
        from harness import download  # late, like all that a call which finds the data in place does without

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
            raise RepairData(what, legal="on_missing=sample", command="python src/fetch.py archive=PATH")
        stand_in = cache / identity.SAMPLE_NAME
        return Obtained(stand_in, _sample(stand_in), "bundled sample", tuple(tried))


def version(root: Path, pin: str, say: Callable[[str], None]) -> Path:
    """A folder with the version of data/ that has this directory hash, out of DVC's cache or remote; data/ stays.

    Raises:
        PreparePlace: neither has it, or the folder cannot be written.
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
        raise PreparePlace(f"DVC's cache does not have {pin}: {reason}", command="dvc fetch --all-commits") from reason
    return folder


def sample(root: Path) -> Obtained:
    """The bundled sample, written where it is not there yet.

    Raises:
        PreparePlace: it cannot be written.
    """
    stand_in = root.resolve() / ".cache" / identity.SAMPLE_NAME
    stand_in.parent.mkdir(exist_ok=True)
    with _alone(stand_in.parent):
        return Obtained(stand_in, _sample(stand_in), "bundled sample", ())


def _holds(folder: Path, pin: str) -> bool:
    try:
        return identity.identify(folder, "custom").hash == pin
    except RepairData:
        return False


def _holds_something(data: Path) -> bool:
    return data.is_symlink() or data.is_file() or (data.is_dir() and any(data.iterdir()))


def _check(data: Path, project: Project, official: Published) -> DatasetId:
    """What data/ holds, if that is what is pinned; otherwise the file that is wrong is named."""
    found = identity.identify(data, "custom")
    if found.hash == project.pin:
        if found.hash == identity.SAMPLE_HASH:
            return replace(found, name=identity.SAMPLE_NAME, sample=True)
        return replace(found, name=official.dataset.name) if found.hash == official.dataset.hash else found
    files = official.dataset.files if project.pin == official.dataset.hash else project.listing()
    whole = not project.faults()
    repair = f"dvc checkout --force {DOCUMENT}" if whole else "mv data data.damaged && python src/fetch.py"
    if files:
        identity.compare(found, DatasetId(f"what {DOCUMENT} pins", project.pin, 0, False, files), repair)
    raise RepairData(
        f"data/ holds {found.hash} and {DOCUMENT} pins {project.pin}",
        command=f"{repair}; to pin what is there: dvc add data",
    )


def _take(path: Path, cache: Path, project: Project) -> None:
    """Unpack beside, verify, and only then put it into data/ and DVC's cache."""
    from harness import archive as archives

    unpacked = cache / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)  # of a process that was killed
    unpacked.mkdir()
    try:
        archives.unpack(path, unpacked)
        found = identity.identify(unpacked, "custom")
        if found.hash != project.pin:
            raise RepairData(
                f"{path} holds {found.hash} and {DOCUMENT} pins {project.pin}",
                command="python src/fetch.py archive=PATH of that data; to pin other data: dvc add data",
            )
        unpacked.rename(project.root / "data")
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    project.take_into_cache()


def _sample(folder: Path) -> DatasetId:
    from harness import sample  # late: it needs numpy, and most calls never come here

    try:
        found = identity.identify(folder, identity.SAMPLE_NAME, sample=True)
    except RepairData:
        return sample.write(folder)
    return found if found.hash == identity.SAMPLE_HASH else sample.write(folder)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One process at a time; what the file system refuses meanwhile is the user's to mend."""
    try:
        cache.mkdir(exist_ok=True)
        with (cache / "fetch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        what = f"{error.filename or cache.parent / 'data'}: {error.strerror or error}"
        raise PreparePlace(what, command="python src/fetch.py once that is mended") from error
