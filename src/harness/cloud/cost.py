"""What a job may cost: price and cap in words, an estimate, and the question before anything is spent."""

import contextlib
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness import console
from harness.cloud.aws import prices
from harness.contract import plan, program
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import RunPlan
from harness.runs import run_folder
from harness.settings.command_line import command_name
from harness.settings.schema import Cloud

START = 300.0  # seconds that an instance takes to start, with its image and the data: an estimate's part
CENT = 0.01  # USD; what is capped and what is left are rounded apart
SPARE = 1.5  # how much more than it is likely to take a proposed cap allows, disks included
EPOCHS = "epochs"  # the setting that most programs have for it


def in_words(budget: prices.Budget, mode: Cloud, usage: str | None = None) -> str:
    """Price and cap in words; `usage` is what the price list calls the price."""
    longest = console.duration(budget.max_seconds).removeprefix("about ")
    if budget.usd_per_hour is None:
        return f"price unknown; the job is stopped after {longest}"
    kind = "on spot instances, which are billed for fewer seconds" if mode.spot else "on demand"
    cap = f"at most {upwards(budget.most or 0.0):.2f} USD"
    capped = f" (mode.max_usd={mode.max_usd:g})" if mode.max_usd is not None else " (no cap is set)"
    pool = f", and {console.duration(budget.pool_seconds).removeprefix('about ')} of warm pool" * bool(
        budget.pool_seconds
    )
    disk = ", disks included" if budget.disk_per_hour else "; disks, which come to cents, are not in it"
    by = f" ({usage})" if usage else ""
    return f"{budget.usd_per_hour:.3f} USD an hour {kind}{by}; {cap}{disk}: stopped after {longest}{capped}{pool}"


def upwards(usd: float) -> float:
    """Dollars in whole cents, never less than they are."""
    return math.ceil(round(usd * 100, 6)) / 100


def estimate(runs: Path, planned: RunPlan) -> str:
    """What it may come to, judged by the newest run of such a program on such instances; else unknown."""
    placement, experiment = planned.placement, planned.experiment
    assert placement.cloud is not None
    pace = program.load(experiment.program).pace
    for path in sorted(runs.glob("*/record.json"), reverse=True):
        try:
            record = run_folder.read_record(path)
        except (OSError, ValueError):
            continue
        there, config = record.placement, record.experiment.config
        alike = record.experiment.program == experiment.program
        alike = alike and all(config.get(name) == experiment.config[name] for name in pace)
        same_place = (there.instance_type, there.instance_count) == (placement.instance_type, placement.instance_count)
        if record.status != "completed" or not alike or not same_place or record.provenance.resumed:
            continue
        spent = sum(record.seconds.get(phase, 0.0) for phase in ("train", "evaluate"))
        epochs = [float(each.get(EPOCHS, 1)) for each in (experiment.config, config)]
        seconds = START + spent * epochs[0] / epochs[1]
        price = placement.cloud.usd_per_hour
        usd = f", {seconds / 3600 * price:.2f} USD on demand" if price else ""
        return f"{console.duration(seconds)}{usd} (as {path.parent.name})"
    return f"unknown: runs/ has no run of such a model on {placement.instance_type}"


def rest(cloud: plan.Cloud, seconds_left: float | None) -> tuple[float, float] | None:
    """Dollars that the rest of a stopped training is likely to cost, and a cap that holds it; None where unknown.

    `seconds_left` is what the worker last said that the training still takes.
    """
    if seconds_left is None or cloud.usd_per_hour is None:
        return None
    seconds = START + seconds_left
    longest = max(SPARE * seconds, 1.1 * prices.SHORTEST) + prices.ENDING + cloud.warm_pool_seconds
    return seconds / 3600 * cloud.usd_per_hour, upwards(longest / 3600 * cloud.usd_per_hour)


def left_of_month(runs: Path, mode: Cloud, now: datetime) -> float | None:
    """What mode.max_usd_month leaves for this month; None where it is not set.

    Counted are the runs of this folder that were sent this month: what they were billed, and the whole of their warm
    pool; while that is unknown, the most that they may cost.
    """
    if mode.max_usd_month is None:
        return None
    spent = 0.0
    for path in runs.glob(f"{now:%Y%m}*/cloud.json"):
        run = run_folder.RunFolder(path.parent)
        with contextlib.suppress(OSError, ValueError):
            bill = run_folder.read_record(run.record).bill if run.record.exists() else None
            if (cloud := run.planned().placement.cloud) is None:
                continue
            rate, pool = (cloud.usd_per_hour or 0.0) / 3600, cloud.warm_pool_seconds
            if bill is not None and bill.usd is not None:
                spent += bill.usd + (rate * pool if bill.usd else 0.0)  # a bill has no time of the pool
            else:
                spent += rate * (cloud.max_seconds + prices.ENDING + pool)
    return max(0.0, mode.max_usd_month - spent)


def capped(runs: Path, mode: Cloud, jobs: int = 1) -> Cloud:
    """The mode whose cap is one job's part of what may be spent: of mode.max_usd, and of what is left of the month.

    Raises:
        SettingError: nothing is left.
    """
    left = left_of_month(runs, mode, datetime.now(UTC))
    if left is not None and left <= 0:
        raise SettingError(
            f"mode.max_usd_month={mode.max_usd_month:g} is spent by this month's runs in {runs}",
            legal="a higher one, or null",
            command=f"{command_name()} mode=cloud mode.max_usd_month={2 * (mode.max_usd_month or 0):g}",
        )
    caps = [cap for cap in (mode.max_usd, left) if cap is not None]
    return replace(mode, max_usd=min(caps) / jobs) if caps else mode


def check_month(runs: Path, mode: Cloud, most: float | None) -> None:
    """See, when a job is sent, that the month still holds what it may cost: others may have sent theirs meanwhile.

    Raises:
        NotReady: it does not.
    """
    left = left_of_month(runs, mode, datetime.now(UTC))
    if left is not None and most is not None and most > left + CENT:
        raise NotReady(
            f"mode.max_usd_month={mode.max_usd_month:g} has {left:.2f} USD left by now; this job may cost {most:.2f}",
            legal="a lower mode.max_usd, or a higher mode.max_usd_month",
        )


def agree(yes: bool) -> None:
    """Ask at the terminal whether to go on, unless the answer is there already.

    Raises:
        NotReady: the answer is no.
    """
    if not yes and input("Start the job? [y/N] ").strip().lower() not in ("y", "yes"):
        raise NotReady("not started; nothing was sent", command=f"{command_name()} mode=cloud yes=true does not ask")
