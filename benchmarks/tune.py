"""Does the search find more than chance? The best of 12 runs by Optuna against the best of 12 random ones.

    python benchmarks/tune.py                     three sampler seeds; about twenty minutes on two cores
    python benchmarks/tune.py --seeds 0

Small real trainings (ResNet-8) on the bundled sample, over learning rate, momentum and weight decay; nothing is
pruned, so both have the same budget. The last line is JSON:
    optuna, random   best validation accuracy, mean over the sampler seeds
    each             [seed, optuna, random] of each
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPACE = (
    "learning_rate=tag(log,interval(0.001,1))",
    "momentum=interval(0.5,0.99)",
    "weight_decay=tag(log,interval(0.00001,0.01))",
)
SMALL = ("resnet_size=8", "epochs=3", "batch_size=32", "num_data_batches=1", "warmup_epochs=0", "mode.runner=process")


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=lambda text: [int(one) for one in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--runs", type=int, default=12)
    asked = parser.parse_args()
    found = {name: [best(name, seed, asked.runs) for seed in asked.seeds] for name in ("tpe", "random")}
    means = {name: round(statistics.mean(each), 4) for name, each in found.items()}
    each = list(zip(asked.seeds, found["tpe"], found["random"], strict=True))
    print(json.dumps({"optuna": means["tpe"], "random": means["random"], "each": each}))


def best(name: str, seed: int, runs: int) -> float:
    """Best validation accuracy of one search."""
    with tempfile.TemporaryDirectory(prefix="tune-") as folder:
        search = (f"hydra.sweeper.sampler={name}", f"hydra.sweeper.seed={seed}", f"hydra.sweeper.n_trials={runs}")
        command = ["src/train.py", "-m", "hydra/sweeper=optuna", "hydra.sweeper.pruner=none", "sweep=s", *search]
        options = (f"runs_folder={folder}", "data.url=http://127.0.0.1:9/none")
        subprocess.run([sys.executable, *command, *SPACE, *SMALL, *options], cwd=ROOT, check=True, capture_output=True)
        summary = json.loads((Path(folder) / "sweeps" / "s.json").read_text())
    (value,) = (each["value"] for each in summary["runs"] if each["run"] == summary["best"])
    print(f"{name:7} seed {seed}: {value:.4f}", flush=True)
    return round(float(value), 4)


if __name__ == "__main__":
    main()
