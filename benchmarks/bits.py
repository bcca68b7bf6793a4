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
SETTINGS = {"resnet_size": 8, "epochs": 1, "batch_size": 32, "num_data_batches": 1, "warmup_epochs": 0.0}
CHILD = """
import json, os, sys, tempfile
from dataclasses import replace
from pathlib import Path
import yaml
from harness.frameworks.tensorflow import TensorFlow
from programs.cifar10.host import sample
from programs.cifar10.settings import Training
threads, changed, line, root, settings = json.loads(sys.argv[1])
composed = {}
for name in ("program/cifar10", "scale_of/cifar10/quick"):
    composed |= yaml.safe_load(Path(root, "conf", f"{name}.yaml").read_text())
composed |= settings
settings = Training(**{name: composed[name] for name in Training.__dataclass_fields__})
with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch, "data")
    sample.write(folder)
    TensorFlow().configure(threads)  # from here on no scikit-learn
    os.environ.update(changed)
    import tensorflow as tf
    from harness.worker import checkpoint, clock, loop
    from programs.cifar10 import dataset, inputs, training
    data = dataset.load(folder, 1, settings.validation_images, 0)
    data = replace(data, train_images=data.train_images[:960], train_labels=data.train_labels[:960])
    exec(line, globals() | locals())
    steps = training.ResNetTraining(settings, data)
    checkpointer = loop.Checkpointer(Path(scratch), "bits", 1e9, False)
    trained = loop.Loop(steps, "images", lambda values: None, checkpointer, clock.Clock()).run()
    print(checkpoint.digest(trained.outcome.weights))
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
    command = [sys.executable, "-c", CHILD, json.dumps([threads, changed, line, str(ROOT), SETTINGS])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout.split()[-1]


if __name__ == "__main__":
    main()
