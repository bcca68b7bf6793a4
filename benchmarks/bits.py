"""What bits depend on: one short training, again and again, each time with one thing changed.

    python benchmarks/bits.py              all; about three minutes on two cores
    python benchmarks/bits.py threads order

A ResNet-8 takes 30 steps on the bundled sample. Printed are the first digits of the weights' digest after the last step
and whether they are those of the first line. The last line is JSON: for each name, whether the bits stayed.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "as it is"
# What is changed: threads, the environment after the harness has set its own, and a line of Python before the training.
VARIANTS: dict[str, tuple[int, dict[str, str], str]] = {
    "again": (2, {}, ""),
    "threads": (1, {}, ""),
    "onednn": (2, {"TF_ENABLE_ONEDNN_OPTS": "0"}, ""),
    "isa": (2, {"ONEDNN_MAX_CPU_ISA": "SSE41"}, ""),
    "determinism": (2, {}, "tf.config.experimental.enable_op_determinism = lambda: None"),
    "order": (2, {}, "was = inputs.order; inputs.order = lambda seed, epoch, images: was(seed + 1, epoch, images)"),
}
WORDS = {
    BASE: "two threads, oneDNN on, deterministic operations",
    "again": "the same once more, in another process",
    "threads": "one thread",
    "onednn": "oneDNN off",
    "isa": "oneDNN without AVX",
    "determinism": "deterministic operations off",
    "order": "another order of images",
}
SETTINGS = ("resnet_size=8", "epochs=1", "batch_size=32", "num_data_batches=1", "warmup_epochs=0")
CHILD = """
import json, os, sys, tempfile
from dataclasses import replace
from pathlib import Path
from harness import config, environment, sample
(threads, changed, line), sys.argv[1:] = json.loads(sys.argv[1]), sys.argv[2:]
def train(settings):
    environment.configure(threads)
    os.environ.update(changed)
    import tensorflow as tf
    from harness import checkpoint, dataset, fit, step
    with tempfile.TemporaryDirectory() as folder:
        sample.write(Path(folder))
        data = dataset.load(Path(folder), 1, settings.training.validation_images, 0)
    data = replace(data, train_images=data.train_images[:960], train_labels=data.train_labels[:960])
    exec(line, globals() | locals())
    print(checkpoint.weight_digest(fit.train(settings.training, data, lambda values: None).model))
    return 0
config.run(train)
"""


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*VARIANTS, []], help="all where none is named")
    wanted = parser.parse_args().names or list(VARIANTS)
    base = digest(2, {}, "")
    print(f"{WORDS[BASE]:52} {base[:16]}", flush=True)
    same = {}
    for name in wanted:
        found = digest(*VARIANTS[name])
        same[name] = found == base
        print(f"{WORDS[name]:52} {found[:16]}  {'the same' if same[name] else 'other bits'}", flush=True)
    print(json.dumps(same))


def digest(threads: int, changed: dict[str, str], line: str) -> str:
    """The weights' digest after the training."""
    command = [sys.executable, "-c", CHILD, json.dumps([threads, changed, line]), *SETTINGS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout.split()[-1]


if __name__ == "__main__":
    main()
