"""Hold runs, or two versions of the data, side by side; differences first.

    python src/compare.py RUN RUN ...       runs' folders, ids, Comet keys, `last`, archives
    python src/compare.py RUN RUN all       equal fields too
    python src/compare.py data=REV          data.dvc as of a commit or branch, against the one here
    python src/compare.py data=REV..REV

Exit code 2 where something is not there.
"""

import itertools
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config

USE = "python src/compare.py RUN RUN"


def compare_runs(names: list[str], everything: bool, settings: Config) -> int:
    """Print what differs between runs."""
    if len(names) < 2:
        raise SettingError("compare.py takes two runs or more", legal="names of runs, or data=REV", command=USE)
    from harness.evidence import baseline, comparison, versions
    from harness.sharing import find

    runs = ROOT / settings.runs_folder
    with tempfile.TemporaryDirectory() as scratch:
        found = []
        for number, name in enumerate(names):
            (folder := Path(scratch, str(number))).mkdir()
            found.append(find.find(runs, name, folder))
        console.say("runs      " + "  ".join(run.run_id for run in found))
        for title, rows in comparison.sections(found):
            console.table(title, [(row.name, *row.values) for row in rows if everything or row.differs])
            equal = sum(not row.differs for row in rows)
            if equal and not everything:
                console.say(f"  equal fields: {equal}")
            if title == "data":
                data = {run.plan.experiment.dataset.hash: run.plan.experiment.program for run in found}
                for old, new in itertools.pairwise(data):
                    lines = versions.lines(ROOT, settings.data.pin, data[new], old, new)
                    console.say("\n".join(f"  {line}" for line in lines))
                for old_run, new_run in itertools.pairwise(found):
                    console.difference(comparison.code(old_run, new_run))
        if best := comparison.better(found, baseline.band(runs, found[0])):
            console.say(f"\nbest      {best}")
    return 0


def compare_data(revisions: str, settings: Config) -> int:
    """Print how two versions of the data differ."""
    from harness.data import pins
    from harness.evidence import versions

    old, _, new = revisions.partition("..")
    document = settings.data.pin
    before = pins.pinned_at(ROOT, old, document).hash
    after = (pins.pinned_at(ROOT, new, document) if new else pins.pinned(ROOT, document)).hash
    console.say(f"data      {before} ({old}) -> {after} ({new or 'here'})")
    for line in versions.lines(ROOT, document, settings.program, before, after, console.say):
        console.say(f"  {line}")
    return 0


if __name__ == "__main__":
    data = [each.partition("=")[2] for each in sys.argv[1:] if each.startswith("data=")]
    named = [each for each in sys.argv[1:] if "=" not in each and not each.startswith("-")]
    sys.argv[1:] = [each for each in sys.argv[1:] if each not in named and not each.startswith("data=")]
    runs = [each for each in named if each != "all"]

    def task(settings: Config) -> int:
        return compare_data(data[0], settings) if data else compare_runs(runs, "all" in named, settings)

    sys.exit(console.main(lambda: compose.run(task)))
