"""Restore the data that a plan names, by content hash."""

from collections.abc import Callable
from harness.contract import identity
from harness.contract.errors import HarnessError
from harness.contract.errors import NotReady
from harness.contract.plan import DatasetId
from harness.data import obtain
from harness.data import pins
from harness.data.obtain import Obtained
from harness.planning.restore import run_git
from harness.runs.stored import StoredRun
from harness.settings.schema import Data
from pathlib import Path


def restore_data(root: Path, found: StoredRun, say: Callable[[str], None]) -> Obtained:
    """The data set that the plan names: in data/, the bundled sample, or any version that DVC's cache or remote has.

    Raises:
        NotReady: none of them holds it.
    """
    wanted = found.plan.experiment.dataset
    if wanted.sample:
        made = obtain.sample(root)
        if made.dataset == wanted:
            return made
    try:
        here = obtain.obtain(root, Data("fail", None, "http://"), say) if _pinned(root, wanted) else _present(root)
        if here is not None and here.dataset.files == wanted.files:
            return Obtained(here.folder, wanted, here.how, here.tried)
        why = f"data/ holds {here.dataset.hash}" if here else "data/ holds nothing"
    except HarnessError as error:
        why = error.what
    try:
        folder = obtain.version(root, wanted.hash, say)
    except HarnessError as error:
        seen = f"last seen by {found.run_id}{_pinning(root, wanted)}"
        what = f"its data {wanted.name} {wanted.hash} is gone: {why}; {error.what}; {seen}"
        raise NotReady(
            f"{found.run_id} cannot be replayed: {what}",
            legal="data=here takes what is there",
            command="dvc fetch --all-commits data.dvc",
        ) from error
    return Obtained(folder, wanted, "DVC", ())


def _pinned(root: Path, wanted: DatasetId) -> bool:
    return pins.pinned(root) == wanted.hash


def _present(root: Path) -> Obtained | None:
    """What lies in data/, whatever data.dvc says."""
    folder = root / "data"
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    return Obtained(folder, identity.identify(folder, "custom"), "already there", ())


def _pinning(root: Path, wanted: DatasetId) -> str:
    """The newest commit whose data.dvc pins it, in words."""
    log = run_git(root, "log", "--all", "-1", "--format=%h of %cs", f"-S{wanted.hash}", "--", pins.DOCUMENT)
    return f", pinned in {pins.DOCUMENT} about commit {log.stdout.strip()}" if log.stdout.strip() else ""
