"""Find a run by any name: an id, a folder, an archive, a Comet key, a plan."""

import contextlib
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from harness.contract import legal
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import experiment_id
from harness.contract.serial import LARGEST
from harness.runs import catalog, reading, run_folder, stored
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings.project import ROOT
from harness.sharing import crate, promotions
from harness.tracking import key as comet_key

LEGAL = "a run's folder, id or Comet key, `last`, `promoted`, an exported archive, a Comet archive, a plan.json"


def find(runs: Path, name: str, scratch: Path) -> StoredRun:
    """The run of that name; an archive is unpacked into `scratch`.

    A plan alone is given the record of its run, or of the newest completed one of its experiment, where that is here.

    Raises:
        NotReady, SettingError: there is none, or it is not whole.
    """
    path = Path(name)
    if not name or "\0" in name:
        raise SettingError("an empty name takes no run", legal=LEGAL, command=f"ls {runs}")
    if promotions.is_name(name):
        run = _in_force(name, scratch)
    elif _is_there(path) and path.suffix == ".zip":
        from harness.sharing import run_archive

        opened = run_archive.open_archive if _is_crate(path) else run_archive.open_comet
        run = stored.read(opened(path, scratch))
    elif _is_there(path):
        run = _by_plan(runs, path, scratch)
    elif re.fullmatch(r"[0-9a-f]{40}", name):
        run = _by_comet_key(runs, name, scratch)
    elif _is_there(path / "plan.json") or name == "last" or any(each.startswith(name) for each in run_folder.ids(runs)):
        run = stored.named(runs, name)
    else:
        what = f"{legal.spelled(name[:200])}: there is no such run"
        raise SettingError(what, legal=LEGAL, command=f"ls {runs}")
    _refuse_edited(run)
    return run


def several(runs: Path, names: Sequence[str], scratch: Path) -> list[StoredRun]:
    """Runs by any name, each unpacked into a folder of its own where it is an archive; raises as `find` does."""
    found = []
    for number, name in enumerate(names):
        (folder := scratch / str(number)).mkdir()
        found.append(find(runs, name, folder))
    return found


def _in_force(name: str, scratch: Path) -> StoredRun:
    history = promotions.read(ROOT, promotions.meant(ROOT, name))
    if history.in_force is None:
        raise NotReady(f"no run of {history.program} is in force", command="python src/promote.py RUN")
    return stored.read(RunFolder(promotions.opened(ROOT, history.program, history.in_force, scratch)))


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _is_crate(path: Path) -> bool:
    """Whether an archive is one of ours; what is none at all is for its opener to say."""
    from harness.runs import unpack

    with contextlib.suppress(*unpack.DAMAGED), unpack.opened(path) as archive:
        return crate.METADATA in archive.names
    return False


def _by_plan(runs: Path, path: Path, scratch: Path) -> StoredRun:
    """The run of a plan.json, with the record of a run of its experiment where there is one."""
    folder = RunFolder(scratch)
    try:
        folder.plan.write_bytes(reading.content(path.resolve(), LARGEST))
        plan = folder.planned()
    except (OSError, ValueError) as error:
        what = f"{path} is no plan that this version can read: {legal.spelled(str(error))}"
        raise SettingError(what, legal=LEGAL) from error
    same = [each for each in catalog.of_experiment(runs, plan.experiment_id) if each.record]
    same.sort(key=lambda each: (each.run_id == plan.run_id, each.status == "completed", each.run_id))
    if same and (same[-1].run_id == plan.run_id or same[-1].status == "completed"):
        return dataclasses.replace(same[-1], plan=plan)
    return StoredRun(folder, plan, None, ())


def _by_comet_key(runs: Path, key: str, scratch: Path) -> StoredRun:
    from harness.sharing import run_archive

    for each in catalog.with_id(runs, lambda run_id: comet_key.experiment_key(run_id) == key):
        return each
    if not comet_key.has_key():
        what = f"no run in {runs} has the Comet key {key}, and Comet cannot be asked without an API key"
        raise NotReady(what, legal=LEGAL, command="export COMET_API_KEY=…")
    return stored.read(run_archive.fetch_comet(key, scratch))


def _refuse_edited(run: StoredRun) -> None:
    """Refuse a plan or record that was edited.

    Raises:
        NotReady: as it says.
    """
    if experiment_id(run.plan.experiment, run.plan.schema) != run.plan.experiment_id:
        raise NotReady(f"{run.run_id} cannot be replayed: its plan was changed after it was made")
    if run.record and run.record.experiment != run.plan.experiment:
        raise NotReady(f"{run.run_id} cannot be replayed: its record is of another plan")
