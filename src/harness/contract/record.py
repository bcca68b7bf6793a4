"""The record of a run: what did happen. Standard library only.

The worker writes one whenever it can; the host completes it, or writes it where the worker could not.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any

from harness.contract import legal
from harness.contract.plan import SCHEMA, Description, Experiment, Placement, Provenance, RunPlan
from harness.contract.rules import in_range, optional
from harness.contract.serial import LATER

# The fields of `environment` that bits depend on: its fingerprint is over them, and a verdict names those that differ.
BITS = ("cpu", "cpu_flags", "gpus", "threads", "settings", "deterministic", "framework", "lock")


@dataclass(frozen=True)
class Results:
    """What a training came to.

    `metrics` holds train_NAME and validation_NAME after the last epoch and test_NAME at the end, for each metric that
    the plan describes, and whatever else the program measured. `examples` counts the test examples. Of a classifier
    `classes` are the names by label, and `confusion[true][predicted]` counts test examples; else both are empty.
    """

    metrics: Annotated[dict[Annotated[str, legal.WORD], float], legal.at_most(1000)]
    examples: Annotated[int, legal.COUNT]
    classes: Annotated[tuple[Annotated[str, legal.TEXT], ...], legal.at_most(10_000)]
    confusion: Annotated[tuple[tuple[Annotated[int, legal.COUNT], ...], ...], legal.at_most(10_000)]


@dataclass(frozen=True)
class Bill:
    """What SageMaker says of its job. Seconds are of one instance; None where it does not say.

    `saving` is the share of the running time that spot did not bill; `usd` what the billed time costs at the on-demand
    price in the plan: an estimate, without storage and transfer.
    """

    job: str
    region: str
    status: str
    instances: Annotated[int, legal.COUNT]
    training_seconds: Annotated[int | None, optional(legal.COUNT)]
    billable_seconds: Annotated[int | None, optional(legal.COUNT)]
    saving: float | None
    usd: Annotated[float | None, optional(legal.USD)]


@dataclass(frozen=True)
class RunRecord:
    """Plan and evidence.

    `status` is "completed", "failed" or, ended by a sweep, "pruned"; then `reason` says why. Times are UTC, ISO 8601.
    `seconds` are wall time by phase. `weights` is the digest of the final weights, `tensors` that of each of them as
    (path, first 16 hexadecimal characters), in the model's order, `worker_weights` what each worker found it to be,
    `artifacts` the sha256 of each file by path. `environment` is None where the worker died before it could tell.
    `verified` is what each worker has checked of the data as it read it, where that is done so.
    """

    schema: Annotated[int, in_range(1, SCHEMA)]
    run_id: Annotated[str, legal.RUN_ID]
    experiment_id: Annotated[str, legal.SHA256]
    status: Annotated[str, legal.STATUS]
    reason: str | None
    started: Annotated[str | None, optional(legal.TIME)]
    finished: Annotated[str | None, optional(legal.TIME)]
    experiment: Experiment
    description: Description
    placement: Placement
    provenance: Provenance
    environment: dict[str, Any] | None
    results: Results | None
    weights: str | None
    tensors: tuple[Annotated[tuple[str, ...], legal.between(2, 2)], ...]
    worker_weights: tuple[str, ...]
    seconds: Annotated[dict[str, Annotated[float, legal.SECONDS]], legal.at_most(1000)]
    artifacts: Annotated[dict[Annotated[str, legal.PATH], Annotated[str, legal.SHA256]], legal.at_most(1000)]
    exit_code: int | None
    bill: Bill | None
    verified: Annotated[tuple[Annotated[str, legal.TEXT], ...], legal.at_most(64)] = field(default=(), metadata=LATER)

    def value(self, split: str) -> float | None:
        """The deciding metric of a split (train, validation, test); None where the run did not come to it."""
        name = f"{split}_{self.description.objective.name}"
        return self.results.metrics.get(name) if self.results else None


def of(plan: RunPlan, **found: Any) -> RunRecord:
    """The record of a plan with what was found; what was not found is unknown (None or empty)."""
    unknown: dict[str, Any] = {field.name: None for field in dataclasses.fields(RunRecord)} | {
        "seconds": {},
        "artifacts": {},
        "tensors": (),
        "worker_weights": (),
        "verified": (),
    }
    planned = {field.name: getattr(plan, field.name) for field in dataclasses.fields(RunPlan)}
    return RunRecord(**{**unknown, **planned, "schema": SCHEMA, **found})
