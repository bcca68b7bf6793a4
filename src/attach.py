"""Find a run's job on SageMaker again, follow it to its end, and finish the run folder.

    python src/attach.py RUN      a run's id or folder

After a detach, a closed laptop or a crash. Exit codes as in train.py.
"""

import sys
import time

from harness import console
from harness.contract.errors import SettingError
from harness.finish import summary
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Comet, Config


def attach(names: list[str], settings: Config) -> int:
    """Follow the job of the one run that is named."""
    if len(names) != 1:
        raise SettingError("attach.py takes one run", legal="a run's id or folder", command="python src/attach.py RUN")
    from harness.cloud import runner
    from harness.finish import conclude
    from harness.runs import run_folder

    started = time.monotonic()
    run = run_folder.named(ROOT / settings.runs_folder, names[0])
    planned, runner = run.planned(), runner.find(run)
    asked = planned.placement.cloud
    assert asked is not None
    comet = Comet(asked.comet_project, asked.comet_workspace)  # where the run was meant to go
    summary.announce(planned, run)
    return conclude.conclude(runner, run, planned, ROOT / "data", comet, None, started)


if __name__ == "__main__":
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in named]
    sys.exit(console.main(lambda: compose.run(lambda settings: attach(named, settings))))
