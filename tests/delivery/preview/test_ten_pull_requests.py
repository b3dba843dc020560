"""Ten pull requests of kinds for which the preview was not written, each with the expected result."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from recording import run_platform

from delivery.preview.change import Kind, ResourceChange, StackPreview
from delivery.preview.from_program import compare
from program.evaluation import Worlds
from program.graph import Graph, Resource

Edit = Callable[[list[Resource]], None]
Expect = Callable[[StackPreview], bool]


@cache
def base(preview: bool) -> Graph:
    return run_platform("production", preview=preview)


def previewed(edit: Edit) -> StackPreview:
    worlds: list[Worlds] = []
    for change in (False, True):
        graphs: list[Graph] = []
        for preview in (False, True):
            resources = [replace(each, inputs=copy.deepcopy(each.inputs)) for each in base(preview).resources]
            if change:
                edit(resources)
            graphs.append(replace(base(preview), resources=tuple(resources)))
        worlds.append(Worlds(known=graphs[0], unknown=graphs[1]))
    return compare("production", *worlds)


def one(resources: list[Resource], type_: str, name: str = "") -> Resource:
    return next(each for each in resources if each.type.endswith(type_) and (not name or each.name == name))


def changed(preview: StackPreview, type_: str, name: str = "") -> ResourceChange:
    return next(each for each in preview.changes if each.type.endswith(type_) and (not name or each.name == name))


def broken(preview: StackPreview) -> set[str]:
    return {each.policy for each in preview.verdicts if each.new and each.level == "mandatory"}


def redis_without_persistence(resources: list[Resource]) -> None:
    """An emptyDir replaces the claim, which also loses the data."""
    deployment = next(each for each in resources if each.type.endswith(":Deployment") and "redis" in each.name)
    volumes = deployment.inputs["spec"]["template"]["spec"]["volumes"]
    for volume in volumes:
        if volume.pop("persistentVolumeClaim", None):
            volume["emptyDir"] = {}
    resources[:] = [each for each in resources if not (each.type.endswith(":PersistentVolumeClaim") and "redis" in each.name)]


def alarms_to_nowhere(resources: list[Resource]) -> None:
    resources[:] = [each for each in resources if not each.type.endswith(":TopicSubscription")]


def sidecar(resources: list[Resource]) -> None:
    pod = one(resources, ":Deployment", "dwcp-v3-deployment").inputs["spec"]["template"]["spec"]
    pod["containers"].append({"name": "debug", "image": "docker.io/library/busybox:1.36.1", "command": ["sleep", "inf"]})


def scheduler_bypass(resources: list[Resource]) -> None:
    pod = one(resources, ":Deployment", "dwcp-v3-deployment").inputs["spec"]["template"]["spec"]
    pod["nodeName"] = "ip-10-0-1-1"
    pod["shareProcessNamespace"] = True
    pod["hostUsers"] = True
    pod["securityContext"]["sysctls"] = [{"name": "net.core.somaxconn", "value": "65535"}]


def egress_for_all(resources: list[Resource]) -> None:
    policy = next(each for each in resources if each.type.endswith(":NetworkPolicy") and each.inputs["spec"].get("egress"))
    policy.inputs["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})


def trust_of_a_fork(resources: list[Resource]) -> None:
    role = one(resources, "iam/role:Role")
    document = json.loads(role.inputs["assumeRolePolicy"])
    other = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "*"},
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    role.inputs["assumeRolePolicy"] = json.dumps({**document, "Statement": [*document["Statement"], other]})


def key_for_deletion(resources: list[Resource]) -> None:
    key = one(resources, ":Key")
    key.inputs["deletionWindowInDays"] = 7
    key.inputs["isEnabled"] = False


def cluster_of_yesterday(resources: list[Resource]) -> None:
    cluster = one(resources, "eks/cluster:Cluster")
    cluster.inputs["version"] = "1.33"


def queue(resources: list[Resource]) -> None:
    topic = one(resources, ":Topic")
    urn = topic.urn.replace("aws:sns/topic:Topic", "aws:sqs/queue:Queue")
    resources.append(replace(topic, urn=urn, type="aws:sqs/queue:Queue", name="jobs", inputs={"name": "jobs"}))


def unprotected(resources: list[Resource]) -> None:
    """The first of two pull requests: the deletion comes in the next one."""
    for index, each in enumerate(resources):
        if each.type.endswith("loadBalancer:LoadBalancer"):
            inputs = {**each.inputs, "enableDeletionProtection": False}
            resources[index] = replace(each, inputs=inputs, protect=False)


def redis_is_emptied(found: StackPreview) -> bool:
    return changed(found, "PersistentVolumeClaim").risky and found.changes[0].kind is Kind.DELETE


def sidecar_is_stopped(found: StackPreview) -> bool:
    return {"workload-images", "workload-resources", "workload-unprivileged", "workload-probes"} <= broken(found)


def going_back_is_refused(found: StackPreview) -> bool:
    refused = changed(found, "cluster:Cluster").refused
    return "cluster-version" in broken(found) and any("can be downgraded by at most one minor version" in each for each in refused)


def queue_is_named(found: StackPreview) -> bool:
    return "types-known" in broken(found) and found.cost is not None and "aws:sqs/queue:Queue" in found.cost.unpriced


def key_is_out_of_reach(found: StackPreview) -> bool:
    return changed(found, "Key").risky and "access to everything encrypted with it" in changed(found, "Key").loses


def stopped_by(policy: str) -> Expect:
    return lambda found: policy in broken(found)


CASES: list[tuple[str, Edit, Expect]] = [
    ("Redis keeps nothing any more", redis_without_persistence, redis_is_emptied),
    ("alarms without a receiver", alarms_to_nowhere, lambda found: {each.kind for each in found.changes} == {Kind.DELETE}),
    ("a sidecar without limits from elsewhere", sidecar, sidecar_is_stopped),
    ("a pod past the scheduler with a sysctl", scheduler_bypass, stopped_by("workload-unprivileged")),
    ("egress to the world", egress_for_all, stopped_by("workload-network-policy-narrow")),
    ("a role for anyone with a second factor", trust_of_a_fork, stopped_by("identity-no-public-principal")),
    ("a disabled key", key_for_deletion, key_is_out_of_reach),
    ("an older Kubernetes", cluster_of_yesterday, going_back_is_refused),
    ("an unknown type", queue, queue_is_named),
    ("protection goes first", unprotected, stopped_by("data-deletion-protected")),
]


@pytest.mark.parametrize(("edit", "expect"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_the_preview_reports_the_problem(edit: Edit, expect: Expect) -> None:
    preview = previewed(edit)
    assert preview.changes
    said = [(str(each.kind), each.type, each.name, each.loses, each.refused) for each in preview.changes]
    assert expect(preview), (broken(preview), said)
