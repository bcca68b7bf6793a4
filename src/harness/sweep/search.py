"""A search with Optuna: each run's settings come from what the runs before it came to.

Optuna's own storage (SQLite) holds the study. A trial stays open until its run has finished, so a search that broke off
goes on with the very trial; and a trial's proposal is a function of the sampler's seed, its number and the trials
before it, so a search that broke off proposes what an unbroken one would have.
"""

import random
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import console
from harness.contract.errors import SettingError
from harness.finish.conclude import Epoch
from harness.launch.runner import StopEarly
from harness.planning import draft
from harness.settings.command_line import command_name
from harness.settings.check import section
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config
from harness.settings.sweeps import Choice, Job, Search, Span, Tuning, alone, examples
from harness.sweep import cloud, summary
from harness.sweep.grid import code
from harness.sweep.group import FINISHED, Group, Judge, Row, Train, common, digest, stopped, train
from programs.cifar10.settings import Training

if TYPE_CHECKING:
    import optuna


def run(search: Search, begin: Train = train) -> list[int]:
    """Search until there are as many trials as asked for; the exit codes of this sitting's runs.

    Raises:
        HarnessError: a setting of the search or a value in the space is not legal, or a run cannot begin.
    """
    raw = {name: value for name, value in search.raw.items() if name != "params"}
    tuning: Tuning = section(Tuning, raw, "hydra.sweeper.")
    if strange := sorted(set(search.space) - {field.name for field in fields(Training)}):
        raise SettingError(
            f"{strange[0]} is not searched: it is no setting of the training", legal="one value for it, or a grid"
        )
    jobs = [search.job(values) for values in examples(search.space)]
    first = jobs[0].settings
    if first.dry_run:
        console.say(str(draft.make(first, console.say)))
        return [0]
    shared = common(first)
    held = {name: value for name, value in vars(first.training).items() if name not in search.space}
    experiment = replace(shared.experiment(first.training), config=held)
    definition = digest([experiment, search.space, {**raw, "n_trials": 0, "n_jobs": 0}])
    name = first.sweep or definition
    group = Group(name, ROOT / first.runs_folder, shared, tuning.n_trials, begin)
    rows: list[Row] = []
    with group.alone():
        sitting = Sitting(group, search, tuning, open_study(group.folder / f"{name}.db", name, definition, tuning))
        earlier = sitting.earlier()
        console.say(
            f"sweep     {name}: {tuning.n_trials} runs by {tuning.sampler}, {len(earlier)} of them there already"
        )
        try:
            away_at = isinstance(first.mode, Cloud)
            for row in sitting.away() if away_at else sitting.here():
                rows.append(row)
                summary.write(group, [*earlier, *rows])
        except KeyboardInterrupt:
            pass
        finally:
            if earlier or rows:
                summary.write(group, [*earlier, *rows])
                summary.show(group, [*earlier, *rows])
    return [code(row) for row in rows] if len(earlier) + len(rows) >= tuning.n_trials else [*map(code, rows), 1]


class Sitting:
    """One program's part of a search."""

    def __init__(self, group: Group, search: Search, tuning: Tuning, study: "optuna.Study") -> None:
        self._group, self._search, self._tuning, self._study = group, search, tuning, study

    def earlier(self) -> list[Row]:
        """What finished in earlier sittings."""
        rows = []
        for trial in self._study.get_trials():
            if trial.state.is_finished():
                words = alone((*self._search.fixed, *(f"{name}={value}" for name, value in trial.params.items())))
                about = trial.user_attrs
                curve = tuple(sorted(trial.intermediate_values.items()))
                rows.append(Row(words, about["run"], about["status"], curve, about["reason"]))
        return rows

    def here(self) -> Iterator[Row]:
        """One run after the other, pruned where it falls behind; ends early where somebody stops a run."""
        for trial in self._trials():
            job = self._propose(trial)
            judge = judging(self._study, trial, job.settings.training.epochs, self._tuning.pruner)
            left = self._tuning.n_trials - trial.number
            row = self._group.here(job, trial.number + 1, left, self._group.find(job), judge)
            self._tell(trial, row)
            yield row
            if stopped(row):
                return

    def away(self) -> Iterator[Row]:
        """Jobs side by side, so many at a time; one question for all."""
        trials, asked = self._trials(), False
        while batch := list(islice(trials, self._tuning.n_jobs)):
            jobs = [self._propose(trial) for trial in batch]
            if asked:  # and tried here
                jobs = [Job(job.overrides, _agreed(job.settings)) for job in jobs]
            asked = True
            rows = cloud.together(self._group, jobs, self._tuning.n_trials)
            for trial, row in zip(batch, rows, strict=True):
                self._tell(trial, row)
                yield row
            if any(row.status not in FINISHED for row in rows):
                return

    def _trials(self) -> Iterator["optuna.Trial"]:
        """Those that an earlier sitting left open, then new ones."""
        import optuna

        for left in self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            self._study.sampler = sampler(self._tuning, left.number)
            yield optuna.Trial(self._study, left._trial_id)
        while (number := len(self._study.get_trials(deepcopy=False))) < self._tuning.n_trials:
            self._study.sampler = sampler(self._tuning, number)
            yield self._study.ask()

    def _propose(self, trial: "optuna.Trial") -> Job:
        return self._search.job(suggest(trial, self._search.space))

    def _tell(self, trial: "optuna.Trial", row: Row) -> None:
        """A run that has not finished leaves its trial open."""
        import optuna

        if row.status not in FINISHED:
            return
        for name in ("run", "status", "reason"):
            trial.set_user_attr(name, getattr(row, name))
        known = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for epoch, accuracy in row.curve:
            if epoch not in known:
                trial.report(accuracy, epoch)
        if row.status == "pruned":
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, row.accuracy)


def open_study(path: Path, name: str, definition: str, tuning: Tuning) -> "optuna.Study":
    """The study of a sweep, as earlier sittings left it.

    Raises:
        SettingError: it was begun for another search.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{path}", study_name=name, load_if_exists=True, direction="maximize", pruner=pruner(tuning)
    )
    begun = study.user_attrs.get("definition")
    if begun is None:
        study.set_user_attr("definition", definition)
    elif begun != definition:
        raise SettingError(
            f"sweep={name} was begun with another space, sampler, code or data",
            legal="another name, or none",
            command=f"{command_name()} -m sweep={name}-2 …",
        )
    return study


def sampler(tuning: Tuning, number: int) -> "optuna.samplers.BaseSampler":
    """The sampler for one trial, with a seed of its own."""
    import optuna

    seed = random.Random(f"{tuning.seed} {number}").getrandbits(32)
    if tuning.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=tuning.n_startup_trials)


def pruner(tuning: Tuning) -> "optuna.pruners.BasePruner":
    """Optuna's pruner; its steps are epochs."""
    from optuna import pruners

    least = max(1, tuning.n_warmup_epochs)
    made: Mapping[str, Callable[[], pruners.BasePruner]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(tuning.n_startup_trials, tuning.n_warmup_epochs),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=least),
        "halving": lambda: pruners.SuccessiveHalvingPruner(min_resource=least),
    }
    return made[tuning.pruner]()


def suggest(trial: "optuna.Trial", space: Mapping[str, Choice | Span]) -> dict[str, str]:
    """A trial's values, as they are typed."""
    found: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, Choice):
            found[name] = trial.suggest_categorical(name, values.values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            found[name] = trial.suggest_int(name, values.low, values.high, step=int(values.step or 1), log=values.log)
        else:
            found[name] = trial.suggest_float(name, values.low, values.high, step=values.step, log=values.log)
    return {name: str(value) for name, value in found.items()}


def judging(study: "optuna.Study", trial: "optuna.Trial", epochs: int, name: str) -> Judge:
    """What hears the epochs of a trial's run, and ends it by StopEarly where the pruner says so."""
    import optuna

    heard = set(study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def judge(values: Epoch) -> None:
        epoch, accuracy = int(values["epoch"]), values["validation_accuracy"]
        if epoch in heard:
            return
        heard.add(epoch)
        trial.report(accuracy, epoch)
        if epoch >= epochs or not trial.should_prune():
            return
        completed = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        others = [each.intermediate_values[epoch] for each in completed if epoch in each.intermediate_values]
        median = f", median of {len(others)} runs {statistics.median(others):.4f}" if others else ""
        raise StopEarly(f"pruned after epoch {epoch}: validation accuracy {accuracy:.4f}{median} ({name})")

    return judge


def _agreed(settings: Config) -> Config:
    assert isinstance(settings.mode, Cloud)
    return replace(settings, yes=True, mode=replace(settings.mode, preflight=False))
