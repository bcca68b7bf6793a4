"""What is said of a run before it starts and after it has ended."""

import json
from typing import TYPE_CHECKING

from harness.console import duration, say
from programs.cifar10.host.published import SAMPLE

if TYPE_CHECKING:
    from harness.contract.plan import RunPlan
    from harness.contract.record import RunRecord
    from harness.evidence.verdict import Verdict
    from harness.runs.run_folder import RunFolder


def announce(planned: "RunPlan", run: "RunFolder") -> None:
    """What is about to run, and where it will be found."""
    experiment, place, git = planned.experiment, planned.placement, planned.provenance.git
    config = experiment.config
    if experiment.dataset.sample:
        say(SAMPLE)
    say(f"dataset   {experiment.dataset.name} {experiment.dataset.hash}")
    epochs, threads = _counted(config["epochs"], "epoch"), _counted(place.threads, "thread")
    say(f"model     ResNet-{config['resnet_size']} v{config['resnet_version']}, {epochs}")
    say(f"code      {commit(git)}")
    say(f"place     {place.runner} ({place.reason}), {threads}")
    say(f"run       {run.path}")


def _counted(number: object, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def outcome(code: int) -> str:
    """A run's exit code in a word."""
    return {0: "completed", 3: "detached"}.get(code, "FAILED")


def detached(run: "RunFolder") -> None:
    """The last lines where a job goes on without this program."""
    say("")
    say(f"DETACHED  the job goes on, and costs; its run is {run.path}")
    say(f"attach    python src/attach.py {run.path.name}")


def summarise(record: "RunRecord", run: "RunFolder", comet: str, seconds: float) -> None:
    """The last lines of a run: what came out, of what, and where it is."""
    dataset = record.experiment.dataset
    say("")
    if record.status != "completed":
        say(f"{'PRUNED ' if record.status == 'pruned' else 'FAILED '}   {record.reason}")
        say(f"log       {run.log}")
        if any(run.checkpoints.glob("step-*.ckpt")):
            away = f" mode={record.placement.mode}" if record.placement.cloud else ""
            say(f"states    {run.checkpoints}{_also_in_s3(run)}")
            say(f"resume    python src/train.py{away} resume={run.path.name}")
    if (bill := record.bill) is not None:
        billed = "unknown" if bill.billable_seconds is None else f"{bill.billable_seconds} s"
        instances = f" x {bill.instances} instances" if bill.instances > 1 else ""
        saving = "" if bill.saving is None else f", {100 * bill.saving:.0f} % saved by spot"
        usd = "price unknown" if bill.usd is None else f"about {bill.usd:.2f} USD"
        say(f"billed    {billed}{instances}{saving}; {usd} ({bill.job}, {bill.status})")
    if (results := record.results) is not None:
        say(f"accuracy  validation {results.validation_accuracy:.4f}, test {results.test_accuracy:.4f}")
        say(f"weights   {record.weights}")
    say(f"dataset   {dataset.name} {dataset.hash}{' (bundled sample, not CIFAR-10)' if dataset.sample else ''}")
    say(f"experiment {record.experiment_id}")
    say(f"commit    {commit(record.provenance.git)}")
    say(f"comet     {comet}")
    say(f"run       {run.path} ({duration(seconds).removeprefix('about ')})")
    if dataset.sample:
        say(SAMPLE)


def tell(judged: "Verdict | None") -> None:
    """The verdict on a replay and its reasons."""
    if judged is None:
        say("verdict   none: the plan came without a record to hold the replay against")
        return
    say(f"verdict   {judged.verdict.upper()} {'from' if judged.verdict == 'different' else 'to'} {judged.original}")
    for reason in judged.reasons:
        say(f"          {reason}")


def _also_in_s3(run: "RunFolder") -> str:
    if not run.cloud.exists():
        return ""
    job = json.loads(run.cloud.read_text())
    return f", and s3://{job['bucket']}/{job['prefix']}/runs/{run.path.name}/checkpoints"
