"""Rules on IAM: the permissions that policies give, and the principals that may assume a role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from policies import iam
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import (
    ATTACHMENT,
    BUCKET_POLICY,
    EXCLUSIVE_ATTACHMENTS,
    GROUP_ATTACHMENT,
    GROUP_POLICY,
    GROUP_POLICY_ATTACHMENT,
    KEY,
    POLICY,
    ROLE,
    ROLE_POLICY,
    TOPIC_POLICY,
    USER_ATTACHMENT,
    USER_POLICY,
)

PACK = Pack("identity")

ADMIN_POLICIES = ("AdministratorAccess*", "PowerUserAccess", "*FullAccess", "SystemAdministrator", "*Administrator")
"""Names of AWS managed policies that give more permissions than a role of this platform needs."""


@PACK.stack(
    "identity-no-wildcard-admin",
    POLICY,
    ROLE_POLICY,
    USER_POLICY,
    GROUP_POLICY,
    ROLE,
    title="No policy allows everything",
    why="An attacker who controls a process with such a role controls the account.",
    fix="List the actions and resources that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16", "AWS Security Hub IAM.1"),
    deferred=frozenset({"policy", "inlinePolicies"}),
)
def no_wildcard_admin(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a statement that allows every action of a service on all resources, or all actions with exceptions.

    The rule does not check a permissions boundary, because a boundary gives no permissions.
    """
    del limits
    if view.resource.type == POLICY and not _is_attached(view, index):
        return
    for holder, path in documents_of(view):
        for statement in iam.statements(holder, path):
            if statement.allows:
                yield from _too_wide(statement)


def documents_of(view: View) -> list[tuple[View, str]]:
    """The properties of a resource that contain policy documents."""
    if view.resource.type == ROLE:
        return [(inline, "policy") for inline in view.views("inlinePolicies")]
    return [(view, "policy")]


ATTACHMENTS = (ATTACHMENT, GROUP_ATTACHMENT, USER_ATTACHMENT, GROUP_POLICY_ATTACHMENT)


def _is_attached(view: View, index: ResourceIndex) -> bool:
    """Whether a policy is attached, by any resource type. A policy without attachment, such as a boundary, gives no permissions.

    If another stack attaches the policy by its ARN, :func:`no_admin_policies` reports the attachment in that stack.
    """
    attached = [*index.users(view, "policyArn", *ATTACHMENTS), *index.users(view, "policyArns", EXCLUSIVE_ATTACHMENTS)]
    return bool(attached or index.users(view, "managedPolicyArns", ROLE))


def _too_wide(statement: iam.StatementView) -> Iterator[Problem]:
    holder, path = statement.holder, statement.path
    if statement.not_actions:
        yield at(holder, path, "allows all actions but those of NotAction", "list the actions that are needed in Action")
    if statement.not_resources:
        yield at(holder, path, "allows all resources but those of NotResource", "list the resources in Resource")
    for action in iam.many_services(statement):
        scope = "everything" if iam.everything(statement, "*") else "some resources"
        yield at(holder, path, f"allows {action} on {scope}", "list the actions and the resources that are needed")
    for service in iam.whole_services(statement):
        if service == "*":
            continue
        if iam.everything(statement, service):
            action = next(each for each in statement.actions if each.startswith(f"{service}:"))
            yield at(holder, path, f"allows {action} on everything", "list the actions and the resources that are needed")
        elif service in iam.POWERFUL:
            fix = "list the actions that are needed"
            yield at(holder, path, f"allows every action of {service}, which is enough to get all other permissions", fix)


@PACK.stack(
    "identity-no-admin-policies",
    ATTACHMENT,
    GROUP_ATTACHMENT,
    USER_ATTACHMENT,
    GROUP_POLICY_ATTACHMENT,
    EXCLUSIVE_ATTACHMENTS,
    ROLE,
    title="No role has one of AWS' policies for administrators",
    why="They grow with every new service of AWS.",
    fix="Attach a policy with the actions that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16",),
    deferred=frozenset({"policyArn", "policyArns", "managedPolicyArns"}),
)
def no_admin_policies(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for an attached AWS managed policy in ``ADMIN_POLICIES``, or a policy that the program does not declare."""
    del limits
    key = {ROLE: "managedPolicyArns", EXCLUSIVE_ATTACHMENTS: "policyArns"}.get(view.resource.type, "policyArn")
    arns = [view.text(key)] if key == "policyArn" else view.texts(key)
    for arn in arns:
        name = arn.rpartition("/")[2]
        if arn.startswith("arn:aws") and ":aws:policy/" in arn and any(fnmatchcase(name, each) for each in ADMIN_POLICIES):
            yield at(view, key, f"gives {name}", "attach a policy with the actions that are needed")
        elif re.match(r"arn:[\w-]+:iam::\d{12}:policy/", arn) and not index.sources(view, key, POLICY):
            yield at(view, key, f"gives {name}, which is not declared here", "declare the policy in the program")


WIDENING = (
    *("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    *("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"),
)
"""Actions on a role by which it can extend its own permissions.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""
WIDENING_POLICIES = ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
"""Actions on a policy by which a role can extend its own permissions, if the policy is attached to the role."""
OTHER_IDENTITIES = (
    *("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:AttachUserPolicy", "iam:PutUserPolicy"),
)
"""Actions that give a user permissions that the role does not have."""


@PACK.stack(
    "identity-no-self-widening",
    ROLE,
    title="No role can extend its own permissions",
    why="An attacker with such a role can get every permission in the account.",
    fix="Name other roles in the statement, deny the action on the role itself, or require a boundary by a condition.",
    severity="critical",
    frameworks=("AWS IAM: Permissions boundaries for IAM entities",),
    deferred=frozenset({"policy", "inlinePolicies", "permissionsBoundary"}),
)
def no_self_widening(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for each action by which a role can extend its own permissions.

    The rule evaluates the role's inline and attached policies together with its boundary.
    """
    del limits
    given, own = _policies_of(view, index)
    boundary = index.sources(view, "permissionsBoundary", POLICY) if view.has_or_depends("permissionsBoundary") else []
    limit = [each for policy in boundary for each in iam.statements(policy, "policy")] if boundary else None
    name = view.text("name") if isinstance(view.resource.inputs.get("name"), str) else view.resource.name
    role = f"arn:aws:iam::*:role{view.text('path', '/')}{name}"
    probes = [(action, role) for action in WIDENING]
    probes += [(action, f"arn:aws:iam::*:policy/{policy}") for action in WIDENING_POLICIES for policy in own]
    probes += [(action, "arn:aws:iam::*:user/zq-xw9") for action in OTHER_IDENTITIES]
    probes += [("iam:PassRole", "arn:aws:iam::*:role/zq-xw9")]
    for action, arn in probes:
        found = iam.allowed(action, arn, given, limit)
        if found is not None:
            fix = f"name other roles, or deny {action} on {arn.rpartition(':')[2]}"
            what = "on any role" if action == "iam:PassRole" else f"on {arn.rpartition(':')[2]}"
            yield at(view, "", f"may {action} {what}, by {found.holder.resource.name}", fix)


def _policies_of(role: View, index: ResourceIndex) -> tuple[list[iam.StatementView], list[str]]:
    """The statements of a role's inline and attached policies, and the names of the attached ones."""
    holders = [*documents_of(role), *((each, "policy") for each in index.users(role, "role", ROLE_POLICY))]
    attachments = [*index.users(role, "role", ATTACHMENT), *index.users(role, "roles", GROUP_ATTACHMENT)]
    attached = [policy for each in attachments for policy in index.sources(each, "policyArn", POLICY)]
    for each in [
        *((each, "policyArns") for each in index.users(role, "roleName", EXCLUSIVE_ATTACHMENTS)),
        (role, "managedPolicyArns"),
    ]:
        attached += _listed(*each, index)
    holders += [(policy, "policy") for policy in attached]
    given = [each for holder, path in holders for each in iam.statements(holder, path)]
    return given, [policy.resource.name for policy in attached]


def _listed(holder: View, path: str, index: ResourceIndex) -> list[View]:
    return index.sources(holder, path, POLICY) if holder.has_or_depends(path) else []


DOCUMENTS = {ROLE: "assumeRolePolicy"}


@PACK.resource(
    "identity-no-public-principal",
    ROLE,
    BUCKET_POLICY,
    KEY,
    TOPIC_POLICY,
    title="No role, bucket, key or topic is open to everyone",
    why="A principal of * is anyone with an AWS account, and only a condition on the caller limits that.",
    fix="Name the accounts, roles or services in `Principal`, or add a condition on the caller.",
    severity="critical",
    frameworks=("AWS Security Hub S3.2", "AWS Security Hub KMS.5"),
    deferred=frozenset({"policy", "assumeRolePolicy"}),
)
def no_public_principal(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a statement that is open to everyone.

    Only a condition on the caller's account, organisation, network or ARN limits a principal ``*``.
    """
    del limits
    path = DOCUMENTS.get(view.resource.type, "policy")
    for statement in iam.statements(view, path):
        if iam.public(statement):
            yield at(view, path, "is open to everyone", "name the accounts, roles or services in Principal")


@PACK.resource(
    "identity-trusted-tokens",
    ROLE,
    title="A role that trusts an OIDC issuer names the subject of its tokens",
    why="GitHub issues tokens to every repository: without a subject any of them may assume the role.",
    fix="Add a condition `StringEquals` on the issuer's `sub` with the repository and environment.",
    severity="critical",
    frameworks=("GitHub: Configuring OpenID Connect in Amazon Web Services",),
    deferred=frozenset({"assumeRolePolicy"}),
)
def trusted_tokens(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a trust policy accepts tokens of an OIDC issuer without a condition on the subject."""
    del limits
    for statement in iam.statements(view, "assumeRolePolicy"):
        if why := iam.accepts_any_token(statement):
            yield at(view, "assumeRolePolicy", why, "add a condition StringEquals on the issuer's sub")
