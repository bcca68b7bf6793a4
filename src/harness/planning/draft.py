"""Build a run plan from settings: resolve code, data and target, validate them, start nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract import atomic, bundle, plan, program, serial
from harness.contract.errors import NotReady
from harness.contract.plan import Placement, Provenance, RunPlan
from harness.data import obtain
from harness.data.obtain import Obtained
from harness.evidence import proven
from harness.launch.runner import Runner
from harness.planning import resume, targets
from harness.planning.targets import Target
from harness.provenance import rebuild, repository, scan
from harness.provenance.credentials import redact
from harness.provenance.repository import GitState
from harness.runs import output, run_folder
from harness.runs.run_folder import RunFolder
from harness.settings.command_line import command_words
from harness.settings.project import ROOT
from harness.settings.schema import Config


@dataclass(frozen=True)
class Origin:
    """What a run is made from: a checkout's state, and an earlier run where there is one."""

    state: GitState
    resumed: str | None = None
    replays: str | None = None
    sweep: str | None = None


@dataclass(frozen=True)
class Draft:
    """A run that can start: `files` is its bundle, `patch` what is not committed, `checkpoints` what it resumes."""

    plan: RunPlan
    target: Target
    data: Obtained
    files: dict[str, bytes]
    patch: bytes
    checkpoints: Path | None
    runs: Path

    def prepare(self) -> Runner:
        """Do what comes before the run folder.

        Raises:
            HarnessError: the target is not ready after all.
        """
        return self.target.prepare(self.plan, self.files, self.data)

    def stage(self) -> RunFolder:
        """Write the run folder.

        Raises:
            NotReady: it cannot be written.
        """
        return run_folder.stage(self.runs, self.plan, self.files, self.patch, self.checkpoints)

    def __str__(self) -> str:
        """Plan and request, for people."""
        return serial.dumps({"plan": self.plan, "request": self.target.request(self.plan, self.files)})


def make(settings: Config, say: Callable[[str], None], unfinished: str | None = None) -> Draft:
    """Find code, target and data; in a dry run nothing is fetched, started or written.

    `unfinished` is a run of a sweep to resume: like `settings.resume`, but its settings are the sweep's.

    Raises:
        HarnessError: a setting does not do, or something is not ready.
    """
    now, runs, dry = datetime.now(UTC), ROOT / settings.runs_folder, settings.dry_run
    refuse_secrets(settings)  # before anything of them becomes the name of a folder
    if not dry:
        output.make_writable(runs)
    trained = program.load(settings.program)
    files, state = _bundled(settings.program), repository.git_state(ROOT, settings.carry)
    if settings.resume:
        resume.refuse_settings(settings.resume, settings)
    name = unfinished or settings.resume
    earlier = resume.find(runs, name, bundle.lock_hash(files)) if name else None
    training = earlier.training if earlier else settings.training
    if earlier:  # its code runs, so its state is the run's
        files, state = earlier.files, earlier.state
    else:
        scan.refuse_files(files)
        state = rebuild.checked(ROOT, settings.program, state, files)
    target = targets.choose(settings, state, say)
    source = trained.source()
    data = obtain.expected(ROOT, settings.data, source) if dry else obtain.obtain(ROOT, settings.data, source, say)
    if earlier:
        earlier.check_data(data.dataset)
    if not dry:
        trained.check_data(training, data.folder)
    experiment = plan.Experiment(
        settings.program, vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files)
    )
    description = trained.describe(settings.program, training)
    origin = Origin(state, resumed=earlier.plan.run_id if earlier else None, sweep=settings.sweep)
    schema = earlier.plan.schema if earlier else plan.SCHEMA  # the code that will run it is of that time
    planned = assemble(experiment, description, target.placement, origin, now, schema)
    return Draft(planned, target, data, files, state.patch, earlier.run.checkpoints if earlier else None, runs)


def refuse_secrets(settings: Config) -> None:
    """Refuse a setting that holds a secret: settings are recorded, shown and sent.

    Raises:
        SettingError: names the setting, never its value.
    """
    for word in command_words()[1:]:
        scan.refuse(word.partition("=")[0], word)
    sections = {"": settings.training, "mode.": settings.mode, "data.": settings.data, "comet.": settings.comet}
    values = {f"{prefix}{name}": value for prefix, section in sections.items() for name, value in vars(section).items()}
    for name, value in {**values, "runs_folder": settings.runs_folder, "sweep": settings.sweep}.items():
        for text in _texts(value):
            scan.refuse(name, text)
    for value in settings.carry:
        scan.refuse("carry", value)


def _texts(value: Any) -> list[str]:
    """What of a setting is text."""
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in _texts(each))]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _bundled(name: str) -> dict[str, bytes]:
    """What travels, and the locks' presence checked.

    Raises:
        NotReady: a file of the project is gone.
    """
    try:
        (ROOT / "requirements.lock").stat()
        return bundle.collect(ROOT, name)
    except OSError as error:
        what = f"{error.filename} cannot be read: {error.strerror}"
        raise NotReady(what, command="git status, and git checkout -- PATH of what is gone") from error


def assemble(
    experiment: plan.Experiment,
    description: plan.Description,
    placement: Placement,
    origin: Origin,
    now: datetime,
    schema: int = plan.SCHEMA,
) -> RunPlan:
    """The plan of a run that is asked for now, on this command line."""
    state = origin.state
    provenance = Provenance(
        created=now.isoformat(timespec="seconds"),
        command=tuple(redact(word) for word in command_words()),
        git=state.git,
        withheld=state.withheld,
        resumed=origin.resumed,
        environment_lock=atomic.sha256(ROOT / "requirements.lock"),
        replays=origin.replays,
        sweep=origin.sweep,
        unknown=state.unknown,
        promises=proven.known(ROOT, experiment.program, experiment.code, experiment.lock, placement.instance_count),
    )
    return plan.make(experiment, description, placement, provenance, now, schema)
