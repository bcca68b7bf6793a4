"""The baseline of a replay: store a copy with the replay, compare against it.

The replay's folder gets copies of the baseline's plan, record and metrics: whoever follows the replay to its end can
reach the verdict, and anyone can check it, when the baseline itself is gone.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.contract import atomic, bundle, legal, metrics
from harness.contract.errors import NotReady
from harness.contract.plan import Description
from harness.contract.record import RunRecord
from harness.contract.serial import LARGEST, dumps, from_json, parse
from harness.evidence import counting, verdict
from harness.evidence.band import Band, estimate
from harness.evidence.noise import Noise
from harness.evidence.noise import judge as judge_noise
from harness.evidence.verdict import Verdict
from harness.runs import catalog, reading, run_folder, schema1, stored
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun

LINES = 20_000  # of a file in both bundles; comparing more takes minutes


def keep(run: RunFolder, baseline: StoredRun, files: Mapping[str, bytes] | None, foreign: str | None = None) -> None:
    """Store a copy of the baseline in the replay's folder; `files` is its bundle where the replay uses another.

    `foreign` says whose code the replay runs where that is not this repository's.

    Raises:
        NotReady: it cannot be written.
    """
    try:
        with atomic.folder(run.baseline) as temporary:
            copy = RunFolder(temporary)
            copy.plan.write_text(run_folder.plan_text(baseline.plan))
            if baseline.record:
                copy.record.write_text(dumps(baseline.record))
            if baseline.epochs:
                copy.metrics.write_bytes(reading.content(baseline.folder.metrics, metrics.LARGEST))
            if files is not None:
                bundle.write(files, copy.code)
            if foreign is not None:
                copy.foreign.write_text(foreign)
    except (OSError, ValueError) as error:
        raise NotReady(f"{run.baseline} cannot be written: {error}", command="df -h .") from error


def judge(run: RunFolder, record: RunRecord, dataset: Path) -> Verdict | None:
    """Write verdict.json of a replay; None where the baseline came without a record.

    Where the replay ran code that is not this repository's, its model is scored again with this checkout's program on
    `dataset`, the folder of its data: who wrote that code could count as they liked.
    """
    baseline = stored.read(RunFolder(run.baseline))
    if baseline.record is None:
        return None
    try:
        rows = (baseline.epochs, metrics.epochs(run.metrics))
    except (OSError, ValueError):
        rows = ((), ())
    code = baseline.folder.code  # there where the replay runs another
    changes = list(differences(reading.code(code), reading.code(run.code))) if code.exists() else []
    foreign = RunFolder(run.baseline).foreign
    whose = foreign.read_text() if foreign.exists() else None
    again = counting.again(run, record, dataset) if whose and record.results else None
    examples = again.examples if again else record.results.examples if record.results else 0
    # Width and number of examples are this project's own: the baseline's record may say anything of them.
    allowed = band(run.path.parent, baseline, record.description, examples)
    judged = verdict.judge(baseline.record, record, rows, changes, allowed)
    judged = counting.added(judged, record, whose, again)
    atomic.write(run.verdict, dumps(judged))
    return judged


def read_verdict(run: RunFolder) -> Verdict:
    """The verdict on a replay, of any schema.

    Raises:
        OSError, ValueError: there is none, or it cannot be read by this version.
    """
    return from_json(Verdict, schema1.upgrade_verdict(parse(reading.content(run.verdict, LARGEST))))


def band(runs: Path, run: StoredRun, description: Description | None = None, examples: int | None = None) -> Band:
    """The band of a run's experiment, from the completed runs that differ from it in their seed alone.

    `description` and `examples` replace what the run itself says of its metrics and of the test data.
    """
    described = description or run.plan.description
    of_seed: dict[object, float] = {}
    for seed, record in seeds(catalog.alike(runs, run.plan.experiment), run).items():
        value = record.value("test")
        if value is not None and record.description.objective.name == described.objective.name:
            of_seed[seed] = value
    results = run.record.results if run.record else None
    if results and examples is not None:
        results = dataclasses.replace(results, examples=examples)
    return estimate(list(of_seed.values()), described, results)


def seeds(runs: Sequence[StoredRun], run: StoredRun) -> dict[object, RunRecord]:
    """The records of `siblings`."""
    return {seed: each.record for seed, each in siblings(runs, run).items() if each.record}


def siblings(runs: Sequence[StoredRun], run: StoredRun) -> dict[object, StoredRun]:
    """The newest completed run of each seed, of those that differ from a run in their seed alone; itself too."""
    experiment = run.plan.experiment
    seed = {"seed": experiment.config["seed"]} if "seed" in experiment.config else {}
    of_seed: dict[object, StoredRun] = {}
    for each in (*runs, run):
        other = each.plan.experiment
        alike = dataclasses.replace(other, config={**other.config, **seed}) == experiment
        if alike and each.record and each.status == "completed":
            of_seed[other.config.get("seed")] = each
    return of_seed


def noise(runs: Sequence[StoredRun], old: StoredRun, new: StoredRun) -> list[Noise]:
    """For each metric of two runs: is its change larger than what another seed changes? Over all their seeds.

    None where the two differ in their seed alone, or saw other data.
    """
    groups = [list(seeds(runs, run).values()) for run in (old, new)]
    same_data = old.plan.experiment.dataset.hash == new.plan.experiment.dataset.hash
    if not same_data or {each.run_id for each in groups[0]} & {each.run_id for each in groups[1]}:
        return []
    judged = []
    for metric in old.plan.description.metrics:
        name = f"test_{metric.name}"
        values = [
            [each.results.metrics[name] for each in group if each.results and name in each.results.metrics]
            for group in groups
        ]
        if all(values):
            judged.append(judge_noise(metric, *values))
    return judged


def differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    """A line for each file of two bundles that differs: its name, lines added, lines removed."""
    for name in sorted({*before, *after} - {bundle.LOCK}):
        if before.get(name) == after.get(name):
            continue
        was, now = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
        if len(was) + len(now) > LINES:
            yield f"{legal.spelled(name)}: {len(was)} -> {len(now)} lines"
            continue
        lines = list(difflib.unified_diff(was, now, n=0, lineterm=""))[2:]  # without the two names
        added, removed = (sum(line.startswith(mark) for line in lines) for mark in "+-")
        yield f"{legal.spelled(name)} +{added} -{removed}"
