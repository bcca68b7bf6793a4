"""The spread of test accuracy over seeds: what the band for `equivalent` rests on.

    python benchmarks/seeds.py                       five seeds of the quick scale; ten minutes on two cores
    python benchmarks/seeds.py --seeds 8 resnet_size=8

Each run is one of the harness's, in runs/, as the sweep `seeds`. The last line is JSON:
    n        seeds
    mean     of the test accuracies
    spread   their standard deviation
    noise    the standard deviation that as many test images have for one model, sqrt(p (1 - p) / images)
    range    largest minus smallest
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    asked, settings = parser.parse_known_args()
    results = [train(seed, settings) for seed in range(asked.seeds)]
    found = [each["metrics"]["test_accuracy"] for each in results]
    mean = statistics.mean(found)
    print(
        json.dumps(
            {
                "n": len(found),
                "mean": round(mean, 4),
                "spread": round(statistics.stdev(found), 4),
                "noise": round(math.sqrt(mean * (1 - mean) / results[0]["examples"]), 4),
                "range": round(max(found) - min(found), 4),
            }
        )
    )


def train(seed: int, settings: list[str]) -> dict[str, Any]:
    """The results of one run."""
    runs = ROOT / "runs"
    before = set(runs.glob("*/record.json"))
    command = [sys.executable, "src/train.py", "mode.runner=process", "sweep=seeds", f"seed={seed}", *settings]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (made,) = set(runs.glob("*/record.json")) - before
    results: dict[str, Any] = json.loads(made.read_text())["results"]
    print(f"seed {seed}: test accuracy {results['metrics']['test_accuracy']:.4f}", flush=True)
    return results


if __name__ == "__main__":
    main()
