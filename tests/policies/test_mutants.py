"""Mutants of valid resources: the rules find each that is worse by its normal form, however it is written."""

from __future__ import annotations

import copy
import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policies_good import good_world
from policies_tracing import plain, reads, without
from recording import run_platform

import policies
from policies.config import config_of
from policies.rule import Rule
from policies.violations import evaluate
from program.graph import Resource
from program.types import BUCKET_POLICY, INGRESS_RULE, KEY, POD, ROLE, ROLE_POLICY, TOPIC

CONFIG = config_of("production", today=date(2026, 11, 24))


@cache
def good() -> tuple[Resource, ...]:
    return (*run_platform("production").resources, *good_world().resources())


@dataclass(frozen=True)
class Mutation:
    """A change that makes a resource worse, and the resources to which it applies."""

    name: str
    applies: Callable[[Resource], bool]
    change: Callable[[dict[str, Any], st.DataObject], bool]
    """Changes the inputs in place; returns whether it changed something."""


def containers_of(inputs: Any) -> Iterator[dict[str, Any]]:
    if isinstance(inputs, dict):
        for key, value in inputs.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                yield from value
            else:
                yield from containers_of(value)
    elif isinstance(inputs, list):
        for item in inputs:
            yield from containers_of(item)


def pods(resource: Resource) -> bool:
    return resource.type.startswith("kubernetes:") and any(containers_of(resource.inputs))


def dropped(*path: str) -> Callable[[dict[str, Any], st.DataObject], bool]:
    """One container loses a property."""

    def change(inputs: dict[str, Any], data: st.DataObject) -> bool:
        found = list(containers_of(inputs))
        holder: Any = found[data.draw(st.integers(0, len(found) - 1))]
        for key in path[:-1]:
            holder = holder.get(key, {})
        return holder.pop(path[-1], None) is not None

    return change


def loosened(inputs: dict[str, Any], data: st.DataObject) -> bool:
    """One container gains a privilege."""
    found = list(containers_of(inputs))
    context = found[data.draw(st.integers(0, len(found) - 1))].setdefault("securityContext", {})
    key, value = data.draw(
        st.sampled_from(
            [
                ("privileged", True),
                ("allowPrivilegeEscalation", True),
                ("procMount", "Unmasked"),
                ("capabilities", {"drop": ["ALL"], "add": ["SYS_PTRACE"]}),
                ("runAsUser", 0),
                ("seccompProfile", {"type": "Unconfined"}),
            ]
        )
    )
    context[key] = value
    return True


def named_secret(inputs: dict[str, Any], data: st.DataObject) -> bool:
    """A secret is passed in another way than by a Secret."""
    found = list(containers_of(inputs))
    container = found[data.draw(st.integers(0, len(found) - 1))]
    prefix = data.draw(st.sampled_from(["DB_", "my-", "x.y.", ""]))
    noun = data.draw(st.sampled_from(["password", "API_KEY", "clientSecret", "ACCESS_TOKEN", "passphrase"]))
    value = data.draw(st.text("abcdefghijkXYZ", min_size=8, max_size=20))
    way = data.draw(st.sampled_from(["env", "args", "command", "shell", "probe", "hook", "header", "text"]))
    name = f"{prefix.strip('.-')}{noun}"
    if way == "probe":
        container["livenessProbe"] = {"exec": {"command": ["sh", "-c", f"{name}={value} check"]}}
    elif way == "hook":
        container["lifecycle"] = {"preStop": {"exec": {"command": ["stop", f"--{name}={value}"]}}}
    elif way == "header":
        container["livenessProbe"] = {"httpGet": {"port": 1, "httpHeaders": [{"name": name, "value": value}]}}
    elif way == "text":
        container["env"] = [*container.get("env", []), {"name": "DSN", "value": f"host=db {name}={value}"}]
    elif way == "env":
        container["env"] = [*container.get("env", []), {"name": f"{prefix}{noun}", "value": value}]
    elif way == "shell":
        container["command"] = ["sh", "-c", f"{prefix.strip('.-')}{noun}={value} serve"]
    else:
        words = data.draw(st.sampled_from([[f"--{prefix}{noun}={value}"], [f"--{prefix}{noun}", value]]))
        container[way] = [*container.get(way, []), *words]
    return True


def floating_image(inputs: dict[str, Any], data: st.DataObject) -> bool:
    found = list(containers_of(inputs))
    container = found[data.draw(st.integers(0, len(found) - 1))]
    name = container["image"].partition("@")[0].rpartition(":")[0]
    container["image"] = name + data.draw(
        st.sampled_from(["", ":latest", ":nightly", ":1.2.3-SNAPSHOT", ":main", "@sha256:", ":edge-1.2"])
    )
    return True


STAR = st.sampled_from(["*", "?*", "**", "*?", "*?*"])


def wild_action(inputs: dict[str, Any], data: st.DataObject) -> bool:
    """A statement allows every action of its services, or of IAM, on everything."""
    document = json.loads(inputs["policy"])
    service = data.draw(st.sampled_from(["s3", "ec2", "kms", "iam", "dynamodb"]))
    resource = data.draw(st.sampled_from(["*", "**", f"arn:aws:{service}:*", "arn:*", f"arn:aws:{service}:*:*:*"]))
    word = data.draw(STAR)
    action = data.draw(st.sampled_from([f"{service}:{word}", [f"{service}:{word}"], "*"]))
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    listed = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    inputs["policy"] = json.dumps({**document, "Statement": [*listed, statement]})
    return True


def weak_operator(data: st.DataObject) -> str:
    """One that a wildcard satisfies."""
    return data.draw(st.sampled_from(["StringLike", "StringLikeIfExists", "ForAnyValue:StringLike", "ForAllValues:StringLike"]))


def own_widening(inputs: dict[str, Any], data: st.DataObject) -> bool:
    """A role's own inline policy lets it change roles, under a condition that limits nothing."""
    key, values = data.draw(
        st.sampled_from([("iam:PermissionsBoundary", ["*", "arn:aws:iam::1:policy/*"]), ("iam:PassedToService", ["*", "*.com"])])
    )
    operator = data.draw(st.sampled_from(["StringLike", "ArnLike", "StringEqualsIfExists", "ForAllValues:StringEquals", "Null"]))
    action = "iam:PassRole" if key == "iam:PassedToService" else data.draw(st.sampled_from(["iam:PutRolePolicy", "iam:Attach*"]))
    statement = {
        "Effect": "Allow",
        "Action": action,
        "Resource": "*",
        "Condition": {operator: {key: data.draw(st.sampled_from(values))}},
    }
    inputs["inlinePolicies"] = [{"name": "own", "policy": json.dumps({"Statement": [statement]})}]
    inputs.pop("permissionsBoundary", None)
    return True


def for_everyone(key: str) -> Callable[[dict[str, Any], st.DataObject], bool]:
    """A document allows access to everyone, sometimes with a condition that does not limit the caller."""

    def change(inputs: dict[str, Any], data: st.DataObject) -> bool:
        document = json.loads(inputs.get(key) or '{"Statement": []}')
        principal = data.draw(st.sampled_from(["*", {"AWS": "*"}, {"AWS": ["*"]}, {"AWS": "arn:aws:iam::*:root"}]))
        condition = data.draw(
            st.sampled_from(
                [
                    {},
                    {"Bool": {"aws:SecureTransport": "true"}},
                    {"StringNotEquals": {"aws:PrincipalAccount": "1"}},
                    {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
                    {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
                    {"IpAddress": {"aws:SourceIp": data.draw(st.sampled_from(["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"]))}},
                    {weak_operator(data): {"aws:PrincipalOrgID": data.draw(st.sampled_from(["o-*", "*", "o-????"]))}},
                    {"StringEquals": {data.draw(st.sampled_from(["kms:ViaService", "sts:ExternalId"])): "x"}},
                    {data.draw(st.sampled_from(["ForAllValues:StringEquals", "StringNotLike", "Null"])): {"aws:SourceArn": "x"}},
                ]
            )
        )
        statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
        statement |= {"Condition": condition} if condition else {}
        listed = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
        inputs[key] = json.dumps({**document, "Statement": [*listed, statement]})
        return True

    return change


def wider_network(inputs: dict[str, Any], data: st.DataObject) -> bool:
    """A rule admits a network that is too wide for its port, in either family."""
    for key in ("referencedSecurityGroupId", "cidrIpv4", "cidrIpv6", "prefixListId"):
        inputs.pop(key, None)
    family, network = data.draw(
        st.sampled_from([("cidrIpv4", "0.0.0.0/0"), ("cidrIpv4", "128.0.0.0/1"), ("cidrIpv6", "::/0"), ("prefixListId", "pl-1")])
    )
    port = data.draw(st.integers(1, 65535).filter(lambda each: each not in (80, 443)))
    inputs |= {family: network, "ipProtocol": data.draw(st.sampled_from(["tcp", "udp"])), "fromPort": port, "toPort": port}
    return True


WORSE: dict[str, tuple[str, tuple[Any, ...]]] = {
    "aws:cloudwatch/logGroup:LogGroup": ("retentionInDays", (None, 0, 1, 7, 29)),
    "aws:kms/key:Key": ("enableKeyRotation", (None, False)),
    "aws:ec2/subnet:Subnet": ("mapPublicIpOnLaunch", (True, "true")),
    "aws:rds/instance:Instance": ("publiclyAccessible", (True, "true")),
    "aws:rds/cluster:Cluster": ("storageEncrypted", (None, False)),
    "aws:lb/loadBalancer:LoadBalancer": ("enableDeletionProtection", (None, False)),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("transitEncryptionEnabled", (None, False, "false")),
    "aws:eks/cluster:Cluster": ("enabledClusterLogTypes", (None, [], ["api"])),
    "kubernetes:storage.k8s.io/v1:StorageClass": ("reclaimPolicy", (None, "Delete")),
}
"""By type: a property, and values that are worse than a good one."""


def worse_setting(type_: str) -> Callable[[dict[str, Any], st.DataObject], bool]:
    key, values = WORSE[type_]

    def change(inputs: dict[str, Any], data: st.DataObject) -> bool:
        value = data.draw(st.sampled_from(values))
        inputs.pop(key, None)
        inputs.update({} if value is None else {key: value})
        return True

    return change


def of(*types: str) -> Callable[[Resource], bool]:
    return lambda resource: resource.type in types


MUTATIONS = (
    Mutation("drop limits", pods, dropped("resources", "limits")),
    Mutation("drop requests", pods, dropped("resources", "requests")),
    Mutation("drop dropped capabilities", pods, dropped("securityContext", "capabilities", "drop")),
    Mutation("drop read-only root", pods, dropped("securityContext", "readOnlyRootFilesystem")),
    Mutation("loosen", pods, loosened),
    Mutation("secret by value", pods, named_secret),
    Mutation("floating image", pods, floating_image),
    Mutation("wild action", of(ROLE_POLICY), wild_action),
    Mutation("own widening", of(ROLE), own_widening),
    Mutation("topic for everyone", of(TOPIC), for_everyone("policy")),
    Mutation("wider network", of(INGRESS_RULE), wider_network),
    *(Mutation(f"worse {WORSE[type_][0]}", of(type_), worse_setting(type_)) for type_ in WORSE),
    Mutation("bucket for everyone", of(BUCKET_POLICY), for_everyone("policy")),
    Mutation("key for everyone", of(KEY), for_everyone("policy")),
    Mutation("role for everyone", of(ROLE), for_everyone("assumeRolePolicy")),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_a_mutant_that_is_worse_is_found(data: st.DataObject) -> None:
    mutation = data.draw(st.sampled_from(MUTATIONS), label="mutation")
    targets = [each for each in good() if mutation.applies(each)]
    target = data.draw(st.sampled_from(targets), label="resource")
    mutant = plain(target)
    if not mutation.change(mutant.inputs, data):
        return
    assert failures(mutant), (mutation.name, target.urn)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_pod_that_moves_to_another_kind_is_still_checked(data: st.DataObject) -> None:
    """The same pod, loosened, as a template of another kind: older versions, patches, custom resources, a bare pod."""
    owners = [each for each in good() if each.type.endswith((":Deployment", ":StatefulSet", ":DaemonSet"))]
    owner = data.draw(st.sampled_from(owners))
    template = copy.deepcopy(owner.inputs["spec"]["template"])
    loosened(template, data)
    kind, inputs = data.draw(
        st.sampled_from(
            [
                (POD, {"metadata": {}, **template}),
                ("kubernetes:apps/v1beta2:Deployment", {"spec": {"template": template}}),
                ("kubernetes:apps/v1:DaemonSetPatch", {"spec": {"template": template}}),
                ("kubernetes:core/v1:ReplicationController", {"spec": {"template": template}}),
                ("kubernetes:core/v1:PodTemplate", {"template": template}),
                ("kubernetes:batch/v1beta1:CronJob", {"spec": {"jobTemplate": {"spec": {"template": template}}}}),
                ("kubernetes:argoproj.io/v1alpha1:Rollout", {"spec": {"template": template}}),
                ("kubernetes:made.example.com/v1:Fleet", {"spec": {"groups": [{"pod": template}]}}),
            ]
        )
    )
    mutant = replace(plain(owner), type=kind, inputs={"metadata": {"name": "moved", "namespace": "x"}, **inputs})
    assert any(rule.startswith(("workload-unprivileged", "workload-not-root", "workload-seccomp")) for rule in failures(mutant)), (
        kind
    )


REFUSED = "The API or the SDK refuses the resource without it."
DEFAULT = "It states the default, so nothing changes without it."
LESS = "Less is allowed or deleted without it."
STUCK = "The pods do not become ready without it, and the rollout stops."
TWICE = "Another property of the pod or another policy has the same effect."
SILENT: dict[str, tuple[str, ...]] = {
    REFUSED: (
        *("AccessEntry principalArn", "Cluster roleArn", "NodeGroup scalingConfig.minSize", "Role assumeRolePolicy"),
        *("RolePolicy policy", "RolePolicyAttachment policyArn", "TopicPolicy policy", "StorageClass provisioner"),
        *("Listener defaultActions", "Listener protocol", "ListenerRule actions*", "SecurityGroupIngressRule cidrIpv4"),
        *("* spec.template.spec.containers", "* spec.template.spec.containers.[*].name", "* spec.template.spec.volumes*"),
        *("* *Probe.httpGet.port", "Deployment spec.selector*", "* spec.*.maxSkew", "* *.configMapRef*", "Service spec.ports*"),
        *("PersistentVolumeClaim spec.accessModes", "NetworkPolicy spec", "NetworkPolicy spec.ingress.[*].from.[*].ipBlock*"),
        *("*Role rules.[*].*", "*RoleBinding roleRef.kind", "*RoleBinding subjects.[*].*", "Role rules.[*].resources"),
        "Release chart",
    ),
    DEFAULT: (
        *("DefaultSecurityGroup *gress", "LaunchTemplate metadataOptions.httpEndpoint", "Subnet mapPublicIpOnLaunch"),
        *("VpcEndpoint vpcEndpointType", "Key deletionWindowInDays", "LoadBalancer internal", "LoadBalancer loadBalancerType"),
        *("Bucket forceDestroy", "* *.securityContext.privileged", "Deployment spec.replicas", "Service spec.type"),
        *("Deployment spec.template.spec.automountServiceAccountToken", "HorizontalPodAutoscaler *.selectPolicy"),
        *("LogGroup name", "Role name", "* metadata.name", "NetworkPolicy spec.ingress.[*].ports.[*].protocol"),
    ),
    LESS: (
        *("BucketLifecycleConfiguration rules*", "DaemonSet spec.template.spec.hostNetwork", "NetworkPolicy spec.ingress"),
        *("NetworkPolicy spec.egress", "*Role rules", "*RoleBinding subjects", "Service metadata.annotations"),
        *("PodDisruptionBudget metadata.labels", "*Role metadata.labels", "NetworkPolicy spec.egress.[*].ports.[*].protocol"),
    ),
    STUCK: (
        *("* spec.template.spec.containers.[*].env*", "* spec.template.spec.containers.[*].volumeMounts*"),
        *("* *Probe.httpGet.path", "Deployment spec.template.spec.imagePullSecrets*", "* spec.template.spec.serviceAccountName"),
        *("* spec.template.spec.containers.[*].ports*", "Release values"),
    ),
    TWICE: (
        *("* *.securityContext.runAsNonRoot", "NetworkPolicy spec.policyTypes", "NetworkPolicy spec.podSelector*"),
        "Deployment *.topologySpreadConstraints.[*].labelSelector.matchLabels",
    ),
    "Of the platform's roles, AWS refuses one without a boundary, because the pipelines' own boundary requires it.": (
        "Role permissionsBoundary",
    ),
    "Only cluster DNS is reached by selectors, on its own port, on which other pods do not listen.": (
        "NetworkPolicy spec.egress.[*].to.[*].*Selector*",
    ),
    "Without it, the driver creates volumes of type gp3.": ("StorageClass parameters.type",),
    "Without it, Helm installs the chart in the namespace default.": ("Release namespace",),
    "Without it, the claim gets the cluster's default class, which a setting allows.": (
        "PersistentVolumeClaim spec.storageClassName",
    ),
    "Servers without fixed addresses, such as AWS', are reached on these ports at any address.": (
        "NetworkPolicy spec.egress.[*].to",
    ),
    "Only objects that give permissions must be named, and the other rules find a role for them.": (
        "Role rules.[*].resourceNames",
    ),
    "It decides when a pod ends or starts, not what it may do; the tests of rollouts count lost requests.": (
        *("Deployment spec.template.spec.containers.[*].lifecycle*", "* spec.template.spec.priorityClassName"),
    ),
}
"""The dropped properties that no rule reports, by the reason: the end of the type and the path; ``[*]`` is an item of a list."""


def dropped_from_the_graph() -> Iterator[tuple[str, Resource, list[Rule]]]:
    """Each property that a rule reads of the platform, as ``TYPE PATH``, one resource without it, and all rules that read it."""
    resources = run_platform("production").resources
    by_urn = {each.urn: each for each in resources}
    found: dict[tuple[str, str], Resource] = {}
    readers: dict[tuple[str, str], list[Rule]] = {}
    for rule in policies.RULES:
        for read in reads(rule, resources, CONFIG):
            type_, path = read.shape
            name = f"{type_.rpartition(':')[2]} {'.'.join('[*]' if part == '*' else str(part) for part in path)}"
            readers.setdefault((type_, name), []).append(rule)
            if (type_, name) not in found and (mutant := without(by_urn[read.urn], read.path)) is not None:
                found[type_, name] = mutant
    yield from ((key[1], mutant, list(dict.fromkeys(readers[key]))) for key, mutant in found.items())


def test_each_property_that_a_rule_reads_is_missed_when_it_is_dropped() -> None:
    """Only the rules that read the property are evaluated, because the other rules have the same result as before."""

    def broken(world: Iterable[Resource], rules: Sequence[Rule]) -> set[tuple[str, ...]]:
        checked = evaluate(world, rules, CONFIG)
        return {(each.rule, each.urn, each.path, each.message) for each in checked if each.status in ("failed", "unknown")}

    resources = run_platform("production").resources
    before = broken(resources, policies.RULES)
    patterns = {
        pattern: re.compile(fnmatch.translate(pattern.replace("[*]", "[[]?]"))) for listed in SILENT.values() for pattern in listed
    }
    unexplained: list[str] = []
    used: set[str] = set()
    count = 0
    for name, mutant, readers in dropped_from_the_graph():
        count += 1
        if broken((mutant if each.urn == mutant.urn else each for each in resources), readers) <= before:
            reasons = {pattern for pattern, compiled in patterns.items() if compiled.match(name)}
            used |= reasons
            unexplained += [] if reasons else [f"{name} of {mutant.name}"]
    assert unexplained == []
    assert set(patterns) - used == set()
    assert count > 300


def failures(mutant: Resource) -> set[str]:
    """What fails of the mutant and did not before."""
    return {each.rule for each in policies.check([mutant], "production", CONFIG) if each.status == "failed"} - ignored_rules(
        mutant.urn
    )


@cache
def ignored_rules(urn: str) -> frozenset[str]:
    """Rules that require a related resource, which is missing when the resource is checked alone."""
    alone = next(each for each in good() if each.urn == urn)
    return frozenset(each.rule for each in policies.check([alone], "production", CONFIG) if each.status == "failed")
