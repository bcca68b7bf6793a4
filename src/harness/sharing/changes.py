"""What of a training a branch has changed, and which runs stand for it and for where it comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contract import bundle, program
from harness.contract.errors import NotReady
from harness.data import pins
from harness.provenance.command import GitFailed, line, output
from harness.runs import stored
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings.schema import Config
from harness.sharing import promotions

CODE, SETTINGS, DATA, LIBRARIES = "code", "settings", "data", "libraries"
SHARED = ("conf/config.yaml", "conf/scale/", "conf/mode/local.yaml")  # settings that every program reads


ALL = (CODE, SETTINGS, DATA, LIBRARIES)


@dataclass(frozen=True)
class Changes:
    """`words` are those of ALL that differ from the commit `fork`, where the branch left `base`.

    Against the run in force here, `base` is this commit, whose history names that run, and `fork` the run's own.
    """

    base: str
    fork: str
    words: tuple[str, ...]


def since(root: Path, revision: str, settings: Config) -> Changes:
    """What this checkout changes of what is trained, against where it left a revision, or against the run in force.

    Raises:
        NotReady: there is no such revision here, or nothing that it has in common with this one.
    """
    anything, in_force = promotions.is_name(revision), None
    if anything:
        in_force, revision = promotions.read(root, settings.program).in_force, "HEAD"
    try:
        base = line(output(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"))
        fork = in_force.commit if in_force else line(output(root, "merge-base", base.decode(), "HEAD")).decode()
        changed = output(root, "diff", "--name-only", "--no-renames", "--relative", "-z", fork, "--")
    except GitFailed as error:
        what = f"{revision[:100]} is no commit that this checkout has a common history with"
        raise NotReady(what, legal="a branch, tag or commit", command="git fetch --all") from error
    names = changed.decode(errors="replace").split("\0")
    found = {_word(root, name, settings) for name in names if name}
    return Changes(base.decode(), fork, tuple(word for word in ALL if word in found or (anything and not in_force)))


def _word(root: Path, name: str, settings: Config) -> str | None:
    """What a changed file is to the training of a program; None where it is nothing."""
    own = f"src/programs/{settings.program}/"
    if name == settings.data.pin:
        return DATA
    if name == bundle.lock(root, settings.program).relative_to(root).as_posix():
        return LIBRARIES
    if name.startswith((*SHARED, f"conf/program/{settings.program}.yaml", f"conf/scale_of/{settings.program}/")):
        return SETTINGS
    travels = ("src/harness/__init__.py", "src/programs/__init__.py", *(f"src/harness/{p}/" for p in bundle.HARNESS))
    if name.startswith((*travels, own)) and not name.startswith(f"{own}{bundle.HOST}/"):
        return CODE
    return None


def base_run(root: Path, known: Sequence[StoredRun], changes: Changes, of: str, scratch: Path) -> StoredRun | None:
    """The run of a program to compare with: the one in force at the base, else the newest of its commit, or the fork's.

    Raises:
        NotReady: the one in force cannot be had.
    """
    history = promotions.read(root, of, changes.base)
    if history.in_force is not None:
        return stored.read(RunFolder(promotions.opened(root, of, history.in_force, scratch)))
    for commit in (changes.base, changes.fork):
        for run in _trained(known, of):
            git = run.plan.provenance.git
            if git is not None and git.commit == commit and git.dirty is False:
                return run
    return None


def own_run(root: Path, known: Sequence[StoredRun], settings: Config) -> StoredRun:
    """The newest run of just what this checkout trains: its settings, code, libraries and data.

    Raises:
        NotReady: there is none.
    """
    files = bundle.collect(root, settings.program)
    wanted = (vars(settings.training), bundle.code_hash(files), bundle.lock_hash(files))
    sample = program.load(settings.program).source().sample
    hashes = {sample.hash} if sample else set()
    if settings.data.pin:
        hashes.add(pins.pinned(root, settings.data.pin).hash)
    for run in _trained(known, settings.program):
        each = run.plan.experiment
        if (each.config, each.code, each.lock) == wanted and each.dataset.hash in hashes:
            return run
    what = "no completed run here has the settings, code, libraries and data of this checkout"
    raise NotReady(what, legal="dvc repro, or python src/train.py mode=local", command="dvc repro")


def _trained(known: Sequence[StoredRun], of: str) -> Iterator[StoredRun]:
    """The completed runs of a program that are no replays, newest first."""
    for run in reversed(known):
        whole = run.status == "completed" and run.model.is_file()
        if whole and run.plan.experiment.program == of and run.plan.provenance.replays is None:
            yield run
