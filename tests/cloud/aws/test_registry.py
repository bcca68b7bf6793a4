"""A run that is put in force as a version in SageMaker's model registry, as AWS's own shapes want it."""

import dataclasses
import io
import tarfile

import pytest

from harness.cloud.aws import registry
from harness.contract import plan, serial
from harness.contract.errors import NotReady
from harness.launch import engine
from harness.runs import stored
from harness.settings.project import ROOT
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.records import completed, stage
from tests.support.verbs import composed

WHEN = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def prepared(account):
    """An account with the project's image."""
    account.put_image(f"{engine.recipe(ROOT)}-cpu")
    return account


@pytest.fixture
def run(tmp_path):
    git = plan.Git("c" * 40, "main", None, None, False, None)
    provenance = dataclasses.replace(PROVENANCE, git=git)
    planned = plan.make(EXPERIMENT, DESCRIPTION, PLACEMENT, provenance, NOW)
    folder = stage(tmp_path / "runs", planned, completed(planned, 0.5))
    folder.model(planned).write_bytes(b"the model")
    return stored.read(folder)


def mode():
    return composed("mode=cloud", "mode.region=us-east-1").mode


def test_a_group_gets_an_approved_version_with_the_model_and_where_it_comes_from(prepared, run):
    said = []
    first = registry.register(mode(), "models", run, WHEN, said.append)
    second = registry.register(mode(), "models", run, WHEN, said.append)  # taken back and put in force again
    assert first != second and said == [f"registry  {first}", f"registry  {second}"]
    sagemaker = prepared.service("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName="models")["ModelPackageSummaryList"]
    assert sorted(each["ModelPackageVersion"] for each in listed) == [1, 2]
    found = sagemaker.describe_model_package(ModelPackageName=second)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"]["run_id"] == run.run_id
    assert found["CustomerMetadataProperties"]["commit"] == "c" * 40
    (container,) = found["InferenceSpecification"]["Containers"]
    assert "@sha256:" in container["Image"]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    assert bucket == prepared.bucket()
    with tarfile.open(fileobj=io.BytesIO(prepared.objects()[key])) as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert (member.name, content and content.read()) == ("model.keras", b"the model")


def test_a_right_that_is_missing_is_one_line_that_names_it(prepared, run):
    prepared.deny.add("sagemaker:CreateModelPackageGroup")
    with pytest.raises(NotReady, match="CreateModelPackageGroup") as caught:
        registry.register(mode(), "models", run, WHEN, lambda line: None)
    assert "\n" not in str(caught.value) and serial.dumps(run.plan)
