"""Is a new model better than an old one? On the test set of the new data and of the old, and on each class.

Each claim comes with its uncertainty: that of the test set, and that of another seed. The new test set decides.
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
from harness.settings.schema import threads
from harness.settings.verb import Names, Own, Verb
from harness.sharing.promotions import program_of

VERB = Verb(
    name="retrain_check",
    about=__doc__,
    examples=(
        ("", "the newest run on other data against the newest run on the pinned data"),
        ("20260101T000000Z-0123abcd 20260102T000000Z-4567cdef", "the first run against the second one"),
        (
            "promoted last json=check.json markdown=check.md",
            "the run in force against the newest; what is found as files",
        ),
    ),
    names=Names("RUN", (0, 2), "two runs or none", "the old run and the new one, each by id, folder or archive"),
    own=(
        Own("json", "PATH", "also write what was found as JSON"),
        Own("markdown", "PATH", "also write it as Markdown, for a comment"),
    ),
    settings=("program", "mode", "data", "runs_folder"),
    exits={
        0: "the new model is better",
        1: "scoring a model failed",
        2: "one line says which run, model or version of the data is not there, or what to type",
        3: "it is worse, or worse on a class and not better on the whole",
        4: "that cannot be told: the difference is inside the noise, or nobody knows the noise",
    },
)


def check(line: CommandLine) -> int:
    """Find both models and both test sets, count, and decide."""
    settings, names = compose.one(line), line.names
    from harness.contract import serial
    from harness.evidence import decision, retraining
    from harness.runs import output
    from harness.sharing import find, markdown

    runs = ROOT / settings.runs_folder
    with tempfile.TemporaryDirectory() as scratch:
        if names:
            pair = retraining.of(*find.several(runs, names, Path(scratch)))
        else:
            pair = retraining.newest(ROOT, runs, settings.data.pin)
        sets = retraining.test_sets(ROOT, pair, settings.data, console.say)
        console.say(f"old       {pair.old.run_id}, trained on {pair.old.plan.experiment.dataset.hash}")
        console.say(f"new       {pair.new.run_id}, trained on {pair.new.plan.experiment.dataset.hash}")
        decided = retraining.judge(runs, pair, sets, threads(settings.mode))
    for title, judged in decided.sets.items():
        console.say(f"{title:9} {judged.whole}")
        for name, claim in judged.classes.items():
            console.say(f"  {name:7} {claim}")
    console.say(f"decision  {decided.word}: {decided.why}")
    for word, text in (("json", serial.dumps), ("markdown", markdown.decision)):
        if path := line.own[word]:
            output.save(Path(path), text(decided))
    return decision.EXITS[decided.word]


if __name__ == "__main__":
    sys.exit(console.main(lambda: check(command_line.read(VERB, program_of))))
