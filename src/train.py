"""Train a program and leave a run that anyone can check."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
import time

from harness import console
from harness.runs.program_of import program_of
from harness.runs.run_folder import RunFolder
from harness.settings import command_line, compose
from harness.settings.schema import Cloud, Config
from harness.settings.sweeps import Job, Search
from harness.settings.verb import Verb

VERB = Verb(
    name="train",
    about=__doc__,
    examples=(
        ("mode=local", "a quick run on this machine"),
        ("mode=cloud resnet_size=50", "a full run on SageMaker; asks before it costs anything"),
        ("mode=cloud detach=true yes=true", "send the job and leave it"),
        ("mode=cloud dry_run=true", "print the plan and the request; nothing is sent"),
        ("+experiment=tutorial", "a recipe of conf/experiment"),
        ("resume=RUN", "continue a stopped or failed run from its last checkpoint"),
        ("-m seed=0,1,2", "a sweep: one run for each value"),
        ("-m hydra/sweeper=optuna 'learning_rate=interval(0.01,1)'", "a search: Optuna chooses the values"),
    ),
    settings=(
        *("program", "scale", "mode", "experiment", "training", "data", "comet", "hydra"),
        *("runs_folder", "resume", "sweep", "publish", "carry", "dry_run", "allow_dirty", "yes", "detach"),
    ),
    sweeps=True,
    exits={
        0: "completed, or sent and left (detach=true)",
        1: "failed; the run's record says why",
        3: "the job in the cloud continues without this command; python src/attach.py RUN follows it",
    },
)


def train(settings: Config) -> int:
    """Obtain the data, plan, stage, run, record."""
    # Imported here, since a mistake on the command line should not wait for them.
    from harness.finish import conclude
    from harness.planning import draft

    if settings.dry_run:
        console.say(str(draft.make(settings, console.say)))
        return 0

    def once(settings: Config) -> tuple[int, RunFolder]:
        since = time.monotonic()
        started = conclude.start(draft.make(settings, console.say), settings, since)
        code = conclude.conclude(started)
        if isinstance(settings.mode, Cloud):  # another one may follow, and Ctrl-C ends the waiting for it
            started.held.restore()
        return 0 if settings.detach and code == conclude.DETACHED else code, started.run

    if not isinstance(settings.mode, Cloud):
        return once(settings)[0]
    from harness.cloud import fallback

    fallback.check(settings.mode)
    return fallback.train(settings, once)


def grid(jobs: list[Job]) -> list[int]:
    """Train each combination, here or in the cloud, unless its run is there already; their exit codes."""
    from harness.sweep import grid

    return grid.run(jobs)


def search(request: Search) -> list[int]:
    """Let Optuna choose what to train; the exit codes."""
    from harness.sweep import search

    return search.run(request)


if __name__ == "__main__":
    sys.exit(console.main(lambda: compose.run(command_line.read(VERB, program_of), train, grid, search)))
