"""The worker as it runs in every job, with a program that trains in milliseconds."""

import dataclasses
import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contract import atomic, metrics, plan, record, serial
from harness.contract.errors import RunFailed
from harness.contract.job_folder import JobFolder
from harness.contract.steps import Outcome
from harness.worker import checkpoint, training
from harness.worker.loop import Trained
from tests.support import clocks, tiny
from tests.support.plans import PLACEMENT
from tests.support.programs import planned

SPLITS = ("train", "validation", "test")
EVERY_STEP = dataclasses.replace(PLACEMENT, checkpoint_seconds=0.0)
CLOUD = plan.Cloud("us-east-1", True, False, 0, 30, 3600, None, None, None, "project", None)
# What a test may add to the program, which then does something else.
VARIANT = "\nfrom dataclasses import replace\nfrom harness.contract.job import Group\n"
VARIANT += "from harness.contract.program import Runtime\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.copy_source(tmp_path_factory.mktemp("source") / "project")


def variant(tmp_path: Path, added: str) -> Path:
    """A project whose program is this one with something added to its `__init__`."""
    root = tiny.copy_source(tmp_path / "variant")
    with (root / "src" / "programs" / "tiny" / "__init__.py").open("a") as file:
        file.write(VARIANT + added)
    return root


def run(folder: JobFolder, **environment: str) -> tuple[int, str]:
    """The worker's exit code and what it printed."""
    with tiny.start(folder, **environment) as process:
        try:
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, printed


def read(folder: JobFolder) -> record.RunRecord:
    return serial.from_json(record.RunRecord, json.loads(folder.record.read_text()))


def checkpoints(folder: JobFolder) -> list[str]:
    return sorted(path.name for path in folder.checkpoints.iterdir())


def refused(folder: JobFolder, reason: str, trained: bool = False, **environment: str) -> str:
    """Run a worker that fails: the reason stands in what it prints, its record and the file for SageMaker."""
    code, printed = run(folder, **environment)
    failed = read(folder)
    assert code == 1, printed
    assert failed.status == "failed" and failed.reason is not None and reason in failed.reason, failed.reason
    assert folder.failure.read_text() == failed.reason[:1024]
    assert f"failed: {failed.reason}" in printed.splitlines()
    assert failed.started and failed.finished
    assert failed.results is None and failed.weights is None and not failed.artifacts
    assert not list(folder.models.iterdir())
    assert trained or ("epoch=" not in printed and not checkpoints(folder))
    return printed


def test_a_clock_that_is_set_back_meanwhile_changes_no_duration(source: Path, tmp_path: Path) -> None:
    clocks.lay_into(tmp_path)
    folder = tiny.stage(tmp_path / "job", source)
    code, printed = run(folder, PYTHONPATH=f"{folder.code}:{tmp_path}")
    completed = read(folder)
    assert (code, completed.status) == (0, "completed"), printed
    assert completed.started and completed.finished and completed.finished < completed.started
    assert all(0 <= seconds < 60 for seconds in completed.seconds.values())
    assert "images_per_second=-" not in printed and metrics.epochs(folder.metrics)


def test_the_record_of_a_training_is_complete(source: Path, tmp_path: Path) -> None:
    folder = tiny.stage(tmp_path, source)
    code, printed = run(folder)
    assert code == 0, printed
    completed, planned = read(folder), serial.from_json(plan.RunPlan, json.loads(folder.plan.read_text()))
    for field in dataclasses.fields(plan.RunPlan):
        assert getattr(completed, field.name) == getattr(planned, field.name)
    assert (completed.status, completed.reason, completed.exit_code, completed.bill) == ("completed", None, None, None)
    assert completed.started and completed.finished and completed.started <= completed.finished

    results, rows = completed.results, metrics.epochs(folder.metrics)
    assert results is not None
    assert set(results.metrics) == {f"{split}_{name}" for split in SPLITS for name in ("error", "loss")}
    assert completed.value("test") == results.metrics["test_error"] < 40
    assert {name: rows[-1][name] for name in results.metrics if not name.startswith("test_")}.items() <= set(
        results.metrics.items()
    )
    assert [(row["epoch"], row["step"]) for row in rows] == [(1.0, 6.0), (2.0, 12.0)]
    assert (results.examples, results.classes) == (200, ("left", "right"))
    assert sum(map(sum, results.confusion)) == 200

    model = np.load(folder.models / "model.npy")
    assert completed.weights == checkpoint.digest({"weights": model})
    assert completed.worker_weights == (completed.weights,)
    assert completed.tensors == (("weights", checkpoint.digest({"weights": model})[: checkpoint.SHORT]),)
    assert rows[-1]["weights"] == completed.weights[: checkpoint.SHORT]
    outputs = (folder.models / "model.npy", folder.metrics, folder.predictions)
    assert completed.artifacts == {path.name: atomic.sha256(path) for path in outputs}
    assert folder.predictions.read_text().splitlines()[0] == "point,label,predicted"
    assert len(folder.predictions.read_text().splitlines()) == 201
    assert set(completed.seconds) == {"import", "build", "trace", "train", "evaluate", "checkpoint", "save"}
    assert checkpoints(folder) == ["step-000000012.ckpt"]
    assert not folder.failure.exists()

    environment = completed.environment
    assert environment is not None
    assert (environment["threads"], environment["deterministic"], environment["gpus"]) == (2, True, [])
    assert environment["framework"] == f"numpy {np.__version__}"
    assert environment["settings"]["OMP_NUM_THREADS"] == "2"
    assert environment["lock"] == planned.experiment.lock
    assert len(environment["fingerprint"]) == 64


def test_what_a_worker_prints_is_what_people_the_bar_and_sagemaker_read(source: Path, tmp_path: Path) -> None:
    _, printed = run(tiny.stage(tmp_path, source))
    first, *epochs, last = printed.splitlines()
    assert first.startswith("worker 20260102T030405Z-")
    assert [line.split()[:2] for line in epochs] == [["epoch=1", "step=6"], ["epoch=2", "step=12"]]
    names = [pair.split("=")[0] for pair in epochs[0].split()]
    assert names == [
        *("epoch", "step", "train_error", "train_loss", "validation_error", "validation_loss"),
        *("points_per_second", "seconds"),
    ]
    assert [pair.split("=")[0] for pair in last.split()] == ["test_error", "test_loss"]


def test_equal_plans_give_equal_bytes(source: Path, tmp_path: Path) -> None:
    records = []
    for name in ("one", "two"):
        folder = tiny.stage(tmp_path / name, source)
        assert run(folder)[0] == 0
        records.append(read(folder))
    one, two = records
    assert one.results == two.results and one.weights == two.weights
    for name in ("model.npy", "predictions.csv"):
        assert one.artifacts[name] == two.artifacts[name]
    assert one.environment == two.environment


def alter(text: str) -> Callable[[JobFolder], object]:
    def change(folder: JobFolder) -> None:
        planned = folder.plan.read_text()
        assert text in planned
        folder.plan.write_text(planned.replace(text, text.replace("0.5", "0.25")))

    return change


ALTERED: dict[str, tuple[Callable[[JobFolder], object], str]] = {
    "a module": (lambda folder: append(folder.code / "harness" / "worker" / "loop.py"), "the code that arrived has"),
    "the program": (lambda folder: append(folder.code / "programs" / "tiny" / "training.py"), "the code that arrived"),
    "a module more": (lambda folder: append(folder.code / "programs" / "tiny" / "more.py"), "the code that arrived"),
    "the lock": (lambda folder: append(folder.code / "requirements-train.lock"), "the lock that arrived has sha256"),
    "a setting": (alter('"rate": 0.5'), "the experiment that arrived has sha256"),
}


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("# \n")


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_not_what_was_planned_is_not_run(what: str, source: Path, tmp_path: Path) -> None:
    change, reason = ALTERED[what]
    folder = tiny.stage(tmp_path, source)
    change(folder)
    printed = refused(folder, reason)
    assert "the plan says" in printed and "Traceback" not in printed
    assert read(folder).environment is None  # nothing was imported yet


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "altered": (lambda data: (data / "train.csv").write_text("0,0,1\n" * 350), "train.csv has 2100 bytes instead of"),
    "missing": (lambda data: (data / "test.csv").unlink(), "test.csv is missing"),
    "a file more": (lambda data: (data / "notes.txt").write_text("mine"), "notes.txt is not part of sample-points"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_data_that_is_not_what_was_planned_is_not_trained_on(what: str, source: Path, tmp_path: Path) -> None:
    damage, reason = DAMAGES[what]
    folder = tiny.stage(tmp_path, source)
    damage(folder.dataset)
    refused(folder, reason)


def test_a_program_that_does_not_check_what_it_reads_gets_all_of_it_checked_before_whatever_the_plan_says(
    source: Path, tmp_path: Path
) -> None:
    folder = tiny.stage(tmp_path, source, dataclasses.replace(PLACEMENT, verify="read"))
    (folder.dataset / "train.csv").write_text("0,0,1\n" * 350)
    refused(folder, "train.csv has 2100 bytes instead of")


def test_data_that_the_program_never_reads_is_verified_all_the_same_and_before_it_trains(tmp_path: Path) -> None:
    blind = "def _blind(settings, data, job):\n    raise RuntimeError('begun')\n"
    root = variant(tmp_path, blind + "PROGRAM = replace(PROGRAM, train=_blind)\n")
    folder = tiny.stage(tmp_path / "whole", root)
    assert "begun" in refused(folder, "RuntimeError: begun")
    folder = tiny.stage(tmp_path / "altered", root)
    content = bytearray((folder.dataset / "test.csv").read_bytes())
    content[0] ^= 1
    (folder.dataset / "test.csv").write_bytes(content)
    assert "begun" not in refused(folder, "test.csv is altered: md5")


@pytest.fixture
def process() -> Iterator[Callable[[JobFolder], Any]]:
    """Starts workers that the test stops; none is left behind."""
    started: list[Any] = []

    def start(folder: JobFolder) -> Any:
        started.append(tiny.start(folder))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
        each.stdout.close()


def until_step(folder: JobFolder, step: int) -> None:
    """Wait for a checkpoint of that step or a later one."""
    deadline = time.monotonic() + 30
    while not any(int(path.stem[5:]) >= step for path in folder.checkpoints.glob("step-*.ckpt")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_is_stopped_or_killed_and_resumed_comes_to_the_same(
    signum: signal.Signals, source: Path, tmp_path: Path, process: Any
) -> None:
    whole = tiny.stage(tmp_path / "whole", source, EVERY_STEP, epochs=4, pause=0.02)
    assert run(whole)[0] == 0
    folder = tiny.stage(tmp_path / "broken", source, EVERY_STEP, epochs=4, pause=0.02)
    for step in (3, 11, 17):
        worker = process(folder)
        until_step(folder, step)
        worker.send_signal(signum)
        code = worker.wait(20)
        if signum == signal.SIGTERM:
            failed = read(folder)
            assert code == 1
            assert failed.status == "failed" and failed.reason == folder.failure.read_text() == "stopped by SIGTERM"
            assert failed.environment is not None
        else:
            assert code == -signal.SIGKILL and not folder.record.exists()
        assert 3 <= int(checkpoints(folder)[-1][5:14]) < 24
    code, printed = run(folder)
    assert code == 0 and "resumed after step " in printed, printed
    expected, resumed = read(whole), read(folder)
    assert (resumed.weights, resumed.results) == (expected.weights, expected.results)
    for name in ("model.npy", "predictions.csv"):
        assert resumed.artifacts[name] == expected.artifacts[name]


def test_a_stop_leaves_a_checkpoint_also_where_none_is_due(source: Path, tmp_path: Path, process: Any) -> None:
    folder = tiny.stage(tmp_path, source, epochs=50, pause=0.02)
    worker = process(folder)
    while "epoch=1 " not in worker.stdout.readline():
        assert worker.poll() is None
    assert not checkpoints(folder)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 1
    assert read(folder).reason == "stopped by SIGTERM"
    (only,) = checkpoints(folder)
    assert 6 <= int(only[5:14]) < 300


def test_a_worker_that_is_stopped_before_it_trains_ends_at_once(tmp_path: Path, process: Any) -> None:
    folder = tiny.stage(tmp_path / "job", variant(tmp_path, "import time; time.sleep(60)\n"))
    worker = process(folder)
    assert worker.stdout.readline().startswith("worker ")
    time.sleep(0.3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 1
    assert read(folder).reason == "stopped by SIGTERM" and not checkpoints(folder)


def test_a_trial_ends_after_its_step_and_says_so(source: Path, tmp_path: Path) -> None:
    folder = tiny.stage(tmp_path, source, dataclasses.replace(PLACEMENT, stop_after=8))
    refused(folder, plan.TRIED, trained=True)
    assert checkpoints(folder) == ["step-000000008.ckpt"]
    assert len(metrics.epochs(folder.metrics)) == 1


def test_no_gpu_where_one_is_paid_for_ends_the_job(source: Path, tmp_path: Path) -> None:
    rented = dataclasses.replace(PLACEMENT, instance_type="ml.g5.xlarge", cloud=CLOUD)
    refused(
        tiny.stage(tmp_path / "gpu", source, rented), "ml.g5.xlarge has GPUs, and numpy finds none: image or driver"
    )
    without = dataclasses.replace(rented, cloud=dataclasses.replace(CLOUD, gpu=False))
    assert run(tiny.stage(tmp_path / "cpu", source, without))[0] == 0


@pytest.mark.parametrize("said", ["Tesla V100, capability (7, 0), cuda 12.9", "Tesla V100, capability 7.0, driver 535"])
def test_a_gpu_that_the_libraries_have_no_code_for_ends_the_job_before_it_crashes(tmp_path: Path, said: str) -> None:
    added = f"class Old(Runtime):\n    capability = (7, 5)\n\n    def devices(self):\n        return ['{said}']\n\n\n"
    root = variant(tmp_path, f"{added}PROGRAM = replace(PROGRAM, runtime=Old())\n")
    rented = dataclasses.replace(PLACEMENT, instance_type="ml.p3.2xlarge", cloud=CLOUD)
    refused(
        tiny.stage(tmp_path / "job", root, rented), f"{said}: the locked libraries have code for compute capability 7.5"
    )


def test_the_runtime_is_configured_before_anything_of_the_framework_is_imported(tmp_path: Path) -> None:
    early = (
        "import sys\n"
        "class Early(Runtime):\n"
        "    def configure(self, threads):\n"
        "        assert 'numpy' not in sys.modules, 'numpy is imported already'\n"
        "        super().configure(threads)\n"
        "PROGRAM = replace(PROGRAM, runtime=Early())\n"
    )
    code, printed = run(tiny.stage(tmp_path / "job", variant(tmp_path, early)))
    assert code == 0, printed


def test_a_bug_keeps_its_traceback_and_its_reason_is_one_line(tmp_path: Path) -> None:
    buggy = "def _buggy(settings, data, job):\n    raise ValueError('a long\\nstory ' * 200)\n"
    folder = tiny.stage(tmp_path / "job", variant(tmp_path, buggy + "PROGRAM = replace(PROGRAM, train=_buggy)\n"))
    printed = refused(folder, "ValueError: a long story a long story")
    assert "Traceback" in printed and "in _buggy" in printed
    assert len(folder.failure.read_text()) == 1024


def test_memory_that_does_not_suffice_is_called_that(tmp_path: Path) -> None:
    greedy = "def _greedy(settings, data, job):\n    raise MemoryError('no 9 GB')\n"
    root = variant(tmp_path, greedy + "PROGRAM = replace(PROGRAM, train=_greedy)\n")
    refused(tiny.stage(tmp_path / "job", root), "out of memory: MemoryError: no 9 GB")


def test_weights_that_leave_the_numbers_end_the_training(source: Path, tmp_path: Path) -> None:
    printed = refused(tiny.stage(tmp_path, source, rate=1e308), "after epoch 1: it is infinite or not a", trained=True)
    assert "train_loss is " in printed


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({}, "the training never reported test_error; it reported train_loss"),
        ({"test_loss": 1.0}, "the training never reported test_error; it reported train_loss, test_loss"),
        ({"test_error": math.nan}, "test_error is nan: it is infinite or not a number"),
        ({"test_error": 1.0, "test_loss": math.inf}, "test_loss is inf: it is infinite or not a number"),
    ],
)
def test_a_result_without_the_metric_that_decides_or_with_no_number_is_none(
    tmp_path: Path, numbers: dict[str, float], reason: str
) -> None:
    outcome = Outcome(numbers, 1, {}, lambda path: path.touch())
    trained = Trained(outcome, [{"epoch": 1, "train_loss": 0.5}], [])
    with pytest.raises(RunFailed, match=rf"^{reason}$"):
        training._save(JobFolder(tmp_path), planned("tiny"), trained)
    assert not list(tmp_path.iterdir())


def of_two(folder: JobFolder, own: str) -> JobFolder:
    """A job of two hosts, as SageMaker names them."""
    folder.resources.parent.mkdir(parents=True)
    folder.resources.write_text(json.dumps({"hosts": ["algo-1", "algo-2"], "current_host": own}))
    return folder


def test_a_program_that_trains_in_one_worker_refuses_two(tmp_path: Path) -> None:
    root = variant(tmp_path, "PROGRAM = replace(PROGRAM, runtime=Runtime())\n")
    folder = of_two(tiny.stage(tmp_path / "job", root), "algo-1")
    refused(folder, "this program trains in one worker; legal: mode.instance_count=1")


PAIR = (
    "class Pair(Group):\n"
    "    def gather(self, text):\n"
    "        return [text, OTHER]\n"
    "class Tied(Runtime):\n"
    "    def join(self, workers):\n"
    "        return Pair()\n"
    "PROGRAM = replace(PROGRAM, runtime=Tied())\n"
)


def test_only_the_chief_of_several_workers_leaves_anything(tmp_path: Path) -> None:
    root = variant(tmp_path, PAIR.replace("OTHER", "text"))
    chief, other = (of_two(tiny.stage(tmp_path / own, root, EVERY_STEP), own) for own in ("algo-1", "algo-2"))
    assert run(chief)[0] == 0
    assert len(read(chief).worker_weights) == 2
    code, printed = run(other)
    assert code == 0 and "epoch=" not in printed
    assert not other.record.exists() and not other.failure.exists()
    for path in (other.models, other.output, other.checkpoints):
        assert not list(path.iterdir())


def test_workers_that_end_with_different_weights_have_failed(tmp_path: Path) -> None:
    root = variant(tmp_path, PAIR.replace("OTHER", "text if len(text) < 64 else '0' * 64"))
    folder = of_two(tiny.stage(tmp_path / "job", root), "algo-1")
    refused(folder, "the workers ended with different weights: ", trained=True)
    assert "0" * 64 in folder.failure.read_text()
