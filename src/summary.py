"""Say what this branch does to the model, as a comment for its pull request: against the run in force at BASE.

With `changed` only say what it changes of what is trained, a word a line: code, settings, data, libraries.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="summary",
    about=__doc__,
    examples=(
        ("main", "the comment, as Markdown"),
        ("origin/main json=summary.json", "the same as JSON, too"),
        ("origin/main changed", "what has to be trained again, if anything"),
        ("promoted", "against the run in force here, since the commit that it was trained from"),
    ),
    names=Names("BASE", range(1, 2), "one revision", "the branch, tag or commit to compare with, or `promoted`"),
    own=(
        Own("changed", "", "say what was changed, and no more"),
        Own("run", "", "say which run is that of this checkout, and no more"),
        Own("json", "PATH", "also write all of it as JSON"),
    ),
    settings=("program", "scale", "training", "mode", "data", "runs_folder"),
    exits={
        0: "better, or nothing to do",
        1: "scoring a model failed",
        2: "one line says what is missing, or what to type",
        3: "worse, or worse on a class and not better on the whole",
        4: "that cannot be told: inside the noise, or there is nothing to compare with",
    },
)


def summary(line: CommandLine) -> int:
    """Find out what changed, compare, write."""
    settings = compose.one(line)
    from harness.contract import serial
    from harness.evidence import decision
    from harness.runs import output, stored
    from harness.sharing import changes, comment

    found = changes.since(ROOT, line.names[0], settings)
    if line.own["changed"]:
        for word in found.words:
            console.say(word)
        return 0
    if line.own["run"]:
        console.say(changes.own_run(ROOT, stored.everything(ROOT / settings.runs_folder)[0], settings).run_id)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        made = comment.make(ROOT, found, settings, Path(scratch), console.complain)
    if path := line.own["json"]:
        output.save(Path(path), serial.dumps(made))
    console.say(comment.text(made))
    return decision.EXITS[made.word]


if __name__ == "__main__":
    sys.exit(console.main(lambda: summary(command_line.read(VERB))))
