"""Staging and production in one account: each as its file is, by its pipeline's role, through a kubeconfig of EKS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import boto3
import pytest
from reaping import gone_with_this_session

from embedded_cloud.cloud import Cloud
from program.checkout import CHECKOUT
from sandbox.stacks import become, open_stack, prepare

pytestmark = pytest.mark.cloud

UP = ("up", "--yes", "--skip-preview")


class Stack:
    """A stack on its cloud."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.cloud: Cloud = open_stack(name, folder)
        gone_with_this_session(self.cloud.folder)
        self.options = prepare(self.cloud)

    def run(self, *arguments: str, fails: bool = False) -> str:
        command = [self.cloud.engine.bin / "pulumi", *arguments, "--stack", self.name, "--non-interactive", *self.options]
        environment = self.cloud.engine.process_environment()
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """kubectl with the kubeconfig that the AWS CLI writes for the cluster, as a person would have it."""
        config = self.cloud.folder / "eks.yaml"
        environment = self.cloud.engine.process_environment() | {"KUBECONFIG": str(config)}
        bin = self.cloud.engine.bin
        update = ["update-kubeconfig", "--name", self.cloud.project.cluster or "", "--kubeconfig", str(config)]
        subprocess.run([bin / "aws", "eks", *update], env=environment, check=True, capture_output=True)
        return subprocess.run([bin / "kubectl", *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = Path(mkdtemp(prefix="dwcp-stacks-"))
    gone_with_this_session(folder)
    return folder


@pytest.fixture(scope="module")
def staging(folder: Path) -> Stack:
    stack = Stack(folder, "staging")
    stack.run(*UP, "--policy-pack", "policies")
    return stack


@pytest.fixture(scope="module")
def production(folder: Path, staging: Stack) -> Stack:
    stack = Stack(folder, "production")
    stack.run(*UP, "--policy-pack", "policies")
    return stack


@pytest.fixture(params=["staging", "production"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    stack: Stack = request.getfixturevalue(request.param)
    yield stack
    become(stack.cloud, "deploy")


def test_the_next_up_and_a_refresh_change_nothing(stack: Stack) -> None:
    stack.run(*UP, "--expect-no-changes")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_both_stand_in_one_account(production: Stack, staging: Stack) -> None:
    eks = boto3.client(
        "eks",
        endpoint_url=production.cloud.control_plane.aws,
        region_name="us-east-1",
        aws_access_key_id="-",
        aws_secret_access_key="-",
    )
    assert set(eks.list_clusters()["clusters"]) == {"dwcp-v3-staging", "dwcp-v3-production"}
    assert eks.describe_cluster(name="dwcp-v3-staging")["cluster"]["endpoint"] == staging.cloud.control_plane.url


def test_who_may_preview_reads_and_changes_nothing(stack: Stack) -> None:
    become(stack.cloud, "preview")
    assert stack.kubectl("get", "secrets", "-n", "dwcp-v3").returncode == 0
    refused = stack.kubectl("delete", "deployment", "dwcp-v3", "-n", "dwcp-v3")
    assert "cannot delete resource" in refused.stderr
    assert "unchanged" in stack.run("preview")
    assert "PermissionDenied" in stack.run("destroy", "--yes", "--skip-preview", fails=True), "it may not even lock the state"


def test_who_has_no_entry_gets_401(stack: Stack, staging: Stack, production: Stack) -> None:
    other = production if stack is staging else staging
    become(other.cloud, "deploy")
    stack.cloud.engine.credentials = other.cloud.engine.credentials
    assert "Unauthorized" in (answer := stack.kubectl("get", "pods")).stderr or "must be logged in" in answer.stderr


def test_production_goes_only_after_each_protection_and_nothing_is_left_of_either(production: Stack, staging: Stack) -> None:
    for stack in (staging, production):
        become(stack.cloud, "deploy")
    destroy = ("destroy", "--yes", "--skip-preview", "--continue-on-error")
    assert "protect" in production.run(*destroy, fails=True), "the engine protects its data"
    engine = production.cloud.engine
    engine.pulumi("state", "unprotect", "--all", "--yes", "--stack", "production")
    assert "deletion protection" in production.run(*destroy, fails=True), "AWS protects the cluster and the load balancer"
    aws = production.cloud.control_plane.aws
    eks, elbv2 = (
        boto3.client(each, endpoint_url=aws, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")
        for each in ("eks", "elbv2")
    )
    eks.update_cluster_config(name="dwcp-v3-production", deletionProtection=False)
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=off)
    production.run("refresh", "--yes", "--skip-preview")
    for stack in (production, staging):
        stack.run(*destroy)
        assert stack.cloud.engine.stack_export() == []
