"""Comet's copies, made inside a job: `python -m harness.tracking.inside BASE`, beside a worker whose folder BASE is.

It travels in a channel of its own, with what it imports: no part of what is trained. The key is in Secrets Manager; the
job's role may read it, and it stays in this process and the one that talks to Comet.
"""

import json
import os
import select
import shutil
import sys
import tempfile
from pathlib import Path

from harness.contract import metrics
from harness.contract.job_folder import JobFolder
from harness.contract.plan import RunPlan, from_json
from harness.contract.record import RunRecord
from harness.runs.run_folder import RunFolder

LOOK = 0.5  # seconds between two looks at the metrics
MODULES = (
    "__init__",
    "atomic",
    "bundle",
    "catalog",
    "companion",
    "errors",
    "folders",
    "plan",
    "provenance",
    "record",
    "tracking/__init__",
    "tracking/__main__",
    "tracking/logged",
)


def files(root: Path) -> dict[str, bytes]:
    """What travels, by path, from the project at `root`."""
    return {f"harness/{name}.py": (root / "src" / "harness" / f"{name}.py").read_bytes() for name in MODULES}


def main(base: str) -> None:
    """Follow the worker until stdin closes, then finish the copies and leave what there is to tell of them."""
    from harness.tracking.tracker import Tracker

    job = JobFolder(Path(base))
    planned = from_json(RunPlan, json.loads(job.plan.read_text()))
    asked = planned.placement.cloud
    assert asked is not None and asked.comet_secret is not None
    os.environ["COMET_API_KEY"] = _secret(asked.comet_secret, asked.region)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch))
        for path in job.plan.parent.iterdir():
            shutil.copyfile(path, run.path / path.name)
        tracker, told, over = Tracker(run, planned, asked.comet_project, asked.comet_workspace, inside=True), 0, False
        while not over:
            over = bool(select.select([sys.stdin], [], [], LOOK)[0])  # before the reading: what was written is read
            epochs = metrics.epochs(job.metrics)
            for epoch in epochs[told:]:
                tracker.event({name: value for name, value in epoch.items() if isinstance(value, float)})
            told = len(epochs)
        shutil.copyfile(job.record, run.record)
        tracked = tracker.finish(from_json(RunRecord, json.loads(run.record.read_text())))
        job.comet.mkdir(exist_ok=True)
        shutil.copyfile(run.comet / "state.json", job.comet / "state.json")
    print(f"comet: {tracked.online} {tracked.url or ''}", flush=True)


def _secret(name: str, region: str) -> str:
    """The key; the worker's lines say why where there is none."""
    import boto3

    answer = boto3.Session(region_name=region).client("secretsmanager").get_secret_value(SecretId=name)
    return str(answer["SecretString"]).strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
