"""What is said of a run before it starts and after it has ended."""

from collections.abc import Iterator

from harness.cloud import cost
from harness.cloud import outcome as jobs
from harness.console import duration, say
from harness.contract import program
from harness.contract.errors import HarnessError
from harness.contract.plan import DatasetId, Experiment, RunPlan
from harness.contract.record import RunRecord
from harness.evidence import quantity
from harness.evidence.verdict import DIFFERENT, Verdict
from harness.provenance.repository import commit_in_words
from harness.runs import bucket, checkpoints
from harness.runs.run_folder import RunFolder

SPLITS = ("train", "validation", "test")

SHOWN = 3  # files, or unknown things, that are named at most


def announce(plan: RunPlan, run: RunFolder) -> None:
    """Say what is about to run, and where it will be found."""
    experiment, placement = plan.experiment, plan.placement
    if experiment.dataset.sample:
        say(_warning(experiment))
    say(f"dataset   {experiment.dataset.name} {experiment.dataset.hash}")
    say(f"program   {experiment.program}: {plan.description.about}")
    say(f"code      {commit_in_words(plan.provenance.git)}")
    for line in _left_out(plan):
        say(line)
    threads = f"{placement.threads} thread{'' if placement.threads == 1 else 's'}"
    say(f"target    {placement.runner} ({placement.reason}), {threads}")
    say(f"run       {run.path}")


def _left_out(plan: RunPlan) -> Iterator[str]:
    """What the run's commit and patch do not hold, a line for each kind."""
    provenance = plan.provenance
    if provenance.withheld:
        shown = ", ".join(provenance.withheld[:SHOWN])
        more = len(provenance.withheld) - SHOWN
        yield f"left out  not in the patch: {shown}{f', and {more} more' if more > 0 else ''}"
    for line in provenance.unknown[:SHOWN]:
        yield f"unknown   {line}"


def outcome(code: int) -> str:
    """A run's exit code in a word."""
    return {0: "completed", 3: "detached"}.get(code, "FAILED")


def detached(run: RunFolder) -> None:
    """The last lines where a job keeps running without this program."""
    say("")
    say(f"DETACHED  the job keeps running, and costs; its run is {run.path}")
    say(f"attach    python src/attach.py {run.path.name}")


def summarise(record: RunRecord, run: RunFolder, comet: str, seconds: float, seconds_left: float | None = None) -> None:
    """The last lines of a run: its results, what they are results of, and where they are.

    `seconds_left` is what the worker last said that its training still takes.
    """
    say("")
    if record.status != "completed":
        _failure(record, run, seconds_left)
    _bill(record)
    if record.results is not None:
        say(f"{record.description.objective.name:9} {_values(record)}")
        say(f"weights   {record.weights}")
    say(f"dataset   {_dataset(record.experiment.dataset)}")
    say(f"experiment {record.experiment_id}")
    say(f"commit    {commit_in_words(record.provenance.git)}")
    say(f"comet     {comet}")
    say(f"run       {run.path} ({duration(seconds).removeprefix('about ')})")
    if record.experiment.dataset.sample:
        say(_warning(record.experiment))


def report(verdict: Verdict | None) -> None:
    """The verdict on a replay and its reasons."""
    if verdict is None:
        say("verdict   none: the plan came without a record to compare the replay with")
        return
    preposition = "from" if verdict.verdict == DIFFERENT else "to"
    say(f"verdict   {verdict.verdict.upper()} {preposition} {verdict.original}")
    for reason in verdict.reasons:
        say(f"          {reason}")


def _values(record: RunRecord) -> str:
    """The deciding metric on each part of the data."""
    metric = record.description.objective
    values = [(split, record.value(split)) for split in SPLITS]
    return ", ".join(f"{split} {quantity.text(metric, value)}" for split, value in values if value is not None)


def _failure(record: RunRecord, run: RunFolder, seconds_left: float | None) -> None:
    say(f"{'PRUNED' if record.status == 'pruned' else 'FAILED':9} {record.reason}")
    say(f"log       {run.log}")
    if checkpoints.files(run.checkpoints):
        cloud = record.placement.cloud
        mode = f" mode={record.placement.mode}" if cloud else ""
        say(f"checkpoints {run.checkpoints}{_also_in_s3(run)}")
        command = f"python src/train.py{mode} resume={run.path.name}"
        if cloud and record.bill and record.bill.status == jobs.LONGEST:
            rest = cost.rest(cloud, seconds_left)
            more = f"about {rest[0]:.2f} USD more, a start included" if rest else "unknown what more it costs"
            say(f"to finish {more}; it resumes from the newest checkpoint")
            command += f" mode.max_usd={rest[1]:.2f}" if rest else ""
        say(f"resume    {command}")


def _bill(record: RunRecord) -> None:
    if (bill := record.bill) is None:
        return
    billed = "unknown" if bill.billable_seconds is None else f"{bill.billable_seconds} s"
    instances = f" x {bill.instances} instances" if bill.instances > 1 else ""
    saving = "" if bill.saving is None else f", {100 * bill.saving:.0f} % saved by spot"
    usd = "price unknown" if bill.usd is None else f"about {bill.usd:.2f} USD"
    say(f"billed    {billed}{instances}{saving}; {usd} ({bill.job}, {bill.status})")


def _dataset(dataset: DatasetId) -> str:
    return f"{dataset.name} {dataset.hash}{' (bundled sample)' if dataset.sample else ''}"


def _warning(experiment: Experiment) -> str:
    """What a program says of its sample; of one that is not there any more, that there was one."""
    try:
        sample = program.load(experiment.program).source().sample
    except HarnessError:
        sample = None
    return (
        sample.warning if sample else f"SAMPLE DATA: the bundled {experiment.dataset.name} stood in for the real data"
    )


def _also_in_s3(run: RunFolder) -> str:
    address = bucket.address(run)
    return f", and {address}/runs/{run.path.name}/checkpoints" if address else ""
