"""Run a plan again and say whether it came to the same: identical, equivalent or different, and why.

    python src/replay.py RUN                   a run's id or folder, `last`, an archive, a Comet key, a plan.json
    python src/replay.py RUN mode.runner=container
    python src/replay.py RUN code=here         today's code instead of the run's; data=here and lock=here alike
    python src/replay.py RUN seed=1            the same with a setting changed

Exit codes: 0 identical or equivalent, 1 different or failed, 2 it cannot be replayed: what is missing, and where it was
last seen; 3 the job in the cloud goes on without this program.
"""

import sys
import tempfile
import time
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.finish import summary
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config

HERE = ("code=here", "data=here", "lock=here")


def replay(names: list[str], here: set[str], settings: Config) -> int:
    """Find the original, bring back what it names, run it, judge."""
    if len(names) != 1:
        raise SettingError("replay.py takes one run", legal="one name", command="python src/replay.py RUN")
    from harness.evidence import baseline
    from harness.finish import conclude
    from harness.planning import replay
    from harness.sharing import find

    started, runs = time.monotonic(), ROOT / settings.runs_folder
    with tempfile.TemporaryDirectory() as scratch:
        found = find.find(runs, names[0], Path(scratch))
        made, changed = replay.make(found, here, settings, console.say)
        if settings.dry_run:
            console.say(str(made))
            return 0
        runner = made.prepare()
        run = made.stage()
        baseline.keep(run, found, changed)
    summary.announce(made.plan, run)
    return conclude.conclude(runner, run, made.plan, made.data.folder, settings.comet, None, started)


if __name__ == "__main__":
    here = {argument for argument in sys.argv[1:] if argument in HERE}
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in named and argument not in here]
    sys.exit(console.main(lambda: compose.run(lambda settings: replay(named, here, settings))))
