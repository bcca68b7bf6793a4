"""Whose code a replay is about to run: this repository's, or someone else's, which runs only when that is said."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.evidence import baseline
from harness.planning import committed
from harness.runs.stored import StoredRun
from harness.settings import command_line

LINES = 20  # files that are shown of what differs
Say = Callable[[str], None]


@dataclass(frozen=True)
class Foreign:
    """Code that is no commit's of this repository: how it is called, what it is nearest to, and what differs."""

    words: str
    nearest: str
    lines: tuple[str, ...]


def foreign(root: Path, runs: Path, stored: StoredRun, files: Mapping[str, bytes], say: Say) -> Foreign | None:
    """What is known of a replay's code where it is not this repository's; None where it is.

    It is where the run lies among this project's own runs, and where the code is this checkout's or its commit's. Code
    is compared as bytes: nothing of it is imported or run.
    """
    if stored.folder.path.parent.resolve() == runs.resolve():
        return None
    git, program = stored.plan.provenance.git, stored.plan.experiment.program
    known = {}
    try:
        known["this working tree"] = bundle.collect(root, program)
    except OSError:  # it has no such program
        known["nothing of this repository"] = {}
    if git is not None:
        with contextlib.suppress(NotReady):
            known[f"commit {git.commit[:12]}"] = committed.files(root, git.commit, program, None)
    code = bundle.code_hash(files)
    if any(bundle.code_hash(each) == code for each in known.values()):
        say("          it is this repository's own: nothing that a stranger wrote is executed")
        return None
    differences = {name: tuple(baseline.differences(each, files)) for name, each in known.items()}
    nearest = min(differences, key=lambda name: len(differences[name]))
    words = f"an archive or plan from elsewhere, sha256 {code[:12]}: it is no commit's of this repository"
    return Foreign(words, nearest, differences[nearest])


def agree(name: str, code: Foreign, trusted: bool, dry: bool, say: Say) -> None:
    """Say that foreign code is about to run and what of it differs, and ask, unless that was answered already.

    Raises:
        NotReady: it is not to run.
    """
    say(f"foreign   this runs code of {code.words}")
    say(f"          from {code.nearest} it differs in {len(code.lines)} files:")
    for line in code.lines[:LINES]:
        say(f"          {line}")
    if len(code.lines) > LINES:
        say(f"          and {len(code.lines) - LINES} more")
    if dry:
        say("          a dry run executes nothing of it")
        return
    if trusted:
        return
    command = f"{command_line.command_name()} {name} trust=true, or isolated=true in a container without network"
    refusal = NotReady(f"{name} brings code of its own, which would run with your rights", command=command)
    if not sys.stdin.isatty():
        raise refusal
    if input("Run it with your rights? [y/N] ").strip().lower() not in ("y", "yes"):
        raise refusal
