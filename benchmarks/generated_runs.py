"""Run folders that no training left, to test and measure what reads runs. Their data is called `generated`."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.contract import metrics, plan, record, serial
from harness.contract.metrics import Metric
from harness.runs.run_folder import RunFolder

START = datetime(2026, 3, 1, tzinfo=UTC)
DATASET = plan.DatasetId("generated", "0" * 32 + ".dir", 186214026, False, (plan.FileId("a/b", "0" * 32, 10),))
PLACES = {
    "local": plan.Placement("local", "process", "asked for", 2, 1, "local_cpu", 60.0, None, None),
    "cloud": plan.Placement("cloud", "sagemaker", "asked for", 0, 1, "ml.g5.xlarge", 60.0, "image", None),
}


@dataclass(frozen=True)
class Kind:
    """A program that nobody wrote: its metrics, its settings, and its numbers by how good a run is, from 0 to 1."""

    name: str
    metrics: tuple[Metric, ...]
    settings: dict[str, tuple[plan.Scalar, ...]]
    measure: Callable[[float], dict[str, float]]  # of one split, without its name
    splits: tuple[str, ...] = ("train", "validation", "test")


CLASSIFIER = Kind(
    "classifier",
    (Metric("accuracy", "higher", share=True), Metric("loss", "lower", unit="nats")),
    {
        "resnet_size": (8, 14, 20, 32, 50),
        "batch_size": (64, 128, 256),
        "learning_rate": (0.01, 0.03, 0.1, 0.3),
        "momentum": (0.8, 0.9, 0.95),
        "weight_decay": (0.0001, 0.0005),
        "optimizer": ("sgd", "muon"),
    },
    lambda good: {"accuracy": good, "loss": -math.log(good)},
)
COUNTER = Kind(
    "counter",
    (Metric("error", "lower", share=True),),
    {"learning_rate": (0.01, 0.03, 0.1, 0.3), "width": (8, 16)},
    lambda good: {"error": 1 - good},
)
LANGUAGE = Kind(
    "language",
    (Metric("perplexity", "lower", unit="per word"),),
    {"learning_rate": (0.01, 0.03, 0.1, 0.3), "layers": (2, 4, 6)},
    lambda good: {"perplexity": math.exp(5 * (1 - good))},
    ("train", "test"),
)


def leave(
    runs: Path, count: int, epochs: int = 20, seed: int = 0, kind: Kind = CLASSIFIER, first: int = 0
) -> list[RunFolder]:
    """Folders with plan, record and curve in `runs`: three seeds of each experiment, every ninth in the cloud,
    some dirty, failed, pruned or running. The runs are numbered from `first`, seven minutes apart."""
    numbers = range(first, first + count)
    return [_one(runs, number, epochs, random.Random(1000 * seed + number), kind) for number in numbers]


def one(
    runs: Path,
    number: int,
    numbers: dict[str, float] | None = None,
    kind: Kind = CLASSIFIER,
    status: str | None = "completed",
    dataset: plan.DatasetId = DATASET,
    **config: plan.Scalar,
) -> RunFolder:
    """One run of one epoch with those numbers, like test_accuracy; `config` replaces settings."""
    settings = {name: values[0] for name, values in kind.settings.items()} | {"epochs": 1, "seed": 0} | config
    run = _plan(runs, number, kind, settings, PLACES["local"], dataset)
    numbers = numbers or {}
    curve = {name: value for name, value in numbers.items() if not name.startswith("test_")}
    run.metrics.write_text(metrics.table(("epoch", *curve), [(1, *curve.values())]))
    if status:
        results = record.Results(numbers, 100, (), ()) if numbers and status == "completed" else None
        run.record.write_text(serial.dumps(record.of(run.planned(), status=status, results=results)))
    return run


def _plan(
    runs: Path,
    number: int,
    kind: Kind,
    config: dict[str, plan.Scalar],
    place: plan.Placement,
    dataset: plan.DatasetId,
    sweep: str | None = None,
) -> RunFolder:
    git = plan.Git(f"{number // 50:040x}", "main", None, None, number % 11 == 0, None)
    now = START + timedelta(minutes=7 * number)
    origin = plan.Provenance(now.isoformat(), ("train.py",), git, (), None, "a" * 64, None, sweep)
    experiment = plan.Experiment(kind.name, config, dataset, "c" * 64, "d" * 64)
    description = plan.Description(f"a generated {kind.name}", kind.metrics, "examples", "model.bin")
    planned = plan.make(experiment, description, place, origin, now)
    run = RunFolder(runs / planned.run_id)
    run.path.mkdir(parents=True)
    run.plan.write_text(serial.dumps(planned))
    return run


def _one(runs: Path, number: int, epochs: int, chance: random.Random, kind: Kind) -> RunFolder:
    choice = random.Random(number // 3)
    config = {name: choice.choice(values) for name, values in kind.settings.items()}
    config |= {"epochs": epochs, "seed": number % 3}
    cloud = number // 3 % 9 == 0
    sweep = f"sweep-{number // 100}" if number % 2 else None
    run = _plan(runs, number, kind, config, PLACES["cloud" if cloud else "local"], DATASET, sweep)
    status = {17: "failed", 29: "pruned", 41: None}.get(number % 60, "completed")
    done = epochs if status == "completed" else epochs // 3
    size, rate = float(next(iter(config.values()))), float(config["learning_rate"])
    if kind is not CLASSIFIER:
        size = 20.0
    best = 0.72 + 0.05 * math.log(size / 8) - 0.02 * abs(math.log(rate / 0.1)) + chance.gauss(0, 0.006)
    seconds, rows, last = 2.0 * size, [], dict[str, float]()
    for epoch in range(1, done + 1):
        part = 1 - math.exp(-4 * epoch / epochs)
        good = {
            "train": (best + 0.06) * part + chance.gauss(0, 0.004),
            "validation": best * part + chance.gauss(0, 0.01),
        }
        last = {
            f"{split}_{name}": value
            for split in kind.splits
            if split in good
            for name, value in kind.measure(min(0.999, good[split])).items()
        }
        rows.append((epoch, epoch * 300, *last.values(), seconds))
    run.metrics.write_text(metrics.table(("epoch", "step", *last, "seconds"), rows))
    if status is None:
        return run
    results = bill = None
    if status == "completed":
        right = round(10000 * best)
        test = {f"test_{name}": value for name, value in kind.measure(right / 10000).items()}
        results = record.Results({**last, **test}, 10000, ("a", "b"), ((right, 10000 - right), (0, 0)))
    if cloud:
        billed = int(epochs * seconds)
        bill = record.Bill("job", "us-east-1", "Completed", 1, billed, billed, 0.6, round(billed * 1.4 / 3600, 4))
    evidence = {"status": status, "results": results, "bill": bill, "seconds": {"train": done * seconds}}
    evidence |= {"reason": None if status == "completed" else f"{status} by the generator", "weights": f"{number:064x}"}
    run.record.write_text(serial.dumps(record.of(run.planned(), **evidence)))
    return run
