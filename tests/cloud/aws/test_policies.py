"""The policies in docs/aws: least privilege, and enough for what a burst really asks."""

import ast
import fnmatch
import json
from itertools import chain

import botocore
import botocore.session
import pytest

from harness.launch import engine
from harness.settings.project import ROOT
from tests.fakes.sagemaker.server import Aws
from tests.support.cloud import AWAY, tiny_project
from tests.support.projects import type_in

FOLDER = ROOT / "docs" / "aws"
NAMES = ("user-policy", "role-policy", "trust-policy")
# AWS knows no single resource for these.
UNBOUND = {
    "sts:GetCallerIdentity",
    "sagemaker:ListTrainingJobs",
    "pricing:GetProducts",
    "servicequotas:GetServiceQuota",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:ListServiceQuotas",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
}
SERVICES = {"servicequotas": "service-quotas"}
RIGHTS = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "iam:PassRole"}  # not operations' names


# The right that an operation of S3 needs has another name; the paths of a client that are no operations.
OTHERWISE = {
    "head_bucket": "s3:ListBucket",
    "list_objects_v2": "s3:ListBucket",
    "download_file": "s3:GetObject",
    "copy_object": "s3:PutObject",  # and s3:GetObject of what is copied
    "delete_objects": "s3:DeleteObject",
}
OTHERS = {"search"}  # names of operations that are methods of other objects here: regular expressions'
# What `docker push` asks of ECR, as AWS's guide to it lists them; the client of AWS never does.
DOCKER = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
}
SENT_BY_THE_SDK = {"sagemaker:CreateTrainingJob", "sagemaker:AddTags", "iam:PassRole"}
# Characters that IAM takes, spaces aside, of what the guide makes of each: a managed policy, an inline one, a trust.
FITS = {"user-policy": 6144, "role-policy": 10240, "trust-policy": 2048}


def statements(name: str) -> list[dict]:
    policy = json.loads((FOLDER / f"{name}.json").read_text())
    assert policy["Version"] == "2012-10-17"
    return policy["Statement"]


def actions(statement: dict) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_allows_real_actions_and_none_by_wildcard(name):
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        for action in actions(statement):
            service, _, operation = action.partition(":")
            assert "*" not in action
            if action in RIGHTS:
                continue
            model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
            assert operation in model.operation_names, action


@pytest.mark.parametrize("name", NAMES[:2])
def test_everything_that_can_be_bound_to_a_resource_is(name):
    for statement in statements(name):
        if statement["Resource"] == "*":
            assert set(actions(statement)) <= UNBOUND
        else:
            assert statement["Resource"].startswith("arn:aws:") and not statement["Resource"].endswith(":*")


def test_the_role_is_for_sagemaker_in_this_account_alone():
    (statement,) = statements("trust-policy")
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "ACCOUNT"


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_filled_in_as_the_guide_says_and_fits(name):
    text = (FOLDER / f"{name}.json").read_text()
    for placeholder, value in (("ACCOUNT", "1" * 12), ("REGION", "ap-southeast-2"), ("BUCKET", "b" * 63)):
        text = text.replace(placeholder, value)
    json.loads(text)
    assert len("".join(text.split())) <= FITS[name]


def called() -> set[str]:
    """The rights that our own modules need: every operation of AWS that they name, whether a test reaches it or not."""
    trees = [
        ast.parse(path.read_text())
        for folder in ("cloud/aws", "cloud", "launch")
        for path in sorted((ROOT / "src" / "harness" / folder).glob("*.py"))
    ]
    nodes = list(chain.from_iterable(ast.walk(tree) for tree in trees))
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    session = botocore.session.get_session()
    found = {right for word, right in OTHERWISE.items() if word in words}
    for service in ("sts", "iam", "s3", "sagemaker", "logs", "ecr", "pricing", "secretsmanager", "service-quotas"):
        prefix = next((short for short, long in SERVICES.items() if long == service), service)
        for operation in session.get_service_model(service).operation_names:
            if (word := botocore.xform_name(operation)) in words - OTHERS and word not in OTHERWISE:
                found.add(f"{prefix}:{operation}")
    return found


def test_the_person_may_do_what_the_code_asks_for_and_nothing_else():
    granted = set(chain.from_iterable(map(actions, statements("user-policy"))))
    needed = called()
    assert {"sagemaker:StopTrainingJob", "ecr:CreateRepository", "s3:PutObject"} <= needed  # the search works
    assert needed | DOCKER | SENT_BY_THE_SDK == granted - {"s3:GetBucketLocation"}


def allows(policy: list[dict], action: str, resource: str) -> bool:
    return any(
        action in actions(each) and fnmatch.fnmatchcase(resource, each["Resource"].partition(":::")[2] or "*")
        if each["Resource"].startswith("arn:aws:s3")
        else action in actions(each)
        for each in policy
    )


@pytest.mark.long
def test_what_a_burst_asks_for_is_what_the_policies_allow(tmp_path):
    project = tiny_project(tmp_path / "project")
    with Aws(grace=5) as aws:
        aws.prepare(f"{engine.recipe(ROOT)}-cpu")
        done = type_in(project, *AWAY, "epochs=1", **aws.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        asked = {(f"{each.service}:{each.action}", each.key, each.sender) for each in aws.requests}
    texts = {name: json.dumps(statements(name)).replace("BUCKET", aws.bucket()) for name in NAMES}
    optional = {("iam:SimulatePrincipalPolicy", ""), ("s3:ListBucket", "")}  # the SDK asks, and does without
    for action, key, sender in asked:
        name = "role-policy" if sender == "WORKER" else "user-policy"
        assert (action, key) in optional or allows(json.loads(texts[name]), action, key), (action, key, sender)
