"""The order of creation and destruction: what AWS or a finalizer needs is created earlier and deleted later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from recording import Recorded, run_platform

STACKS = ("local", "staging", "production")

INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
CLUSTER = "aws:eks/cluster:Cluster"
CLUSTER_MEMBERS = (CLUSTER, "aws:eks/nodeGroup:NodeGroup", "aws:eks/addon:Addon")
ROLE = "aws:iam/role:Role"
ROLE_POLICIES = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
FINALIZED = ("TargetGroupBinding", "PersistentVolumeClaim", "Ingress", "Namespace")
"""Kinds whose deletion ends only when a controller in the cluster has done its part."""
NEEDED_BY_FINALIZERS = (
    *CLUSTER_MEMBERS,
    *("aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"),
    *("aws:ec2/route:Route", "aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/natGateway:NatGateway"),
    *("aws:ec2/vpcEndpoint:VpcEndpoint", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    *ROLE_POLICIES,
    ASSOCIATION,
    "kubernetes:helm.sh/v3:Release",
)


@cache
def predecessors(stack: str) -> dict[str, frozenset[str]]:
    """URN -> the URNs of all resources that are created before it and deleted after it: transitive dependencies, and providers."""
    resources = run_platform(stack).by_urn()
    known: dict[str, frozenset[str]] = {}

    def of(urn: str) -> frozenset[str]:
        if urn not in known:
            each = resources[urn]
            direct = {*each.dependencies, each.provider.rpartition("::")[0]} & resources.keys()
            known[urn] = frozenset(direct).union(*(of(one) for one in direct))
        return known[urn]

    return {urn: of(urn) for urn in resources}


def all_of(stack: str, *types: str) -> list[Recorded]:
    return [each for each in run_platform(stack).resources if each.type in types]


def unordered(stack: str, later: Iterator[Recorded] | list[Recorded], earlier: list[Recorded]) -> list[str]:
    """The pairs for which the engine could create a ``later`` resource before an ``earlier`` one."""
    return [
        f"{each.type} {each.name} may come before {need.type} {need.name}"
        for each in later
        for need in earlier
        if each.urn != need.urn and need.urn not in predecessors(stack)[each.urn]
    ]


def needs_internet(each: Recorded) -> bool:
    """Whether AWS refuses the resource, or it has no route, while the VPC has no internet gateway."""
    internet_facing = each.type == "aws:lb/loadBalancer:LoadBalancer" and not each.inputs.get("internal")
    elastic = each.type == "aws:ec2/eip:Eip" and each.inputs.get("domain") == "vpc"
    public_nat = each.type == "aws:ec2/natGateway:NatGateway" and each.inputs.get("connectivityType", "public") == "public"
    return internet_facing or elastic or public_nat


@pytest.mark.parametrize("stack", STACKS)
def test_internet_facing_resources_are_created_after_the_internet_gateway(stack: str) -> None:
    later = [each for each in run_platform(stack).resources if needs_internet(each)]
    assert {each.type.rpartition(":")[2] for each in later} == {"LoadBalancer", "Eip", "NatGateway"}
    assert unordered(stack, later, all_of(stack, INTERNET_GATEWAY)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_cluster_resources_are_created_after_the_egress_of_their_subnets(stack: str) -> None:
    egress = all_of(
        stack, "aws:ec2/route:Route", "aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/natGateway:NatGateway"
    )
    assert len(egress) > 6
    assert unordered(stack, all_of(stack, *CLUSTER_MEMBERS), egress) == []


@pytest.mark.parametrize("stack", STACKS)
def test_resources_that_finalizers_need_are_deleted_later(stack: str) -> None:
    later = [
        each for each in run_platform(stack).resources if each.type.startswith("kubernetes:") and each.type.endswith(FINALIZED)
    ]
    assert later
    assert unordered(stack, later, all_of(stack, *NEEDED_BY_FINALIZERS)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_resources_that_use_a_role_are_created_after_its_permissions(stack: str) -> None:
    """A service whose role has no permissions yet fails, and one whose role loses them first leaves resources behind."""
    wrong: list[str] = []
    used: set[str] = set()
    for role in all_of(stack, ROLE):
        policies = [each for each in all_of(stack, *ROLE_POLICIES) if role.urn in each.dependencies]
        users = [each for each in run_platform(stack).resources if uses_role(role)(each)]
        wrong += unordered(stack, users, policies)
        used |= {each.type.rpartition(":")[2] for each in users}
    assert wrong == []
    assert used >= {"Cluster", "NodeGroup", "FlowLog"}


def uses_role(role: Recorded) -> Callable[[Recorded], bool]:
    def check(each: Recorded) -> bool:
        # An association itself calls nothing; its add-on or release does, and depends on the policies too.
        direct = each.property_dependencies or {}
        named = any(role.urn in urns for key, urns in direct.items() if key.lower().endswith("rolearn"))
        return each.custom and named and each.type != ASSOCIATION

    return check


@pytest.mark.parametrize("stack", STACKS)
def test_add_ons_and_releases_are_created_after_their_pod_identity(stack: str) -> None:
    """EKS Pod Identity gives a pod its role when the pod is created: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html."""
    workers = {each.name: each for each in all_of(stack, "aws:eks/addon:Addon", "kubernetes:helm.sh/v3:Release")}
    identities = all_of(stack, ASSOCIATION, *ROLE_POLICIES)
    wrong: list[str] = []
    for association in all_of(stack, ASSOCIATION):
        needed = [each for each in identities if each.name == association.name]
        assert association.name in workers
        wrong += unordered(stack, [workers[association.name]], needed)
    assert wrong == []


CHART_OF_GROUP = {"elbv2.k8s.aws": "aws-load-balancer-controller"}
"""API group of a custom resource -> the chart that installs its definition."""


@pytest.mark.parametrize("stack", STACKS)
def test_objects_are_created_after_their_namespace(stack: str) -> None:
    """The API server refuses an object whose namespace does not exist."""
    by_name = {each.inputs["metadata"]["name"]: each for each in all_of(stack, "kubernetes:core/v1:Namespace")}
    objects = [each for each in run_platform(stack).resources if each.type.startswith("kubernetes:")]
    placed = [
        (each, by_name[name]) for each in objects if (name := (each.inputs.get("metadata") or {}).get("namespace")) in by_name
    ]
    assert {each.type for each, _ in placed} > {"kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Secret"}
    assert [line for each, namespace in placed for line in unordered(stack, [each], [namespace])] == []


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_custom_resources_are_created_after_the_chart_that_defines_them(stack: str) -> None:
    """The API server refuses an object of a kind that it does not know. The sandbox installs the definitions for `local`."""
    releases = {each.inputs["chart"].rpartition("/")[2]: each for each in all_of(stack, "kubernetes:helm.sh/v3:Release")}
    custom = [
        (each, group)
        for each in run_platform(stack).resources
        if "." in (group := each.type.removeprefix("kubernetes:").partition("/")[0]) and not group.endswith((".k8s.io", "helm.sh"))
    ]
    assert custom
    assert [line for each, group in custom for line in unordered(stack, [each], [releases[CHART_OF_GROUP[group]]])] == []
