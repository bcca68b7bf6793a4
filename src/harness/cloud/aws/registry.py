"""SageMaker's model registry: a run that is put in force becomes the newest approved version of a group."""

import gzip
import io
import tarfile
from collections.abc import Callable
from typing import Any

from harness.cloud.aws import account, images
from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client
from harness.cloud.aws.store import Store
from harness.contract.errors import NotReady
from harness.launch import engine
from harness.runs import reading
from harness.runs.stored import StoredRun
from harness.settings.project import ROOT
from harness.settings.schema import Cloud

LARGEST = 2**33  # bytes of a model
TYPES = ["application/octet-stream"]  # what SageMaker wants to be told of a model's input and output


def register(mode: Cloud, group: str, run: StoredRun, why: str, say: Callable[[str], None]) -> str:
    """Upload the model of a run and add an approved version of it to a group, which is made if need be; its ARN.

    Raises:
        NotReady: AWS refuses or does not answer, or a name is not legal there.
    """
    found = account.find(mode.region, mode.role, mode.bucket, mode.bucket_owner)
    image = _image(found, mode)
    store = Store(client(found.session, "s3"), found.bucket, mode.prefix)
    name = f"models/{run.run_id}/model.tar.gz"
    store.put(name, _packed(run))
    sagemaker, record = client(found.session, "sagemaker"), run.record
    about = {
        "run_id": run.run_id,
        "experiment_id": run.plan.experiment_id,
        "dataset": run.plan.experiment.dataset.hash,
        "commit": run.plan.provenance.git.commit if run.plan.provenance.git else "unknown",
        "weights": str(record.weights if record else "unknown"),
    }
    with told(f"the model registry's group {group}"):
        _ensure(sagemaker, group, run.plan.experiment.program)
        made = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelPackageDescription=f"{run.plan.description.about}: {why}"[:1024],
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": store.uri(name)}],
                "SupportedContentTypes": TYPES,
                "SupportedResponseMIMETypes": TYPES,
            },
            CustomerMetadataProperties=about,
        )
    say(f"registry  {made['ModelPackageArn']}")
    return str(made["ModelPackageArn"])


def _ensure(sagemaker: Any, group: str, program: str) -> None:
    from botocore.exceptions import ClientError

    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=group, ModelPackageGroupDescription=f"runs of {program} that were put in force"
        )
    except ClientError as error:
        if "already exists" not in str(error).lower():
            raise


def _image(found: account.Account, mode: Cloud) -> str:
    """The image that has the libraries of the model, by digest."""
    own = images.own_name(found.number, found.region, engine.recipe(ROOT), gpu=False)
    return images.resolve(found.session, mode.image or own, own=mode.image is None).uri


def _packed(run: StoredRun) -> bytes:
    """The model as SageMaker wants it; equal models give equal bytes."""
    try:
        model = reading.content(run.model, LARGEST)
    except (OSError, ValueError) as error:
        raise NotReady(f"{run.model} cannot be read: {error}") from error
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        (about := tarfile.TarInfo(run.model.name)).size = len(model)
        tar.addfile(about, io.BytesIO(model))
    return content.getvalue()
