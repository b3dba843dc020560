"""The caller of a call, and whether the caller's policies and boundary allow the action.

moto's own matcher refuses a call if it cannot evaluate a condition, and ignores boundaries. In this module, an Allow statement
applies if its condition cannot be evaluated, and a Deny statement with such a condition is ignored. So this module can allow a call
that AWS refuses. This module does not read the policies of resources (such as KMS keys). If only such a policy allows a call, this
module refuses the call, and AWS allows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.call import AwsError, Call
from embedded_cloud.front.conditions import is_met
from embedded_cloud.front.named import PREFIXES, resources

PARTITION = "aws"
"""The key, in place of a region, under which moto stores resources without a region."""

ADMINISTRATORS_KEY = re.compile(r"(?!A[KS]IA)")
"""Access keys without AWS' format belong to the administrator. The tests use such keys, and so does
:class:`embedded_cloud.engine.LocalEngine`."""

S3_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
"""Some calls of S3 whose IAM action has another name.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

ALWAYS_ALLOWED = frozenset({"sts:GetCallerIdentity", "sts:AssumeRoleWithWebIdentity"})
"""Actions that need no permission of the caller. For AssumeRoleWithWebIdentity, only the role's trust policy counts.

Sources: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html,
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

PASSED_ROLES = {
    ("ec2", "CreateFlowLogs"): ("DeliverLogsPermissionArn",),
    ("ec2", "RunInstances"): (),
    ("eks", "CreateAddon"): ("serviceAccountRoleArn",),
    ("eks", "CreateCluster"): ("roleArn",),
    ("eks", "CreateNodegroup"): ("nodeRole",),
    ("eks", "CreatePodIdentityAssociation"): ("roleArn",),
    ("eks", "UpdateAddon"): ("serviceAccountRoleArn",),
    ("eks", "UpdatePodIdentityAssociation"): ("roleArn",),
}
"""Calls that pass a role to a service, with the parameters that contain the role's ARN. The caller needs `iam:PassRole`.

RunInstances names an instance profile instead of a role. The profile's role is not checked.
"""

ON_EVERYTHING = (
    *("acm:ListCertificates", "acm:RequestCertificate", "ec2:Describe*", "eks:CreateCluster", "eks:DescribeAddonVersions"),
    *("eks:ListClusters", "elasticloadbalancing:Describe*", "kms:CreateKey", "kms:ListAliases", "kms:ListKeys"),
    *("route53:ListHostedZonesByName", "s3:ListAllMyBuckets", "tag:GetResources"),
)
"""Actions that IAM cannot restrict to a resource, so only a statement on `*` allows them.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

CODES = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied"}
CODES_BY_PROTOCOL = {"query": "AccessDenied", "rest-xml": "AccessDenied"}
NOT_ALLOWED = 403


@dataclass(frozen=True)
class Caller:
    """The identity whose credentials signed a call."""

    arn: str
    role: str | None
    """The role's name; ``None`` for the account's administrator, who has no limits."""


def caller_of(access_key: str, token: str = "") -> Caller:
    """The owner of an access key. Raises ``AwsError`` for a key in AWS' format that STS did not issue with this token."""
    if ADMINISTRATORS_KEY.match(access_key):
        return Caller(f"arn:aws:iam::{ACCOUNT}:root", None)
    for session in sts_backends[ACCOUNT][PARTITION].assumed_roles:
        if session.access_key_id == access_key and session.session_token == token:
            return Caller(session.arn, session.role_arn.rsplit("/", 1)[-1])
    raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", NOT_ALLOWED)


def require_allowed(call: Call) -> None:
    """Raise ``AwsError``, which names the action, if the policies or the boundary of the caller's role do not allow the call."""
    caller = caller_of(call.access_key, call.token) if call.access_key else None
    if caller is None or caller.role is None:
        return
    for action, resource in actions(call):
        if action not in ALWAYS_ALLOWED and not is_allowed(caller.role, action, resource, call):
            code = CODES.get(call.service) or CODES_BY_PROTOCOL.get(
                str(call.operation.service_model.protocol), "AccessDeniedException"
            )
            on = f" on resource: {resource}" if resource else ""
            message = f"User: {caller.arn} is not authorized to perform: {action}{on}"
            raise AwsError(code, message, NOT_ALLOWED)


def actions(call: Call) -> Iterator[tuple[str, str | None]]:
    """The required actions of a call, each with its resource.

    The resource is an ARN, ``*`` for an action in ``ON_EVERYTHING``, or ``None`` if the call names no resource.
    """
    name = S3_ACTIONS.get(call.name, call.name) if call.service == "s3" else call.name
    action = f"{PREFIXES.get(call.service, call.service)}:{name}"
    for resource in ("*",) if any(_like(each, action) for each in ON_EVERYTHING) else resources(call) or (None,):
        yield action, resource
    for parameter in PASSED_ROLES.get((call.service, call.name), ()):
        if arn := call.parameters.get(parameter):
            yield "iam:PassRole", str(arn)


def is_allowed(role: str, action: str, resource: str | None, call: Call) -> bool:
    """Whether a role's policies, and the role's boundary if there is one, allow the action."""
    backend = iam_backends[ACCOUNT][PARTITION]
    found = backend.get_role(role)
    inline = [backend.get_role_policy(role, name)[1] for name in backend.list_role_policies(role)]
    attached = [_document(each) for each in backend.list_attached_role_policies(role)[0]]
    statements = [statement for text in (*inline, *attached) for statement in _statements(text)]
    if not decide(statements, action, resource, call):
        return False
    boundary = found.permissions_boundary_arn
    return not boundary or decide(_statements(_document(backend.get_policy(boundary))), action, resource, call)


def decide(statements: Sequence[dict[str, Any]], action: str, resource: str | None, call: Call) -> bool:
    """Whether at least one statement can allow the action, and no statement certainly denies it."""

    def apply(effect: str, *, unknown: bool) -> bool:
        return any(
            each["Effect"] == effect
            and _names(each, action)
            and _covers(each, resource, unknown=unknown)
            and is_met(each.get("Condition", {}), call, resource, unknown=unknown)
            for each in statements
        )

    return apply("Allow", unknown=True) and not apply("Deny", unknown=False)


def _names(statement: dict[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(_like(pattern, action, fold=True) for pattern in _listed(statement["NotAction"]))
    return any(_like(pattern, action, fold=True) for pattern in _listed(statement["Action"]))


def _covers(statement: dict[str, Any], resource: str | None, *, unknown: bool) -> bool:
    """Whether a statement applies to a resource.

    Returns ``unknown`` if the resource of the call is not known and the statement names specific resources.
    """
    excepted = _listed(statement.get("NotResource", []))
    patterns = _listed(statement.get("Resource", "*"))
    if not excepted and "*" in patterns:
        return True
    if resource is None:
        return unknown
    if excepted:
        return not any(_like(pattern, resource) for pattern in excepted)
    return any(_like(pattern, resource) for pattern in patterns)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _like(pattern: str, text: str, *, fold: bool = False) -> bool:
    return _pattern(pattern, fold).fullmatch(text) is not None


@cache
def _pattern(pattern: str, fold: bool) -> re.Pattern[str]:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.IGNORECASE if fold else 0)


def _document(policy: Any) -> str:
    return next(version.document for version in policy.versions if version.is_default)


@cache
def _statements(text: str) -> list[dict[str, Any]]:
    statements = json.loads(text)["Statement"]
    return cast("list[dict[str, Any]]", statements if isinstance(statements, list) else [statements])
