"""Comet's copies of a run: what is logged, out of plan.json, the epochs and record.json.

The model stays here: it is large, and its digest in the record says which one it is.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from harness.runs.run_folder import RunFolder

CODE = "code.zip"  # the bundle as one asset: each is a request to Comet


def plan(experiment: Any, run: RunFolder) -> None:
    """What is trained, as parameters; where it comes from and where it runs, as others; the files."""
    planned = json.loads(run.plan.read_text())
    what, where, git = planned["experiment"], planned["placement"], planned["provenance"]["git"]
    origin = planned["provenance"]
    dataset = {"dataset_name": what["dataset"]["name"], "dataset_hash": what["dataset"]["hash"]}
    experiment.set_name(planned["run_id"])
    experiment.log_parameters({**what["config"], **dataset, "experiment_id": planned["experiment_id"]})
    others = {"run_id": planned["run_id"], "code_sha256": what["code"], "lock_sha256": what["lock"], **dataset}
    # Not in Comet's own git fields: it reads those from a repository, and has no public call that takes values.
    others |= {name: origin[name] for name in ("sweep", "replays", "resumed")}
    others |= {f"git_{name}": value for name, value in (git or {"commit": "unknown"}).items()}
    away = where.pop("cloud") or {}
    others |= {f"placement/{name}": value for name, value in (where | away).items()}
    experiment.log_others(_known(others))
    tags = [where["mode"], where["runner"], f"resnet{what['config']['resnet_size']}v{what['config']['resnet_version']}"]
    tags += ["sample-data"] if what["dataset"]["sample"] else []
    tags += ["dirty"] if git and git["dirty"] else []
    tags += [f"sweep:{origin['sweep']}"] if origin["sweep"] else []
    tags += [f"replay-of:{origin['replays']}"] if origin["replays"] else []
    experiment.add_tags(tags)
    for path in filter(Path.exists, (run.plan, run.patch)):
        experiment.log_asset(str(path), file_name=path.name)
    if run.code.exists():  # inside a job it is not: there the commit must do
        experiment.log_asset(io.BytesIO(_zipped(run.code)), file_name=CODE)


def epoch(experiment: Any, values: dict[str, float]) -> None:
    """An epoch's metrics at its global step."""
    metrics = {name: value for name, value in values.items() if name not in ("epoch", "step")}
    experiment.log_metrics(metrics, step=int(values["step"]), epoch=int(values["epoch"]))


def record(experiment: Any, run: RunFolder) -> None:
    """What came out: status, environment, test results, confusion matrix, the file itself."""
    found = json.loads(run.record.read_text())
    others = {"status": found["status"], "reason": found["reason"], "weights_sha256": found["weights"]}
    # Each of these is a request to Comet, so a list or a mapping stays one.
    others |= {f"environment/{name}": _one(value) for name, value in (found["environment"] or {}).items()}
    experiment.log_others(_known(others))
    experiment.log_metrics({f"seconds/{name}": value for name, value in found["seconds"].items()})
    experiment.add_tag(found["status"])
    if results := found["results"]:
        experiment.log_metrics({name: results[name] for name in ("test_loss", "test_accuracy")})
        title = "Confusion matrix (test)"
        experiment.log_confusion_matrix(matrix=results["confusion"], labels=results["class_names"], title=title)
    for path in filter(Path.exists, (run.record, run.metrics)):
        experiment.log_asset(str(path), file_name=path.name)


def interrupted(experiment: Any) -> None:
    """The host died before it could write a record."""
    experiment.log_other("status", "interrupted")
    experiment.add_tag("interrupted")


def _zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                archive.write(path, path.relative_to(folder).as_posix())
    return content.getvalue()


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _one(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
