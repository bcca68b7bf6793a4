"""Scripts that know nothing of this project, in the worker: their numbers, their model, their end, what is refused."""

import dataclasses
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.contract import atomic, metrics, plan, record, serial
from harness.contract.job_folder import JobFolder
from harness.worker import command
from tests.support import scripted, tiny
from tests.support.plans import PLACEMENT

TRIAL = dataclasses.replace(PLACEMENT, stop_after=1)
LONG: dict[str, Any] = {"epochs": 100, "pause": 0.2}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scripted.copy_source(tmp_path_factory.mktemp("source") / "project")


def run(folder: JobFolder) -> tuple[int, str]:
    """The worker's exit code and what it printed."""
    process = tiny.start(folder, PYTHONHASHSEED="7")
    printed, _ = process.communicate(timeout=60)
    return process.returncode, printed


def read(folder: JobFolder) -> record.RunRecord:
    return serial.from_json(record.RunRecord, json.loads(folder.record.read_text()))


def reason(folder: JobFolder) -> str:
    """Why a run failed, in one line."""
    code, printed = run(folder)
    failed = read(folder)
    assert (code, failed.status, failed.results, failed.weights) == (1, "failed", None, None), printed
    assert failed.reason is not None and "\n" not in failed.reason
    assert f"failed: {failed.reason}" in printed.splitlines()
    return failed.reason


def broken_off(folder: JobFolder, signum: int, after: str = "epoch=2 ") -> tuple[int, str]:
    """A worker that got a signal after a line that begins so: its exit code, and what it printed after."""
    process = tiny.start(folder)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(after):
            break
    process.send_signal(signum)
    printed, _ = process.communicate(timeout=60)
    return process.returncode, printed


def ended(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_the_record_of_a_script_is_complete(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source)
    code, printed = run(folder)
    assert code == 0, printed
    completed = read(folder)
    results = completed.results
    assert results is not None and (completed.status, completed.reason) == ("completed", None)
    assert set(results.metrics) == {"train_error", "train_loss", "test_error", "test_examples"}
    assert completed.value("test") == results.metrics["test_error"] < 40
    assert results.examples == 200
    rows = metrics.epochs(folder.metrics)
    assert [(row["epoch"], row["step"], row["rate"]) for row in rows] == [(1.0, 0.0, 0.05), (2.0, 0.0, 0.05)]
    assert rows[-1]["train_error"] == results.metrics["train_error"]
    assert rows[-1]["train_loss"] == results.metrics["train_loss"]  # said in words of its own
    assert set(completed.artifacts) == {"model.json", "metrics.csv", "extras/weights.npz"}
    assert completed.artifacts["model.json"] == atomic.sha256(folder.models / "model.json")
    assert [name for name, _ in completed.tensors] == ["weights"]
    assert completed.worker_weights == (completed.weights,)
    assert completed.environment is not None and completed.environment["framework"] is None


def test_each_epoch_is_said_once_in_the_form_that_all_read(source: Path, tmp_path: Path) -> None:
    _, printed = run(scripted.stage(tmp_path, source))
    lines = printed.splitlines()
    assert lines[0].startswith("worker ")
    assert "Epoch 1 is over, the loss is " in printed  # its own words pass through
    rows = [line for line in lines if line.startswith("epoch=")]
    assert [line.split()[:2] for line in rows] == [["epoch=1", "step=0"], ["epoch=2", "step=0"]]
    assert all(" train_loss=" in row and " train_error=" in row for row in rows)
    assert any(line.startswith("done: test_error=") for line in lines)


def test_equal_weights_are_equal_though_their_files_hold_the_time(source: Path, tmp_path: Path) -> None:
    records = []
    for name in ("one", "two"):
        folder = scripted.stage(tmp_path / name, source)
        assert run(folder)[0] == 0
        records.append(read(folder))
        time.sleep(2.1)  # a zip file's clock ticks every two seconds
    one, two = records
    assert (one.weights, one.tensors, one.results) == (two.weights, two.tensors, two.results)
    assert one.artifacts["extras/weights.npz"] != two.artifacts["extras/weights.npz"]
    other = scripted.stage(tmp_path / "other", source, shuffle=False)
    assert run(other)[0] == 0
    assert read(other).weights != one.weights


def test_it_finds_what_script_mode_promises(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source, does="tell its environment", shuffle=False)
    assert run(folder)[0] == 0
    told = scripted.told(folder)
    environment, config = told["environment"], dataclasses.asdict(scripted.SETTINGS)
    config |= {"does": "tell its environment", "shuffle": False}
    flags = [word for name, value in sorted(config.items()) for word in (f"--{name}", str(value))]
    assert told["words"] == [word.replace("False", "false") for word in flags]
    assert json.loads(environment["SM_HPS"]) == told["files"]["config.json"] == config
    assert told["files"]["hyperparameters.json"]["shuffle"] == environment["SM_HP_SHUFFLE"] == "false"
    assert environment["SM_CHANNEL_DATASET"] == environment["SM_CHANNEL_TRAINING"] == str(folder.dataset)
    assert json.loads(environment["SM_CHANNELS"]) == ["dataset", "training", "train"]
    assert environment["SM_MODEL_DIR"] == str(folder.models)
    assert environment["SM_CHECKPOINT_DIR"] == str(folder.checkpoints)
    assert environment["SM_OUTPUT_DIR"] == str(folder.base / "output")
    assert (environment["SM_NUM_CPUS"], environment["SM_NUM_GPUS"]) == ("2", "0")
    assert (json.loads(environment["SM_HOSTS"]), environment["SM_CURRENT_HOST"]) == (["algo-1"], "algo-1")
    assert told["files"]["resourceconfig.json"] == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert (environment["PYTHONHASHSEED"], environment["OMP_NUM_THREADS"]) == ("0", "2")
    assert environment["PYTHONPATH"] is None
    assert told["folder"] == str((folder.code / "programs" / "scripted").resolve())


@pytest.mark.parametrize("name", ["dataset", "training", "train"])
def test_a_folder_of_the_data_is_a_channel(source: Path, tmp_path: Path, name: str) -> None:
    from harness.contract.job import Workers
    from harness.worker import script_mode

    folder = JobFolder(tmp_path)
    (folder.dataset / "train").mkdir(parents=True)
    found = script_mode.variables(folder, {}, Workers(("algo-1",), "algo-1"), 1, 0)
    assert found[f"SM_CHANNEL_{name.upper()}"] == str(folder.dataset / ("train" if name == "train" else ""))


def test_several_workers_find_each_other(tmp_path: Path) -> None:
    from harness.contract.job import Workers
    from harness.worker import script_mode

    (folder := JobFolder(tmp_path)).dataset.mkdir(parents=True)
    found = script_mode.variables(folder, {}, Workers(("127.0.0.1:7", "127.0.0.1:8"), "127.0.0.1:8"), 1, 0)
    assert (json.loads(found["SM_HOSTS"]), found["SM_CURRENT_HOST"]) == (["algo-1", "algo-2"], "algo-2")
    assert (found["SM_MASTER_ADDR"], found["SM_MASTER_PORT"]) == ("127.0.0.1", "7")


MAY_WRITE = "what it may write are SM_MODEL_DIR and the like"
BAD = {
    "write no number": "train_error is nan: it is infinite or not a number",
    "leave no model": "train.py ended without leaving SM_MODEL_DIR/model.json; it left nothing",
    "exit with 3": "train.py ended with 3: no such layer: dense_7",
    "keep the score to itself": "train.py never reported test_error=NUMBER; it reported train_loss, train_error",
    "write beside its folder": f"train.py wrote into the code: harness/cache.txt; {MAY_WRITE}",
    "write into the data": f"train.py wrote into the data: cache.txt; {MAY_WRITE}",
}


@pytest.mark.parametrize("does", BAD)
def test_a_bad_script_gets_one_line(source: Path, tmp_path: Path, does: str) -> None:
    began = time.monotonic()
    assert reason(scripted.stage(tmp_path, source, does=does)) == BAD[does]
    assert time.monotonic() - began < 15  # a script without numbers is not waited for


def test_its_folder_is_read_only_and_root_who_may_write_it_fails(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source, does="write into its folder")
    if os.getuid():
        assert "PermissionError" in reason(folder)
    else:
        assert reason(folder).startswith("train.py wrote into its own folder: cache.txt")
    home = folder.code / "programs" / "scripted"
    assert all(path.stat().st_mode & 0o200 for path in (home, home / "train.py"))


def test_sigterm_reaches_it_and_it_resumes_from_its_own_checkpoint(source: Path, tmp_path: Path) -> None:
    unbroken = scripted.stage(tmp_path / "unbroken", source, epochs=4, pause=0.2)
    assert run(unbroken)[0] == 0
    folder = scripted.stage(tmp_path / "broken", source, epochs=4, pause=0.2)
    assert broken_off(folder, signal.SIGTERM)[0] == 1
    assert read(folder).reason == "stopped by SIGTERM"
    code, printed = run(folder)
    assert code == 0 and "resumed after epoch " in printed, printed
    assert read(folder).weights == read(unbroken).weights
    assert [row["epoch"] for row in metrics.epochs(folder.metrics)] == [1.0, 2.0, 3.0, 4.0]


def test_a_script_that_ignores_sigterm_is_killed_after_its_grace(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source, does="be deaf", **LONG)
    began = time.monotonic()
    broken_off(folder, signal.SIGTERM, "deaf")
    assert read(folder).reason == "stopped by SIGTERM; train.py ignored SIGTERM for 1 s and was killed"
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("signum", [signal.SIGKILL, None])
def test_nothing_of_it_outlives_the_worker(source: Path, tmp_path: Path, signum: int | None) -> None:
    more = LONG if signum else {}
    process = tiny.start(scripted.stage(tmp_path, source, does="leave a process", **more))
    assert process.stdout is not None
    left = next(int(line.split()[1]) for line in process.stdout if line.startswith("left "))
    if signum:
        process.send_signal(signum)
    process.communicate(timeout=30)
    assert ended(left)


def test_a_trial_ends_with_the_first_number(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source, TRIAL, **LONG)
    began = time.monotonic()
    assert reason(folder) == plan.TRIED
    assert time.monotonic() - began < 15


def test_it_is_killed_as_soon_as_it_has_said_a_later_epoch(source: Path, tmp_path: Path) -> None:
    """At once: its epochs last milliseconds."""
    folder = scripted.stage(tmp_path, source, dataclasses.replace(PLACEMENT, stop_after=3), epochs=5000)
    assert reason(folder) == f"{plan.TRIED}: train.py was ended by SIGKILL after epoch 3"
    _, done = json.loads((folder.checkpoints / "newest.json").read_text())
    assert 3 <= done < 100


def test_the_script_runs_in_the_workers_own_interpreter(source: Path, tmp_path: Path) -> None:
    folder = scripted.stage(tmp_path, source, does="exit with 3")
    (folder.code / "programs" / "scripted" / "train.py").write_text("import sys; sys.exit(sys.executable)\n")
    planned = json.loads(folder.plan.read_text())
    from harness.contract import bundle

    planned["experiment"]["code"] = bundle.code_hash(bundle.received(folder.code))
    experiment = serial.from_json(plan.Experiment, planned["experiment"])
    planned["experiment_id"] = plan.experiment_id(experiment)
    folder.plan.write_text(json.dumps(planned))
    assert reason(folder) == f"train.py ended with 1: {sys.executable}"


def test_a_script_is_not_judged_before_all_that_it_printed_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LINGER", 0.2)
    script = command.Script.__new__(command.Script)
    script.heard, script.hearing = 0, set()

    def slowly() -> None:
        for _ in range(10):
            script.hearing.add(False)
            time.sleep(0.3)  # a disk that takes its time
            script.heard += 1
            script.hearing.discard(False)

    slow = threading.Thread(target=slowly)
    silent = threading.Thread(target=threading.Event().wait, daemon=True)
    slow.start()
    silent.start()
    script._read_on(slow)
    assert script.heard == 10 and not slow.is_alive()
    script._read_on(silent)  # somebody holds the pipe, and prints nothing
