"""A plan as the tests of what stands around a training need one: of a program that nobody has to load."""

from datetime import UTC, datetime

from harness.contract import plan
from harness.contract.metrics import Metric

DATASET = plan.DatasetId(
    "cifar-10", "15fc0000000000000000000000000000.dir", 10, False, (plan.FileId("a/b", "0" * 32, 10),)
)
CONFIG: dict[str, plan.Scalar] = {
    "resnet_size": 8,
    "resnet_version": 1,
    "epochs": 2,
    "learning_rate": 0.1,
    "augment": True,
}
EXPERIMENT = plan.Experiment("cifar10", CONFIG, DATASET, "c" * 64, "d" * 64)
METRICS = (Metric("accuracy", "higher", share=True, spread=0.0045), Metric("loss", "lower", unit="nats"))
DESCRIPTION = plan.Description("ResNet-8 v1", METRICS, "images", "model.keras")
PLACEMENT = plan.Placement("local", "process", "asked for", 2, 1, "local_cpu", 60.0, None, None)
GIT = plan.Git("e" * 40, "main", None, None, True, "f" * 64)
PROVENANCE = plan.Provenance("2026-01-02T03:04:05+00:00", ("train.py", "mode=local"), GIT, (), None, "a" * 64)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLAN = plan.make(EXPERIMENT, DESCRIPTION, PLACEMENT, PROVENANCE, NOW)
