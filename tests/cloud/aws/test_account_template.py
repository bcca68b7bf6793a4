"""The template of an account: what AWS's own linter says of it, and what comes of it when it is deployed."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from harness.settings.project import ROOT

# moto passes over what its CloudFormation does not know: policies of buckets and topics, rules of security groups
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning")
FOLDER = ROOT / "docs" / "aws"
TEMPLATE = FOLDER / "account.yaml"
BUCKET = "harness-of-the-tests"


def deploy(aws: Any, stack: str, **parameters: str) -> dict[str, str]:
    """Deploy the template as `aws cloudformation deploy` does; the outputs by name."""
    client = aws.service("cloudformation")
    client.create_stack(
        StackName=stack,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def described(name: str) -> Any:
    """A resource as the template has it."""
    return cfn_yaml.load(str(TEMPLATE))["Resources"][name]


@pytest.fixture(scope="module")
def plain(aws: Any) -> dict[str, str]:
    """The outputs of the template as the guide deploys it, in an account where nothing of that is there yet."""
    aws.service("iam").delete_role(RoleName="harness")
    aws.service("ecr").delete_repository(repositoryName="harness", force=True)
    return deploy(aws, "plain", BucketName=BUCKET, RunDays="90")


def test_it_passes_cloudformations_linter() -> None:
    linter = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1", "--", str(TEMPLATE)]
    done = subprocess.run(linter, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_makes_a_closed_bucket_that_forgets_what_it_is_told_to(aws: Any, plain: dict[str, str]) -> None:
    assert plain["Bucket"] == BUCKET
    bucket = described("Bucket")  # moto's CloudFormation knows nothing of these
    assert bucket["DeletionPolicy"] == "Retain"
    closed = bucket["Properties"]["PublicAccessBlockConfiguration"]
    assert len(closed) == 4 and all(closed.values())
    (denied,) = described("BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert BUCKET in [each["Name"] for each in aws.service("s3").list_buckets()["Buckets"]]
    runs = bucket["Properties"]["LifecycleConfiguration"]["Rules"][1]["Fn::If"][1]
    assert (runs["Prefix"], runs["ExpirationInDays"]) == ("harness/runs/", {"Ref": "RunDays"})


def test_it_makes_the_repository_that_images_are_pushed_to(aws: Any, plain: dict[str, str]) -> None:
    (repository,) = aws.service("ecr").describe_repositories()["repositories"]
    assert repository["repositoryUri"] == plain["Repository"] and repository["repositoryName"] == "harness"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert described("Repository")["Properties"]["ImageScanningConfiguration"] == {"ScanOnPush": True}


def filled(name: str, account: str, region: str) -> Any:
    """A policy of docs/aws/ as a person fills it in."""
    text = (FOLDER / f"{name}-policy.json").read_text()
    return json.loads(text.replace("ACCOUNT", account).replace("REGION", region).replace("BUCKET", BUCKET))


def test_its_role_and_policies_are_those_that_are_listed(aws: Any, plain: dict[str, str]) -> None:
    iam = aws.service("iam")
    role = iam.get_role(RoleName="harness")["Role"]
    assert role["Arn"] == plain["RoleArn"]
    account, region = role["Arn"].split(":")[4], aws.service("s3").meta.region_name
    assert role["AssumeRolePolicyDocument"] == filled("trust", account, region)
    run = iam.get_role_policy(RoleName="harness", PolicyName="run")["PolicyDocument"]
    # moto gives the text of a Python value where a template made it
    assert ast.literal_eval(run) == filled("role", account, region)
    (version,) = iam.list_policy_versions(PolicyArn=plain["UserPolicyArn"])["Versions"]
    found = iam.get_policy_version(PolicyArn=plain["UserPolicyArn"], VersionId=version["VersionId"])
    assert found["PolicyVersion"]["Document"] == filled("user", account, region)


def test_with_a_vpc_and_an_address_it_adds_endpoints_and_a_mail(aws: Any, plain: dict[str, str]) -> None:
    ec2, events = aws.service("ec2"), aws.service("events")
    assert not events.list_rules()["Rules"] and "SecurityGroup" not in plain
    aws.service("cloudformation").delete_stack(StackName="plain")
    aws.service("ecr").delete_repository(repositoryName="harness", force=True)
    aws.service("iam").delete_policy(PolicyArn=plain["UserPolicyArn"])  # moto leaves it
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    outputs = deploy(
        aws,
        "whole",
        BucketName=BUCKET,
        CreateBucket="false",
        NotifyEmail="ann@example.org",
        VpcId=vpc,
        SubnetIds=subnet,
        RouteTableIds=tables[0]["RouteTableId"],
    )
    assert outputs["SecurityGroup"]
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    services = {each["ServiceName"].partition("us-east-1.")[2] for each in endpoints}
    assert services == {"s3", "ecr.api", "ecr.dkr", "logs", "sts", "secretsmanager"}
    (rule,) = events.list_rules()["Rules"]
    pattern = json.loads(rule["EventPattern"])
    assert pattern["detail"]["TrainingJobStatus"] == ["Completed", "Failed", "Stopped"]
    (subscription,) = aws.service("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ann@example.org")
