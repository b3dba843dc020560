"""The resources that a call names: their ARNs and their tags.

EC2's ids begin with the type of the resource. The path of an S3 call contains the bucket and the key. Calls to other services name
resources by ARN, or by the parameters in :data:`NAMES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from embedded_cloud.front import eks
from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.backends import backend, key_of_ciphertext
from embedded_cloud.front.call import Call

PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
"""Service name in botocore -> prefix of the service's IAM actions, if the two differ."""

NAMES = {
    "cloudwatch": (("AlarmName", "alarm:{}"), ("AlarmNames", "alarm:{}")),
    "dynamodb": (("TableName", "table/{}"),),
    "eks": (("clusterName", "cluster/{}"), ("name", "cluster/{}")),
    "iam": (
        ("RoleName", "role/{}"),
        ("InstanceProfileName", "instance-profile/{}"),
        ("PolicyArn", "{}"),
        ("OpenIDConnectProviderArn", "{}"),
    ),
    "kms": (("KeyId", "key/{}"), ("TargetKeyId", "key/{}"), ("AliasName", "{}")),
    "logs": (("logGroupName", "log-group:{}:*"), ("logGroupIdentifier", "log-group:{}:*")),
    "route53": (("HostedZoneId", "hostedzone/{}"),),
    "sns": (("Name", "{}"),),
}
"""Service -> the parameters that name a resource, each with the last part of the resource's ARN.

If a call to IAM has several of these parameters, only the first resource counts.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

EC2_TYPES = {
    "eipalloc": "elastic-ip",
    "fl": "vpc-flow-log",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""The prefix of an id of EC2 -> the type in the resource's ARN."""

EC2_ID = re.compile(r"([a-z]+)-[0-9a-f]{8,17}")


def resources(call: Call) -> tuple[str, ...]:
    """The ARNs of a call's resources; empty if the path, the parameters and the ciphertext of the call name no resource."""
    match call.service:
        case "s3":
            bucket, key = [*str(call.request.path).lstrip("/").split("/", 1), ""][:2]
            return (f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}",) if bucket else ()
        case "ec2":
            ids = [(found[1], text) for text in _texts(call.parameters) if (found := EC2_ID.fullmatch(text))]
            return tuple(_arn(call, f"{EC2_TYPES[prefix]}/{id}") for prefix, id in ids if prefix in EC2_TYPES)
        case "eks" if part := _part_of_a_cluster(call):
            return (part,)
        case "iam":
            return tuple(_named(call))[:1]
        case "kms" if "KeyId" not in call.parameters and (key := key_of_ciphertext(call)):
            return (_key(call, key),)
        case _:
            own = f"arn:aws:{PREFIXES.get(call.service, call.service)}:"
            return tuple(dict.fromkeys([*_named(call), *(text for text in _texts(call.parameters) if text.startswith(own))]))


def tags(call: Call, arn: str) -> dict[str, str]:
    """The tags of a resource; empty if it has none or does not exist.

    Also empty for S3, Route 53, and all resources of IAM except roles.
    """
    service, rest = arn.split(":", 5)[2::3]
    match service:
        case "ec2":
            return backend("ec2", call).tags.get(rest.split("/")[-1], {})
        case "eks":
            if own := eks.by_arn(arn):
                return own["tags"]
            found = [each for each in _clusters_and_nodes(call) if each.arn == arn]
            return dict(found[0].tags or {}) if found else {}
        case "elasticloadbalancing":
            return backend("elbv2", call).tagging_service.get_tag_dict_for_resource(arn)
        case "iam":
            roles = [each for each in list(backend("iam", call).roles.values()) if each.arn == arn]
            return {tag["Key"]: tag["Value"] for role in roles for tag in role.tags}
        case "acm" | "cloudwatch" | "dynamodb" | "kms" | "logs" | "sns":
            found = [each.tags for each in backend(service, call).iter_tagged_resources() if each.arn == arn.removesuffix(":*")]
            return found[0] if found else {}
        case _:
            return {}


def aliases(call: Call, arn: str) -> tuple[str, ...]:
    """The aliases of a KMS key."""
    key = backend("kms", call).keys.get(arn.rsplit("/", 1)[-1])
    return tuple(key.aliases) if key else ()


def _named(call: Call) -> Iterator[str]:
    for parameter, form in NAMES.get(call.service, ()):
        value = call.parameters.get(parameter) or ()
        for name in [value] if isinstance(value, str) else value:
            if call.service == "kms" and form == "key/{}":
                yield _key(call, name)
            else:
                yield name if name.startswith("arn:") else _arn(call, form.format(name))


def _key(call: Call, name: str) -> str:
    """The ARN of a KMS key. ``name`` is the id or ARN of the key, or the name or ARN of an alias of the key."""
    kms = backend("kms", call)
    last = name.split(":")[-1]
    id = kms.get_key_id_from_alias(last) if last.startswith("alias/") else last.removeprefix("key/")
    return _arn(call, f"key/{id or last}")


def _part_of_a_cluster(call: Call) -> str | None:
    """The ARN of the node group, add-on, access entry or Pod Identity association that a call names.

    ``None`` if the call names none of these resources, or if the call creates or lists them.
    """
    wanted = call.parameters
    owner = wanted.get("clusterName")
    if owner is None or call.name.startswith(("Create", "List")):
        return None
    parts = eks.parts(owner)
    if "nodegroupName" in wanted:
        found = [each.arn for each in _clusters_and_nodes(call) if _names_nodes(each, owner, wanted["nodegroupName"])]
        return found[0] if found else _arn(call, f"nodegroup/{owner}/{wanted['nodegroupName']}/*")
    of_ours = (
        (parts.addons, "addonName", "addonArn"),
        (parts.entries, "principalArn", "accessEntryArn"),
        (parts.associations, "associationId", "associationArn"),
    )
    arns = (found[arn] for table, key, arn in of_ours if (found := table.get(wanted.get(key, ""))))
    return next(arns, None)


def _names_nodes(each: Any, cluster: str, name: str) -> bool:
    return getattr(each, "nodegroup_name", None) == name and each.cluster_name == cluster


def _clusters_and_nodes(call: Call) -> Iterator[Any]:
    for cluster in list(backend("eks", call).clusters.values()):
        yield cluster
        yield from list(cluster.nodegroups.values())


def _arn(call: Call, last: str) -> str:
    region, account = {"iam": ("", ACCOUNT), "route53": ("", "")}.get(call.service, (call.region, ACCOUNT))
    return f"arn:aws:{PREFIXES.get(call.service, call.service)}:{region}:{account}:{last}"


def _texts(value: Any) -> Iterator[str]:
    """All strings in the parameters of a call."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for each in value:
            yield from _texts(each)
