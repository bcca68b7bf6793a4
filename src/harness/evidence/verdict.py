"""The verdict on a replay: identical, equivalent or different, and why. Standard library only.

Bits are promised for one fingerprint (`record.BITS`: processor, threads, settings, lock) and one number of workers.
Across those the claim is a band on the metric that decides, which rests on its spread over seeds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract.metrics import Metric
from harness.contract.plan import Description, Experiment
from harness.contract.record import BITS, RunRecord
from harness.evidence import promises, quantity
from harness.evidence.band import Band

SCHEMA = 2
IDENTICAL, EQUIVALENT, DIFFERENT = "identical", "equivalent", "different"
Epochs = Sequence[Mapping[str, Any]]  # the rows of a metrics.csv


@dataclass(frozen=True)
class Verdict:
    """`verdict` is identical, equivalent or different; `reasons` say why, the most telling first.

    `original` is the baseline's id. `changed` names every field of the experiment and of the placement in which the two
    differ. `first_epoch` (from 1) and `first_tensor` are the first ones whose bits differ, None where none does or that
    is not known. `change` is that of the baseline's deciding metric on the test data, `metric` its name.
    """

    schema: int
    original: str
    replay: str
    verdict: str
    reasons: tuple[str, ...]
    changed: tuple[str, ...]
    first_epoch: int | None
    first_tensor: str | None
    metric: str
    change: float | None
    band: Band


def judge(
    original: RunRecord, replay: RunRecord, epochs: tuple[Epochs, Epochs], code: Sequence[str], allowed: Band
) -> Verdict:
    """Compare a replay with its baseline.

    Args:
        epochs: the rows of both runs' metrics.csv, the baseline's first.
        code: what differs between the two bundles, a line for each file; empty where they are equal or one is gone.
        allowed: the band for the deciding metric across fingerprints.
    """
    metric = original.description.objective
    what = list(_experiment(original.experiment, replay.experiment, code))
    where = list(_placement(original, replay))
    epoch, tensor = first_epoch(*epochs), first_tensor(original, replay)
    before, after = _test_value(original, metric), _test_value(replay, metric)
    change = after - before if before is not None and after is not None else None
    reasons = _evidence(original, replay, epochs, epoch, tensor)
    promised = promises.PROVEN in [promises.shown(each, promises.REPLAY) for each in (original, replay)]
    if _equal_weights(original, replay):
        # Test results are a function of the weights and the data, as long as both are evaluated alike.
        alike = _tested(original, original.description) == _tested(replay, original.description)
        word = IDENTICAL if alike else EQUIVALENT if where else DIFFERENT
    elif change is None or what or (not where and promised):
        word = DIFFERENT
    else:
        word = EQUIVALENT if allowed.holds(change) else DIFFERENT
    if not what and not where and not _equal_weights(original, replay):
        reasons.append(_unequal(original.experiment.program, promised))
    if (where or not promised) and not what and change is not None and word != IDENTICAL:
        reasons.append(_against(allowed, metric, change))
    return Verdict(
        SCHEMA,
        original.run_id,
        replay.run_id,
        word,
        (*(text for _, text in (*what, *where)), *reasons),
        tuple(name for name, _ in (*what, *where)),
        epoch,
        tensor,
        metric.name,
        change,
        allowed,
    )


def _unequal(program: str, promised: bool) -> str:
    same = "same experiment and same fingerprint"
    if promised:
        return f"{same}, on which this program is proven to replay: its bits should have been equal"
    command = f"python src/prove.py program={program}"
    return f"{same}, but nobody has proven that this program replays on it ({command}): equivalent at best"


def _against(allowed: Band, metric: Metric, change: float) -> str:
    if allowed.width is None:
        return allowed.basis
    inside = "within" if allowed.holds(change) else "outside"
    return f"{inside} the band of ±{quantity.text(metric, allowed.width)}: {allowed.basis}"


def _test_value(record: RunRecord, metric: Metric) -> float | None:
    return record.results.metrics.get(f"test_{metric.name}") if record.results else None


def _tested(record: RunRecord, description: Description) -> object:
    """What a record says of the test data, by the metrics of a description."""
    values = [_test_value(record, metric) for metric in description.metrics]
    return record.results and (values, record.results.examples, record.results.confusion)


def _equal_weights(original: RunRecord, replay: RunRecord) -> bool:
    return original.weights is not None and original.weights == replay.weights


def _experiment(old: Experiment, new: Experiment, code: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(field, words) for each difference in what is trained."""
    if old.program != new.program:
        yield "program", f"program: {old.program} -> {new.program}"
    for name in sorted(old.config.keys() | new.config.keys()):
        before, after = old.config.get(name, "not set"), new.config.get(name, "not set")
        if (before, type(before)) != (after, type(after)):
            yield name, f"{name}: {before} -> {after}"
    if old.dataset != new.dataset:
        have, want = ({file.path: file.md5 for file in each.dataset.files} for each in (new, old))
        paths = [path for path in sorted(have.keys() | want.keys()) if have.get(path) != want.get(path)]
        each = ", ".join(
            f"{path} {(want.get(path) or 'absent')[:8]} -> {(have.get(path) or 'absent')[:8]}" for path in paths
        )
        yield (
            "dataset",
            f"dataset: {old.dataset.name} {old.dataset.hash} -> {new.dataset.name} {new.dataset.hash} ({each})",
        )
    if old.code != new.code:
        yield "code", f"code: {', '.join(code) or f'sha256 {old.code[:8]} -> {new.code[:8]}'}"
    if old.lock != new.lock:
        yield "lock", f"lock: sha256 {old.lock[:8]} -> {new.lock[:8]}"


def _placement(original: RunRecord, replay: RunRecord) -> Iterator[tuple[str, str]]:
    """(field, words) for each difference in what bits depend on."""
    old, new = original.environment, replay.environment
    workers = (original.placement.instance_count, replay.placement.instance_count)
    if workers[0] != workers[1]:
        yield "workers", f"workers: {workers[0]} -> {workers[1]}"
    if old is None or new is None:
        yield "environment", "environment: unknown of one of the two"
        return
    for name in BITS:
        before, after = old.get(name), new.get(name)
        if before == after or name == "lock":  # the experiment's lock is reported already
            continue
        if isinstance(before, list) and isinstance(after, list):
            removed, added = sorted(set(before) - set(after)), sorted(set(after) - set(before))
            yield name, f"{name}: {' '.join([f'-{each}' for each in removed] + [f'+{each}' for each in added])}"
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    yield key, f"{key}: {before.get(key)} -> {after.get(key)}"
        else:
            yield name, f"{name}: {before} -> {after}"


def _evidence(
    original: RunRecord, replay: RunRecord, epochs: tuple[Epochs, Epochs], epoch: int | None, tensor: str | None
) -> list[str]:
    """How the outcomes differ, in words."""
    words = [
        f"{name}: {record.status}, {record.reason}"
        for name, record in (("the original", original), ("the replay", replay))
        if record.status != "completed"
    ]
    if _equal_weights(original, replay):
        words.append(f"weights: {original.weights}, equal to the last bit")
    if epoch is not None:
        old, new = (rows[epoch - 1] for rows in epochs)
        names = [f"train_{metric.name}" for metric in original.description.metrics]
        shown = [f"{name} {old[name]} -> {new[name]}" for name in names if name in old and name in new]
        words.append(f"first epoch that differs: {epoch}" + (f" ({', '.join(shown)})" if shown else ""))
    if tensor is not None:
        equal = sum(one == other for one, other in zip(original.tensors, replay.tensors, strict=False))
        words.append(f"first tensor that differs: {tensor} ({equal} of {len(original.tensors)} are equal)")
    return words + list(_test_values(original, replay))


def _test_values(original: RunRecord, replay: RunRecord) -> Iterator[str]:
    """The deciding metric where it was trained apart, and else each metric that differs all the same."""
    equal = _equal_weights(original, replay)
    for metric in original.description.metrics if equal else (original.description.objective,):
        before, after = _test_value(original, metric), _test_value(replay, metric)
        if before is None or after is None or (equal and before == after):
            continue
        change = f"{quantity.text(metric, after - before, '+')}{quantity.direction(metric)}"
        yield f"test {metric.name}: {quantity.text(metric, before)} -> {quantity.text(metric, after)} ({change})"


def first_epoch(old: Epochs, new: Epochs) -> int | None:
    """The first epoch (from 1) after which the weights differ, as far as both runs tell."""
    for number, (before, after) in enumerate(zip(old, new, strict=False), 1):
        if before.get("weights") != after.get("weights"):
            return number
    return None


def first_tensor(original: RunRecord, replay: RunRecord) -> str | None:
    """The first tensor, in the network's order, whose final bits differ."""
    old, new = (dict[str, str](each.tensors) for each in (original, replay))  # type: ignore[arg-type]  # each is (name, digest)
    for path in [*old, *(path for path in new if path not in old)] if old and new else ():
        if old.get(path) != new.get(path):
            return path
    return None
