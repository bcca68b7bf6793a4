"""Which runs of a folder are of an experiment, and which differ from it in their seed alone: others are not read."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from harness.contract import legal
from harness.contract.errors import NotReady
from harness.contract.plan import Experiment
from harness.contract.serial import LARGEST, from_json, parse
from harness.runs import reading, schema1, stored
from harness.runs.index import Index, Kind
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun


@dataclass(frozen=True)
class Facts:
    """Of a run: its id, that of its experiment, and what runs have in common that differ in their seed alone."""

    run_id: str
    experiment_id: str
    but_for_seed: str


def of_experiment(runs: Path, experiment_id: str) -> list[StoredRun]:
    """The readable runs of an experiment, oldest first."""
    return _chosen(runs, lambda facts: facts.experiment_id == experiment_id)


def alike(runs: Path, *experiments: Experiment) -> list[StoredRun]:
    """The readable runs that differ from one of these experiments in their seed at most, oldest first; a few more."""
    wanted = {but_for_seed(each) for each in experiments}
    return _chosen(runs, lambda facts: facts.but_for_seed in wanted)


def with_id(runs: Path, fits: Callable[[str], bool]) -> list[StoredRun]:
    """The readable runs whose id, as their plan has it, fits."""
    return _chosen(runs, lambda facts: fits(facts.run_id))


def but_for_seed(experiment: Experiment) -> str:
    """Equal of experiments that differ in their seed alone; 1 and 1.0 are equal, as they are to Python."""
    config = {
        name: float(value) if isinstance(value, int | float) else value
        for name, value in experiment.config.items()
        if name != "seed"
    }
    text = json.dumps(
        [experiment.program, experiment.dataset.hash, experiment.code, experiment.lock, config], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _chosen(runs: Path, chosen: Callable[[Facts], bool]) -> list[StoredRun]:
    found = []
    for name, facts in Index(runs, KIND).facts().items():
        if isinstance(facts, Facts) and chosen(facts):
            try:
                found.append(stored.read(RunFolder(runs / name)))
            except NotReady:  # its record is damaged, or it was removed meanwhile
                continue
    return found


def _read(path: Path) -> Facts | str:
    try:
        plan: Any = schema1.upgrade_plan(parse(reading.content(path / "plan.json", LARGEST)))
        experiment = from_json(Experiment, plan["experiment"])
        if not (legal.RUN_ID.test(plan["run_id"]) and isinstance(plan["experiment_id"], str)):
            return f"{path} has no id"
        return Facts(plan["run_id"], plan["experiment_id"], but_for_seed(experiment))
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        return f"{path} cannot be read: {error}"


KIND = Kind("facts", ("plan.json",), _read, astuple, lambda value: Facts(*value), ("contract", "runs"))
