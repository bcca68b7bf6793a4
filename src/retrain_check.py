"""Is the model that was retrained on new data better than the old one? On the old test set, and on the new one.

Each claim comes with its uncertainty: that of the test set, and that of another seed.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys

from harness import console
from harness.runs.program_of import program_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import threads
from harness.settings.verb import Names, Verb

VERB = Verb(
    name="retrain_check",
    about=__doc__,
    examples=(
        ("", "the newest run on other data against the newest run on the pinned data"),
        ("20260101T000000Z-0123abcd 20260102T000000Z-4567cdef", "the older run against the newer one"),
    ),
    names=Names("RUN", (0, 2), "two runs or none", "the old run and the new one, each by id or folder"),
    settings=("program", "mode", "data", "runs_folder"),
    exits={
        0: "the new model is not worse on the new test set",
        1: "it is worse",
        2: "one line says which run, model or version of the data is not there, or what to type",
    },
)


def check(line: CommandLine) -> int:
    """Find both models and both test sets, count, and judge."""
    settings, names = compose.one(line), line.names
    from harness.evidence import retraining

    runs = ROOT / settings.runs_folder
    pair = retraining.named(runs, *names) if names else retraining.newest(ROOT, runs, settings.data.pin)
    sets = retraining.test_sets(ROOT, pair, settings.data, console.say)
    console.say(f"old       {pair.old.run_id}, trained on {pair.old.plan.experiment.dataset.hash}")
    console.say(f"new       {pair.new.run_id}, trained on {pair.new.plan.experiment.dataset.hash}")
    claims = retraining.judge(runs, pair, sets, threads(settings.mode))
    for name, claim in claims.items():
        console.say(f"{name:9} {claim}")
    return 1 if claims["new test"].word == "worse" else 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: check(command_line.read(VERB, program_of))))
