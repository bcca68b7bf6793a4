"""Jobs of a sweep on SageMaker, as many at a time as there is room for: one trial, one question, one cap, one table."""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.cloud import cost
from harness.cloud.preflight import SageMakerTarget
from harness.contract.errors import RunFailed
from harness.contract.plan import RunPlan
from harness.finish import summary
from harness.launch.signals import hearing
from harness.planning import draft
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config
from harness.sweep.followed import Followed, follow, watch
from harness.sweep.room import Waiting


def burst(
    sweep: list[Config],
    say: Callable[[str], None],
    unfinished: Sequence[str | None],
    running: Sequence[RunFolder],
    share: int,
) -> list[int]:
    """Check all, try one here, ask once, send all as there is room, follow all. The exit codes, in order; those of
    `running` come last.

    `unfinished` names for each the run that it resumes, if any; `running` are runs whose jobs are only to be followed.
    Each job may cost a `share`-th of the cap.

    Raises:
        HarnessError: one of them cannot be sent: then none is, as far as that can be known before.
    """
    printed: set[str] = set()

    def once(line: str) -> None:
        if line not in printed:
            printed.add(line)
            say(line)

    drafts = [draft.make(with_share(each, share), once, name) for each, name in zip(sweep, unfinished, strict=True)]
    targets = [each.target for each in drafts if isinstance(each.target, SageMakerTarget)]
    if drafts:
        targets[0].try_here(drafts[0].plan, drafts[0].files, drafts[0].data)
        say(f"sweep     {len(drafts)} jobs{_at_a_time(targets)}; {_cap(sweep[0], targets, share)}")
        cost.agree(sweep[0].yes)
    configs = [each.plan.experiment.config for each in drafts] + [run.planned().experiment.config for run in running]

    def followed_by(run: RunFolder, plan: RunPlan) -> Followed:
        return follow(run, _label(configs, plan.experiment.config), plan.description.objective)

    earlier = [followed_by(run, run.planned()) for run in running]
    for job in earlier:
        say(f"running   {job.label}: {job.run.path}")
    notes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    leave = bool(sweep) and sweep[0].detach
    waiting = Waiting(list(zip(drafts, targets, strict=True)), followed_by, say, at_once=len(earlier))
    with hearing(notes.put):
        watch(earlier, notes, waiting, leave)
    followed = [*waiting.followed, *earlier]
    codes = [job.code() for job in followed]
    for job, code in zip(followed, codes, strict=True):
        say(f"{summary.outcome(code):9} {job.label}: {job.run.path}")
    if waiting.left:
        why = waiting.refusal or "a signal came first"
        raise RunFailed(f"{len(waiting.left)} of {len(drafts)} jobs were not sent: {why}", command="the same again")
    return codes


def with_share(settings: Config, jobs: int) -> Config:
    """The settings with their part of the sweep's cap."""
    mode = settings.mode
    if not isinstance(mode, Cloud):
        return settings
    return replace(settings, mode=cost.capped(ROOT / settings.runs_folder, mode, jobs))


def _at_a_time(targets: list[SageMakerTarget]) -> str:
    """How many of them the quota admits, where that is fewer than all."""
    fits = min((each.at_a_time for each in targets if each.at_a_time is not None), default=None)
    return "" if fits is None or fits >= len(targets) else f", {fits} at a time, as the quota allows"


def _cap(settings: Config, targets: list[SageMakerTarget], share: int) -> str:
    mode = settings.mode
    assert isinstance(mode, Cloud)
    most = [target.budget.most for target in targets]
    known = [each for each in most if each is not None]
    together = f"at most {cost.upwards(sum(known)):.2f} USD together"
    total = together if len(known) == len(most) else "the price of some is unknown"
    if share > len(targets) and known:
        whole = cost.upwards(share * sum(known) / len(known))
        total += f", and {whole:.2f} USD for all {share} that the sweep may come to"
    return f"{total}; each: {cost.in_words(targets[0].budget, mode)}"


def _label(configs: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """What tells a job from the others."""
    varied = [name for name in config if len({each[name] for each in configs}) > 1]
    return " ".join(f"{name}={config[name]}" for name in varied) or "one of equals"
