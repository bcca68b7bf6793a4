import dataclasses
from datetime import timedelta
from pathlib import Path

from harness.contract import plan, record, serial
from harness.contract.metrics import Metric
from harness.contract.plan import Description
from harness.runs import run_folder
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PROVENANCE

ACCURACY, LOSS = DESCRIPTION.metrics
RESULTS = record.Results(
    {
        "train_accuracy": 0.5,
        "validation_accuracy": 0.5,
        "test_accuracy": 0.5,
        "train_loss": 1.4,
        "validation_loss": 1.5,
        "test_loss": 1.6,
    },
    100,
    ("cat", "dog"),
    ((30, 20), (30, 20)),
)
ENVIRONMENT = {
    "cpu": "a processor",
    "cpu_flags": ["avx", "avx2"],
    "gpus": [],
    "threads": 2,
    "settings": {"KERNELS": "fast", "LIMIT": None},
    "deterministic": True,
    "framework": "some framework 2.21.0",
    "lock": "d" * 64,
}
CODE = {"harness/__init__.py": b"", "requirements-train.lock": b"x==1\n"}

# Other programs: an error rate in percent, which should fall, and a perplexity whose spread nobody has measured.
FOREST = Description("10 trees", (Metric("error", "lower", unit="%", spread=0.5),), "rows", "forest.bin")
BIGRAMS = Description("bigrams", (Metric("perplexity", "lower"),), "words", "model.npz")


def results_of(description: Description, test: float, examples: int = 100) -> record.Results:
    """Results whose deciding metric is `test` on each part of the data."""
    name = description.objective.name
    values = {f"{split}_{name}": test for split in ("train", "validation", "test")}
    return record.Results(values, examples, (), ())


def plan_of(description: Description, program: str = "mine", minutes: int = 0, **config: plan.Scalar) -> plan.RunPlan:
    """A plan of another program."""
    experiment = dataclasses.replace(EXPERIMENT, program=program, config={"seed": 0, **config})
    return plan.make(experiment, description, PLACEMENT, PROVENANCE, NOW + timedelta(minutes=minutes))


def completed(planned: plan.RunPlan, test: float, weights: str = "w" * 64, examples: int = 100) -> record.RunRecord:
    """A record of it."""
    results = results_of(planned.description, test, examples)
    return record.of(planned, status="completed", results=results, weights=weights, environment=ENVIRONMENT)


def stage(runs: Path, planned: plan.RunPlan, record_: record.RunRecord | None) -> run_folder.RunFolder:
    """A run folder of them, without a model."""
    run = run_folder.stage(runs, planned, CODE, b"")
    run.metrics.write_text("epoch,step,train_loss,weights\n1,10,0.5,00ff\n")
    if record_:
        run.record.write_text(serial.dumps(record_))
    return run


def leave(runs: Path, minutes: int = 0, seed: int = 0, status: str | None = "completed") -> run_folder.RunFolder:
    """A run folder as a run of the classifier leaves it, without a model and results."""
    experiment = dataclasses.replace(EXPERIMENT, config={**EXPERIMENT.config, "seed": seed})
    planned = plan.make(experiment, DESCRIPTION, PLACEMENT, PROVENANCE, NOW + timedelta(minutes=minutes))
    return stage(runs, planned, record.of(planned, status=status) if status else None)
