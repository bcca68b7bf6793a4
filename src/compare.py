"""Show runs, or two versions of the data, side by side; differences first."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import itertools
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import Config
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="compare",
    about=__doc__,
    examples=(
        ("last run.zip", "the newest run and an exported one"),
        ("last run.zip all", "fields that are equal, too"),
        ("data=HEAD~1", "the data as that commit pins it, and the data pinned now"),
        ("data=v1..v2", "the data as two commits pin it"),
    ),
    names=Names("RUN", range(10**6), "two runs or more", "runs' ids or folders, `last`, archives, Comet keys"),
    own=(
        Own("all", "", "show equal fields, too"),
        Own("fetch", "", "ask DVC's remote for versions of the data that are not here, which may take long"),
        Own("data", "REV", "or REV..REV: compare the data of commits, branches or tags instead of runs"),
    ),
    settings=("program", "data", "runs_folder"),
    exits={0: "compared", 2: "one line says which run or version is not there, or what to type"},
)


def compare(line: CommandLine) -> int:
    """Compare the data of two commits, or runs."""
    settings, revisions = compose.one(line), line.own["data"]
    if revisions:
        return compare_data(revisions, settings, bool(line.own["fetch"]))
    return compare_runs(list(line.names), bool(line.own["all"]), settings, bool(line.own["fetch"]))


def compare_runs(names: list[str], everything: bool, settings: Config, fetch: bool) -> int:
    """Print what differs between runs."""
    if len(names) < 2:
        command = f"{VERB.command} RUN RUN"
        raise SettingError("compare.py takes two runs or more", legal="names of runs, or data=REV", command=command)
    from harness.evidence import baseline, comparison, versions
    from harness.runs import catalog
    from harness.sharing import find

    runs = ROOT / settings.runs_folder
    with tempfile.TemporaryDirectory() as scratch:
        found = find.several(runs, names, Path(scratch))
        console.say("runs      " + "  ".join(run.run_id for run in found))
        for title, rows in comparison.sections(found):
            console.table(title, [(row.name, *row.values) for row in rows if everything or row.differs])
            equal = sum(not row.differs for row in rows)
            if equal and not everything:
                console.say(f"  equal fields: {equal}")
            if title == "data":
                data = {run.plan.experiment.dataset.hash: run.plan.experiment.program for run in found}
                for old, new in itertools.pairwise(data):
                    lines = versions.lines(ROOT, settings.data.pin, data[new], old, new, console.say, fetch)
                    console.say("\n".join(f"  {line}" for line in lines))
                for old_run, new_run in itertools.pairwise(found):
                    console.difference(comparison.code(old_run, new_run))
        own = next((run for run in found if run.folder.path.parent.resolve() == runs.resolve()), found[0])
        if best := comparison.better(found, baseline.band(runs, own)):
            console.say(f"\nbest      {best}")
        known = catalog.alike(runs, *(run.plan.experiment for run in found))
        for old_run, new_run in itertools.pairwise(found):
            for noise in baseline.noise(known, old_run, new_run):
                console.say(f"{noise.metric.name:9} {old_run.run_id} -> {new_run.run_id}: {noise}")
    return 0


def compare_data(revisions: str, settings: Config, fetch: bool) -> int:
    """Print how two versions of the data differ."""
    from harness.data import pins
    from harness.evidence import versions

    old, _, new = revisions.partition("..")
    document = settings.data.pin
    before = pins.pinned_at(ROOT, old, document).hash
    after = (pins.pinned_at(ROOT, new, document) if new else pins.pinned(ROOT, document)).hash
    console.say(f"data      {before} ({old}) -> {after} ({new or 'here'})")
    for line in versions.lines(ROOT, document, settings.program, before, after, console.say, fetch):
        console.say(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: compare(command_line.read(VERB))))
