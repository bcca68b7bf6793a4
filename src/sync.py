"""Upload the offline Comet archives that have not been uploaded yet.

Needs a Comet API key (COMET_API_KEY or ~/.comet.config).
"""

import sys

from harness import console
from harness.contract.errors import SettingError
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Verb

VERB = Verb(
    name="sync",
    about=__doc__,
    examples=(("", "upload what waits in runs/"),),
    settings=("runs_folder",),
    exits={
        0: "all have been uploaded",
        1: "some could not be uploaded; the next call tries them again",
        2: "there are archives, but no API key; or a mistake on the command line",
    },
)


def synchronize(line: CommandLine) -> int:
    """Upload what waits in the folder of all runs."""
    settings = compose.one(line)
    from harness.tracking import sync, tracker

    runs = ROOT / settings.runs_folder
    if not (archives := sync.waiting(runs)):
        console.say(f"nothing to send: Comet has every finished run of {runs}, or there is none")
        return 0
    if not tracker.has_key():
        command = "export COMET_API_KEY=…; python src/sync.py"
        raise SettingError(f"{len(archives)} archives wait, and there is no Comet API key", command=command)
    with sync.alone(runs):
        archives = sync.waiting(runs)  # another process may have sent some meanwhile
        sent = sum(sync.send(archive, console.say) for archive in archives)
    console.say(f"{sent} of {len(archives)} archives sent")
    return 0 if sent == len(archives) else 1


if __name__ == "__main__":
    sys.exit(console.main(lambda: synchronize(command_line.read(VERB))))
