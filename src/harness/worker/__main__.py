"""The training program, the same in a process, a container and on SageMaker: `python -m harness.worker BASE`.

BASE is laid out like /opt/ml. The worker checks code, lock and data against the plan, trains, and leaves a record;
where it fails it leaves `failure`, SageMaker's own file for the reason, and a record that says so too. Of several
workers of one job the first one leaves all that, the others only what went wrong with them.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract import atomic, bundle, plan, record
from harness.contract.errors import HarnessError, RunFailed
from harness.contract.job_folder import JobFolder
from harness.frameworks import tensorflow
from harness.worker import environment
from programs.cifar10.settings import Training

UNWANTED = ("sklearn", "pandas", "matplotlib", "IPython")  # Keras imports them where it can: seconds, for nothing here
REASON_LENGTH = 1024  # SageMaker cuts FailureReason there
COMPANION_SECONDS = 80.0  # after the training: an instance that is taken away leaves two minutes in all


def main(base: str) -> int:
    """Run the plan that lies in the code channel; 0 where it completed, 1 where it failed."""
    job = JobFolder(Path(base))
    _become_owner(job.plan)
    stop = _Stop()
    signal.signal(signal.SIGTERM, stop)
    for folder in (job.model.parent, job.output, job.checkpoints):
        folder.mkdir(parents=True, exist_ok=True)
    planned = plan.from_json(plan.RunPlan, json.loads(job.plan.read_text()))
    print(f"worker {planned.run_id}", flush=True)  # the launcher's own talk ends here
    found: dict[str, Any] = {"started": _now(), "seconds": {}}
    with _companion(job):
        try:
            _train(job, planned, found, stop)
        except BaseException as error:
            reason = _reason(error)
            if not isinstance(error, HarnessError):
                traceback.print_exc(file=sys.stdout)
            print(f"failed: {reason}", flush=True)
            atomic.write(job.failure, reason[:REASON_LENGTH])
            failed = {"status": "failed", "reason": reason, "finished": _now()}
            atomic.write(job.record, plan.dumps(record.of(planned, **{**found, **failed})))
            return 1
        return 0


@contextlib.contextmanager
def _companion(job: JobFolder) -> Iterator[None]:
    """Run what travels beside the code, where something does; it is told of the end, and waited for."""
    if not job.companion.exists() or not job.read(job.resources).chief:
        yield
        return
    command = [sys.executable, "-P", "-m", "harness.tracking.inside", str(job.base)]  # -P: not the bundle's own package
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(job.companion)}, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(COMPANION_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


class _Stop:
    """SIGTERM's handler: while there is nothing to save it ends the program, later it tells the training."""

    def __init__(self) -> None:
        self.orderly = False
        self.reason: str | None = None

    def __call__(self, signum: int, frame: object) -> None:
        self.reason = f"stopped by {signal.Signals(signum).name}"
        if not self.orderly:
            raise RunFailed(self.reason)


def _train(job: JobFolder, planned: plan.RunPlan, found: dict[str, Any], stop: _Stop) -> None:
    """Verify, train, save. `found` gathers the record's fields as they become known."""
    threads = planned.placement.threads or environment.cores()
    files = bundle.received(job.code)
    for name, planned_hash, received in (
        ("code", planned.experiment.code, bundle.code_hash(files)),
        ("lock", planned.experiment.lock, bundle.lock_hash(files)),
        ("experiment", planned.experiment_id, plan.experiment_id(planned.experiment)),
    ):
        if planned_hash != received:
            raise RunFailed(f"the {name} that arrived has sha256 {received}, the plan says {planned_hash}")

    clock = time.perf_counter()
    tensorflow.configure(threads)
    sys.modules.update(dict.fromkeys(UNWANTED))  # type: ignore[arg-type]  # None makes their import fail
    from harness.frameworks import tensorflow
    from harness.worker import loop
    from programs.cifar10 import dataset, fit

    own = job.read(job.resources)
    gpus, away = tensorflow.devices(), planned.placement.cloud
    if away is not None and away.gpu and not gpus:  # TensorFlow would train on, at a GPU's price
        raise RunFailed(f"{planned.placement.instance_type} has GPUs, and TensorFlow finds none: image or driver")
    strategy = tensorflow.strategy(own)
    signal.signal(signal.SIGTERM, stop)  # again: between several workers TensorFlow takes this signal for its own
    found["environment"] = environment.describe(threads, job.code / bundle.LOCK, gpus, deterministic=True)
    clock = _lap(found, "import", clock)

    config = Training(**planned.experiment.config)  # type: ignore[arg-type]  # checked when the plan was made
    data = dataset.load(
        job.dataset,
        config.num_data_batches,
        config.validation_images,
        config.seed,
        expected=planned.experiment.dataset,
    )
    clock = _lap(found, "data", clock)

    epochs: list[dict[str, Any]] = []

    def report(values: dict[str, Any]) -> None:
        if not own.chief:
            return
        print(_line({name: value for name, value in values.items() if name != "weights"}), flush=True)
        if "epoch" in values and "progress" not in values:
            epochs.append(values)
            atomic.write(job.metrics, _csv(epochs))

    keeper = loop.Keeper(job.checkpoints, planned.experiment_id, planned.placement.checkpoint_seconds, own.chief)
    stop.orderly = True
    with tensorflow.loss_told(own):
        outcome = fit.train(config, data, report, keeper, lambda: stop.reason, strategy, planned.placement.stop_after)
    found["seconds"] |= {phase: round(seconds, 3) for phase, seconds in outcome.seconds.items()}
    if len(set(outcome.worker_weights)) > 1:
        raise RunFailed(f"the workers ended with different weights: {', '.join(outcome.worker_weights)}")
    if not own.chief:  # Docker Compose and SageMaker end all workers when one has ended
        tensorflow.wait_for_all(own, strategy)
        return
    clock = time.perf_counter()
    atomic.write(job.metrics, _csv(outcome.epochs))
    atomic.write(job.predictions, _predictions(data.test_labels, outcome))
    tensorflow.save(outcome.model, job.model)
    found["weights"] = tensorflow.weight_digest(outcome.model)
    found["tensors"] = tensorflow.tensor_digests(outcome.model)
    found["worker_weights"] = tuple(outcome.worker_weights)
    found["artifacts"] = {path.name: atomic.sha256(path) for path in (job.model, job.metrics, job.predictions)}
    found["results"] = record.Results(**outcome.results(), class_names=data.class_names)
    _lap(found, "save", clock)
    atomic.write(job.record, plan.dumps(record.of(planned, **found, status="completed", finished=_now())))
    tensorflow.wait_for_all(own, strategy)


def _line(values: dict[str, Any]) -> str:
    """`name=value` apart by spaces: people, the progress bar and SageMaker's metric patterns read it; notes as is."""
    if "note" in values:
        return str(values["note"])
    shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in values.items()}
    return " ".join(name if value is True else f"{name}={value}" for name, value in shown.items())


def _csv(epochs: list[dict[str, Any]]) -> str:
    rows = [list(epochs[0]), *([str(value) for value in epoch.values()] for epoch in epochs)]
    return "".join(",".join(row) + "\n" for row in rows)


def _predictions(labels: Any, outcome: Any) -> str:
    """A row for each test image, in the order of the test batch: its label, the class found, its loss in nats."""
    rows = zip(labels, outcome.predicted, outcome.losses, strict=True)
    lines = (f"{at},{label},{found},{loss:.6g}\n" for at, (label, found, loss) in enumerate(rows))
    return "".join(("image,label,predicted,loss\n", *lines))


def _lap(found: dict[str, Any], phase: str, since: float) -> float:
    now = time.perf_counter()
    found["seconds"][phase] = round(now - since, 3)
    return now


def _become_owner(path: Path) -> None:
    """As root in a container, go on as the owner of the plan: what is written then belongs to whoever asked for it."""
    owner = path.stat()
    if os.getuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _reason(error: BaseException) -> str:
    if isinstance(error, HarnessError):
        return str(error)
    kind = type(error).__name__
    text = " ".join(str(error).split())
    memory = isinstance(error, MemoryError) or kind == "ResourceExhaustedError"
    return f"{'out of memory: ' if memory else ''}{kind}: {text}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # TensorFlow takes long to be torn down, and the end of one worker for the failure of another
