"""Load a saved model, score it with its program's own independent check, and compare that with the record.

    python src/evaluate.py results/train    what `dvc repro` trained
    python src/evaluate.py runs/RUN_ID      any run

Settings of conf/ can be given as in train.py.
"""

import sys
from pathlib import Path

from harness import console
from harness.contract.errors import RunFailed, SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config, threads


def evaluate(folder: Path, settings: Config) -> int:
    """Score the folder's model on the data that it was trained with; fails where that is not what was recorded."""
    from harness.contract import program
    from harness.data import obtain
    from harness.evidence import evaluation

    expected = evaluation.recorded(folder)
    if expected.program != settings.program:
        command = f"python src/evaluate.py {folder} program={expected.program}"
        raise SettingError(f"{folder} is a run of {expected.program}", legal="its own program", command=command)
    owner = program.load(expected.program)
    data = obtain.obtain(ROOT, settings.data, owner.source(), console.say)
    if data.dataset.hash != expected.dataset_hash:
        raise RunFailed(f"{folder} was trained on {expected.dataset_hash}, the data here is {data.dataset.hash}")
    owner.runtime.configure(threads(settings.mode))
    scores = owner.score(expected.model, data.folder)
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
    folders = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in folders]
    sys.exit(
        console.main(lambda: compose.run(lambda settings: evaluate(Path((folders or ["results/train"])[0]), settings)))
    )
