"""Run folders that no training left, to test and measure what reads runs. Their data is called `generated`."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.contract import plan, record
from harness.runs.run_folder import RunFolder

START = datetime(2026, 3, 1, tzinfo=UTC)
DATASET = plan.DatasetId("generated", "0" * 32 + ".dir", 186214026, False, (plan.FileId("a/b", "0" * 32, 10),))
PLACES = {
    "local": plan.Placement("local", "process", "asked for", 2, 1, "local_cpu", 60.0, None, None),
    "cloud": plan.Placement("cloud", "sagemaker", "asked for", 0, 1, "ml.g5.xlarge", 60.0, "image", None),
}
HEAD = ("epoch", "step", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


def leave(runs: Path, count: int, epochs: int = 20, seed: int = 0) -> list[RunFolder]:
    """Folders with plan, record and curve in `runs`: three seeds of each experiment, every ninth in the cloud,
    some dirty, failed, pruned or going on."""
    return [_one(runs, number, epochs, random.Random(1000 * seed + number)) for number in range(count)]


def _one(runs: Path, number: int, epochs: int, chance: random.Random) -> RunFolder:
    kind = random.Random(number // 3)
    config: dict[str, plan.Scalar] = {
        "resnet_size": kind.choice((8, 14, 20, 32, 50)),
        "batch_size": kind.choice((64, 128, 256)),
        "learning_rate": kind.choice((0.01, 0.03, 0.1, 0.3)),
        "momentum": kind.choice((0.8, 0.9, 0.95)),
        "weight_decay": kind.choice((0.0001, 0.0005)),
        "optimizer": kind.choice(("sgd", "muon")),
        "epochs": epochs,
        "seed": number % 3,
    }
    cloud = number // 3 % 9 == 0
    git = plan.Git(f"{number // 50:040x}", "main", None, None, number % 11 == 0, None)
    now = START + timedelta(minutes=7 * number)
    sweep = f"sweep-{number // 100}" if number % 2 else None
    origin = plan.Provenance(now.isoformat(), ("train.py",), git, (), None, "a" * 64, None, sweep)
    experiment = plan.Experiment(config, DATASET, "c" * 64, "d" * 64)
    planned = plan.make(experiment, PLACES["cloud" if cloud else "local"], origin, now)
    run = RunFolder(runs / planned.run_id)
    run.path.mkdir(parents=True)
    run.plan.write_text(plan.dumps(planned))
    status = {17: "failed", 29: "pruned", 41: None}.get(number % 60, "completed")
    done = epochs if status == "completed" else epochs // 3
    size, rate = float(config["resnet_size"]), float(config["learning_rate"])
    best = 0.72 + 0.05 * math.log(size / 8) - 0.02 * abs(math.log(rate / 0.1)) + chance.gauss(0, 0.006)
    seconds, rows = 2.0 * size, []
    for epoch in range(1, done + 1):
        part = 1 - math.exp(-4 * epoch / epochs)
        train = min(0.999, (best + 0.06) * part + chance.gauss(0, 0.004))
        validation = min(0.999, best * part + chance.gauss(0, 0.01))
        told = (epoch, epoch * 300, -math.log(train), train, -math.log(validation), validation, seconds)
        rows.append(",".join(map(str, told)))
    run.metrics.write_text("\n".join([",".join(HEAD), *rows, ""]))
    if status is None:
        return run
    results = bill = None
    if status == "completed":
        right = round(10000 * best)
        results = record.Results(
            0.3, train, 0.6, validation, 0.6, right / 10000, right, 10000, ((right, 10000 - right), (0, 0)), ("a", "b")
        )
    if cloud:
        billed = int(epochs * seconds)
        bill = record.Bill("job", "us-east-1", "Completed", 1, billed, billed, 0.6, round(billed * 1.4 / 3600, 4))
    found = {"status": status, "results": results, "bill": bill, "seconds": {"train": done * seconds}}
    found |= {"reason": None if status == "completed" else f"{status} by the generator", "weights": f"{number:064x}"}
    run.record.write_text(plan.dumps(record.of(planned, **found)))
    return run
