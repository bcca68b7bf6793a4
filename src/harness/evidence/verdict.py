"""The verdict on a run that was run again: identical, equivalent or different, and why. Standard library only.

Bits are promised for one fingerprint (what `environment.describe` makes of processor, threads, settings and lock) and
one number of workers. Across those the claim is an accuracy within a band, which rests on the spread over seeds.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract.plan import Experiment
from harness.contract.record import Results, RunRecord

SCHEMA = 1
IDENTICAL, EQUIVALENT, DIFFERENT = "identical", "equivalent", "different"
SPREAD = 0.0045  # test accuracy, standard deviation over seeds; docs/reproducibility.md says of what
ENOUGH = 5  # seeds whose own spread is taken instead
WIDTH = 3 * math.sqrt(2)  # two runs of one distribution lie within it 99.7 times in 100
BITS = ("cpu", "cpu_flags", "gpus", "threads", "settings", "deterministic", "tensorflow", "lock")


@dataclass(frozen=True)
class Band:
    """Two test accuracies that lie `width` apart at most are equivalent; `basis` says what that rests on."""

    width: float
    basis: str


@dataclass(frozen=True)
class Verdict:
    """`verdict` is identical, equivalent or different; `reasons` say why, the most telling first.

    `changed` names every field of the experiment and of the place in which the two differ. `first_epoch` (from 1) and
    `first_tensor` are the first ones whose bits differ, None where none does or that is not known.
    """

    schema: int
    original: str
    replay: str
    verdict: str
    reasons: tuple[str, ...]
    changed: tuple[str, ...]
    first_epoch: int | None
    first_tensor: str | None
    accuracy_change: float | None
    band: Band


def band(accuracies: Sequence[float], results: Results | None) -> Band:
    """The band of an experiment from test accuracies of its own over seeds.

    Where they are few it rests on the measured spread, or on that of counting as many test images, the standard
    deviation of a binomial, where that is larger: a few hundred images cannot tell accuracies as well as 10,000.
    """
    if len(accuracies) >= ENOUGH:
        spread = statistics.stdev(accuracies)
        return Band(WIDTH * spread, f"this experiment over {len(accuracies)} seeds, standard deviation {spread:.4f}")
    p = results.test_accuracy if results else 0.0
    counted = math.sqrt(p * (1 - p) / results.test_images) if results else 0.0
    if results and counted > SPREAD:
        return Band(WIDTH * counted, f"a standard deviation of {counted:.4f} for {results.test_images} test images")
    return Band(WIDTH * SPREAD, f"a standard deviation over seeds of {SPREAD} (docs/reproducibility.md)")


def judge(
    original: RunRecord,
    replay: RunRecord,
    epochs: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    code: Sequence[str],
    allowed: Band,
) -> Verdict:
    """Hold a replay against its original.

    Args:
        epochs: the rows of both runs' metrics.csv, the original's first.
        code: what differs between the two bundles, a line for each file; empty where they are equal or one is gone.
        allowed: the band for accuracies across fingerprints.
    """
    what = list(_experiment(original.experiment, replay.experiment, code))
    where = list(_place(original, replay))
    epoch, tensor = _first_epoch(*epochs), _first_tensor(original, replay)
    before, after = original.results, replay.results
    change = after.test_accuracy - before.test_accuracy if before and after else None
    found = _evidence(original, replay, epochs, epoch, tensor, change)
    if original.weights is not None and original.weights == replay.weights:
        # The counts are a function of the weights and the data, as long as both are evaluated alike.
        word = IDENTICAL if before == after else EQUIVALENT if where else DIFFERENT
    elif change is None or what or not where:
        word = DIFFERENT
    else:
        word = EQUIVALENT if abs(change) <= allowed.width else DIFFERENT
    if not what and not where and word == DIFFERENT:
        found.append("same experiment and same fingerprint: its bits should have been equal")
    if where and not what and change is not None and word != IDENTICAL:
        inside = "within" if abs(change) <= allowed.width else "outside"
        found.append(f"{inside} the band of ±{allowed.width:.4f}: {allowed.basis}")
    return Verdict(
        SCHEMA,
        original.run_id,
        replay.run_id,
        word,
        (*(text for _, text in (*what, *where)), *found),
        tuple(name for name, _ in (*what, *where)),
        epoch,
        tensor,
        change,
        allowed,
    )


def _experiment(old: Experiment, new: Experiment, code: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(field, words) for each difference in what is trained."""
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


def _place(original: RunRecord, replay: RunRecord) -> Iterator[tuple[str, str]]:
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
        if before == after or name == "lock":  # a lock is told of with the experiment
            continue
        if isinstance(before, list) and isinstance(after, list):
            gone, come = sorted(set(before) - set(after)), sorted(set(after) - set(before))
            yield name, f"{name}: {' '.join(['-' + one for one in gone] + ['+' + one for one in come])}"
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    yield key, f"{key}: {before.get(key)} -> {after.get(key)}"
        else:
            yield name, f"{name}: {before} -> {after}"


def _evidence(
    original: RunRecord,
    replay: RunRecord,
    epochs: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    epoch: int | None,
    tensor: str | None,
    change: float | None,
) -> list[str]:
    """What came out otherwise, in words."""
    words = [
        f"{name}: {record.status}, {record.reason}"
        for name, record in (("the original", original), ("the replay", replay))
        if record.status != "completed"
    ]
    if original.weights is not None and original.weights == replay.weights:
        words.append(f"weights: {original.weights}, equal to the last bit")
    if epoch is not None:
        old, new = (rows[epoch - 1] for rows in epochs)
        words.append(f"first epoch that differs: {epoch} (train_loss {old['train_loss']} -> {new['train_loss']})")
    if tensor is not None:
        equal = sum(one == other for one, other in zip(original.tensors, replay.tensors, strict=False))
        words.append(f"first tensor that differs: {tensor} ({equal} of {len(original.tensors)} are equal)")
    if change is not None and original.results and replay.results and original.weights != replay.weights:
        before, after = original.results.test_accuracy, replay.results.test_accuracy
        words.append(f"test accuracy: {before:.4f} -> {after:.4f} ({change:+.4f})")
    elif original.results != replay.results and original.results and replay.results:
        words.append(f"test images right: {original.results.test_correct} -> {replay.results.test_correct}")
    return words


def _first_epoch(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> int | None:
    """The first epoch (from 1) after which the weights differ, as far as both runs tell."""
    for number, (before, after) in enumerate(zip(old, new, strict=False), 1):
        if before.get("weights") != after.get("weights"):
            return number
    return None


def _first_tensor(original: RunRecord, replay: RunRecord) -> str | None:
    """The first tensor, in the network's order, whose final bits differ."""
    old, new = (dict[str, str](each.tensors) for each in (original, replay))  # type: ignore[arg-type]  # pairs
    for path in [*old, *(path for path in new if path not in old)] if old and new else ():
        if old.get(path) != new.get(path):
            return path
    return None
