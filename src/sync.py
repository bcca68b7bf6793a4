"""Upload the offline Comet archives that have not been uploaded yet.

Needs a Comet API key (COMET_API_KEY or ~/.comet.config).
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
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
    examples=(("", "upload what is pending in runs/"),),
    settings=("runs_folder",),
    exits={
        0: "all have been uploaded",
        1: "some could not be uploaded; the next call tries them again",
        2: "there are archives, but no API key; or a mistake on the command line",
    },
)


def synchronize(line: CommandLine) -> int:
    """Upload what is pending in the folder of all runs."""
    settings = compose.one(line)
    from harness.tracking import key, sync

    runs = ROOT / settings.runs_folder
    if not (pending := sync.pending(runs)):
        console.say(f"nothing to upload: Comet has every finished run of {runs}, or there is none")
        return 0
    if not key.has_key():
        command = "export COMET_API_KEY=…; python src/sync.py"
        raise SettingError(f"{len(pending)} archives are not uploaded, and there is no Comet API key", command=command)
    with sync.locked(runs):
        pending = sync.pending(runs)  # without what another process uploaded meanwhile
        uploaded = sum(sync.upload(archive, console.say) for archive in pending)
    console.say(f"{uploaded} of {len(pending)} archives uploaded")
    return 0 if uploaded == len(pending) else 1


if __name__ == "__main__":
    sys.exit(console.main(lambda: synchronize(command_line.read(VERB))))
