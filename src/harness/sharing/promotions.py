"""Which run of a program is in force: promoted/NAME.json, which git tracks, and its archive, which DVC tracks.

The file is the history of what was promoted and taken back, oldest first; entries are added, never changed. Git is the
referee: of two who add one at a time, one is refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from harness.contract import legal
from harness.contract.errors import NotReady
from harness.contract.rules import in_range, one_of, optional

FOLDER = "promoted"  # below the project; also the name by which verbs take the run in force
NAMED = re.compile(rf"{FOLDER}(?:/(?P<program>[a-z][a-z0-9_]{{0,63}}))?")
SCHEMA = 1
LARGEST = 2**22  # bytes of a history
NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class Entry:
    """A run that was put in force by `who`, at `when`.

    `metrics` are its values on the test data. `verdict` is that on `replay`, a run of the same plan. `decision` says
    how it did against the run that was in force, `against`, and `why`; `back` that it was in force before and is again.
    """

    run_id: Annotated[str, legal.RUN_ID]
    experiment_id: Annotated[str, legal.SHA256]
    weights: Annotated[str, legal.TEXT]
    commit: Annotated[str, legal.COMMIT]
    metrics: Annotated[dict[Annotated[str, legal.WORD], float], legal.at_most(1000)]
    replay: Annotated[str, legal.RUN_ID]
    verdict: Annotated[str, one_of("identical", "equivalent")]
    against: Annotated[str | None, optional(legal.RUN_ID)]
    decision: Annotated[str, one_of("better", "cannot tell", NOT_COMPARED)]
    why: str
    who: Annotated[str, legal.TEXT]
    when: Annotated[str, legal.TIME]
    back: bool

    def __str__(self) -> str:
        words = "back in force" if self.back else f"{self.decision}, {self.why}"
        return f"{self.run_id} by {self.who} at {self.when}: {words}"


@dataclass(frozen=True)
class History:
    """What was promoted of a program, oldest first."""

    schema: Annotated[int, in_range(1, SCHEMA)]
    program: Annotated[str, legal.PROGRAM]
    entries: tuple[Entry, ...]

    @property
    def standing(self) -> list[Entry]:
        """What was promoted and not taken back; the last one is in force."""
        stack: list[Entry] = []
        for entry in self.entries:
            if entry.back:
                stack = stack[:-1]
            else:
                stack.append(entry)
        return stack

    def shown(self) -> str:
        """A line for each entry, the last one first."""
        lines = [f"{'in force' if entry is self.entries[-1] else '':9} {entry}" for entry in self.entries[::-1]]
        return "\n".join(lines) or f"no run of {self.program} was promoted"

    @property
    def in_force(self) -> Entry | None:
        """The run that is in force."""
        return self.standing[-1] if self.standing else None


def is_name(name: str) -> bool:
    """Whether a name stands for the run in force: `promoted`, or `promoted/PROGRAM`."""
    return NAMED.fullmatch(name) is not None


def meant(root: Path, name: str) -> str:
    """The program that such a name means: the one that is named, else the only one that has a run in force.

    Raises:
        NotReady: none has, or several.
    """
    found = NAMED.fullmatch(name)
    if found and found["program"]:
        return found["program"]
    programs = sorted(path.stem for path in (root / FOLDER).glob("*.json") if legal.PROGRAM.test(path.stem))
    if len(programs) != 1:
        what = "no run is in force" if not programs else f"{FOLDER} could be a run of {', '.join(programs)}"
        names = " | ".join(f"{FOLDER}/{each}" for each in programs)
        raise NotReady(what, legal=names, command="python src/promote.py RUN" if not programs else "")
    return programs[0]


def program_of(runs: Path, name: str) -> str | None:
    """The program of a named run, as `runs.program_of`, or of the one in force where the name stands for that."""
    from harness.runs import program_of
    from harness.settings.project import ROOT

    return meant(ROOT, name) if is_name(name) else program_of.program_of(runs, name)


def read(root: Path, program: str, revision: str | None = None) -> History:
    """The history of a program, as the project has it or, of a revision, a commit; empty where there is none.

    Raises:
        NotReady: it cannot be read by this version.
    """
    from harness.provenance import repository
    from harness.runs import reading

    name = f"{FOLDER}/{program}.json"
    if revision is not None:
        shown = repository.run(root, "show", f"{revision}:./{name}")
        return parse(shown.stdout, program) if not shown.returncode else History(SCHEMA, program, ())
    try:
        return parse(reading.content(root / name, LARGEST), program)
    except FileNotFoundError:
        return History(SCHEMA, program, ())
    except (OSError, ValueError) as error:
        raise _unreadable(program, error) from error


def parse(text: str | bytes, program: str) -> History:
    """The history of a program by its text; raises as `read` does."""
    from harness.contract import serial

    try:
        history = serial.from_json(History, serial.parse(text, LARGEST))
        if history.program != program:
            raise ValueError(f"it is that of {history.program}")
    except ValueError as error:
        raise _unreadable(program, error) from error
    return history


def _unreadable(program: str, error: Exception) -> NotReady:
    name = f"{FOLDER}/{program}.json"
    return NotReady(f"{name} cannot be read: {legal.spelled(str(error))[:300]}", command=f"git checkout -- {name}")


def archive(root: Path, program: str, entry: Entry) -> Path:
    """The archive of a run that was promoted: where it lies once DVC has brought it."""
    return root / FOLDER / program / f"{entry.run_id}.zip"


def fetch(root: Path, program: str, entry: Entry) -> Path:
    """The archive of a promoted run, from DVC's cache or remote where it is not in its place.

    Raises:
        NotReady: it cannot be had.
    """
    from harness.sharing import dvc

    path = archive(root, program, entry)
    if not path.is_file():
        document = f"{path.relative_to(root).as_posix()}.dvc"
        if not (root / document).is_file():
            what = f"{entry.run_id} is in force, but {document} is not in this checkout"
            raise NotReady(what, command="git pull, or git merge what has it")
        dvc.run(root, "pull", document)
    return path


def opened(root: Path, program: str, entry: Entry, scratch: Path) -> Path:
    """The folder of a promoted run, unpacked below `scratch`, model and all, each file verified.

    Raises:
        NotReady: its archive cannot be had, is damaged, or is not that of the entry.
    """
    from harness.runs import stored
    from harness.sharing import run_archive

    path = fetch(root, program, entry)
    folder = run_archive.open_archive(path, scratch)
    run = stored.read(folder)
    if (run.run_id, run.record and run.record.weights) != (entry.run_id, entry.weights):
        raise NotReady(f"{path} is not the archive of {entry.run_id}", command=f"dvc checkout {path}.dvc")
    return folder.path
