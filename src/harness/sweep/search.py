"""A search with Optuna: each run's settings come from the results of the runs before it.

A trial stays open until its run has finished, so an interrupted search resumes with the very trial; and a trial's
proposal is a function of the sampler's seed, its number and the trials before it, so an interrupted search proposes
what an uninterrupted one would have.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from harness import console
from harness.contract.errors import SettingError
from harness.planning import draft
from harness.settings.check import section
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config
from harness.settings.sweeps import Job, Search, Tuning, alone, examples
from harness.sweep import cloud, space, summary
from harness.sweep.grid import code
from harness.sweep.group import FINISHED, Group, Row, Train, common, digest, stopped, train
from harness.sweep.study import identity, judging, open_study, sampler, unranked

if TYPE_CHECKING:
    import optuna


def run(request: Search, begin: Train = train) -> list[int]:
    """Search until there are as many trials as are wanted; the exit codes of this session's runs.

    Raises:
        HarnessError: a setting of the search or a value in the space is not legal, a run cannot begin, or the program
            reports nothing to rank its runs by.
    """
    raw = {name: value for name, value in request.raw.items() if name != "params"}
    tuning: Tuning = section(Tuning, raw, "hydra.sweeper.")
    jobs = [request.job(values) for values in examples(request.space)]
    first = jobs[0].settings
    space.check(request.space, first.training)
    if first.dry_run:
        console.say(str(draft.make(first, console.say)))
        return [0]
    shared = common(first)
    fixed = {name: value for name, value in vars(first.training).items() if name not in request.space}
    experiment = replace(shared.experiment(first.training), config=fixed)
    definition = digest([experiment, request.space, {**raw, "n_trials": 0, "n_jobs": 0}, identity(tuning)])
    name = first.sweep or definition
    group = Group(name, ROOT / first.runs_folder, shared, tuning.n_trials, begin)
    rows: list[Row] = []
    with group.alone():
        study = open_study(group.folder / f"{name}.db", name, definition, tuning, shared.objective)
        session = Session(group, request, tuning, study)
        earlier = session.earlier()
        console.say(
            f"sweep     {name}: {tuning.n_trials} runs by {tuning.sampler}, {len(earlier)} of them exist already"
        )
        try:
            for row in session.in_cloud() if isinstance(first.mode, Cloud) else session.here():
                rows.append(row)
                summary.write(group, [*earlier, *rows])
        except KeyboardInterrupt:
            pass
        finally:
            if earlier or rows:
                summary.write(group, [*earlier, *rows])
                summary.show(group, [*earlier, *rows])
    return [code(row) for row in rows] if len(earlier) + len(rows) >= tuning.n_trials else [*map(code, rows), 1]


class Session:
    """One program's part of a search."""

    def __init__(self, group: Group, request: Search, tuning: Tuning, study: "optuna.Study") -> None:
        self._group, self._request, self._tuning, self._study = group, request, tuning, study

    def earlier(self) -> list[Row]:
        """What finished in earlier sessions."""
        rows = []
        for trial in self._study.get_trials():
            if trial.state.is_finished():
                words = alone((*self._request.fixed, *(f"{name}={value}" for name, value in trial.params.items())))
                about, curve = trial.user_attrs, tuple(sorted(trial.intermediate_values.items()))
                objective = self._group.shared.objective
                rows.append(Row(words, about["run"], about["status"], curve, about["reason"], objective))
        return rows

    def here(self) -> Iterator[Row]:
        """One run after the other, pruned where it falls behind; ends early where somebody stops a run."""
        for trial in self._trials():
            job = self._propose(trial)
            judge = judging(self._study, trial, self._group.shared, self._tuning.pruner)
            left = self._tuning.n_trials - trial.number
            row = self._group.here(job, trial.number + 1, left, self._group.find(job), judge)
            self._record(trial, row)
            yield row
            if stopped(row):
                return

    def in_cloud(self) -> Iterator[Row]:
        """Jobs side by side, so many at a time; one question for all."""
        trials, agreed = self._trials(), False
        while batch := list(islice(trials, self._tuning.n_jobs)):
            jobs = [self._propose(trial) for trial in batch]
            if agreed:  # and tried here
                jobs = [Job(job.overrides, _agreed(job.settings)) for job in jobs]
            agreed = True
            rows = cloud.together(self._group, jobs, self._tuning.n_trials)
            for trial, row in zip(batch, rows, strict=True):
                self._record(trial, row)
                yield row
            if any(row.status not in FINISHED for row in rows):
                return

    def _trials(self) -> Iterator["optuna.Trial"]:
        """Those that an earlier session left open, then new ones."""
        import optuna

        for left in self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            self._study.sampler = sampler(self._tuning, left.number)
            yield optuna.Trial(self._study, left._trial_id)
        while (number := len(self._study.get_trials(deepcopy=False))) < self._tuning.n_trials:
            self._study.sampler = sampler(self._tuning, number)
            yield self._study.ask()

    def _propose(self, trial: "optuna.Trial") -> Job:
        return self._request.job(space.suggest(trial, self._request.space))

    def _record(self, trial: "optuna.Trial", row: Row) -> None:
        """Report a finished run to the study; one that has not finished leaves its trial open.

        Raises:
            SettingError: it has no values, so the program reports none.
        """
        from optuna.trial import TrialState

        if row.status not in FINISHED:
            return
        if not row.curve:
            raise SettingError(unranked(self._group.shared.measure), legal="a grid, or a program that reports it")
        for name in ("run", "status", "reason"):
            trial.set_user_attr(name, getattr(row, name))
        known = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for epoch, value in row.curve:
            if epoch not in known:
                trial.report(value, epoch)
        if row.status == "pruned":
            self._study.tell(trial, state=TrialState.PRUNED)
        elif row.value is None:  # no number, and no reason to try near it
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, row.value)


def _agreed(settings: Config) -> Config:
    assert isinstance(settings.mode, Cloud)
    return replace(settings, yes=True, mode=replace(settings.mode, preflight=False))
