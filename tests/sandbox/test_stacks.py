"""Staging and production in one account: each with its own file and pipeline role, through a kubeconfig of EKS."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stacks import UP, Stack

from program.checkout import CHECKOUT
from sandbox.stacks import become

pytestmark = pytest.mark.cloud


@pytest.fixture(params=["staging", "production"])
def stack(request: pytest.FixtureRequest, staging: Stack, production: Stack) -> Iterator[Stack]:
    stack = {each.name: each for each in (staging, production)}[request.param]
    yield stack
    become(stack.cloud, "deploy")


def test_make_up_of_a_stack_shows_what_runs_and_how_to_use_it(stack: Stack) -> None:
    said, name = stack.shown.stdout, stack.name
    assert "Deployment dwcp-v3-redis" in said
    assert re.search(r"only recorded in the state, .*: kubernetes:helm\.sh/v3:Release: \S+", said)
    assert f"cp {os.path.relpath(stack.cloud.folder, CHECKOUT)}/Pulumi.{name}.yaml Pulumi.{name}.yaml" in said
    assert f"./dwcp doctor --environment {name}" in said
    count = {number for _, number in re.findall(r"(\d+) of (\d+) resources", said)}
    assert count, said
    assert count == set(re.findall(r"^(\d+) resources in", said, re.MULTILINE)), "it counts what the program declares"


def test_the_next_up_and_a_refresh_change_nothing(stack: Stack) -> None:
    stack.run(*UP, "--expect-no-changes")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_both_environments_are_in_one_account(production: Stack, staging: Stack) -> None:
    eks = production.client("eks")
    assert set(eks.list_clusters()["clusters"]) == {"dwcp-v3-staging", "dwcp-v3-production"}
    assert eks.describe_cluster(name="dwcp-v3-staging")["cluster"]["endpoint"] == staging.cloud.control_plane.url


def test_the_preview_role_reads_and_changes_nothing(stack: Stack) -> None:
    become(stack.cloud, "preview")
    assert stack.kubectl("get", "secrets", "-n", "dwcp-v3").returncode == 0
    refused = stack.kubectl("delete", "deployment", "dwcp-v3", "-n", "dwcp-v3")
    assert "cannot delete resource" in refused.stderr
    assert "unchanged" in stack.run("preview")
    assert "PermissionDenied" in stack.run("destroy", "--yes", "--skip-preview", fails=True), "it may not even lock the state"


def test_a_role_without_an_access_entry_is_unauthorized(stack: Stack, staging: Stack, production: Stack) -> None:
    other = production if stack is staging else staging
    assert stack.kubectl("get", "pods").returncode == 0
    become(other.cloud, "deploy")
    stack.cloud.engine.credentials = other.cloud.engine.credentials
    assert "Unauthorized" in (answer := stack.kubectl("get", "pods")).stderr or "must be logged in" in answer.stderr


def test_the_deploy_role_of_one_environment_cannot_change_the_other(stack: Stack, staging: Stack, production: Stack) -> None:
    """The role may use these actions, but not on resources with the tags of the other environment."""
    other = production if stack is staging else staging
    become(stack.cloud, "deploy")
    limited = partial(stack.client, credentials=stack.cloud.engine.credentials)
    cluster = f"dwcp-v3-{other.name}"
    vpcs = {"Filters": [{"Name": "tag:environment", "Values": [other.name]}]}
    [vpc] = [each["VpcId"] for each in other.client("ec2").describe_vpcs(**vpcs)["Vpcs"]]
    balancers = other.client("elbv2").describe_load_balancers()["LoadBalancers"]
    [balancer] = [each["LoadBalancerArn"] for each in balancers if each["VpcId"] == vpc]
    calls: list[Callable[[], Any]] = [
        lambda: limited("eks").delete_cluster(name=cluster),
        lambda: limited("eks").describe_cluster(name=cluster),
        lambda: limited("elbv2").delete_load_balancer(LoadBalancerArn=balancer),
        lambda: limited("ec2").delete_vpc(VpcId=vpc),
        lambda: limited("kms").schedule_key_deletion(KeyId=f"alias/dwcp-v3-{other.name}"),
        lambda: limited("logs").delete_log_group(logGroupName=f"/aws/eks/{cluster}/cluster"),
    ]
    for call in calls:
        with pytest.raises(ClientError, match=r"(AccessDenied|UnauthorizedOperation).*is not authorized to perform"):
            call()
    limited("eks").describe_cluster(name=f"dwcp-v3-{stack.name}")


def empty_as_documented(stack: Stack, buckets: list[str]) -> None:
    """Run the page's commands on each bucket."""
    page = (CHECKOUT / "docs/aws.md").read_text().split("## What remains after", 1)[1]
    [commands] = re.findall(r"```console\n(aws s3api .*?)```", page, re.DOTALL)
    engine = stack.cloud.engine
    for bucket in buckets:
        script = commands.replace("BUCKET", bucket)
        environment = engine.process_environment()
        done = subprocess.run(
            ["bash", "-euc", script], cwd=engine.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_production_is_destroyed_only_without_its_protections_and_nothing_remains(production: Stack, staging: Stack) -> None:
    for stack in (staging, production):
        become(stack.cloud, "deploy")
    destroy = ("destroy", "--yes", "--skip-preview", "--continue-on-error")
    assert "protect" in production.run(*destroy, fails=True), "the engine protects its data"
    engine = production.cloud.engine
    engine.pulumi("state", "unprotect", "--all", "--yes", "--stack", "production")
    buckets = [each["id"] for each in engine.stack_export() if each["type"] == "aws:s3/bucket:Bucket"]
    for bucket in buckets:
        production.client("s3").put_object(Bucket=bucket, Key="kept", Body=b"what a release or a load balancer writes")
    refused = production.run(*destroy, fails=True)
    assert "deletion protection" in refused, "AWS protects the cluster and the load balancer"
    assert "BucketNotEmpty" in refused, "AWS deletes no bucket with objects in it"
    empty_as_documented(production, buckets)
    eks, elbv2 = production.client("eks"), production.client("elbv2")
    eks.update_cluster_config(name="dwcp-v3-production", deletionProtection=False)
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=off)
    production.run("refresh", "--yes", "--skip-preview")
    for stack in (production, staging):
        stack.run(*destroy)
        assert stack.cloud.engine.stack_export() == []
