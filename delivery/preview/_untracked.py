"""Finds AWS resources that are not in the state: resources with the project's tags, and rules of the stack's security groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from contract import MANAGED_BY_CLUSTER, PROJECT, SHARED
from delivery.clients.environment import ENVIRONMENTS, Environment
from delivery.preview.change import Foreign
from program.types import EGRESS_RULE, INGRESS_RULE, SECURITY_GROUP

SECURITY_GROUP_RULES = frozenset({INGRESS_RULE, EGRESS_RULE})

TAGS_BY_CLUSTER = (
    *("eks:cluster-name", "eks:nodegroup-name", "aws:autoscaling:groupName", "aws:ec2launchtemplate:id"),
    *("node.k8s.amazonaws.com/", "ebs.csi.aws.com/cluster", "kubernetes.io/created-for/", "kubernetes.io/cluster/"),
)
"""Prefixes of the keys of tags that EKS, autoscaling groups, the VPC CNI and the EBS CSI driver set on the resources they create.

Volumes and nodes from earlier versions of the program have only these tags, and not the tag ``managed-by=cluster``.
"""


def foreign(environment: Environment, resources: Sequence[Mapping[str, Any]]) -> tuple[Foreign, ...]:
    """The environment's resources in AWS that are not in the state of its stack. ``resources`` are the resources in this state.

    A resource with the project's tag belongs to the environment, with two exceptions: resources that the cluster created, and
    resources whose tag ``environment`` names another environment or the account. A rule of a security
    group belongs to the environment if it is in one of the stack's security groups.
    """
    return (*_tagged(environment, resources), *_rules(environment, resources))


def _tagged(environment: Environment, resources: Sequence[Mapping[str, Any]]) -> Iterator[Foreign]:
    known = known_names(resources)
    others = {*ENVIRONMENTS, SHARED} - {environment.name}
    pages = environment.aws("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(TagFilters=[{"Key": "project", "Values": [PROJECT]}]):
        for each in cast("list[dict[str, Any]]", page["ResourceTagMappingList"]):
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            # Several environments can share an account. A resource with the tag of another environment is checked there.
            if tags.get("environment") in others or made_by_cluster(tags) or names_of(each["ResourceARN"]) & known:
                continue
            shown = ", ".join(f"{key}={tags[key]}" for key in ("project", "environment") if key in tags)
            yield Foreign(arn=each["ResourceARN"], why=f"tagged {shown}")


def made_by_cluster(tags: Mapping[str, str]) -> bool:
    """Whether a resource with these tags is a node, a part of a node, or the volume of a PersistentVolumeClaim.

    Such resources are in no state, because the cluster creates them.
    """
    return tags.get("managed-by") == MANAGED_BY_CLUSTER or any(key.startswith(TAGS_BY_CLUSTER) for key in tags)


def known_names(resources: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Ids and ARNs of the resources in a state.

    The ARN is an output such as ``arn`` or ``accessEntryArn``. An input such as ``roleArn`` is the ARN of another resource.
    """
    found: set[str] = set()
    for each in resources:
        inputs, outputs = (cast("dict[str, Any]", each.get(part) or {}) for part in ("inputs", "outputs"))
        arns = [value for name, value in outputs.items() if name.lower().endswith("arn") and name not in inputs]
        found |= {str(value) for value in (each.get("id"), *arns) if value}
    return frozenset(found)


def names_of(arn: str) -> frozenset[str]:
    """The names that a state can contain for the resource with this ARN: the ARN itself, or the id at its end.

    The ARN of a log group can end with ``:*``, and the ARN of an S3 bucket has no type before the name.
    """
    bare = arn.removesuffix(":*")
    resource = bare.split(":", 5)[-1]
    return frozenset(
        {bare, f"{bare}:*", resource, resource.rpartition("/")[2], bare.rpartition(":")[2], resource.partition(":")[2]} - {""}
    )


def _rules(environment: Environment, resources: Sequence[Mapping[str, Any]]) -> Iterator[Foreign]:
    """The rules in the stack's security groups that are not in the state.

    A rule that was added by hand has no tag of the project, so :func:`_tagged` does not find it.
    """
    groups = [str(each["id"]) for each in resources if each.get("type") == SECURITY_GROUP and each.get("id")]
    if not groups:
        return
    known = {str(each.get("id")) for each in resources if each.get("type") in SECURITY_GROUP_RULES}
    pages = environment.aws("ec2").get_paginator("describe_security_group_rules")
    for page in pages.paginate(Filters=[{"Name": "group-id", "Values": groups}]):
        for rule in cast("list[dict[str, Any]]", page["SecurityGroupRules"]):
            if rule["SecurityGroupRuleId"] not in known:
                yield Foreign(arn=rule["SecurityGroupRuleId"], why=f"a rule of {rule['GroupId']}: {_described(rule)}")


def _described(rule: Mapping[str, Any]) -> str:
    peer = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId")
    peer = peer or cast("dict[str, Any]", rule.get("ReferencedGroupInfo") or {}).get("GroupId", "?")
    first, last = rule.get("FromPort"), rule.get("ToPort")
    ports = "all ports" if first in (None, -1) else f"port {first}" if first == last else f"ports {first} to {last}"
    return f"{ports} {'to' if rule.get('IsEgress') else 'from'} {peer}"
