"""Who we are on AWS: credentials from each source, hints that work when they are typed, rights that are not needed."""

import functools
import json
import subprocess
import sys

import pytest
from botocore.credentials import AssumeRoleProvider
from botocore.exceptions import ClientError

from harness.cloud.aws import account as accounts
from harness.cloud.aws import images, instances, refusal
from harness.cloud.aws.session import fresh, session
from harness.contract.errors import NotReady, SettingError
from harness.settings.project import ROOT

PROFILES = {
    "sso": "[profile Admin-1]\nsso_session=x\nsso_account_id=123456789012\nsso_role_name=Admin\n"
    "[sso-session x]\nsso_start_url=https://x.awsapps.com/start\nsso_region=us-east-1\n",
    "login": "[profile me]\nlogin_session=arn:aws:iam::123456789012:user/me\n",
    "mfa": "[profile corp]\nrole_arn=arn:aws:iam::123456789012:role/harness\nsource_profile=base\n"
    "mfa_serial=arn:aws:iam::123456789012:mfa/me\n[profile base]\naws_access_key_id=testing\n"
    "aws_secret_access_key=testing\n",
}


@pytest.fixture
def profiles(account, tmp_path, monkeypatch):
    """Puts profiles into AWS's own file, and selects one, or none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path))

    def write(kinds, selected=None):
        (tmp_path / "config").write_text("".join(PROFILES[kind] for kind in kinds))
        if selected:
            monkeypatch.setenv("AWS_PROFILE", selected)

    return write


def prompted(monkeypatch, prompter):
    """Whom botocore asks for a code."""
    make = AssumeRoleProvider.__init__
    monkeypatch.setattr(AssumeRoleProvider, "__init__", functools.partialmethod(make, prompter=prompter))


@pytest.mark.parametrize(
    ("kinds", "selected", "typed"),
    [
        ((), None, "aws configure sso --profile harness, then export AWS_PROFILE=harness"),
        (("sso",), None, "export AWS_PROFILE=Admin-1 (there is Admin-1), then aws sso login --profile Admin-1"),
        (("sso",), "Admin-1", "aws sso login --profile Admin-1"),
        (("login",), "me", "awscrt|aws login --profile me"),
    ],
)
def test_without_good_credentials_the_line_says_what_to_type_by_the_kind_of_profile(profiles, kinds, selected, typed):
    profiles(kinds, selected)
    with pytest.raises(NotReady) as caught:
        accounts.number(session("us-east-1"))
    assert any(each in caught.value.command for each in typed.split("|")), caught.value
    assert "check the network" not in caught.value.command


def test_a_code_of_multi_factor_authentication_is_asked_for_once_and_children_need_none(account, profiles, monkeypatch):
    profiles(("mfa",), "corp")
    asked = []
    prompted(monkeypatch, lambda prompt: asked.append(prompt) or account.mfa_code)
    assert accounts.number(session("us-east-1")) == account.account
    assert len(asked) == 1
    code = (
        "import sys; sys.path.insert(0, 'src'); from harness.cloud.aws.session import fresh\n"
        "print(fresh('us-east-1').client('sts').get_caller_identity()['Account'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == account.account, done.stderr
    accounts.number(fresh("us-east-1"))
    assert len(asked) == 1


def test_a_code_that_nobody_can_type_is_one_line_with_the_command_that_asks_for_it(profiles, monkeypatch):
    profiles(("mfa",), "corp")

    def nobody(prompt):
        raise EOFError

    prompted(monkeypatch, nobody)
    with pytest.raises(NotReady, match=r"multi-factor authentication.*aws sts get-caller-identity --profile corp"):
        accounts.number(session("us-east-1"))


def test_a_role_by_its_arn_needs_no_right_to_look_at_roles(account):
    account.deny.add("iam:GetRole")
    assert accounts.find("us-east-1", account.role, None, None).role == account.role
    with pytest.raises(NotReady, match="denies GetRole"):
        accounts.find("us-east-1", "harness", None, None)


def test_a_bucket_of_another_account_is_taken_where_that_is_named(account):
    with pytest.raises(NotReady, match=r"belongs to another account than 210987654321.*mode\.bucket_owner"):
        accounts.find("us-east-1", None, None, "210987654321")
    assert accounts.find("us-east-1", None, None, account.account).bucket == account.bucket()


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("User: x is not authorized to perform: s3:PutObject", "docs/aws/user-policy.json"),
        ("... with an explicit deny in a service control policy", "a service control policy that denies it"),
        ("... no permissions boundary allows the s3:PutObject action", "a permissions boundary that denies it"),
        ("User: x is not authorized to perform: kms:GenerateDataKey on resource", "docs/aws/kms-statement.json"),
    ],
)
def test_a_denial_is_told_in_awss_own_words_and_points_to_who_denies(message, typed):
    error = refusal.refused("uploading", "PutObject", "AccessDenied", message)
    assert message in error.what and typed in error.command


def test_the_refusals_of_a_region_that_is_not_enabled_are_not_blamed_on_the_keys_alone(account):
    error = ClientError({"Error": {"Code": "UnrecognizedClientException", "Message": "x"}}, "GetCallerIdentity")
    with pytest.raises(NotReady, match="a region that is enabled"), refusal.told("x"):
        raise error


@pytest.mark.parametrize("name", ["ml.p3.2xlarge", "ml.p3dn.24xlarge", "ml.p2.xlarge", "ml.trn1.2xlarge"])
def test_a_gpu_that_cudnn_has_no_code_for_is_refused_and_another_one_proposed(name):
    with pytest.raises(SettingError) as caught:
        instances.check(name)
    proposed = caught.value.command.rpartition("=")[2]
    instances.check(proposed)
    assert name not in caught.value.legal


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("1" * 12 + ".dkr.ecr.us-east-1.amazonaws.com/harness:abc-cpu", "KIND=cpu ARGS=mode.region=us-east-1"),
        ("1" * 12 + ".dkr.ecr.eu-west-1.amazonaws.com/harness:abc-gpu", "make push-image ARGS=mode.region=eu-west-1"),
    ],
)
def test_a_missing_image_is_pushed_by_the_command_that_is_told(account, name, command):
    with pytest.raises(NotReady) as caught:
        images.resolve(session("us-east-1"), name, own=True)
    assert caught.value.command.endswith(command)


def test_an_oci_image_is_warned_of(account):
    account.put_image("oci", kind="application/vnd.oci.image.manifest.v1+json")
    name = f"{account.account}.dkr.ecr.us-east-1.amazonaws.com/harness:"
    made = session("us-east-1")
    assert "refused for endpoints" in str(images.resolve(made, f"{name}oci", own=False).warning)
    assert images.resolve(made, f"{name}test", own=False).warning is None


def test_json_of_a_policy_is_what_the_guide_names():
    statement = json.loads((ROOT / "docs" / "aws" / "kms-statement.json").read_text())
    assert set(statement["Action"]) == {"kms:GenerateDataKey", "kms:Decrypt"}
