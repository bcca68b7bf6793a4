"""What a person sees of a run: a progress bar on a terminal, plain lines in a log, and log.txt."""

import json
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.folders import RunFolder
    from harness.plan import Git, RunPlan
    from harness.record import RunRecord
    from harness.verdict import Verdict

PAIR = re.compile(r"(\w+)=(\S+)")
# What TensorFlow and Docker Compose say of themselves: in log.txt, not on the terminal.
NATIVE = re.compile(
    r"[IWEF]\d{4} \d\d:|[IWEF]0000 |WARNING: All log messages before absl"
    r"|.*algo-\d\S* exited with code|.*Aborting on container"
)

CELL = 60  # characters of a table's cell at most
WORKER = "worker "  # how the worker's first line begins
CLOUD = "sagemaker "  # how a line about a job on SageMaker begins
BEGINNING = re.compile(f"{CLOUD}(Interrupted|Starting|Pending|Downloading)")  # another worker is about to begin
PLAIN_SECONDS = 60.0  # between lines about progress where there is no terminal

SAMPLE = (
    "SAMPLE DATA: bundled drawings of handwritten digits stand in for CIFAR-10; accuracies say nothing about it. "
    "python src/fetch.py tries to get CIFAR-10 and says what it tried"
)


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, flush=True)


def main(verb: Callable[[], int]) -> int:
    """Run a verb: a user's mistake becomes one line on stderr and its error's exit code, a bug keeps its traceback."""
    try:
        return verb()
    except HarnessError as error:
        from harness.provenance import redact

        print(f"error: {redact(str(error))}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "harness":
            raise
        print(
            f"error: {sys.executable} has no {error.name}; type: make venv && source .venv/bin/activate",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped before the run began; nothing is left behind", file=sys.stderr)
        return 130


def parse(line: str) -> dict[str, float]:
    """The numbers of a line like `epoch=3 step=1170 train_loss=0.61`; empty for any other line."""
    if not line.startswith(("epoch=", "progress ")):
        return {}
    values = {}
    for name, text in PAIR.findall(line):
        try:
            values[name] = float(text)
        except ValueError:
            return {}
    return values


class Listener:
    """Takes the worker's lines: writes log.txt, moves the bar, hands each epoch's numbers on."""

    def __init__(self, log: Path, on_epoch: Callable[[dict[str, float]], None]) -> None:
        self._log = log.open("a", encoding="utf-8")
        self._on_epoch = on_epoch
        self._bar: Any = None
        self._next = 0.0  # when progress is next told in a log
        self._epoch = 0.0  # the last one that was handed on
        self._live = False  # what the launcher says before the worker speaks is for the log alone

    def __call__(self, line: str) -> None:
        values = parse(line)
        progress = line.startswith("progress ")
        if not progress:
            self._write(line)
        if "step" in values and "steps" in values:
            self._advance(values)
        self._live = (self._live or line.startswith(WORKER)) and not BEGINNING.match(line)
        spoken = self._live and not line.startswith(WORKER) and not NATIVE.match(line)
        if (spoken or line.startswith(CLOUD)) and not progress:
            self._show(line)
        if "epoch" in values and not progress and values["epoch"] > self._epoch:  # a resumed worker may say it again
            self._epoch = values["epoch"]
            self._on_epoch(values)

    def close(self) -> None:
        """End bar and log."""
        if self._bar is not None:
            self._bar.close()
        self._log.close()

    def _write(self, line: str) -> None:
        try:
            print(line, file=self._log, flush=True)
        except OSError:  # a full disk must not end the watch; the record will say what the worker met
            return

    def _show(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stdout)
        else:
            say(line)

    def _advance(self, values: dict[str, float]) -> None:
        step, steps, speed = int(values["step"]), int(values["steps"]), values["images_per_second"]
        epoch = f"epoch {values['epoch']:.0f} of {values['epochs']:.0f}"
        left = f"{speed:.0f} images/s, {duration(values['seconds_left'])} left"
        if sys.stderr.isatty():
            if self._bar is None:
                from tqdm import tqdm

                form = (
                    "{percentage:3.0f}%|{bar}| step {n_fmt}/{total_fmt}{postfix}"  # not its own guess of what is left
                )
                self._bar = tqdm(total=steps, initial=step, dynamic_ncols=True, bar_format=form)
            self._bar.set_postfix_str(f"{epoch}, {left}", refresh=False)
            self._bar.update(step - self._bar.n)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_SECONDS
            say(f"training  {epoch}, step {step} of {steps}, {left}")


def table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of cells under a title, in columns; long cells are cut."""
    say(f"\n{title}")
    widths = [min(CELL, max(len(row[at]) for row in rows)) for at in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell if len(cell) <= CELL else f"{cell[: CELL - 1]}…" for cell in row]
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def difference(lines: Sequence[str]) -> None:
    """A unified diff, in colours at a terminal."""
    if lines and sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax("\n".join(lines), "diff", background_color="default"))
    elif lines:
        say("\n".join(lines))


def duration(seconds: float) -> str:
    """Seconds in words: `about 40 s`, `about 3 min`, `about 2.5 h`."""
    if seconds < 90:
        return f"about {max(1, math.ceil(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


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


def commit(git: "Git | None") -> str:
    """A commit in words."""
    if git is None:
        return "unknown (not a git repository)"
    return f"{git.commit[:12]} on {git.branch or 'no branch'}{', with uncommitted changes' if git.dirty else ''}"
