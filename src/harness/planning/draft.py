"""From settings to a plan: which code, data and place they come to, everything checked, nothing begun."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.contract import bundle, plan
from harness.contract.plan import RunPlan
from harness.data import obtain
from harness.data.obtain import Obtained
from harness.launch.runner import Runner
from harness.planning import draft, resume, targets
from harness.planning.targets import Place
from harness.provenance import repository
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT
from harness.settings.schema import Config
from programs.cifar10 import dataset


@dataclass(frozen=True)
class Draft:
    """A run that can begin: `files` is the bundle, `patch` what is not committed, `states` a folder to go on from."""

    plan: RunPlan
    place: Place
    data: Obtained
    files: dict[str, bytes]
    patch: bytes
    states: Path | None
    runs: Path

    def prepare(self) -> Runner:
        """What comes before the run folder.

        Raises:
            HarnessError: the place is not ready after all.
        """
        return self.place.prepare(self.plan, self.files, self.data)

    def stage(self) -> RunFolder:
        """The run folder.

        Raises:
            NotReady: it cannot be written.
        """
        return run_folder.stage(self.runs, self.plan, self.files, self.patch, self.states)

    def __str__(self) -> str:
        """Plan and request, for people."""
        return plan.dumps({"plan": self.plan, "request": self.place.request(self.plan, self.files)})


def make(settings: Config, say: Callable[[str], None], begun: str | None = None) -> Draft:
    """Find code, place and data; in a dry run nothing is fetched, started or written.

    `begun` is a run of a sweep to go on with: like `resume`, but its settings are the sweep's.

    Raises:
        HarnessError: a setting or the place does not do.
    """
    now, runs, dry = datetime.now(UTC), ROOT / settings.runs_folder, settings.dry_run
    if not dry:
        run_folder.make_writable(runs)
    files, state = bundle.collect(ROOT), repository.git_state(ROOT)
    if settings.resume:
        resume.refuse_settings(settings.resume)
    name = begun or settings.resume
    earlier = resume.find(runs, name, bundle.lock_hash(files)) if name else None
    training, files = (earlier.training, earlier.files) if earlier else (settings.training, files)
    place = targets.choose(settings, state, say)
    data = obtain.expected(ROOT) if dry else obtain.obtain(ROOT, settings.data, say)
    if earlier:
        earlier.check_data(data.dataset)
    if not dry:
        dataset.check(data.folder, training.num_data_batches, training.validation_images, training.batch_size)
    experiment = plan.Experiment(vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files))
    origin = draft.provenance(ROOT, state, now, earlier.plan.run_id if earlier else None, None, settings.sweep)
    planned = plan.make(experiment, place.placement, origin, now)
    return Draft(planned, place, data, files, state.patch, earlier.run.checkpoints if earlier else None, runs)


import sys
from pathlib import Path

from harness.contract import atomic
from harness.contract.plan import Provenance
from harness.provenance.credentials import redact
from harness.provenance.repository import GitState


def provenance(
    root: Path,
    state: GitState,
    now: datetime,
    resumed: str | None = None,
    replays: str | None = None,
    sweep: str | None = None,
) -> Provenance:
    """The provenance of a run that is asked for now, on this command line; the rest as `Provenance` names it."""
    command = tuple(redact(argument) for argument in (Path(sys.argv[0]).name, *sys.argv[1:]))
    lock = atomic.sha256(root / "requirements.lock")
    return Provenance(
        now.isoformat(timespec="seconds"), command, state.git, state.withheld, resumed, lock, replays, sweep
    )
