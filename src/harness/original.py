"""The run that a replay is held against: found by whatever it is called, kept beside the replay, and judged.

The replay's folder gets copies of the original's plan, record and curve: whoever follows the replay to its end can make
the verdict, and anyone can check it, when the original is gone.
"""

import contextlib
import dataclasses
import difflib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness import atomic, bundle, catalog, tracking, verdict
from harness.catalog import Past
from harness.errors import ChangeSetting, PreparePlace
from harness.folders import RunFolder
from harness.plan import Experiment, dumps, experiment_id, from_json
from harness.record import Results, RunRecord
from harness.verdict import Band, Verdict

LEGAL = "a run's folder, id or Comet key, `last`, an exported archive, a Comet archive, a plan.json"


def find(runs: Path, name: str, scratch: Path) -> Past:
    """The run of that name; an archive is unpacked into `scratch`.

    A plan alone is given the record of its run, or of the newest completed one of its experiment, where that is here.

    Raises:
        PreparePlace, ChangeSetting: there is none, or it is not whole.
    """
    path = Path(name)
    if path.is_file() and path.suffix == ".zip":
        from harness import exported

        with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else contextlib.nullcontext() as archive:
            ours = archive is not None and exported.METADATA in archive.namelist()
        opened = exported.open_archive(path, scratch) if ours else exported.open_comet(path, scratch)
        found = catalog.read(opened)
    elif path.is_file():
        found = _of_plan(runs, path, scratch)
    elif re.fullmatch(r"[0-9a-f]{40}", name):
        found = _of_key(runs, name, scratch)
    elif (path / "plan.json").exists() or name == "last" or ("/" not in name and any(runs.glob(f"{name}*/plan.json"))):
        found = catalog.named(runs, name)
    else:
        raise ChangeSetting(f"{name}: there is no such run", legal=LEGAL, command=f"ls {runs}")
    _check(found)
    return found


def _of_plan(runs: Path, path: Path, scratch: Path) -> Past:
    run = RunFolder(scratch)
    shutil.copyfile(path, run.plan)
    try:
        planned = run.planned()
    except (OSError, ValueError) as error:
        raise ChangeSetting(f"{path} is no plan that this version can read: {error}", legal=LEGAL) from error
    same = [
        each for each in catalog.everything(runs)[0] if each.record and each.plan.experiment_id == planned.experiment_id
    ]
    same.sort(key=lambda each: (each.run_id == planned.run_id, each.status == "completed", each.run_id))
    if same and (same[-1].run_id == planned.run_id or same[-1].status == "completed"):
        return dataclasses.replace(same[-1], plan=planned)
    return Past(run, planned, None, ())


def _of_key(runs: Path, key: str, scratch: Path) -> Past:
    from harness import exported

    for each in catalog.everything(runs)[0]:
        if tracking.experiment_key(each.run_id) == key:
            return each
    if not tracking.has_key():
        what = f"no run in {runs} has the Comet key {key}, and Comet cannot be asked without an API key"
        raise PreparePlace(what, legal=LEGAL, command="export COMET_API_KEY=…")
    return catalog.read(exported.fetch_comet(key, scratch))


def _check(found: Past) -> None:
    """Refuse a plan or record that was edited.

    Raises:
        PreparePlace: as it says.
    """
    if experiment_id(found.plan.experiment) != found.plan.experiment_id:
        raise PreparePlace(f"{found.run_id} cannot be replayed: its plan was changed after it was made")
    if found.record and found.record.experiment != found.plan.experiment:
        raise PreparePlace(f"{found.run_id} cannot be replayed: its record is of another plan")


def keep(run: RunFolder, found: Past, files: Mapping[str, bytes] | None) -> None:
    """Copies of the original in the replay's folder; `files` is its bundle where the replay uses another.

    Raises:
        PreparePlace: they cannot be written.
    """
    kept = RunFolder(run.original)
    try:
        with atomic.folder(kept.path) as temporary:
            new = RunFolder(temporary)
            new.plan.write_text(dumps(found.plan))
            if found.record:
                new.record.write_text(dumps(found.record))
            if found.folder.metrics.exists():
                shutil.copyfile(found.folder.metrics, new.metrics)
            if files is not None:
                bundle.write(files, new.code)
    except OSError as error:
        raise PreparePlace(f"{kept.path} cannot be written: {error.strerror}", command="df -h .") from error


def judge(run: RunFolder, record: RunRecord) -> Verdict | None:
    """Write verdict.json of a replay; None where the original came without a record."""
    kept = RunFolder(run.original)
    if not kept.record.exists():
        return None
    original = from_json(RunRecord, json.loads(kept.record.read_text()))
    try:
        rows = (catalog.epochs(kept.metrics), catalog.epochs(run.metrics))
    except (OSError, ValueError):
        rows = ((), ())
    changes = list(differences(kept.code, run.code)) if kept.code.exists() else []
    found = verdict.judge(original, record, rows, changes, band(run.path.parent, original.experiment, original.results))
    atomic.write(run.verdict, dumps(found))
    return found


def band(runs: Path, experiment: Experiment, results: Results | None) -> Band:
    """The band of an experiment with such results, from the completed runs that differ from it in their seed alone."""
    of_seed: dict[object, float] = {}
    for each in catalog.everything(runs)[0]:
        other = each.plan.experiment
        alike = dataclasses.replace(other, config={**other.config, "seed": experiment.config["seed"]}) == experiment
        if alike and each.record and each.record.results and each.status == "completed":
            of_seed[other.config["seed"]] = each.record.results.test_accuracy
    return verdict.band(list(of_seed.values()), results)


def differences(old: Path, new: Path) -> Iterator[str]:
    """A line for each file of two bundles that differs: its name, lines added, lines removed."""
    before, after = bundle.received(old), bundle.received(new)
    for name in sorted(before.keys() | after.keys()):
        if not name.endswith(".py") or before.get(name) == after.get(name):
            continue
        was, now = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
        lines = list(difflib.unified_diff(was, now, n=0, lineterm=""))[2:]  # without the two names
        added, removed = (sum(line.startswith(mark) for line in lines) for mark in "+-")
        yield f"{name} +{added} -{removed}"
