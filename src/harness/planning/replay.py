"""From an earlier run to the draft of its replay: its code, data, libraries and place, or what was asked for."""

import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime

from harness.contract import bundle, plan
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import Placement
from harness.data import obtain
from harness.data.restore import restore_data
from harness.launch import local
from harness.planning import draft, restore, targets
from harness.planning.draft import Draft
from harness.provenance import repository
from harness.provenance.repository import GitState
from harness.runs import run_folder
from harness.runs.stored import StoredRun
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config, Mode
from programs.cifar10 import dataset
from programs.cifar10.settings import Training

SAME = ("runner", "threads", "instance_count")  # of the place, where the replay's is not named


def make(
    found: StoredRun, here: set[str], settings: Config, say: Callable[[str], None]
) -> tuple[Draft, dict[str, bytes] | None]:
    """The replay, ready to begin; and the original's code where the replay runs another and it could be had.

    Args:
        here: of code=here, data=here, lock=here those that were asked for.

    Raises:
        HarnessError: something that the plan names is gone, or a setting does not do.
    """
    now, runs, planned = datetime.now(UTC), ROOT / settings.runs_folder, found.plan
    training = _training(found, settings)
    mode = _mode(planned.placement, settings.mode)
    settings = replace(settings, mode=mode, training=training)
    if not settings.dry_run:
        run_folder.make_writable(runs)

    today, state = bundle.collect(ROOT), repository.git_state(ROOT)
    if "code=here" in here:
        files, was = {**today, bundle.LOCK: _lock(found, today)}, _kept(found)
    else:
        files, was = restore.code(ROOT, found, say), None
        state = GitState(planned.provenance.git, _patch(found), planned.provenance.withheld)
    if "lock=here" in here:
        files = {**files, bundle.LOCK: today[bundle.LOCK]}
    data = obtain.obtain(ROOT, settings.data, say) if "data=here" in here else restore_data(ROOT, found, say)

    if isinstance(mode, Cloud):
        place = targets.choose(settings, state, say)
    else:
        placement = local.choose(mode, say, settings.dry_run)
        if placement.runner == "container":
            name, known = restore.image(ROOT, found)
            placement = replace(placement, image=name, image_id=known)
        elif "lock=here" not in here:
            restore.libraries(ROOT, found)
        place = local.Here(placement, None if settings.dry_run else local.runner(placement))
    if not settings.dry_run:
        dataset.check(data.folder, training.num_data_batches, training.validation_images, training.batch_size)
    experiment = plan.Experiment(vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files))
    origin = draft.provenance(ROOT, state, now, None, found.run_id)
    made = plan.make(experiment, place.placement, origin, now)
    changed = was if experiment.code != planned.experiment.code else None
    return Draft(made, place, data, files, state.patch, None, runs), changed


def typed() -> set[str]:
    """The settings on the command line."""
    return {argument.lstrip("+").partition("=")[0] for argument in sys.argv[1:]}


def _training(found: StoredRun, settings: Config) -> Training:
    """The plan's own settings, with those that were typed."""
    if several := sorted(typed() & {"scale", "experiment", "resume", "publish"}):
        raise SettingError(
            f"a replay takes no {several[0]}: its settings are the run's",
            legal="single settings, mode, code=here, data=here, lock=here",
            command=f"python src/replay.py {found.run_id}",
        )
    changes = {
        field.name: getattr(settings.training, field.name) for field in fields(Training) if field.name in typed()
    }
    try:
        return Training(**{**found.plan.experiment.config, **changes})
    except TypeError as error:
        git = found.plan.provenance.git
        raise NotReady(
            f"{found.run_id} cannot be replayed by this version: {error}",
            command=f"git checkout {git.commit}" if git else "",
        ) from error


def _mode(place: Placement, mode: Mode) -> Mode:
    """The place that was asked for; on this machine it is as the original's was, as far as nothing else was typed."""
    if mode.name != "local" or place.mode != "local":
        return mode
    same = {name: getattr(place, name) for name in SAME if f"mode.{name}" not in typed()}
    return replace(mode, **same)


def _patch(found: StoredRun) -> bytes:
    return found.folder.patch.read_bytes() if found.folder.patch.exists() else b""


def _kept(found: StoredRun) -> dict[str, bytes] | None:
    """The original's code, to tell the difference by; None where it is gone."""
    try:
        return restore.code(ROOT, found, lambda line: None)
    except NotReady:
        return None


def _lock(found: StoredRun, today: dict[str, bytes]) -> bytes:
    """The original's lock where it can be had: today's code may bring another one, which is asked for by lock=here."""
    kept = _kept(found)
    return kept[bundle.LOCK] if kept else today[bundle.LOCK]
