"""Load a saved model, score it with its program's own independent check, and compare that with the record."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import RunFailed, SettingError
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import Config, threads
from harness.settings.verb import Names, Verb
from harness.sharing.promotions import program_of

PUBLISHED = "results/train"  # where dvc.yaml's train stage publishes

VERB = Verb(
    name="evaluate",
    about=__doc__,
    examples=(
        ("", f"the model that dvc repro trained, in {PUBLISHED}"),
        ("runs/20260101T000000Z-0123abcd", "the model of that run"),
        ("promoted", "the model of the run in force: python src/promote.py says which that is"),
        ("publish=results/evaluate", "also write results/evaluate/metrics.json"),
    ),
    names=Names(
        "FOLDER", range(2), "one folder", f"of a run, or one that was published; or `promoted`; by default {PUBLISHED}"
    ),
    settings=("program", "mode", "data", "publish", "runs_folder"),
    exits={0: "the scores are the recorded ones", 1: "they are not, or the run has no model"},
)


def evaluate(line: CommandLine) -> int:
    """Score the folder's model on the data that it was trained with; fails where that is not what was recorded."""
    with tempfile.TemporaryDirectory() as scratch:
        return score(compose.one(line), (line.names or (PUBLISHED,))[0], Path(scratch))


def score(settings: Config, name: str, scratch: Path) -> int:
    """The same of one folder, or of the run in force, which is unpacked into `scratch`."""
    from harness.contract import program
    from harness.data import obtain
    from harness.evidence import evaluation
    from harness.sharing import find, promotions

    in_force = promotions.is_name(name)
    folder = find.find(ROOT / settings.runs_folder, name, scratch).folder.path if in_force else Path(name)
    expected = evaluation.recorded(folder)
    if expected.program != settings.program:
        command = f"python src/evaluate.py {folder} program={expected.program}"
        raise SettingError(f"{folder} is a run of {expected.program}", legal="its own program", command=command)
    owner, _ = program.load(expected.program), program.scorer(expected.program)
    data = obtain.obtain(ROOT, settings.data, owner.source(), console.say)
    if data.dataset.hash != expected.dataset_hash:
        raise RunFailed(f"{folder} was trained on {expected.dataset_hash}, the data here is {data.dataset.hash}")
    owner.runtime.configure(threads(settings.mode))
    scores = evaluation.score(expected, data.folder)
    checks = evaluation.check(expected, scores)
    for check in checks:
        console.say(str(check))
    wrong = [str(check) for check in checks if not check.agrees]
    if settings.publish:
        from harness.finish.publish import publish_evaluation

        values = {f"test_{check.metric.name}": check.value for check in checks}
        publish_evaluation(values, len(scores.right), not wrong, ROOT / settings.publish)
    if wrong:
        raise RunFailed(f"{expected.model} does not score what the run recorded: {'; '.join(wrong)}")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: evaluate(command_line.read(VERB, program_of))))
