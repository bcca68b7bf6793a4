"""Find a run's job on SageMaker again, follow it to its end, and complete the run folder.

For use after a detach, a closed laptop or a crash.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
import time
from dataclasses import replace

from harness import console
from harness.runs.program_of import program_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Verb

VERB = Verb(
    name="attach",
    about=__doc__,
    examples=(
        ("20260101T000000Z-0123abcd", "follow the job of that run"),
        ("runs/20260101T000000Z-0123abcd", "the same"),
    ),
    names=Names("RUN", range(1, 2), "one run", "a run's id or folder"),
    settings=("runs_folder",),
    exits={
        0: "the run completed",
        1: "it failed; its record says why",
        3: "the job continues without this command",
    },
)


def attach(line: CommandLine) -> int:
    """Follow the job of the run that is named."""
    settings = compose.one(line)
    from harness.cloud import runner
    from harness.contract import program
    from harness.data import obtain
    from harness.finish import conclude, summary
    from harness.runs import run_folder, stored

    since = time.monotonic()
    run = run_folder.named(ROOT / settings.runs_folder, line.names[0])
    planned, job = stored.read(run).plan, runner.find(run)
    asked = planned.placement.cloud
    assert asked is not None
    comet = replace(
        settings.comet, project=asked.comet_project, workspace=asked.comet_workspace
    )  # where the run was meant to go
    dataset = obtain.place(ROOT, settings.data, program.load(settings.program).source())
    summary.announce(planned, run)
    return conclude.conclude(conclude.Started(job, run, planned, dataset, comet, since))


if __name__ == "__main__":
    sys.exit(console.main(lambda: attach(command_line.read(VERB, program_of))))
