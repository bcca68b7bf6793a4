"""What the harness costs, against the bare tools on the same machine in the same call.

    python benchmarks/overhead.py               all; about 15 minutes on two cores, with a Docker engine and the image
    python benchmarks/overhead.py --seconds 20  shorter trainings; the ratios get noisier
    python benchmarks/overhead.py --only container

Each figure is the median over pairs that ran in turn. The last line is JSON:
    error_vs_hydra         time from enter to a configuration error, over `python -c "import hydra"`
    process_vs_bare        a run in a process, over a bare script that imports TensorFlow and runs the same steps
    container_minus_sdk_s  a run in a container, minus a bare ModelTrainer script that runs the same worker (seconds)
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SPEED = 300  # images per second, a first guess of ResNet-20 on two cores

BARE_PROJECT = "overhead-bare"  # Docker Compose's name for the bare script's containers

BARE = """
import json, sys
from pathlib import Path
plan = json.loads(Path(sys.argv[1]).read_text())
from harness.frameworks.tensorflow import TensorFlow
TensorFlow().configure(plan["placement"]["threads"])
from programs.cifar10 import dataset
from programs.cifar10.settings import Training
from programs.cifar10.training import ResNetTraining
settings = Training(**plan["experiment"]["config"])
data = dataset.load(Path(sys.argv[2]), settings.num_data_batches, settings.validation_images, settings.seed)
training = ResNetTraining(settings, data)
while training.step < training.steps:
    training.advance(False, 1)
    if training.step % training.steps_per_epoch == 0 or training.step == training.steps:
        training.measure()
print(training.finish().metrics)
"""

SDK = """
import sys
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.model_trainer import Mode
bundle, dataset, image, root = sys.argv[1:]
trainer = ModelTrainer(
    training_mode=Mode.LOCAL_CONTAINER,
    training_image=image,
    source_code=SourceCode(source_dir=bundle, command="exec env PYTHONPATH=. python -m harness.worker /opt/ml"),
    compute=Compute(instance_type="local_cpu", instance_count=1),
    local_container_root=root,
    base_job_name="bare",
)
trainer.train(input_data_config=[InputData(channel_name="dataset", data_source=dataset)], wait=True)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=60, help="about how long each training in a process steps")
    options.add_argument("--pairs", type=int, default=3, help="pairs of trainings")
    options.add_argument("--only", choices=list(MEASURES), action="append", help="one of the figures; may be repeated")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".overhead-") as scratch:
        figures = [MEASURES[name](Path(scratch), asked.seconds, asked.pairs) for name in asked.only or MEASURES]
    print(json.dumps(dict(figures)))


Figure = tuple[str, float | None]


def error_vs_hydra(scratch: Path, seconds: int, pairs: int) -> Figure:
    """A mistake on the command line, over the import of Hydra alone."""
    error = ([sys.executable, "src/train.py", "epochs=0"], 2)
    hydra = ([sys.executable, "-c", "import hydra"], 0)
    errors = paired("configuration error", "import hydra", lambda: timed(*error), lambda: timed(*hydra), 9)
    return "error_vs_hydra", round(statistics.median(a / b for a, b in errors), 3)


def process_vs_bare(scratch: Path, seconds: int, pairs: int) -> Figure:
    """A run in a process, over the bare script."""
    process = Run(scratch / "process", "process", seconds)
    processes = paired("run in a process", "bare script", process.harness, process.bare, pairs)
    return "process_vs_bare", round(statistics.median(a / b for a, b in processes), 3)


def container_minus_sdk(scratch: Path, seconds: int, pairs: int) -> Figure:
    """A run in a container, minus the bare ModelTrainer; None, and a line that says why, where none can run."""
    container, name = Run(scratch / "container", "container", 5), "container_minus_sdk_s"
    if container.plan["placement"]["runner"] != "container":
        print(f"no container figure: {container.plan['placement']['reason']}")
        return name, None
    containers = paired("run in a container", "bare ModelTrainer", container.harness, container.sdk, pairs)
    return name, round(statistics.median(a - b for a, b in containers), 2)


MEASURES = {"error": error_vs_hydra, "process": process_vs_bare, "container": container_minus_sdk}


class Run:
    """One experiment, run by the harness and by what it is measured against. A first run gives the plan."""

    def __init__(self, folder: Path, runner: str, seconds: int) -> None:
        runner = "auto" if runner == "container" else runner
        self.folder = folder
        card = Path(tempfile.mkdtemp(dir=ROOT, prefix=".overhead-card-"))
        subprocess.run(
            [sys.executable, "src/fetch.py", f"publish={card}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        sample = json.loads((card / "dataset.json").read_text())["sample"]
        shutil.rmtree(card)
        images = 1800 if sample else 10000
        batches = min(5, max(1, round(seconds * SPEED / images)))
        epochs = max(1, round(seconds * SPEED / (images * batches)))
        self.arguments = [f"mode.runner={runner}", f"epochs={epochs}", f"num_data_batches={batches}", "warmup_epochs=0"]
        if seconds < 20:
            self.arguments += ["resnet_size=8", "validation_images=500"]
        self.harness()
        self.last = max(folder.iterdir())
        self.plan: dict[str, Any] = json.loads((self.last / "plan.json").read_text())

    def harness(self) -> float:
        """Seconds of the project's own command, Comet's archive and the record included."""
        return timed([sys.executable, "src/train.py", "mode=local", f"runs_folder={self.folder}", *self.arguments], 0)

    def bare(self) -> float:
        """Seconds of a script that trains with the same step, and does nothing else."""
        return timed([sys.executable, "-c", BARE, str(self.last / "plan.json"), str(self.dataset())], 0)

    def sdk(self) -> float:
        """Seconds of a ModelTrainer script in local mode, on the same bundle; what it leaves is removed after."""
        root = Path(tempfile.mkdtemp(dir=self.folder, prefix=".sdk-"))
        bundle = shutil.copytree(self.last / "code", root / "bundle")
        script = [
            sys.executable,
            "-c",
            SDK,
            str(bundle),
            str(self.dataset()),
            self.plan["placement"]["image"],
            str(root),
        ]
        seconds = timed(script, 0, {"AWS_DEFAULT_REGION": "us-east-1", "COMPOSE_PROJECT_NAME": BARE_PROJECT})
        left = ["docker", "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={BARE_PROJECT}"]
        containers = subprocess.run(left, capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["docker", "rm", "--force", *containers], check=True, capture_output=True)
        subprocess.run(["docker", "network", "rm", "sagemaker-local"], check=False, capture_output=True)
        return seconds

    def dataset(self) -> Path:
        """The data folder: data/, or the sample where the run took that."""
        dataset = self.plan["experiment"]["dataset"]
        return ROOT / (f".cache/{dataset['name']}" if dataset["sample"] else "data")


def paired(
    one: str, other: str, run_one: Callable[[], float], run_other: Callable[[], float], pairs: int
) -> list[tuple[float, float]]:
    """Both in turn, `pairs` times; prints each pair."""
    times = []
    for number in range(1, pairs + 1):
        times.append((run_one(), run_other()))
        print(f"{number}/{pairs}  {one} {times[-1][0]:.2f} s  {other} {times[-1][1]:.2f} s", flush=True)
    return times


def timed(command: list[str], expected: int, extra: dict[str, str] | None = None) -> float:
    """Wall seconds of a command that must end with the expected exit code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **(extra or {})}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != expected:
        sys.exit(
            f"{' '.join(command)[:200]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return seconds


if __name__ == "__main__":
    main()
