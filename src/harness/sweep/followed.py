"""Jobs that are followed, each by a process of its own, `attach.py`, so that each run folder is finished as usual."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from harness import console
from harness.cloud import runner
from harness.contract.metrics import Metric
from harness.evidence import quantity
from harness.launch import listener, signals
from harness.launch.follow import answer
from harness.launch.listener import CLOUD, WORKER
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT

LOOK = 0.5  # seconds between two looks at what the processes have printed
ELSEWHERE = 2  # attach.py's exit code where another program follows the job


@dataclass
class Followed:
    """A job and the process that follows it, which outlives this one; `news` is the last that it printed."""

    run: RunFolder
    label: str
    child: "subprocess.Popen[bytes]"
    words: IO[str]
    objective: Metric
    news: str = "sent"

    def over(self) -> bool:
        """Whether it has ended. Where another program follows the job, that one is waited for."""
        if self.child.poll() == ELSEWHERE and not self.run.record.exists():
            if runner.followed(self.run):
                self.news = "another program follows it"
                return False
            again = follow(self.run, self.label, self.objective)
            self.child, self.words = again.child, again.words
        return self.child.poll() is not None

    def code(self) -> int:
        """Its exit code."""
        if self.child.wait() == ELSEWHERE and self.run.record.exists():
            status = json.loads(self.run.record.read_text())["status"]
            return 0 if status == "completed" else 1
        return self.child.returncode

    def listen(self) -> None:
        """Read what the process has printed since."""
        for line in self.words:
            self.news = self._short(line) or self.news

    def _short(self, line: str) -> str | None:
        """What of a line belongs into the table."""
        if line.startswith((CLOUD, "training")):
            return line.split(maxsplit=1)[1].strip()
        values, name = listener.parse(line), self.objective.name
        if "epoch" in values:
            known = [split for split in ("validation", "train") if f"{split}_{name}" in values][:1]
            shown = [f"{each} {name} {quantity.text(self.objective, values[f'{each}_{name}'])}" for each in known]
            return ", ".join([f"epoch {values['epoch']:.0f}", *shown])
        return line.strip() if line.startswith(("FAILED", f"{name:9} ")) and not line.startswith(WORKER) else None


def follow(run: RunFolder, label: str, objective: Metric) -> Followed:
    """Start its process. What that prints goes to a file without a name: nothing blocks, or breaks, if nobody reads.

    A signal that asks it to stop or to leave the job waits until it is listened to (`signals.unblock`).
    """
    with tempfile.NamedTemporaryFile("wb") as file, signals.blocked():
        child = subprocess.Popen(
            [sys.executable, str(ROOT / "src" / "attach.py"), str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Followed(run, label, child, Path(file.name).open(errors="replace"), objective)


class More(Protocol):
    """What may still be sent."""

    @property
    def done(self) -> bool:
        """Whether nothing is left to be sent."""

    def look(self, running: int) -> list[Followed]:
        """Send the next one where there may be room, `running` being those that run; the one that was sent."""

    def stop(self) -> list[Followed]:
        """Send no more; the one that was sent all the same."""


def watch(
    followed: Sequence[Followed], notes: "queue.SimpleQueue[str | None]", more: More, leave: bool = False
) -> None:
    """The table, until all have ended, or where `leave`, until all are sent; a signal stops or leaves all of them."""
    followed = list(followed)
    with _table(followed) as show:
        while True:
            followed += more.look(sum(not each.over() for each in followed))
            running = [each for each in followed if not each.over()]
            if more.done and not running:
                break
            show()
            if leave and more.done:
                for each in running:
                    each.child.send_signal(signal.SIGHUP)
                leave = False
            with contextlib.suppress(queue.Empty):
                meant = answer(str(notes.get(timeout=LOOK)), notes)
                if meant != "g":
                    followed += more.stop()
                for each in followed if meant != "g" else ():
                    if each.child.poll() is None:
                        each.child.send_signal(signal.SIGTERM if meant == "s" else signal.SIGHUP)
        show()


@contextlib.contextmanager
def _table(followed: Sequence[Followed]) -> Iterator[Callable[[], None]]:
    """What shows all jobs: a table that stays in its place on a terminal, lines now and then in a log."""
    if not sys.stdout.isatty():
        shown: dict[str, str] = {}
        next_at = 0.0

        def lines() -> None:
            nonlocal next_at
            for each in followed:
                each.listen()
                if time.monotonic() >= next_at and shown.get(each.label) != each.news:
                    shown[each.label] = each.news
                    console.say(f"{each.label}: {each.news}")
            if time.monotonic() >= next_at:
                next_at = time.monotonic() + listener.PLAIN_SECONDS

        yield lines
        return
    from rich.live import Live
    from rich.table import Table

    with Live(refresh_per_second=2) as live:

        def draw() -> None:
            table = Table("run", "settings", "status")
            for each in followed:
                each.listen()
                table.add_row(each.run.path.name, each.label, each.news)
            live.update(table)

        yield draw
