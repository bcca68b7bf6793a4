"""Runs in a notebook: `harness.load("runs")` as a table, the curve of a run, its replay."""

import html
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from harness import console
from harness.contract.errors import NotReady, RunFailed
from harness.contract.record import RunRecord
from harness.evidence import baseline
from harness.evidence.verdict import Verdict
from harness.report import rows
from harness.report.rows import Row
from harness.report.values import Value
from harness.runs import stored
from harness.runs.index import Index
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings import conf
from harness.settings.project import ROOT
from harness.sharing import find

STARTED = "run       "  # how the line begins that names the folder of a run


@dataclass(frozen=True, repr=False)
class Run:
    """A run, as it was when it was loaded.

    Attributes:
        folder: where its files lie.
        name: what `python src/VERB.py` calls it: a folder, an archive.
        facts: what the report shows of it.
    """

    folder: RunFolder
    name: str
    facts: Row
    _unpacked: tempfile.TemporaryDirectory[str]  # is removed with the last run that lies in it

    def __repr__(self) -> str:
        return f"<run {self.id}: {self.facts.program}, {self.status}>"

    @cached_property
    def stored(self) -> StoredRun:
        """Its plan, record and epochs, read when they are first asked for."""
        return stored.read(self.folder)

    @property
    def row(self) -> dict[str, Value]:
        """Settings, metrics, data, target, commit, time and cost: the columns of the report."""
        return self.facts.cells

    @property
    def id(self) -> str:
        return str(self.row["run"])

    @property
    def status(self) -> str:
        """completed, failed, pruned, or running where it has no record."""
        return str(self.row["status"])

    @property
    def record(self) -> RunRecord | None:
        """What did happen; None while it is running."""
        return self.stored.record

    @property
    def verdict(self) -> Verdict | None:
        """Of a replay, how it compares with its baseline; None of another run."""
        try:
            return baseline.read_verdict(self.folder)
        except (OSError, ValueError):
            return None

    @property
    def settings(self) -> dict[str, bool | int | float | str]:
        """What the program was told, by name."""
        return dict(self.stored.plan.experiment.config)

    def curve(self) -> dict[str, list[float]]:
        """The numbers of metrics.csv by column: one for each epoch, NaN where it has none; `epoch` counts from 1."""
        names = dict.fromkeys(name for epoch in self.stored.epochs for name in epoch if name != "weights")
        return {name: [float(epoch.get(name, "nan")) for epoch in self.stored.epochs] for name in names}

    def replay(self, *words: str) -> Verdict:
        """Run the plan again, here and now, and say how the result compares; what it prints is printed.

        Args:
            words: what one would type after `python src/replay.py RUN`, like "seed=1", "code=here".

        Raises:
            NotReady: it cannot be replayed, for the reason that is given; or there is no record to compare with.
            RunFailed: the replay ended without a verdict.
        """
        inside = self.folder.path.parent
        placed = [] if Path(self.name).is_file() or any(word.startswith("runs_folder=") for word in words) else [inside]
        command = [sys.executable, str(ROOT / "src" / "replay.py"), self.name, *words]
        command += [f"runs_folder={folder.resolve()}" for folder in placed]
        folder = None
        with tempfile.TemporaryFile("w+") as said:  # not a pipe, which could fill
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as verb:
                assert verb.stdout is not None
                for line in verb.stdout:
                    console.say(line.rstrip("\n"))
                    if folder is None and line.startswith(STARTED):
                        folder = RunFolder(Path(line.removeprefix(STARTED).rstrip("\n")))
            said.seek(0)
            complaint = said.read().strip()
        if folder is None:
            raise NotReady(complaint.removeprefix("error: ") or f"replay.py ended with {verb.returncode}")
        try:
            return baseline.read_verdict(folder)
        except FileNotFoundError:
            raise RunFailed(complaint or f"{folder.path.name} ended without a verdict") from None


@dataclass(frozen=True, repr=False)
class Runs(Sequence[Run]):
    """Runs, oldest first. `unreadable` has a line for each one that could not be read."""

    all: tuple[Run, ...]
    unreadable: tuple[str, ...] = ()

    @overload
    def __getitem__(self, at: int | str) -> Run: ...
    @overload
    def __getitem__(self, at: slice) -> "Runs": ...
    def __getitem__(self, at: int | str | slice) -> "Run | Runs":
        """The run at a place, or whose id begins so; of a slice, those runs."""
        if isinstance(at, slice):
            return Runs(self.all[at])
        if isinstance(at, int):
            return self.all[at]
        fits = [run for run in self.all if run.id.startswith(at)]
        if len(fits) != 1:
            raise KeyError(f"{at!r} is the beginning of {len(fits)} runs")
        return fits[0]

    def __repr__(self) -> str:
        return f"<{len(self.all)} runs, {len(self.unreadable)} unreadable>"

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.all)

    def frame(self) -> Any:
        """A pandas.DataFrame with a row for each run, by its id, and the columns of the report."""
        import pandas

        columns = list(dict.fromkeys(name for run in self.all for name in run.row))
        return pandas.DataFrame([run.row for run in self.all], columns=columns).set_index("run")

    def differing(self) -> list[str]:
        """The names of the settings in which these runs differ."""
        names = dict.fromkeys(name for run in self.all for name in run.facts.config)
        return [name for name in names if len({repr(run.row.get(name)) for run in self.all}) > 1]

    def _repr_html_(self) -> str:
        """What a notebook shows: which runs, in what they differ, and what came of them on the test data."""
        measured = dict.fromkeys(f"test_{metric.name}" for run in self.all for metric in run.facts.metrics)
        columns = ["run", "program", "status", *self.differing(), *measured]
        body = [[html.escape(_shown(run.row.get(name))) for name in columns] for run in self.all]
        lines = ["".join(f"<th>{html.escape(name)}</th>" for name in columns)]
        lines += ["".join(f"<td>{cell}</td>" for cell in cells) for cells in body]
        return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def load(*names: str | Path) -> Runs:
    """The runs of a folder, or those that are named; of the project's own folder where nothing is.

    Args:
        names: folders of runs (`"runs"`), or runs by whatever a verb takes: folders, ids, `last`, archives. What is not
            in the current folder is looked for in the project's.

    Raises:
        NotReady, SettingError: one that is named is not there, or not whole.
    """
    (default,) = (each.default for each in conf.shared() if each.name == "runs_folder")
    own, scratch = ROOT / default, tempfile.TemporaryDirectory(prefix="harness-")
    by_id: dict[str, Run] = {}
    unreadable: list[str] = []
    for number, name in enumerate(names or [own]):
        path = Path(name) if Path(name).exists() else ROOT / name
        if path.is_dir() and not (path / "plan.json").exists():
            for each, facts in Index(path, rows.KIND).facts().items():
                if isinstance(facts, Row):
                    by_id[each] = Run(RunFolder(path / each), str(path / each), facts, scratch)
                else:
                    unreadable.append(facts)
        else:
            (unpacked := Path(scratch.name, str(number))).mkdir()
            word = str(path.resolve()) if path.exists() else str(name)
            run = find.find(own, word, unpacked)
            called = word if path.is_file() else str(run.folder.path)
            by_id[run.run_id] = Run(run.folder, called, rows.row_of(run), scratch)
    return Runs(tuple(by_id[run_id] for run_id in sorted(by_id)), tuple(unreadable))


def _shown(value: Value) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
