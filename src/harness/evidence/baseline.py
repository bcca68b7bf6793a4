"""The run that a replay is held against: found by whatever it is called, kept beside the replay, and judged.

The replay's folder gets copies of the original's plan, record and curve: whoever follows the replay to its end can make
the verdict, and anyone can check it, when the original is gone.
"""

import dataclasses
import difflib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.contract import atomic, bundle, metrics
from harness.contract.errors import NotReady
from harness.contract.plan import Experiment, dumps, from_json
from harness.contract.record import Results, RunRecord
from harness.evidence import verdict
from harness.evidence.verdict import Band, Verdict
from harness.runs import stored
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun


def keep(run: RunFolder, found: StoredRun, files: Mapping[str, bytes] | None) -> None:
    """Copies of the original in the replay's folder; `files` is its bundle where the replay uses another.

    Raises:
        NotReady: they cannot be written.
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
        raise NotReady(f"{kept.path} cannot be written: {error.strerror}", command="df -h .") from error


def judge(run: RunFolder, record: RunRecord) -> Verdict | None:
    """Write verdict.json of a replay; None where the original came without a record."""
    kept = RunFolder(run.original)
    if not kept.record.exists():
        return None
    original = from_json(RunRecord, json.loads(kept.record.read_text()))
    try:
        rows = (metrics.epochs(kept.metrics), metrics.epochs(run.metrics))
    except (OSError, ValueError):
        rows = ((), ())
    changes = list(differences(kept.code, run.code)) if kept.code.exists() else []
    found = verdict.judge(original, record, rows, changes, band(run.path.parent, original.experiment, original.results))
    atomic.write(run.verdict, dumps(found))
    return found


def band(runs: Path, experiment: Experiment, results: Results | None) -> Band:
    """The band of an experiment with such results, from the completed runs that differ from it in their seed alone."""
    of_seed: dict[object, float] = {}
    for each in stored.everything(runs)[0]:
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
