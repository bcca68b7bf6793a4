"""What a job left in S3, brought to the run folder."""

import shutil
from pathlib import Path
from typing import Any

from harness.cloud.aws.session import client
from harness.cloud.aws.store import TRIES, Store, unpack
from harness.cloud.job import Job
from harness.contract.errors import RunFailed
from harness.launch import request
from harness.runs.run_folder import RunFolder


def fetch(session: Any, job: Job, run: RunFolder, model: Path, output: Path) -> None:
    """The checkpoints, and what SageMaker packed at the job's end.

    Raises:
        NotReady: S3 refuses or does not answer.
        RunFailed: an archive stays damaged.
    """
    store = Store(client(session, "s3"), job.bucket, job.prefix)
    name = request.runs_name(run.path.name)
    store.get_folder(f"{name}/checkpoints", run.checkpoints)
    for archive, folder in (("model.tar.gz", model), ("output.tar.gz", output)):
        _fetch_archive(store, f"{name}/output/{job.name}/output/{archive}", folder)


def _fetch_archive(store: Store, name: str, folder: Path) -> None:
    """Download and unpack, whole or not at all; a job that was stopped early leaves no archive."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    for left in reversed(range(TRIES)):
        if not store.get(name, archive):
            return
        try:
            unpack(archive, folder)
        except RunFailed:
            if not left:
                raise
            shutil.rmtree(folder)
        else:
            return
        finally:
            archive.unlink(missing_ok=True)
