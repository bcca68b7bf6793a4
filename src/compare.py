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
                hashes = list(dict.fromkeys(run.plan.experiment.dataset.hash for run in found))
                for old, new in itertools.pairwise(hashes):
                    console.say("\n".join(f"  {line}" for line in versions.lines(ROOT, old, new)))
                for old_run, new_run in itertools.pairwise(found):
                    console.difference(comparison.code(old_run, new_run))
        record = found[0].record
        band = baseline.band(runs, found[0].plan.experiment, record.results if record else None)
        if best := comparison.better(found, band):
            console.say(f"\nbest      {best}")
    return 0


def compare_data(asked: str) -> int:
    """Print how two versions of the data differ."""
    from harness.data import pins
    from harness.evidence import versions

    old, _, new = asked.partition("..")
    pins = (pins.pinned_at(ROOT, old), pins.pinned_at(ROOT, new) if new else pins.pinned(ROOT))
    console.say(f"data      {pins[0]} ({old}) -> {pins[1]} ({new or 'here'})")
    for line in versions.lines(ROOT, *pins, console.say):
        console.say(f"  {line}")
    return 0


if __name__ == "__main__":
    data = [each.partition("=")[2] for each in sys.argv[1:] if each.startswith("data=")]
    named = [each for each in sys.argv[1:] if "=" not in each and not each.startswith("-")]
    sys.argv[1:] = [each for each in sys.argv[1:] if each not in named and not each.startswith("data=")]
    runs = [each for each in named if each != "all"]
    sys.exit(
        console.main(
            lambda: compose.run(
                lambda settings: compare_data(data[0]) if data else compare_runs(runs, "all" in named, settings)
            )
        )
    )
