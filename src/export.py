"""Write one archive of a run, which replay.py, compare.py and report.py read on any machine.

The archive is an RO-Crate (ro-crate-metadata.json inside).
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import shlex
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.rules import one_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="export",
    about=__doc__,
    examples=(
        ("last", "RUN_ID.zip in this folder, of the newest run"),
        ("last model=true", "with the trained model"),
        ("promoted model=true", "the run in force: python src/promote.py says which that is"),
        ("last output=mine.zip license=https://spdx.org/licenses/MIT", "under that name, with a license"),
    ),
    names=Names("RUN", range(1, 2), "one run", "a run's id or folder, `last`, or `promoted`"),
    own=(
        Own("model", "BOOL", "true: with the trained model, which is left out otherwise", one_of("true", "false")),
        Own("output", "PATH", "the archive; by default RUN_ID.zip in this folder"),
        Own("license", "ADDRESS", "the license under which the archive is shared; by default none is stated"),
    ),
    settings=("runs_folder",),
    exits={0: "exported"},
)


def export(line: CommandLine) -> int:
    """Pack the run that is named."""
    settings = compose.one(line)
    from harness.runs import output
    from harness.sharing import find, run_archive

    with tempfile.TemporaryDirectory() as scratch:
        run = find.find(ROOT / settings.runs_folder, line.names[0], Path(scratch))
        content = run_archive.pack(run, ROOT, line.own["model"] == "true", line.own["license"] or "", console.say)
    target = Path(line.own["output"] or f"{run.run_id}.zip")
    output.save(target, content)
    console.say(f"exported  {run.run_id}: {len(content) / 1e6:.1f} MB")
    console.say(f"again     python src/replay.py {shlex.quote(str(target))}")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: export(command_line.read(VERB))))
