"""Train a CIFAR-10 ResNet and leave a run that anyone can check.

    python src/train.py mode=local
    python src/train.py mode=cloud resnet_size=50
    python src/train.py resume=RUN
    python src/train.py --help

Exit codes: 0 completed, 1 failed (the record says why), 2 a mistake in what was typed or in the place.
"""

import sys
import time
from datetime import UTC, datetime

from harness import config, console
from harness.config import ROOT
from harness.settings import Config


def train(settings: Config) -> int:
    """Obtain the data, plan, stage, run, record; 0 where the run completed, 1 where it failed."""
    # Imported here, since a mistake on the command line should not wait for them.
    from harness import bundle, collect, dataset, fetching, folders, launch, pictures, plan, provenance, publish, resume
    from harness.launch import places
    from harness.tracking import Tracker

    started, now = time.monotonic(), datetime.now(UTC)
    runs, wanted = folders.writable(ROOT / settings.runs_folder), settings.data
    files, state = bundle.collect(ROOT), provenance.git_state(ROOT)
    earlier = resume.find(runs, settings.resume, bundle.lock_hash(files)) if settings.resume else None
    training, files = (earlier.training, earlier.files) if earlier else (settings.training, files)
    runner, placement = places.choose(settings.mode, console.say)
    data = fetching.obtain(ROOT, wanted.on_missing, wanted.archive, wanted.url, console.say)
    if earlier:
        earlier.check_data(data.dataset)
    dataset.check(data.folder, training.num_data_batches, training.validation_images, training.batch_size)

    experiment = plan.Experiment(vars(training), data.dataset, bundle.code_hash(files), bundle.lock_hash(files))
    origin = provenance.of(ROOT, state, now, earlier.plan.run_id if earlier else None)
    planned = plan.make(experiment, placement, origin, now)
    run = folders.stage(runs, planned, files, state.patch, earlier.run.checkpoints if earlier else None)
    console.announce(planned, run)

    tracker = Tracker(run, planned, settings.comet.project, settings.comet.workspace)
    listener = console.Listener(run.log, tracker.event)
    ended = launch.follow(runner, run, data.folder, listener)
    listener.close()

    record = collect.collect(run, planned, ended)
    pictures.draw(run, data.folder)
    tracked = tracker.finish(record)
    if settings.publish:
        publish.publish_run(run, record, ROOT / settings.publish)
    console.summarise(record, run, str(tracked), time.monotonic() - started)
    return 0 if record.status == "completed" else 1


if __name__ == "__main__":
    sys.exit(console.main(lambda: config.run(train)))
