"""Prove a program: train it in fresh processes, kill one of them, resume it, and compare what is left."""

import io
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract import metrics, plan, program
from harness.contract.command import Command
from harness.contract.errors import RunFailed
from harness.contract.plan import Promise
from harness.contract.record import RunRecord
from harness.evidence import promises, proof
from harness.evidence.proof import Distance, Training
from harness.evidence.proven import Proof
from harness.launch import collect, local
from harness.launch.follow import follow
from harness.launch.runner import Runner
from harness.planning.draft import Draft
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder

Say = Callable[[str], None]
# Sums over a batch cancel: where most of a gradient does, three quarters of its bits are lost. That leaves 2 % in
# float32, and an example that is missing in a batch of a thousand shows.
ROUNDING = 0.25
PATIENCE = 0.001  # seconds between two looks for a checkpoint


class Prover:
    """The short trainings of one program, each in fresh workers and in a folder of its own below `scratch`."""

    def __init__(self, draft: Draft, scratch: Path, say: Say) -> None:
        self._draft, self._scratch, self._say = draft, scratch, say
        self._count = draft.plan.placement.instance_count
        self._command = isinstance(program.load(draft.plan.experiment.program).train, Command)

    def prove(self, seed: int) -> Proof:
        """Train, train again, kill and resume; with several workers, also take a first step with one.

        Raises:
            RunFailed: a training failed that should not have.
            KeyboardInterrupt: this program was asked to stop.
        """
        first = self._whole("first", "training, unbroken")
        second = self._whole("second", "training again, in a new process")
        tested = [proof.replay(first, second)]
        tested.append(self._resume(first, tested[0], seed))
        if self._count > 1:
            tested.append(self._workers(first))
        planned = self._draft.plan
        experiment = planned.experiment
        return Proof(
            experiment.program,
            experiment.code,
            experiment.lock,
            promises.fingerprint(first.record),
            self._count,
            experiment.config,
            planned.provenance.created,
            tuple(tested),
        )

    def _resume(self, first: Training, replayed: Promise, seed: int) -> Promise:
        """Kill a training at a step that the seed chooses, a command at an epoch, and resume it."""
        unit = "epoch" if self._command else "step"
        last = int(first.epochs[-1][unit]) if first.epochs else 1
        least = 2 if self._command and last > 1 else 1  # its worker kills a command after epoch 2 or a later one
        at = random.Random(f"{self._draft.plan.experiment_id} {seed}").randint(least, max(least, last - 1))
        own = at if least == 2 else None
        killed = self._stage("killed", stop_after=own if self._command else min(at + 1, max(1, last - 1)))
        record = self._run(killed, kill_at=at)
        if not any(_checkpoints(killed)):
            return proof.resume(first, None, replayed, "")
        if record.status == "completed":
            what = "the training that was to be killed had ended: it is too short to be proven"
            raise RunFailed(what, legal="more epochs, or a scale `proof` of its own")
        resumed = self._stage("resumed", checkpoints=killed.checkpoints, resumed=killed.planned().run_id)
        training = self._trained(resumed, self._run(resumed))
        how = "SIGKILL" if "SIGKILL" in str(record.reason) else "a stop that was quicker than SIGKILL"
        where = [line for line in resumed.log.read_text().splitlines() if line.startswith("resumed after")]
        self._say(f"killed    by {how} at {unit} {at} of {last} (kill={seed}), {(where or ['resumed'])[0]}")
        return proof.resume(first, training, replayed, f"{how} at {unit} {at}")

    def _workers(self, first: Training) -> Promise:
        """The first step with one worker and with several: the same but for rounding."""
        if self._command:
            reason = "a command's first step cannot be looked at"
            return Promise(promises.WORKERS, promises.NOT_OFFERED, promises.fingerprint(first.record), reason)
        self._say("workers   the first step, with one worker and with several")
        states = []
        for count in (1, self._count):
            run = self._stage(f"workers-{count}", stop_after=1, workers=count)
            record = self._run(run)
            if not (newest := sorted(run.checkpoints.iterdir())):
                raise RunFailed(f"a first step with {count} workers failed: {record.reason}")
            states.append(newest[-1])
        return proof.workers(first.record, self._count, distances(*states))

    def _whole(self, name: str, about: str) -> Training:
        self._say(f"{name:9} {about}")
        run = self._stage(name)
        return self._trained(run, self._run(run))

    def _stage(
        self,
        name: str,
        stop_after: int | None = None,
        checkpoints: Path | None = None,
        resumed: str | None = None,
        workers: int | None = None,
    ) -> RunFolder:
        wanted = self._draft.plan
        placement = replace(
            wanted.placement, stop_after=stop_after, instance_count=workers or wanted.placement.instance_count
        )
        provenance = replace(wanted.provenance, resumed=resumed)
        planned = plan.make(wanted.experiment, wanted.description, placement, provenance, datetime.now(UTC))
        (folder := self._scratch / name).mkdir()
        return run_folder.stage(folder, planned, self._draft.files, b"", checkpoints)

    def _run(self, run: RunFolder, kill_at: int | None = None) -> RunRecord:
        """Follow one training; it is killed when it has left the checkpoint of the step `kill_at`.

        A command is killed when it has said the numbers of the epoch `kill_at`: by its worker where the plan says so,
        which then reads what the command had printed by then, and else with its worker.
        """
        planned = run.planned()
        by_host = self._command and kill_at is not None and planned.placement.stop_after is None
        runner = local.runner(planned.placement)

        def listen(line: str) -> None:
            with run.log.open("a", encoding="utf-8") as file:
                print(line, file=file)
            if by_host and f"epoch={kill_at}" in line.split():
                runner.stop(at_once=True)

        with _killer(runner, run, None if self._command else kill_at):
            ended = follow(runner, run, self._draft.data.folder, listen)
        if ended.reason is not None and ended.reason.startswith("stopped by"):
            raise KeyboardInterrupt
        return collect.collect(run, planned, ended)

    def _trained(self, run: RunFolder, record: RunRecord) -> Training:
        if record.status != "completed":
            raise RunFailed(f"the {run.path.parent.name} training failed: {record.reason}")
        return Training(record, metrics.epochs(run.metrics))


@contextmanager
def _killer(runner: Runner, run: RunFolder, step: int | None) -> Iterator[None]:
    """Kill the workers as soon as a checkpoint of that step is there."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(PATIENCE):
            if step is not None and any(name >= f"step-{step:09d}.ckpt" for name in _checkpoints(run)):
                runner.stop(at_once=True)
                return

    thread = threading.Thread(target=watch, daemon=True)
    if step is not None:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if step is not None:
            thread.join()


def _checkpoints(run: RunFolder) -> list[str]:
    """What the program itself has left to resume from."""
    return [path.name for path in run.checkpoints.iterdir() if not path.name.startswith(".")]


def distances(one: Path, other: Path) -> list[Distance]:
    """How far the arrays of two checkpoints lie apart."""
    import numpy as np

    before, after = (_arrays(path) for path in (one, other))
    far = []
    for name, array in before.items():
        if not np.issubdtype(array.dtype, np.floating):
            far.append(Distance(name, float(not np.array_equal(array, after[name])), 0.0))
            continue
        norm = float(np.linalg.norm(array)) or 1.0
        moved = float(np.linalg.norm(array.astype(np.float64) - after[name].astype(np.float64)))
        far.append(Distance(name, moved / norm, float(np.finfo(array.dtype).eps ** ROUNDING)))
    return far


def _arrays(path: Path) -> dict[str, Any]:
    """The arrays of a checkpoint, by name: after its digest and its line of JSON, in NumPy's npz."""
    import numpy as np

    _, _, arrays = path.read_bytes().split(b"\n", 2)
    with np.load(io.BytesIO(arrays), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
