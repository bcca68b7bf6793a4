"""Is the model that was retrained on new data better than the old one? On the old test set, and on the new one.

    python src/retrain_check.py              the newest run on other data against the newest run on data.dvc's
    python src/retrain_check.py OLD NEW      two runs, by folder or id

Each claim comes with its uncertainty: that of the test set, and that of another seed. Exit codes: 0 the new model is
not worse on the new test set, 1 it is, 2 a run, a model or a version of the data is not there.
"""

import sys

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config, threads


def check(names: list[str], settings: Config) -> int:
    """Find both models and both test sets, count, and judge."""
    if len(names) not in (0, 2):
        command = "python src/retrain_check.py OLD NEW"
        raise SettingError("retrain_check.py takes two runs or none", legal="two runs", command=command)
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
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in named]
    sys.exit(console.main(lambda: compose.run(lambda settings: check(named, settings))))
