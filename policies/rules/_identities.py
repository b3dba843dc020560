"""The identities of IAM (roles, groups and users) and their permissions, from all resource types that give permissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from policies import iam
from policies.views import ResourceIndex, View
from program.protocol import UNKNOWNS
from program.types import (
    ATTACHMENT,
    EXCLUSIVE_ATTACHMENTS,
    GROUP,
    GROUP_POLICY,
    GROUP_POLICY_ATTACHMENT,
    POLICY,
    POLICY_ATTACHMENT,
    ROLE,
    ROLE_POLICY,
    USER,
    USER_ATTACHMENT,
    USER_POLICY,
)

DECLARED = {"role": ROLE, "group": GROUP, "user": USER}
"""The resource type of each kind of identity."""

INLINE = (ROLE_POLICY, GROUP_POLICY, USER_POLICY)
"""Types that contain a policy document for an identity."""

ATTACHMENTS = (ATTACHMENT, GROUP_POLICY_ATTACHMENT, USER_ATTACHMENT, POLICY_ATTACHMENT, EXCLUSIVE_ATTACHMENTS)
"""Types that attach a policy to identities."""

OWNERS: Mapping[str, Mapping[str, str]] = {
    ROLE_POLICY: {"role": "role"},
    GROUP_POLICY: {"group": "group"},
    USER_POLICY: {"user": "user"},
    ATTACHMENT: {"role": "role"},
    GROUP_POLICY_ATTACHMENT: {"group": "group"},
    USER_ATTACHMENT: {"user": "user"},
    POLICY_ATTACHMENT: {"role": "roles", "group": "groups", "user": "users"},
    EXCLUSIVE_ATTACHMENTS: {"role": "roleName"},
}
"""For each type that gives permissions, the properties with the names of the identities, by the kind of the identity."""

ATTACHED = {**dict.fromkeys(ATTACHMENTS, "policyArn"), EXCLUSIVE_ATTACHMENTS: "policyArns", ROLE: "managedPolicyArns"}
"""For each type that attaches policies, the property with the ARNs of these policies."""

DEFERRED = frozenset(
    {key for keys in OWNERS.values() for key in keys.values()}
    | {*ATTACHED.values(), "policy", "inlinePolicies", "permissionsBoundary"}
)
"""The properties that relate identities and policies, which may be unknown before creation."""


@dataclass(frozen=True)
class Identity:
    """A role, group or user, and its permissions."""

    kind: str
    name: str
    """The name in IAM; the logical name if the program does not set a name."""
    arn: str
    """The ARN. If Pulumi generates a part of the name, the ARN contains an example of this part."""
    given: list[iam.StatementView]
    """The statements of the inline and attached policies that the program declares."""
    limit: list[iam.StatementView] | None
    """The statements of the boundary; ``None`` if the identity has no boundary, or the program does not declare the boundary."""
    policies: set[str]
    """The ARNs of the policies on which the permissions depend: attached policies, the boundary, and policies in conditions. AWS
    managed policies are not included."""


def identities_at(view: View, index: ResourceIndex) -> Iterator[Identity]:
    """The identity that a resource declares, or the undeclared identities to which the resource gives permissions."""
    kind = next((kind for kind, type_ in DECLARED.items() if type_ == view.resource.type), "")
    if kind:
        grants = [user for type_, keys in OWNERS.items() if kind in keys for user in index.users(view, keys[kind], type_)]
        yield _identity(kind, view.text("name") or view.resource.name, _arn(kind, view), [view, *grants], view, index)
        return
    for kind, key in OWNERS[view.resource.type].items():
        if view.has_or_depends(key) and not index.sources(view, key, DECLARED[kind]):
            for name in texts_of(view, key):
                yield _identity(kind, name, f"arn:aws:iam::*:{kind}/{name}", [view], None, index)


def documents_of(view: View) -> list[tuple[View, str]]:
    """The properties of a resource that contain policy documents."""
    if view.resource.type == ROLE:
        return [(inline, "policy") for inline in view.views("inlinePolicies")]
    return [(view, "policy")] if view.resource.type in (POLICY, *INLINE) else []


def _attached_by(view: View, index: ResourceIndex) -> tuple[list[View], list[str]]:
    """The declared policies that a resource attaches, and the ARNs of the policies that are not declared."""
    key = ATTACHED.get(view.resource.type)
    if key is None or not view.has_or_depends(key):
        return [], []
    declared = index.sources(view, key, POLICY)
    if not declared:
        return [], texts_of(view, key)
    raw: Any = dict(view.items()).get(key)  # the ARN of a declared policy can be unknown
    arns = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
    known = [each for each in arns if isinstance(each, str) and each not in UNKNOWNS]
    return declared, [arn for arn in known if not any(is_arn_of(arn, each) for each in declared)]


def is_arn_of(arn: str, policy: View) -> bool:
    """Whether ``arn`` is the ARN of a declared policy, or an example of it."""
    return arn == policy.resource.id or arn.rpartition("/")[2] == policy.physical_name


def _identity(kind: str, name: str, arn: str, grants: list[View], declared: View | None, index: ResourceIndex) -> Identity:
    attached = [_attached_by(each, index) for each in grants]
    policies = [policy for found, _ in attached for policy in found]
    documents = [document for each in (*grants, *policies) for document in documents_of(each)]
    given = [statement for document in documents for statement in iam.statements(*document)]
    arns = {literal for _, literals in attached for literal in literals}
    limit = None
    if declared is not None and declared.has_or_depends("permissionsBoundary"):
        boundaries = index.sources(declared, "permissionsBoundary", POLICY)
        limit = [each for boundary in boundaries for each in iam.statements(boundary, "policy")] if boundaries else None
        policies += boundaries
        arns |= set() if boundaries else {declared.text("permissionsBoundary")}
    arns |= {_arn("policy", each) for each in policies}
    arns |= {value for each in given for _, key, values in each.conditions if key in iam.POLICY_KEYS for value in values}
    return Identity(kind, name, arn, given, limit, {each for each in arns if ":aws:policy/" not in each})


def _arn(kind: str, view: View) -> str:
    return f"arn:aws:iam::*:{kind}{view.text('path', '/')}{view.physical_name}"


def texts_of(view: View, key: str) -> list[str]:
    """The strings in a property that is a string or a list of strings."""
    return view.texts(key) if isinstance(view.get(key), list) else [view.text(key)]
