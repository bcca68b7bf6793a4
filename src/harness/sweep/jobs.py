"""Jobs of a sweep on SageMaker, side by side: one trial, one question, one dollar cap, one table.

Each job is followed by a process of its own, `attach.py`, so each run folder is finished as any other.
"""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from harness import console
from harness.cloud import runner
from harness.cloud.preflight import SageMakerTarget, agree, cost
from harness.contract.errors import HarnessError, RunFailed
from harness.finish import summary
from harness.launch import collect, listener
from harness.launch.follow import answer, hearing
from harness.launch.listener import CLOUD, WORKER
from harness.launch.runner import Ended
from harness.planning import draft
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config

LOOK = 0.5  # seconds between two looks at what is said
FOLLOWED = 2  # attach.py's exit code where another program follows the job


@dataclass
class _Followed:
    """A job and the process that follows it, which outlives this one; `said` is the last that it let hear."""

    run: RunFolder
    label: str
    child: "subprocess.Popen[bytes]"
    words: IO[str]
    said: str = "sent"

    def over(self) -> bool:
        """Whether it has ended. Where another program follows the job, that one is waited for."""
        if self.child.poll() == FOLLOWED and not self.run.record.exists():
            if runner.followed(self.run):
                self.said = "another program follows it"
                return False
            again = _follow(self.run, self.label)
            self.child, self.words = again.child, again.words
        return self.child.poll() is not None

    def code(self) -> int:
        """Its exit code."""
        if self.child.wait() == FOLLOWED and self.run.record.exists():
            status = json.loads(self.run.record.read_text())["status"]
            return 0 if status == "completed" else 1
        return self.child.returncode

    def listen(self) -> None:
        """Take in what the process has printed since."""
        for line in self.words:
            self.said = _short(line) or self.said


def burst(
    sweep: list[Config],
    say: Callable[[str], None],
    begun: Sequence[str | None],
    going: Sequence[RunFolder],
    share: int,
) -> list[int]:
    """Check all, try one here, ask once, send all, follow all. The exit codes, in order; those of `going` come last.

    `begun` names for each the run that it goes on from, if any; `going` are runs whose jobs are only to be followed.
    Each job may cost a `share`-th of the cap.

    Raises:
        HarnessError: one of them cannot be sent: then none is, as far as that can be known before.
    """
    told: set[str] = set()

    def once(line: str) -> None:
        if line not in told:
            told.add(line)
            say(line)

    made = [draft.make(shared(each, share), once, name) for each, name in zip(sweep, begun, strict=True)]
    places = [each.place for each in made if isinstance(each.place, SageMakerTarget)]
    if made:
        places[0].try_here(made[0].plan, made[0].files, made[0].data)
        say(f"sweep     {len(made)} jobs; {_cap(sweep[0], places, share)}")
        agree(sweep[0].yes)
    configs = [vars(each.training) for each in sweep] + [run.planned().experiment.config for run in going]
    followed = [_follow(run, _label(configs, run.planned().experiment.config)) for run in going]
    for job in followed:
        say(f"goes on   {job.label}: {job.run.path}")
    unsent: str | None = None
    notes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with hearing(notes.put):
        for each, place in zip(made, places, strict=True):
            runner = place.upload(each.files, each.data)
            run = each.stage()
            try:
                if not notes.empty():
                    raise RunFailed("it was asked to stop before this job")
                runner.send(run)
            except HarnessError as error:  # those that are sent go on, and are followed
                unsent = error.what
                collect.collect(run, each.plan, Ended(1, unsent, run.job / "model", run.job / "output"))
                say(f"not sent  {run.path.name}: {error}")
                break
            followed.append(_follow(run, _label(configs, each.plan.experiment.config)))
            say(f"sent      {followed[-1].label}: {run.path}")
        _watch(followed, notes)
    followed = followed[len(going) :] + followed[: len(going)]
    codes = [job.code() for job in followed]
    for job, code in zip(followed, codes, strict=True):
        say(f"{summary.outcome(code):9} {job.label}: {job.run.path}")
    if unsent is not None:
        raise RunFailed(f"{len(made) + len(going) - len(followed)} of {len(made)} jobs were not sent: {unsent}")
    return codes


def shared(settings: Config, jobs: int) -> Config:
    """The settings with their part of the sweep's cap."""
    mode = settings.mode
    if not isinstance(mode, Cloud) or mode.max_usd is None:
        return settings
    return replace(settings, mode=replace(mode, max_usd=mode.max_usd / jobs))


def _cap(settings: Config, places: list[SageMakerTarget], share: int) -> str:
    mode = settings.mode
    assert isinstance(mode, Cloud)
    most = [place.budget.most for place in places]
    known = [each for each in most if each is not None]
    total = f"at most {sum(known):.2f} USD together" if len(known) == len(most) else "the price of some is unknown"
    if share > len(places) and known:
        total += f", and {share * sum(known) / len(known):.2f} USD for all {share} that the sweep may come to"
    return f"{total}; each: {cost(places[0].budget, mode)}"


def _label(configs: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """What tells a job from the others."""
    varied = [name for name in config if len({each[name] for each in configs}) > 1]
    return " ".join(f"{name}={config[name]}" for name in varied) or "one of equals"


def _follow(run: RunFolder, label: str) -> _Followed:
    """Its words go to a file without a name: nothing blocks, or breaks, where nobody reads."""
    with tempfile.NamedTemporaryFile("wb") as file:
        child = subprocess.Popen(
            [sys.executable, str(ROOT / "src" / "attach.py"), str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return _Followed(run, label, child, Path(file.name).open(errors="replace"))


def _watch(followed: list[_Followed], notes: "queue.SimpleQueue[str | None]") -> None:
    """The table, until all have ended; a signal stops all or leaves all, as it would one."""
    with _table(followed) as show:
        while running := [each for each in followed if not each.over()]:
            show()
            with contextlib.suppress(queue.Empty):
                meant = answer(str(notes.get(timeout=LOOK)), notes)
                for each in running if meant != "g" else ():
                    each.child.send_signal(signal.SIGTERM if meant == "s" else signal.SIGHUP)
        show()


@contextlib.contextmanager
def _table(followed: list[_Followed]) -> Iterator[Callable[[], None]]:
    """What shows all jobs: a table that stays in its place on a terminal, lines now and then in a log."""
    if not sys.stdout.isatty():
        shown: dict[str, str] = {}
        next_at = 0.0

        def lines() -> None:
            nonlocal next_at
            for each in followed:
                each.listen()
                if time.monotonic() >= next_at and shown.get(each.label) != each.said:
                    shown[each.label] = each.said
                    console.say(f"{each.label}: {each.said}")
            if time.monotonic() >= next_at:
                next_at = time.monotonic() + listener.PLAIN_SECONDS

        yield lines
        return
    from rich.live import Live
    from rich.table import Table

    with Live(refresh_per_second=2) as live:

        def draw() -> None:
            table = Table("run", "settings", "state")
            for each in followed:
                each.listen()
                table.add_row(each.run.path.name, each.label, each.said)
            live.update(table)

        yield draw


def _short(line: str) -> str | None:
    """What of a line belongs into the table."""
    if line.startswith((CLOUD, "training")):
        return line.split(maxsplit=1)[1].strip()
    values = listener.parse(line)
    if "epoch" in values:
        return f"epoch {values['epoch']:.0f}, validation accuracy {values.get('validation_accuracy', 0):.4f}"
    return line.strip() if line.startswith(("FAILED", "accuracy")) and not line.startswith(WORKER) else None
