"""Obtain the data that a .dvc document pins: DVC's cache, DVC's remote, an archive, the published address, the sample.

Whichever way the bytes come, they are verified before they are put in place, and the document stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.contract import identity
from harness.contract.errors import DataError, SettingError
from harness.contract.plan import DatasetId
from harness.contract.source import Sample, Source
from harness.data import samples, turn
from harness.data.dvc import NotThere, Project
from harness.data.pins import Pin, pinned
from harness.runs import removal
from harness.settings.schema import Data

if TYPE_CHECKING:
    from harness.data.download import Patience

CACHE = ".cache"  # below the project: downloads, versions, the sample


@dataclass(frozen=True)
class Obtained:
    """Where the data is (absolute), what it is, and how it came; `tried` has a line for each way that failed before."""

    folder: Path
    dataset: DatasetId
    how: str
    tried: tuple[str, ...]


def expected(root: Path, settings: Data, source: Source) -> Obtained:
    """What `obtain` should come to, as far as that is known without fetching or writing anything.

    Raises:
        DataError: the document cannot be read, or the folder holds something else.
    """
    root = root.resolve()
    if settings.pin is None:
        source_sample = samples.only(source)
        folder = root / CACHE / source_sample.name
        if _holds_something(folder):
            return Obtained(folder, samples.write(folder, source_sample), "its own sample", ())
        known = DatasetId(source_sample.name, source_sample.hash, 0, not source_sample.real, ())
        return Obtained(folder, known, "not written yet", ())
    pin = pinned(root, settings.pin)
    folder, project = root / pin.folder, Project(root, pin.document, pin.hash, lambda line: None)
    if _holds_something(folder):
        return Obtained(folder, _check(folder, pin, project, source), "already there", ())
    published = source.published.dataset if source.published else None
    if published is None or pin.hash != published.hash:
        published = DatasetId("custom", pin.hash, 0, False, project.listing())
    return Obtained(folder, published, "not fetched", ())


def obtain(
    root: Path, settings: Data, source: Source, say: Callable[[str], None], patience: "Patience | None" = None
) -> Obtained:
    """The pinned data, in its place; else the sample or a refusal, as the settings say.

    Raises:
        DataError: the folder or the archive that was named holds something else, or nothing was found and the sample
            is not wanted.
        SettingError: the archive that was named does not exist.
        NotReady: a file or folder cannot be written.
    """
    root = root.resolve()
    if settings.pin is None:
        return sample(root, samples.only(source))
    pin = pinned(root, settings.pin)
    folder, cache, project = root / pin.folder, root / CACHE, Project(root, pin.document, pin.hash, say)
    if _holds_something(folder):
        return Obtained(folder, _check(folder, pin, project, source), "already there", ())

    archive, url, published = settings.archive, settings.url, source.published

    def from_archive() -> None:
        if archive is None:
            raise NotThere("none is named; python src/fetch.py archive=PATH takes the official one or a folder")
        path = Path(archive)
        if not path.exists():
            raise SettingError(
                f"archive={archive} does not exist",
                legal="an archive or an extracted folder",
                command="python src/fetch.py archive=PATH",
            )
        _take(path, cache, pin, project, source)

    def from_address() -> None:
        if published is None or url is None:
            raise NotThere("this program's data has no published address")
        if pin.hash != published.dataset.hash:
            raise NotThere(f"{pin.document} pins other data than the published {published.dataset.name}")
        from harness.data import download  # late, like all that a call which finds the data in place does without

        target = cache / published.archive
        say(f"downloading {url}")
        try:
            download.download(url, target, published.size, published.md5, say, patience)
        except download.Failed as error:
            raise NotThere(str(error)) from error
        _take(target, cache, pin, project, source)
        target.unlink()

    tried = []
    with turn.taken(cache, say):
        if _holds_something(folder):  # another process was quicker
            return Obtained(folder, _check(folder, pin, project, source), "already there", ())
        for how, way in (
            ("DVC cache", project.from_cache),
            ("DVC remote", project.from_remote),
            (f"archive {archive or ''}".strip(), from_archive),
            (url or "published address", from_address),
        ):
            try:
                way()
            except NotThere as reason:
                tried.append(f"{how}: {' '.join(str(reason).split())}")
            else:
                return Obtained(folder, _check(folder, pin, project, source), how, tuple(tried))
        if settings.on_missing == "fail" or source.sample is None:
            what = f"the data that {pin.document} pins cannot be had; tried {' | '.join(tried)}"
            legal = "on_missing=sample" if source.sample else ""
            raise DataError(what, legal=legal, command="python src/fetch.py archive=PATH")
        folder = cache / source.sample.name
        return Obtained(folder, samples.write(folder, source.sample), "bundled sample", tuple(tried))


def sample(root: Path, source: Sample) -> Obtained:
    """The bundled sample, written where it is not there yet.

    Raises:
        NotReady: it cannot be written.
    """
    folder = root.resolve() / CACHE / source.name
    with turn.taken(folder.parent):
        return Obtained(folder, samples.write(folder, source), "bundled sample", ())


def place(root: Path, settings: Data, source: Source) -> Path:
    """Where the data lies, whether it is there or not.

    Raises:
        DataError: there is none.
    """
    if settings.pin is None:
        return root / CACHE / samples.only(source).name
    return root / pinned(root, settings.pin).folder


def _holds_something(folder: Path) -> bool:
    return folder.is_symlink() or folder.is_file() or (folder.is_dir() and any(folder.iterdir()))


def _check(folder: Path, pin: Pin, project: Project, source: Source) -> DatasetId:
    """What a folder holds, if that is what is pinned; otherwise the file that is wrong is named."""
    dataset = identity.identify(folder, "custom")
    published = source.published.dataset if source.published else None
    if dataset.hash == pin.hash:
        if source.sample and dataset.hash == source.sample.hash:
            return replace(dataset, name=source.sample.name, sample=True)
        return replace(dataset, name=published.name) if published and dataset.hash == published.hash else dataset
    files = published.files if published and pin.hash == published.hash else project.listing()
    whole = not project.faults()
    aside = f"mv {pin.folder} {pin.folder}.damaged && python src/fetch.py"
    repair = f"dvc checkout --force {pin.document}" if whole else aside
    if files:
        identity.compare(dataset, DatasetId(f"what {pin.document} pins", pin.hash, 0, False, files), repair)
    raise DataError(
        f"{pin.folder}/ holds {dataset.hash} and {pin.document} pins {pin.hash}",
        command=f"{repair}; to pin what is there: dvc add {pin.folder}",
    )


def _take(path: Path, cache: Path, pin: Pin, project: Project, source: Source) -> None:
    """Unpack beside, verify, and only then put it in its place and into DVC's cache."""
    from harness.data import published_archive

    if source.published is None:
        raise NotThere("this program's data comes in no archive")
    unpacked = cache / "unpacked"
    removal.remove(unpacked, cache)  # of a process that was killed
    unpacked.mkdir()
    try:
        published_archive.unpack(path, unpacked, [file.path for file in source.published.dataset.files])
        dataset = identity.identify(unpacked, "custom")
        if dataset.hash != pin.hash:
            raise DataError(
                f"{path} holds {dataset.hash} and {pin.document} pins {pin.hash}",
                command=f"python src/fetch.py archive=PATH of that data; to pin other data: dvc add {pin.folder}",
            )
        unpacked.rename(project.root / pin.folder)
    finally:
        removal.remove(unpacked, cache)
    project.take_into_cache()
