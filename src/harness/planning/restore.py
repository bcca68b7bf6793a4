"""Restore what a plan refers to (code, libraries, image) by content hash, and report what is missing."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.contract import atomic, bundle
from harness.contract.errors import NotReady
from harness.contract.plan import RunPlan
from harness.launch import engine
from harness.provenance import repository
from harness.runs.stored import StoredRun

# Run in the worktree by its own modules: which files travel is for that commit to say. Schema 1 had no such door.
COLLECT = """
import sys
from pathlib import Path
try:
    from harness.contract import atomic, bundle
except ModuleNotFoundError:
    from harness import bundle
    files = bundle.collect(Path(sys.argv[1]))
else:
    files = bundle.collect(Path(sys.argv[1]), sys.argv[3])
bundle.write(files, Path(sys.argv[2]))
"""
COLLECT_SECONDS = 60.0


def code(root: Path, stored: StoredRun, say: Callable[[str], None]) -> dict[str, bytes]:
    """The bundle that the plan names: out of its commit and patch in a clean worktree, else as the run kept it.

    Raises:
        NotReady: neither gives it.
    """
    planned, git = stored.plan, stored.plan.provenance.git
    try:
        files = _committed(root, stored)
        why = (
            None
            if _agrees(files, planned)
            else f"commit {git.commit[:12] if git else ''} and its patch give other code"
        )
    except NotReady as error:
        files, why = {}, error.what
    if why is None and git is not None:
        say(
            f"code      commit {git.commit[:12]}{' and changes.patch' if git.patch_sha256 else ''}, in a clean worktree"
        )
        return files
    try:
        files = bundle.received(stored.folder.code)
    except OSError:
        files = {}
    if files and _agrees(files, planned):
        say(f"code      the run's own copy, since {why}")
        return files
    kept = "the run kept no copy" if not files else f"{stored.folder.code} was changed"
    seen = f"commit {git.commit} on {git.branch or 'no branch'} of {git.remote or 'no remote'}" if git else "no commit"
    fetch = f"git fetch {git.remote or ''} {git.commit}".replace("  ", " ") if git else ""
    what = f"its code {planned.experiment.code[:12]} is gone: {why}; {kept}; last seen in {seen}"
    raise NotReady(f"{stored.run_id} cannot be replayed: {what}", legal="code=here runs today's", command=fetch)


def _agrees(files: Mapping[str, bytes], planned: RunPlan) -> bool:
    wanted = (planned.experiment.code, planned.experiment.lock)
    return (bundle.code_hash(files), bundle.lock_hash(files)) == wanted


def _committed(root: Path, stored: StoredRun) -> dict[str, bytes]:
    """The bundle of the run's commit with its patch applied."""
    git = stored.plan.provenance.git
    if git is None:
        raise NotReady("it was made outside git")
    with _worktree(root, git.commit) as top:
        if git.patch_sha256 is not None:
            if not stored.folder.patch.exists():
                raise NotReady("its changes.patch is gone")
            applied = repository.run(
                top, "apply", "--binary", "--whitespace=nowarn", str(stored.folder.patch.resolve())
            )
            if applied.returncode:
                raise NotReady("its changes.patch does not apply")
        project = top / repository.run(root, "rev-parse", "--show-prefix").stdout.strip()
        with tempfile.TemporaryDirectory() as out:
            program = stored.plan.experiment.program
            command = [sys.executable, "-P", "-c", COLLECT, str(project), out, program]
            environment = {"PYTHONPATH": str(project / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, timeout=COLLECT_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                raise NotReady(f"its commit's own list of modules took over {COLLECT_SECONDS:.0f} s") from None
            if done.returncode:
                raise NotReady(f"commit {git.commit[:12]} does not hold the program")
            return bundle.received(Path(out))


@contextmanager
def _worktree(root: Path, commit: str) -> Iterator[Path]:
    """A clean worktree of a commit, gone afterwards.

    Raises:
        NotReady: this repository does not have the commit.
    """
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch, "worktree")
        done = repository.run(root, "worktree", "add", "--quiet", "--detach", str(top), commit)
        if done.returncode:
            raise NotReady(f"commit {commit[:12]} is not in this repository")
        try:
            yield top
        finally:
            repository.run(root, "worktree", "remove", "--force", str(top))


def libraries(root: Path, stored: StoredRun) -> None:
    """Refuse where the environment here was made from another lock than the plan's.

    Raises:
        NotReady: as it says.
    """
    planned = stored.plan
    here = atomic.sha256(bundle.lock(root, planned.experiment.program))
    if here != planned.experiment.lock:
        git = planned.provenance.git
        what = f"its lock {planned.experiment.lock[:12]} is not this project's {here[:12]}"
        seen = f"last seen in commit {git.commit[:12]}" if git else "last seen in no commit"
        raise NotReady(
            f"{stored.run_id} cannot be replayed: {what}; {seen}",
            legal="lock=here takes today's; mode.runner=container with that run's image",
            command=f"git checkout {git.commit[:12]} && make venv" if git else "",
        )


def image(root: Path, stored: StoredRun) -> tuple[str, str]:
    """Name and id of the image that the plan names, or of today's where it names none and the lock is the same.

    Raises:
        NotReady: the engine does not have it, or there is none.
    """
    placement, program = stored.plan.placement, stored.plan.experiment.program
    if (why := engine.missing()) is not None:
        raise NotReady(f"{stored.run_id} cannot be replayed in a container: {why}", legal="mode.runner=process")
    name = placement.image if placement.image and placement.cloud is None else engine.image_name(root, program)
    known = engine.image_id(name)
    if known is not None:
        return name, known
    same = name == engine.image_name(root, program)
    seen = f"; last seen by {stored.run_id} as {placement.image_id}" if placement.image else ""
    raise NotReady(
        f"{stored.run_id} cannot be replayed in a container: the image {name} is gone{seen}",
        legal="mode.runner=process",
        command="make base-image image" if same else "git checkout that run's commit && make base-image image",
    )
