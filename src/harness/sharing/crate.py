"""The description of an exported run in RO-Crate's JSON-LD, by the profile Process Run Crate.

https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/process/0.5
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from harness.contract.plan import Description
from harness.evidence import quantity
from harness.runs.stored import StoredRun

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
UNSTATED = "No licence was stated; ask whoever shared this."
STATUS = {"completed": "CompletedActionStatus", "failed": "FailedActionStatus"}
TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".py": "text/x-python",
}
ZIP = b"PK\x03\x04"  # how a ZIP file begins: many frameworks' models are one
PLOTS = (".png", ".svg")
OBJECTS = ("plan.json", "data.dvc", "changes.patch", "code/requirements-train.lock", "requirements.lock")
RESULTS = ("record.json", "metrics.csv", "predictions.csv")  # and the model, and the plots


def describe(run: StoredRun, files: Mapping[str, bytes], license_: str) -> bytes:
    """The metadata file of a crate that holds these files; equal arguments give equal bytes."""
    from rocrate.model import ContextEntity, File
    from rocrate.rocrate import ROCrate

    plan, record, git = run.plan, run.record, run.plan.provenance.git
    ended = (record and record.finished) or plan.provenance.created
    crate = ROCrate(version="1.1")
    crate.name = f"Run {plan.run_id}"
    crate.description = f"{_summary(run)}; replay.py runs it again from this file."
    crate.datePublished, crate.license = ended, license_ or UNSTATED
    descriptions, entities = _descriptions(plan.description), {}
    for name in sorted(files):
        properties = {
            "name": name.rpartition("/")[2],
            "encodingFormat": _type(name, files[name]),
            "contentSize": str(len(files[name])),
            "sha256": hashlib.sha256(files[name]).hexdigest(),
        }
        if name in descriptions:
            properties["description"] = descriptions[name]
        entities[name] = crate.add(File(crate, None, dest_path=name, properties=properties))
    profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    crate.root_dataset["conformsTo"] = crate.add(ContextEntity(crate, PROFILE, properties=profile))
    crate.metadata.extra_terms["sha256"] = "https://schema.org/sha256"  # younger than RO-Crate 1.1's own terms
    source = {
        "@type": "SoftwareSourceCode",
        "name": "The training program",
        "description": f"The files below code/; sha256 of all of them {plan.experiment.code}",
        "programmingLanguage": "Python",
    }
    if git is not None:
        source |= {"version": git.commit} | ({"codeRepository": git.remote, "url": git.remote} if git.remote else {})
    program = crate.add(ContextEntity(crate, "#program", properties=source))
    action: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"Training {plan.run_id}",
        "description": f"Experiment {plan.experiment_id}, in {plan.placement.mode} mode",
        "actionStatus": f"http://schema.org/{STATUS.get(run.status, 'FailedActionStatus')}",
        "endTime": ended,
    }
    if record and record.started:
        action["startTime"] = record.started
    if record and record.reason:
        action["error"] = record.reason
    training = crate.add(ContextEntity(crate, "#run", properties=action))
    results = (*RESULTS, plan.description.model, *filter(is_plot, sorted(files)))
    training["instrument"] = program
    training["object"] = [entities[name] for name in OBJECTS if name in entities]
    training["result"] = [entities[name] for name in results if name in entities]
    crate.root_dataset["mentions"] = training
    return json.dumps(crate.metadata.generate(), indent=1, sort_keys=True).encode() + b"\n"


def is_plot(name: str) -> bool:
    """Whether a file of a run folder is a plot: an image beside plan and record."""
    return "/" not in name and name.endswith(PLOTS)


def _summary(run: StoredRun) -> str:
    description, metric = run.plan.description, run.plan.description.objective
    value = run.record.value("test") if run.record else None
    score = "" if value is None else f", test {metric.name} {quantity.text(metric, value)}"
    return f"{description.about} trained on {run.plan.experiment.dataset.name}{score}"


def _descriptions(description: Description) -> dict[str, str]:
    names = " and ".join(metric.name for metric in description.metrics)
    return {
        "plan.json": "What should happen: program, settings, data, code and placement, by hash",
        "record.json": "What did happen: environment, results, digests of the weights",
        "data.dvc": "The pin of the data set that was trained on, as DVC writes it",
        "changes.patch": "What was not committed",
        "metrics.csv": f"Training and validation {names} after each epoch",
        "predictions.csv": f"The prediction for each of the test {description.examples}",
        "verdict.json": "Whether the run is identical or equivalent to the one that it replays",
        "log.txt": "The run's log",
        description.model: "The trained model",
        "requirements.lock": "The host's libraries, by hash",
        "code/requirements-train.lock": "The training's libraries, by hash",
        "learning_curve.png": "The learning curve",
        "learning_curve.svg": "The learning curve",
    }


def _type(name: str, content: bytes) -> str:
    """The media type of a file: by its ending, else by its first bytes."""
    known = TYPES.get("." + name.rpartition(".")[2])
    if known is None and b"\0" in content:
        return "application/zip" if content.startswith(ZIP) else "application/octet-stream"
    return known or "text/plain"


def files(described: Any) -> dict[str, str]:
    """The sha256 of each file that a metadata file names.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none of ours.
    """
    return {str(each["@id"]): str(each["sha256"]) for each in described["@graph"] if each["@type"] == "File"}
