"""From settings to a plan: which code, data and place they come to, everything checked, nothing begun."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import bundle, dataset, fetching, folders, plan, provenance, resume
from harness.config import ROOT
from harness.fetching import Obtained
from harness.folders import RunFolder
from harness.launch import Runner, places
from harness.launch.places import Place
from harness.plan import RunPlan
from harness.settings import Config


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
            PreparePlace: it cannot be written.
        """
        return folders.stage(self.runs, self.plan, self.files, self.patch, self.states)

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
        folders.make_writable(runs)
    files, state = bundle.collect(ROOT), provenance.git_state(ROOT)
    if settings.resume:
        resume.refuse_settings(settings.resume)
    name = begun or settings.resume
    earlier = resume.find(runs, name, bundle.lock_hash(files)) if name else None
    training, files = (earlier.training, earlier.files) if earlier else (settings.training, files)
    place = places.choose(settings, state, say)
    data = fetching.expected(ROOT) if dry else fetching.obtain(ROOT, settings.data, say)
    if earlier:
        earlier.check_data(data.dataset)
    if not dry:
        dataset.check(data.folder, training.num_data_batches, training.validation_images, training.batch_size)
    experiment = plan.Experiment(vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files))
    origin = provenance.of(ROOT, state, now, earlier.plan.run_id if earlier else None, None, settings.sweep)
    planned = plan.make(experiment, place.placement, origin, now)
    return Draft(planned, place, data, files, state.patch, earlier.run.checkpoints if earlier else None, runs)
