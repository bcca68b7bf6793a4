"""Find a run's job on SageMaker again, follow it to its end, and finish the run folder.

    python src/attach.py RUN      a run's id or folder

After a detach, a closed laptop or a crash. Exit codes as in train.py.
"""

import sys
import time

from harness import config, console
from harness.config import ROOT
from harness.errors import ChangeSetting
from harness.settings import Comet, Config


def attach(names: list[str], settings: Config) -> int:
    """Follow the job of the one run that is named."""
    if len(names) != 1:
        raise ChangeSetting("attach.py takes one run", legal="a run's id or folder", command="python src/attach.py RUN")
    from harness import conclude, folders
    from harness.launch import cloud

    started = time.monotonic()
    run = folders.named(ROOT / settings.runs_folder, names[0])
    planned, runner = run.planned(), cloud.find(run)
    asked = planned.placement.cloud
    assert asked is not None
    comet = Comet(asked.comet_project, asked.comet_workspace)  # where the run was meant to go
    console.announce(planned, run)
    return conclude.conclude(runner, run, planned, ROOT / "data", comet, None, started)


if __name__ == "__main__":
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in named]
    sys.exit(console.main(lambda: config.run(lambda settings: attach(named, settings))))
