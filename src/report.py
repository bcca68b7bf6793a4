"""Write all runs into one HTML file that needs nothing else, or serve it while runs are in progress."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.contract.rules import Rule
from harness.settings import command_line, runs
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb

PORT = "8765"  # where `serve` listens, on loopback

VERB = Verb(
    name="report",
    about=__doc__,
    examples=(
        ("", "runs/report.html, of all runs"),
        ("last run.zip output=two.html", "of these runs, into that file"),
        ("serve", f"on http://127.0.0.1:{PORT}, always up to date"),
        ("serve port=9000", "on another port"),
    ),
    names=Names("RUN", range(10**6), "any number of runs", "runs' ids or folders, `last`, exported or Comet archives"),
    own=(
        Own("serve", "", "serve the page on the loopback address"),
        Own("output", "PATH", "the file; by default RUNS_FOLDER/report.html"),
        Own(
            "port",
            "NUMBER",
            f"with serve: the port; by default {PORT}",
            Rule("a number", str.isdecimal, lambda _: PORT),
        ),
    ),
    settings=("runs_folder",),
    exits={0: "written"},
)


def report(line: CommandLine) -> int:
    """Gather the runs, write the page; or serve it."""
    folder = runs.folder(line)
    from harness.report import gather, page

    if line.own["serve"]:
        if line.names:
            raise SettingError("serve shows all runs", legal="no names of runs", command=f"{VERB.command} serve")
        from harness.report import serve

        serve.forever(folder, int(line.own["port"] or PORT), console.say, gather.differences(ROOT))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        table = gather.table(folder, list(line.names), Path(scratch), gather.differences(ROOT))
    for left_out in table["unreadable"]:
        console.say(f"left out  {left_out}")
    target = Path(line.own["output"] or folder / "report.html")
    page.write(target, page.assemble(table, live=False))
    console.say(f"report    {target}: {len(table['curves'])} runs, {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: report(command_line.read(VERB))))
