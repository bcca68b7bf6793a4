"""Comet's own fields: what fills its pages Code, Reproduce, Output, Installed packages and Graph.

Comet reads most of them from the process and the repository that it finds itself in, which are not the run's. Its REST
interface takes values, and only for an experiment that is there: so an offline archive has what the format can hold
(`log_files`, `log_outcome`), and the rest is added where there is a connection.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from harness.contract.plan import RunPlan
from harness.provenance.credentials import redact
from harness.runs import bucket, run_folder
from harness.runs.run_folder import RunFolder

OUTPUT = 2**20  # characters of a log that are shown: its end
GRAPH = "config.json"  # the member of a model file that describes it, in formats that have one


def log_files(experiment: Any, run: RunFolder, plan: RunPlan) -> None:
    """The program's modules for the page Code, under their names in the project; the first one is where it begins."""
    folder = run.code / "programs" / plan.experiment.program
    modules = sorted(folder.rglob("*.py"), key=lambda path: (path.name != "__init__.py", path))
    for path in modules:
        experiment.log_code(code=path.read_text(errors="replace"), code_name=f"src/{path.relative_to(run.code)}")
    if modules:
        experiment.set_filename(f"src/{modules[0].relative_to(run.code)}")


def log_outcome(experiment: Any, run: RunFolder, model: str | None, register: bool) -> None:
    """The graph and the log of a run that is over; the model where a name is given, and a registry of models."""
    plan = run.planned()
    if text := graph(run):
        experiment.set_model_graph(text)
    if run.log.exists():
        experiment.log_asset_data(redact(_end(run.log)), name="log.txt", overwrite=True)
    if model is not None and run.model(plan).exists():
        experiment.log_model(model, str(run.model(plan)), overwrite=True)
        if register:
            experiment.register_model(model)


def log_data(experiment: Any, run: RunFolder, name: str, place: str) -> None:
    """The data set as an artifact that the run has used: its address in S3 under its hash, made where it is missing.

    Without a job in the cloud it has no address, and there is no artifact.
    """
    address, data = bucket.address(run), run.planned().experiment.dataset
    if address is None:
        return
    from comet_ml import Artifact
    from comet_ml.exceptions import ArtifactNotFound

    try:
        experiment.get_artifact(name, version_or_alias=data.hash)
    except ArtifactNotFound:
        about = {"hash": data.hash, "name": data.name, "bytes": data.size}
        artifact = Artifact(name, "dataset", aliases=[data.hash], metadata=about)
        artifact.add_remote(f"{address}/{place}/", logical_path=data.name, sync_mode=False, metadata=about)
        experiment.log_artifact(artifact)


def fill_origin(api: Any, run: RunFolder) -> None:
    """Where the run comes from, in the fields that only the REST interface takes; `api` is Comet's APIExperiment."""
    plan = run.planned()
    git = plan.provenance.git
    if git is not None:
        api.set_git_metadata(user=None, root=None, branch=git.branch, parent=git.commit, origin=git.remote)
    if run.patch.exists():
        api.set_git_patch(str(run.patch))
    api.set_command([redact(word) for word in plan.provenance.command])


def fill_outcome(api: Any, run: RunFolder) -> None:
    """What the run said, and what it was trained with, likewise."""
    if run.log.exists():
        api.log_output(redact(_end(run.log)))
    found = (run_folder.read_record(run.record).environment or {}).get("packages") or {}
    if packages := [f"{name}=={version}" for name, version in sorted(found.items()) if version]:
        api.set_installed_packages(packages)


def logged_steps(api: Any, plan: RunPlan) -> set[int]:
    """The steps of the epochs that the experiment has already: of a run that was left, and is followed again."""
    names = [f"{split}_{plan.description.objective.name}" for split in ("validation", "train", "recent")]
    found = [entry for name in names for entry in api.get_metrics(name) or ()]
    return {int(entry["step"]) for entry in found if entry.get("step") is not None}


def graph(run: RunFolder) -> str | None:
    """What the model file says of the model's layers, else its tensors by name; None before there is a record."""
    if not run.record.exists():
        return None
    record = run_folder.read_record(run.record)
    try:
        with zipfile.ZipFile(run.model(record)) as archive:
            return json.dumps(json.loads(archive.read(GRAPH)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # another format
        pass
    return "\n".join(path for path, _ in record.tensors) or None


def _end(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - OUTPUT))
        return file.read().decode(errors="replace")
