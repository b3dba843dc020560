"""The program fails before it creates a resource if its caller has no access to the cluster."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from recording import run_platform

from components.aws.caller import require_access_entry
from components.errors import ComponentsError
from components.settings import ClusterSettings
from program import _sdk, evaluation

ACCOUNT = "111122223333"
SSO = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_1a2b"
CLUSTER = ClusterSettings(
    admin_role_arns=(SSO,),
    ci_role_arn=f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-staging-deploy",
    preview_role_arn=f"arn:aws:iam::{ACCOUNT}:role/dwcp-v3-staging-preview",
)


def session(role: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/GitHubActions"


@pytest.mark.parametrize("role", ["AWSReservedSSO_Admin_1a2b", "dwcp-v3-staging-deploy"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_role_with_an_access_entry_is_accepted(role: str, dry_run: bool) -> None:
    require_access_entry(session(role), CLUSTER, dry_run=dry_run)


def test_the_preview_role_can_preview_but_not_update() -> None:
    require_access_entry(session("dwcp-v3-staging-preview"), CLUSTER, dry_run=True)
    with pytest.raises(ComponentsError, match="may only preview"):
        require_access_entry(session("dwcp-v3-staging-preview"), CLUSTER, dry_run=False)


@pytest.mark.parametrize(
    ("caller", "problem", "fix"),
    [
        (
            session("someone"),
            "has no access entry to the cluster",
            "add the role's ARN to cluster.adminRoleArns",
        ),
        (session("dwcp-v3-staging-deploy", "444455556666"), "has no access entry", "role/dwcp-v3-staging-deploy"),
        (f"arn:aws:iam::{ACCOUNT}:user/me", "is not a role", "use one of these roles"),
        (f"arn:aws:iam::{ACCOUNT}:root", "is not a role", "use one of these roles"),
    ],
)
def test_a_caller_without_an_access_entry_is_refused_with_a_fix(caller: str, problem: str, fix: str) -> None:
    with pytest.raises(ComponentsError) as refused:
        require_access_entry(caller, CLUSTER, dry_run=False)
    assert caller in str(refused.value)
    assert problem in str(refused.value)
    assert fix in str(refused.value)


def test_the_command_of_the_fix_prints_the_arn_with_its_path() -> None:
    """EKS refuses an access entry for a role of IAM Identity Center without its path."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        variables = {**os.environ, **keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        names = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test", "region_name": "us-east-1"}
        iam = boto3.client("iam", endpoint_url=variables["AWS_ENDPOINT_URL"], **names)
        path = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
        role = iam.create_role(RoleName="AWSReservedSSO_Deploy_3c4d", Path=path, AssumeRolePolicyDocument="{}")["Role"]
        with pytest.raises(ComponentsError) as refused:
            require_access_entry(session(role["RoleName"]), CLUSTER, dry_run=False)
        [command] = re.findall(r"`(aws [^`]+)`", str(refused.value))
        words = [str(Path(sys.executable).with_name("aws")), *shlex.split(command)[1:]]
        printed = subprocess.run(words, env=variables, capture_output=True, text=True, check=True).stdout
        assert printed.strip() == role["Arn"]
        assert path in printed
    finally:
        server.stop()


def test_no_resource_is_registered_for_a_refused_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    record = _sdk._resource
    monkeypatch.setattr(evaluation, "_caller", lambda config: session("someone"))
    monkeypatch.setattr(_sdk, "_resource", lambda *args: registered.append(args[1].type) or record(*args))
    with pytest.raises(ComponentsError, match="has no access entry to the cluster"):
        run_platform("staging", environment={"owner": "another-team"})
    assert set(registered) == {"pulumi:providers:aws"}


def test_the_sandbox_accepts_every_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_caller", lambda config: session("someone"))
    assert run_platform("local", cluster={"adminRoleArns": [SSO]}, environment={"owner": "another-team"}).of("AccessEntry")
