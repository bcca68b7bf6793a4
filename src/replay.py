"""Run a plan again and say whether the result is identical, equivalent or different, and why.

Settings that are typed replace the run's own.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import functools
import sys
import tempfile
import time
from pathlib import Path

from harness import console
from harness.contract.rules import one_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb
from harness.sharing.promotions import program_of

TRUTH = one_of("true", "false")
VERB = Verb(
    name="replay",
    about=__doc__,
    examples=(
        ("last", "the newest run again, as it was"),
        ("last mode.runner=container", "in a container"),
        ("last code=here", "with the code of this working tree"),
        ("last seed=1", "with another seed"),
        ("run.zip", "a run that python src/export.py packed"),
        ("run.zip isolated=true", "the same in a container without network, with its own folders alone"),
    ),
    names=Names("RUN", range(1, 2), "one run", "a run's id or folder, `last`, an archive, a Comet key, or a plan.json"),
    own=(
        Own("code", "here", "this working tree's code instead of the run's", one_of("here")),
        Own("data", "here", "the data that the project has now instead of the run's", one_of("here")),
        Own("trust", "BOOL", "true: run an archive's own code, which is no commit's of this repository", TRUTH),
        Own("isolated", "BOOL", "true: in a container without network, with its own folders alone", TRUTH),
        Own("lock", "here", "the libraries that are locked now instead of the run's", one_of("here")),
    ),
    settings=("program", "training", "mode", "data", "comet", "runs_folder", "dry_run", "allow_dirty", "yes"),
    exits={
        0: "identical or equivalent",
        1: "different, or the replay failed",
        2: "it cannot be replayed: one line says what is missing and where it was last seen",
        3: "the job in the cloud continues without this command",
    },
)


def replay(line: CommandLine) -> int:
    """Find the baseline, restore what it names, run it, judge."""
    settings = compose.one(line)
    from harness.evidence import baseline
    from harness.finish import conclude
    from harness.planning import replay
    from harness.sharing import find

    words = frozenset(f"{name}={value}" for name, value in line.own.items() if value is not None)
    asked = replay.Asked(
        words & {"code=here", "data=here", "lock=here"}, "trust=true" in words, "isolated=true" in words
    )
    since, runs, name = time.monotonic(), ROOT / settings.runs_folder, line.names[0]
    with tempfile.TemporaryDirectory() as scratch:
        original = find.find(runs, name, Path(scratch))
        made = replay.make(original, name, asked, settings, console.say)
        if settings.dry_run:
            console.say(str(made.draft))
            return 0
        whose = made.foreign.words if made.foreign else None
        keep = functools.partial(baseline.keep, baseline=original, files=made.changed, foreign=whose)
        started = conclude.start(made.draft, settings, since, keep)
    return conclude.conclude(started)


if __name__ == "__main__":
    sys.exit(console.main(lambda: replay(command_line.read(VERB, program_of))))
