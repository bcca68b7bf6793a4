"""Restore what a plan refers to (code, libraries, image) by content hash, and report what is missing."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.contract import atomic, bundle, program
from harness.contract.errors import NotReady
from harness.contract.plan import Git, RunPlan
from harness.launch import engine
from harness.planning import committed
from harness.runs import reading
from harness.runs.stored import StoredRun

ADDRESS = re.compile(r"(https://|ssh://|git@)[\w.@:/~+%-]+", re.ASCII)  # of a repository


def check_program(stored: StoredRun) -> None:
    """Refuse where this checkout has no such program.

    Raises:
        NotReady: as it says.
    """
    name, git = stored.plan.experiment.program, stored.plan.provenance.git
    if name not in (known := program.names()):
        what = f"{stored.run_id} cannot be replayed: this checkout has no src/programs/{name}"
        raise NotReady(what, legal=" | ".join(known), command=_fetch(git) if git else "")


def code(root: Path, stored: StoredRun, say: Callable[[str], None]) -> dict[str, bytes]:
    """The bundle that the plan names: out of its commit and patch in a clean worktree, else as the run kept it.

    Raises:
        NotReady: neither gives it.
    """
    planned, git = stored.plan, stored.plan.provenance.git
    try:
        if git is None:
            raise NotReady("it was made outside git")
        patch = stored.folder.patch if git.patch_sha256 is not None else None
        files = committed.files(root, git.commit, planned.experiment.program, patch)
        if _agrees(files, planned):
            say(f"code      commit {git.commit[:12]}{' and changes.patch' if patch else ''}, in a clean worktree")
            return files
        why = f"commit {git.commit[:12]} and its patch give other code"
    except NotReady as error:
        why = error.what
    try:
        files = reading.code(stored.folder.code)
    except (OSError, ValueError):
        files = {}
    if files and _agrees(files, planned):
        say(f"code      the run's own copy, since {why}")
        return files
    kept = "the run kept no copy" if not files else f"{stored.folder.code} was changed"
    seen = f"commit {git.commit} on {git.branch or 'no branch'} of {git.remote or 'no remote'}" if git else "no commit"
    what = f"its code {planned.experiment.code[:12]} is gone: {why}; {kept}; last seen in {seen}"
    raise NotReady(
        f"{stored.run_id} cannot be replayed: {what}",
        legal="code=here runs today's",
        command=_fetch(git) if git else "",
    )


def _fetch(git: Git) -> str:
    """What brings the commit here, quoted for a shell; of a plan's addresses only those that run nothing."""
    remote = git.remote if git.remote and ADDRESS.fullmatch(git.remote) else None
    return f"git fetch {shlex.quote(remote)} {git.commit}" if remote else f"git fetch origin {git.commit}"


def _agrees(files: Mapping[str, bytes], planned: RunPlan) -> bool:
    wanted = (planned.experiment.code, planned.experiment.lock)
    return (bundle.code_hash(files), bundle.lock_hash(files)) == wanted


def libraries(root: Path, stored: StoredRun) -> None:
    """Refuse where the environment here was made from another lock than the plan's.

    A program with a lock of its own runs in an environment of whatever lock its run had.

    Raises:
        NotReady: as it says.
    """
    planned = stored.plan
    here = atomic.sha256(bundle.lock(root, planned.experiment.program))
    if here != planned.experiment.lock and engine.own_lock(root, planned.experiment.program) is None:
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
    placement, own = stored.plan.placement, stored.plan.experiment.program
    if (why := engine.missing()) is not None:
        raise NotReady(f"{stored.run_id} cannot be replayed in a container: {why}", legal="mode.runner=process")
    name = placement.image if placement.image and placement.cloud is None else engine.image_name(root, own)
    known = engine.image_id(name)
    if known is not None:
        return name, known
    same = name == engine.image_name(root, own)
    seen = f"; last seen by {stored.run_id} as {placement.image_id}" if placement.image else ""
    raise NotReady(
        f"{stored.run_id} cannot be replayed in a container: the image {name} is gone{seen}",
        legal="mode.runner=process",
        command="make base-image image" if same else "git checkout that run's commit && make base-image image",
    )
