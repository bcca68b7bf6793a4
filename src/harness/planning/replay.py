"""Build the plan of a replay from an earlier run: its code, data, libraries and target, or what was asked for."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, cast

from harness.contract import bundle, plan, program
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import Placement
from harness.contract.source import Source
from harness.data import obtain
from harness.data.obtain import Obtained
from harness.data.restore import restore_data
from harness.launch import local
from harness.launch.isolated import Isolated
from harness.planning import committed, draft, restore, targets, trust
from harness.planning.draft import Draft
from harness.planning.targets import Target
from harness.provenance import repository
from harness.provenance.repository import GitState
from harness.runs import output, reading
from harness.runs.stored import StoredRun
from harness.settings import check
from harness.settings.command_line import typed_settings
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config, Mode

SAME = ("runner", "threads", "instance_count")  # of the placement, where the replay's is not named
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What was asked for beside settings: of code=here, data=here, lock=here those; trust=true; isolated=true."""

    here: frozenset[str]
    trust: bool
    isolated: bool


@dataclass(frozen=True)
class Replay:
    """A replay that can start.

    `changed` is the original's code where the replay runs another and it could be had; `foreign` whose code it runs
    where that is not this repository's.
    """

    draft: Draft
    changed: dict[str, bytes] | None
    foreign: trust.Foreign | None


def make(stored: StoredRun, name: str, asked: Asked, settings: Config, say: Say) -> Replay:
    """The replay, ready to begin; `name` is how the original was called.

    Raises:
        HarnessError: something that the plan names is gone, a setting does not do, or its code is not to run here.
    """
    restore.check_program(stored)
    now, runs, planned, here = datetime.now(UTC), ROOT / settings.runs_folder, stored.plan, asked.here
    files, original_files, state = _code(stored, here, settings, say)
    foreign = None if "code=here" in here else trust.foreign(ROOT, runs, stored, files, say)
    if foreign is not None:
        trust.agree(name, foreign, asked.trust or asked.isolated, settings.dry_run, say)
    name = planned.experiment.program
    training = _training(stored, settings)
    settings = replace(settings, mode=_mode(planned.placement, settings.mode), training=training)
    draft.refuse_secrets(settings)
    if not settings.dry_run:
        output.make_writable(runs)
    trained = program.load(name)
    source = trained.source()

    trained.check_workers(training, settings.mode.instance_count)
    data = _data(stored, here, settings, source, say)
    target = _isolated(stored, settings) if asked.isolated else _target(stored, here, settings, state, say)
    if not settings.dry_run:
        trained.check_data(training, data.folder)
    experiment = plan.Experiment(name, vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files))
    origin = draft.Origin(state, replays=stored.run_id)
    schema = plan.SCHEMA if "code=here" in here else planned.schema
    description = trained.describe(name, training)
    replayed = draft.assemble(experiment, description, target.placement, origin, now, schema)
    changed = original_files if experiment.code != planned.experiment.code else None
    return Replay(Draft(replayed, target, data, files, state.patch, None, runs), changed, foreign)


def _code(
    stored: StoredRun, here: frozenset[str], settings: Config, say: Say
) -> tuple[dict[str, bytes], dict[str, bytes] | None, GitState]:
    """The bundle to run; where it is today's, the original's too if it can be had; and where the bundle comes from."""
    planned = stored.plan
    today = bundle.collect(ROOT, planned.experiment.program)
    original: dict[str, bytes] | None = None
    if "code=here" in here:
        original = _original_code(stored)
        # today's code may bring another lock, which is asked for by lock=here
        files = {**today, bundle.LOCK: original[bundle.LOCK] if original else today[bundle.LOCK]}
        state = repository.git_state(ROOT, settings.carry)
    else:
        files = restore.code(ROOT, stored, say)
        patch = _patch(stored)
        state = GitState(planned.provenance.git, patch, planned.provenance.withheld, planned.provenance.unknown)
    if "lock=here" in here:
        files = {**files, bundle.LOCK: today[bundle.LOCK]}
    return files, original, state


def _patch(stored: StoredRun) -> bytes:
    try:
        return reading.content(stored.folder.patch, committed.PATCH)
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        raise NotReady(f"{stored.run_id} cannot be replayed: its changes.patch cannot be read: {error}") from error


def _original_code(stored: StoredRun) -> dict[str, bytes] | None:
    """The original's code, to show the difference by; None where it is gone."""
    try:
        return restore.code(ROOT, stored, lambda line: None)
    except NotReady:
        return None


def _data(stored: StoredRun, here: frozenset[str], settings: Config, source: Source, say: Say) -> Obtained:
    if "data=here" in here:
        return obtain.obtain(ROOT, settings.data, source, say)
    return restore_data(ROOT, stored, settings.data, source, say, fetch=not settings.dry_run)


def _target(stored: StoredRun, here: frozenset[str], settings: Config, state: GitState, say: Say) -> Target:
    mode = settings.mode
    if isinstance(mode, Cloud):
        return targets.choose(settings, state, say)
    placement = local.choose(mode, say, settings.dry_run, stored.plan.experiment.program)
    if placement.runner == "container":
        image, image_id = restore.image(ROOT, stored)
        placement = replace(placement, image=image, image_id=image_id)
    elif "lock=here" not in here:
        restore.libraries(ROOT, stored)
    return local.LocalTarget(placement, None if settings.dry_run else local.runner(placement))


def _isolated(stored: StoredRun, settings: Config) -> Target:
    """A container without network that sees its own folders alone.

    Raises:
        NotReady, SettingError: there is no engine or image, or it cannot run so.
    """
    if isinstance(settings.mode, Cloud) or settings.mode.instance_count > 1:
        raise SettingError("isolated=true is one worker on this machine", legal="mode=local mode.instance_count=1")
    placement = local.choose(replace(settings.mode, runner="container"), lambda line: None, settings.dry_run)
    image, image_id = restore.image(ROOT, stored)
    placement = replace(placement, image=image, image_id=image_id, reason="asked for, without network")
    return local.LocalTarget(placement, None if settings.dry_run else Isolated(image))


def _training(stored: StoredRun, settings: Config) -> Any:
    """The plan's own settings, with those that were typed."""
    typed = typed_settings()
    if several := sorted(typed & {"scale", "experiment", "resume", "publish", "program"}):
        raise SettingError(
            f"a replay takes no {several[0]}: its settings are the run's",
            legal="single settings, mode, code=here, data=here, lock=here",
            command=f"python src/replay.py {stored.run_id}",
        )
    kind = type(settings.training)
    changes = {field.name: getattr(settings.training, field.name) for field in fields(kind) if field.name in typed}
    try:
        return check.section(kind, {**stored.plan.experiment.config, **changes}, "")
    except SettingError as error:
        git = stored.plan.provenance.git
        raise NotReady(
            f"{stored.run_id} cannot be replayed by this version: {error.what}",
            legal=error.legal,
            command=f"git checkout {git.commit}" if git else "",
        ) from error


def _mode(placement: Placement, mode: Mode) -> Mode:
    """The mode that was asked for; on this machine it is as the original's was, as far as nothing else was typed."""
    if mode.name != "local" or placement.mode != "local":
        return mode
    same = {name: getattr(placement, name) for name in SAME if f"mode.{name}" not in typed_settings()}
    return cast(Mode, check.section(Mode, {**vars(mode), **same}, "mode."))
