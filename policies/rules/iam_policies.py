"""Rules on IAM: the permissions that policies give, and the principals that roles and other resources trust."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import iam
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._identities import (
    ATTACHED,
    ATTACHMENTS,
    DECLARED,
    DEFERRED,
    INLINE,
    Identity,
    documents_of,
    identities_at,
    is_arn_of,
    texts_of,
)
from policies.views import ResourceIndex, UnknownValueError, View
from program.catalogue import EXAMPLE_ARN
from program.protocol import UNKNOWNS
from program.types import (
    ACCESS_ENTRY,
    BUCKET_POLICY,
    CLUSTER,
    ENDPOINT,
    KEY,
    POLICY,
    ROLE,
    ROLE_POLICY,
    TOPIC_POLICY,
)

PACK = Pack("identity")


@PACK.rule(
    "identity-no-wildcard-admin",
    POLICY,
    *INLINE,
    ROLE,
    title="No policy allows every action of a service, or access to the data of all resources",
    why="An attacker who controls a process with such a policy controls the account, or can read and delete the account's data.",
    fix="List the actions and resources that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16", "AWS Security Hub IAM.1"),
    deferred=frozenset({"policy", "inlinePolicies"}),
    parameters=("service_administrators",),
)
def no_wildcard_admin(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a document that allows every action of a service on all resources.

    A document is also too wide if it allows all actions except named ones, allows actions on all resources except named ones, or
    allows every action of a service that gives permissions (:data:`policies.iam.POWERFUL`), even on one resource. A single action
    is enough if it reaches the data of every bucket, key, table, secret or parameter, gives control of every key, bucket, instance
    or cluster, or has a pattern as its service, such as ``s*:Get*``. The policies in ``service_administrators`` may allow every
    action of a service that gives no permissions, if their role has a boundary. A policy without attachment, such as a boundary,
    gives no permissions and is not checked.
    """
    if view.resource.type == POLICY and not _is_attached(view, index):
        return
    administers = view.resource.name in limits.service_administrators and _has_boundary(view, index)
    for holder, path in documents_of(view):
        given = list(iam.statements(holder, path))
        for statement in given:
            if statement.allows:
                yield from _unlisted(statement)
        if not any(iam.many_services(each) for each in given if each.allows):
            yield from _too_wide(holder, path, given, administers=administers)


def _has_boundary(view: View, index: ResourceIndex) -> bool:
    roles = index.sources(view, "role", ROLE) if view.resource.type == ROLE_POLICY else []
    return bool(roles) and all(each.has_or_depends("permissionsBoundary") for each in roles)


def _is_attached(view: View, index: ResourceIndex) -> bool:
    """Whether a policy is attached, by any resource type. A policy without attachment, such as a boundary, gives no permissions.

    If another stack attaches the policy by its ARN, :func:`managed_policies_allowed` reports the attachment in that stack.
    """
    return any(index.users(view, key, type_) for type_, key in ATTACHED.items())


def _unlisted(statement: iam.StatementView) -> Iterator[Problem]:
    holder, path = statement.holder, statement.path
    if statement.not_actions:
        yield at(holder, path, "allows all actions except those of NotAction", "list in Action the actions that are needed")
    if statement.not_resources:
        yield at(holder, path, "allows all resources except those of NotResource", "list in Resource the resources that are needed")
    for action in iam.many_services(statement):
        scope = "everything" if iam.everything(statement, "*") else "some resources"
        yield at(holder, path, f"allows {action} on {scope}", "list the actions and the resources that are needed")


DATA = {
    ("key", "arn:aws:kms:*:*:key/zq-xw9"): (
        *("kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:PutKeyPolicy", "kms:DisableKey", "kms:ScheduleKeyDeletion"),
    ),
    ("object", "arn:aws:s3:::zq-xw9/zq-xw9"): (
        *("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    ),
    ("bucket", "arn:aws:s3:::zq-xw9"): (
        *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutLifecycleConfiguration"),
        *("s3:PutReplicationConfiguration", "s3:DeleteBucket"),
    ),
    ("table", "arn:aws:dynamodb:*:*:table/zq-xw9"): (
        *(f"dynamodb:{verb}" for verb in ("BatchGetItem", "GetItem", "PartiQLSelect", "Query", "Scan", "ExportTableToPointInTime")),
        *(f"dynamodb:{verb}" for verb in ("BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem", "DeleteTable")),
    ),
    ("secret", "arn:aws:secretsmanager:*:*:secret:zq-xw9"): (
        *(f"secretsmanager:{verb}" for verb in ("GetSecretValue", "BatchGetSecretValue", "PutSecretValue", "PutResourcePolicy")),
        "secretsmanager:DeleteSecret",
    ),
    ("parameter", "arn:aws:ssm:*:*:parameter/zq-xw9"): (
        *(
            f"ssm:{verb}"
            for verb in ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory", "PutParameter")
        ),
    ),
    ("instance", "arn:aws:ec2:*:*:instance/zq-xw9"): ("ssm:SendCommand", "ssm:StartSession"),
    ("cluster", "arn:aws:eks:*:*:access-entry/zq-xw9/role/1/zq-xw9/x"): ("eks:AssociateAccessPolicy",),
}
"""Actions that reach data or give control of a resource, by the kind of the resource and an ARN of a resource that does not exist.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def _too_wide(holder: View, path: str, given: list[iam.StatementView], *, administers: bool) -> Iterator[Problem]:
    """Yield a problem for each service of which the statements together allow every action.

    Yield a problem also for each kind of resource in :data:`DATA` if the statements allow access to all resources of this kind.

    With ``administers``, the statements may allow every action of a service that gives no permissions.
    """
    allows = [each for each in given if each.allows]
    whole: set[str] = set()
    for service in dict.fromkeys(action.partition(":")[0].lower() for each in allows for action in each.actions if ":" in action):
        wide = [each for each in allows if iam.everything(each, service)]
        names = [action for each in wide for action in each.actions if action.lower().startswith(f"{service}:")]
        name = min(names, key=lambda each: len(each.partition(":")[2].strip("*?")), default="")
        every = name if not name.partition(":")[2].strip("*?") else f"every action of {service}"
        if iam.covers_service(service, wide):
            whole.add(service)
            if administers and service not in iam.POWERFUL:
                continue
            yield at(holder, path, f"allows {every} on everything", "list the actions and the resources that are needed")
        elif service in iam.POWERFUL and iam.covers_service(service, allows):
            fix = "list the actions that are needed"
            yield at(holder, path, f"allows every action of {service}, which is enough to get all other permissions", fix)
    unnamed = [each for each in given if not (each.allows and iam.names_resources(each))]
    for (kind, arn), actions in DATA.items():
        names = [each for each in actions if each.partition(":")[0] not in whole and iam.allowed(each, arn, unnamed, None)]
        if names:
            yield at(holder, path, f"allows {', '.join(names)} on every {kind}", f"name each {kind} in Resource")


@PACK.rule(
    "identity-managed-policies",
    *ATTACHED,
    title="Roles, groups and users have only the AWS managed policies that the environment allows",
    why="Many AWS managed policies give access to the data of the whole account, and AWS can add actions to them.",
    fix="Attach a policy with the actions that are needed, or allow the policy in `policies/limits.py`.",
    severity="critical",
    frameworks=("CIS AWS 1.16",),
    parameters=("managed_policies",),
    deferred=frozenset({"policyArn", "policyArns", "managedPolicyArns"}),
)
def managed_policies_allowed(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for an AWS managed policy that is not allowed, and for a policy that neither AWS nor the program defines."""
    key = ATTACHED[view.resource.type]
    declared = index.sources(view, key, POLICY)
    for arn in texts_of(view, key):
        name = arn.rpartition("/")[2]
        if ":aws:policy/" in arn and arn.partition(":policy/")[2] not in limits.managed_policies:
            yield at(view, key, f"gives {name}", "attach a policy with the actions that are needed")
        elif re.match(r"arn:[\w-]+:iam::\d{12}:policy/", arn) and not any(is_arn_of(arn, each) for each in declared):
            yield at(view, key, f"gives {name}, which is not declared here", "declare the policy in the program")


OWN = {
    "role": (
        *("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
        *("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"),
    ),
    "group": ("iam:AttachGroupPolicy", "iam:PutGroupPolicy", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy"),
    "user": (
        *("iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:DeleteUserPolicy", "iam:DetachUserPolicy"),
        *("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"),
    ),
    "policy": ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
}
"""For each kind of identity, the actions by which an identity can extend its own permissions.

The entry ``policy`` has the actions by which any identity can change a policy that is attached to this identity.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

OTHERS = {
    "user": (
        *("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:AttachUserPolicy", "iam:PutUserPolicy"),
    ),
    "group": ("iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:PutGroupPolicy"),
    "role": ("iam:PassRole", "sts:AssumeRole", "iam:UpdateAssumeRolePolicy"),
}
"""For each kind of identity, the actions that give the caller the permissions of other identities. The rule reports an action only
if it is allowed on every identity of the kind."""

RUNS_AS = {
    "cloudformation.amazonaws.com": "cloudformation:CreateStack",
    "codebuild.amazonaws.com": "codebuild:CreateProject",
    "ec2.amazonaws.com": "ec2:RunInstances",
    "ecs-tasks.amazonaws.com": "ecs:RunTask",
    "glue.amazonaws.com": "glue:CreateJob",
    "lambda.amazonaws.com": "lambda:CreateFunction",
    "sagemaker.amazonaws.com": "sagemaker:CreateNotebookInstance",
}
"""Services that run the caller's code with a role that the caller passes, each with the action that starts the code."""

ANY = "zq-xw9"
"""A name that does not exist, so only a wildcard matches it."""


@PACK.rule(
    "identity-no-self-widening",
    *DECLARED.values(),
    *INLINE,
    *ATTACHMENTS,
    title="No role, group or user can extend its own permissions",
    why="An attacker with such an identity can get every permission in the account.",
    fix="Name other roles in the statement, deny the action on the role itself, or require a permissions boundary by a condition.",
    severity="critical",
    frameworks=("AWS IAM: Permissions boundaries for IAM entities",),
    deferred=DEFERRED,
)
def no_self_widening(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem for each action by which a role, group or user can extend its own permissions.

    The rule evaluates all inline and attached policies that the program declares for the identity, together with its boundary. If
    the program does not declare the identity, the rule evaluates each policy alone.
    """
    for identity in identities_at(view, index):
        own = f"{identity.kind}/{identity.name}"
        probes = [(action, identity.arn, own) for action in OWN[identity.kind]]
        probes += [(action, arn, arn.rpartition(":")[2]) for action in OWN["policy"] for arn in sorted(identity.policies)]
        probes += [(action, f"arn:aws:iam::*:{kind}/{ANY}", f"any {kind}") for kind in OTHERS for action in OTHERS[kind]]
        found: dict[str, Problem] = {}
        for action, arn, what in probes:
            cause = iam.allowed(action, arn, identity.given, identity.limit)
            if cause is not None and action not in found:
                message = f"may {action} on {what}, by {cause.holder.resource.name}"
                found[action] = at(view, "", message, f"name other resources, or deny {action} on {what}")
        yield from found.values()
        if "iam:PassRole" not in found:
            yield from _runs_as_any_role(view, identity)


def _runs_as_any_role(view: View, identity: Identity) -> Iterator[Problem]:
    """Yield a problem for each service to which the identity may pass any role, and in which it may start code with that role."""
    for service, action in RUNS_AS.items():
        passed = iam.allowed("iam:PassRole", f"arn:aws:iam::*:role/{ANY}", identity.given, identity.limit, service)
        if passed is not None and iam.allowed(action, "", identity.given, identity.limit) is not None:
            message = f"may pass any role to {service} and start code with this role ({action}), by {passed.holder.resource.name}"
            yield at(view, "", message, "name in Resource the roles that may be passed")


PRINCIPALS_IN = {ROLE: "assumeRolePolicy", ACCESS_ENTRY: "principalArn"}
"""The property that names the trusted principals; for types that are not in this table, it is ``policy``."""


@PACK.rule(
    "identity-no-public-principal",
    ROLE,
    BUCKET_POLICY,
    KEY,
    TOPIC_POLICY,
    ENDPOINT,
    title="No role, bucket, key or topic is open to everyone",
    why="The principal `*` is everyone, and only a condition on the caller limits it.",
    fix="Name the accounts, roles or services in `Principal`, or add a condition on the caller.",
    severity="critical",
    frameworks=("AWS Security Hub S3.2", "AWS Security Hub KMS.5"),
    deferred=frozenset({"policy", "assumeRolePolicy"}),
)
def no_public_principal(view: View) -> Iterator[Problem]:
    """Yield a problem for a statement that is open to everyone.

    Only a condition on the caller's account, organisation, network or ARN limits a principal ``*``. The callers of a VPC endpoint
    are inside the network, so its policy may allow everyone. But the policy must name resources, because otherwise callers can
    send data to other accounts.
    """
    path = PRINCIPALS_IN.get(view.resource.type, "policy")
    for statement in iam.statements(view, path):
        unlimited = view.resource.type != ENDPOINT or any(iam.everything(statement, each) for each in ("*", _service_of(view)))
        if iam.public(statement) and unlimited:
            yield at(view, path, "is open to everyone", "name the accounts, roles or services in Principal")


OWN_ACCOUNT = {ROLE: "permissionsBoundary", CLUSTER: "roleArn"}
"""Properties with the ARN of a role or policy, which must be in the same account as the resource."""


@PACK.rule(
    "identity-known-accounts",
    ROLE,
    BUCKET_POLICY,
    KEY,
    TOPIC_POLICY,
    ENDPOINT,
    ACCESS_ENTRY,
    title="Roles, resources and the cluster trust only known AWS accounts",
    why="The owner of a trusted account decides who uses the access, and an unknown account can belong to an attacker.",
    fix="Name the stack's own account, or add the account to `trusted_accounts` in `policies/limits.py`.",
    severity="critical",
    frameworks=("AWS Security Hub S3.6", "IAM Access Analyzer: external access"),
    deferred=frozenset({"policy", "assumeRolePolicy", "principalArn", *OWN_ACCOUNT.values()}),
    parameters=("trusted_accounts",),
)
def known_accounts(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a statement or an access entry that names an unknown account as the principal or the caller.

    Known accounts are the stack's own account and those in ``trusted_accounts``.

    The stack's own account comes from the ARNs of the roles' boundaries and of the cluster's role, because AWS accepts only
    boundaries and roles of this account. Without such an ARN, only ``trusted_accounts`` are known.
    """
    path = PRINCIPALS_IN.get(view.resource.type, "policy")
    if view.resource.type == ACCESS_ENTRY:
        named = {iam.account_of(view.text(path))}
    else:
        named = {account for each in iam.statements(view, path) if each.allows for account in iam.accounts_in(each)}
    others = named - {"", *limits.trusted_accounts}
    own = _own_arns(index) if others else []
    strangers = sorted(others - {iam.account_of(arn) for arn in own})
    if strangers and own and all(arn.startswith(EXAMPLE_ARN) for arn in own):
        raise UnknownValueError((path,))
    fix = ("name the stack's own account, or " if own else "") + "add the account to trusted_accounts in policies/limits.py"
    for account in strangers:
        yield at(view, path, f"the AWS account {account} is trusted", fix)


def _own_arns(index: ResourceIndex) -> list[str]:
    """The ARNs that contain the stack's account. Raises ``UnknownValueError`` if all of them are unknown."""
    given = [(each, key) for type_, key in OWN_ACCOUNT.items() for each in index.of(type_) if each.given(key)]
    known = [(each, key) for each, key in given if each.resource.inputs[key] not in [*UNKNOWNS]]
    return [each.text(key) for each, key in known or given]


def _service_of(endpoint: View) -> str:
    return endpoint.text("serviceName").rpartition(".")[2]


@PACK.rule(
    "identity-trusted-tokens",
    ROLE,
    title="A role that trusts an OIDC issuer requires a certain subject of the tokens",
    why="GitHub issues tokens to every repository. Without a condition on the subject, every repository may assume the role.",
    fix="Add a condition `StringEquals` on the issuer's `sub` that names the repository and the GitHub environment.",
    severity="critical",
    frameworks=("GitHub: Configuring OpenID Connect in Amazon Web Services",),
    deferred=frozenset({"assumeRolePolicy"}),
)
def trusted_tokens(view: View) -> Iterator[Problem]:
    """Yield a problem if a trust policy accepts tokens of an OIDC issuer without a condition on the subject."""
    for statement in iam.statements(view, "assumeRolePolicy"):
        if why := iam.accepts_any_token(statement):
            yield at(view, "assumeRolePolicy", why, "add a condition StringEquals on the issuer's sub")
