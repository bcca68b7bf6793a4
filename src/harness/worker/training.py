"""One training, from the verified job folder to its outputs."""

import math
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.contract import atomic, bundle, identity, job, metrics, plan, program, record
from harness.contract.command import Command
from harness.contract.errors import RunFailed
from harness.contract.job_folder import JobFolder
from harness.worker import checkpoint, environment, randomness
from harness.worker.clock import Clock
from harness.worker.command import Script
from harness.worker.loop import Checkpointer, Loop, Trained

SPLITS = ("train_", "validation_")  # how the names of an epoch's metrics begin


class Stop(Protocol):
    """Whether the worker was asked to stop, and why; an orderly stop leaves a checkpoint first."""

    orderly: bool
    reason: str | None

    def listen(self) -> None: ...


def train(folder: JobFolder, planned: plan.RunPlan, evidence: dict[str, Any], stop: Stop) -> job.Group:
    """Verify, train, save. `evidence` gathers the record's fields as they become known.

    Returns the group of workers, which each worker leaves when the record is written.

    Raises:
        HarnessError: code, lock or data are not those of the plan, or the training failed.
    """
    threads = planned.placement.threads or environment.cores()
    _verify_code(folder, planned)
    workers = job.read(folder.resources)
    trained_program = program.load(planned.experiment.program)
    verified = _Verified(folder.dataset, planned, trained_program)  # while the framework is imported
    clock = Clock()
    runtime = trained_program.runtime
    runtime.configure(threads)
    begin = trained_program.train
    # a command loads its framework itself; here it would take memory, on a GPU too
    gpus = environment.gpus() if isinstance(begin, Command) else runtime.devices()
    cloud = planned.placement.cloud
    if cloud is not None and cloud.gpu and not gpus:  # the framework would train on, at a GPU's price
        instance = planned.placement.instance_type
        raise RunFailed(f"{instance} has GPUs, and {runtime.package} finds none: image or driver")
    if cloud is not None and (weak := _too_old(gpus, runtime.capability)):
        least = ".".join(map(str, runtime.capability))
        raise RunFailed(f"{weak}: the locked libraries have code for compute capability {least} and newer alone")
    group = job.Group() if isinstance(begin, Command) else runtime.join(workers)
    stop.listen()  # again: between several workers a framework may take the signal for its own
    evidence["environment"] = environment.describe(runtime, threads, folder.code / bundle.LOCK, gpus)
    evidence["seconds"]["import"] = round(clock.lap("build"), 3)
    clock.seconds["build"] = 0.0

    settings = trained_program.settings(**planned.experiment.config)
    trained_program.check_workers(settings, len(workers.hosts))
    verified.wait()
    if isinstance(begin, Command):
        stop.orderly = True
        outputs = Script(begin, folder, planned, workers, stop).run(threads, len(gpus))
        evidence["seconds"] |= outputs.pop("seconds")
        evidence |= outputs
        return group
    own = job.Job(workers, group, threads, planned.experiment.dataset)
    randomness.begin(settings.seed)
    steps = begin(settings, folder.dataset, own)
    epochs: list[dict[str, Any]] = []

    def report(values: dict[str, Any]) -> None:
        if not workers.chief:
            return
        print(metrics.line({name: value for name, value in values.items() if name != "weights"}), flush=True)
        if "epoch" in values and "progress" not in values:
            epochs.append(values)
            atomic.write(folder.metrics, _table(epochs))

    checkpointer = Checkpointer(
        folder.checkpoints, planned.experiment_id, planned.placement.checkpoint_seconds, workers.chief
    )
    stop.orderly = True
    examples, stop_after = planned.description.examples, planned.placement.stop_after
    loop = Loop(steps, examples, report, checkpointer, clock, group, lambda: stop.reason, stop_after)
    with group.lost_workers_named():
        trained = loop.run()
    evidence["seconds"] |= {phase: round(seconds, 3) for phase, seconds in clock.seconds.items()}
    if trained_program.verifies:
        evidence["verified"] = _verified(workers, group.gather(steps.verified()))
    if len(set(trained.worker_weights)) > 1:
        raise RunFailed(f"the workers ended with different weights: {', '.join(trained.worker_weights)}")
    if workers.chief:  # Docker Compose and SageMaker end all workers when one has ended
        began = time.perf_counter()
        evidence |= _save(folder, planned, trained)
        evidence["seconds"]["save"] = round(time.perf_counter() - began, 3)
    return group


def _too_old(gpus: list[str], least: tuple[int, int]) -> str | None:
    """The first GPU whose compute capability, in what is said of it, is lower."""
    for gpu in gpus:
        told = re.search(r"capability \(?(\d+)(?:\.|, )(\d+)", gpu)
        if told and (int(told[1]), int(told[2])) < least:
            return gpu
    return None


def _verify_code(folder: JobFolder, planned: plan.RunPlan) -> None:
    files = bundle.received(folder.code)
    for name, planned_hash, received in (
        ("code", planned.experiment.code, bundle.code_hash(files)),
        ("lock", planned.experiment.lock, bundle.lock_hash(files)),
        ("experiment", planned.experiment_id, plan.experiment_id(planned.experiment, planned.schema)),
    ):
        if planned_hash != received:
            raise RunFailed(f"the {name} that arrived has sha256 {received}, the plan says {planned_hash}")


class _Verified:
    """The data, hashed in a thread of its own; not where the program is to check each part of it when it reads it."""

    def __init__(self, data: Path, planned: plan.RunPlan, owner: program.Program[Any]) -> None:
        self._arguments = data, planned.experiment.dataset
        self._whole = planned.placement.verify == "before" or not owner.verifies
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._verify, daemon=True)
        self._thread.start()

    def _verify(self) -> None:
        try:
            if self._whole:
                identity.verify(*self._arguments)
        except Exception as error:  # raised again where it is waited for
            self._error = error

    def wait(self) -> None:
        """Raise what is wrong with the data."""
        self._thread.join()
        if self._error is not None:
            raise self._error


def _verified(workers: job.Workers, texts: list[str]) -> tuple[str, ...]:
    """What each worker checked of the data, in the order of the hosts, each of which may have several replicas."""
    each = len(texts) // len(workers.hosts)
    return tuple(f"algo-{number}: {text}" for number, text in enumerate(texts[:: max(1, each)], 1) if text)


def _table(epochs: list[dict[str, Any]]) -> str:
    return metrics.table(epochs[0], (epoch.values() for epoch in epochs))


def _save(folder: JobFolder, planned: plan.RunPlan, trained: Trained) -> dict[str, Any]:
    """Write the outputs; the fields of the record that they are."""
    outcome, model = trained.outcome, folder.models / planned.description.model
    last = {name: value for name, value in trained.epochs[-1].items() if name.startswith(SPLITS)}
    reported = {**last, **outcome.metrics}
    _check_reported(reported, f"test_{planned.description.objective.name}")
    atomic.write(folder.metrics, _table(trained.epochs))
    outcome.save(model)
    outputs = [model, folder.metrics]
    if outcome.columns:
        atomic.write(folder.predictions, metrics.table(outcome.columns, outcome.rows))
        outputs.append(folder.predictions)
    return {
        "weights": checkpoint.digest(outcome.weights),
        "tensors": checkpoint.tensor_digests(outcome.weights),
        "worker_weights": tuple(trained.worker_weights),
        "artifacts": {path.name: atomic.sha256(path) for path in outputs},
        "results": record.Results(reported, outcome.examples, tuple(outcome.classes), tuple(outcome.confusion)),
    }


def _check_reported(reported: Mapping[str, float], objective: str) -> None:
    """Refuse numbers that are none, and a training without the metric that decides.

    Raises:
        RunFailed: names the number.
    """
    if objective not in reported:
        raise RunFailed(f"the training never reported {objective}; it reported {', '.join(reported) or 'no metric'}")
    for name, value in reported.items():
        if not math.isfinite(value):
            raise RunFailed(f"{name} is {value}: it is infinite or not a number")
