"""The most accuracy for half an hour of two cores: the recipe `fast` against a plain PyTorch ResNet-20.

    python benchmarks/accuracy.py                      three seeds of ours, then the peer; about two and a half hours
    python benchmarks/accuracy.py --seeds 0 --peaks 0.2

Data must be in data/ (`python src/fetch.py`), PyTorch in benchmarks/.venv (`make torch`). The peer (torch_peer.py)
trains on all 50,000 images with a triangular rate, Nesterov momentum, crops and flips, for as many epochs as its
speed, measured in the same call, puts into the minutes that the longest of ours took, evaluation and all. The best of
its peak rates counts, by test accuracy: that is in its favour.
The last line is JSON:
    ours     mean test accuracy over the seeds (each run is one of the harness's, with its record)
    n        seeds
    spread   largest minus smallest
    torch    best test accuracy over the peak rates
    minutes  wall time of the longest of ours, from enter to the last line
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = ROOT / "benchmarks" / ".venv" / "bin" / "python"
PEER = str(ROOT / "benchmarks" / "torch_peer.py")
IMAGES = 50_000


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=lambda text: [int(one) for one in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--peaks", type=lambda text: [float(one) for one in text.split(",")], default=[0.1, 0.2, 0.4])
    parser.add_argument("--epochs", type=int, help="the peer's, instead of what its speed allows")
    asked = parser.parse_args()
    if not (ROOT / "data" / "cifar-10-batches-py").exists():
        sys.exit("error: data/ does not hold CIFAR-10; type: python src/fetch.py")
    if not TORCH.exists():
        sys.exit("error: PyTorch is not installed for the benchmarks; type: make torch")
    mine = [ours(seed) for seed in asked.seeds]
    minutes = max(minutes for _, minutes in mine)
    epochs = asked.epochs or round(minutes * 60 * speed() / IMAGES)
    print(f"the peer trains {epochs} epochs", flush=True)
    theirs = [torch(peak, epochs) for peak in asked.peaks]
    accuracies = [accuracy for accuracy, _ in mine]
    found = {
        "ours": round(statistics.mean(accuracies), 4),
        "n": len(mine),
        "spread": round(max(accuracies) - min(accuracies), 4),
        "torch": max(theirs),
        "minutes": round(minutes, 1),
    }
    print(json.dumps(found))


def ours(seed: int) -> tuple[float, float]:
    """Test accuracy, and minutes from enter to the end, of one run of the recipe."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".accuracy-") as runs:
        command = ("src/train.py", "+experiment=fast", "mode.runner=process", f"seed={seed}", f"runs_folder={runs}")
        began = time.monotonic()
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        minutes = (time.monotonic() - began) / 60
        (path,) = Path(runs).glob("*/record.json")
        record = json.loads(path.read_text())
    if record["experiment"]["dataset"]["sample"]:
        sys.exit("error: that was the bundled sample; type: python src/fetch.py")
    accuracy = record["results"]["metrics"]["test_accuracy"]
    print(f"ours   seed {seed}: {accuracy:.4f} in {minutes:.1f} minutes, weights {record['weights'][:12]}", flush=True)
    return accuracy, minutes


def speed() -> float:
    """The peer's images per second, over half a minute."""
    steps = [40, 80]
    command = [str(TORCH), PEER, "speed", "--size", "20"]
    done = subprocess.run(command, input="\n".join(map(str, steps)), capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def torch(peak: float, epochs: int) -> float:
    """Test accuracy of one training of the peer."""
    command = [str(TORCH), PEER, "train", str(ROOT / "data"), "--epochs", str(epochs), "--peak", str(peak)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"torch  peak {peak}: {found['accuracy']:.4f} in {found['seconds'] / 60:.1f} minutes", flush=True)
    return float(found["accuracy"])


if __name__ == "__main__":
    main()
