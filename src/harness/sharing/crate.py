"""The description of an exported run in RO-Crate's JSON-LD, by the profile Process Run Crate.

https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/process/0.5
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

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
    ".keras": "application/zip",
}
ABOUT = {
    "plan.json": "What should happen: settings, data, code and place, by hash",
    "record.json": "What did happen: environment, results, digests of the weights",
    "data.dvc": "The pin of the data set that was trained on, as DVC writes it",
    "changes.patch": "What was not committed",
    "metrics.csv": "Losses and accuracies after each epoch",
    "predictions.csv": "Label, predicted class and loss of each test image",
    "verdict.json": "Whether the run came to the same as the one that it replays",
    "log.txt": "What the run said",
    "model.keras": "The trained model, in Keras's own format",
    "requirements.lock": "The host's libraries, by hash",
    "code/requirements-train.lock": "The training's libraries, by hash",
    "learning_curve.png": "The learning curve",
    "worst_images.png": "The test images of the largest loss",
}
RESULTS = ("record.json", "metrics.csv", "predictions.csv", "model.keras", "learning_curve.png", "worst_images.png")
OBJECTS = ("plan.json", "data.dvc", "changes.patch", "code/requirements-train.lock", "requirements.lock")


def describe(past: StoredRun, files: Mapping[str, bytes], license_: str) -> bytes:
    """The metadata file of a crate that holds these files; equal arguments give equal bytes."""
    from rocrate.model import ContextEntity, File
    from rocrate.rocrate import ROCrate

    planned, record, git = past.plan, past.record, past.plan.provenance.git
    ended = (record and record.finished) or planned.provenance.created
    made = ROCrate(version="1.1")
    made.name = f"Run {planned.run_id}"
    size = planned.experiment.config["resnet_size"]
    accuracy = f", test accuracy {record.results.test_accuracy:.4f}" if record and record.results else ""
    trained = f"A ResNet-{size} trained on {planned.experiment.dataset.name}{accuracy}"
    made.description = f"{trained}; replay.py runs it again from this file."
    made.datePublished, made.license = ended, license_ or UNSTATED
    entities = {}
    for name in sorted(files):
        properties = {
            "name": name.rpartition("/")[2],
            "encodingFormat": TYPES.get("." + name.rpartition(".")[2], "text/plain"),
            "contentSize": str(len(files[name])),
            "sha256": hashlib.sha256(files[name]).hexdigest(),
        }
        about = {"description": ABOUT[name]} if name in ABOUT else {}
        entities[name] = made.add(File(made, None, dest_path=name, properties={**properties, **about}))
    profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    made.root_dataset["conformsTo"] = made.add(ContextEntity(made, PROFILE, properties=profile))
    made.metadata.extra_terms["sha256"] = "https://schema.org/sha256"  # younger than RO-Crate 1.1's own terms
    source = {
        "@type": "SoftwareSourceCode",
        "name": "The training program",
        "description": f"The files below code/; sha256 of all of them {planned.experiment.code}",
        "programmingLanguage": "Python",
    }
    if git is not None:
        source |= {"version": git.commit} | ({"codeRepository": git.remote, "url": git.remote} if git.remote else {})
    program = made.add(ContextEntity(made, "#program", properties=source))
    action: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"Training {planned.run_id}",
        "description": f"Experiment {planned.experiment_id}, in {planned.placement.mode} mode",
        "actionStatus": f"http://schema.org/{STATUS.get(past.status, 'FailedActionStatus')}",
        "endTime": ended,
    }
    if record and record.started:
        action["startTime"] = record.started
    if record and record.reason:
        action["error"] = record.reason
    run = made.add(ContextEntity(made, "#run", properties=action))
    run["instrument"] = program
    run["object"] = [entities[name] for name in OBJECTS if name in entities]
    run["result"] = [entities[name] for name in RESULTS if name in entities]
    made.root_dataset["mentions"] = run
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True).encode() + b"\n"


def files(described: Any) -> dict[str, str]:
    """The sha256 of each file that a metadata file names.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none of ours.
    """
    return {str(each["@id"]): str(each["sha256"]) for each in described["@graph"] if each["@type"] == "File"}
