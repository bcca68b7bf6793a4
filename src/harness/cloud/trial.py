"""Before a job is sent: two steps of the same bundle on this machine, with a resume between them."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract import plan, program
from harness.contract.command import Command
from harness.contract.errors import NotReady
from harness.contract.plan import RunPlan
from harness.launch import collect, local
from harness.launch.follow import follow
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from harness.settings import direct


def run(runs: Path, wanted: RunPlan, files: Mapping[str, bytes], data: Path, say: Callable[[str], None]) -> None:
    """Two steps of the same bundle on this machine, the second one by another worker from the first one's checkpoint.

    Raises:
        NotReady: they failed.
    """
    say("trial     two steps, a checkpoint and a resume on this machine; about a minute")
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=runs) as scratch:
        states: Path | None = None
        for step in (1, 2):
            here = local.choose(direct.local_mode(), say, program=wanted.experiment.program)
            placement = dataclasses.replace(here, stop_after=step)
            planned = plan.make(wanted.experiment, wanted.description, placement, wanted.provenance, datetime.now(UTC))
            (folder := Path(scratch) / str(step)).mkdir()
            staged = run_folder.stage(folder, planned, files, b"", states)
            reason = _tried(staged, planned, follow(local.runner(placement), staged, data, _log(staged)), step)
            if reason is not None:
                raise NotReady(
                    f"the trial on this machine failed, and nothing was sent: {reason}",
                    legal="a run that trains here, or mode.preflight=false",
                    command="the same with mode=local",
                )
            states = staged.checkpoints
            if _is_command(wanted):  # it has no steps; it has said a number
                break
    say(f"trial     passed ({placement.runner})")


def _is_command(planned: RunPlan) -> bool:
    return isinstance(program.load(planned.experiment.program).train, Command)


def _log(run: RunFolder) -> Callable[[str], None]:
    def write(line: str) -> None:
        with run.log.open("a", encoding="utf-8") as file:
            print(line, file=file)

    return write


def _tried(run: RunFolder, planned: RunPlan, ended: Any, step: int) -> str | None:
    """Why a trial is none; None where it stopped as planned."""
    found = collect.collect(run, planned, ended)
    if ended.reason is not None and ended.reason.startswith("stopped by"):
        raise KeyboardInterrupt
    if found.status != "completed" and plan.TRIED not in str(found.reason):
        return found.reason
    if _is_command(planned):
        return None
    resumed = step == 1 or f"resumed after step {step - 1}" in run.log.read_text()
    kept = (run.checkpoints / f"step-{step:09d}.ckpt").exists()
    return None if resumed and kept else "the checkpoint of the first step was not resumed"
