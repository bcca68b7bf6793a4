"""Make Comet's copies inside a job: `python -m harness.tracking.inside BASE`, beside a worker whose folder BASE is.

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
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder

LOOK = 0.5  # seconds between two looks at the metrics
PACKAGES = ("contract", "provenance", "runs", "tracking")  # of src/harness: this one, and what it imports
# By this name the workers of schema 1 start it.
OLD_DOOR = {"harness/companion.py": b"import sys\n\nfrom harness.tracking.inside import main\n\nmain(*sys.argv[1:])\n"}


def files(root: Path) -> dict[str, bytes]:
    """What travels, by path, from the project at `root`."""
    src = root / "src"
    paths = [src / "harness" / "__init__.py"]
    for package in PACKAGES:
        below = sorted((src / "harness" / package).rglob("*"))
        paths += [path for path in below if path.suffix in (".py", ".json")]
    return {path.relative_to(src).as_posix(): path.read_bytes() for path in paths} | OLD_DOOR


def main(base: str) -> None:
    """Follow the worker until stdin closes, then finish the copies and write their state."""
    from harness.tracking.tracker import Tracker

    job = JobFolder(Path(base))
    plan = run_folder.read_plan(job.plan)
    cloud = plan.placement.cloud
    assert cloud is not None and cloud.comet_secret is not None
    os.environ["COMET_API_KEY"] = _secret(cloud.comet_secret, cloud.region)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch))
        for path in job.plan.parent.iterdir():
            if path.is_file():
                shutil.copyfile(path, run.path / path.name)
        tracker, logged, over = Tracker(run, plan, cloud.comet_project, cloud.comet_workspace, inside=True), 0, False
        while not over:
            over = bool(select.select([sys.stdin], [], [], LOOK)[0])  # before the reading: what was written is read
            epochs = metrics.epochs(job.metrics)
            for epoch in epochs[logged:]:
                tracker.log_epoch({name: value for name, value in epoch.items() if isinstance(value, float)})
            logged = len(epochs)
        shutil.copyfile(job.record, run.record)
        tracked = tracker.finish(run_folder.read_record(run.record))
        job.comet.mkdir(exist_ok=True)
        shutil.copyfile(run.comet / "state.json", job.comet / "state.json")
    print(f"comet: {tracked.online} {tracked.url or ''}", flush=True)


def _secret(name: str, region: str) -> str:
    """The key; where there is none, the worker's lines say why."""
    import boto3

    answer = boto3.Session(region_name=region).client("secretsmanager").get_secret_value(SecretId=name)
    content = answer["SecretString"] if "SecretString" in answer else answer["SecretBinary"].decode()
    return key_of(str(content))


def key_of(content: str) -> str:
    """The key in a secret: plain text, or JSON as AWS's console makes it, with one value or with one of Comet's names.

    Raises:
        ValueError: it is neither.
    """
    try:
        parsed = json.loads(content)
    except ValueError:
        return content.strip()
    if isinstance(parsed, dict):
        named = [value for name, value in parsed.items() if name.lower() in ("comet_api_key", "api_key", "comet")]
        for value in (*named, *(parsed.values() if len(parsed) == 1 else ())):
            return str(value).strip()
        raise ValueError(f"the secret is JSON with {len(parsed)} values, none of them COMET_API_KEY")
    return str(parsed).strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
