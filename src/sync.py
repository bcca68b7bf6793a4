"""Upload offline Comet archives that have not been uploaded yet.

    python src/sync.py

Needs a Comet API key (COMET_API_KEY or ~/.comet.config). Exit codes: 0 all are uploaded, 1 some could not be and are
tried again the next time, 2 nothing can be uploaded.
"""

import sys

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config


def synchronise(settings: Config) -> int:
    """Upload what is pending in the folder of all runs."""
    from harness.tracking import sync, tracker

    runs = ROOT / settings.runs_folder
    if not (pending := sync.pending(runs)):
        console.say(f"nothing to upload: Comet has every finished run of {runs}, or there is none")
        return 0
    if not tracker.has_key():
        command = "export COMET_API_KEY=…; python src/sync.py"
        raise SettingError(f"{len(pending)} archives are not uploaded, and there is no Comet API key", command=command)
    with sync.locked(runs):
        pending = sync.pending(runs)  # without what another program uploaded meanwhile
        uploaded = sum(sync.upload(one, console.say) for one in pending)
    console.say(f"{uploaded} of {len(pending)} archives uploaded")
    return 0 if uploaded == len(pending) else 1


if __name__ == "__main__":
    sys.exit(console.main(lambda: compose.run(synchronise)))
