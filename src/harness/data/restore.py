"""Restore the data that a plan names, by content hash."""

from collections.abc import Callable
from pathlib import Path

from harness.contract import atomic, identity, legal
from harness.contract.errors import DataError, HarnessError, NotReady
from harness.contract.plan import DatasetId
from harness.contract.source import Source
from harness.data import obtain, pins, turn
from harness.data.dvc import NotThere, Project
from harness.data.obtain import Obtained
from harness.provenance import repository
from harness.runs import removal
from harness.runs.stored import StoredRun
from harness.settings.schema import Data


def restore_data(
    root: Path, run: StoredRun, settings: Data, source: Source, say: Callable[[str], None], fetch: bool = True
) -> Obtained:
    """The data set that the plan names: in its place, the bundled sample, or any version that DVC has, here or remote.

    Without `fetch`, the remote is not asked for an earlier version.

    Raises:
        NotReady: none of them holds it.
    """
    wanted = run.plan.experiment.dataset
    if source.sample and (wanted.sample or source.sample.real):
        sample = obtain.sample(root, source.sample)
        if sample.dataset == wanted:
            return sample
    try:
        present = _present(root, wanted, settings, source, say)
        if present is not None and present.dataset.files == wanted.files:
            return Obtained(present.folder, wanted, present.how, present.tried)
        why = f"data/ holds {present.dataset.hash}" if present else "data/ holds nothing"
    except HarnessError as error:
        why = error.what
    try:
        folder = version(root, settings.pin, wanted.hash, say, fetch)
    except HarnessError as error:
        seen = f"last seen by {run.run_id}{_pinning(root, settings.pin, wanted)}"
        what = f"its data {wanted.name} {wanted.hash} is gone: {why}; {error.what}; {seen}"
        raise NotReady(
            f"{run.run_id} cannot be replayed: {what}",
            legal="data=here takes what is there",
            command=f"dvc fetch --all-commits {settings.pin or ''}".rstrip(),
        ) from error
    return Obtained(folder, wanted, "DVC", ())


def version(root: Path, document: str | None, content: str, say: Callable[[str], None], fetch: bool) -> Path:
    """A folder with the version of the data that has this directory hash, out of DVC's cache.

    The data in its place stays. `fetch` allows to ask DVC's remote for what the cache lacks.

    Raises:
        NotReady: there is no such version, or the folder cannot be written.
        DataError: no data is pinned.
    """
    if not legal.DIRECTORY.test(content):
        raise NotReady(f"{content[:100]!r} is no version of the data", legal=legal.DIRECTORY.legal)
    root, document = root.resolve(), pins.named(document)
    versions = root / obtain.CACHE / "versions"
    folder, project = versions / content, Project(root, document, content, say)
    try:
        with turn.taken(versions.parent):
            if not _holds(folder, content):  # links into a cache that may have lost some since
                removal.remove(folder, versions)
                with atomic.folder(folder) as temporary:
                    project.link(temporary, fetch)
    except NotThere as reason:
        raise NotReady(f"DVC's cache does not have {content}: {reason}", command="dvc fetch --all-commits") from reason
    except OSError as error:
        raise NotReady(f"{error.filename or folder}: {error.strerror or error}", command="df -h .") from error
    return folder


def _holds(folder: Path, content: str) -> bool:
    try:
        return identity.identify(folder, "custom").hash == content
    except DataError:
        return False


def _present(
    root: Path, wanted: DatasetId, settings: Data, source: Source, say: Callable[[str], None]
) -> Obtained | None:
    """What lies in the data folder, fetched where the document pins just that."""
    pin = pins.pinned(root, settings.pin)
    if pin.hash == wanted.hash:
        return obtain.obtain(root, Data(settings.pin, "fail", None, settings.url), source, say)
    folder = root / pin.folder
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    return Obtained(folder, identity.identify(folder, "custom"), "already there", ())


def _pinning(root: Path, document: str | None, wanted: DatasetId) -> str:
    """The newest commit whose document pins it, in words."""
    if document is None:
        return ""
    log = repository.run(root, "log", "--all", "-1", "--format=%h of %cs", f"-S{wanted.hash}", "--", document)
    return f", pinned in {document} about commit {log.stdout.strip()}" if log.stdout.strip() else ""
