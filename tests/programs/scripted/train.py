"""A script as its author would write it for SageMaker: it knows nothing of this project."""

import argparse
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--shuffle", type=lambda text: {"true": True, "false": False}[text])
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--does", default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("--checkpoints", default=os.environ.get("SM_CHECKPOINT_DIR"))
    return parser.parse_args()


def read(path):
    rows = [[float(cell) for cell in line.split(",")] for line in path.read_text().splitlines()]
    return [((x, y, 1.0), label) for x, y, label in rows]


def probability(weights, point):
    return 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, point, strict=True))))


def error(weights, points):
    return 100 * sum((probability(weights, point) > 0.5) != (label == 1) for point, label in points) / len(points)


def save(folder, weights):
    """The weights as text, and as an .npz with the time of day in it."""
    (folder / "model.json").write_text(json.dumps(weights))
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<3d", *weights)
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        archive.writestr(zipfile.ZipInfo("weights.npy", time.localtime()[:6]), array)


def misbehave(does):
    if does == "write no number":
        print("epoch=1 train_error=nan", flush=True)
        time.sleep(20)
    if does == "write into its folder":
        Path("cache.txt").write_text("mine")
    if does == "write beside its folder":
        Path("../../harness/cache.txt").write_text("mine")
    if does == "write into the data":
        (Path(os.environ["SM_CHANNEL_TRAINING"]) / "cache.txt").write_text("mine")
    if does == "exit with 3":
        print("something was said before", file=sys.stderr)
        print("no such layer: dense_7", file=sys.stderr)
        sys.exit(3)
    if does == "be deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
    if does == "leave a process":
        print("left", subprocess.Popen(["sleep", "60"]).pid, flush=True)
    if does == "tell its environment":
        found = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
        found |= {name: os.environ.get(name) for name in ("PYTHONHASHSEED", "OMP_NUM_THREADS", "PYTHONPATH")}
        files = {path.name: json.loads(path.read_text()) for path in Path(found["SM_INPUT_CONFIG_DIR"]).iterdir()}
        told = {"environment": found, "files": files, "words": sys.argv[1:], "folder": str(Path.cwd())}
        (Path(found["SM_OUTPUT_DATA_DIR"]) / "told.json").write_text(json.dumps(told))


def main():
    given = arguments()
    points, test = read(Path(given.data) / "train.csv"), read(Path(given.data) / "test.csv")
    kept = Path(given.checkpoints) / "newest.json"
    weights, done = json.loads(kept.read_text()) if kept.exists() else ([0.0, 0.0, 0.0], 0)
    if done:
        print(f"resumed after epoch {done}")
    for epoch in range(done + 1, given.epochs + 1):
        order = list(range(len(points)))
        if given.shuffle:
            random.Random(given.seed * 1000 + epoch).shuffle(order)
        loss = 0.0
        for number in order:
            point, label = points[number]
            found = probability(weights, point)
            loss -= math.log(max(found if label else 1 - found, 1e-9)) / len(order)
            weights = [w - given.rate * (found - label) * x for w, x in zip(weights, point, strict=True)]
        if os.environ.get("SM_CURRENT_HOST", "algo-1") == "algo-1":  # all hosts see one folder
            kept.with_suffix(".part").write_text(json.dumps([weights, epoch]))
            kept.with_suffix(".part").rename(kept)
        print(f"Epoch {epoch} is over, the loss is {loss:.6f}, epoch={epoch}")
        print(f"epoch={epoch} train_error={error(weights, points)}, rate={given.rate}", flush=True)
        misbehave(given.does)
        time.sleep(given.pause)
    if given.does != "leave no model":
        save(Path(given.model_dir), weights)
    if given.does != "keep the score to itself":
        print(f"done: test_error={error(weights, test):.4f} test_examples={len(test)}")


if __name__ == "__main__":
    main()
