"""Train a CIFAR-10 ResNet and leave a run that anyone can check.

    python src/train.py mode=local
    python src/train.py mode=cloud resnet_size=50
    python src/train.py resume=RUN
    python src/train.py -m seed=0,1,2
    python src/train.py --help

Exit codes: 0 completed, 1 failed (the record says why), 2 a mistake in what was typed or in the place, 3 the job in the
cloud goes on without this program.
"""

import sys
import time

from harness import console
from harness.finish import summary
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config
from harness.settings.sweeps import Job, Search


def train(settings: Config) -> int:
    """Obtain the data, plan, stage, run, record."""
    # Imported here, since a mistake on the command line should not wait for them.
    from harness.finish import conclude
    from harness.planning import draft

    started = time.monotonic()
    made = draft.make(settings, console.say)
    if settings.dry_run:
        console.say(str(made))
        return 0
    runner = made.prepare()
    run = made.stage()
    summary.announce(made.plan, run)
    target = ROOT / settings.publish if settings.publish else None
    return conclude.conclude(runner, run, made.plan, made.data.folder, settings.comet, target, started)


def grid(jobs: list[Job]) -> list[int]:
    """Train each, here or in the cloud, unless it is there already; their exit codes."""
    from harness.sweep import grid

    return grid.run(jobs)


def search(asked: Search) -> list[int]:
    """Let Optuna choose what to train; the exit codes."""
    from harness.sweep import search

    return search.run(asked)


if __name__ == "__main__":
    sys.exit(console.main(lambda: compose.run(train, grid, search)))
