"""What to try where no instance comes: the same again, another type of instance, or instances on demand."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from harness import console
from harness.cloud.aws import instances
from harness.cloud.outcome import NO_INSTANCE
from harness.contract.errors import SettingError
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from harness.settings.command_line import command_name
from harness.settings.schema import Cloud, Config

ON_DEMAND = "on-demand"
AGAIN = 60.0  # seconds until instances are asked for again that there were none of
Once = Callable[[Config], tuple[int, RunFolder]]


def train(settings: Config, once: Once) -> int:
    """Train as the settings say; where no instance comes, as mode.fallback says, one after the other.

    A run that never had an instance leaves nothing.

    Raises:
        HarnessError: as `once` does, or a fallback is no instance type.
    """
    assert isinstance(settings.mode, Cloud)
    modes = list(_modes(settings.mode))
    for number, mode in enumerate(modes):
        last, began = number == len(modes) - 1, time.monotonic()
        while True:
            code, run = once(replace(settings, mode=mode))
            why = no_instance(run)
            if why is None:
                return code
            waited = time.monotonic() - began
            over = mode.wait_minutes is not None and waited >= 60 * mode.wait_minutes
            if last and (over or not why.startswith("CapacityError")):
                return code
            shutil.rmtree(run.path, ignore_errors=True)
            # it was tried here, and agreed to, and the cap is the same
            settings, mode = replace(settings, yes=True), replace(mode, preflight=False)
            if not last:
                break
            console.say(f"waiting   {why}; it is sent again in {AGAIN:.0f} s; Ctrl-C ends that")
            time.sleep(AGAIN)
        following = modes[number + 1]
        modes[number + 1] = replace(following, preflight=False)
        kind = f"{following.instance_type} {'on spot instances' if following.spot else 'on demand'}"
        console.say(f"fallback  {why}; next: {kind}")
    raise AssertionError


def no_instance(run: RunFolder) -> str | None:
    """Why a run never had an instance; None where it had one, or goes on."""
    if not run.record.exists():
        return None
    record = run_folder.read_record(run.record)
    trained = record.bill is not None and record.bill.training_seconds
    reason = (record.reason or "").removeprefix("the worker could not start: SageMaker: ")
    return reason if not trained and reason.startswith(NO_INSTANCE) else None


def _modes(mode: Cloud) -> Iterator[Cloud]:
    yield mode
    for word in mode.fallback or ():
        if word == ON_DEMAND:
            mode = replace(mode, spot=False)
        else:
            instances.check(word, "mode.fallback")
            mode = replace(mode, instance_type=word)
        yield mode


def check(mode: Cloud) -> None:
    """Refuse what could not be tried.

    Raises:
        SettingError: a fallback is no instance type that this trains on, or of the other kind.
    """
    for each in _modes(mode):
        if instances.has_gpu(each.instance_type) != instances.has_gpu(mode.instance_type):
            raise SettingError(
                f"mode.fallback={each.instance_type}: types with GPUs and types without do not stand in for each other",
                legal=f"types like {mode.instance_type}, or {ON_DEMAND}",
                command=f"{command_name()} mode=cloud 'mode.fallback=[{ON_DEMAND}]'",
            )
