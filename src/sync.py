"""Send every run's Comet archive that Comet has not got yet, once.

    python src/sync.py

Needs a Comet API key (COMET_API_KEY or ~/.comet.config). Exit codes: 0 all are there, 1 some could not be sent and are
tried again the next time, 2 nothing can be sent.
"""

import sys

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config


def synchronise(settings: Config) -> int:
    """Send what waits in the folder of all runs."""
    from harness.tracking import sync, tracker

    runs = ROOT / settings.runs_folder
    if not (found := sync.waiting(runs)):
        console.say(f"nothing to send: Comet has every finished run of {runs}, or there is none")
        return 0
    if not tracker.has_key():
        command = "export COMET_API_KEY=…; python src/sync.py"
        raise SettingError(f"{len(found)} archives wait, and there is no Comet API key", command=command)
    with sync.alone(runs):
        found = sync.waiting(runs)  # what another program sent meanwhile is gone from it
        sent = sum(sync.send(one, console.say) for one in found)
    console.say(f"{sent} of {len(found)} archives sent")
    return 0 if sent == len(found) else 1


if __name__ == "__main__":
    sys.exit(console.main(lambda: compose.run(synchronise)))
