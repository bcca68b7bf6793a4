"""Run a plan again and say whether the result is identical, equivalent or different, and why.

Settings that are typed replace the run's own.
"""

import sys
import tempfile
import time
from pathlib import Path

from harness import console
from harness.contract.rules import one_of
from harness.runs.program_of import program_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="replay",
    about=__doc__,
    examples=(
        ("last", "the newest run again, as it was"),
        ("last mode.runner=container", "in a container"),
        ("last code=here", "with the code of this working tree"),
        ("last seed=1", "with another seed"),
        ("run.zip", "a run that python src/export.py packed"),
    ),
    names=Names("RUN", range(1, 2), "one run", "a run's id or folder, `last`, an archive, a Comet key, or a plan.json"),
    own=(
        Own("code", "here", "this working tree's code instead of the run's", one_of("here")),
        Own("data", "here", "the data that the project has now instead of the run's", one_of("here")),
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

    here = {f"{name}={value}" for name, value in line.own.items() if value is not None}
    since, runs = time.monotonic(), ROOT / settings.runs_folder
    with tempfile.TemporaryDirectory() as scratch:
        original = find.find(runs, line.names[0], Path(scratch))
        drafted, changed = replay.make(original, here, settings, console.say)
        if settings.dry_run:
            console.say(str(drafted))
            return 0
        started = conclude.start(drafted, settings, since, lambda run: baseline.keep(run, original, changed))
    return conclude.conclude(started)


if __name__ == "__main__":
    sys.exit(console.main(lambda: replay(command_line.read(VERB, program_of))))
