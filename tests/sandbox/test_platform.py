"""The platform on the embedded cloud, applied by the Pulumi CLI, as `make up` does. Each test continues the previous one."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml
from fences import fences
from inventory import Ids, inventory

from embedded_cloud.cloud import Cloud
from embedded_cloud.control_plane import USES
from program.checkout import CHECKOUT
from sandbox.project import PROJECT

pytestmark = pytest.mark.cloud


class Platform:
    """The local stack on ``cloud``, with a copy of its stack file, which the tests can change."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.before = inventory(self.client)
        self.stack_file = folder / f"Pulumi.{PROJECT.stack}.yaml"
        shutil.copy(CHECKOUT / self.stack_file.name, self.stack_file)

    def set(self, group: str, **fields: Any) -> None:
        """Change fields of a settings group."""
        content = yaml.safe_load(self.stack_file.read_text())
        key = f"dwcp-v3:{group}"
        content["config"][key] = {**content["config"].get(key, {}), **fields}
        self.stack_file.write_text(yaml.safe_dump(content))

    def command(self, *arguments: str) -> list[str]:
        flags = ["--stack", PROJECT.stack, "--config-file", str(self.stack_file), "--non-interactive"]
        return [str(self.cloud.engine.bin / "pulumi"), *arguments, *flags]

    def run(self, *arguments: str, **variables: str) -> str:
        """Run the CLI and return its output, which is shown when it fails."""
        done = self.ended(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fail(self, *arguments: str) -> str:
        """Run the CLI, which must fail, and return all of its output."""
        done = self.ended(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def ended(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI until it ends."""
        return subprocess.run(
            self.command(*arguments),
            cwd=CHECKOUT,
            env=self.cloud.engine.process_environment() | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self) -> dict[str, int]:
        """Apply with the policies; the number of resources of each operation."""
        self.run("up", "--yes", "--skip-preview", "--policy-pack", "policies")
        return self.last_changes()

    def refresh(self) -> dict[str, int]:
        """Refresh the state from the services."""
        self.run("refresh", "--yes", "--skip-preview")
        return self.last_changes()

    def destroy(self) -> None:
        """Remove all resources of the stack."""
        self.run("destroy", "--yes", "--skip-preview")

    def start_up(self, **options: Any) -> psutil.Popen:
        """Start an update in the background, whose output is discarded unless ``options`` redirect it."""
        command = self.command("up", "--yes", "--skip-preview")
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return psutil.Popen(command, cwd=CHECKOUT, env=self.cloud.engine.process_environment(), **{**silent, **options})

    def resources_in_state(self) -> int:
        """The number of resources in the checkpoint, also while the engine writes it."""
        body = self.client("s3").get_object(Bucket=PROJECT.bucket, Key=PROJECT.state_key)["Body"].read()
        return len((json.loads(body)["checkpoint"]["latest"] or {}).get("resources", []))

    def in_state(self) -> Ids:
        """Type token and id of every resource in the state."""
        return {(resource["type"], resource["id"]) for resource in self.cloud.engine.stack_export()}

    def missing_and_orphaned(self) -> tuple[Ids, Ids]:
        """Resources that are in the state and not in AWS, and those in AWS and not in the state."""
        in_aws, in_state = inventory(self.client) - self.before, self.in_state()
        types = {token for token, _ in in_aws}
        return {each for each in in_state if each[0] in types} - in_aws, in_aws - in_state

    def last_changes(self) -> dict[str, int]:
        history = subprocess.run(
            [
                self.cloud.engine.bin / "pulumi",
                "stack",
                "history",
                "--stack",
                PROJECT.stack,
                "--json",
                "--page-size",
                "1",
                "--page",
                "1",
            ],
            cwd=CHECKOUT,
            env=self.cloud.engine.process_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        changes: dict[str, int] = json.loads(history.stdout)[0]["resourceChanges"]
        changes.pop("read", None)  # every update reads the outputs of the last one
        return changes

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.cloud.moto_port}",
            region_name="us-east-1",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )


@pytest.fixture(scope="module")
def platform(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    if cloud.engine.stack_export():  # other tests of the session have applied it
        cloud.engine.pulumi("destroy", "--yes", "--skip-preview", "--stack", PROJECT.stack)
    return Platform(cloud, tmp_path_factory.mktemp("stack"))


KILLED_AT = (8, 40, 75, 120)
"""The numbers of resources in the state at which `up` is killed: from the network to the Kubernetes objects."""


def test_an_update_that_was_killed_repeatedly_leaves_no_missing_or_orphaned_resource(platform: Platform) -> None:
    for number, count in enumerate(KILLED_AT):
        process = platform.start_up()
        while platform.resources_in_state() < count:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.02)
        processes = [process, *process.children(recursive=True)]
        for each in processes if number % 2 else processes[:1]:  # only the engine, or its providers too
            each.kill()
        process.wait()
        platform.cloud.start()
    output = platform.run("up", "--yes", "--skip-preview", "--policy-pack", "policies")
    assert "pending operations" not in output
    assert len(platform.in_state()) > 140
    assert platform.missing_and_orphaned() == (set(), set())


def test_a_second_update_changes_nothing(platform: Platform) -> None:
    assert set(platform.up()) == {"same"}


def test_a_refresh_finds_no_changes(platform: Platform) -> None:
    assert set(platform.refresh()) == {"same"}


def test_the_resources_of_the_guide_exist(platform: Platform) -> None:
    ec2, elbv2 = platform.client("ec2"), platform.client("elbv2")
    [vpc] = [each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    groups = platform.client("logs").describe_log_groups()["logGroups"]
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert len(subnets) == 6
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    gateways = [gateway["State"] for gateway in ec2.describe_nat_gateways()["NatGateways"]]
    assert [state for state in gateways if state != "deleted"] == ["available"]  # AWS still lists deleted ones
    assert {listener["Protocol"] for listener in listeners} == {"HTTP", "HTTPS"}
    assert len(elbv2.describe_target_groups()["TargetGroups"]) == 2
    assert {group["retentionInDays"] for group in groups} == {30}
    assert platform.client("eks").list_clusters()["clusters"] == ["dwcp-v3-local"]
    assert len(platform.client("eks").list_nodegroups(clusterName="dwcp-v3-local")["nodegroups"]) == 3  # one per zone


def test_the_application_is_ready_and_its_pods_are_targets(platform: Platform) -> None:
    deployment = platform.cloud.control_plane.api.get("/apis/apps/v1/namespaces/dwcp-v3/deployments/dwcp-v3")
    elbv2 = platform.client("elbv2")
    stable = next(group for group in elbv2.describe_target_groups()["TargetGroups"] if "stable" in group["TargetGroupName"])
    platform.cloud.processes.wait_until(
        "controllers",
        lambda: len(elbv2.describe_target_health(TargetGroupArn=stable["TargetGroupArn"])["TargetHealthDescriptions"]) == 3,
    )
    assert deployment["status"]["readyReplicas"] == 3


def test_a_refresh_finds_exactly_the_manual_change(platform: Platform) -> None:
    logs = platform.client("logs")
    logs.put_retention_policy(logGroupName="/aws/vpc/dwcp-v3-local", retentionInDays=7)
    assert platform.refresh()["update"] == 1
    assert platform.up()["update"] == 1
    assert {group["retentionInDays"] for group in logs.describe_log_groups()["logGroups"]} == {30}


def test_a_setting_is_updated_in_place(platform: Platform) -> None:
    platform.set("application", logLevel="debug")
    changes = platform.up()
    config = platform.cloud.control_plane.api.get("/api/v1/namespaces/dwcp-v3/configmaps/dwcp-v3")
    assert config["data"]["LOG_LEVEL"] == "debug"
    assert set(changes) == {"same", "update"}
    assert changes["update"] == 3, "the ConfigMap and the Deployments of both tracks"


def test_a_resource_that_cannot_change_in_place_is_replaced(platform: Platform) -> None:
    platform.set("loadBalancer", host="other.example.com")
    assert platform.up()["replace"] >= 1
    certificates = platform.client("acm").list_certificates()["CertificateSummaryList"]
    assert [certificate["DomainName"] for certificate in certificates] == ["other.example.com"]


def test_an_update_during_a_rollout_changes_no_field_that_delivery_owns(platform: Platform) -> None:
    api, elbv2 = platform.cloud.control_plane.api, platform.client("elbv2")
    scaler = "/apis/autoscaling/v2/namespaces/dwcp-v3/horizontalpodautoscalers/dwcp-v3"
    flag = "/api/v1/namespaces/dwcp-v3/configmaps/dwcp-v3-rollout"
    deployment = "/apis/apps/v1/namespaces/dwcp-v3/deployments/dwcp-v3"
    merge = "application/merge-patch+json"
    api.request("PATCH", scaler, {"spec": {"minReplicas": 5}}, merge)
    api.request("PATCH", flag, {"data": {"percentage": "50"}}, merge)
    [rule] = [rule for rule in _rules(elbv2) if rule["Actions"][0]["Type"] == "forward"]
    targets = [{**group, "Weight": 50} for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]
    elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": targets}}])
    platform.cloud.processes.wait_until("controllers", lambda: api.get(deployment)["status"].get("readyReplicas") == 5)

    platform.set("application", logLevel="error")  # a change of a field that the program owns
    platform.up()

    [rule] = [each for each in _rules(elbv2) if each["RuleArn"] == rule["RuleArn"]]
    assert [group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]] == [50, 50]
    assert api.get(scaler)["spec"]["minReplicas"] == 5
    assert api.get(flag)["data"]["percentage"] == "50"
    assert api.get(deployment)["spec"]["replicas"] == 5


def test_an_update_reports_a_failed_control_plane_and_the_next_one_succeeds(platform: Platform) -> None:
    platform.set("application", logLevel="info")
    process = platform.start_up(stdout=subprocess.PIPE, text=True)
    platform.cloud.processes.running()["kube-apiserver"].kill()
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "connection refused" in output or "unreachable" in output, output
    assert "Traceback" not in output

    platform.cloud.start()
    platform.up()
    config = platform.cloud.control_plane.api.get("/api/v1/namespaces/dwcp-v3/configmaps/dwcp-v3")
    assert config["data"]["LOG_LEVEL"] == "info"
    assert set(platform.up()) == {"same"}


def test_the_commands_on_the_page_create_a_deleted_cluster_again(platform: Platform) -> None:
    """EKS deletes the API server and the security group with the cluster; in the embedded cloud, the test deletes both."""
    eks, ec2, name = platform.client("eks"), platform.client("ec2"), "dwcp-v3-local"
    for group in eks.list_nodegroups(clusterName=name)["nodegroups"]:
        eks.delete_nodegroup(clusterName=name, nodegroupName=group)
        eks.get_waiter("nodegroup_deleted").wait(clusterName=name, nodegroupName=group, WaiterConfig={"Delay": 1})
    eks.delete_cluster(name=name)
    filters = [{"Name": "group-name", "Values": [f"eks-cluster-sg-{name}"]}]
    [group] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    ec2.delete_security_group(GroupId=group["GroupId"])
    for process in {*USES.values(), "controllers"}:
        platform.cloud.processes.running()[process].kill()
    shutil.rmtree(platform.cloud.processes.folder / "etcd")
    [block] = [each for each in fences() if each.page == "disaster" and "PULUMI_K8S_DELETE_UNREACHABLE" in each.text]
    refresh, up = [shlex.split(line) for line in block.text.replace("production", PROJECT.stack).splitlines()]
    variable, value = refresh[0].split("=")

    assert "PULUMI_K8S_DELETE_UNREACHABLE" in platform.fail("refresh", "--yes", "--skip-preview")
    assert refresh[1:] == ["pulumi", "refresh", "-s", PROJECT.stack]
    platform.run("refresh", "--yes", "--skip-preview", **{variable: value})
    assert not [token for token, _ in platform.in_state() if token.startswith(("kubernetes:apps", "kubernetes:core", "aws:eks"))]
    platform.cloud.start()  # on AWS, EKS starts an API server for the new cluster
    assert up == ["pulumi", "up", "-s", PROJECT.stack, "--policy-pack", "policies"]
    platform.up()

    assert eks.list_clusters()["clusters"] == [name]
    deployment = platform.cloud.control_plane.api.get("/apis/apps/v1/namespaces/dwcp-v3/deployments/dwcp-v3")
    assert deployment["status"]["readyReplicas"] == 3
    assert platform.missing_and_orphaned() == (set(), set())
    assert set(platform.up()) == {"same"}


def test_destroy_leaves_nothing(platform: Platform) -> None:
    api = platform.cloud.control_plane.api
    kinds = ("api/v1/namespaces", "apis/scheduling.k8s.io/v1/priorityclasses", "apis/storage.k8s.io/v1/storageclasses")
    platform.destroy()
    assert platform.in_state() == set()
    assert inventory(platform.client) == platform.before
    assert not [each for kind in kinds for each in api.items(f"/{kind}") if each["metadata"]["name"] in ("dwcp-v3", "gp3")]


def _rules(elbv2: Any) -> list[dict[str, Any]]:
    [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    https = next(listener for listener in listeners if listener["Protocol"] == "HTTPS")
    return elbv2.describe_rules(ListenerArn=https["ListenerArn"])["Rules"]
