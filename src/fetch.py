"""Obtain a program's data as its .dvc file pins it, or say that the bundled sample stands in for it."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys

from harness import console
from harness.settings import command_line, direct
from harness.settings.command_line import CommandLine
from harness.settings.paths import expanded
from harness.settings.project import ROOT
from harness.settings.verb import Own, Verb

VERB = Verb(
    name="fetch",
    about=__doc__,
    examples=(
        ("", "into data/"),
        ("archive=PATH", "from the published archive, or a folder extracted from it"),
        ("on_missing=fail", "without the sample: exit code 2 if the data cannot be obtained"),
        ("publish=results", "also write results/dataset.json, on which DVC's later stages depend"),
    ),
    own=(
        Own("archive", "PATH", "the published archive, or a folder extracted from it"),
        Own("on_missing", "sample|fail", "what to do if the data cannot be obtained"),
        Own("url", "ADDRESS", "where the published archive is downloaded from"),
        Own("pin", "PATH", "the .dvc file that pins the data set"),
        Own("publish", "FOLDER", "also write FOLDER/dataset.json"),
    ),
    settings=("program",),
    composes=False,
    exits={0: "the data, or the sample, is there"},
)


def fetch(line: CommandLine) -> int:
    """Find the data, verify it, link it into its place through DVC's cache."""
    name, settings = direct.data(line)
    from harness.contract import program
    from harness.data import obtain
    from harness.finish.publish import publish_dataset

    source = program.load(name).source()
    data = obtain.obtain(ROOT, settings, source, console.say)
    for way in data.tried:
        console.say(f"tried     {way}")
    console.say(f"dataset   {data.dataset.name} {data.dataset.hash} ({data.how}), in {data.folder}")
    if source.sample and data.dataset.sample:
        console.say(source.sample.warning)
    if line.own["publish"]:
        publish_dataset(data.dataset, ROOT / expanded("publish", line.own["publish"]))
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: fetch(command_line.read(VERB))))
