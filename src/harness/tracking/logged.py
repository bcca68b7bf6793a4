"""What is logged to Comet: the plan, each epoch, and the record, all by the program's own description.

The model stays here unless comet.model gives it a name: its digest in the record says which one it is.
"""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from harness.contract.plan import RunPlan
from harness.contract.serial import to_json
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from harness.tracking import fields

CODE = "code.zip"  # the bundle as one asset: each is a request to Comet


def log_plan(experiment: Any, run: RunFolder) -> None:
    """Log what is trained, as parameters; where it comes from and where it runs, as others; the files."""
    plan = run.planned()
    what, origin = plan.experiment, plan.provenance
    dataset = {"dataset_name": what.dataset.name, "dataset_hash": what.dataset.hash}
    experiment.set_name(name(plan))
    experiment.log_parameters({**what.config, **dataset, "experiment_id": plan.experiment_id})
    others: dict[str, Any] = {"run_id": plan.run_id, "program": what.program, "about": plan.description.about}
    others |= {"code_sha256": what.code, "lock_sha256": what.lock, **dataset}
    others |= {"sweep": origin.sweep, "replays": origin.replays, "resumed": origin.resumed}
    others |= {f"git_{name}": value for name, value in to_json(origin.git or {"commit": "unknown"}).items()}
    others |= {f"promise/{each.name}/{each.fingerprint[:8]}": each.status for each in origin.promises}
    placement = to_json(plan.placement)
    cloud = placement.pop("cloud") or {}
    others |= {f"placement/{name}": value for name, value in (placement | cloud).items()}
    experiment.log_others(_known(others))
    experiment.add_tags(tags(plan))
    experiment.log_dataset_info(name=what.dataset.name, version=what.dataset.hash)
    for path in filter(Path.exists, (run.plan, run.patch)):
        experiment.log_asset(str(path), file_name=path.name, overwrite=True)
    if run.code.exists():  # inside a job it is not: there the commit must do
        experiment.log_asset(io.BytesIO(_zipped(run.code)), file_name=CODE, overwrite=True)
        fields.log_files(experiment, run, plan)


def name(plan: RunPlan) -> str:
    """What people tell runs apart by in a table: what is trained, where, and which experiment it is."""
    placement = plan.placement
    where = placement.instance_type.removeprefix("ml.") if placement.cloud else placement.runner
    return f"{_slug(plan.description.about)}-{where}-{plan.experiment_id[:8]}"


def tags(plan: RunPlan) -> list[str]:
    """The words by which a run is found among others."""
    origin = plan.provenance
    words = [plan.placement.mode, plan.placement.runner, plan.experiment.program, _slug(plan.description.about)]
    words += ["sample-data"] if plan.experiment.dataset.sample else []
    words += ["dirty"] if origin.git and origin.git.dirty else []
    words += [f"sweep:{origin.sweep}"] if origin.sweep else []
    words += [f"replay-of:{origin.replays}"] if origin.replays else []
    return list(dict.fromkeys(words))


def log_epoch(experiment: Any, values: dict[str, float]) -> None:
    """Log an epoch's metrics, or the means within one, at their global step."""
    metrics = {name: value for name, value in values.items() if name not in ("epoch", "step")}
    experiment.log_metrics(metrics, step=int(values["step"]), epoch=int(values["epoch"]))


def log_record(experiment: Any, run: RunFolder) -> None:
    """Log the outcome: status, environment, test metrics, confusion matrix where there is one, the file itself."""
    record = run_folder.read_record(run.record)
    others = {"status": record.status, "reason": record.reason, "weights_sha256": record.weights}
    # Each of these is a request to Comet, so a list or a mapping stays one.
    others |= {f"environment/{name}": _one(value) for name, value in (record.environment or {}).items()}
    experiment.log_others(_known(others))
    experiment.log_metrics({f"seconds/{name}": value for name, value in record.seconds.items()})
    experiment.add_tag(record.status)
    if (results := record.results) is not None:
        measured = results.metrics.items()
        experiment.log_metrics({name: value for name, value in measured if name.startswith("test_")})
        if results.confusion:
            matrix, labels = [list(row) for row in results.confusion], list(results.classes)
            experiment.log_confusion_matrix(matrix=matrix, labels=labels, title="Confusion matrix (test)")
    for path in filter(Path.exists, (run.record, run.metrics)):
        experiment.log_asset(str(path), file_name=path.name, overwrite=True)


def log_interruption(experiment: Any) -> None:
    """Log that the host died before it could write a record."""
    experiment.log_other("status", "interrupted")
    experiment.add_tag("interrupted")


def _slug(text: str) -> str:
    """Words as one tag."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


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
